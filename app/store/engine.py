"""The open database and the unit of work; SQLite and Postgres behind one face.

Holds how transactions begin and end, and the few statements that the two dialects write differently. Does not know any
table, nor how a connection is made (`connection.py`).

On SQLite there is one lock in the process besides, because SQLite's own waiting is by lot and lets the unlucky wait for
seconds.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.store.connection import BUSY_MS, connect, parse_url
from app.store.errors import Busy, StoreError
from app.store.migrate import upgrade
from app.store.servers import Place
from app.store.shared import SharedWork

Session = sa.Connection
"""One unit of work: a connection inside a transaction."""

Result = TypeVar("Result")

ROWS_PER_STATEMENT = 500
"""Rows written by one statement: bounded by the number of parameters that a database takes."""


class Store:
    """An open database, its schema up to date. Made by `Store.open`."""

    def __init__(self, engine: sa.Engine, reader: sa.Engine) -> None:
        self.engine = engine
        self._reader = reader
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._turn = threading.Lock()
        self._shared = SharedWork(self.session)
        self._place: Place | None = None

    @classmethod
    def open(cls, url: str) -> "Store":
        """Open `sqlite:///path` or `postgresql://user:password@host/name` and apply the migrations.

        Raises StoreError, with the password left out, if the address cannot be used or the database not reached.
        """
        address = parse_url(url)
        try:
            upgrade(address)
        except sa.exc.OperationalError as error:
            reason = str(error.orig).strip().splitlines()[0]
            raise StoreError(
                f"cannot open the database {address.render_as_string(hide_password=True)}: {reason}; "
                "check RLHB_DATABASE_URL and that the server runs"
            ) from None
        engine = connect(address)
        if engine.dialect.name == "sqlite":
            return cls(engine, connect(address, use="reading"))
        return cls(engine, engine.execution_options(postgresql_readonly=True))

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A unit of work that writes: commits on success, rolls back on any error."""
        if not self._is_sqlite:
            with self.engine.begin() as session:
                yield session
            return
        if not self._turn.acquire(timeout=BUSY_MS / 1000):
            raise Busy("the database was busy for too long; try again")
        try:
            with self.engine.begin() as session:
                yield session
        finally:
            self._turn.release()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A unit of work that only reads, from one moment on SQLite; never waits for a writer. Writing raises."""
        with self._reader.begin() as session:
            yield session

    def together(self, work: Callable[[Session], Result]) -> Result:
        """Run a short piece of work in a unit of work that it may share with others who come at the same time.

        Returns, or raises what `work` raised, after the commit. On SQLite many small writes then share one wait for
        the disk; Postgres does that by itself. Another's failure undoes only the other's work.
        """
        if self._is_sqlite:
            return self._shared.do(work)
        with self.session() as session:
            return work(session)

    def serve(self) -> bool:
        """Take a server's place on this database until `close`; whether no other server had one."""
        self._place = self._place or Place(self.engine)
        return self._place.alone

    @property
    def is_shared(self) -> bool:
        """Whether other servers may stand on this database at the same time."""
        return not self._is_sqlite

    def close(self) -> None:
        """Close all connections."""
        if self._place is not None:
            self._place.leave()
            self._place = None
        self.engine.dispose()
        self._reader.dispose()


def insert_new(session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Insert the rows whose primary key is not there yet; returns the keys of the new ones. Rows are alike."""
    if not rows:
        return []
    return list(session.execute(_insert_new(session.dialect.name, table), rows).scalars())


def upsert(session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows, or overwrite those with the same primary key. Rows are alike."""
    if rows:
        session.execute(_upsert(session.dialect.name, table, tuple(rows[0])), rows)


def in_parts(rows: Sequence[Any], size: int = ROWS_PER_STATEMENT) -> Iterator[Sequence[Any]]:
    """The rows in slices of at most `size`."""
    return (rows[start : start + size] for start in range(0, len(rows), size))


def existing(session: Session, column: sa.Column[UUID], ids: Iterable[UUID]) -> set[UUID]:
    """Those of the ids that are in the column."""
    found: set[UUID] = set()
    for part in in_parts(list(ids)):
        found.update(session.execute(sa.select(column).where(column.in_(part))).scalars())
    return found


def storable(text: str) -> str:
    """The text without the one character that Postgres cannot hold."""
    return text.replace("\x00", "\ufffd")


@cache
def _insert_new(dialect: str, table: sa.Table) -> sa.Insert:
    (key,) = table.primary_key
    return _insert(dialect, table).on_conflict_do_nothing(index_elements=[key]).returning(key)


@cache
def _upsert(dialect: str, table: sa.Table, names: tuple[str, ...]) -> sa.Insert:
    (key,) = table.primary_key
    statement = _insert(dialect, table)
    new = {name: statement.excluded[name] for name in names if name != key.name}
    return statement.on_conflict_do_update(index_elements=[key], set_=new)


def _insert(dialect: str, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
