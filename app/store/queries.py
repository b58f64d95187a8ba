"""Queries: what people asked."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from app.store import people
from app.store.engine import Connection, storable
from app.store.errors import Conflict, UnknownReference
from app.store.tables import PERSON, QUERY, SIGNAL, to_record
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.records import Query
from rlhb_core.schema.signals import SignalKind


def add(
    connection: Connection,
    query: Query,
    *,
    study_id: UUID | None = None,
    guidelines: int = 0,
    stays_blind: bool = False,
    own_threads: bool = False,
) -> Query:
    """Store a query. The same one again changes nothing; another text under its id raises Conflict.

    study_id: the study that it is asked in, None for free questions; guidelines: the version that held then.
    stays_blind: names are not shown, not even after the vote. own_threads: each version goes on with its own answers.
    """
    query = query.model_copy(update={"text": storable(query.text)})
    known = find(connection, query.id)
    if known is not None:
        if (known.person_id, known.text) != (query.person_id, query.text):
            raise Conflict("this query id is already taken by another query")
        return known
    person = connection.execute(
        sa.select(PERSON.c.recording, PERSON.c.source)
        .where(PERSON.c.id == query.person_id)
        .with_for_update()  # what is asked is of one kind with who asks, whatever else goes on
    ).first()
    if person is None:
        raise UnknownReference("nothing is recorded of this person yet; add the person first")
    query = query.model_copy(update={"source": person.source})
    connection.execute(
        sa.insert(QUERY).values(
            **query.model_dump(),
            recorded=person.recording,
            study_id=study_id,
            guidelines=guidelines,
            stays_blind=stays_blind,
            own_threads=own_threads,
        )
    )
    people.touch(connection, {query.person_id})
    return query


def find(connection: Connection, query_id: UUID) -> Query | None:
    """The query of this id, or None."""
    row = connection.execute(sa.select(QUERY).where(QUERY.c.id == query_id)).mappings().first()
    return None if row is None else to_record(row, Query)


def get(connection: Connection, query_id: UUID) -> Query:
    """The query of this id. Raises UnknownReference."""
    query = find(connection, query_id)
    if query is None:
        raise UnknownReference("there is no such query")
    return query


class Ways(NamedTuple):
    """How a query is shown and gone on with."""

    study_id: UUID | None
    stays_blind: bool
    """Names are not shown, not even after the vote."""
    own_threads: bool
    """Each version goes on with its own answers."""

    @property
    def are_free(self) -> bool:
        """Whether people type what they like, and may go on."""
        return self.study_id is None


FREELY = Ways(None, stays_blind=False, own_threads=False)
"""As people ask unless something else is said."""


def ways(connection: Connection, query_id: UUID) -> Ways:
    """How this query is shown and gone on with. Raises UnknownReference."""
    statement = sa.select(QUERY.c.study_id, QUERY.c.stays_blind, QUERY.c.own_threads)
    row = connection.execute(statement.where(QUERY.c.id == query_id)).first()
    if row is None:
        raise UnknownReference("there is no such query")
    return Ways(*row)


def latest_of(connection: Connection, person_id: UUID) -> Query | None:
    """The newest free question of a person, or None."""
    return next(iter(latest_in(connection, person_id, None, 1)), None)


def latest_in(
    connection: Connection, person_id: UUID, study_id: UUID | None, limit: int
) -> Sequence[Query]:
    """The newest queries of a person in a study, or of their free questions, newest first; at most so many."""
    where = QUERY.c.study_id.is_(None) if study_id is None else QUERY.c.study_id == study_id
    statement = (
        sa.select(QUERY)
        .where(QUERY.c.person_id == person_id, where)
        .order_by(QUERY.c.created_ms.desc(), QUERY.c.id.desc())
        .limit(limit)
    )
    return [to_record(row, Query) for row in connection.execute(statement).mappings()]


def of_person(connection: Connection, person_id: UUID, limit: int = 50) -> Sequence[Query]:
    """A person's queries, newest first."""
    statement = (
        sa.select(QUERY)
        .where(QUERY.c.person_id == person_id)
        .order_by(QUERY.c.created_ms.desc(), QUERY.c.id.desc())
        .limit(limit)
    )
    return [to_record(row, Query) for row in connection.execute(statement).mappings()]


def asked_since(connection: Connection, person_id: UUID, moment_ms: int) -> int:
    """How many queries the person asked since that moment."""
    mine = (QUERY.c.person_id == person_id) & (QUERY.c.created_ms >= moment_ms)
    return connection.execute(
        sa.select(sa.func.count()).select_from(QUERY).where(mine)
    ).scalar_one()


def counts(connection: Connection, person_id: UUID) -> tuple[int, int]:
    """A person's progress: (queries asked, queries whose last vote is a choice, a tie or all bad)."""
    asked = connection.execute(
        sa.select(sa.func.count()).select_from(QUERY).where(QUERY.c.person_id == person_id)
    ).scalar_one()
    votes = connection.execute(
        sa.select(SIGNAL.c.query_id, SIGNAL.c.payload)
        .where(SIGNAL.c.person_id == person_id, SIGNAL.c.kind == SignalKind.VOTE)
        .order_by(SIGNAL.c.at_ms, SIGNAL.c.id)
    )
    last = {query_id: payload["choice"] for query_id, payload in votes}
    undecided = (VoteChoice.SKIP, VoteChoice.WITHDRAWN)
    return asked, sum(choice not in undecided for choice in last.values())
