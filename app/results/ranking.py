"""Which versions people prefer: strengths with intervals, every two against each other, and what it means in words."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, Field

from app.results.reading import FEWEST, Read, Reading, read
from app.results.wanted import Control, Part, Ties, Wanted
from app.store import Store, behaviors, choices
from rlhb_core.errors import BadConfig
from rlhb_core.results import (
    Choices,
    Controlled,
    Dressed,
    Strength,
    Undetermined,
    apart,
    controlled,
    fit,
    met,
    rank,
    rank_with_ties,
    rating,
    sandwich,
    side_by_side,
)
from rlhb_core.results.choices import Array
from rlhb_core.results.shares import Z
from rlhb_core.schema.records import Source

RESAMPLES = 1000
COVARIATES = {
    Control.NONE: (),
    Control.LENGTH: ("length",),
    Control.STYLE: ("length", *choices.STYLE),
}
"""What is held fixed: the logarithm of one more than each."""


class Ranked(BaseModel):
    """One version."""

    version: str
    strength: float = Field(description="Natural log-odds; their mean over versions is 0.")
    rating: float = Field(description="400 for every factor of ten in the odds, 1000 on average.")
    low: float = Field(description="Of the rating: 95 % interval.")
    high: float
    rank: int = Field(description="1 and the number of versions whose lower bound lies above.")
    comparisons: int = Field(description="In which it stood.")
    error: float = Field(description="Of the strength: its standard error, clustered by person.")


class Meeting(BaseModel):
    """One version against another."""

    version: str
    other: str
    wins: int
    ties: int
    losses: int
    rate: Part = Field(description="Share of wins, a tie counting half.")


class Difference(BaseModel):
    """Whether one version is stronger than another."""

    stronger: str
    weaker: str
    difference: float = Field(description="Of the strengths, natural log-odds.")
    low: float
    high: float
    chance: float = Field(description="That the stronger one is picked of the two.")
    comparisons: int = Field(description="In which both stood.")
    told_apart: bool
    more: int | None = Field(
        description="Comparisons of the two that are still wanted; null: very many."
    )
    sentence: str


class Weight(BaseModel):
    """How much something that is held fixed sways a choice."""

    what: str
    weight: float = Field(description="Log-odds for one standard deviation.")
    low: float
    high: float


class Ranking(BaseModel):
    """Which versions people prefer."""

    ranking: list[Ranked] = Field(
        description="The strongest first; empty where none is determined."
    )
    ties: Ties
    tie_odds: float | None = Field(
        description="How readily people tie: the odds of a tie between equals against either of them."
    )
    control: Control
    weights: list[Weight]
    anchor: str
    comparisons: int = Field(description="That say something.")
    people: int
    left_out: dict[str, int] = Field(description="Comparisons that say nothing, and why.")
    pairs: list[Difference]
    matrix: list[Meeting]
    sentences: list[str] = Field(description="What it means.")
    data: str = Field(description="The data, in words.")
    sources: list[Source] = Field(description="Its kinds, as they were asked for or as there are.")


def ranking_of(store: Store, wanted: Wanted) -> Ranking:
    """Raises BadConfig for an anchor that nobody judged, and for ties of their own where they cannot be."""
    behaviors.refresh(store)
    with store.reading() as connection:
        found = read(
            choices.chosen(
                connection,
                wanted.data,
                wanted.segment,
                with_style=wanted.control is Control.STYLE,
                with_untold=wanted.control is Control.NONE,
            )
        )
    versions = {name for choice in found.choices for name in choice.side_by_side}
    if wanted.anchor and wanted.anchor not in versions:
        raise BadConfig(
            f"no comparison has {wanted.anchor} in it; give one of {', '.join(sorted(versions))}"
            if versions
            else "there is no comparison yet, so that no version can be held against"
        )
    if wanted.ties is Ties.DAVIDSON and wanted.control is not Control.NONE:
        raise BadConfig("ties are modelled without holding anything fixed; choose one of the two")
    told = Ranking(
        ranking=[], ties=wanted.ties, tie_odds=None, control=wanted.control, weights=[],
        anchor=wanted.anchor, comparisons=len(found.rows), people=found.people,
        left_out={str(why): n for why, n in found.left_out.items()}, pairs=[], matrix=[],
        sentences=[], data=wanted.data.words(), sources=sorted(wanted.data.sources),
    )  # fmt: skip
    if not found.rows:
        told.sentences = ["Nobody has chosen between two versions in this data yet."]
        return told
    told.matrix = [
        Meeting(**(row._asdict() | {"rate": Part.of(row.rate)})) for row in met(found.choices)
    ]
    try:
        _rank(told, found, wanted)
    except Undetermined as why:
        told.sentences = [f"No ranking: {why}."]
        return told
    told.sentences = _sentences(told)
    return told


def _rank(told: Ranking, found: Reading, wanted: Wanted) -> None:
    if wanted.control is not Control.NONE:
        _controlled(told, found, wanted)
        return
    counted = Choices.of(found.choices)
    if wanted.ties is Ties.DAVIDSON:
        rows, told.tie_odds = rank_with_ties(found.choices, anchor=wanted.anchor)
    else:
        rows = rank(counted, RESAMPLES, anchor=wanted.anchor)
    told.ranking = [_ranked(row) for row in rows]
    strengths = fit(counted, counted.summed())
    told.pairs = _pairs(found, counted.versions, strengths, sandwich(counted, strengths))


def _controlled(told: Ranking, found: Reading, wanted: Wanted) -> None:
    names = COVARIATES[wanted.control]
    dress = [_dress(row, wanted.control) for row in found.rows]
    # what is the same in all answers of every comparison says nothing, and has no weight
    varied = [
        at for at in range(len(names))
        if any(len({values[at] for values in each.values()}) > 1 for each in dress)
    ]  # fmt: skip
    rows = [
        Dressed(
            row.choice,
            {version: [values[at] for at in varied] for version, values in each.items()},
        )
        for row, each in zip(found.rows, dress, strict=True)
    ]
    fitted = controlled(rows)
    errors = np.sqrt(np.diag(fitted.covariance))
    told.weights = [
        Weight(what=names[at], weight=weight, low=weight - Z * error, high=weight + Z * error)
        for at, weight, error in zip(
            varied, map(float, fitted.weights), map(float, fitted.errors), strict=True
        )
    ]
    stood = Counter(name for choice in found.choices for name in choice.side_by_side)
    told.ranking = _from_errors(told.anchor, fitted, errors, stood)
    told.pairs = _pairs(found, fitted.versions, fitted.strengths, fitted.covariance)


def _from_errors(
    anchor: str, fitted: Controlled, errors: Array, stood: Mapping[str, int]
) -> list[Ranked]:
    """With intervals by the sandwich; ranks are those without an anchor."""
    strengths, covariance = fitted.strengths, fitted.covariance
    low, high = strengths - Z * errors, strengths + Z * errors
    ranks = 1 + (low[None, :] > high[:, None]).sum(1)
    if anchor:
        at = fitted.versions.index(anchor)
        strengths = strengths - strengths[at]
        wide = np.diag(covariance) + covariance[at, at] - 2 * covariance[:, at]
        errors = np.sqrt(np.maximum(wide, 0))
        low, high = strengths - Z * errors, strengths + Z * errors
    rows = [
        Ranked(
            version=name,
            strength=float(strengths[i]),
            rating=rating(strengths[i]),
            low=rating(low[i]),
            high=rating(high[i]),
            rank=int(ranks[i]),
            comparisons=stood[name],
            error=float(errors[i]),
        )
        for i, name in enumerate(fitted.versions)
    ]
    return sorted(rows, key=lambda row: (-row.strength, row.version))


def _dress(row: Read, control: Control) -> dict[str, list[float]]:
    return {
        each.version: [math.log1p(each.length)]
        + ([math.log1p(count) for count in each.style] if control is Control.STYLE else [])
        for each in row.answers
    }


def _pairs(
    found: Reading, versions: tuple[str, ...], strengths: Array, covariance: Array
) -> list[Difference]:
    both = side_by_side(found.choices)
    return [Difference(**row._asdict()) for row in apart(versions, strengths, covariance, both)]


def _ranked(row: Strength) -> Ranked:
    told = row._asdict()
    return Ranked(error=told.pop("standard_error"), **told)


def _sentences(told: Ranking) -> list[str]:
    """What it means, the most important first."""
    first = told.ranking[0].version
    rivals = [row for row in told.pairs if first in (row.stronger, row.weaker)]
    beaten = [row.weaker for row in rivals if row.told_apart]
    said = []
    if len(beaten) == len(rivals):
        said.append(f"People prefer {first} to every other version.")
    elif beaten:
        said.append(
            f"{first} stands first. It is told apart from {_listed(beaten)}, not from the others."
        )
    else:
        said.append(f"{first} stands first, and no other version is told apart from it yet.")
    said += [row.sentence for row in rivals if not row.told_apart][:3]
    said += [_of(weight) for weight in told.weights]
    if told.people < FEWEST:
        whose = "one person" if told.people == 1 else f"{told.people} people"
        said.append(
            f"All of it was said by {whose}: the intervals are about their next choices, not about other people."
        )
    elif told.people < FEW:
        said.append(
            f"Only {told.people} people chose: with fewer than {FEW} the intervals are rather too narrow."
        )
    return said


FEW = 10
"""People below whose number intervals clustered by person are too narrow."""


def _of(weight: Weight) -> str:
    if weight.low <= 0 <= weight.high:
        return f"Nothing shows that {weight.what} sways people, versions held fixed."
    more = "more" if weight.weight > 0 else "less"
    odds = math.exp(abs(weight.weight))
    return f"With {more} {weight.what} answers are chosen rather, by {odds:.2f} to 1 for a standard deviation."


def _listed(names: Sequence[str]) -> str:
    *head, last = names
    return f"{', '.join(head)} and {last}" if head else last
