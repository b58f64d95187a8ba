"""How far a command has come: bars on a terminal, a line every few seconds where the output is a file or a pipe.

Does not know what is being done.
"""

import threading
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

SAY_S = 5.0
"""Seconds between two lines."""


def bars(console: Console) -> Progress:
    """Progress as every command shows it."""
    if not console.is_terminal:
        return Lines(console)
    return Progress(
        TextColumn("{task.description:34}"),
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
    )


class Lines(Progress):
    """Progress in lines: what goes on is said every few seconds, whether it has moved or not, and what is done once."""

    def __init__(self, console: Console, every: float = SAY_S) -> None:
        super().__init__(console=console, disable=True)
        self._every = every
        self._began = time.monotonic()
        self._done = threading.Event()
        self._said: set[int] = set()
        self._voice = threading.Thread(target=self._speak, name="progress", daemon=True)

    def start(self) -> None:
        """Begin to say how far it is."""
        self._began = time.monotonic()
        self._voice.start()

    def stop(self) -> None:
        """Say how far it has come, and no more."""
        self._done.set()
        if self._voice.is_alive():
            self._voice.join()
            self._say()

    def _speak(self) -> None:
        while not self._done.wait(self._every):
            self._say()

    def _say(self) -> None:
        for task in self.tasks:
            if task.id not in self._said:
                self.console.print(self._line(task), highlight=False, markup=False)
            if task.finished:
                self._said.add(task.id)

    def _line(self, task: Task) -> str:
        total = "" if task.total is None else f" of {task.total:,.0f}"
        seconds = round(time.monotonic() - self._began)
        return f"{task.description}: {task.completed:,.0f}{total} after {seconds // 60}:{seconds % 60:02}"
