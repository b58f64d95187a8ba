"""Model versions: the generators that can be served, with their lineage; and those known by name from imports."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import sqlalchemy as sa

from app.store import deployments as _deployments
from app.store.engine import Connection, insert_new, storable
from app.store.errors import Conflict, UnknownReference
from app.store.tables import VERSION, to_record
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Deployment, ModelVersion, Serving

UNKNOWN_ARM = Arm("imported")
"""Of a version that is known by name only, if nobody said what it is."""


def add(connection: Connection, version: ModelVersion) -> ModelVersion:
    """Store a version. Raises Conflict if its name is taken."""
    taken = by_name(connection, version.name)
    if taken is not None:
        raise Conflict(f"there is already a version named {version.name!r}; choose another name")
    try:
        connection.execute(sa.insert(VERSION).values(version.model_dump()))
    except sa.exc.IntegrityError:
        raise UnknownReference(
            f"{version.name!r} must name a stored parent and a stored run, under an id of its own"
        ) from None
    return version


def find(connection: Connection, version_id: UUID) -> ModelVersion | None:
    """The version of this id, or None."""
    return _first(connection, VERSION.c.id == version_id)


def get(connection: Connection, version_id: UUID) -> ModelVersion:
    """The version of this id. Raises UnknownReference."""
    version = find(connection, version_id)
    if version is None:
        raise UnknownReference("there is no such model version")
    return version


def known(connection: Connection, version_id: UUID) -> ModelVersion:
    """The version of this id, also one that is known by name only. Raises UnknownReference."""
    row = (
        connection.execute(sa.select(VERSION).where(VERSION.c.id == version_id)).mappings().first()
    )
    if row is None:
        raise UnknownReference("there is no such model version")
    return to_record(dict(row) | {"arm": row["arm"] or UNKNOWN_ARM}, ModelVersion)


def known_as(connection: Connection, name: str) -> UUID:
    """The version that answers from elsewhere are told to be of, known by this name only; made if not there."""
    version_id = uuid5(NAMESPACE_URL, f"version|{name}")
    row = {
        "id": version_id,
        "name": storable(name)[:80],
        "arm": None,
        "serving": Serving.LOCAL,
        "base": "",
        "trained_on": "known by name only, from imported data",
        "created_ms": now_ms(),
        "imported": True,
    }
    insert_new(connection, VERSION, [row])
    return version_id


def by_name(connection: Connection, name: str) -> ModelVersion | None:
    """The version of this name, or None."""
    return _first(connection, VERSION.c.name == name)


def any_known_by_name_only(connection: Connection, ids: Collection[UUID]) -> bool:
    """Whether one of these versions wrote elsewhere, so that its answers are there and are never written anew."""
    named = sa.select(VERSION.c.id).where(VERSION.c.id.in_(ids), VERSION.c.imported).limit(1)
    return connection.execute(named).first() is not None


def all(connection: Connection) -> Sequence[ModelVersion]:
    """Every version that can be served, oldest first."""
    statement = (
        sa.select(VERSION).where(~VERSION.c.imported).order_by(VERSION.c.created_ms, VERSION.c.name)
    )
    return [to_record(row, ModelVersion) for row in connection.execute(statement).mappings()]


def names(connection: Connection) -> dict[UUID, str]:
    """The name of every version, those known from imports too."""
    rows = connection.execute(sa.select(VERSION.c.id, VERSION.c.name))
    return {row.id: row.name for row in rows}


def change(connection: Connection, version_id: UUID, **values: Any) -> ModelVersion:
    """Change fields of a version (such as where its base lies). Raises UnknownReference."""
    changed = get(connection, version_id).model_copy(update=values)
    fields = ModelVersion.model_validate(changed.model_dump()).model_dump(exclude={"id"})
    connection.execute(sa.update(VERSION).where(VERSION.c.id == version_id).values(fields))
    return get(connection, version_id)


def deploy(connection: Connection, ids: Sequence[UUID], note: str = "") -> Deployment:
    """Serve these versions from now on. Raises UnknownReference if one of them is not there."""
    for version_id in ids:
        get(connection, version_id)
    return _deployments.add(connection, Deployment(served=list(ids), note=note))


def served(connection: Connection) -> Sequence[ModelVersion]:
    """The versions of the newest deployment, in its order; none before the first deployment."""
    newest = _deployments.latest(connection)
    if newest is None:
        return []
    statement = sa.select(VERSION).where(VERSION.c.id.in_(newest.served), ~VERSION.c.imported)
    found = {
        row["id"]: to_record(row, ModelVersion) for row in connection.execute(statement).mappings()
    }
    return [found[version_id] for version_id in newest.served]


def deployments(connection: Connection) -> Sequence[Deployment]:
    """Every deployment, oldest first."""
    return _deployments.all(connection)


def _first(connection: Connection, condition: sa.ColumnElement[bool]) -> ModelVersion | None:
    statement = sa.select(VERSION).where(condition, ~VERSION.c.imported)
    row = connection.execute(statement).mappings().first()
    return None if row is None else to_record(row, ModelVersion)
