"""Drafts: what somebody has written and not sent, kept for them until it is sent, or for a while.

They are no records: nothing is exported of them, and nothing learns from them.
"""

from itertools import accumulate
from uuid import UUID, uuid5

import sqlalchemy as sa

from app.store.account_records import Draft
from app.store.account_tables import DRAFT
from app.store.engine import Connection, storable, upsert
from app.store.tables import to_record
from rlhb_core.schema.record import now_ms

MOST = 100
"""Drafts that are kept of one person, the newest."""
MOST_CHARACTERS = 400_000
"""Of all drafts of one person together; the oldest go first."""
DAYS = 30
"""For how long a draft waits for whoever wrote it."""


def of_person(connection: Connection, person_id: UUID) -> list[Draft]:
    """The drafts of a person, the newest first."""
    statement = (
        sa.select(DRAFT)
        .where(DRAFT.c.person_id == person_id, DRAFT.c.written_ms >= _oldest())
        .order_by(DRAFT.c.written_ms.desc(), DRAFT.c.about)
        .limit(MOST)
    )
    return [to_record(row, Draft) for row in connection.execute(statement).mappings()]


def edits_of(connection: Connection, person_id: UUID) -> list[UUID]:
    """The answers of which a person has begun an edit and not saved it."""
    abouts = [each.about.partition(".") for each in of_person(connection, person_id)]
    return [UUID(which) for what, _, which in abouts if what == "edit"]


def keep(connection: Connection, person_id: UUID, draft: Draft) -> None:
    """Keep a draft instead of the one about the same matter; those that are too old or too many go."""
    row = draft.model_dump() | {
        "id": uuid5(person_id, draft.about),
        "person_id": person_id,
        "text": storable(draft.text),
    }
    upsert(connection, DRAFT, [row])
    _forget_most(connection, person_id)
    forget_old(connection)


def drop(connection: Connection, person_id: UUID, about: str) -> None:
    """Let a draft go; one that is not there is gone already."""
    connection.execute(sa.delete(DRAFT).where(DRAFT.c.id == uuid5(person_id, about)))


def forget_old(connection: Connection) -> None:
    """Delete what has waited too long, whoever wrote it."""
    connection.execute(sa.delete(DRAFT).where(DRAFT.c.written_ms < _oldest()))


def _forget_most(connection: Connection, person_id: UUID) -> None:
    """Keep the newest that are not too many, nor too long together."""
    rows = connection.execute(
        sa.select(DRAFT.c.id, sa.func.length(DRAFT.c.text))
        .where(DRAFT.c.person_id == person_id)
        .order_by(DRAFT.c.written_ms.desc(), DRAFT.c.about)
    ).all()
    sizes = accumulate(size for _, size in rows)
    too_many = [
        draft_id
        for at, ((draft_id, _), size) in enumerate(zip(rows, sizes, strict=True))
        if at >= MOST or size > MOST_CHARACTERS
    ]
    if too_many:
        connection.execute(sa.delete(DRAFT).where(DRAFT.c.id.in_(too_many)))


def _oldest() -> int:
    return now_ms() - DAYS * 24 * 3_600_000
