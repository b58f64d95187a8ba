"""Simulated logs in batches: queries of the closed world, answers of model versions, behaviours and votes of
simulated annotators. Everything it makes is labelled `simulated`.

Holds the drawing of answers for many queries at once and whole logs in memory, for `rlhb reproduce`, which trains the shipped
versions. At the web app the same people are guests of its HTTP API instead (`app/simulate.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import numpy as np

from rlhb_core.annotators import POPULATION, Act, Annotator, Choice, Taste, population
from rlhb_core.behaviors import VERBALISER_VERSION, Reading, summarise_person, verbalise
from rlhb_core.config import SamplingSettings
from rlhb_core.data import Pair
from rlhb_core.generator import Trunk
from rlhb_core.records import (
    Arm,
    Comparison,
    Outcome,
    Signal,
    SignalKind,
    Source,
    Triplet,
    VoteChoice,
)
from rlhb_core.rollout import Rollouts, roll_out
from rlhb_core.world import sample_queries

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


@dataclass(frozen=True)
class Answered:
    """One query with its answers, the person's acts on each, and the vote."""

    annotator: Annotator
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
    found = []
    for index, query in enumerate(texts):
        person = annotators[index % people]
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
        readings: list[Reading] = []
        parts: list[tuple[Answered, int, UUID]] = []
        for one in (one for one in answered if one.annotator.name == name):
            query_id = uuid4()
            ids = [uuid4() for _ in one.texts]
            shared = [_signal(query_id, None, act) for act in _query_acts(one, ids)]
            for index, response_id in enumerate(ids):
                own = [_signal(query_id, response_id, act) for act in one.acts[index]]
                readings.append(
                    Reading(response_id, len(one.texts[index]), [*own, *shared], len(one.texts))
                )
                parts.append((one, index, query_id))
            comparisons.append(_comparison(one, query_id, now))
        for reading, (one, index, query_id), features in zip(
            readings, parts, summarise_person(readings), strict=True
        ):
            author = one.authors[index]
            triplets.append(
                Triplet(
                    verbaliser_version=VERBALISER_VERSION,
                    query_id=query_id,
                    response_id=reading.response_id,
                    query=one.query,
                    response=one.texts[index],
                    behavior_text=verbalise(features),
                    behavior_features=features,
                    arm=author.arm,
                    model_version=author.name,
                    condition=author.condition,
                    position=index,
                    draw_probability=1.0,
                    outcome=_outcome(one, index),
                    source=Source.SIMULATED,
                    asked_at=now,
                    answered_at=now,
                    person=name,
                )
            )
    return triplets, comparisons


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


def _signal(query_id: UUID, response_id: UUID | None, act: Act) -> Signal:
    kind, payload = act
    return Signal(
        kind=SignalKind(kind),
        query_id=query_id,
        response_id=response_id,
        at_ms=PAGE_OPENED_MS,
        page_id=query_id,
        page_opened_ms=PAGE_OPENED_MS,
        payload=payload,
    )


def _comparison(one: Answered, query_id: UUID, now: str) -> Comparison:
    best = one.choice if isinstance(one.choice, int) else None
    choice = VoteChoice.BEST if isinstance(one.choice, int) else VoteChoice(one.choice)
    return Comparison(
        query_id=query_id,
        query=one.query,
        responses=one.texts,
        model_versions=[author.name for author in one.authors],
        choice=choice,
        best=best,
        source=Source.SIMULATED,
        voted_at=now,
        person=one.annotator.name,
    )
