"""Small ways around a door that were open once."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.people import (
    OPERATOR,
    People,
    Principal,
    give_token,
    note_settings,
    revoke_token,
    tokens_of,
)
from app.people.places import shortened
from app.settings import Settings
from app.store import Account, AuditKind, Role, Store, UnknownReference, Via, accounts, audit

SECRET = "x" * 32


@pytest.fixture
def people(sqlite_store: Store, tmp_path: Path) -> People:
    return People(sqlite_store, team(tmp_path))


def team(folder: Path, **chosen: str) -> Settings:
    return Settings(team=True, behind_proxy=True, data_dir=folder, cookie_secret=SECRET, **chosen)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "cookies",
    [
        ["__Host-rlhb_session=mine"],
        ["other={a b}; __Host-rlhb_session=mine"],
        ['other="; __Host-rlhb_session=mine'],
        ["a[b]=c; =; ;;; x; __Host-rlhb_session=mine; y=,"],
        ["other=1", "__Host-rlhb_session=mine"],  # as HTTP/2 may split them
    ],
)
def test_an_odd_cookie_of_a_neighbour_hides_none_of_ours(people: People, cookies: list[str]):
    headers = [(b"cookie", each.encode()) for each in cookies]
    assert people.visitor({"type": "http", "headers": headers}).session == "mine"


def test_a_token_of_no_account_sees_and_takes_back_no_others(store: Store):
    with store.writing() as connection:
        made = Account(name="grace", role=Role.RESEARCHER, person_id=uuid4())
        grace = accounts.add(connection, made, "grace")
        whose = Principal(grace.person_id, grace.role, Via.SESSION, "grace", grace.id)
        hers, _ = give_token(connection, whose, "hers", Role.RESEARCHER, None)
        script, _ = give_token(connection, OPERATOR, "script", Role.RESEARCHER, None)
        by_script = Principal(script.id, Role.RESEARCHER, Via.TOKEN, token_id=script.id)
        assert _ids(tokens_of(connection, whose)) == {hers.id}
        assert _ids(tokens_of(connection, by_script)) == set()
        assert _ids(tokens_of(connection, OPERATOR)) == {hers.id, script.id}
        with pytest.raises(UnknownReference):
            revoke_token(connection, by_script, hers.id)


def _ids(tokens: object) -> set[UUID]:
    return {each.id for each in tokens}  # type: ignore[attr-defined]


def test_the_audit_log_has_no_secret_of_the_settings_and_nothing_to_guess_it_by(
    sqlite_store: Store, tmp_path: Path
) -> None:
    def line(database_url: str, secret: str) -> dict[str, object]:
        note_settings(sqlite_store, team(tmp_path, database_url=database_url), secret)
        with sqlite_store.reading() as connection:
            return audit.newest(connection, limit=1, kind=AuditKind.SETTINGS)[0].what

    first = line("postgresql://rlhb:hunter2@db/one", "a" * 32)
    second = line("postgresql://rlhb:hunter3@db/one", "a" * 32)
    assert second["changed"] == {"database_url": "changed"}
    marks = [each["all"]["database_url"] for each in (first, second)]  # type: ignore[index]
    other = line("postgresql://rlhb:hunter3@db/one", "b" * 32)
    assert other["all"]["database_url"] not in marks  # type: ignore[index]
    assert "hunter" not in f"{first}{second}{other}"


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::9", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("127.0.0.1", "127.0.0.1"),
        ("<script>", "unknown"),
        ("", "unknown"),
    ],
)
def test_of_an_address_the_network_is_kept(address: str, kept: str):
    assert shortened(address) == kept
