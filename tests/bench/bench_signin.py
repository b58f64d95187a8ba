"""Fifty people sign in at the same moment while twenty others are at work: how long do those others' signals take?

A server with accounts on SQLite. Waves of fifty sign-ins, each with its argon2; meanwhile the twenty send five signals
a second each, over sessions of their own, and every signal that is sent while a wave is on counts.
"""

import asyncio
import json
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from app.people.passwords import hashed
from app.people.secrets import digest, new
from app.store import Account, Role, Session, Store, accounts, sessions
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Person, Query, Response
from tests.bench.bench_signals import dwell
from tests.bench.run import row
from tests.scene import asked, someone
from tests.server import ServerProcess

AT_WORK, COMING = 20, 50
WAVES = 5
PAUSE_S = 0.2
"""Between two signals of one person."""
PASSWORD = "correct horse battery"
JSON = {"Content-Type": "application/json"}


class AtWork(threading.Thread):
    """One person who is signed in and sends a signal every fifth of a second."""

    def __init__(
        self, server: ServerProcess, secret: str, story: tuple[Person, Query, Response]
    ) -> None:
        super().__init__(daemon=True)
        self.server, self.secret = server, secret
        self.person, self.query, self.response = story
        self.page, self.opened = str(uuid4()), now_ms() - 60_000
        self.over = threading.Event()
        self.took: list[tuple[float, float]] = []
        self.failure = ""

    def run(self) -> None:
        """Send until it is over; note when each was sent, and how long it took."""
        connection = self.server.connection()
        headers = JSON | {"Cookie": f"rlhb_session={self.secret}"}
        due = time.perf_counter()
        while not self.over.wait(max(0.0, due - time.perf_counter())):
            due += PAUSE_S
            start = time.perf_counter()
            body = dwell(uuid4(), self.query, self.response, self.page, self.opened)
            connection.request("POST", "/api/signals", body, headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                self.failure = f"{answer.status}: {said.decode()}"
                return
            self.took.append((start, time.perf_counter() - start))


class Coming(threading.Thread):
    """One person who signs in when the gate opens."""

    def __init__(self, server: ServerProcess, name: str, gate: threading.Barrier) -> None:
        super().__init__(daemon=True)
        self.server, self.account, self.gate = server, name, gate
        self.status = 0
        self.took = 0.0

    def run(self) -> None:
        """Sign in once."""
        connection = self.server.connection()
        connection.connect()
        body = json.dumps({"name": self.account, "password": PASSWORD}).encode()
        self.gate.wait()
        start = time.perf_counter()
        connection.request("POST", "/api/sign-in", body, JSON)
        self.status = connection.getresponse().status
        self.took = time.perf_counter() - start


def rows() -> list[dict[str, Any]]:
    """The slowest signal in a hundred while people sign in, and the slowest sign-in in twenty."""
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        store = Store.open(f"sqlite:///{data_dir / 'rlhb.sqlite'}")
        secrets = [new() for _ in range(AT_WORK)]
        stories = [_member(store, f"worker {i}", secret) for i, secret in enumerate(secrets)]
        for number in range(COMING):
            _member(store, f"comer {number}", "")
        store.close()
        server = ServerProcess(data_dir, models=False)
        server.environment |= {"RLHB_TEAM": "true", "RLHB_INSECURE_HTTP": "true"}
        try:
            server.start()
            server.settle()
            return _measured(server, secrets, stories)
        finally:
            server.kill()


def _measured(
    server: ServerProcess, secrets: list[str], stories: list[tuple[Person, Query, Response]]
) -> list[dict[str, Any]]:
    at_work = [AtWork(server, *each) for each in zip(secrets, stories, strict=True)]
    for each in at_work:
        each.start()
    time.sleep(2)
    waves, sign_ins = [], []
    for _ in range(WAVES):
        gate = threading.Barrier(COMING + 1)
        coming = [Coming(server, f"comer {number}", gate) for number in range(COMING)]
        for comer in coming:
            comer.start()
        gate.wait()
        begin = time.perf_counter()
        for comer in coming:
            comer.join(timeout=120)
        waves.append((begin, time.perf_counter()))
        if refused := [comer.status for comer in coming if comer.status != 200]:
            raise RuntimeError(f"{len(refused)} could not sign in: {refused[0]}")
        sign_ins += [comer.took for comer in coming]
        time.sleep(1)
    for each in at_work:
        each.over.set()
        each.join(timeout=30)
    if failures := [each.failure for each in at_work if each.failure]:
        raise RuntimeError(f"{len(failures)} signals were refused: {failures[0]}")
    meanwhile = sorted(
        took for each in at_work for at, took in each.took if any(a <= at <= b for a, b in waves)
    )
    sign_ins.sort()
    return [
        row("signin_signals_p99_ms", meanwhile[int(len(meanwhile) * 0.99)] * 1000, "ms"),
        row("signin_50_at_once_p95_s", sign_ins[int(len(sign_ins) * 0.95)], "s"),
    ]


def _member(store: Store, name: str, secret: str) -> tuple[Person, Query, Response]:
    with store.writing() as connection:
        person = someone(connection)
        query, (response, *_) = asked(connection, person)
        account = Account(name=name, role=Role.ANNOTATOR, person_id=person.id, password=_stored())
        accounts.add(connection, account, name)
        if secret:
            sessions.add(connection, Session(digest=digest(secret), account_id=account.id))
    return person, query, response


@cache
def _stored() -> str:
    return asyncio.run(hashed(PASSWORD))
