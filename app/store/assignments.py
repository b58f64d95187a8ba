"""Assignments: who is given which item, and how far they are with it.

An item counts as taken while somebody has it reserved or in view and that has not expired, and once it is done. Whoever
hands out holds the study (`studies.lock`), so that an item gets exactly as many answers as it should; what is done is
noted by `settling.py`. Knows no rule about what comes next: that is `app/studies/`.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from app.store.engine import Connection
from app.store.errors import Conflict, UnknownReference
from app.store.study_records import Assignment, AssignmentState, Item, Order, Purpose, Study
from app.store.study_tables import ASSIGNMENT, ITEM
from app.store.tables import to_record

_RESERVED, _SHOWN, _DONE, _SKIPPED = AssignmentState
_ENDED = (_DONE, _SKIPPED)


class Progress(NamedTuple):
    """How far a study is, or one person in it."""

    items: int
    """Those that are handed out, without gold and archived ones."""
    answers: int
    """Answers that count."""
    target: int
    """How many there are to be."""
    done: int
    """What the person has done, of every purpose; of all people if nobody was named."""
    skipped: int


def add(connection: Connection, assignment: Assignment) -> Assignment:
    """Store one. Raises Conflict if the person has been given this item (this time) already."""
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(ASSIGNMENT).values(_values(assignment)))
    except sa.exc.IntegrityError:
        raise Conflict("this item was given to them already") from None
    return assignment


def get(connection: Connection, assignment_id: UUID) -> Assignment:
    """The assignment of this id. Raises UnknownReference."""
    return _one(connection, ASSIGNMENT.c.id == assignment_id)


def of_query(connection: Connection, query_id: UUID) -> Assignment | None:
    """What a comparison was given as; None for a free question."""
    try:
        return _one(connection, ASSIGNMENT.c.query_id == query_id)
    except UnknownReference:
        return None


def of_person(connection: Connection, study_id: UUID, person_id: UUID) -> Sequence[Assignment]:
    """All that a person was given in a study, in the order in which it was."""
    statement = (
        sa.select(ASSIGNMENT)
        .where(ASSIGNMENT.c.study_id == study_id, ASSIGNMENT.c.person_id == person_id)
        .order_by(ASSIGNMENT.c.number, ASSIGNMENT.c.id)
    )
    return [to_record(row, Assignment) for row in connection.execute(statement).mappings()]


def show(
    connection: Connection,
    assignment_id: UUID,
    query_id: UUID,
    guidelines: int,
    at_ms: int,
    until_ms: int,
) -> None:
    """It is in view now, as this comparison."""
    connection.execute(
        sa.update(ASSIGNMENT)
        .where(ASSIGNMENT.c.id == assignment_id)
        .values(
            state=_SHOWN,
            query_id=query_id,
            guidelines=guidelines,
            shown_ms=at_ms,
            expires_ms=until_ms,
        )
    )


def has_worked_by(connection: Connection, study_id: UUID, person_id: UUID, guidelines: int) -> bool:
    """Whether the person has ended an item by this version of the guidelines."""
    statement = sa.select(ASSIGNMENT.c.id).where(
        ASSIGNMENT.c.study_id == study_id,
        ASSIGNMENT.c.person_id == person_id,
        ASSIGNMENT.c.guidelines == guidelines,
        ASSIGNMENT.c.state.in_(_ENDED),
    )
    return connection.execute(statement.limit(1)).first() is not None


def hold(connection: Connection, assignment_ids: Collection[UUID], until_ms: int) -> None:
    """They wait longer for whoever has them."""
    connection.execute(
        sa.update(ASSIGNMENT)
        .where(ASSIGNMENT.c.id.in_(assignment_ids), ASSIGNMENT.c.state.not_in(_ENDED))
        .values(expires_ms=until_ms)
    )


def let_go(connection: Connection, study_id: UUID, now_ms: int) -> int:
    """Drop what was reserved and never shown in time: as if it had never been. Returns how many."""
    return connection.execute(
        sa.delete(ASSIGNMENT).where(
            ASSIGNMENT.c.study_id == study_id,
            ASSIGNMENT.c.state == _RESERVED,
            ASSIGNMENT.c.expires_ms <= now_ms,
        )
    ).rowcount


def drop(connection: Connection, assignment_id: UUID) -> None:
    """Take back one that is only reserved."""
    connection.execute(
        sa.delete(ASSIGNMENT).where(
            ASSIGNMENT.c.id == assignment_id, ASSIGNMENT.c.state == _RESERVED
        )
    )


def next_item(
    connection: Connection, study: Study, person_id: UUID, now_ms: int, *, gold: bool = False
) -> Item | None:
    """The item that has the fewest answers, of those that the person has not been given; None if there is none.

    Of gold ones, everybody may be given each.
    """
    taken = (
        sa.select(ASSIGNMENT.c.item_id, sa.func.count().label("count"))
        .where(ASSIGNMENT.c.study_id == study.id, _takes(now_ms))
        .group_by(ASSIGNMENT.c.item_id)
        .subquery()
    )
    given = sa.exists().where(
        ASSIGNMENT.c.item_id == ITEM.c.id, ASSIGNMENT.c.person_id == person_id
    )
    count = sa.func.coalesce(taken.c.count, 0)
    order = ITEM.c.shuffle if study.plan.order is Order.SHUFFLED else ITEM.c.number
    statement = (
        sa.select(ITEM)
        .outerjoin(taken, taken.c.item_id == ITEM.c.id)
        .where(ITEM.c.study_id == study.id, sa.not_(ITEM.c.archived), sa.not_(given))
        .where(ITEM.c.gold.is_not(None) if gold else ITEM.c.gold.is_(None))
        .order_by(count, order, ITEM.c.id)
        .limit(1)
    )
    if not gold:
        statement = statement.where(count < study.plan.overlap)
    row = connection.execute(statement).mappings().first()
    return None if row is None else to_record(row, Item)


def has_room(connection: Connection, study: Study, assignment: Assignment, now_ms: int) -> bool:
    """Whether the item could still do with this person's answer, whether or not they are late with it."""
    others = sa.select(sa.func.count()).where(
        ASSIGNMENT.c.item_id == assignment.item_id, ASSIGNMENT.c.id != assignment.id, _takes(now_ms)
    )
    return (
        assignment.purpose is not Purpose.PLAIN
        or connection.execute(others).scalar_one() < study.plan.overlap
    )


