"""What people have judged in a study: their comparisons with what was said first and last, and what is known of them.

Reads one person at a time. Does not know what it tells of their care: that is `app/honesty/`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from app.store.engine import Connection, in_parts
from app.store.study_records import FREE, AssignmentState, Purpose
from app.store.study_tables import ASSIGNMENT, ITEM, PREPARED
from app.store.tables import PERSON, QUERY, RESPONSE, SIGNAL, to_record
from rlhb_core.schema.records import Outcome, Source
from rlhb_core.schema.signals import DECIDING, Signal


class Answered(NamedTuple):
    """An answer as it stood there."""

    id: UUID
    position: int
    text: str
    outcome: Outcome
    wrote: tuple[UUID, int]
    """The version and which of its answers."""


class Judged(NamedTuple):
    """A comparison that somebody has judged."""

    query_id: UUID
    item_id: UUID | None
    purpose: Purpose
    shown_ms: int
    ended_ms: int | None
    """When all had been said that was asked; None for free questions."""
    answers: Sequence[Answered]
    """In page order."""
    decisions: Sequence[Signal]
    """Votes and rankings in the order in which they were given."""
    gold: tuple[UUID, int] | None
    """Who wrote the answer that is known to be the best."""


class Worker(NamedTuple):
    """Somebody who has judged something in a study."""

    person_id: UUID
    simulated: bool
    excluded: bool
    skipped: int


def workers(connection: Connection, study_id: UUID) -> list[Worker]:
    """Who has judged something; of free questions, whoever has asked something here."""
    who: sa.ColumnElement[bool]
    skipped: sa.ColumnElement[int]
    if study_id == FREE:
        asked = sa.select(QUERY.c.person_id).where(
            QUERY.c.study_id.is_(None), QUERY.c.source != Source.IMPORTED
        )
        skipped = sa.literal(0)
        who = PERSON.c.id.in_(asked)
    else:
        mine = (ASSIGNMENT.c.study_id == study_id) & (ASSIGNMENT.c.person_id == PERSON.c.id)
        ended = (AssignmentState.DONE, AssignmentState.SKIPPED)
        who = sa.exists().where(mine, ASSIGNMENT.c.state.in_(ended))
        skipped = (
            sa.select(sa.func.count())
            .where(mine, ASSIGNMENT.c.state == AssignmentState.SKIPPED)
            .scalar_subquery()
        )
    statement = sa.select(PERSON.c.id, PERSON.c.source, PERSON.c.excluded, skipped).where(who)
    return [
        Worker(person_id, source is Source.SIMULATED, excluded, count)
        for person_id, source, excluded, count in connection.execute(
            statement.order_by(PERSON.c.created_ms, PERSON.c.id)
        )
    ]


def has_worked(connection: Connection, study_id: UUID, person_id: UUID) -> bool:
    """Whether somebody is one of those."""
    return any(each.person_id == person_id for each in workers(connection, study_id))


def judged(connection: Connection, study_id: UUID, person_id: UUID) -> Iterator[Judged]:
    """What somebody has judged, in the order in which it was shown to them."""
    rows = list(connection.execute(_comparisons(study_id, person_id)).mappings())
    ids = [row["id"] for row in rows]
    said, stood = _decisions(connection, ids), _answers(connection, ids)
    known = _gold(connection, [row["item_id"] for row in rows if row["purpose"] == Purpose.GOLD])
    for row in rows:
        query_id = row["id"]
        if study_id == FREE and not said[query_id]:
            continue
        wrote = {n: (UUID(each["version_id"]), each["nth"]) for n, each in enumerate(row["drawn"])}
        answers = [
            Answered(
                each["id"], each["position"], each["text"], Outcome(each["outcome"]),
                wrote.get(each["position"], (each["version_id"], 0)),
            )
            for each in stood[query_id]
        ]  # fmt: skip
        yield Judged(
            query_id, row["item_id"], Purpose(row["purpose"]), row["shown_ms"], row["ended_ms"],
            answers, said[query_id], known.get(row["item_id"]),
        )  # fmt: skip


def _comparisons(study_id: UUID, person_id: UUID) -> sa.Select[Any]:
    if study_id == FREE:
        return (
            sa.select(
                QUERY.c.id,
                sa.null().label("item_id"),
                sa.literal(str(Purpose.PLAIN)).label("purpose"),
                QUERY.c.created_ms.label("shown_ms"),
                sa.null().label("ended_ms"),
                sa.literal([], sa.JSON).label("drawn"),
            )
            .where(QUERY.c.person_id == person_id, QUERY.c.study_id.is_(None))
            .where(QUERY.c.source != Source.IMPORTED)
            .order_by(QUERY.c.created_ms, QUERY.c.id)
        )
    columns = ("item_id", "purpose", "shown_ms", "ended_ms", "drawn")
    return (
        sa.select(ASSIGNMENT.c.query_id.label("id"), *(ASSIGNMENT.c[name] for name in columns))
        .where(ASSIGNMENT.c.study_id == study_id, ASSIGNMENT.c.person_id == person_id)
        .where(ASSIGNMENT.c.state == AssignmentState.DONE)
        .order_by(ASSIGNMENT.c.number, ASSIGNMENT.c.id)
    )


def _decisions(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, list[Signal]]:
    found: dict[UUID, list[Signal]] = defaultdict(list)
    for part in in_parts(ids):
        statement = (
            sa.select(SIGNAL)
            .where(SIGNAL.c.query_id.in_(part), SIGNAL.c.kind.in_(sorted(DECIDING)))
            .order_by(SIGNAL.c.at_ms, SIGNAL.c.received_ms, SIGNAL.c.id)
        )
        for row in connection.execute(statement).mappings():
            found[row["query_id"]].append(to_record(row, Signal))
    return found


def _answers(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, list[sa.RowMapping]]:
    """Those that stand there: of regenerated ones the last."""
    found: dict[UUID, list[sa.RowMapping]] = defaultdict(list)
    columns = ("query_id", "id", "position", "text", "outcome", "version_id", "replaces")
    for part in in_parts(ids):
        statement = (
            sa.select(*(RESPONSE.c[name] for name in columns))
            .where(RESPONSE.c.query_id.in_(part))
            .order_by(RESPONSE.c.position, RESPONSE.c.created_ms, RESPONSE.c.id)
        )
        rows = connection.execute(statement).mappings().all()
        replaced = {row["replaces"] for row in rows}
        for row in rows:
            if row["id"] not in replaced:
                found[row["query_id"]].append(row)
    return found


def _gold(connection: Connection, item_ids: Sequence[UUID]) -> dict[UUID, tuple[UUID, int]]:
    """Of each item, who wrote the answer that is known to be the best."""
    came: dict[UUID, list[tuple[UUID, int]]] = defaultdict(list)
    gold: dict[UUID, int] = {}
    for part in in_parts(sorted(set(item_ids))):
        statement = (
            sa.select(ITEM.c.id, ITEM.c.gold, PREPARED.c.version_id, PREPARED.c.nth)
            .join(PREPARED)
            .where(ITEM.c.id.in_(part), PREPARED.c.came_with_item, ITEM.c.gold.is_not(None))
            .order_by(PREPARED.c.created_ms, PREPARED.c.id)
        )
        for item_id, best, version_id, nth in connection.execute(statement):
            came[item_id].append((version_id, nth))
            gold[item_id] = best
    return {each: came[each][best] for each, best in gold.items() if best < len(came[each])}
