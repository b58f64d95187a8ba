"""Which answers somebody is shown of an item, and in which place. Pure: no store, no models.

Where more versions answer than stand side by side, some are drawn; with what probability each takes part is kept, for
without it nothing honest can be said later of who won how often.
"""

import math
import random
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple
from uuid import UUID

from app.store import Drawn

EVENLY = 0.2
"""Share of draws that is left to even chance however sure one is, so that each probability stays above zero."""
MOST_SETS = 3_000
"""More sets of versions than this are not weighed one by one: they are drawn evenly."""


class Candidate(NamedTuple):
    """An answer that can be shown: which one of which version."""

    version_id: UUID
    nth: int = 0


class Duel(NamedTuple):
    """How two versions have fared against each other."""

    wins: float
    losses: float


Duels = Callable[[UUID, UUID], Duel]


def evenly(first: UUID, second: UUID) -> Duel:
    """As if nothing were known of any two versions."""
    return Duel(0, 0)


def information(duel: Duel) -> float:
    """How much one more comparison narrows down which of two is better: the drop of its standard error.

    With one win and one loss beforehand, so that two that have never met are worth most.
    """
    count = duel.wins + duel.losses + 2
    share = (duel.wins + 1) / count
    deviation = math.sqrt(share * (1 - share))
    return deviation / math.sqrt(count) - deviation / math.sqrt(count + 1)


def drawn(
    candidates: Sequence[Candidate],
    side_by_side: int,
    rng: random.Random,
    duels: Duels | None = None,
) -> list[Drawn]:
    """So many of the candidates in page order, each with the probability that it takes part; all if they are few.

    With `duels` sets are drawn in proportion to the information that their pairs bring, but for a fifth that is left
    to even chance; else evenly. The order on the page is a uniform shuffle either way.
    """
    shown = min(side_by_side, len(candidates))
    if duels is None or shown == len(candidates) or shown < 2:
        chosen = rng.sample(list(candidates), shown)
        return [_drawn(each, shown / len(candidates)) for each in chosen]
    if math.comb(len(candidates), shown) > MOST_SETS:
        return drawn(candidates, side_by_side, rng)
    sets = list(combinations(candidates, shown))
    weights = [_weight(each, duels) for each in sets]
    total = sum(weights)
    probabilities = [
        EVENLY / len(sets) + (1 - EVENLY) * (weight / total if total else 1 / len(sets))
        for weight in weights
    ]
    (some,) = rng.choices(sets, probabilities)
    chosen = rng.sample(some, shown)
    takes_part = {
        each: sum(p for p, members in zip(probabilities, sets, strict=True) if each in members)
        for each in chosen
    }
    return [_drawn(each, min(1.0, takes_part[each])) for each in chosen]


def of_versions(version_ids: Sequence[UUID], side_by_side: int) -> list[Candidate]:
    """The candidates that these versions give: one each, or as many more as fill the page, as evenly as can be."""
    if not version_ids:
        return []
    rounds = max(1, math.ceil(side_by_side / len(version_ids)))
    every = [Candidate(version, nth) for nth in range(rounds) for version in version_ids]
    return every[: max(len(version_ids), side_by_side)]


def _weight(some: Sequence[Candidate], duels: Duels) -> float:
    return sum(
        information(duels(one.version_id, other.version_id))
        for one, other in combinations(some, 2)
        if one.version_id != other.version_id
    )


def _drawn(candidate: Candidate, probability: float) -> Drawn:
    return Drawn(version_id=candidate.version_id, nth=candidate.nth, probability=probability)
