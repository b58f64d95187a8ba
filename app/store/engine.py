"""The open database and the unit of work; SQLite and Postgres behind one face.

Holds how transactions begin and end, and the few statements that the two dialects write differently. Does not know any
table, nor how a connection is made (`connection.py`).

On SQLite there is one lock in the process besides, because SQLite's own waiting is by lot and lets the unlucky wait for
seconds; one connection that stays open as long as the store, so that its `-wal` stays the same file; and a look at that
file before and after every unit of work, so that nothing is acknowledged that went into a deleted one.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.store import sqlite_file
from app.store.address import parse_url, scrubbed, shown
from app.store.connection import BUSY_MS, connect
from app.store.errors import Busy, StoreError, Unavailable
from app.store.failures import BUSY, explain, explained, failed
from app.store.migrate import upgrade
from app.store.servers import Place
from app.store.shared import Item, Result, SharedWork, Work

Connection = sa.Connection
"""One unit of work: a connection inside a transaction."""

CHECK = "check RLHB_DATABASE_URL and that the database server runs"
"""What to do about a Postgres that cannot be opened."""

AT_ONCE = 2
"""Shared units of work at a time on Postgres, so that one that waits for somebody's row holds up no others.

With more, each serves fewer and they are in each other's way:
of four the first text came twice as late (bench_mixed)."""

ROWS_PER_STATEMENT = 500
"""Rows written by one statement: bounded by the number of parameters that a database takes."""


class Store:
    """An open database, its schema up to date. Made by `Store.open`."""

    def __init__(self, engine: sa.Engine, reader: sa.Engine) -> None:
        self.engine = engine
        self._reader = reader
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._turn = threading.Lock()
        self.refreshing = threading.Lock()
        self._shared = SharedWork(self.writing, 1 if self._is_sqlite else AT_ONCE)
        self._looks = SharedWork(self.reading, 1)
        self._place: Place | None = None
        self._anchor: sa.Connection | None = None
        self._watch: sqlite_file.Watch | None = None

    @classmethod
    def open(cls, url: str) -> "Store":
        """Open `sqlite:///path` or `postgresql://user:password@host/name` and apply the migrations.

        Raises StoreError, with the password left out, if the address cannot be used or the database not reached.
        """
        address = parse_url(url)
        with _openly(address):
            upgrade(address)
            engine = connect(address)
            if engine.dialect.name != "sqlite":
                return cls(engine, engine.execution_options(postgresql_readonly=True))
            store = cls(engine, connect(address, use="reading"))
            store._hold(address.database or "")
        return store

    @classmethod
    def look(cls, url: str) -> "Store":
        """Open only to look at it: nothing is migrated, written or tidied up. Raises StoreError."""
        address = parse_url(url)
        with _openly(address):
            if address.get_backend_name() == "sqlite" and not Path(address.database or "").exists():
                raise StoreError(f"there is no database yet: {address.database} does not exist")
            engine = connect(address, use="looking")
            if engine.dialect.name != "sqlite":
                engine = engine.execution_options(postgresql_readonly=True)
            with engine.connect() as connection:
                connection.execute(sa.select(1))
        return cls(engine, engine)

    def _hold(self, path: str) -> None:
        """Keep one connection that has read, and note which files are open."""
        self._anchor = self._reader.connect()
        self._anchor.detach()  # stays open, whatever becomes of the pool
        self._anchor.execute(sa.text("SELECT count(*) FROM sqlite_master")).all()
        self._anchor.rollback()
        sqlite_file.keep_private(Path(path))
        self._watch = sqlite_file.Watch(path)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A unit of work that writes: commits on success, rolls back on any error.

        Raises Busy, Full or Unavailable if the database itself cannot.
        """
        if not self._is_sqlite:
            with explained(), self.engine.begin() as connection:
                yield connection
            return
        if not self._turn.acquire(timeout=BUSY_MS / 1000):
            raise Busy(BUSY)
        try:
            self.check()
            with explained(), self.engine.begin() as connection:
                yield connection
            self.check()  # again: only now is it certain that what was committed can be found
        finally:
            self._turn.release()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A unit of work that only reads, from one moment on SQLite; never waits for a writer. Writing raises."""
        self.check()
        with explained(reads=True), self._reader.begin() as connection:
            yield connection

    def check(self) -> None:
        """Raise Lost if the database's file is no longer the one that was opened."""
        if self._watch is not None:
            self._watch.check()

    def refuse_own_file(self, path: Path) -> None:
        """Raise StoreError if this is a file of the database: opening it would drop SQLite's locks."""
        name = self.engine.url.database or ""
        if self._is_sqlite and sqlite_file.belongs_to(name, path):
            raise StoreError(f"{path} is the database itself; name another file")

    async def together(self, work: Work[Item, Result], item: Item, size: int = 1) -> Result:
        """Do a short piece of work in a unit of work that it may share with others who come at the same time.

        `work` takes the items of all of them and gives what became of each; `size` tells how much there is to do for
        this one. Returns the result for it, or raises the error that stands for it, after the commit.
        The failure of one harms no other.
        """
        return await self._shared.do(work, item, size)

    async def look_together(self, work: Work[Item, Result], item: Item) -> Result:
        """The same for work that only reads, such as who asks: done for many by one statement."""
        return await self._looks.do(work, item)

    def files(self) -> list[str]:
        """The files of a SQLite database; none for another. For other processes only: see `sqlite_file`."""
        name = self.engine.url.database or ""
        return [f"{name}{side}" for side in ("", *sqlite_file.SIDES)] if self._is_sqlite else []

    def empty_wal(self, patience_ms: int = 3_000) -> bool:
        """Carry the `-wal` over into the database and cut it to nothing; whether no reader was in the way."""

        def work(run: Callable[[str], list[Any]]) -> bool:
            run(f"PRAGMA busy_timeout = {patience_ms}")
            ((busy, *_),) = run("PRAGMA wal_checkpoint(TRUNCATE)")
            return not busy

        return self._alone(work)

    def write_anew(self) -> None:
        """Write the whole SQLite database anew, without its unused parts."""
        self._alone(lambda run: run("VACUUM"))

    def _alone(self, work: Callable[[Callable[[str], list[Any]]], Result]) -> Result:
        """Do something outside any unit of work while no unit of work of this process writes."""
        if not self._turn.acquire(timeout=BUSY_MS / 1000):
            raise Busy(BUSY)
        try:
            connection = self.engine.raw_connection()
            try:
                return work(lambda statement: connection.cursor().execute(statement).fetchall())
            except sqlite3.Error as error:
                raise failed(error) from None
            finally:
                connection.cursor().execute(f"PRAGMA busy_timeout = {BUSY_MS}").close()
                connection.close()
        finally:
            self._turn.release()

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
        self._shared.close()
        self._looks.close()
        if self._place is not None:
            self._place.leave()
            self._place = None
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None
        self.engine.dispose()
        self._reader.dispose()


