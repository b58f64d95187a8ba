"""Signals over HTTP: 20 clients, one signal per request, a real server process on SQLite.

A request counts when its 200 has arrived, which is sent after the commit. At the end every acknowledged signal is
looked up in the database. The peer is an empty route of the same server: every other second the same clients send the
same bodies there, so that the ratio does not depend on the machine.
"""

import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from app.store import Store, signals
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Person, Query, Response
from tests.bench.run import row
from tests.bench.with_empty_route import EMPTY
from tests.scene import asked, someone
from tests.server import ServerProcess, running_server

CLIENTS = 20
TURNS = 10
TURN_S = 1.0
WARM_UP_S = 2.0
SIGNALS = "/api/signals"
TAKING_TURNS = (SIGNALS, EMPTY)


def dwell(signal_id: UUID, query: Query, response: Response, page: str, opened_ms: int) -> bytes:
    """A request that says that somebody has read an answer for a tenth of a second."""
    now = now_ms()
    signal = {
        "id": str(signal_id),
        "kind": "dwell",
        "query_id": str(query.id),
        "response_id": str(response.id),
        "at_ms": now,
        "page_id": page,
        "page_opened_ms": opened_ms,
        "payload": {"ms": 100},
    }
    return json.dumps({"sent_ms": now, "signals": [signal]}).encode()


class WithEmptyRoute(ServerProcess):
    """The server with one route more."""

    command = ("-m", "tests.bench.with_empty_route")


class Client(threading.Thread):
    """One person who sends one signal after another."""

    def __init__(self, server: ServerProcess, story: tuple[Person, Query, Response]) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.person, self.query, self.response = story
        self.page, self.opened = str(uuid4()), now_ms() - 60_000
        self.took: dict[str, list[float]] = {path: [] for path in TAKING_TURNS}
        self.acknowledged: list[UUID] = []
        self.failure = ""
        self.begin = 0.0

    def run(self) -> None:
        """Send until the turns are over, to each address in its turn."""
        connection = self.server.connection()
        headers = {
            "Cookie": self.server.cookie(self.person.id),
            "Content-Type": "application/json",
        }
        while (start := time.perf_counter()) < self.begin + 2 * TURNS * TURN_S:
            path = TAKING_TURNS[int((start - self.begin) // TURN_S) % 2]
            signal_id = uuid4()
            body = dwell(signal_id, self.query, self.response, self.page, self.opened)
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                self.failure = f"{path}: {answer.status}: {said.decode()}"
                return
            if path == SIGNALS:
                self.acknowledged.append(signal_id)
            if start >= self.begin:
                self.took[path].append(time.perf_counter() - start)


def rows() -> list[dict[str, Any]]:
    """Acknowledged signals per second beside empty requests per second, and the slowest one in a hundred."""
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        url = f"sqlite:///{data_dir / 'rlhb.sqlite'}"
        stories = _stories(url)
        with running_server(data_dir, url, WithEmptyRoute) as server:
            server.settle()
            clients = [Client(server, story) for story in stories]
            begin = time.perf_counter() + WARM_UP_S
            for client in clients:
                client.begin = begin
                client.start()
            for client in clients:
                client.join(timeout=120)
        if failures := [client.failure for client in clients if client.failure]:
            raise RuntimeError(f"{len(failures)} clients failed: {failures[0]}")
        acknowledged = [each for client in clients for each in client.acknowledged]
        if lost := _lost(url, acknowledged):
            raise RuntimeError(f"{lost} acknowledged signals are not in the database")
    taken, empty = (
        sorted(took for client in clients for took in client.took[path]) for path in TAKING_TURNS
    )
    rate, peer = len(taken) / (TURNS * TURN_S), len(empty) / (TURNS * TURN_S)
    return [
        row("signals_per_s", rate, "acknowledged signals/s", "empty route", peer, rate / peer),
        row("signals_p99_ms", taken[int(len(taken) * 0.99)] * 1000, "ms"),
        row("signals_max_ms", taken[-1] * 1000, "ms"),
    ]


def _stories(url: str) -> list[tuple[Person, Query, Response]]:
    store, found = Store.open(url), []
    with store.writing() as connection:
        for _ in range(CLIENTS):
            person = someone(connection)
            query, (response, *_) = asked(connection, person)
            found.append((person, query, response))
    store.close()
    return found


def _lost(url: str, acknowledged: list[UUID]) -> int:
    store = Store.open(url)
    with store.reading() as connection:
        found = len(signals.known_ids(connection, acknowledged))
    store.close()
    return len(acknowledged) - found
