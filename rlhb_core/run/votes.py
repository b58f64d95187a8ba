"""From comparisons to votes: who won among which answers, and rankings as votes.

Equal answers to one query are one answer here too, whoever wrote the records. Does not know models.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from uuid import UUID

from rlhb_core.run.sections import DataSettings
from rlhb_core.run.weights import person_weights
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.records import Comparison, Outcome, Triplet

TIE, ALL_BAD = -1, -2
"""Outcomes of a vote beside the index of the best response."""


@dataclass(frozen=True)
class Voted:
    """One vote: the index of the best response, TIE or ALL_BAD."""

    query: str
    responses: tuple[str, ...]
    outcome: int
    weight: float = 1.0
    strength: int = 0
    """Of the preference, 1 to 3; 0 if it was not told."""
    after: int = 0
    """Of a ranking: how many places stand above what was chosen from here."""


def votes_of(comparisons: Iterable[Comparison], settings: DataSettings) -> list[Voted]:
    """What a run learns from comparisons: votes and rankings among different answers, weighted by person."""
    found = [
        (comparison, votes)
        for comparison in comparisons
        if (settings.with_unblinded or not comparison.unblinded)
        and (votes := _ranked(comparison) if comparison.places else _vote(comparison))
    ]
    weights = person_weights([comparison.person for comparison, _ in found], settings.person_share)
    return [
        replace(vote, weight=weight * vote.weight)
        for (_, votes), weight in zip(found, weights, strict=True)
        for vote in votes
    ]


def _ranked(comparison: Comparison) -> list[Voted]:
    """A ranking as choices, each among what the ones before left (Plackett-Luce, doi 10.2307/2346567).

    Of several that share a place each is chosen from those below, together as one choice, and they tie with each other.
    """
    ranked = sorted(zip(comparison.places or (), comparison.responses, strict=True))
    best = {text.strip(): (place, text) for place, text in reversed(ranked)}
    groups = [
        [text for at, text in best.values() if at == place]
        for place in sorted({place for place, _ in best.values()})
    ]
    found = []
    for number, group in enumerate(groups):
        rest = [text for lower in groups[number + 1 :] for text in lower]
        if len(group) > 1:
            found.append(Voted(comparison.query, tuple(group), TIE, after=number))
        if rest:
            found += [
                Voted(comparison.query, (text, *rest), 0, 1 / len(group), after=number)
                for text in group
                if text.strip()
            ]
    return found


def _vote(comparison: Comparison) -> list[Voted]:
    """The vote among the different answers; none if it says nothing: fewer than two, or an empty one chosen."""
    texts = {text.strip(): text for text in reversed(comparison.responses)}
    said = list(dict.fromkeys(text.strip() for text in comparison.responses))
    outcome = {VoteChoice.TIE: TIE, VoteChoice.ALL_BAD: ALL_BAD}.get(comparison.choice)
    if comparison.choice is VoteChoice.BEST and (comparison.best or 0) < len(comparison.responses):
        best = "" if comparison.best is None else comparison.responses[comparison.best].strip()
        outcome = said.index(best) if best else None
    if outcome is None or len(said) < 2:
        return []
    responses = tuple(texts[each] for each in said)
    return [Voted(comparison.query, responses, outcome, strength=comparison.strength or 0)]


def drawn_votes(triplets: Sequence[Triplet], scores: Sequence[float], share: float) -> list[Voted]:
    """Votes that nobody gave: of two answers to the same query the higher score wins, equal scores tie.

    scores: one per triplet. All pairs of one query weigh as much as one vote. Failed answers are left out.
    """
    by_query: dict[UUID, list[tuple[Triplet, float]]] = defaultdict(list)
    for triplet, score in zip(triplets, scores, strict=True):
        if triplet.outcome is not Outcome.ERROR and triplet.response.strip():
            by_query[triplet.query_id].append((triplet, score))
    groups = [group for group in by_query.values() if len(group) > 1]
    weights = person_weights([group[0][0].person for group in groups], share)
    return [
        Voted(
            first.query,
            (first.response, second.response),
            TIE if high == low else int(low > high),
            weight / math.comb(len(group), 2),
        )
        for group, weight in zip(groups, weights, strict=True)
        for (first, high), (second, low) in combinations(group, 2)
    ]
