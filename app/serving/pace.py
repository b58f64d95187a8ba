"""How long a new answer would wait at a server, from how many it writes and how long they take.

Holds the count and the mean of one server; knows nothing of what it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager

FIRST_GUESS_S = 2.0
"""What an answer takes, until one has been measured."""
WEIGHT = 0.1
"""Of the newest answer in the mean."""


class Pace:
    """The answers that are asked of one server, which writes so many at once."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.asked = 0
        self.takes_s = FIRST_GUESS_S

    @contextmanager
    def one(self) -> Iterator[None]:
        """One answer, from when it is asked for until it has ended."""
        self.asked += 1
        try:
            yield
        finally:
            self.asked -= 1

    def took(self, seconds: float) -> None:
        """An answer was written in so many seconds, the waiting not counted."""
        self.takes_s += WEIGHT * (seconds - self.takes_s)

    def wait_s(self, more: int) -> float:
        """How long the last of so many more answers would wait for its first word."""
        return max(0, self.asked + more - self.at_once) * self.takes_s / self.at_once
