"""Shared units of work: one commit for many, the same work in one go, and nobody pays for another's failure."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import pytest
import sqlalchemy as sa

from app.store import Busy, Connection, Store, StoreError, UnknownReference, people
from app.store.shared import LARGEST, MOST, SharedWork
from app.store.tables import PERSON
from rlhb_core.schema.records import Person
from tests.conftest import Postgres

REFUSED = UnknownReference("no")


class Adding:
    """Work that adds people by name: it refuses one called "refused" and breaks at one called "broken"."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, connection: Connection, names: Sequence[str]) -> list[str | StoreError]:
        self.calls.append(len(names))
        return [self._one(connection, name) for name in names]

    def _one(self, connection: Connection, name: str) -> str | StoreError:
        if name == "refused":
            return REFUSED
        people.ensure(connection, Person(display_name=name))
        if name == "broken":
            raise ZeroDivisionError
        if name == "panic":
            raise SystemExit("no error of the usual kind")
        return name


class Counted:
    """Units of work of a store, counted; the first one waits until it is let go."""

    def __init__(self, store: Store, failing: Exception | None = None, failures: int = 0) -> None:
        self.store = store
        self.units = 0
        self.begun = threading.Event()
        self.go = threading.Event()
        self.failing, self.failures = failing, failures

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        self.units += 1
        if self.units == 1:
            self.begun.set()
            self.go.wait(30)
        with self.store.writing() as connection:
            yield connection
            if self.units > 1 and self.failing and self.failures:
                self.failures -= 1
                raise self.failing


def run_all(
    counted: Counted,
    names: Sequence[str],
    works: Sequence[Adding] = (),
    sizes: Sequence[int] = (),
) -> list[str | BaseException]:
    """The first name is added alone; the others come while that is being done."""
    works = works or [Adding()]

    async def told() -> list[str | BaseException]:
        with closing(SharedWork(counted.writing, 1)) as shared:
            tasks = []
            for i, name in enumerate(names):
                size = sizes[i] if sizes else 1
                tasks.append(asyncio.create_task(shared.do(works[i % len(works)], name, size)))
                await asyncio.sleep(0)  # it has asked
                await asyncio.to_thread(counted.begun.wait, 30)
            counted.go.set()
            return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(told())


def stored(store: Store) -> int:
    with store.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(PERSON)).scalar_one()


def test_those_who_come_meanwhile_share_one_unit_of_work_and_one_call(sqlite_store: Store):
    counted, adding = Counted(sqlite_store), Adding()
    names = [str(number) for number in range(12)]
    assert run_all(counted, names, [adding]) == names
    assert counted.units == 2
    assert adding.calls == [1, 11]
    assert stored(sqlite_store) == 12


def test_each_unit_is_of_one_work_and_whoever_waited_longest_is_served_first(sqlite_store: Store):
    """Two works in one unit would lock rows in two orders: on Postgres such units waited for each other."""
    counted, works = Counted(sqlite_store), (Adding(), Adding())
    names = [str(number) for number in range(9)]
    assert run_all(counted, names, works) == names
    assert counted.units == 3
    assert [work.calls for work in works] == [[1, 4], [4]]


