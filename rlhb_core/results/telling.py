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
from scipy.stats import rankdata

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
    persons: Sequence[str],
    strata: Sequence[int] | None = None,
) -> Telling:
    """One number for each answer: how well it tells which won. `strata`: only within each of them."""
    values, positive = np.asarray(numbers, dtype=float), np.asarray(won, dtype=bool)
    if not len(values):
        return Telling(None, None, None, 0, 0, 0, "there is no answer that won or lost")
    _, who = np.unique(np.asarray(persons), return_inverse=True)
    of = np.zeros(len(values), dtype=int) if strata is None else np.asarray(strata)
    counts = (int(positive.sum()), int((~positive).sum()), int(who.max()) + 1)
    above = np.zeros(len(values))  # of how many of the other kind it is on its right side
    met = np.zeros(len(values))
    for stratum in np.unique(of):
        here = np.flatnonzero(of == stratum)
        up, down = here[positive[here]], here[~positive[here]]
        if len(up) and len(down):
            place = rankdata(values[here])
            rank = dict(zip(here.tolist(), place.tolist(), strict=True))
            mine = rankdata(values[up])
            theirs = rankdata(values[down])
            above[up] = np.array([rank[i] for i in up]) - mine
            above[down] = len(up) - (np.array([rank[i] for i in down]) - theirs)
            met[up], met[down] = len(down), len(up)
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


def _are_within_persons(strata: NDArray[np.int64], who: NDArray[np.int64]) -> bool:
    """Whether no stratum holds answers of two persons."""
    return len(np.unique(np.stack([strata, who]), axis=1).T) == len(np.unique(strata))


def _bounds(area: float, error: float) -> tuple[float, float]:
    """On the scale of log-odds, so that they stay between 0 and 1."""
    if not 0 < area < 1 or not error:
        return max(0.0, area - Z * error), min(1.0, area + Z * error)
    odds, wide = math.log(area / (1 - area)), Z * error / (area * (1 - area))
    return 1 / (1 + math.exp(wide - odds)), 1 / (1 + math.exp(-wide - odds))
