"""Training processes: start one for a run folder, and tell whether it still lives, also after a restart of the server.

A process is its own group and outlives the server. Knows no run record and no database.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from app.settings import SECRETS
from rlhb_core.run.folder import RunDir


class Processes:
    """The training processes of this machine that somebody asked about."""

    def __init__(self) -> None:
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def spawn(self, folder: Path, *, threads: int, resume: bool, unwatched_s: float) -> int:
        """Start training on a run folder; returns the process id. It stops once nobody has followed it for so long."""
        command = [sys.executable, "-m", "rlhb_core", str(folder)]
        command += ["--unwatched-s", f"{unwatched_s:g}"]
        environment = {k: v for k, v in os.environ.items() if k not in SECRETS}
        environment["OMP_NUM_THREADS"] = str(threads)
        with RunDir(folder).log.open("ab") as log:
            child = subprocess.Popen(  # noqa: S603 - our own module on our own folder
                command + ["--resume"] * resume,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environment,
            )
        self._children[child.pid] = child
        return child.pid

    def alive(self, pid: int, folder: Path) -> bool:
        """Whether the process still works on this folder: the number alone may have passed to another one."""
        child = self._children.get(pid)
        if child is not None:
            if child.poll() is None:
                return True
            del self._children[pid]
            return False
        return str(folder) in _command_line(pid)

    def kill(self, pid: int, folder: Path, patience_s: float = 10.0) -> None:
        """End the process that works on this folder, at once, and wait until it is gone."""
        until = time.monotonic() + patience_s
        while self.alive(pid, folder) and time.monotonic() < until:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # a group of its own since it was started
            time.sleep(0.02)

    def close(self) -> None:
        """Let go of the processes; they live on and are found again by their number."""
        for child in self._children.values():
            if child.poll() is None:
                child.returncode = 0  # not ours to wait for any more
        self._children.clear()


def _command_line(pid: int) -> str:
    """The command of a process; empty if there is none, or only its remains."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            return ""
    command = ["ps", "-o", "args=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
