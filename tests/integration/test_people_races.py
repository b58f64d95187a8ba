"""What many do at the same moment: as many accounts as an invitation has uses, and always an administrator left."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.people import (
    OPERATOR,
    Entering,
    People,
    Visitor,
    first_link,
    invite,
    remove,
    reset,
    set_active,
    set_role,
)
from app.people.guessing import FREE_BY_NAME, Guesses, TooManyTries
from app.settings import Settings
from app.store import (
    Account,
    AuditKind,
    Conflict,
    Connection,
    Role,
    Store,
    UnknownReference,
    accounts,
    audit,
    guesses,
    invitations,
    sessions,
)
from rlhb_core.errors import RlhbError

AT_ONCE = 20
STORED = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$nobody"


def visitor(person_id: UUID | None = None) -> Visitor:
    return Visitor("192.0.2.7", "Firefox/130.0 Linux", person_id, "")


@pytest.fixture
def entering(store: Store, tmp_path: Any) -> Any:
    settings = Settings(team=True, behind_proxy=True, data_dir=tmp_path, cookie_secret="x" * 32)
    found = Entering(People(store, settings))
    yield found
    found.close()


def account(store: Store, name: str, role: Role) -> Account:
    with store.writing() as connection:
        made = Account(name=name, role=role, person_id=uuid4(), password=STORED)
        return accounts.add(connection, made, name)


def at_once(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """What came of each, or why not; all begin at the same moment."""
    ready = Barrier(len(works))

    def do(work: Callable[[], Any]) -> Any:
        ready.wait(60)
        try:
            return work()
        except RlhbError as error:
            return error

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(do, works))


def test_an_invitation_makes_as_many_accounts_as_it_has_uses(store: Store, entering: Entering):
    with store.writing() as connection:
        secret = invite(connection, OPERATOR, Role.ANNOTATOR, uses=3).secret
    found = entering.look(secret)
    told = at_once(
        [partial(entering._join, visitor(), found, f"person {n}", STORED) for n in range(AT_ONCE)]
    )
    refused = [each for each in told if isinstance(each, RlhbError)]
    assert len(refused) == AT_ONCE - 3
    assert {str(each) for each in refused} == {
        "this link has been used meanwhile; ask for a new one"
    }
    with store.reading() as connection:
        assert len(accounts.all(connection)) == 3
        assert not invitations.open(connection)
        assert len(audit.newest(connection, kind=AuditKind.JOIN)) == 3


def test_the_name_that_many_want_goes_to_one_and_costs_one_use(store: Store, entering: Entering):
    with store.writing() as connection:
        secret = invite(connection, OPERATOR, Role.ANNOTATOR, uses=AT_ONCE).secret
    found = entering.look(secret)
    told = at_once([lambda: entering._join(visitor(), found, "Grace", STORED)] * AT_ONCE)
    assert sum(isinstance(each, Conflict) for each in told) == AT_ONCE - 1
    assert entering.look(secret).uses_left == AT_ONCE - 1


def test_a_browsers_person_becomes_one_account_only(store: Store, entering: Entering):
    with store.writing() as connection:
        secret = invite(connection, OPERATOR, Role.ANNOTATOR, uses=AT_ONCE).secret
    found, person_id = entering.look(secret), uuid4()
    at_once(
        [
            partial(entering._join, visitor(person_id), found, f"person {n}", STORED)
            for n in range(4)
        ]
    )
    with store.reading() as connection:
        people = [each.person_id for each in accounts.all(connection)]
    assert len(set(people)) == len(people)


def test_a_link_for_a_password_is_used_once(store: Store, entering: Entering):
    whose = account(store, "grace", Role.ANNOTATOR)
    with store.writing() as connection:
        secret = reset(connection, OPERATOR, whose.id).secret
    found = entering.look(secret)
    told = at_once([lambda: entering._join(visitor(), found, "", STORED)] * AT_ONCE)
    assert sum(not isinstance(each, RlhbError) for each in told) == 1


def test_the_first_link_makes_one_administrator(store: Store, entering: Entering):
    links = [first_link(store) for _ in range(2)]  # of two servers on one database
    found = [entering.look(given.secret) for given in links if given is not None]
    at_once(
        [
            partial(entering._join, visitor(), found[0], f"person {n}", STORED)
            for n in range(AT_ONCE)
        ]
    )
    with store.reading() as connection:
        assert accounts.administrators(connection) == 1
    assert first_link(store) is None
    with pytest.raises(RlhbError):  # the other link is gone with it
        entering._join(visitor(), found[1], "late", STORED)


def _demote(connection: Connection, whom: UUID) -> Any:
    return set_role(connection, OPERATOR, whom, Role.ANNOTATOR)


def _deactivate(connection: Connection, whom: UUID) -> Any:
    return set_active(connection, OPERATOR, whom, False)


def _remove(connection: Connection, whom: UUID) -> Any:
    return remove(connection, OPERATOR, whom)


@pytest.mark.parametrize("first", [_demote, _deactivate, _remove])
@pytest.mark.parametrize("second", [_demote, _deactivate, _remove])
def test_of_two_administrators_who_turn_on_each_other_one_is_left(
    store: Store, first: Callable[..., Any], second: Callable[..., Any]
) -> None:
    for attempt in range(5):
        pair = [account(store, f"{name} {attempt}", Role.ADMINISTRATOR) for name in "ab"]

        def work(act: Callable[..., Any], whom: Account) -> Callable[[], Any]:
            def do() -> None:
                with store.writing() as connection:
                    act(connection, whom.id)

            return do

        told = at_once([work(first, pair[0]), work(second, pair[1])])
        (refused,) = (each for each in told if each is not None)
        assert isinstance(refused, Conflict)
        assert "the last administrator" in str(refused)
        with store.writing() as connection:
            assert accounts.administrators(connection) == 1
            for each in accounts.all(connection):
                accounts.delete(connection, each.id)


def test_many_sign_in_at_once_and_the_oldest_sessions_end(store: Store, entering: Entering):
    whose = account(store, "grace", Role.ANNOTATOR)
    works = [lambda: entering._enter(visitor(), whose, "password")] * AT_ONCE
    for _ in range(3):
        told = at_once(works)
        assert not [each for each in told if isinstance(each, UnknownReference)], told
    with store.writing() as connection:
        entering._let_in(connection, visitor(), whose, AuditKind.SIGN_IN)
    with store.reading() as connection:
        assert len(sessions.of_account(connection, whose.id)) == 20


def test_a_hundred_guesses_at_once_are_a_hundred(store: Store):
    counts = Guesses("x" * 32)
    keys = counts.keys("grace", "192.0.2.7", known=False)

    def guess() -> None:
        with store.writing() as connection:
            counts.count(connection, keys)

    told = at_once([guess] * AT_ONCE)
    assert sum(each is None for each in told) == FREE_BY_NAME
    assert sum(isinstance(each, TooManyTries) for each in told) == AT_ONCE - FREE_BY_NAME


def test_whoever_signs_in_waits_for_nobody_who_guesses(store: Store):
    """Both lock the same rows; in two orders they would wait for each other."""
    counts = Guesses("x" * 32)
    both = [counts.keys(name, "192.0.2.7", known=False) for name in ("grace", "ada", "emmy")]

    def guess(keys: tuple[str, ...]) -> Callable[[], None]:
        def do() -> None:
            for _ in range(10):
                with store.writing() as connection:
                    counts.count(connection, keys)
                with store.writing() as connection:
                    counts.worked_out(connection, keys)

        return do

    told = at_once([guess(keys) for keys in both * 4])
    assert [each for each in told if each is not None and not isinstance(each, TooManyTries)] == []


def test_tries_are_counted_by_the_network_of_an_address_of_ipv6(store: Store):
    """Everybody has 2^64 addresses of IPv6; a neighbour's are others."""
    counts = Guesses("x" * 32)

    def key(address: str) -> str:
        return counts.keys("", address, known=False)[1]

    assert key("2001:db8:1:2::1") == key("2001:db8:1:2:ffff::99")
    assert key("2001:db8:1:2::1") != key("2001:db8:1:3::1")
    assert key("::ffff:192.0.2.7") == key("192.0.2.7") != key("192.0.2.8")
    with store.writing() as connection:
        for number in range(100):
            address = f"2001:db8:1:2::{number:x}"
            counts.count(connection, counts.keys(f"name {number}", address, known=False))
        with pytest.raises(TooManyTries):
            counts.count(connection, counts.keys("another", "2001:db8:1:2::abcd", known=False))
        assert guesses.count(connection, key("2001:db8:1:3::1"), 0)[0] == 0
