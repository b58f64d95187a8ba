"""Workers that take turns: each is a process of its own, and one piece of work at a time is timed in CPU-seconds.

A worker calls `serve`; the benchmark calls `alternate`. Other work on the machine then meets all workers alike, and the
peak memory of each is its own. The two speak through a pipe of their own: what libraries print, whole lines or not,
goes into a file, whose end is shown if a worker fails. Nobody waits for ever.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

TURNS = 6
ROOT = Path(__file__).parents[2]
CHANNEL = "RLHB_BENCH_CHANNEL"
"""Environment variable with the number of the worker's end of the pipe."""
PATIENCE_S = 600.0
"""Longest time to load, and to do one piece of work."""


class Used(NamedTuple):
    """What a worker used."""

    cpu_s: float
    """Median CPU-seconds of a turn, the first one left out."""
    units: float
    """Units of work of a turn, by the worker's own count (tokens, samples), on average."""
    peak_mb: float
    """Peak resident memory of its process."""


def serve(work: Callable[[], float]) -> None:
    """In a worker: do `work` whenever told to, until the benchmark has seen enough. `work` returns its units."""
    channel: Connection[dict[str, float], str] = Connection(int(os.environ[CHANNEL]))
    channel.send({})
    while True:
        try:
            channel.recv()
        except EOFError:
            return  # the benchmark is gone
        began = time.process_time()
        units = work()
        used = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        channel.send({"cpu_s": used, "units": units, "peak_mb": peak})


class Worker:
    """The benchmark's side of a worker."""

    def __init__(self, command: Sequence[str], patience_s: float) -> None:
        self.command, self.patience_s = command, patience_s
        self.printed = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self.channel: Connection[Any, Any]
        self.channel, theirs = Pipe()
        environment = {
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
            CHANNEL: str(theirs.fileno()),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=os.environ | environment,
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self.printed,
            stderr=self.printed,
        )
        theirs.close()  # so that its end is noticed here

    def turn(self) -> dict[str, float]:
        """One piece of work."""
        try:
            self.channel.send("go")
        except OSError:
            raise self._failed("ended by itself") from None
        return self.answer()

    def answer(self) -> dict[str, float]:
        """What it says next; the first time, that it is ready."""
        if not self.channel.poll(self.patience_s):
            raise self._failed(f"said nothing for {self.patience_s:.0f} s")
        try:
            said: dict[str, float] = self.channel.recv()
        except (EOFError, OSError):
            raise self._failed("ended by itself") from None
        return said

    def close(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()
        self.channel.close()
        self.printed.close()

    def _failed(self, what: str) -> RuntimeError:
        self.printed.seek(0)
        printed = self.printed.read().decode(errors="replace")[-3000:]
        return RuntimeError(f"the worker `{' '.join(self.command)}` {what}; it printed:\n{printed}")


def alternate(
    commands: Sequence[Sequence[str]], turns: int = TURNS, patience_s: float = PATIENCE_S
) -> list[Used]:
    """Run `python -m COMMAND` for each and let them take turns, one thread each."""
    with ExitStack() as stack:
        workers = []
        for command in commands:
            workers.append(Worker(command, patience_s))
            stack.callback(workers[-1].close)
        for worker in workers:
            worker.answer()
        found = [[worker.turn() for worker in workers] for _ in range(turns)]
    return [
        Used(
            statistics.median(turn["cpu_s"] for turn in answers[1:]),
            statistics.mean(turn["units"] for turn in answers[1:]),
            answers[-1]["peak_mb"],
        )
        for answers in zip(*found, strict=True)
    ]
