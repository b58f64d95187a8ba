"""How a database is reached: the engine with our settings. Does not know what is stored.

SQLite: WAL and synchronous=FULL, so that what is committed survives the loss of power; BEGIN IMMEDIATE for units of
work that write, so that none fails halfway for want of the lock. Only a migration may make the file; whoever only looks
opens it read-only, so that even the last to close it leaves its `-wal` alone.
"""

import sqlite3
from pathlib import Path
from typing import Any, Literal

import orjson
import sqlalchemy as sa

from app.store import kept, sqlite_file
from app.store.address import without_secrets

BUSY_MS = 30_000
"""Longest wait for another process (or unit of work) that is writing, in milliseconds."""


Use = Literal["writing", "reading", "migrating", "looking"]


def connect(address: sa.URL, use: Use = "writing") -> sa.Engine:
    """An engine with our settings. While migrating, SQLite's foreign keys are checked at the end instead.

    `looking` is reading that leaves no trace: nothing is made, and nothing tidied up at the end.
    """
    options: dict[str, Any] = {
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "json_deserializer": orjson.loads,
        "hide_parameters": True,  # an error's text may reach a log; personal data may not
    }
    is_sqlite = address.get_backend_name() == "sqlite"
    if use == "migrating":
        options["poolclass"] = sa.NullPool
    else:  # a file does not hang up
        options |= {"pool_size": 10, "max_overflow": 30} if is_sqlite else kept.OPTIONS
    if not is_sqlite:
        address, hidden = without_secrets(address)
        engine = sa.create_engine(address, connect_args=hidden, **options)
        sa.event.listen(engine, "handle_error", _hide_detail)
        if use != "migrating":
            kept.look_after(engine)
        return engine
    path = address.database or ""
    if use == "migrating":
        sqlite_file.make(Path(path))
    uri = sqlite_file.address(path, "ro" if use == "looking" else "rw")

    def opened() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, timeout=BUSY_MS / 1000, check_same_thread=False)

    engine = sa.create_engine(address, creator=opened, **options)
    reads = use in ("reading", "looking")

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we write BEGIN ourselves
        for pragma in (
            f"busy_timeout = {BUSY_MS}",
            *(["journal_mode = WAL"] if use != "looking" else []),
            "synchronous = FULL",
            f"foreign_keys = {'OFF' if use == 'migrating' else 'ON'}",
            f"query_only = {'ON' if reads else 'OFF'}",
            "secure_delete = ON",  # erased means overwritten
            f"cache_size = {-2000 if reads else -16000}",  # reading is by the system's cache anyway
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _hide_detail(context: sa.engine.ExceptionContext) -> None:
    """Postgres repeats the refused row in the detail of an error; an error's text may reach a log."""
    original = context.original_exception
    detail = getattr(getattr(original, "diag", None), "message_detail", None)
    if detail:
        for error in (original, context.sqlalchemy_exception):
            if error is not None:
                error.args = tuple(str(part).replace(detail, "(hidden)") for part in error.args)
