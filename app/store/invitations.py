"""Invitations: links that make accounts, and links that set a password anew."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from app.store.account_records import Invitation
from app.store.account_tables import INVITATION
from app.store.engine import Connection
from app.store.errors import UnknownReference
from app.store.tables import to_record
from rlhb_core.schema.record import now_ms


def add(connection: Connection, invitation: Invitation) -> Invitation:
    """Store an invitation."""
    connection.execute(sa.insert(INVITATION).values(invitation.model_dump()))
    return invitation


def find(connection: Connection, digest: str) -> Invitation | None:
    """The invitation of this digest if it can still be used, or None."""
    statement = sa.select(INVITATION).where(INVITATION.c.digest == digest, _usable())
    row = connection.execute(statement).mappings().first()
    return None if row is None else to_record(row, Invitation)


def use(connection: Connection, invitation_id: UUID) -> bool:
    """Take one of its uses; False if none was left, however many try at once."""
    statement = (
        sa.update(INVITATION)
        .where(INVITATION.c.id == invitation_id, _usable())
        .values(uses_left=INVITATION.c.uses_left - 1)
    )
    return bool(connection.execute(statement).rowcount)


def open(connection: Connection) -> Sequence[Invitation]:
    """Those that can still be used, the newest first; without links that set a password."""
    statement = (
        sa.select(INVITATION)
        .where(_usable(), INVITATION.c.account_id.is_(None))
        .order_by(INVITATION.c.created_ms.desc(), INVITATION.c.id)
    )
    return [to_record(row, Invitation) for row in connection.execute(statement).mappings()]


def withdraw(connection: Connection, invitation_id: UUID) -> None:
    """Take an invitation back. Raises UnknownReference."""
    if not connection.execute(
        sa.delete(INVITATION).where(INVITATION.c.id == invitation_id)
    ).rowcount:
        raise UnknownReference("there is no such invitation")


def withdraw_first(connection: Connection) -> None:
    """Take back the links that a server printed for the first administrator."""
    first = INVITATION.c.made_by.is_(None) & INVITATION.c.account_id.is_(None)
    connection.execute(sa.delete(INVITATION).where(first))


def withdraw_of(connection: Connection, account_id: UUID) -> None:
    """Take back the links that set this account's password."""
    connection.execute(sa.delete(INVITATION).where(INVITATION.c.account_id == account_id))


def withdraw_made_by(connection: Connection, account_id: UUID) -> None:
    """Take back what somebody has made who may make none any more."""
    connection.execute(sa.delete(INVITATION).where(INVITATION.c.made_by == account_id))


def forget_old(connection: Connection) -> None:
    """Delete those that cannot be used any more."""
    connection.execute(sa.delete(INVITATION).where(sa.not_(_usable())))


def _usable() -> sa.ColumnElement[bool]:
    return (INVITATION.c.uses_left > 0) & (INVITATION.c.expires_ms > now_ms())
