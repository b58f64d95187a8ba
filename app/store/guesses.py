"""How often somebody has tried to sign in, under keys that tell neither a name nor an address."""

import sqlalchemy as sa

from app.store.account_tables import GUESS
from app.store.engine import Connection, insert_new
from rlhb_core.schema.record import now_ms


def count(connection: Connection, key: str, forget_ms: int) -> tuple[int, int]:
    """(tries so far, when the last one was), the row locked until the end; tries older than this moment are gone."""
    insert_new(connection, GUESS, [{"key": key, "tries": 0, "last_ms": 0}])
    mine = GUESS.c.key == key
    tries, last_ms = connection.execute(
        sa.select(GUESS.c.tries, GUESS.c.last_ms).where(mine).with_for_update()
    ).one()
    return (0, 0) if last_ms < forget_ms else (tries, last_ms)


def note(connection: Connection, key: str, tries: int) -> None:
    """There were so many tries now."""
    values = {"tries": tries, "last_ms": now_ms()}
    connection.execute(sa.update(GUESS).where(GUESS.c.key == key).values(values))


def give_back(connection: Connection, key: str, tries: int | None = None) -> None:
    """It worked out: so many tries are taken back, or all."""
    left = 0 if tries is None else sa.case((GUESS.c.tries > tries, GUESS.c.tries - tries), else_=0)
    connection.execute(sa.update(GUESS).where(GUESS.c.key == key).values(tries=left))


def forget_old(connection: Connection, before_ms: int) -> None:
    """Delete what has not been tried since this moment."""
    connection.execute(sa.delete(GUESS).where(GUESS.c.last_ms < before_ms))
