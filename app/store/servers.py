"""Which servers use a database: each holds a lock while it lives, so that the next one can tell whether it is alone.

SQLite: a lock on an empty file beside the database. Postgres: an advisory lock on a connection of its own. Both go when
the process goes, however it ends. Does not know what a server does with the answer.
"""

import fcntl
import os
from collections.abc import Callable

import sqlalchemy as sa

LOCK = 7_245_053
"""Key of the Postgres advisory lock that every server shares."""


class Place:
    """One server's place among those on a database; `alone` says whether there was no other when it came."""

    def __init__(self, engine: sa.Engine) -> None:
        if engine.dialect.name == "sqlite":
            self.alone, self.leave = _on_file(f"{engine.url.database}-servers")
        else:
            self.alone, self.leave = _on_connection(engine)


def _on_file(path: str) -> tuple[bool, Callable[[], None]]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        alone = True
    except BlockingIOError:
        alone = False
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return alone, lambda: os.close(descriptor)


def _on_connection(engine: sa.Engine) -> tuple[bool, Callable[[], None]]:
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()  # never back into the pool, which would keep the lock
    alone = bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(LOCK))).scalar_one())
    connection.execute(sa.select(sa.func.pg_advisory_lock_shared(LOCK)))
    if alone:
        connection.execute(sa.select(sa.func.pg_advisory_unlock(LOCK)))
    return alone, connection.close
