"""Signals over HTTP: 20 clients, one signal per request, a real server process on SQLite.

A request counts when its 200 has arrived, which is sent after the commit. At the end every acknowledged signal is
looked up in the database.
"""

import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from app.store import Store, signals
from rlhb_core.records import Person, Query, Response, now_ms
from tests.bench.run import row
from tests.scene import asked, someone
from tests.server import ServerProcess, running_server

CLIENTS = 20
SECONDS = 10.0
WARM_UP = 1.0


class Client(threading.Thread):
    """One person who sends one signal after another."""

    def __init__(self, server: ServerProcess, story: tuple[Person, Query, Response]) -> None:
        super().__init__()
        self.server = server
        self.person, self.query, self.response = story
        self.latencies: list[tuple[float, float]] = []
        self.acknowledged: list[UUID] = []
        self.until = 0.0

    def run(self) -> None:
        """Send until the time is over."""
        connection = self.server.connection()
        headers = {
            "Cookie": self.server.cookie(self.person.id),
            "Content-Type": "application/json",
        }
        page, opened = str(uuid4()), now_ms() - 60_000
        while time.perf_counter() < self.until:
            signal_id, now = uuid4(), now_ms()
            body = {
                "sent_ms": now,
                "signals": [
                    {
                        "id": str(signal_id),
                        "kind": "dwell",
                        "query_id": str(self.query.id),
                        "response_id": str(self.response.id),
                        "at_ms": now,
                        "page_id": page,
                        "page_opened_ms": opened,
                        "payload": {"ms": 100},
                    }
                ],
            }
            start = time.perf_counter()
            connection.request("POST", "/api/signals", json.dumps(body).encode(), headers)
            answer = connection.getresponse()
            said = answer.read()
            took = time.perf_counter() - start
            if answer.status != 200:
                raise RuntimeError(f"{answer.status}: {said.decode()}")
            self.latencies.append((start, took))
            self.acknowledged.append(signal_id)


def rows() -> list[dict[str, Any]]:
    """Acknowledged signals per second, and the slowest one in a hundred."""
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        url = f"sqlite:///{data_dir / 'rlhb.sqlite'}"
        store = Store.open(url)
        with store.session() as session:
            stories = []
            for _ in range(CLIENTS):
                person = someone(session)
                query, (response, *_) = asked(session, person)
                stories.append((person, query, response))
        with running_server(data_dir, url) as server:
            server.settle()
            clients = [Client(server, story) for story in stories]
            start = time.perf_counter()
            for client in clients:
                client.until = start + WARM_UP + SECONDS
                client.start()
            for client in clients:
                client.join()
        acknowledged = [each for client in clients for each in client.acknowledged]
        with store.reading() as session:
            lost = len(acknowledged) - len(signals.known_ids(session, acknowledged))
        store.close()
    if lost:
        raise RuntimeError(f"{lost} acknowledged signals are not in the database")
    taken = sorted(
        took for client in clients for at, took in client.latencies if at >= start + WARM_UP
    )
    return [
        row("signals_per_s", len(taken) / SECONDS, "acknowledged signals/s"),
        row("signals_p99_ms", taken[int(len(taken) * 0.99)] * 1000, "ms"),
        row("signals_max_ms", taken[-1] * 1000, "ms"),
    ]
