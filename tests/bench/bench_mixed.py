"""People at a human pace on a real server: how fast signals are taken and answers begin, on SQLite and on Postgres.

70 people ask every fifteen seconds, follow the answers as the page does, send a batch of three signals every three
seconds and vote; 200 others open a page or its data every ten. They live in two processes beside the server
(`people.py`). The figures are of the two minutes after all have come; the server's processes are looked at before and
after.

`python -m tests.bench.bench_mixed --seconds 30 --database sqlite` measures for a shorter time and writes nothing.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
import psutil

from rlhb_core.world import sample_queries
from tests.bench.people import PATIENCE_S, Orders, Seen
from tests.bench.run import row, table_line
from tests.conftest import running_postgres
from tests.server import ServerProcess, running_server

ASKING, LOOKING = 70, 200
SECONDS = 120.0
RAMP_S = 15.0
SUFFIX = {"sqlite": "", "postgres": "_postgres"}


class Used(NamedTuple):
    """What the processes of the server hold and have used so far: its own first, then its children's together."""

    web_mb: float
    web_cpu_s: float
    other_mb: float
    other_cpu_s: float


def used(server: ServerProcess) -> Used:
    """As it is now."""
    assert server.process is not None
    web = psutil.Process(server.process.pid)
    others = web.children(recursive=True)
    return Used(*_of([web]), *_of(others))


def _of(processes: Sequence[psutil.Process]) -> tuple[float, float]:
    mb = sum(process.memory_info().rss for process in processes) / 1e6
    return mb, sum(sum(process.cpu_times()[:2]) for process in processes)


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The address of an empty one."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'rlhb.sqlite'}"
    else:
        with running_postgres() as server:
            yield server.new_database()


def people(server: ServerProcess, asking: bool, seconds: float) -> "subprocess.Popen[str]":
    """Start the process in which they live."""
    orders = Orders(
        port=server.port,
        cookies=[server.cookie(uuid4()) for _ in range(ASKING if asking else LOOKING)],
        asking=asking,
        every_s=15.0 if asking else 10.0,
        signals_every_s=3.0,
        ramp_s=RAMP_S,
        seconds=seconds,
        queries=sample_queries(np.random.default_rng(11), 200, clean=True) if asking else [],
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.people"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(orders)))
    process.stdin.close()
    process.stdin = None  # `communicate` would close it again
    return process


def _told(process: "subprocess.Popen[str]", patience: float) -> Seen:
    said, _ = process.communicate(timeout=patience)
    if process.returncode:
        raise RuntimeError("the people's process failed; what it said is above")
    return Seen(**json.loads(said))


def measure(kind: str, seconds: float = SECONDS) -> list[dict[str, Any]]:
    """The rows of one database."""
    with (
        tempfile.TemporaryDirectory() as folder,
        database(kind, Path(folder)) as url,
        running_server(Path(folder), url) as server,
    ):
        server.settle()
        before = used(server)
        living = [people(server, asking, seconds) for asking in (True, False)]
        try:
            patience = RAMP_S + seconds + 2 * PATIENCE_S
            asking, looking = (_told(process, patience) for process in living)
        finally:
            for process in living:
                process.kill()
                process.wait()
        after = used(server)
    errors = Counter(asking.errors + looking.errors)
    for error, times in errors.most_common(10):
        print(f"  {times} times: {error}", file=sys.stderr)
    return [
        each | {"name": each["name"] + SUFFIX[kind]}
        for each in _rows(asking, looking, before, after, errors.total())
    ]


def _rows(
    asking: Seen, looking: Seen, before: Used, after: Used, errors: int
) -> list[dict[str, Any]]:
    return [
        row("mixed_errors", errors, "errors"),
        row("mixed_signals_p50_ms", at(asking.signals_s, 0.5) * 1000, "ms"),
        row("mixed_signals_p99_ms", at(asking.signals_s, 0.99) * 1000, "ms"),
        row("mixed_asking_p95_s", at(asking.asking_s, 0.95), "s until the query is stored"),
        row("mixed_ask_p50_s", at(asking.first_text_s, 0.5), "s to the first text"),
        row("mixed_ask_p95_s", at(asking.first_text_s, 0.95), "s to the first text"),
        row("mixed_complete_p95_s", at(asking.complete_s, 0.95), "s to all answers"),
        row("mixed_look_p95_ms", at(looking.looks_s, 0.95) * 1000, "ms"),
        row("mixed_asked", asking.asked, "queries"),
        row("mixed_voted", asking.voted, "votes"),
        row("mixed_web_cpu_s", after.web_cpu_s - before.web_cpu_s, "CPU-s"),
        row("mixed_web_start_mb", before.web_mb, "MB"),
        row("mixed_web_end_mb", after.web_mb, "MB"),
        row("mixed_other_cpu_s", after.other_cpu_s - before.other_cpu_s, "CPU-s"),
        row("mixed_other_start_mb", before.other_mb, "MB"),
        row("mixed_other_end_mb", after.other_mb, "MB"),
        row("mixed_people_cpu_s", asking.cpu_s + looking.cpu_s, "CPU-s"),
    ]


def at(times: Sequence[float], share: float) -> float:
    """The time that this share of them did not exceed; an error if there are none to judge by."""
    if not times:
        raise RuntimeError("nobody got an answer: the errors above say why")
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def rows() -> list[dict[str, Any]]:
    """Two minutes on each database."""
    return [each for kind in SUFFIX for each in measure(kind)]


def main() -> None:
    """Print the table of a run as long as wanted."""
    parser = argparse.ArgumentParser(description="People at a human pace; writes no file.")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--database", choices=[*SUFFIX, "both"], default="both")
    wanted = parser.parse_args()
    for kind in SUFFIX if wanted.database == "both" else (wanted.database,):
        for measured in measure(kind, wanted.seconds):
            print(table_line(measured), flush=True)


if __name__ == "__main__":
    main()
