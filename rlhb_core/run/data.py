"""From a run's frozen records to training rows: re-verbalised, weighted, split into training and held-out.

Equal answers to one query are one answer here too, whoever wrote the records.

Does not know tokens or models.
"""

import hashlib
import logging
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

import numpy as np

from rlhb_core.errors import NotEnoughData
from rlhb_core.run.config import RunConfig
from rlhb_core.run.sections import DataSettings
from rlhb_core.run.votes import Voted, drawn_votes, votes_of
from rlhb_core.run.weights import person_weights
from rlhb_core.schema.answers import failed
from rlhb_core.schema.behaviors import (
    classify,
    parse,
    preference_score,
    preferred_behavior,
    written,
)
from rlhb_core.schema.history import unpacked
from rlhb_core.schema.records import ONE_QUESTION, Comparison, Outcome, Triplet

log = logging.getLogger(__name__)

WITH_TEXT = frozenset({Outcome.OK, Outcome.CUT, Outcome.STOPPED})
"""How a response ends whose text is one to learn from."""


@dataclass(frozen=True)
class Logged:
    """One logged triplet."""

    query: str
    """Packed with what went before it (`schema.history`), as everywhere where rows are."""
    response: str
    behavior: str
    outcome: Outcome = Outcome.OK
    weight: float = 1.0

    @property
    def whole(self) -> bool:
        """Whether the response is one to learn from: neither empty nor an error."""
        return self.outcome in WITH_TEXT and bool(self.response.strip())

    @property
    def ended(self) -> bool:
        """Whether the response ended by itself."""
        return self.outcome not in (Outcome.STOPPED, Outcome.CUT)


LoggedRecord = TypeVar("LoggedRecord", Triplet, Comparison)
LoggedOrVoted = TypeVar("LoggedOrVoted", Logged, Voted)


class Asked(Protocol):
    """A row of any kind, as far as it tells on which side of the held-out split it stands."""

    @property
    def query(self) -> str:
        """The text of its query."""
        ...


AnyRow = TypeVar("AnyRow", bound=Asked)


@dataclass(frozen=True)
class Split:
    """The data of a run. Held-out rows are chosen by the text of their query and never trained on."""

    train: list[Logged]
    held_out: list[Logged]
    train_votes: list[Voted]
    held_out_votes: list[Voted]
    condition: str | None
    """The behaviour text that the trained version is served on, for arms that condition on one."""
    votes_drawn: bool = False
    """Whether the votes were drawn from behaviours, because too few people voted."""
    chosen: Sequence[Triplet] = ()
    """The triplets behind all rows, for teachers that make rows of their own."""

    @property
    def queries(self) -> list[str]:
        """Texts of the training queries of triplets and votes, as often as they were asked."""
        return [row.query for row in self.train] + [vote.query for vote in self.train_votes]

    @property
    def held_out_queries(self) -> list[str]:
        """Texts of the held-out queries, those voted on if there are any."""
        votes = [vote.query for vote in self.held_out_votes]
        return votes or list(dict.fromkeys(row.query for row in self.held_out))


def load_split(
    config: RunConfig, triplets: Iterable[Triplet], comparisons: Iterable[Comparison]
) -> Split:
    """The rows that this run trains and is judged on. Raises NotEnoughData saying what is missing."""
    settings = config.data
    if config.base in ONE_QUESTION:
        triplets, comparisons = map(_alone, triplets), map(_alone, comparisons)
    chosen = _chosen(config, triplets)
    logged, voted = _logged(config, chosen), votes_of(comparisons, settings, chosen)
    if config.learns_from_votes:
        enough(len(voted), settings.min_comparisons, "votes")
    else:
        enough(len(logged), settings.min_triplets, "triplets with a behaviour")
    drawn = not config.learns_from_votes and len(voted) < settings.min_comparisons
    if drawn:
        scores = [preference_score(parse(row.behavior)) for row in logged]
        voted = drawn_votes(chosen, scores, settings.person_share)
    condition = None
    if config.conditioned:
        condition = settings.condition or preferred_behavior(
            (row.behavior for row in logged), settings.preferred_share
        )
        if settings.form != "text":
            condition = written(parse(condition), settings.clauses, settings.form)
    train, held_out = parted(logged, settings)
    train_votes, held_out_votes = parted(voted, settings)
    if config.conditioned:  # discriminator and judges are shown the two sides of a part
        kind, parts = "comparable triplets", [_on_sides(train), _on_sides(held_out)]
    elif config.learns_from_votes:
        kind, parts = "votes", [len(train_votes), len(held_out_votes)]
    else:
        kind, parts = "triplets", [sum(row.whole for row in part) for part in (train, held_out)]
    for found in parts:
        enough(found, 4, f"{kind} on one side of the held-out split", "more different queries")
    log.info(
        "%d triplets for training and %d held out; %d votes for training and %d held out",
        len(train), len(held_out), len(train_votes), len(held_out_votes),
    )  # fmt: skip
    return Split(train, held_out, train_votes, held_out_votes, condition, drawn, chosen)


