"""Strengths with what else differs between answers held fixed: length and style as covariates of the choice.

An answer is picked with the odds e^(strength of its version + weights x covariates). Intervals: the sandwich clustered
by person. Does not know what the covariates are.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rlhb_core.results.choices import Array, Choice, stages
from rlhb_core.results.logit import Picks, derivatives, maximum, sandwich
from rlhb_core.results.strength import Undetermined


class Dressed(NamedTuple):
    """A choice, and what is known of each answer beside its version."""

    choice: Choice
    covariates: Mapping[str, Sequence[float]]
    """By version."""


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


RIDGE = 1e-4
"""Decides between covariates that go together, such as headings and lists: they share what they tell."""
LITTLE = 1e-2
"""Information below which picks say nothing of a strength, so that it would go on to infinity."""


def controlled(choices: Sequence[Dressed]) -> Controlled:
    """The greatest likelihood. Covariates are standardised over all answers.

    Raises Undetermined where no finite strengths and weights fit.
    """
    names = tuple(sorted({name for each in choices for name in each.choice.side_by_side}))
    if len(names) < 2:
        raise Undetermined("there are not two versions between which people chose")
    picks, who = _picks(choices, names)
    count = len(names)
    held = RIDGE * np.eye(picks.x.shape[-1])
    held[:count, :count] += 1 / count  # what all strengths have in common changes no likelihood
    found = maximum(picks, held)
    _, information, _ = derivatives(picks, found)
    if np.linalg.eigvalsh(_of_strengths(information, count) + 1 / count)[0] < LITTLE:
        raise Undetermined(
            "some version, or something that differs with it, decided every choice or never met the others, so no "
            "finite strength fits"
        )
    covariance = sandwich(picks, found, held, who)
    return Controlled(
        names,
        found[:count] - found[:count].mean(),
        covariance[:count, :count],
        found[count:],
        np.sqrt(np.diag(covariance)[count:]),
    )


def _of_strengths(information: Array, count: int) -> Array:
    """What is known of the strengths while the weights are free. [V, V]."""
    both = information[:count, count:]
    of_weights = np.linalg.pinv(information[count:, count:], rcond=1e-9, hermitian=True)
    found: Array = information[:count, :count] - both @ of_weights @ both.T
    return found


def _picks(
    choices: Sequence[Dressed], names: tuple[str, ...]
) -> tuple[Picks, "np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """One row for each pick that an order is made of: which version, then its covariates; and whose pick it is [N]."""
    rows = [(each, sorted(left), parts) for each in choices for left, parts in stages(each.choice)]
    count, most = len(names), max(len(left) for _, left, _ in rows)
    others = len(next(iter(choices[0].covariates.values()), ()))
    place = {name: at for at, name in enumerate(names)}
    x = np.zeros((len(rows), most, count + others))
    shares = np.zeros((len(rows), most))
    there = np.zeros((len(rows), most), dtype=bool)
    for n, (each, left, parts) in enumerate(rows):
        for k, name in enumerate(left):
            x[n, k, place[name]] = 1
            x[n, k, count:] = each.covariates[name]
            shares[n, k], there[n, k] = parts.get(name, 0.0), True
    spread = x[there][:, count:].std(0)
    x[..., count:] /= np.where(spread > 0, spread, 1.0)
    _, who = np.unique(np.array([each.choice.person for each, _, _ in rows]), return_inverse=True)
    return Picks(x, shares, there), who
