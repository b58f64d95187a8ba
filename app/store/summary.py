"""How much is stored, by where it comes from."""

import sqlalchemy as sa
from pydantic import BaseModel, Field

from app.store.engine import Session
from app.store.tables import PERSON, QUERY, RESPONSE, SIGNAL
from rlhb_core.records import Outcome, SignalKind, Source


class Counts(BaseModel):
    """What is stored of one source."""

    people: int = Field(default=0, description="People who asked something.")
    queries: int = Field(default=0, description="Queries.")
    responses: int = Field(default=0, description="Finished responses.")
    signals: int = Field(default=0, description="Recorded acts.")
    votes: int = Field(
        default=0, description="Votes among the signals, given while names were hidden."
    )
    last_ms: int | None = Field(default=None, description="When the newest query was asked.")


def by_source(session: Session) -> dict[Source, Counts]:
    """The counts for every source, zeros included."""
    found = {source: Counts() for source in Source}
    asked = sa.select(
        QUERY.c.source,
        sa.func.count(sa.distinct(QUERY.c.person_id)),
        sa.func.count(),
        sa.func.max(QUERY.c.created_ms),
    ).group_by(QUERY.c.source)
    for source, people, queries, last in session.execute(asked):
        found[source].people, found[source].queries, found[source].last_ms = people, queries, last
    answered = (
        sa.select(QUERY.c.source, sa.func.count())
        .join(RESPONSE)
        .where(RESPONSE.c.outcome != Outcome.PENDING)
        .group_by(QUERY.c.source)
    )
    for source, responses in session.execute(answered):
        found[source].responses = responses
    is_vote = sa.case(
        ((SIGNAL.c.kind == SignalKind.VOTE) & sa.not_(SIGNAL.c.unblinded), 1), else_=0
    )
    acts = (
        sa.select(PERSON.c.source, sa.func.count(), sa.func.sum(is_vote))
        .join(SIGNAL)
        .group_by(PERSON.c.source)
    )
    for source, signals, votes in session.execute(acts):
        found[source].signals, found[source].votes = signals, int(votes)
    return found
