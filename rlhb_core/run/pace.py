"""How far a run has come and how long it will take: one estimate that people can rely on.

The share of the run that is done never falls. The time left runs down with the clock and is drawn toward what the pace
so far says; it rises only where that is clearly more than was said. Knows the stages by name and size,
not what they do.
"""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

TRUST = 0.3
"""How far an estimate moves toward what the newest step says."""
REASON = 1.5
"""The time left rises only where the pace so far says more than so many times of it."""
MEMORY = 8
"""Steps of a stage whose time makes the pace."""
FIRST_STEPS = 2
"""Steps before which nothing is said: the first one of a process is slower than all others."""


class Outlook(NamedTuple):
    """Where a run stands."""

    share: float
    seconds_left: float | None


class Pace:
    """Watches the steps of one process of a run. `costs`: the run's stages in order, and what each costs."""

    def __init__(
        self, costs: Mapping[str, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._costs = dict(costs)
        self._whole = max(1e-9, sum(self._costs.values()))
        self._clock = clock
        self._stage = ""
        self._step = 0
        self._steps = 0
        self._per_step = 0.0  # seconds of a step of this stage
        self._per_cost = 0.0  # seconds of a unit of cost, for the stages to come
        self._spent = self._earned = 0.0
        self._last = clock()
        self._said: tuple[float, float] | None = None  # when, and how many seconds

    def begin(self, stage: str, step: int) -> None:
        """A stage is taken up after this step; getting it ready counts neither for it nor for the others."""
        self._stage, self._step, self._steps, self._per_step = stage, step, 0, 0.0
        self._last = self._clock()

    def step(self, step: int, total: int) -> Outlook:
        """A step of the stage is done."""
        now = self._clock()
        took, self._last = now - self._last, now
        cost = self._costs[self._stage] / max(1, total)
        self._steps += 1
        self._step = step
        self._per_step += (took - self._per_step) / min(self._steps, MEMORY)
        self._spent, self._earned = self._spent + took, self._earned + cost
        self._per_cost = self._spent / self._earned if self._earned else 0.0
        before, after = self._around()
        done = before + self._costs[self._stage] * step / max(1, total)
        raw = (total - step) * self._per_step + after * self._per_cost
        return Outlook(min(1.0, done / self._whole), self._settled(now, raw))

    def _around(self) -> tuple[float, float]:
        """What the stages before this one cost, and those after it."""
        names = list(self._costs)
        at = names.index(self._stage)
        return (
            sum(self._costs[name] for name in names[:at]),
            sum(self._costs[name] for name in names[at + 1 :]),
        )

    def _settled(self, now: float, raw: float) -> float | None:
        if not raw:
            return 0.0
        if self._said is None:
            if self._steps < FIRST_STEPS:
                return None
            self._said = now, raw
            return raw
        when, seconds = self._said
        due = max(0.0, seconds - (now - when))  # what was said, run down by the clock
        found = min(seconds, due + TRUST * (raw - due)) if raw <= REASON * seconds else raw
        self._said = now, found
        return found
