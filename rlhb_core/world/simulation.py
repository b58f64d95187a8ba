"""Simulated logs in batches: queries of the closed world, answers of model versions, behaviours and votes of
simulated annotators. Everything it makes is labelled `simulated`.

Holds the drawing of answers for many queries at once and whole logs in memory, for `rlhb reproduce`, which trains the
shipped versions. At the web app the same people are guests of its HTTP API instead (`app/crowd/`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

import numpy as np

from rlhb_core.learning.rollout import Rollouts, roll_out
from rlhb_core.lm.trunk import Trunk
from rlhb_core.run.data import Pair
from rlhb_core.run.sections import SamplingSettings
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.behaviors import VERBALISER_VERSION, verbalise
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.folds import Answer, Folds, digest
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.reading import Reading, summarise_person
from rlhb_core.schema.records import SAME_ANSWER, Comparison, Outcome, Source, Triplet
from rlhb_core.schema.signals import Signal, SignalKind
from rlhb_core.world import sample_queries
from rlhb_core.world.annotators import POPULATION, Act, Choice, Taste, population

PAGE_OPENED_MS = 1_750_000_000_000
"""Simulated signals need no true time; all carry this one."""


@dataclass(frozen=True)
class Author:
    """A model version that answers: an adapter on the trunk (None: the base model) and what it is conditioned on."""

    name: str
    arm: Arm
    adapter: str | None = None
    condition: str | None = None


def draw_answers(
    trunk: Trunk,
    author: Author,
    queries: Sequence[str],
    settings: SamplingSettings | None = None,
) -> Rollouts:
    """One answer of `author` to each query, drawn in batches."""
    with trunk.using(author.adapter):
        pairs = [Pair(query, author.condition) for query in queries]
        return roll_out(trunk, pairs, settings or SamplingSettings())


class Person(Protocol):
    """Somebody simulated who reads, reacts and votes."""

    @property
    def name(self) -> str:
        """Always the same for the same person."""
        ...

    def react(
        self, query: str, response: str, rng: np.random.Generator, position: int = 0
    ) -> list[Act]:
        """What the person does with one response."""
        ...

    def asks_again(self, query: str, responses: Sequence[str], rng: np.random.Generator) -> bool:
        """Whether the query is put in other words."""
        ...

    def vote(self, query: str, responses: Sequence[str], rng: np.random.Generator) -> Choice:
        """The choice among the responses."""
        ...


@dataclass(frozen=True)
class Answered:
    """One query with its answers, the person's acts on each, and the vote."""

    annotator: Person
    query: str
    texts: list[str]
    ended: list[bool]
    authors: list[Author]
    acts: list[list[Act]]
    asked_again: bool
    choice: Choice


def simulate(
    trunk: Trunk,
    authors: Sequence[Author],
    queries: int,
    seed: int,
    people: int = 40,
    *,
    held_out: bool = False,
    taste: Taste = POPULATION,
) -> list[Answered]:
    """`queries` queries of the world, each answered once by every author. Those on held-out facts are asked only with
    `held_out`, for measuring.

    Annotators take turns. Draws from torch's global generator for the answers and from `seed` for all else.
    """
    rng = np.random.default_rng(seed)
    annotators = population(seed, people, taste)
    texts = sample_queries(rng, queries, held_out=held_out)
    answers = [draw_answers(trunk, author, texts) for author in authors]
    return read_by(annotators, texts, authors, answers, rng)


def read_by(
    people: Sequence[Person],
    queries: Sequence[str],
    authors: Sequence[Author],
    answers: Sequence[Rollouts],
    rng: np.random.Generator,
) -> list[Answered]:
    """The people read, by turns, what every author answered to each query, in an order drawn anew for each.

    answers: those of each author, one to every query.
    """
    found = []
    for index, query in enumerate(queries):
        person = people[index % len(people)]
        order = rng.permutation(len(authors)).tolist()
        shown = [answers[i].texts[index] for i in order]
        acts = [person.react(query, text, rng, place) for place, text in enumerate(shown)]
        found.append(
            Answered(
                person,
                query,
                shown,
                [bool(answers[i].ended[index]) for i in order],
                [authors[i] for i in order],
                acts,
                person.asks_again(query, shown, rng),
                person.vote(query, shown, rng),
            )
        )
    return found