def test_a_unit_has_room_for_so_much_and_what_is_larger_is_done_alone(sqlite_store: Store):
    counted, adding = Counted(sqlite_store), Adding()
    sizes = [1, LARGEST // 2, LARGEST // 2, 1, 2 * LARGEST, 1]
    names = [str(number) for number in range(len(sizes))]
    assert run_all(counted, names, [adding], sizes) == names
    assert adding.calls == [1, 2, 1, 1, 1]


def test_more_than_fit_into_one_unit_all_get_their_turn(sqlite_store: Store):
    counted = Counted(sqlite_store)
    names = [str(number) for number in range(MOST + 5)]
    assert run_all(counted, names) == names
    assert counted.units == 3
    assert stored(sqlite_store) == MOST + 5


def test_a_refused_piece_harms_nobody_else(sqlite_store: Store):
    assert run_all(Counted(sqlite_store), ["a", "refused", "b"]) == ["a", REFUSED, "b"]
    assert stored(sqlite_store) == 2


def test_a_broken_piece_harms_nobody_else(sqlite_store: Store):
    adding = Adding()
    found = run_all(Counted(sqlite_store), ["a", "b", "broken", "c"], [adding])
    assert [found[0], found[1], found[3]] == ["a", "b", "c"]
    assert isinstance(found[2], ZeroDivisionError)
    assert adding.calls == [1, 3, 1, 1, 1], "together first, then each alone"
    assert stored(sqlite_store) == 3


def test_whatever_a_piece_raises_everybody_gets_an_answer(sqlite_store: Store):
    found = run_all(Counted(sqlite_store), ["a", "b", "panic", "c"])
    assert [found[0], found[1], found[3]] == ["a", "b", "c"]
    assert "no error of the usual kind" in str(found[2])


def test_where_no_thread_can_be_had_the_next_one_is_served(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
):
    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    async def told() -> str:
        with closing(SharedWork(sqlite_store.writing, 1)) as shared:
            with monkeypatch.context() as patch:
                patch.setattr("threading.Thread.start", no_thread)
                with pytest.raises(RuntimeError, match="new thread"):
                    await shared.do(adding, "a")
            return await asyncio.wait_for(shared.do(adding, "b"), 30)

    adding = Adding()
    assert asyncio.run(told()) == "b"
    assert stored(sqlite_store) == 1


def test_a_database_that_cannot_tells_all_of_them_at_once(sqlite_store: Store):
    counted = Counted(sqlite_store, Busy("later"), failures=1)
    found = run_all(counted, ["a", "b", "c"])
    assert [str(each) for each in found] == ["a", "later", "later"]
    assert counted.units == 2
    assert stored(sqlite_store) == 1


def test_nothing_is_acknowledged_if_the_commit_fails(sqlite_store: Store):
    counted = Counted(sqlite_store, OSError("disk full"), failures=100)
    found = run_all(counted, ["a", "b", "c", "d"])
    assert [str(each) for each in found] == ["a", "disk full", "disk full", "disk full"]
    assert stored(sqlite_store) == 1


def test_a_commit_that_fails_once_is_made_good_one_by_one(sqlite_store: Store):
    counted = Counted(sqlite_store, OSError("disk full"), failures=1)
    assert run_all(counted, ["a", "b", "c", "d"]) == ["a", "b", "c", "d"]
    assert stored(sqlite_store) == 4


def test_who_goes_away_is_done_all_the_same_and_holds_up_nobody(sqlite_store: Store):
    counted = Counted(sqlite_store)

    async def told() -> str:
        with closing(SharedWork(counted.writing, 1)) as shared:
            first = asyncio.create_task(shared.do(adding, "a"))
            await asyncio.sleep(0)
            await asyncio.to_thread(counted.begun.wait, 30)
            gone, stays = (asyncio.create_task(shared.do(adding, name)) for name in ("b", "c"))
            await asyncio.sleep(0)
            first.cancel()
            gone.cancel()
            counted.go.set()
            return await stays

    adding = Adding()
    assert asyncio.run(told()) == "c"
    assert stored(sqlite_store) == 3


def test_a_loop_that_has_closed_holds_up_nobody_after_it(sqlite_store: Store):
    """Who waited has gone with it; the thread goes on."""
    counted, adding = Counted(sqlite_store), Adding()

    async def begun() -> None:
        asyncio.get_running_loop().create_task(shared.do(adding, "a"))
        await asyncio.sleep(0)
        await asyncio.to_thread(counted.begun.wait, 30)

    with closing(SharedWork(counted.writing, 1)) as shared:
        asyncio.run(begun())
        counted.go.set()
        assert asyncio.run(shared.do(adding, "b")) == "b"
    assert stored(sqlite_store) == 2


def test_one_that_waits_for_a_row_holds_up_no_others_on_postgres(postgres: Postgres):
    postgres_store = Store.open(postgres.new_database())
    with postgres_store.writing() as connection:
        held = people.ensure(connection, Person())

    def touching(connection: Connection, persons: Sequence[Person]) -> list[Person | StoreError]:
        people.touch(connection, {person.id for person in persons})
        return list(persons)

    async def told() -> None:
        with postgres_store.writing() as connection:
            people.touch(connection, {held.id})
            waiting = asyncio.create_task(postgres_store.together(touching, held))
            await asyncio.sleep(0)
            assert await postgres_store.together(Adding(), "a") == "a"
            assert not waiting.done()
        assert await waiting == held

    with closing(postgres_store):
        asyncio.run(told())


def test_the_store_offers_it_on_both_databases(store: Store):
    adding = Adding()
    names = [str(number) for number in range(60)]

    async def told() -> list[str]:
        return await asyncio.gather(*(store.together(adding, name) for name in names))

    assert asyncio.run(told()) == names
    assert stored(store) == 60
    with pytest.raises(UnknownReference):
        asyncio.run(store.together(adding, "refused"))
    assert stored(store) == 60
