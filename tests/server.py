"""The real server as a process of its own, for tests that kill it and benchmarks that press it."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psutil

from app.people import COOKIE, Identities, load_secret

NOBODY = "http://127.0.0.1:9"
"""An address at which nobody answers."""


class ServerProcess:
    """`rlhb serve` on a port of its own; can be killed and started again on the same data."""

    command: tuple[str, ...] = ("-m", "app.cli", "serve")
    """What Python runs."""

    def __init__(self, data_dir: Path, database_url: str = "", models: bool = True) -> None:
        """Without models nobody answers, and it starts in half the time."""
        data_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir = data_dir
        self.models = models
        self.port = free_port()
        self.environment = os.environ | {
            "RLHB_DATA_DIR": str(data_dir),
            "RLHB_DATABASE_URL": database_url,
            "RLHB_PORT": str(self.port),
            "OMP_NUM_THREADS": "1",
            **({} if models else {"RLHB_ENGINE_URL": NOBODY}),
        }
        self.identities = Identities(load_secret(data_dir))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, patience_s: float = 240) -> None:
        """Start and wait until it answers."""
        with (self.data_dir / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.command],
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                status, _ = self.request("GET", "/api/health")
            except OSError:
                time.sleep(0.05)
                continue
            if status == 200:
                return
        raise RuntimeError(f"the server did not start:\n{self.log()[-3000:]}")

    def settle(self, patience_s: float = 240) -> None:
        """Wait until the server has loaded what it loads in the background and does nothing any more."""
        assert self.process is not None
        until = time.monotonic() + patience_s
        while self.models and b'"models":"ready"' not in self.request("GET", "/api/health")[1]:
            assert time.monotonic() < until, self.log()[-3000:]
            time.sleep(0.1)
        used, calm = self.cpu_s(), 0
        while calm < 3:
            assert time.monotonic() < until, "the server never came to rest"
            time.sleep(1)
            before, used = used, self.cpu_s()
            # idle, with the queues of four pages, it takes a tenth of a core
            calm = calm + 1 if used - before < 0.2 else 0

    def cpu_s(self) -> float:
        """CPU-seconds that the server and the processes it has started have used so far."""
        assert self.process is not None
        server = psutil.Process(self.process.pid)
        processes = [server, *server.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def log(self) -> str:
        """What the server has said."""
        return (self.data_dir / "server.log").read_text()

    def cookie(self, person_id: UUID) -> str:
        """The cookie header of this person."""
        return f"{COOKIE}={self.identities.cookie_for(person_id)}"

    def connection(self, timeout_s: float = 30) -> http.client.HTTPConnection:
        """A connection that stays open between requests."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """One request on a connection of its own: (status, body)."""
        connection = self.connection()
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@contextmanager
def running_server(
    data_dir: Path,
    database_url: str = "",
    kind: type[ServerProcess] = ServerProcess,
    models: bool = True,
) -> Iterator[ServerProcess]:
    """A server for as long as the block lasts."""
    server = kind(data_dir, database_url, models)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