def as_log(answered: Sequence[Answered]) -> tuple[list[Triplet], list[Comparison]]:
    """The triplets and comparisons that the store would export for these."""
    now = datetime.now(UTC).isoformat()
    triplets: list[Triplet] = []
    comparisons: list[Comparison] = []
    for name in dict.fromkeys(one.annotator.name for one in answered):
        asked = [_Asked(one) for one in answered if one.annotator.name == name]
        for each in asked:
            comparison = _comparison(each, now)
            if comparison is not None:
                comparisons.append(comparison)
        readings = [reading for each in asked for reading in each.readings()]
        behaviors = {
            reading.response_id: features
            for reading, features in zip(readings, summarise_person(readings), strict=True)
        }
        triplets += [
            _triplet(each, place, behaviors[each.folds.of(response_id)], now)
            for each in asked
            for place, response_id in enumerate(each.ids)
        ]
    return triplets, comparisons


class _Asked:
    """One query as the store would know it: with ids, and its equal answers as one."""

    def __init__(self, one: Answered) -> None:
        self.one = one
        self.query_id = uuid4()
        self.ids = [uuid4() for _ in one.texts]
        self.folds = Folds(
            [
                Answer(each, len(text), digest(text), _outcome(one, place), PAGE_OPENED_MS)
                for place, (each, text) in enumerate(zip(self.ids, one.texts, strict=True))
            ]
        )

    def readings(self) -> Iterator[Reading]:
        """What was done with each different answer."""
        done: list[tuple[UUID | None, Act]] = [
            (each, act) for each, acts in zip(self.ids, self.one.acts, strict=True) for act in acts
        ]
        done += [(None, act) for act in _query_acts(self.one, self.ids)]
        acts = [  # one after the other: of two marks on equal answers the last one stands
            _signal(self.query_id, each, act, place) for place, (each, act) in enumerate(done)
        ]
        for each, text in zip(self.ids, self.one.texts, strict=True):
            if self.folds.of(each) == each:
                told = self.folds.about(each, acts)
                yield Reading(each, len(text), told, self.folds.together)


def _triplet(asked: _Asked, place: int, features: BehaviorFeatures, now: str) -> Triplet:
    one = asked.one
    author = one.authors[place]
    return Triplet(
        verbaliser_version=VERBALISER_VERSION,
        query_id=asked.query_id,
        response_id=asked.ids[place],
        query=one.query,
        response=one.texts[place],
        behavior_text=verbalise(features),
        behavior_features=features,
        arm=author.arm,
        model_version=author.name,
        condition=author.condition,
        position=place,
        draw_probability=1.0,
        outcome=_outcome(one, place),
        source=Source.SIMULATED,
        asked_at=now,
        answered_at=now,
        person=one.annotator.name,
    )


def _outcome(one: Answered, index: int) -> Outcome:
    if not one.texts[index]:
        return Outcome.EMPTY
    return Outcome.OK if one.ended[index] else Outcome.CUT


def _query_acts(one: Answered, ids: Sequence[UUID]) -> list[Act]:
    acts: list[Act] = [("vote", _vote(one, ids))]
    if one.asked_again:
        acts.append(("reformulate", {"to_query": str(uuid4())}))
    return acts


def _vote(one: Answered, ids: Sequence[UUID]) -> dict[str, Any]:
    if isinstance(one.choice, int):
        return {"choice": VoteChoice.BEST.value, "best": str(ids[one.choice])}
    return {"choice": one.choice}


def _signal(query_id: UUID, response_id: UUID | None, act: Act, place: int) -> Signal:
    kind, payload = act
    return Signal(
        kind=SignalKind(kind),
        query_id=query_id,
        response_id=response_id,
        at_ms=PAGE_OPENED_MS + place,
        page_id=query_id,
        page_opened_ms=PAGE_OPENED_MS,
        payload=payload,
    )


def _comparison(asked: _Asked, now: str) -> Comparison | None:
    """The vote over the different answers, or None if there are fewer than two or none was there to choose."""
    one, of = asked.one, asked.folds.of
    first = list(dict.fromkeys(of(each) for each in asked.ids))
    places = [asked.ids.index(each) for each in first]
    best = first.index(of(asked.ids[one.choice])) if isinstance(one.choice, int) else None
    if len(first) < 2 or (best is not None and not one.texts[places[best]]):
        return None
    return Comparison(
        query_id=asked.query_id,
        query=one.query,
        responses=[one.texts[place] for place in places],
        model_versions=[
            SAME_ANSWER.join(
                dict.fromkeys(
                    author.name
                    for each, author in zip(asked.ids, one.authors, strict=True)
                    if of(each) == same
                )
            )
            for same in first
        ],
        choice=VoteChoice.BEST if isinstance(one.choice, int) else VoteChoice(one.choice),
        best=best,
        source=Source.SIMULATED,
        voted_at=now,
        person=one.annotator.name,
    )
