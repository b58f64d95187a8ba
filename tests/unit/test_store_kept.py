"""Connections to Postgres: kept, not asked each time whether they live, and replaced when they have died at rest."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
import sqlalchemy as sa

from app.store import Store, Unavailable, kept
from tests.conftest import Postgres

MANY = 24


@pytest.fixture
def store(postgres: Postgres):
    opened = Store.open(postgres.new_database())
    yield opened
    opened.close()


def backends(store: Store) -> set[int]:
    """The processes of Postgres that serve so many units of work at the same time."""
    together = Barrier(MANY)

    def one(_: int) -> int:
        with store.writing() as connection:
            together.wait(60)
            return int(connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one())

    with ThreadPoolExecutor(MANY) as threads:
        return set(threads.map(one, range(MANY)))


def count_pings(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    pinged: list[object] = []
    ping = store.engine.dialect.do_ping

    def counted(connection: object) -> bool:
        pinged.append(connection)
        return bool(ping(connection))  # type: ignore[arg-type]

    monkeypatch.setattr(store.engine.dialect, "do_ping", counted)
    return pinged


def end_all(postgres: Postgres, store: Store) -> None:
    """What a restart of Postgres does to connections."""
    end = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s"
    with psycopg.connect(postgres.server.get_uri(), autocommit=True) as other:
        assert other.execute(end, [store.engine.url.database]).fetchall()


def works(store: Store) -> bool:
    with store.writing() as connection:
        return bool(connection.execute(sa.text("SELECT 1")).scalar_one() == 1)


def test_what_many_opened_stays_open(store: Store):
    first = backends(store)
    assert len(first) == MANY
    assert backends(store) == first


def test_only_a_connection_that_rested_is_looked_at(store: Store, monkeypatch: pytest.MonkeyPatch):
    assert works(store)
    pinged = count_pings(store, monkeypatch)
    monkeypatch.setattr(kept, "REST_S", 1000.0)
    assert works(store)
    assert pinged == []
    monkeypatch.setattr(kept, "REST_S", 0.0)
    assert works(store)
    assert len(pinged) == 1


def test_one_that_died_at_rest_is_replaced_unnoticed(
    store: Store, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(kept, "REST_S", 0.0)
    before = backends(store)
    end_all(postgres, store)
    assert works(store)
    assert backends(store).isdisjoint(before)


def test_one_that_died_within_a_moment_fails_once_in_a_sentence(
    store: Store, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(kept, "REST_S", 1000.0)
    before = backends(store)
    end_all(postgres, store)
    with pytest.raises(Unavailable):
        works(store)
    assert works(store)
    assert backends(store).isdisjoint(before)
