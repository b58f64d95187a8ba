"""Deployments: which versions were served from when on. Append-only; going back adds one."""

from collections.abc import Sequence

import sqlalchemy as sa

from app.store.engine import Connection
from app.store.tables import DEPLOYMENT, to_record
from rlhb_core.schema.records import Deployment


def add(connection: Connection, deployment: Deployment) -> Deployment:
    """Store a deployment, always newer than the last."""
    last = latest(connection)
    if last is not None and deployment.created_ms <= last.created_ms:
        deployment = deployment.model_copy(update={"created_ms": last.created_ms + 1})
    row = deployment.model_dump() | {"served": [str(each) for each in deployment.served]}
    connection.execute(sa.insert(DEPLOYMENT).values(row))
    return deployment


def latest(connection: Connection) -> Deployment | None:
    """The one that counts."""
    statement = sa.select(DEPLOYMENT).order_by(DEPLOYMENT.c.created_ms.desc()).limit(1)
    row = connection.execute(statement).mappings().first()
    return None if row is None else to_record(row, Deployment)


def all(connection: Connection) -> Sequence[Deployment]:
    """Every deployment, oldest first."""
    statement = sa.select(DEPLOYMENT).order_by(DEPLOYMENT.c.created_ms)
    return [to_record(row, Deployment) for row in connection.execute(statement).mappings()]
