"""What commands say of how far they are, where nobody watches a terminal."""

import io
import threading
import time

import pytest
from rich.console import Console
from rich.progress import Progress

from app.commands.progress import Lines, bars


def test_a_terminal_gets_bars_and_a_pipe_gets_lines() -> None:
    assert isinstance(bars(Console(file=io.StringIO())), Lines)
    terminal = bars(Console(file=io.StringIO(), force_terminal=True))
    assert isinstance(terminal, Progress)
    assert not isinstance(terminal, Lines)


class Heard(io.StringIO):
    """Output that tells when a line has come."""

    def __init__(self) -> None:
        super().__init__()
        self.line = threading.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        if text.strip():
            self.line.set()
        return written

    def next_line(self) -> None:
        self.line.clear()
        assert self.line.wait(10)


def test_a_line_every_little_while_says_how_far_it_is_whether_it_moves_or_not() -> None:
    out = Heard()
    with Lines(Console(file=out, width=200), every=0.01) as progress:
        task = progress.add_task("Simulated annotators", total=1300)
        out.next_line()
        out.next_line()  # nothing has moved
        progress.update(task, completed=1200)
        out.next_line()
        done = progress.add_task("Another [part]", total=1)
        progress.update(done, completed=1)
        progress.update(task, completed=1300)
    lines = out.getvalue().splitlines()
    assert lines[0] == "Simulated annotators: 0 of 1,300 after 0:00"
    assert lines.count("Simulated annotators: 1,300 of 1,300 after 0:00") == 1
    assert sum(line.startswith("Another [part]: 1 of 1 after") for line in lines) == 1


def test_what_is_left_when_it_breaks_off_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    progress = Lines(Console(file=out, width=200), every=1000)
    progress.start()
    progress.add_task("RLHF: PPO 3/70", total=100, completed=12)
    now += 61.0
    progress.stop()
    assert out.getvalue() == "RLHF: PPO 3/70: 12 of 100 after 1:01\n"
