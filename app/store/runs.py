"""Runs: one row per training run; everything else about a run lies in its folder."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from app.store.engine import Connection
from app.store.errors import UnknownReference
from app.store.tables import RUN, to_record
from rlhb_core.schema.records import Run, RunStatus


def add(connection: Connection, run: Run) -> Run:
    """Store a run. Raises UnknownReference if the version it starts from is not there."""
    try:
        connection.execute(sa.insert(RUN).values(run.model_dump()))
    except sa.exc.IntegrityError:
        raise UnknownReference(
            "a run must start from a stored version, under an id of its own"
        ) from None
    return run


def find(connection: Connection, run_id: UUID) -> Run | None:
    """The run of this id, or None."""
    row = connection.execute(sa.select(RUN).where(RUN.c.id == run_id)).mappings().first()
    return None if row is None else to_record(row, Run)


def get(connection: Connection, run_id: UUID) -> Run:
    """The run of this id. Raises UnknownReference."""
    run = find(connection, run_id)
    if run is None:
        raise UnknownReference("there is no such run")
    return run


def all(connection: Connection) -> Sequence[Run]:
    """Every run, newest first."""
    statement = sa.select(RUN).order_by(RUN.c.created_ms.desc(), RUN.c.id)
    return [to_record(row, Run) for row in connection.execute(statement).mappings()]


def update(connection: Connection, run: Run, was: RunStatus) -> bool:
    """Store the run as it now stands, unless its status is no longer `was`; returns whether it was stored.

    Of several servers that see the same run, one succeeds: the others wait for its unit of work and are told False.
    """
    unchanged = (RUN.c.id == run.id) & (RUN.c.status == was)
    statement = sa.update(RUN).where(unchanged).values(run.model_dump(exclude={"id"}))
    return connection.execute(statement).rowcount == 1
