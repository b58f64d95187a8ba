"""What a database's own error means, as one of our errors with a sentence. Never repeats a statement, row or address.

SQLite tells by a number, Postgres by five characters; both sets are long, and only those that an operator can do
something about are told apart here.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from app.store.errors import Busy, Full, StoreError, Unavailable

FULL = "the disk of the database is full, so nothing was stored; free some space, nothing else is needed"
BUSY = "the database was busy for too long; try again"
DOWN = "the database does not answer, so nothing was stored; check that its server runs, then try again"
DAMAGED = "the database file is damaged or no SQLite database; stop the server, run `rlhb verify`, restore a copy"
UNREADABLE = "the database file cannot be opened or written; check that it is there, and its owner and permissions"
FAILING = "the disk of the database fails or is full, so nothing was stored; see the system's log"


@contextmanager
def explained(reads: bool = False) -> Iterator[None]:
    """Within, errors of the database itself become errors of ours; all others pass.

    `reads`: writing is a mistake of ours here, not of the file's permissions.
    """
    try:
        yield
    except sa.exc.TimeoutError:  # of the pool
        raise Busy(BUSY) from None
    except sa.exc.DBAPIError as error:
        ours = explain(error)
        if ours is None or (reads and _is_readonly(error)):
            raise
        raise ours from None


def _is_readonly(error: sa.exc.DBAPIError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY


def explain(error: sa.exc.DBAPIError) -> StoreError | None:
    """The error in our words, or None if it is none of the database's own (a bug of ours, say)."""
    original = error.orig
    if isinstance(original, sqlite3.Error):
        return _sqlite(original)
    state = getattr(original, "sqlstate", None) or ""
    if state == "53100":
        return Full(FULL)
    if state[:2] in ("40", "53") or state == "55P03":
        return Busy(BUSY)
    lost = error.connection_invalidated or state[:2] in ("08", "57", "58")
    if lost or (isinstance(error, sa.exc.OperationalError) and not state):
        return Unavailable(DOWN)
    return None


def failed(error: sqlite3.Error) -> StoreError:
    """The same for an error of SQLite that came past SQLAlchemy."""
    return _sqlite(error) or Unavailable(FAILING)


def _sqlite(error: sqlite3.Error) -> StoreError | None:
    # The low byte is the kind, what stands above it the occasion.
    kind = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    match kind:
        case sqlite3.SQLITE_FULL:
            return Full(FULL)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Busy(BUSY)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Unavailable(DAMAGED)
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return Unavailable(UNREADABLE)
        case sqlite3.SQLITE_IOERR:
            return Unavailable(FAILING)
    return None
