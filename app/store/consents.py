"""Consent: which text people were shown before their reading was recorded, and what they answered."""

from uuid import UUID

import sqlalchemy as sa

from app.store.account_records import Consent
from app.store.account_tables import CONSENT, CONSENT_TEXT
from app.store.engine import Connection, insert_new, storable
from app.store.tables import PERSON, to_record
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Source


def ask(connection: Connection, version: str, text: str) -> bool:
    """From now on people are asked for this text; whether it is a new one.

    Nobody's reading is recorded until they have answered to it: not to another, nor while none was asked for.
    """
    known = sa.select(CONSENT_TEXT.c.version).where(CONSENT_TEXT.c.version == version)
    is_new = connection.execute(known).first() is None
    row = {"version": version, "text": storable(text), "since_ms": now_ms()}
    insert_new(connection, CONSENT_TEXT, [row])
    answered = (
        sa.exists()
        .where(CONSENT.c.person_id == PERSON.c.id, CONSENT.c.version == version)
        .correlate(PERSON)
    )
    waiting = PERSON.c.recording & (PERSON.c.source != Source.SIMULATED) & sa.not_(answered)
    connection.execute(sa.update(PERSON).where(waiting).values(recording=False))
    return is_new


def answer(connection: Connection, consent: Consent) -> None:
    """Store what somebody answered, and record them from now on, or not."""
    connection.execute(sa.insert(CONSENT).values(consent.model_dump()))
    mine = PERSON.c.id == consent.person_id
    connection.execute(sa.update(PERSON).where(mine).values(recording=consent.agreed))


def latest(connection: Connection, person_id: UUID, version: str) -> Consent | None:
    """What somebody last answered to this text, or None."""
    statement = (
        sa.select(CONSENT)
        .where(CONSENT.c.person_id == person_id, CONSENT.c.version == version)
        .order_by(CONSENT.c.at_ms.desc())
        .limit(1)
    )
    row = connection.execute(statement).mappings().first()
    return None if row is None else to_record(row, Consent)