def progress(connection: Connection, study: Study, person_id: UUID | None = None) -> Progress:
    """How far a study is; `person_id`: whose own share is told with it."""
    counts = sa.select(sa.func.count()).select_from(ITEM)
    items = connection.execute(
        counts.where(ITEM.c.study_id == study.id, sa.not_(ITEM.c.archived), ITEM.c.gold.is_(None))
    ).scalar_one()
    mine = ASSIGNMENT.c.study_id == study.id
    if person_id is not None:
        mine &= ASSIGNMENT.c.person_id == person_id

    def number(condition: sa.ColumnElement[bool]) -> Any:
        return sa.func.count(sa.case((condition, ASSIGNMENT.c.id)))

    done, skipped = connection.execute(
        sa.select(
            number(ASSIGNMENT.c.state == _DONE), number(ASSIGNMENT.c.state == _SKIPPED)
        ).where(mine)
    ).one()
    answers = connection.execute(
        sa.select(number(ASSIGNMENT.c.counted)).where(ASSIGNMENT.c.study_id == study.id)
    ).scalar_one()
    return Progress(items, answers, items * study.plan.overlap, done, skipped)


def _takes(now_ms: int) -> sa.ColumnElement[bool]:
    """Whether an assignment takes one of the answers that its item is to get."""
    at_it = ASSIGNMENT.c.state.in_((_RESERVED, _SHOWN)) & (ASSIGNMENT.c.expires_ms > now_ms)
    return (ASSIGNMENT.c.purpose == Purpose.PLAIN) & (ASSIGNMENT.c.counted | at_it)


def _one(connection: Connection, condition: sa.ColumnElement[bool]) -> Assignment:
    row = connection.execute(sa.select(ASSIGNMENT).where(condition)).mappings().first()
    if row is None:
        raise UnknownReference("nobody was given that; it may have been erased")
    return to_record(row, Assignment)


def _values(assignment: Assignment) -> dict[str, Any]:
    return assignment.model_dump() | {
        "drawn": [each.model_dump(mode="json") for each in assignment.drawn]
    }
