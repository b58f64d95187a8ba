"""Ties as an outcome of their own, for two side by side: Davidson, J. of the American Statistical Assoc. 65 (1970).

P(i over j) = e^si / (e^si + e^sj + v e^((si+sj)/2)), and a tie has the rest: v tells how readily people tie.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from rlhb_core.results.choices import Array, Choice
from rlhb_core.results.strength import Undetermined


class Tied(NamedTuple):
    """Strengths and how readily people tie."""

    strengths: dict[str, float]
    """Natural log-odds, mean 0."""
    ties: float
    """v: the odds of a tie between equals against either of them."""


def with_ties(choices: Iterable[Choice]) -> Tied:
    """The greatest likelihood. Raises Undetermined for more than two side by side, or for none."""
    counts: dict[tuple[str, str], Array] = {}
    for choice in choices:
        if len(choice.side_by_side) != 2:
            raise Undetermined("ties are modelled between two side by side only")
        a, b = sorted(choice.side_by_side)
        row = counts.setdefault((a, b), np.zeros(3))
        best = choice.groups[0]
        row[2 if len(best) == 2 else (0 if best[0] == a else 1)] += 1
    names = sorted({name for pair in counts for name in pair})
    if len(names) < 2:
        raise Undetermined("there are not two versions between which people chose")
    place = {name: index for index, name in enumerate(names)}
    first = np.array([place[a] for a, _ in counts])
    second = np.array([place[b] for _, b in counts])
    rows = np.array(list(counts.values()))  # [pairs, (first, second, tie)]

    def loss(values: Array) -> float:
        a, b = values[first], values[second]
        logits = np.stack([a, b, values[-1] + (a + b) / 2], 1)
        return float(-(rows * (logits - np.logaddexp.reduce(logits, 1)[:, None])).sum())

    begin = np.zeros(len(names) + 1)
    if not rows[:, 2].sum():
        raise Undetermined("nobody tied, so there is nothing to model")
    found = minimize(loss, begin, method="BFGS", options={"gtol": 1e-8}).x
    strengths = found[:-1] - found[:-1].mean()
    return Tied(dict(zip(names, map(float, strengths), strict=True)), float(np.exp(found[-1])))
