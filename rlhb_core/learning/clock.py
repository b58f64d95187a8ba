"""How long the parts of a step take. Does not know what they are."""

import time

from rlhb_core.learning.session import Metrics


class Clock:
    """Seconds between laps."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._laps: Metrics = {}

    def lap(self, name: str) -> None:
        """The time since the last lap goes by this name."""
        now = time.perf_counter()
        self._laps[name] = now - self._last
        self._last = now

    def laps(self) -> Metrics:
        """All laps and the whole."""
        return self._laps | {"timing/step": self._last - self._start}
