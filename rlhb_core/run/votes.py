"""From records to judgements: which answers somebody called better than which, by a vote, a ranking or an edit.

Equal answers to one query are one answer here too, whoever wrote the records. Does not know models.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from uuid import UUID

from rlhb_core.run.sections import DataSettings
from rlhb_core.run.weights import person_weights
from rlhb_core.schema.answers import failed, preferred
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.records import AGAIN, Comparison, Outcome, Triplet

TIE, ALL_BAD = -1, -2
"""Outcomes of a vote beside the index of the best response."""


@dataclass(frozen=True)
class Voted:
    """One judgement of one person: the index of the best response, TIE or ALL_BAD."""

    query: str
    responses: tuple[str, ...]
    outcome: int
    weight: float = 1.0
    strength: int = 0
    """Of the preference, 1 to 3; 0 if it was not told."""
    places: tuple[int, ...] | None = None
    """Of a ranking, and of an edit: the place of each response from 1, the best, without gaps; equal ones are tied.
    `outcome` then speaks of the first place: who stands there alone, or TIE.
    """
    edit: bool = False
    """The first response is what somebody made of the second one: a tie of the two was nothing they could say."""

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """(better, worse), by index: each two responses of which it says which is better."""
        best = self.outcome if self.outcome >= 0 else None
        return list(preferred(self.places, best, len(self.responses)))

    @property
    def counts(self) -> int:
        """How many pairs it counts as where they are evidence: a ranking tells more, but as many as a vote among the
        same responses are independent of each other.
        """
        return min(len(self.pairs), len(self.responses) - 1)


def votes_of(
    comparisons: Iterable[Comparison], settings: DataSettings, triplets: Iterable[Triplet] = ()
) -> list[Voted]:
    """What a run learns from comparisons, and from the edits among the triplets: weighted by person.

    `triplets`: those that the run may learn from. A vote among threads that differ says nothing of one question's
    answers, and is left out; so is what somebody said a second time of the same.
    """
    found = [
        (comparison.person, vote)
        for comparison in comparisons
        if (settings.with_unblinded or not comparison.unblinded)
        and comparison.histories is None
        and comparison.purpose != AGAIN
        and (settings.with_names_told or not comparison.says_names)
        and (vote := _ranked(comparison) if comparison.places else _vote(comparison))
    ]
    if settings.edits:
        found += _edited(triplets)
    weights = person_weights([person for person, _ in found], settings.person_share)
    return [replace(vote, weight=weight) for (_, vote), weight in zip(found, weights, strict=True)]


def _edited(triplets: Iterable[Triplet]) -> Iterator[tuple[str | None, Voted]]:
    """What people made of answers, above what those were, with who it was. One that changes nothing is none."""
    for triplet in triplets:
        text, shown = triplet.behavior_features.edited_text or "", triplet.response
        if text.strip() and text.strip() != shown.strip() and not failed(triplet.outcome, shown):
            yield triplet.person, Voted(triplet.asked, (text, shown), 0, places=(1, 2), edit=True)


def _ranked(comparison: Comparison) -> Voted | None:
    """The ranking of the different answers; None if fewer than two are left of it.

    Of equal ones the best place counts. One that says nothing can be last, but was not preferred to any other: where
    it was put above or beside one that says something, it is left out.
    """
    told = list(zip(comparison.responses, comparison.places or (), strict=True))
    place: dict[str, int] = {}
    for text, at in told:
        place[text.strip()] = min(at, place.get(text.strip(), at))
    if "" in place and any(at >= place[""] for text, at in place.items() if text):
        del place[""]
    if len(place) < 2:
        return None
    levels = sorted(set(place.values()))
    places = tuple(levels.index(at) + 1 for at in place.values())
    texts = {text.strip(): text for text, _ in reversed(told)}
    outcome = places.index(1) if places.count(1) == 1 else TIE
    return Voted(comparison.asked, tuple(texts[each] for each in place), outcome, places=places)


def _vote(comparison: Comparison) -> Voted | None:
    """The vote among the different answers; none if it says nothing: fewer than two, or an empty one chosen."""
    texts = {text.strip(): text for text in reversed(comparison.responses)}
    said = list(dict.fromkeys(text.strip() for text in comparison.responses))
    outcome = {VoteChoice.TIE: TIE, VoteChoice.ALL_BAD: ALL_BAD}.get(comparison.choice)
    if comparison.choice is VoteChoice.BEST and (comparison.best or 0) < len(comparison.responses):
        best = "" if comparison.best is None else comparison.responses[comparison.best].strip()
        outcome = said.index(best) if best else None
    if outcome is None or len(said) < 2:
        return None
    responses = tuple(texts[each] for each in said)
    return Voted(comparison.asked, responses, outcome, strength=comparison.strength or 0)


def drawn_votes(triplets: Sequence[Triplet], scores: Sequence[float], share: float) -> list[Voted]:
    """Votes that nobody gave: of two answers to the same query the higher score wins, equal scores tie.

    scores: one per triplet. All pairs of one query weigh as much as one vote. Failed answers are left out.
    """
    by_query: dict[tuple[UUID, str], list[tuple[Triplet, float]]] = defaultdict(list)
    for triplet, score in zip(triplets, scores, strict=True):
        if triplet.outcome is not Outcome.ERROR and triplet.response.strip():
            by_query[triplet.query_id, triplet.asked].append((triplet, score))
    groups = [group for group in by_query.values() if len(group) > 1]
    weights = person_weights([group[0][0].person for group in groups], share)
    return [
        Voted(
            first.asked,
            (first.response, second.response),
            TIE if high == low else int(low > high),
            weight / math.comb(len(group), 2),
        )
        for group, weight in zip(groups, weights, strict=True)
        for (first, high), (second, low) in combinations(group, 2)
    ]
