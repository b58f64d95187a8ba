"""Ties as an outcome of their own, for two side by side: Davidson, J. of the American Statistical Assoc. 65 (1970).

P(i over j) = e^si / (e^si + e^sj + v e^((si+sj)/2)), and a tie has the rest: v tells how readily people tie.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from rlhb_core.results.choices import Array, Choice, Choices
from rlhb_core.results.strength import Strength, Undetermined, assembled, check


class Tied(NamedTuple):
    """Strengths and how readily people tie."""

    strengths: dict[str, float]
    """Natural log-odds, mean 0."""
    ties: float
    """v: the odds of a tie between equals against either of them."""


class _Counts(NamedTuple):
    """What two side by side came to, by person."""

    versions: tuple[str, ...]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    """Which versions the pairs are of. [pairs]."""
    outcomes: Array
    """First won, second won, tie. [persons, pairs, 3]."""


def with_ties(choices: Iterable[Choice]) -> Tied:
    """The greatest likelihood. Raises Undetermined for more than two side by side, or for none."""
    counts = _counted(choices)
    values = _fit(counts, counts.outcomes.sum(0))
    strengths = _strengths(values)
    return Tied(
        dict(zip(counts.versions, map(float, strengths), strict=True)), float(np.exp(values[-1]))
    )


def rank_with_ties(
    choices: Sequence[Choice], resamples: int = 200, seed: int = 0, anchor: str = ""
) -> tuple[list[Strength], float]:
    """All versions with intervals by a bootstrap over persons, the strongest first; and v. Raises Undetermined."""
    counted = Choices.of(choices)
    check(counted)
    counts = _counted(choices)
    rng = np.random.default_rng(seed)
    people = len(counts.outcomes)
    drawn = rng.multinomial(people, np.full(people, 1 / people), size=resamples).astype(float)
    values = _fit(counts, counts.outcomes.sum(0))
    # a little of each outcome keeps resamples finite in which one of them is not there
    resampled = np.array(
        [
            _strengths(_fit(counts, np.tensordot(weights, counts.outcomes, axes=1) + PRIOR))
            for weights in drawn
        ]
    )
    order = [counts.versions.index(name) for name in counted.versions]
    found, resampled = _strengths(values)[order], resampled[:, order]
    rows = assembled(counted, found, resampled, resampled.std(0), anchor=anchor)
    return rows, float(np.exp(values[-1]))


PRIOR = 0.01
"""Of each outcome."""


def _strengths(values: Array) -> Array:
    found: Array = values[:-1] - values[:-1].mean()
    return found


def _counted(choices: Iterable[Choice]) -> _Counts:
    told: dict[tuple[str, str], dict[str, Array]] = {}
    for choice in choices:
        if len(choice.side_by_side) != 2:
            raise Undetermined("ties are modelled between two side by side only")
        a, b = sorted(choice.side_by_side)
        rows = told.setdefault((a, b), {})
        best = choice.groups[0]
        row = rows.setdefault(choice.person, np.zeros(3))
        row[2 if len(best) == 2 else (0 if best[0] == a else 1)] += 1
    names = tuple(sorted({name for pair in told for name in pair}))
    if len(names) < 2:
        raise Undetermined("there are not two versions between which people chose")
    place = {name: index for index, name in enumerate(names)}
    persons = sorted({person for rows in told.values() for person in rows})
    outcomes = np.array(
        [[rows.get(person, np.zeros(3)) for rows in told.values()] for person in persons]
    )
    if not outcomes[..., 2].sum():
        raise Undetermined("nobody tied, so there is nothing to model")
    return _Counts(
        names,
        np.array([place[a] for a, _ in told]),
        np.array([place[b] for _, b in told]),
        outcomes,
    )


def _fit(counts: _Counts, rows: Array) -> Array:
    """Strengths and log v [V + 1] by the outcomes [pairs, 3]."""
    first, second = counts.first, counts.second
    times = rows.sum(1)

    def loss(values: Array) -> tuple[float, Array]:
        a, b = values[first], values[second]
        logits = np.stack([a, b, values[-1] + (a + b) / 2], 1)
        total = np.logaddexp.reduce(logits, 1)
        away = times[:, None] * np.exp(logits - total[:, None]) - rows
        gradient = np.zeros_like(values)
        np.add.at(gradient, first, away[:, 0] + away[:, 2] / 2)
        np.add.at(gradient, second, away[:, 1] + away[:, 2] / 2)
        gradient[-1] = away[:, 2].sum()
        return float(-(rows * logits).sum() + (times * total).sum()), gradient

    begin = np.zeros(len(counts.versions) + 1)
    found: Array = minimize(loss, begin, jac=True, method="BFGS", options={"gtol": 1e-8}).x
    return found
