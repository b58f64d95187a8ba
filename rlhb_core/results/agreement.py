"""How far people agree beyond chance: Krippendorff's alpha, Cohen's and Fleiss' kappa, and the bare share.

Sources: Krippendorff, Content Analysis (2004), ch. 11; Cohen, Educational and Psychological Measurement 20 (1960);
Fleiss, Psychological Bulletin 76 (1971). What is not defined is said to be so, in a sentence, and never printed as 1.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

Level = Literal["nominal", "ordinal", "interval"]
Unit = Mapping[str, float]
"""What each person said of one item: person -> value. For nominal values the numbers are mere names."""


class Coefficient(NamedTuple):
    """One coefficient."""

    value: float | None
    """None: not defined, for the reason in `why`."""
    n: int
    """Items that at least two people judged."""
    judgements: int
    why: str = ""


NOBODY = "no item was judged by two people"
ALL_THE_SAME = "everybody always said the same, so there is no chance to compare with"


def agreement(units: Sequence[Unit]) -> Coefficient:
    """The share of pairs of people that said the same of the same item, over all such pairs."""
    shared = _shared(units)
    pairs = sum(len(unit) * (len(unit) - 1) for unit in shared)
    same = sum(count * (count - 1) for unit in shared for count in Counter(unit.values()).values())
    return _told(same / pairs if pairs else None, shared, NOBODY)


def alpha(units: Sequence[Unit], level: Level = "nominal") -> Coefficient:
    """Krippendorff's alpha: 1 minus observed over expected disagreement. People and gaps in any number."""
    shared = _shared(units)
    if not shared:
        return _told(None, shared, NOBODY)
    values = sorted({value for unit in shared for value in unit.values()})
    place = {value: index for index, value in enumerate(values)}
    met = np.zeros((len(values), len(values)))  # coincidences
    for unit in shared:
        counts = np.zeros(len(values))
        for value in unit.values():
            counts[place[value]] += 1
        met += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    each = met.sum(1)
    total = each.sum()
    apart = _distances(np.array(values), each, level)
    expected = (np.outer(each, each) * apart).sum() / (total - 1)
    if not expected:
        return _told(None, shared, ALL_THE_SAME)
    return _told(1 - (met * apart).sum() / expected, shared)


def cohen(units: Sequence[Unit], one: str, other: str) -> Coefficient:
    """Cohen's kappa of two people over the items that both judged."""
    shared = [
        {one: unit[one], other: unit[other]} for unit in units if one in unit and other in unit
    ]
    if not shared:
        return _told(None, shared, "there is no item that both judged")
    same = float(np.mean([unit[one] == unit[other] for unit in shared]))
    mine, theirs = (Counter(unit[who] for unit in shared) for who in (one, other))
    chance = sum(mine[value] * theirs[value] for value in mine) / len(shared) ** 2
    if chance == 1:
        return _told(None, shared, ALL_THE_SAME)
    return _told((same - chance) / (1 - chance), shared)


def fleiss(units: Sequence[Unit]) -> Coefficient:
    """Fleiss' kappa. It takes the same number of judgements of every item: those with another number are left out."""
    shared = _shared(units)
    if not shared:
        return _told(None, shared, NOBODY)
    usual = Counter(map(len, shared)).most_common(1)[0][0]
    shared = [unit for unit in shared if len(unit) == usual]
    values = sorted({value for unit in shared for value in unit.values()})
    counts = np.array([[list(unit.values()).count(value) for value in values] for unit in shared])
    same = ((counts * (counts - 1)).sum(1) / (usual * (usual - 1))).mean()
    chance = float(((counts.sum(0) / counts.sum()) ** 2).sum())
    if chance == 1:
        return _told(None, shared, ALL_THE_SAME)
    return _told(float((same - chance) / (1 - chance)), shared)


def _shared(units: Sequence[Unit]) -> list[Unit]:
    return [unit for unit in units if len(unit) > 1]


def _told(value: float | None, units: Sequence[Unit], why: str = "") -> Coefficient:
    said = sum(map(len, units))
    if value is None:
        return Coefficient(None, len(units), said, why)
    return Coefficient(float(value), len(units), said)


def _distances(values: np.ndarray, counts: np.ndarray, level: Level) -> np.ndarray:
    """Squared differences between values. [values, values]."""
    if level == "nominal":
        found: np.ndarray = 1.0 - np.eye(len(values))
        return found
    if level == "interval":
        return np.asarray((values[:, None] - values[None, :]) ** 2)
    below = np.cumsum(counts) - counts / 2  # the middle of each value's ranks
    return np.asarray((below[:, None] - below[None, :]) ** 2)
