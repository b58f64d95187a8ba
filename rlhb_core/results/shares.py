"""A share of so many by people each of whom says much alike, with an interval that knows it.

Wilson's interval (JASA 22, 1927) of as many independent judgements as these are worth: n over the design effect, the
variance of the share clustered by person over that of a simple sample (Korn and Graubard, Survey Methodology 24, 1998).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Z = 1.959963984540054
"""Of the normal distribution, for 95 %."""


class Share(NamedTuple):
    """So large a share of so many."""

    value: float | None
    """None: there is nothing to take a share of."""
    low: float | None
    high: float | None
    n: int
    people: int


def share(hits: Sequence[float], persons: Sequence[str] | Sequence[int]) -> Share:
    """The mean of `hits` (each from 0 to 1), one for each judgement, and its 95 % interval clustered by person.

    Where judgements of one person alone are there, they are taken for independent: nothing tells otherwise.
    """
    n = len(hits)
    if not n:
        return Share(None, None, None, 0, 0)
    values = np.asarray(hits, dtype=float)
    _, who = np.unique(np.asarray(persons), return_inverse=True)
    mean = float(values.mean())
    low, high = _wilson(mean, n / _design_effect(values - mean, who))
    return Share(mean, low, high, n, int(who.max()) + 1)


def _design_effect(away: np.ndarray, who: np.ndarray) -> float:
    count = int(who.max()) + 1
    simple = float((away**2).sum()) * len(away) / max(1, len(away) - 1)
    if count < 2 or not simple:
        return 1.0
    sums = np.bincount(who, weights=away)
    return max(1.0, count / (count - 1) * float((sums**2).sum()) / simple)


def _wilson(mean: float, worth: float) -> tuple[float, float]:
    spread = Z**2 / worth
    middle = (mean + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(mean * (1 - mean) / worth + spread / (4 * worth))
    return max(0.0, middle - half), min(1.0, middle + half)
