"""Goes through the tasks of a seed, several at a time, each in a process of its own; done tasks are left as they are.

A seed's folder is worked on by one command at a time.
Does not know what a task does (`work.py`) nor what comes of it (`records.py`).
"""

import fcntl
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rlhb_core.errors import RunError
from rlhb_core.reproduction.tasks import Measure, Task
from rlhb_core.reproduction.work import is_done

log = logging.getLogger(__name__)

LOOK_S = 0.5
"""Seconds between two looks at the processes."""


def go_through(
    folder: Path,
    seed: int,
    tasks: Sequence[Task],
    workers: int,
    *,
    rehearsal: bool = False,
    on_done: Callable[[], None] = lambda: None,
) -> dict[str, str]:
    """Do all tasks, at most `workers` at a time, in their order as far as their needs allow.

    A task that fails takes those with it that need it; the others go on, and measures make do with what there is.
    `on_done` is called after every task that is done. Returns what failed: name -> its last words. Raises RunError if
    somebody else is at work in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    waiting = [task for task in tasks if not is_done(folder, task)]
    unmet = {task.name for task in waiting}
    failed: dict[str, str] = {}
    with _alone(folder) as lock, _processes() as running:
        while waiting or running:
            for name, process in list(running.items()):
                if process.poll() is None:
                    continue
                del running[name]
                if process.returncode:
                    failed[name] = _last_words(folder / f"{name}.err")
                    log.error("seed %d: %s failed: %s", seed, name, failed[name])
                else:
                    unmet.discard(name)
                    log.info("seed %d: %s is done, %d left", seed, name, len(unmet))
                    on_done()
            for task in list(waiting):
                lost = [need for need in task.needs if need in failed]
                if lost and not isinstance(task, Measure):
                    failed[task.name] = f"needs {lost[0]}, which failed"
                    waiting.remove(task)
                elif len(running) < workers and not unmet.intersection(task.needs).difference(
                    failed
                ):
                    waiting.remove(task)
                    running[task.name] = _start(folder, seed, task, rehearsal, lock)
            time.sleep(LOOK_S)
    return failed


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """Hold the folder's lock; yields its descriptor. Tasks inherit it,
    so that one which outlived its command holds it.
    """
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"something is at work in {folder} already: wait until it has ended, or end it"
            ) from None
        yield file.fileno()


@contextmanager
def _processes() -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """The running processes; whatever ends the block ends them too, a SIGTERM included."""
    running: dict[str, subprocess.Popen[bytes]] = {}
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield running
    finally:
        signal.signal(signal.SIGTERM, before)
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()


def _leave(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def _start(
    folder: Path, seed: int, task: Task, rehearsal: bool, lock: int
) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "rlhb_core.reproduction.work",
        str(folder),
        str(seed),
        task.name,
    ]
    command += ["--rehearsal"] if rehearsal else []
    with (folder / f"{task.name}.err").open("wb") as errors:
        return subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdout=errors,
            stderr=errors,
            pass_fds=(lock,),
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )


def _last_words(file: Path) -> str:
    lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:400] if lines else "it ended without a word"
