"""Responses: what the versions answered. Added when they are drawn (pending), finished when the last token is there."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.store import people
from app.store.engine import Connection, storable
from app.store.errors import UnknownReference
from app.store.tables import QUERY, RESPONSE, to_record
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Outcome, Response

STUCK_MS = 3_600_000
"""A response that is still pending after an hour will not be finished any more."""

ENDING = ("text", "outcome", "error", "first_token_ms", "duration_ms", "left_out", "says_name")
"""What is known of a response once it has ended."""

_OWNERS = (
    sa.select(RESPONSE.c.id, QUERY.c.person_id)
    .join(QUERY)
    .where(RESPONSE.c.id.in_(sa.bindparam("some", expanding=True)))
)
_END = (
    sa.update(RESPONSE)
    .where(RESPONSE.c.id == sa.bindparam("ended"))
    .values({name: sa.bindparam(name) for name in ENDING})
)


def add(connection: Connection, response: Response) -> Response:
    """Store a response, usually pending. Raises UnknownReference if its query or version is not there."""
    response = _storable(response)
    owner = _owner(connection, response.query_id)
    try:
        connection.execute(sa.insert(RESPONSE).values(response.model_dump()))
    except sa.exc.IntegrityError:
        raise UnknownReference(
            "a response must name a stored version (and, if it replaces one, a stored response), under an id of its own"
        ) from None
    people.touch(connection, {owner})
    return response


def add_drawn(connection: Connection, drawn: Sequence[Response]) -> None:
    """Store what was drawn for a query that was added in this unit of work, all at once. Raises UnknownReference."""
    try:
        connection.execute(
            sa.insert(RESPONSE).values([_storable(each).model_dump() for each in drawn])
        )
    except sa.exc.IntegrityError:
        raise UnknownReference("responses must name a stored query and stored versions") from None


def finish(connection: Connection, response: Response) -> Response:
    """Store how a response ended: text, outcome, error and times. Raises UnknownReference if it was never added."""
    (outcome,) = finish_all(connection, [response])
    if isinstance(outcome, UnknownReference):
        raise outcome
    return outcome


def finish_all(
    connection: Connection, ended: Sequence[Response]
) -> list[Response | UnknownReference]:
    """Store how many responses ended; returns each as it is stored, or that it was never added."""
    ids = {"some": [response.id for response in ended]}
    owners = {row.id: row.person_id for row in connection.execute(_OWNERS, ids)}
    outcomes: list[Response | UnknownReference] = [
        _storable(response)
        if response.id in owners
        else UnknownReference("there is no such response; it may have been erased")
        for response in ended
    ]
    if endings := [_ending(each) for each in outcomes if isinstance(each, Response)]:
        connection.execute(_END, endings)
    people.touch(connection, set(owners.values()))
    return outcomes


def _ending(response: Response) -> dict[str, Any]:
    return {"ended": response.id} | response.model_dump(include=set(ENDING))


def get(connection: Connection, response_id: UUID) -> Response:
    """The response of this id. Raises UnknownReference."""
    row = connection.execute(sa.select(RESPONSE).where(RESPONSE.c.id == response_id)).mappings()
    found = row.first()
    if found is None:
        raise UnknownReference("there is no such response")
    return _record(found)


def of_query(connection: Connection, query_id: UUID) -> Sequence[Response]:
    """The responses to a query, by place on the page, regenerated ones after those they replace."""
    statement = (
        sa.select(RESPONSE)
        .where(RESPONSE.c.query_id == query_id)
        .order_by(RESPONSE.c.position, RESPONSE.c.created_ms, RESPONSE.c.id)
    )
    return [_record(row) for row in connection.execute(statement).mappings()]


def places(connection: Connection, ids: Collection[UUID]) -> dict[UUID, int]:
    """Where on their pages these responses stand."""
    statement = sa.select(RESPONSE.c.id, RESPONSE.c.position).where(RESPONSE.c.id.in_(ids))
    return {each: position or 0 for each, position in connection.execute(statement)}


def queries_of(connection: Connection, ids: Collection[UUID]) -> set[UUID]:
    """The queries that these responses answer."""
    statement = sa.select(RESPONSE.c.query_id).where(RESPONSE.c.id.in_(ids))
    return set(connection.execute(statement).scalars())


def give_up_pending(connection: Connection, reason: str, alone: bool) -> int:
    """End responses that no process is writing any more, as after a crash, as stopped; returns their number.

    `alone`: no other server is there that could be writing them. Otherwise only those that nobody can be writing.
    """
    pending = RESPONSE.c.outcome == Outcome.PENDING
    if not alone:
        pending &= RESPONSE.c.created_ms < now_ms() - STUCK_MS
    owners = sa.select(QUERY.c.person_id).join(RESPONSE).where(pending).distinct()
    people.touch(connection, set(connection.execute(owners).scalars()))
    return connection.execute(
        sa.update(RESPONSE).where(pending).values(outcome=Outcome.STOPPED, error=reason)
    ).rowcount


def _owner(connection: Connection, query_id: UUID) -> UUID:
    owner: UUID | None = connection.execute(
        sa.select(QUERY.c.person_id).where(QUERY.c.id == query_id)
    ).scalar()
    if owner is None:
        raise UnknownReference("there is no such query; it may have been erased")
    return owner


def _storable(response: Response) -> Response:
    return response.model_copy(
        update={"text": storable(response.text), "error": storable(response.error)}
    )


def _record(row: sa.RowMapping) -> Response:
    """Imported answers may not say where they stood or how they were drawn: here they stand first,
    drawn for certain.
    """
    known = dict(row)
    if known["position"] is None:
        known["position"] = 0
    if known["draw_probability"] is None:
        known["draw_probability"] = 1.0
    return to_record(known, Response)
