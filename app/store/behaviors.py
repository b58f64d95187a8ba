"""Behaviours: what the signals of a person say about each response, kept ready for export and training.

A projection of the signals that can be made anew at any time, except for imported behaviours (`given`), which have
no signals behind them. A person's dwell is judged against the person's own habit, so behaviours are summarised
per person: those people whose signals, queries or responses changed since the last time.

Each is kept twice where it makes a difference: as it was while names were hidden, which is what counts, and with what
was done after they were shown (`open_*`), for those who ask for it.
Does not know how signals become a behaviour: that is `rlhb_core.schema.behaviors`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from app.store.engine import Connection, in_parts, storable, upsert
from app.store.tables import BEHAVIOR, NAMED_MS, PERSON, QUERY, RESPONSE, SIGNAL, to_record
from rlhb_core.schema.behaviors import VERBALISER_VERSION, verbalise
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.folds import Answer, Folds, digest
from rlhb_core.schema.passages import placed
from rlhb_core.schema.reading import Reading, summarise_person
from rlhb_core.schema.records import Outcome
from rlhb_core.schema.signals import Signal, blind

if TYPE_CHECKING:
    from app.store.engine import Store


def refresh(store: "Store") -> int:
    """Bring the behaviours of everyone up to date; returns for how many people there was something to do.

    One at a time: of many who come together the first does the work, and the others find it done. Reading and
    summarising hold no lock; each person's behaviours are written in a unit of work of their own. What is recorded
    meanwhile leaves the person marked for the next time.
    """
    with store.refreshing:
        with store.reading() as connection:
            stale = (PERSON.c.changes != PERSON.c.summarised) | (
                PERSON.c.behaviors_version != VERBALISER_VERSION
            )
            people = connection.execute(sa.select(PERSON.c.id).where(stale)).scalars().all()
        for person_id in people:
            refresh_person(store, person_id)
        return len(people)


def refresh_person(store: "Store", person_id: UUID) -> None:
    """Bring the behaviours of one person up to date."""
    with store.reading() as connection:
        # Read first: what is committed after this moment makes `changes` differ again.
        seen = connection.execute(
            sa.select(PERSON.c.changes).where(PERSON.c.id == person_id)
        ).scalar()
        if seen is None:
            return
        rows = _summarise(connection, person_id)
    with store.writing() as connection:
        still_there = connection.execute(
            sa.update(PERSON)
            .where(PERSON.c.id == person_id)
            .values(summarised=seen, behaviors_version=VERBALISER_VERSION)
        ).rowcount
        if still_there:  # not erased meanwhile
            upsert(connection, BEHAVIOR, rows)


def _summarise(connection: Connection, person_id: UUID) -> list[dict[str, Any]]:
    """The behaviours of one person as rows, for every finished response that has signals to speak of it or could
    have.
    """
    folds = _folds(connection, person_id)
    if not folds:
        return []
    signals: dict[UUID, list[Signal]] = defaultdict(list)
    statement = sa.select(SIGNAL).where(SIGNAL.c.person_id == person_id)
    for row in connection.execute(statement).mappings():
        signals[row["query_id"]].append(to_record(row, Signal))
    readings = [
        _Read(reading, query.folds, each, _never_blind(query, each))
        for query_id, query in folds.items()
        for each, reading in _readings(query.folds, signals[query_id])
    ]
    hidden = _features([read for read in readings if not read.never_blind], blind)
    full = _features(readings, list)
    rows = [
        (answer.id, read, read.folds.later(answer.id))
        for read in readings
        for answer in read.folds.answers
        if read.folds.of(answer.id) == read.answer
    ]
    texts = _texts(connection, [each for each, read, _ in rows if full[read.answer].marks])

    def of(answer: UUID, found: BehaviorFeatures | None, later: int) -> BehaviorFeatures | None:
        if found is None or answer not in texts:
            return found
        return found.model_copy(update={"marks": placed(found.marks, later, texts[answer])})

    return [
        _row(
            person_id,
            answer,
            of(answer, hidden.get(read.answer), later),
            of(answer, full[read.answer], later) or full[read.answer],
        )
        for answer, read, later in rows
    ]


def _texts(connection: Connection, answers: Sequence[UUID]) -> dict[UUID, str]:
    """Of answers with marks, which are told with their words."""
    statement = sa.select(RESPONSE.c.id, RESPONSE.c.text)
    return {
        answer: text
        for part in in_parts(answers)
        for answer, text in connection.execute(statement.where(RESPONSE.c.id.in_(part)))
    }


class _Asked(NamedTuple):
    """A query's answers and when their names were shown."""

    folds: Folds
    revealed_ms: int | None


