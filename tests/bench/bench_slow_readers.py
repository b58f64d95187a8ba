"""45 people read an export of 20 MB very slowly: how much more memory the server takes, and whether it still answers.

Half of them read many small rows, half a few large ones: a server that reads ahead by rows rather than by bytes holds
far more of the latter. Meanwhile somebody asks for health and sends signals.
"""

import json
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from app.files import import_jsonl
from app.store import Store
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.behaviors import VERBALISER_VERSION, verbalise
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Person, Query, Response, Source, Triplet
from tests.bench.run import row
from tests.scene import asked, someone
from tests.server import ServerProcess, running_server

READERS = 45
SECONDS = 20.0
MB = 1_000_000
EXPORT_BYTES = 20 * MB
ROWS = {Arm.SFT: 400, Arm.RLHF: 150_000}
"""Characters of an answer of each export."""
SIP_BYTES, SIP_S = 32_768, 0.5
"""What a reader takes, and how often."""
PATIENCE_S = 30.0


def triplets() -> Iterator[bytes]:
    """Both exports, each of the wanted size."""
    for arm, size in ROWS.items():
        made = number = 0
        while made < EXPORT_BYTES:
            line = _triplet(arm, number, size).model_dump_json().encode()
            made, number = made + len(line), number + 1
            yield line


def _triplet(arm: Arm, number: int, size: int) -> Triplet:
    features = BehaviorFeatures(dwell_ms=9_000, liked=True)
    return Triplet(
        verbaliser_version=VERBALISER_VERSION,
        query_id=uuid4(),
        response_id=uuid4(),
        query=f"Question {number} to {arm.value}?",
        response=f"{number}: " + "and so on, " * (size // 11),
        behavior_text=verbalise(features),
        behavior_features=features,
        arm=arm,
        model_version=arm.label,
        position=0,
        draw_probability=1.0,
        source=Source.SIMULATED,
        asked_at="2026-01-02T03:04:05Z",
        answered_at="2026-01-02T03:04:07Z",
        person=str(uuid4()),
    )


class Reader(threading.Thread):
    """Takes a sip now and then."""

    def __init__(self, server: ServerProcess, arm: Arm) -> None:
        super().__init__(daemon=True)
        self.server, self.arm = server, arm
        self.status = 0
        self.taken = 0
        self.over = threading.Event()

    def run(self) -> None:
        """Read until told to stop."""
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SIP_BYTES)
            line.settimeout(PATIENCE_S)
            line.connect(("127.0.0.1", self.server.port))
            line.sendall(
                f"GET /api/data/triplets.jsonl?source=simulated&arm={self.arm.value} HTTP/1.1\r\n"
                f"Host: 127.0.0.1\r\nCookie: {self.server.cookie(uuid4())}\r\n\r\n".encode()
            )
            while not self.over.wait(SIP_S) and (sip := line.recv(SIP_BYTES)):
                self.status = self.status or int(sip.split(b" ", 2)[1])
                self.taken += len(sip)


class Watch:
    """The server meanwhile: its memory, and how long it takes to answer."""

    def __init__(self, server: ServerProcess, story: tuple[Person, Query, Response]) -> None:
        self.server, self.story = server, story
        self.before_mb = self.peak_mb = self._mb()
        self.health_ms: list[float] = []
        self.signals_ms: list[float] = []

    def look(self, seconds: float) -> None:
        """Look and ask again and again."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._timed(self.health_ms, "GET", "/api/health")
            self._timed(self.signals_ms, "POST", "/api/signals", self._signal())
            self.peak_mb = max(self.peak_mb, self._mb())
            time.sleep(0.1)

    def _timed(self, found: list[float], method: str, path: str, body: bytes | None = None) -> None:
        began = time.perf_counter()
        headers = {"Cookie": self.server.cookie(self.story[0].id)}
        status, said = self.server.request(method, path, body, headers)
        found.append((time.perf_counter() - began) * 1000)
        if status != 200:
            raise RuntimeError(f"{path}: {status}: {said.decode()}")

    def _signal(self) -> bytes:
        _, query, response = self.story
        signal = {
            "id": str(uuid4()),
            "kind": "dwell",
            "query_id": str(query.id),
            "response_id": str(response.id),
            "at_ms": now_ms(),
            "page_id": str(query.id),
            "page_opened_ms": now_ms() - 1000,
            "payload": {"ms": 100},
        }
        return json.dumps({"sent_ms": now_ms(), "signals": [signal]}).encode()

    def _mb(self) -> float:
        assert self.server.process is not None
        server = psutil.Process(self.server.process.pid)
        processes = [server, *server.children(recursive=True)]
        return float(sum(each.memory_info().rss for each in processes)) / MB


def rows() -> list[dict[str, Any]]:
    """`slow_readers_mb`: the peak over what the server had before they came."""
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        url = f"sqlite:///{data_dir / 'rlhb.sqlite'}"
        story = _prepared(url)
        with running_server(data_dir, url) as server, ExitStack() as stack:
            server.settle()
            watch = Watch(server, story)
            readers = [Reader(server, list(ROWS)[n % len(ROWS)]) for n in range(READERS)]
            for reader in readers:
                stack.callback(reader.over.set)
                reader.start()
            watch.look(SECONDS)
            served = sum(reader.status == 200 for reader in readers)
    return [
        row("slow_readers_mb", watch.peak_mb - watch.before_mb, f"MB more, {READERS} readers"),
        row("slow_readers_served", served, f"of {READERS} readers"),
        row("slow_readers_health_max_ms", max(watch.health_ms), "ms"),
        row("slow_readers_signals_max_ms", max(watch.signals_ms), "ms"),
    ]


def _prepared(url: str) -> tuple[Person, Query, Response]:
    store = Store.open(url)
    result = import_jsonl(store, triplets())
    if result.failed:
        raise RuntimeError(result.words())
    with store.writing() as connection:
        person = someone(connection)
        query, (response, *_) = asked(connection, person)
    store.close()
    return person, query, response
