"""Shared units of work: one commit for many, and nobody pays for another's failure."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from app.store import Session, Store, people
from app.store.shared import MOST, SharedWork
from app.store.tables import PERSON
from rlhb_core.errors import BadRecord
from rlhb_core.records import Person


def adding(*persons: Person, then: Exception | None = None) -> Callable[[Session], int]:
    """Work that adds people, and fails afterwards if told so."""

    def work(session: Session) -> int:
        for person in persons:
            people.ensure(session, person)
        if then is not None:
            raise then
        return len(persons)

    return work


class Counted:
    """Units of work of a store, counted; the first one waits until it is let go."""

    def __init__(self, store: Store, broken_commits: int = 0) -> None:
        self.store = store
        self.units = 0
        self.go = threading.Event()
        self.broken_commits = broken_commits

    @contextmanager
    def session(self) -> Iterator[Session]:
        self.units += 1
        if self.units == 1:
            self.go.wait(10)
        with self.store.session() as session:
            yield session
            if self.units > 1 and self.broken_commits:
                self.broken_commits -= 1
                raise OSError("disk full")


def run_all(counted: Counted, works: list[Callable[[Session], Any]]) -> list[Any]:
    """The first work leads alone; the others come while it is being committed."""
    shared = SharedWork(counted.session)

    def do(work: Callable[[Session], Any]) -> Any:
        try:
            return shared.do(work)
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        first = pool.submit(do, works[0])
        while counted.units == 0:
            time.sleep(0.001)
        rest = [pool.submit(do, work) for work in works[1:]]
        while len(shared._waiting) < len(works) - 1:
            time.sleep(0.001)
        counted.go.set()
        return [future.result(30) for future in (first, *rest)]


def stored(store: Store) -> int:
    with store.reading() as session:
        return session.execute(sa.select(sa.func.count()).select_from(PERSON)).scalar_one()


def test_those_who_come_meanwhile_share_one_unit_of_work(sqlite_store: Store):
    counted = Counted(sqlite_store)
    assert run_all(counted, [adding(Person()) for _ in range(12)]) == [1] * 12
    assert counted.units == 2
    assert stored(sqlite_store) == 12


def test_more_than_fit_into_one_unit_all_get_their_turn(sqlite_store: Store):
    counted = Counted(sqlite_store)
    assert run_all(counted, [adding(Person()) for _ in range(MOST + 5)]) == [1] * (MOST + 5)
    assert counted.units == 3
    assert stored(sqlite_store) == MOST + 5


def test_a_refused_piece_is_undone_and_the_others_are_not(sqlite_store: Store):
    refusal = BadRecord("no")
    works = [adding(Person()), adding(Person(), then=refusal), adding(Person())]
    assert run_all(Counted(sqlite_store), works) == [1, refusal, 1]
    assert stored(sqlite_store) == 2


def test_a_broken_piece_harms_nobody_else(sqlite_store: Store):
    broken = ZeroDivisionError()
    works = [adding(Person()), adding(Person(), then=broken), adding(Person()), adding(Person())]
    assert run_all(Counted(sqlite_store), works) == [1, broken, 1, 1]
    assert stored(sqlite_store) == 3


def test_nothing_is_acknowledged_if_the_commit_fails(sqlite_store: Store):
    counted = Counted(sqlite_store, broken_commits=100)
    found = run_all(counted, [adding(Person()) for _ in range(4)])
    assert found[0] == 1
    assert [str(error) for error in found[1:]] == ["disk full"] * 3
    assert stored(sqlite_store) == 1


def test_a_commit_that_fails_once_is_made_good_one_by_one(sqlite_store: Store):
    counted = Counted(sqlite_store, broken_commits=1)
    assert run_all(counted, [adding(Person()) for _ in range(4)]) == [1] * 4
    assert stored(sqlite_store) == 4


def test_the_store_offers_it_on_both_databases(store: Store):
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: store.together(adding(Person())), range(60)))
    assert done == [1] * 60
    assert stored(store) == 60
    with pytest.raises(BadRecord):
        store.together(adding(Person(), then=BadRecord("no")))
    assert stored(store) == 60