class _Read(NamedTuple):
    """An answer that the person read, and every signal about it."""

    reading: Reading
    folds: Folds
    answer: UUID
    never_blind: bool


def _folds(connection: Connection, person_id: UUID) -> dict[UUID, _Asked]:
    """The finished answers of each of the person's queries, in the order in which they were written."""
    given = sa.select(BEHAVIOR.c.response_id).where(
        BEHAVIOR.c.person_id == person_id, BEHAVIOR.c.given
    )
    statement = (
        sa.select(
            RESPONSE.c.id,
            RESPONSE.c.text,
            RESPONSE.c.outcome,
            RESPONSE.c.created_ms,
            RESPONSE.c.replaces,
            RESPONSE.c.query_id,
            NAMED_MS.label("revealed_ms"),
        )
        .join(QUERY)
        .where(
            QUERY.c.person_id == person_id,
            RESPONSE.c.outcome != Outcome.PENDING,
            RESPONSE.c.id.not_in(given),
        )
        .order_by(RESPONSE.c.created_ms, RESPONSE.c.position, RESPONSE.c.id)
    )
    answers: dict[UUID, list[Answer]] = defaultdict(list)
    revealed: dict[UUID, int | None] = {}
    for row in connection.execute(statement, execution_options={"yield_per": 1000}):
        revealed[row.query_id] = row.revealed_ms
        answers[row.query_id].append(
            Answer(
                row.id,
                len(row.text),
                digest(row.text),
                row.outcome,
                row.created_ms,
                row.replaces is not None,
                len(row.text) - len(row.text.lstrip()),
            )
        )
    return {each: _Asked(Folds(found), revealed[each]) for each, found in answers.items()}


def _readings(folds: Folds, signals: list[Signal]) -> Iterator[tuple[UUID, Reading]]:
    """Each different answer with all signals of its query."""
    for answer in folds.answers:
        if folds.of(answer.id) == answer.id:
            yield answer.id, Reading(answer.id, answer.chars, signals, folds.together)


def _never_blind(query: _Asked, first: UUID) -> bool:
    """Whether the answer was written after the names were shown, all that say the same likewise."""
    revealed = query.revealed_ms
    return revealed is not None and all(
        answer.created_ms > revealed
        for answer in query.folds.answers
        if query.folds.of(answer.id) == first
    )


def _features(
    reads: list[_Read], which: Callable[[Sequence[Signal]], list[Signal]]
) -> dict[UUID, BehaviorFeatures]:
    """The behaviour with each answer, by `which` of the signals."""
    told = [
        replace(read.reading, signals=read.folds.about(read.answer, which(read.reading.signals)))
        for read in reads
    ]
    return {
        read.answer: features for read, features in zip(reads, summarise_person(told), strict=True)
    }


def _row(
    person_id: UUID, response_id: UUID, hidden: BehaviorFeatures | None, full: BehaviorFeatures
) -> dict[str, Any]:
    """`hidden`: what was done before the names were shown, None if all was done after; `full`: all of it."""
    seen = hidden or BehaviorFeatures()
    differs = hidden is None or _without_z(hidden) != _without_z(full)
    return {
        "response_id": response_id,
        "person_id": person_id,
        "features": seen.model_dump_json(),
        "text": storable(verbalise(seen)),
        "vote": seen.vote,
        "verbaliser_version": VERBALISER_VERSION,
        "given": False,
        "open_features": full.model_dump_json() if differs else None,
        "open_text": storable(verbalise(full)) if differs else None,
        "open_vote": full.vote if differs else None,
        "never_blind": hidden is None,
    }


def _without_z(features: BehaviorFeatures) -> BehaviorFeatures:
    """The score moves with what the person did elsewhere, so it does not tell what was done here."""
    return features.model_copy(update={"dwell_z": None})
