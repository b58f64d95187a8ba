"""Which two versions are told apart, and how many more votes it would take. Does not know where choices come from."""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from rlhb_core.results.choices import Array, Choice
from rlhb_core.results.shares import Share, Z, share

POWER_Z = 0.8416212335729143
"""Of the normal distribution, for a chance of 80 % to find what is there."""
MOST_MORE = 100_000
"""Beyond so many more votes it is not said how many."""


class Met(NamedTuple):
    """How one version fared against another where both stood side by side."""

    version: str
    other: str
    wins: int
    ties: int
    losses: int
    rate: Share
    """Of the wins, a tie counting half; interval clustered by person."""


class Apart(NamedTuple):
    """Whether one version is stronger than another."""

    stronger: str
    weaker: str
    difference: float
    """Of the strengths, in natural log-odds, never below 0."""
    low: float
    high: float
    chance: float
    """That the stronger one is picked of the two."""
    comparisons: int
    """In which both stood."""
    told_apart: bool
    more: int | None
    """Comparisons of the two that are still wanted to find this difference with a chance of 80 %; None: very many."""
    sentence: str


def met(choices: Iterable[Choice]) -> list[Met]:
    """Each version against each other one, both ways. Two that both lost to a third say nothing of each other."""
    told: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for choice in choices:
        place = {name: at for at, group in enumerate(choice.groups) for name in group}
        last = len(choice.groups)
        for one in choice.side_by_side:
            for other in choice.side_by_side:
                mine, theirs = place.get(one, last), place.get(other, last)
                if one != other and not mine == theirs == last:
                    points = 0.5 if mine == theirs else float(mine < theirs)
                    told[one, other].append((points, choice.person))
    found = []
    for (one, other), rows in sorted(told.items()):
        halves = [each for each, _ in rows]
        wins, ties, losses = (halves.count(wanted) for wanted in (1.0, 0.5, 0.0))
        rate = share(halves, [person for _, person in rows])
        found.append(Met(one, other, wins, ties, losses, rate))
    return found


def apart(
    versions: tuple[str, ...], strengths: Array, covariance: Array, both: dict[frozenset[str], int]
) -> list[Apart]:
    """Every two versions. strengths [V], covariance [V, V]; `both`: comparisons in which two stood."""
    order = np.argsort(-strengths, kind="stable")
    return [
        _apart(versions, strengths, covariance, int(i), int(j), both)
        for at, i in enumerate(order)
        for j in order[at + 1 :]
    ]


def side_by_side(choices: Iterable[Choice]) -> dict[frozenset[str], int]:
    """In how many choices each two versions stood."""
    found: dict[frozenset[str], int] = defaultdict(int)
    for choice in choices:
        for at, one in enumerate(choice.side_by_side):
            for other in choice.side_by_side[at + 1 :]:
                found[frozenset((one, other))] += 1
    return dict(found)


def _apart(
    versions: tuple[str, ...],
    strengths: Array,
    covariance: Array,
    i: int,
    j: int,
    both: dict[frozenset[str], int],
) -> Apart:
    one, other = versions[i], versions[j]
    difference = float(strengths[i] - strengths[j])
    error = math.sqrt(max(0.0, covariance[i, i] + covariance[j, j] - 2 * covariance[i, j]))
    low, high = difference - Z * error, difference + Z * error
    chance = 1 / (1 + math.exp(-difference))
    n = both.get(frozenset((one, other)), 0)
    is_told = low > 0
    more = None if is_told else _more(difference, error, n)
    return Apart(
        one, other, difference, low, high, chance, n, is_told, 0 if is_told else more,
        _sentence(one, other, chance, is_told, more),
    )  # fmt: skip


def _more(difference: float, error: float, n: int) -> int | None:
    """As many as make the error so small, since its square falls with their number."""
    if not n or not error or not difference:
        return None
    wanted = n * ((Z + POWER_Z) * error / difference) ** 2
    return math.ceil(wanted - n) if wanted - n <= MOST_MORE else None


def _sentence(one: str, other: str, chance: float, is_told: bool, more: int | None) -> str:
    if is_told:
        return (
            f"{one} is preferred to {other}: of the two it is picked in {chance:.0%} of the cases."
        )
    much = (
        f"about {more:,} more comparisons of the two" if more else "far more comparisons of the two"
    )
    return f"{one} and {other} cannot be told apart yet; {much} would do, if the difference is as it looks now."
