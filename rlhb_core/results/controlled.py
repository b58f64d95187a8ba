"""Strengths with what else differs between answers held fixed: length and style as covariates of the choice.

McFadden's conditional logit (Frontiers in Econometrics, 1974): an answer is picked with the odds e^(strength of its
version + weights x covariates). Intervals: the sandwich clustered by person. Does not know what the covariates are.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlhb_core.results.choices import Array
from rlhb_core.results.strength import ENOUGH, MOST_STEPS, Undetermined


class Pick(NamedTuple):
    """One pick among some answers."""

    person: str
    versions: tuple[str, ...]
    covariates: tuple[tuple[float, ...], ...]
    """Of each answer."""
    shares: tuple[float, ...]
    """How much of the pick each got, 1 in all: half each for a tie of two."""


class Controlled(NamedTuple):
    """Strengths beside the weights of the covariates."""

    versions: tuple[str, ...]
    strengths: Array
    """[V], natural log-odds, mean 0."""
    covariance: Array
    """[V, V]."""
    weights: Array
    """[C], log-odds for one standard deviation of a covariate."""
    errors: Array
    """[C], their standard errors."""


RIDGE = 1e-6
"""Keeps the step finite in directions of which the picks say nothing."""
LITTLE = 1e-3
"""Information below which picks say nothing of a direction, so that it would go on to infinity."""


def controlled(picks: Sequence[Pick]) -> Controlled:
    """The greatest likelihood. Covariates are standardised over all answers.

    Raises Undetermined where no finite strengths and weights fit.
    """
    names = tuple(sorted({name for pick in picks for name in pick.versions}))
    if len(names) < 2:
        raise Undetermined("there are not two versions between which people chose")
    persons, x, shares, there = _as_arrays(picks, names)
    size = x.shape[-1]
    found, information = np.zeros(size), np.zeros((size, size))
    # What all strengths have in common changes no likelihood.
    held = RIDGE * np.eye(size)
    held[: len(names), : len(names)] += 1 / len(names)
    for _ in range(MOST_STEPS):
        picked, middle = _expected(x, there, found)
        gradient = np.einsum("nk,nkd->d", shares - picked, x)
        information = np.einsum("nk,nkd,nke->de", picked, x, x) - middle.T @ middle
        step = np.linalg.solve(information + held, gradient)
        longest = float(np.abs(step).max())
        found = found + step * min(1.0, 2.0 / max(longest, 1e-300))
        found[: len(names)] -= found[: len(names)].mean()
        if longest < ENOUGH:
            break
    if np.linalg.eigvalsh(information + held)[0] < LITTLE:
        raise Undetermined(
            "some version, or something that differs with it, decided every choice or never met the others, so no "
            "finite strength fits"
        )
    covariance = _sandwich(x, shares, there, found, persons, held)
    count = len(names)
    return Controlled(
        names,
        found[:count],
        covariance[:count, :count],
        found[count:],
        np.sqrt(np.diag(covariance)[count:]),
    )


def _as_arrays(
    picks: Sequence[Pick], names: tuple[str, ...]
) -> tuple[NDArray[np.int64], Array, Array, NDArray[np.bool_]]:
    """Persons [N], answers [N, K, V + C] (which version, then covariates), shares [N, K], which are there [N, K]."""
    most = max(len(pick.versions) for pick in picks)
    others = len(picks[0].covariates[0])
    place = {name: at for at, name in enumerate(names)}
    x = np.zeros((len(picks), most, len(names) + others))
    shares = np.zeros((len(picks), most))
    there = np.zeros((len(picks), most), dtype=bool)
    for n, pick in enumerate(picks):
        for k, name in enumerate(pick.versions):
            x[n, k, place[name]] = 1
            x[n, k, len(names) :] = pick.covariates[k]
            shares[n, k], there[n, k] = pick.shares[k], True
    spread = x[there][:, len(names) :].std(0) if others else np.zeros(0)
    x[..., len(names) :] /= np.where(spread > 0, spread, 1.0)
    _, persons = np.unique(np.array([pick.person for pick in picks]), return_inverse=True)
    return persons, x, shares, there


def _expected(x: Array, there: NDArray[np.bool_], found: Array) -> tuple[Array, Array]:
    """How probably each answer is picked [N, K], and the mean of what is picked [N, D]."""
    odds = np.where(there, x @ found, -np.inf)
    odds = np.exp(odds - odds.max(1, keepdims=True))
    picked = odds / odds.sum(1, keepdims=True)
    return picked, np.einsum("nk,nkd->nd", picked, x)


def _sandwich(
    x: Array,
    shares: Array,
    there: NDArray[np.bool_],
    found: Array,
    persons: NDArray[np.int64],
    held: Array,
) -> Array:
    picked, middle = _expected(x, there, found)
    information = np.einsum("nk,nkd,nke->de", picked, x, x) - middle.T @ middle
    bread = np.linalg.inv(information + held)
    scores = np.einsum("nk,nkd->nd", shares - picked, x)
    count = int(persons.max()) + 1
    sums = np.zeros((count, x.shape[-1]))
    np.add.at(sums, persons, scores)
    few = count / (count - 1) if count > 1 else 1.0
    found_covariance: Array = bread @ (few * sums.T @ sums) @ bread
    return found_covariance
