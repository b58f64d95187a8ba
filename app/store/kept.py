"""Connections to Postgres that stay open, and are looked at only when they have rested.

To open a connection costs more than most units of work, and so does asking before each whether it still lives. Does not
know what the connections are used for.
"""

import time
from typing import Any

import sqlalchemy as sa

MOST = 40
"""Connections that a server has at most, and keeps once it has opened them; whoever needs one more waits."""
REST_S = 1.0
"""One that was used so recently is taken to live. If it does not, one unit of work fails as Unavailable."""
OPTIONS: dict[str, Any] = {"pool_size": MOST, "max_overflow": 0, "pool_use_lifo": True}
"""For `create_engine`."""


def look_after(engine: sa.Engine) -> None:
    """Replace a connection that has died while it rested, before anybody gets it."""

    @sa.event.listens_for(engine, "checkin")
    def _put_away(_: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def _taken(connection: Any, record: Any, _: Any) -> None:
        now = time.monotonic()
        if now - record.info.get("used", now) < REST_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error:
            raise sa.exc.DisconnectionError from None  # the pool opens another one
