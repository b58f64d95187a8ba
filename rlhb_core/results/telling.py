"""How well a number tells answers that won from answers that lost: the area under the ROC curve, clustered by person.

Source of the variance: Obuchowski, Biometrics 53 (1997), with the placements of DeLong et al., Biometrics 44 (1988).
Within strata only answers of one stratum are held against each other, so that what differs between them (people,
lengths) can tell nothing.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlhb_core.results.shares import Z

Array = NDArray[np.float64]


class Telling(NamedTuple):
    """How well a number tells won from lost."""

    auc: float | None
    """Chance that of one that won and one that lost, the one that won has the greater number; None: not defined."""
    low: float | None
    high: float | None
    won: int
    lost: int
    people: int
    why: str = ""


def telling(
    numbers: Sequence[float],
    won: Sequence[bool],
    persons: Sequence[str] | Sequence[int],
    strata: Sequence[int] | None = None,
) -> Telling:
    """One number for each answer: how well it tells which won. `strata`: only within each of them.

    persons: their names, or numbers in place of them.
    """
    values, positive = np.asarray(numbers, dtype=float), np.asarray(won, dtype=bool)
    if not len(values):
        return Telling(None, None, None, 0, 0, 0, "there is no answer that won or lost")
    _, who = np.unique(np.asarray(persons), return_inverse=True)
    of = np.zeros(len(values), dtype=int) if strata is None else np.asarray(strata)
    counts = (int(positive.sum()), int((~positive).sum()), int(who.max()) + 1)
    # of how many of the other kind of its stratum it is on its right side, and how many there are
    above, met = _placements(values, positive, of)
    pairs = met[positive].sum()
    if not pairs:
        return Telling(None, None, None, *counts, why="nothing that won meets anything that lost")
    area = float(above[positive].sum() / pairs)
    # Each person's part in numerator less its expectation; a pair counts with both of its sides.
    parts: Array = np.bincount(who, weights=above - area * met).astype(float)
    if _are_within_persons(of, who):
        parts = (
            parts / 2
        )  # then both sides are of the same person, and a pair is one thing that they said
    people = int((np.bincount(who, weights=met) > 0).sum())
    few = people / (people - 1) if people > 1 else 1.0
    error = math.sqrt(few * float((parts**2).sum())) / pairs
    if people < 2:
        return Telling(area, None, None, *counts, why="one person alone gives no interval")
    low, high = _bounds(area, error)
    return Telling(area, low, high, *counts)


def _placements(
    values: Array, positive: NDArray[np.bool_], strata: NDArray[np.int64]
) -> tuple[Array, Array]:
    """For each answer, how many of the other kind in its stratum lie on its right side, and how many there are.

    One that is equal counts half.
    """
    _, of = np.unique(strata, return_inverse=True)
    groups = int(of.max()) + 1
    ups = np.bincount(of[positive], minlength=groups)
    downs = np.bincount(of[~positive], minlength=groups)
    met = np.where(positive, downs[of], ups[of]).astype(float)
    everywhere = _ranks(values, of)
    above = np.zeros(len(values))
    for kind in (positive, ~positive):
        above[kind] = everywhere[kind] - _ranks(values[kind], of[kind])
    above[~positive] = ups[of[~positive]] - above[~positive]
    return np.where(met > 0, above, 0.0), np.where((ups[of] > 0) & (downs[of] > 0), met, 0.0)


def _ranks(values: Array, of: NDArray[np.int64]) -> Array:
    """Mid-ranks within each group, from 1. `of`: the group of each value."""
    order = np.lexsort((values, of))
    sorted_of, sorted_values = of[order], values[order]
    begins = np.r_[True, sorted_of[1:] != sorted_of[:-1]]
    new = begins | np.r_[True, sorted_values[1:] != sorted_values[:-1]]
    first = np.flatnonzero(new)
    ends = np.r_[first[1:], len(order)]
    middle = (first + ends - 1) / 2  # of those that are equal
    start = np.flatnonzero(begins)[np.cumsum(begins) - 1]
    found = np.empty(len(order))
    found[order] = middle[np.cumsum(new) - 1] - start + 1
    return found


def _are_within_persons(strata: NDArray[np.int64], who: NDArray[np.int64]) -> bool:
    """Whether no stratum holds answers of two persons."""
    _, of = np.unique(strata, return_inverse=True)
    both = of * (int(who.max()) + 1) + who
    return len(np.unique(both)) == int(of.max()) + 1


def _bounds(area: float, error: float) -> tuple[float, float]:
    """On the scale of log-odds, so that they stay between 0 and 1."""
    if not 0 < area < 1 or not error:
        return max(0.0, area - Z * error), min(1.0, area + Z * error)
    odds, wide = math.log(area / (1 - area)), Z * error / (area * (1 - area))
    return 1 / (1 + math.exp(wide - odds)), 1 / (1 + math.exp(-wide - odds))
