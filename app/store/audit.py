"""The audit log: who did what, when, from where. Lines are added, read, and deleted once they are old."""

from collections.abc import Generator, Sequence
from uuid import UUID

import orjson
import sqlalchemy as sa

from app.store.account_records import AuditEntry, AuditKind
from app.store.account_tables import ACCOUNT, AUDIT, TOKEN
from app.store.engine import Connection, Store
from app.store.streaming import Stream, joined
from app.store.tables import to_record


def add(connection: Connection, entry: AuditEntry) -> AuditEntry:
    """Append a line."""
    connection.execute(sa.insert(AUDIT).values(entry.model_dump()))
    return entry


def newest(
    connection: Connection,
    limit: int = 100,
    kind: AuditKind | None = None,
    before: tuple[int, UUID] | None = None,
    account_id: UUID | None = None,
) -> Sequence[AuditEntry]:
    """The newest lines: of one kind, by or about one account, before the line of this moment and id."""
    statement = sa.select(AUDIT).order_by(AUDIT.c.at_ms.desc(), AUDIT.c.id.desc()).limit(limit)
    if kind is not None:
        statement = statement.where(AUDIT.c.kind == kind)
    if account_id is not None:
        about = (AUDIT.c.account_id == account_id) | (AUDIT.c.about_id == account_id)
        statement = statement.where(about)
    if before is not None:
        at_ms, entry_id = before
        earlier = (AUDIT.c.at_ms == at_ms) & (AUDIT.c.id < entry_id)
        statement = statement.where((AUDIT.c.at_ms < at_ms) | earlier)
    return [to_record(row, AuditEntry) for row in connection.execute(statement).mappings()]


def names(connection: Connection) -> dict[UUID, str]:
    """What accounts and tokens are called that are still there, by their ids."""
    return {
        key: name
        for table in (ACCOUNT, TOKEN)
        for key, name in connection.execute(sa.select(table.c.id, table.c.name))
    }


def export_all(store: Store) -> Generator[bytes, None, None]:
    """Every line as JSON, oldest first, in blocks; streams while it is read."""
    with store.reading() as connection:
        called = names(connection)
        statement = sa.select(AUDIT).order_by(AUDIT.c.at_ms, AUDIT.c.id)
        yield from joined(_line(row, called) for row in Stream(connection, statement))


def _line(row: sa.Row[tuple[object, ...]], called: dict[UUID, str]) -> bytes:
    fields = {field: getattr(row, field) for field in AuditEntry.model_fields}
    whom = {"account": called.get(fields["account_id"]), "about": called.get(fields["about_id"])}
    return orjson.dumps(fields | whom, option=orjson.OPT_APPEND_NEWLINE)


def forget_old(connection: Connection, before_ms: int) -> int:
    """Delete lines from before this moment; returns how many. The database refuses it for those of the last day."""
    return connection.execute(sa.delete(AUDIT).where(AUDIT.c.at_ms < before_ms)).rowcount
