"""Workers that take turns: each is a process of its own, and one piece of work at a time is timed in CPU-seconds.

A worker calls `serve`; the benchmark calls `alternate`. Other work on the machine then meets all workers alike, and the
peak memory of each is its own.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

TURNS = 6
ROOT = Path(__file__).parents[2]


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
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not come between
    print(json.dumps({"ready": True}), file=channel, flush=True)
    for _ in sys.stdin:
        began = time.process_time()
        units = work()
        used = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found = {"cpu_s": used, "units": units, "peak_mb": peak}
        print(json.dumps(found), file=channel, flush=True)


def alternate(commands: Sequence[Sequence[str]], turns: int = TURNS) -> list[Used]:
    """Run `python -m COMMAND` for each and let them take turns, one thread each."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", *command],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    try:
        for worker in workers:
            _answer(worker)
        found: list[list[dict[str, float]]] = [[] for _ in workers]
        for _ in range(turns):
            for worker, answers in zip(workers, found, strict=True):
                assert worker.stdin is not None
                worker.stdin.write("go\n")
                worker.stdin.flush()
                answers.append(_answer(worker))
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    return [
        Used(
            statistics.median(turn["cpu_s"] for turn in answers[1:]),
            statistics.mean(turn["units"] for turn in answers[1:]),
            answers[-1]["peak_mb"],
        )
        for answers in found
    ]


def _answer(worker: "subprocess.Popen[str]") -> dict[str, float]:
    assert worker.stdout is not None
    for line in worker.stdout:
        if line.startswith('{"'):  # libraries print while they load
            answer: dict[str, float] = json.loads(line)
            return answer
    raise RuntimeError(f"a worker ended by itself: {worker.args!r}")