def _alone(record: LoggedRecord) -> LoggedRecord:
    """The record as a base sees it that takes each question by itself."""
    if not record.history:
        return record
    nothing: dict[str, object] = {"history": [], "histories": None, "left_out": 0}
    return record.model_copy(
        update={name: nothing[name] for name in nothing if hasattr(record, name)}
    )


def enough(found: int, needed: int, what: str, remedy: str = "more") -> None:
    """Raise NotEnoughData if so many of something are too few."""
    if found < needed:
        raise NotEnoughData(
            f"{found} {what} where at least {needed} are needed: collect {remedy}, or widen the data filter"
        )


def _on_sides(rows: Sequence[Logged]) -> int:
    """0, 2 or 4: how many rows the two sides have, up to two each."""
    return sum(map(len, sides(rows, 2, seed=0)))


def _chosen(config: RunConfig, triplets: Iterable[Triplet]) -> list[Triplet]:
    """The triplets that the run may learn from; of equal answers to one query, one."""
    found: dict[tuple[UUID, str | UUID], Triplet] = {}
    for triplet in triplets:
        if (
            triplet.outcome is not Outcome.PENDING
            and (
                config.data.from_versions == "all" or triplet.model_version == config.parent_version
            )
            and (config.data.with_unblinded or not triplet.unblinded)
        ):
            nothing = failed(triplet.outcome, triplet.response)
            said = triplet.response_id if nothing else triplet.response.strip()
            known = found.setdefault((triplet.query_id, said), triplet)
            if triplet.behavior_features.vote == "won" != known.behavior_features.vote:
                found[triplet.query_id, said] = (
                    triplet  # what was chosen did not lose against itself
                )
    return list(found.values())


def _logged(config: RunConfig, chosen: Sequence[Triplet]) -> list[Logged]:
    weights = person_weights([triplet.person for triplet in chosen], config.data.person_share)
    texts = [
        written(classify(triplet.behavior_features), config.data.clauses, config.data.form)
        for triplet in chosen
    ]
    # most of a log is people who did little: drawn as logged, the telling behaviours would hardly be seen
    focus = {
        text: count**-config.data.balance * math.exp(_tilt(text, config.data))
        for text, count in Counter(texts).items()
    }
    return [
        Logged(
            triplet.asked,
            triplet.response,
            text,
            triplet.outcome,
            weight * focus[text],
        )
        for triplet, text, weight in zip(chosen, texts, weights, strict=True)
    ]


def _tilt(text: str, settings: DataSettings) -> float:
    """Logarithm of how much more often a behaviour is drawn for what it says of its response."""
    score = preference_score(parse(text))
    return score * (settings.preference if score > 0 else settings.dislike)


def is_held_out(query: str, share: float) -> bool:
    """Whether a query belongs to the held-out part: by a hash of its text, so the same in every run.

    A packed one goes by the first question before it: a conversation is on one side as a whole.
    """
    asked = unpacked(query)
    first = next((each.content for each in asked.history if each.role == "user"), asked.query)
    digest = hashlib.sha256(_plain(first).encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def _plain(query: str) -> str:
    """The query without what makes no other query of it: case and white space."""
    return " ".join(query.lower().split())


def parted(rows: list[AnyRow], settings: DataSettings) -> tuple[list[AnyRow], list[AnyRow]]:
    """The rows of training queries, and those of held-out ones."""
    train: list[AnyRow] = []
    held_out: list[AnyRow] = []
    for row in rows:
        (held_out if is_held_out(row.query, settings.held_out) else train).append(row)
    return train, held_out


def draw(rows: Sequence[LoggedOrVoted], count: int, seed: int) -> list[LoggedOrVoted]:
    """At most `count` different rows, drawn by their weights; the same ones for the same seed."""
    weights = np.array([row.weight for row in rows])
    count = min(count, int((weights > 0).sum()))
    if not count:
        return []
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(rows), count, replace=False, p=weights / weights.sum())
    return [rows[i] for i in chosen]


def sides(rows: Sequence[Logged], count: int, seed: int) -> tuple[list[Logged], list[Logged]]:
    """Equally many whole rows, at most `count`, for the real and for the generated side of a comparison.

    Disjoint in (query, behaviour): where both sides share them, generated answers look more real than they are.
    """
    found: tuple[list[Logged], list[Logged]] = ([], [])
    for row in rows:
        if row.whole:
            digest = hashlib.sha256(f"{_plain(row.query)}\n{row.behavior}".encode()).digest()
            found[digest[0] & 1].append(row)
    count = min(count, *map(len, found))
    return draw(found[0], count, seed), draw(found[1], count, seed)


class Pair(NamedTuple):
    """What a rollout answers: a query, and the behaviour that the answer should draw."""

    query: str
    behavior: str | None
