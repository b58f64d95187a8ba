"""Accounts: who can sign in, and how many of each role are left."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from app.store.account_records import Account, Role
from app.store.account_tables import ACCOUNT, INVITATION, SESSION, TOKEN
from app.store.engine import Connection
from app.store.errors import Conflict, UnknownReference
from app.store.tables import QUERY, to_record

TAKEN = "somebody is called so already; choose another name"


NEWCOMERS = 0x524C4843
"""Key of the Postgres advisory lock under which accounts are made for those who come from outside."""


class Activity(NamedTuple):
    """What is known of an account beside itself."""

    queries: int
    newest_ms: int | None
    seen_ms: int | None
    sessions: int


def add(connection: Connection, account: Account, name_key: str) -> Account:
    """Store an account. Raises Conflict if its name is taken."""
    if by_name(connection, name_key) is not None:
        raise Conflict(TAKEN)
    try:
        connection.execute(sa.insert(ACCOUNT).values(**account.model_dump(), name_key=name_key))
    except sa.exc.IntegrityError:
        raise Conflict(TAKEN) from None
    return account


def find(connection: Connection, account_id: UUID) -> Account | None:
    """The account of this id, or None."""
    return _first(connection, ACCOUNT.c.id == account_id)


def get(connection: Connection, account_id: UUID) -> Account:
    """The account of this id. Raises UnknownReference."""
    account = find(connection, account_id)
    if account is None:
        raise UnknownReference("there is no such account")
    return account


def by_name(connection: Connection, name_key: str) -> Account | None:
    """The account of this name, as it is compared."""
    return _first(connection, ACCOUNT.c.name_key == name_key)


def by_subject(connection: Connection, subject: str) -> Account | None:
    """The account of somebody whom a provider outside knows by this subject."""
    return _first(connection, ACCOUNT.c.subject == subject)


def count_subjects(connection: Connection, prefix: str) -> int:
    """How many accounts are known outside by something that begins like this."""
    theirs = ACCOUNT.c.subject.startswith(prefix, autoescape=True)
    return connection.execute(sa.select(sa.func.count()).where(theirs)).scalar_one()


def by_person(connection: Connection, person_id: UUID) -> Account | None:
    """The account whose doings are recorded of this person."""
    return _first(connection, ACCOUNT.c.person_id == person_id)


def all(connection: Connection) -> Sequence[Account]:
    """Every account, oldest first."""
    statement = sa.select(ACCOUNT).order_by(ACCOUNT.c.created_ms, ACCOUNT.c.id)
    return [to_record(row, Account) for row in connection.execute(statement).mappings()]


def change(connection: Connection, account_id: UUID, **values: Any) -> Account:
    """Change fields of an account. Raises UnknownReference, or Conflict if a new name is taken."""
    try:
        with connection.begin_nested():
            connection.execute(sa.update(ACCOUNT).where(ACCOUNT.c.id == account_id).values(values))
    except sa.exc.IntegrityError:
        raise Conflict(TAKEN) from None
    return get(connection, account_id)


def lock(connection: Connection) -> None:
    """Let nobody else change the administrators until the end: of two who take each other's role, one comes second."""
    administrators = sa.select(ACCOUNT.c.id).where(ACCOUNT.c.role == Role.ADMINISTRATOR)
    connection.execute(administrators.order_by(ACCOUNT.c.id).with_for_update())


def lock_newcomers(connection: Connection) -> None:
    """Let nobody else who takes this lock make an account until the end; on SQLite nobody else writes anyway."""
    if connection.dialect.name != "sqlite":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(NEWCOMERS)))


def administrators(connection: Connection) -> int:
    """How many active administrators there are."""
    return connection.execute(
        sa.select(sa.func.count())
        .select_from(ACCOUNT)
        .where(ACCOUNT.c.role == Role.ADMINISTRATOR, ACCOUNT.c.deactivated_ms.is_(None))
    ).scalar_one()


def delete(connection: Connection, account_id: UUID) -> None:
    """Remove an account with its sessions, tokens and open links. What was recorded of its person is another matter."""
    for table in (SESSION, TOKEN, INVITATION):
        connection.execute(sa.delete(table).where(table.c.account_id == account_id))
    connection.execute(sa.delete(ACCOUNT).where(ACCOUNT.c.id == account_id))


def activity(connection: Connection) -> dict[UUID, Activity]:
    """What is known of each account, by its id."""
    queries = (
        sa.select(
            QUERY.c.person_id,
            sa.func.count().label("asked"),
            sa.func.max(QUERY.c.created_ms).label("newest"),
        )
        .group_by(QUERY.c.person_id)
        .subquery()
    )
    sessions = (
        sa.select(
            SESSION.c.account_id,
            sa.func.max(SESSION.c.seen_ms).label("seen"),
            sa.func.count().label("open"),
        )
        .group_by(SESSION.c.account_id)
        .subquery()
    )
    rows = connection.execute(
        sa.select(ACCOUNT.c.id, queries.c.asked, queries.c.newest, sessions.c.seen, sessions.c.open)
        .outerjoin(queries, queries.c.person_id == ACCOUNT.c.person_id)
        .outerjoin(sessions, sessions.c.account_id == ACCOUNT.c.id)
    )
    return {
        account_id: Activity(asked or 0, newest, seen, opened or 0)
        for account_id, asked, newest, seen, opened in rows
    }


def _first(connection: Connection, where: sa.ColumnElement[bool]) -> Account | None:
    row = connection.execute(sa.select(ACCOUNT).where(where)).mappings().first()
    return None if row is None else to_record(row, Account)
