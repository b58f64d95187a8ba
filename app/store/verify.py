"""Is the database what it should be? Schema, references, payloads, and what no constraint can say.

Reads only; says what is wrong in words and leaves mending to people.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from pydantic import ValidationError

from app.store import sqlite_file
from app.store.engine import Connection, Store
from app.store.errors import StoreError
from app.store.migrate import NEWER, knows, revisions
from app.store.responses import STUCK_MS
from app.store.tables import (
    BEHAVIOR,
    DEPLOYMENT,
    QUERY,
    RESPONSE,
    SIGNAL,
    VERSION,
    TableRow,
)
from rlhb_core.errors import BadRecord
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.record import describe, now_ms
from rlhb_core.schema.records import Outcome
from rlhb_core.schema.signals import SignalKind, parse_payload


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be. `check` names the check, `message` says what and how much."""

    check: str
    message: str


def verify(store: Store) -> list[Problem]:
    """All problems found; an empty list means that the database is sound."""
    try:
        return _problems(store)
    except StoreError as error:
        if store.engine.dialect.name != "sqlite":
            raise
        return [Problem("file", str(error))]


def missing_wal(database: Path | None, server: str) -> Iterator[Problem]:
    """A live server without the file into which it writes: that was deleted under it, and what it stores is lost."""
    if database is not None and not sqlite_file.has_wal(str(database)):
        yield Problem(
            "file",
            f"{database.name}-wal is missing although a server is live ({server}): what it writes goes into a deleted "
            "file; export what you can from the running server, then stop it and restore a copy",
        )


def _problems(store: Store) -> list[Problem]:
    with store.reading() as connection:
        for first in (_schema, _file):  # the other checks would trip over what these find
            if problems := list(first(connection)):
                return problems
        checks = (_references, _ownership, _served, _payloads, _features, _stuck)
        return [problem for check in checks for problem in check(connection)]


def _schema(connection: Connection) -> Iterator[Problem]:
    present, newest = revisions(connection)
    if present != newest:
        what = "`rlhb serve` brings it up to date" if knows(present) else NEWER
        yield Problem(
            "schema", f"the schema is at revision {present}, the newest is {newest}; {what}"
        )
    missing = set(TableRow.metadata.tables) - set(sa.inspect(connection).get_table_names())
    if missing:
        yield Problem("schema", f"tables are missing: {', '.join(sorted(missing))}")


def _file(connection: Connection) -> Iterator[Problem]:
    if connection.dialect.name == "sqlite":
        for line in connection.exec_driver_sql("PRAGMA integrity_check").scalars():
            if line != "ok":
                yield Problem("file", f"SQLite says: {line}; restore the file from a copy")


def _references(connection: Connection) -> Iterator[Problem]:
    """Every foreign key of every table; the databases enforce them, unless somebody switched that off."""
    for table in TableRow.metadata.sorted_tables:
        for key in table.foreign_keys:
            target = key.column.table.alias()
            there = sa.exists().where(target.c[key.column.name] == key.parent)
            count = _count(connection, table, key.parent.is_not(None) & ~there)
            if count:
                yield Problem(
                    "references",
                    f"{count} rows of {table.name} name a {key.column.table.name} that is not there "
                    f"({key.parent.name})",
                )
        name = next(iter(table.primary_key))
        doubled = connection.execute(
            sa.select(sa.func.count()).select_from(
                sa.select(name).group_by(name).having(sa.func.count() > 1).subquery()
            )
        ).scalar_one()
        if doubled:
            yield Problem("references", f"{doubled} ids of {table.name} are there twice")


def _ownership(connection: Connection) -> Iterator[Problem]:
    """Signals and behaviours must be about the person's own queries, and the response one to that query."""
    asked_by = _one(sa.select(QUERY.c.person_id).where(QUERY.c.id == SIGNAL.c.query_id), SIGNAL)
    strangers = _count(connection, SIGNAL, asked_by != SIGNAL.c.person_id)
    if strangers:
        yield Problem("ownership", f"{strangers} signals are about another person's query")
    answered = _one(
        sa.select(RESPONSE.c.query_id).where(RESPONSE.c.id == SIGNAL.c.response_id), SIGNAL
    )
    astray = _count(connection, SIGNAL, answered != SIGNAL.c.query_id)
    if astray:
        yield Problem("ownership", f"{astray} signals name a response to another query")
    reader = _one(
        sa.select(QUERY.c.person_id)
        .select_from(RESPONSE.join(QUERY))
        .where(RESPONSE.c.id == BEHAVIOR.c.response_id),
        BEHAVIOR,
    )
    foreign = _count(connection, BEHAVIOR, reader != BEHAVIOR.c.person_id)
    if foreign:
        yield Problem("ownership", f"{foreign} behaviours are under another person's name")


def _served(connection: Connection) -> Iterator[Problem]:
    known = set(connection.execute(sa.select(VERSION.c.id)).scalars())
    for served in connection.execute(sa.select(DEPLOYMENT.c.served)).scalars():
        if not {UUID(each) for each in served} <= known:
            yield Problem("deployments", "a deployment names a model version that is not there")


def _payloads(connection: Connection) -> Iterator[Problem]:
    bad, first = 0, ""
    statement = sa.select(SIGNAL.c.kind, SIGNAL.c.payload)
    for kind, payload in connection.execute(statement, execution_options={"yield_per": 2000}):
        try:
            parse_payload(SignalKind(kind), payload)
        except BadRecord as error:
            bad, first = bad + 1, first or str(error)
    if bad:
        yield Problem("payloads", f"{bad} signals no longer parse; the first: {first}")


def _features(connection: Connection) -> Iterator[Problem]:
    bad, first = 0, ""
    statement = sa.select(BEHAVIOR.c.features)
    for features in connection.execute(statement, execution_options={"yield_per": 2000}).scalars():
        try:
            BehaviorFeatures.model_validate_json(features)
        except ValidationError as error:
            bad, first = bad + 1, first or describe(error)
    if bad:
        yield Problem("features", f"{bad} behaviours no longer parse; the first: {first}")


def _stuck(connection: Connection) -> Iterator[Problem]:
    pending = RESPONSE.c.outcome == Outcome.PENDING
    stuck = _count(connection, RESPONSE, pending & (RESPONSE.c.created_ms < now_ms() - STUCK_MS))
    if stuck:
        yield Problem(
            "responses", f"{stuck} responses were never finished; they are left out of exports"
        )


def _count(connection: Connection, table: sa.Table, condition: sa.ColumnElement[bool]) -> int:
    return connection.execute(
        sa.select(sa.func.count()).select_from(table).where(condition)
    ).scalar_one()


def _one(statement: sa.Select[tuple[UUID]], outer: sa.Table) -> sa.ScalarSelect[UUID]:
    """The statement as one value per row of `outer`."""
    return statement.correlate(outer).scalar_subquery()
