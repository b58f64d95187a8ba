"""Whether anybody still follows a run: a server, or the command that started it. Does not know who.

Followers touch a file in the run's folder. Time is counted by this process, so that a machine that slept, or clocks
that differ, make nobody seem gone.
"""

import time
from collections.abc import Callable

from rlhb_core.run.folder import RunDir


class Followers:
    """Those who follow one run, as its training process sees them. `patience_s` 0: it does not care."""

    def __init__(
        self, run: RunDir, patience_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._run = run
        self._patience_s = patience_s
        self._clock = clock
        self._seen = run.followed_ns()
        self._since = clock()

    def gone(self) -> str:
        """Why the run should stop, if nobody has followed it for too long; empty if it should go on."""
        seen, now = self._run.followed_ns(), self._clock()
        if seen != self._seen:
            self._seen, self._since = seen, now
        if not self._patience_s or now - self._since <= self._patience_s:
            return ""
        return (
            f"stopped because no server or command has followed it for {(now - self._since) / 60:.0f} minutes; "
            "it can be resumed"
        )
