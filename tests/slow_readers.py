"""Many readers who take a download a little at a time: what they cost the server in memory, and others in time."""

import http.client
import threading
import time
from dataclasses import dataclass

import psutil

from tests.server import ServerProcess

SIP = 8 * 1024
"""Bytes that a reader takes at a time."""


@dataclass(frozen=True)
class Cost:
    """What slow readers cost."""

    readers: int
    more_mb: float
    """Memory at its highest while they read, less what it was before."""
    slowest_look_s: float
    """Longest that a plain request of somebody else took meanwhile."""
    broken: int
    """Readers who got no answer, or not the beginning of the file."""


def cost_of(server: ServerProcess, readers: int, seconds: float, path: str) -> Cost:
    """Let so many take the path slowly for a while."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    before = highest = process.memory_info().rss
    stop = threading.Event()
    fine: list[bool] = []
    threads = [
        threading.Thread(target=_sip, args=(server, path, stop, fine), daemon=True)
        for _ in range(readers)
    ]
    for thread in threads:
        thread.start()
    slowest = 0.0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        status, _ = server.request("GET", "/api/me")
        slowest = max(slowest, time.monotonic() - began)
        assert status == 200
        highest = max(highest, process.memory_info().rss)
        time.sleep(0.1)
    stop.set()
    for thread in threads:
        thread.join(30)
    return Cost(readers, (highest - before) / 1e6, slowest, readers - len(fine))


def _sip(server: ServerProcess, path: str, stop: threading.Event, fine: list[bool]) -> None:
    connection = server.connection(timeout_s=120)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        if answer.status == 200 and answer.read(SIP).startswith(b"{"):
            fine.append(True)
        while not stop.is_set() and answer.read(SIP):
            stop.wait(0.5)
    except (OSError, http.client.HTTPException):
        return
    finally:
        connection.close()
