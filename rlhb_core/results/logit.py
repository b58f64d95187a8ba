"""The conditional logit: one of some things is picked with the odds e^(weights x what is known of it).

McFadden, Frontiers in Econometrics (1974). Shapes: picks N, things of a pick K, what is known of each D. Knows neither
versions nor covariates (`controlled.py`, `foresight.py`).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlhb_core.results.choices import Array

MOST_STEPS = 100
ENOUGH = 1e-10
"""Newton stops once no weight moves more."""


class Picks(NamedTuple):
    """What was picked of what."""

    x: Array
    """[N, K, D]."""
    parts: Array
    """How much of the pick each thing got; their sum is the weight of the pick. [N, K]."""
    there: NDArray[np.bool_]
    """Which things are there. [N, K]."""

    def rows(self, chosen: NDArray[np.bool_]) -> "Picks":
        """Some of the picks. chosen: [N]."""
        return Picks(self.x[chosen], self.parts[chosen], self.there[chosen])


def maximum(picks: Picks, held: Array) -> Array:
    """The weights of the greatest likelihood, by Newton. held: what holds them in place, [D, D]. -> [D]."""
    found: Array = np.zeros(picks.x.shape[-1])
    for _ in range(MOST_STEPS):
        gradient, information, _ = derivatives(picks, found)
        step = np.linalg.solve(information + held, gradient - held @ found)
        longest = float(np.abs(step).max())
        found = found + step * min(1.0, 2.0 / max(longest, 1e-300))
        if longest < ENOUGH:
            break
    return found


def probabilities(picks: Picks, weights: Array) -> Array:
    """How probably each thing is picked. [N, K]."""
    odds = np.where(picks.there, picks.x @ weights, -np.inf)
    odds = np.exp(odds - odds.max(1, keepdims=True))
    found: Array = odds / odds.sum(1, keepdims=True)
    return found


def derivatives(picks: Picks, weights: Array) -> tuple[Array, Array, Array]:
    """Gradient [D] and negative Hessian [D, D] of the log-likelihood; and the gradient of each pick [N, D]."""
    times = picks.parts.sum(1)
    picked = probabilities(picks, weights)
    scores = ((picks.parts - times[:, None] * picked)[:, None] @ picks.x)[:, 0]
    middle = (picked[:, None] @ picks.x)[:, 0]
    flat = picks.x.reshape(-1, picks.x.shape[-1])
    information = ((times[:, None] * picked).reshape(-1, 1) * flat).T @ flat
    information -= (times[:, None] * middle).T @ middle
    return scores.sum(0), information, scores


def sandwich(picks: Picks, weights: Array, held: Array, persons: NDArray[np.int64]) -> Array:
    """Covariance of the weights, clustered by person. persons: [N] -> [D, D]."""
    _, information, scores = derivatives(picks, weights)
    bread = np.linalg.inv(information + held)
    count = int(persons.max()) + 1
    sums = np.zeros((count, scores.shape[1]))
    np.add.at(sums, persons, scores)
    few = count / (count - 1) if count > 1 else 1.0
    found: Array = bread @ (few * sums.T @ sums) @ bread
    return found