@contextmanager
def _openly(address: sa.URL) -> Iterator[None]:
    """Within, a database that cannot be opened is a sentence that names it, without its password."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        reason = scrubbed(str(error.orig).strip().partition("\n")[0], address)
        why = explain(error)
        kind = type(why) if why else Unavailable
    except sa.exc.SQLAlchemyError as error:
        reason, why, kind = scrubbed(str(error).partition("\n")[0], address), None, Unavailable
    else:
        return
    # Out here, so that the chain of errors ends here too.
    what = str(why) if why and address.get_backend_name() == "sqlite" else CHECK
    raise kind(f"cannot open the database {shown(address)} ({reason}): {what}")


def insert_new(
    connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
) -> list[Any]:
    """Insert the rows whose primary key is not there yet; returns the keys of the new ones. Rows are alike."""
    if not rows:
        return []
    return list(connection.execute(_insert_new(connection.dialect.name, table), rows).scalars())


def add_new(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same for many rows of which nobody asks which were new."""
    if rows:
        connection.execute(_add_new(connection.dialect.name, table), rows)


def upsert(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows, or overwrite those with the same primary key. Rows are alike."""
    if rows:
        connection.execute(_upsert(connection.dialect.name, table, tuple(rows[0])), rows)


def in_parts(rows: Sequence[Any], size: int = ROWS_PER_STATEMENT) -> Iterator[Sequence[Any]]:
    """The rows in slices of at most `size`."""
    return (rows[start : start + size] for start in range(0, len(rows), size))


def existing(connection: Connection, column: sa.Column[UUID], ids: Iterable[UUID]) -> set[UUID]:
    """Those of the ids that are in the column."""
    found: set[UUID] = set()
    for part in in_parts(list(ids)):
        found.update(connection.execute(sa.select(column).where(column.in_(part))).scalars())
    return found


def storable(text: str) -> str:
    """The text without the one character that Postgres cannot hold."""
    return text.replace("\x00", "\ufffd")


@cache
def _add_new(dialect: str, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    (key,) = table.primary_key
    return _insert(dialect, table).on_conflict_do_nothing(index_elements=[key])


@cache
def _insert_new(dialect: str, table: sa.Table) -> sa.Insert:
    return _add_new(dialect, table).returning(*table.primary_key)


@cache
def _upsert(dialect: str, table: sa.Table, names: tuple[str, ...]) -> sa.Insert:
    (key,) = table.primary_key
    statement = _insert(dialect, table)
    new = {name: statement.excluded[name] for name in names if name != key.name}
    return statement.on_conflict_do_update(index_elements=[key], set_=new)


def _insert(dialect: str, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
