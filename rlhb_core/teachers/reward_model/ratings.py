"""Ratings of aspects as numbers to foresee, made comparable between people. Knows no model.

How good an answer is on its own is another question than which of two is better: no vote is made of a rating here, nor
a rating of a vote.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rlhb_core.run.config import RunConfig
from rlhb_core.run.data import WITH_TEXT, Split, enough, parted
from rlhb_core.run.weights import person_weights
from rlhb_core.schema.records import Outcome, Triplet
from rlhb_core.teachers.reward_model.settings import RewardModelSettings

PRIOR = 4.0
"""How many ratings the habits of all weigh against a person's own: who rated little is taken to rate as all do."""
LEAST_SPREAD = 0.1
"""Of ratings, where everybody gave the same one."""


@dataclass(frozen=True)
class Rated:
    """One answer and how one person rated it."""

    query: str
    response: str
    ended: bool
    person: str | None
    ratings: tuple[float, ...]
    """By aspect, in the order of the setting; NaN where none was given. From 1 to 5, or as `Habits` tells them."""
    weight: float = 1.0


class Habits:
    """How each person rates each aspect: mean and spread of what they gave, shrunk toward those of all."""

    def __init__(self, rated: Sequence[Rated]) -> None:
        self._aspects = len(rated[0].ratings) if rated else 0
        self._of_all = [_mean_and_spread(_given(rated, each)) for each in range(self._aspects)]
        by_person: dict[str | None, list[Rated]] = defaultdict(list)
        for row in rated:
            by_person[row.person].append(row)
        self._of_one = {
            person: [
                _mean_and_spread(_given(rows, each), self._of_all[each])
                for each in range(self._aspects)
            ]
            for person, rows in by_person.items()
        }

    def standardised(self, row: Rated) -> tuple[float, ...]:
        """A row's ratings as (rating - mean) / spread of its person; of one who is not known, of all."""
        habits = self._of_one.get(row.person, self._of_all)
        return tuple(
            (rating - mean) / spread
            for rating, (mean, spread) in zip(row.ratings, habits, strict=True)
        )


def _given(rows: Iterable[Rated], aspect: int) -> list[float]:
    return [row.ratings[aspect] for row in rows if not math.isnan(row.ratings[aspect])]


def _mean_and_spread(
    given: Sequence[float], prior: tuple[float, float] | None = None
) -> tuple[float, float]:
    mean, spread = prior or (0.0, 0.0)
    weight = PRIOR if prior else 0.0
    count = max(len(given) + weight, 1.0)
    found = (sum(given) + weight * mean) / count
    squares = sum((rating - found) ** 2 for rating in given) + weight * spread**2
    return found, max(math.sqrt(squares / count), LEAST_SPREAD)


def ratings(config: RunConfig, split: Split) -> tuple[list[Rated], list[Rated]]:
    """Training and held-out: the answers that were rated on an aspect of the setting, weighted by person."""
    aspects = config.section(RewardModelSettings).aspects
    rows = [each for each in split.chosen if _is_rated(each, aspects)]
    weights = person_weights([row.person for row in rows], config.data.person_share)
    return parted(
        [
            Rated(
                row.asked,
                row.response,
                row.outcome not in (Outcome.STOPPED, Outcome.CUT),
                row.person,
                tuple(row.behavior_features.ratings.get(each, math.nan) for each in aspects),
                weight,
            )
            for row, weight in zip(rows, weights, strict=True)
        ],
        config.data,
    )


def _is_rated(triplet: Triplet, aspects: Iterable[str]) -> bool:
    is_whole = triplet.outcome in WITH_TEXT and bool(triplet.response.strip())
    return is_whole and not triplet.behavior_features.ratings.keys().isdisjoint(aspects)


def check_ratings(config: RunConfig, split: Split) -> None:
    """Raise NotEnoughData naming an aspect that lacks ratings."""
    aspects = config.section(RewardModelSettings).aspects
    parts = ratings(config, split) if aspects else ()
    for place, aspect in enumerate(aspects):
        found = [len(_given(part, place)) for part in parts]
        kind = f"answers rated on {aspect!r}"
        enough(sum(found), config.data.min_comparisons, kind)
        for count in found:
            enough(count, 2, f"{kind} on one side of the held-out split", "more queries")
