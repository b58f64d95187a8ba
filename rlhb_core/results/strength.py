"""How strong versions are, by what people picked, with intervals that know that one person's choices are alike.

Bradley-Terry for two side by side, Luce's choice for more, Plackett-Luce for rankings: one likelihood, and its maximum.
Sources: Bradley and Terry, Biometrika 39 (1952); Luce, Individual Choice Behavior (1959); Plackett, Applied Statistics
24 (1975); the sandwich of clustered data: Liang and Zeger, Biometrika 73 (1986). Does not know where choices come from.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from rlhb_core.results.choices import Array, Choices

RATING_PER_NAT = 400 / math.log(10)
MEAN_RATING = 1000.0
MOST_STEPS = 100
ENOUGH = 1e-10
"""Newton stops once no strength moves more."""
PRIOR = 1e-3
"""Picks that keep the strengths of a resample finite in which somebody never loses."""


class Undetermined(ValueError):
    """These choices do not determine strengths; the text says why, in a sentence."""


class Strength(NamedTuple):
    """How strong one version is."""

    version: str
    strength: float
    """Natural log-odds; their mean over versions is 0."""
    rating: float
    """400 points for every factor of ten in the odds, 1000 on average."""
    low: float
    """Of the rating: 95 % interval."""
    high: float
    rank: int
    """1 and the number of versions whose lower bound lies above this one's upper bound."""
    comparisons: int
    standard_error: float
    """Of the strength, by the sandwich clustered by person."""


def rank(
    choices: Choices, resamples: int = 1000, seed: int = 0, level: float = 0.95, anchor: str = ""
) -> list[Strength]:
    """All versions, the strongest first. Intervals: percentiles of a bootstrap over persons.

    `anchor`: the version that all others are held against; its rating is then the mean one, and sure.
    Raises Undetermined where some versions never met, or some never lost to any of the others.
    """
    check(choices)
    found = fit(choices, choices.summed())
    errors = np.sqrt(np.diag(sandwich(choices, found)))
    return assembled(choices, found, bootstrapped(choices, resamples, seed), errors, level, anchor)


def assembled(
    choices: Choices,
    found: Array,
    resampled: Array,
    errors: Array,
    level: float = 0.95,
    anchor: str = "",
) -> list[Strength]:
    """The strengths with their bounds as a table, the strongest first; ranks are those without an anchor.

    found and errors: [versions], resampled: [resamples, versions], in log-odds.
    """
    low, high = _bounds(resampled, level)
    ranks = 1 + (low[None, :] > high[:, None]).sum(1)
    if anchor:
        at = choices.versions.index(anchor)
        found, resampled = found - found[at], resampled - resampled[:, [at]]
        low, high = _bounds(resampled, level)
    rows = [
        Strength(
            name,
            float(found[i]),
            rating(found[i]),
            rating(low[i]),
            rating(high[i]),
            int(ranks[i]),
            int(choices.judged[i]),
            float(errors[i]),
        )
        for i, name in enumerate(choices.versions)
    ]
    return sorted(rows, key=lambda row: (-row.strength, row.version))


def _bounds(resampled: Array, level: float) -> tuple[Array, Array]:
    tail = (1 - level) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    return low, high


def rating(strength: float) -> float:
    """Log-odds as points."""
    return float(MEAN_RATING + RATING_PER_NAT * strength)


def check(choices: Choices) -> None:
    """Raise Undetermined unless every version beat, over some others in between, every other one."""
    if len(choices.versions) < 2:
        raise Undetermined("there are not two versions between which people chose")
    picks, members = choices.summed(), choices.members
    size = len(choices.versions)
    beat = np.zeros((size, size))
    for line in range(len(choices.sets)):
        beat += np.outer(picks[line] > 0, members[line])
    np.fill_diagonal(beat, 0)
    parts, _ = connected_components(beat, directed=False)
    if parts > 1:
        raise Undetermined(
            "some versions never stood beside any of the others, directly or by way of a third, so they cannot be "
            "told apart"
        )
    parts, of = connected_components(beat, directed=True, connection="strong")
    if parts > 1:
        first = [name for name, part in zip(choices.versions, of, strict=True) if part == of[0]]
        others = [name for name in choices.versions if name not in first]
        raise Undetermined(
            f"between {', '.join(first)} and {', '.join(others)} only one side was ever picked, so no finite strength "
            "fits; a few more votes will do"
        )


def fit(choices: Choices, picks: Array, prior: float = 0.0) -> Array:
    """The strengths of the greatest likelihood, by Newton; mean 0. picks: [..., sets, versions] -> [..., versions].

    `prior`: so many picks of each version against its mean, which keep strengths finite.
    """
    members = choices.members
    size = len(choices.versions)
    # What all strengths have in common changes no likelihood: held in place by the last term.
    held = prior * np.eye(size) + np.full((size, size), 1 / size)
    found = np.zeros((*picks.shape[:-2], size))
    for _ in range(MOST_STEPS):
        gradient, information = derivatives(found, picks, members)
        gradient = gradient - prior * found
        step = np.linalg.solve(information + held, gradient[..., None])[..., 0]
        longest = np.abs(step).max(-1, keepdims=True)
        found = found + step * np.minimum(1.0, 2.0 / np.maximum(longest, 1e-300))
        found = found - found.mean(-1, keepdims=True)
        if longest.max() < ENOUGH:
            break
    return found


def derivatives(strengths: Array, picks: Array, members: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Gradient [..., V] and negative Hessian [..., V, V] of the log-likelihood of picks [..., sets, V]."""
    shares = picked(strengths, members)
    expected = picks.sum(-1, keepdims=True) * shares
    gradient = (picks - expected).sum(-2)
    diagonal = expected.sum(-2)[..., None] * np.eye(members.shape[1])
    return gradient, diagonal - np.swapaxes(shares, -1, -2) @ expected


def picked(strengths: Array, members: NDArray[np.bool_]) -> Array:
    """How probably each version is picked of each set. [..., V] -> [..., sets, V]."""
    odds = np.exp(strengths - strengths.max(-1, keepdims=True))
    among = np.where(members, odds[..., None, :], 0.0)
    found: Array = among / among.sum(-1, keepdims=True)
    return found


def sandwich(choices: Choices, strengths: Array) -> Array:
    """Covariance of the strengths, clustered by person. [versions, versions]."""
    shares = picked(strengths, choices.members)
    _, information = derivatives(strengths, choices.summed(), choices.members)
    bread = np.linalg.pinv(information, hermitian=True)  # within mean 0
    times = choices.picks.sum(2)  # [persons, sets]
    scores = choices.picks.sum(1) - times @ shares  # [persons, versions]
    count = len(choices.persons)
    few = count / (count - 1) if count > 1 else 1.0
    found: Array = bread @ (few * scores.T @ scores) @ bread
    return found


def bootstrapped(choices: Choices, resamples: int, seed: int) -> Array:
    """The strengths of resamples of persons. [resamples, versions]."""
    rng = np.random.default_rng(seed)
    count = len(choices.persons)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples).astype(float)
    return fit(choices, choices.summed(drawn), PRIOR)
