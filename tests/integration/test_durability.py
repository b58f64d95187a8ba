"""Acknowledged means committed: servers are killed in mid-stream, and every acknowledged signal is there exactly once.

The real server process, SIGKILL, clients with an outbox that try again. `make bench` does twenty such trials.
"""

import os
import random
import signal
import time
from pathlib import Path
from uuid import UUID

import psutil
import pytest
import sqlalchemy as sa

from app.store import Store, signals, verify
from app.store.tables import SIGNAL
from tests.conftest import Postgres, running_postgres
from tests.outbox import OutboxClient, Story
from tests.scene import asked, someone
from tests.server import running_server

CLIENTS = 3


def stories(store: Store) -> list[Story]:
    with store.writing() as connection:
        found = []
        for _ in range(CLIENTS):
            person = someone(connection)
            query, (response, *_) = asked(connection, person)
            found.append((person, query, response))
        return found


def stored(store: Store, ids: list[UUID]) -> int:
    with store.reading() as connection:
        return len(signals.known_ids(connection, ids))


def total(store: Store) -> int:
    with store.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(SIGNAL)).scalar_one()


def acknowledged_by(clients: list[OutboxClient]) -> list[UUID]:
    return [each for client in clients for each in list(client.acknowledged)]


def wait_for_more(clients: list[OutboxClient], than: int) -> None:
    """Until clearly more signals are acknowledged, so that a kill comes in mid-stream."""
    until = time.monotonic() + 60
    while len(acknowledged_by(clients)) < than + 20 and time.monotonic() < until:
        time.sleep(0.01)
    assert len(acknowledged_by(clients)) > than, "no signal was acknowledged for a minute"


@pytest.mark.timeout(240)
def test_a_killed_server_loses_and_doubles_nothing(database_url: str, tmp_path: Path):
    store = Store.open(database_url)
    with running_server(tmp_path / "data", database_url, models=False) as server:
        clients = [OutboxClient(server, story) for story in stories(store)]
        for client in clients:
            client.start()
        wait_for_more(clients, 0)
        time.sleep(random.uniform(0, 0.2))
        server.kill()
        time.sleep(0.1)  # answers that were on their way
        ids = acknowledged_by(clients)
        assert stored(store, ids) == len(ids), "acknowledged, and not there after the kill"
        server.start()
        wait_for_more(clients, len(acknowledged_by(clients)))
        for client in clients:
            client.close()
    made = [each for client in clients for each in client.made]
    assert [client.refused for client in clients] == [[], [], []]
    assert sum(client.retries for client in clients) > 0, "nobody noticed the kill"
    assert sorted(acknowledged_by(clients)) == sorted(made)
    assert total(store) == stored(store, made) == len(made)
    assert verify(store) == []
    store.close()


def kill_postgres(postgres: Postgres) -> None:
    """SIGKILL to the whole server, as when the machine's power goes."""
    pid = postgres.server.get_pid()
    assert pid is not None
    postmaster = psutil.Process(pid)
    children = postmaster.children(recursive=True)
    os.kill(pid, signal.SIGKILL)
    for child in children:
        child.kill()
    psutil.wait_procs([postmaster, *children], timeout=30)


@pytest.mark.timeout(240)
def test_a_killed_postgres_recovers_and_the_app_with_it(tmp_path: Path):
    with running_postgres() as postgres:
        url = postgres.new_database()
        store = Store.open(url)
        with running_server(tmp_path / "data", url, models=False) as server:
            clients = [OutboxClient(server, story) for story in stories(store)]
            for client in clients:
                client.start()
            wait_for_more(clients, 0)
            kill_postgres(postgres)
            ids = acknowledged_by(clients)
            postgres.server.ensure_postgres_running()
            assert stored(store, ids) == len(ids)
            wait_for_more(clients, len(ids))
            for client in clients:
                client.close()
        made = [each for client in clients for each in client.made]
        assert [client.refused for client in clients] == [[], [], []]
        assert sorted(acknowledged_by(clients)) == sorted(made)
        assert total(store) == len(made)
        assert verify(store) == []
        store.close()
