"""How much is stored, by where it comes from, and what became of it: numbers that add up.

Behaviours are taken as they were last summarised: bring them up to date before (`behaviors.refresh`).
"""

from typing import Literal, get_args

import sqlalchemy as sa
from pydantic import BaseModel, Field

from app.store import behaviors
from app.store.engine import Connection, Store
from app.store.tables import BEHAVIOR, PERSON, QUERY, RESPONSE, SIGNAL
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.records import Outcome, Source
from rlhb_core.schema.signals import DECIDING, SignalKind

QueryState = Literal["voted", "void", "skipped", "withdrawn", "unblinded", "unvoted"]
"""What came of the vote on a query: one that counts; one that tells nothing, as no two different answers came; passed
over; taken back; cast with names in view, the one before taken back; none."""
VoteOutcome = Literal["counts", "given", "void", "skipped", "unblinded", "replaced"]
"""What came of a vote that was cast: it counts; it was read with its answers and counts; it tells nothing, as no two
different answers came; it passed the comparison over; it was cast with names in view;
it was changed or taken back later. The same choice said once more, with how much better it is, is one vote with it."""


class Counts(BaseModel):
    """What is stored of one source."""

    people: int = Field(default=0, description="People who asked something.")
    queries: int = Field(default=0, description="Queries: the sum of `query_states`.")
    responses: int = Field(default=0, description="Finished responses: the sum of `outcomes`.")
    signals: int = Field(default=0, description="Recorded acts, votes among them.")
    votes: int = Field(
        default=0, description="Votes cast, whatever became of them: the sum of `vote_states`."
    )
    query_states: dict[QueryState, int] = Field(
        default_factory=lambda: dict.fromkeys(get_args(QueryState), 0),
        description="Queries by what came of the vote on them.",
    )
    vote_states: dict[VoteOutcome, int] = Field(
        default_factory=lambda: dict.fromkeys(get_args(VoteOutcome), 0),
        description="Votes cast by what came of them.",
    )
    outcomes: dict[Outcome, int] = Field(
        default_factory=dict, description="Finished responses by how they ended."
    )
    last_ms: int | None = Field(default=None, description="When the newest query was asked.")


def up_to_date(store: Store) -> dict[Source, Counts]:
    """`by_source` with the behaviours brought up to date before."""
    behaviors.refresh(store)
    with store.reading() as connection:
        return by_source(connection)


def by_source(connection: Connection) -> dict[Source, Counts]:
    """The counts for every source, zeros included."""
    found = {source: Counts() for source in Source}
    asked = sa.select(
        QUERY.c.source,
        sa.func.count(sa.distinct(QUERY.c.person_id)),
        sa.func.count(),
        sa.func.max(QUERY.c.created_ms),
    ).group_by(QUERY.c.source)
    for source, people, queries, last in connection.execute(asked):
        found[source].people, found[source].queries, found[source].last_ms = people, queries, last
    answered = (
        sa.select(QUERY.c.source, RESPONSE.c.outcome, sa.func.count())
        .join(RESPONSE)
        .where(RESPONSE.c.outcome != Outcome.PENDING)
        .group_by(QUERY.c.source, RESPONSE.c.outcome)
    )
    for source, outcome, responses in connection.execute(answered):
        found[source].outcomes[outcome] = responses
        found[source].responses += responses
    acts = sa.select(PERSON.c.source, sa.func.count()).join(SIGNAL).group_by(PERSON.c.source)
    for source, signals in connection.execute(acts):
        found[source].signals = signals
    for source, state, queries in connection.execute(_QUERY_STATES):
        found[source].query_states[state] = queries
    for source, state, votes in connection.execute(_VOTE_STATES):
        found[source].vote_states[state] = votes
        found[source].votes += votes
    return found


# --- what came of the votes -----------------------------------------------------------------------

_NEWEST_FIRST = (SIGNAL.c.at_ms.desc(), SIGNAL.c.id.desc())
_RANKED = "ranked"
_CHOICE = sa.case(
    (SIGNAL.c.kind == SignalKind.RANK, _RANKED), else_=SIGNAL.c.payload["choice"].as_string()
)
_SAYS = (VoteChoice.BEST.value, VoteChoice.TIE.value, VoteChoice.ALL_BAD.value, _RANKED)
_BLIND = sa.or_(sa.not_(SIGNAL.c.unblinded), sa.literal(VoteChoice.WITHDRAWN.value) == _CHOICE)
"""The rule of `rlhb_core.schema.signals.counts_blind`: taking a vote back counts whenever it is done."""


def _says_more(blind: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether the next vote on the query makes the same choice, with how much better, say: both are one vote."""

    def next_one(value: sa.ColumnElement[str]) -> sa.Over[str]:
        return sa.func.lag(value).over(
            partition_by=(SIGNAL.c.query_id, blind), order_by=_NEWEST_FIRST
        )

    best = sa.func.coalesce(SIGNAL.c.payload["best"].as_string(), "")
    return sa.and_(
        SIGNAL.c.kind == SignalKind.VOTE, next_one(_CHOICE) == _CHOICE, next_one(best) == best
    )


# Every vote, ranking and withdrawal; `place` 1 is the last one on its query among those that count blind, or do not;
# `newest` 1 the last of all.
_VOTES = (
    sa.select(
        SIGNAL.c.query_id,
        _CHOICE.label("choice"),
        _BLIND.label("blind"),
        sa.func.row_number()
        .over(partition_by=(SIGNAL.c.query_id, _BLIND), order_by=_NEWEST_FIRST)
        .label("place"),
        sa.func.row_number()
        .over(partition_by=SIGNAL.c.query_id, order_by=_NEWEST_FIRST)
        .label("newest"),
        sa.func.coalesce(_says_more(_BLIND), sa.false()).label("said_more"),
    )
    .where(SIGNAL.c.kind.in_(DECIDING))
    .subquery()
)
_LAST = sa.select(_VOTES).where(_VOTES.c.blind, _VOTES.c.place == 1).subquery()
_TOLD = (
    sa.select(RESPONSE.c.query_id)
    .join(BEHAVIOR, BEHAVIOR.c.response_id == RESPONSE.c.id)
    .where(BEHAVIOR.c.vote.is_not(None))
    .distinct()
    .subquery()
)
"""Queries whose behaviours tell of a vote; for those read from files that is all there is."""
_NAMED = (
    sa.select(_VOTES.c.query_id).where(sa.not_(_VOTES.c.blind), _VOTES.c.newest == 1).subquery()
)
"""Queries whose vote, as it stands, was cast with names in view."""

_query_state = sa.case(
    (_TOLD.c.query_id.is_not(None), "voted"),
    (_LAST.c.choice.in_(_SAYS), "void"),
    (_LAST.c.choice == VoteChoice.SKIP.value, "skipped"),
    (_NAMED.c.query_id.is_not(None), "unblinded"),
    (_LAST.c.choice == VoteChoice.WITHDRAWN.value, "withdrawn"),
    else_="unvoted",
).label("state")
_QUERY_STATES = (
    sa.select(QUERY.c.source, _query_state, sa.func.count())
    .outerjoin(_TOLD, _TOLD.c.query_id == QUERY.c.id)
    .outerjoin(_LAST, _LAST.c.query_id == QUERY.c.id)
    .outerjoin(_NAMED, _NAMED.c.query_id == QUERY.c.id)
    .group_by(QUERY.c.source, _query_state)
)
_vote_state = sa.case(
    (sa.not_(_VOTES.c.blind), "unblinded"),
    (_VOTES.c.place > 1, "replaced"),
    (_VOTES.c.choice == VoteChoice.SKIP.value, "skipped"),
    (_TOLD.c.query_id.is_not(None), "counts"),
    else_="void",
).label("state")
# Those that were recorded here; and those that came in a file as what the reader did, one a query.
_VOTE_STATES = (
    sa.select(QUERY.c.source, _vote_state, sa.func.count())
    .join(_VOTES, _VOTES.c.query_id == QUERY.c.id)
    .outerjoin(_TOLD, _TOLD.c.query_id == QUERY.c.id)
    .where(_VOTES.c.choice != VoteChoice.WITHDRAWN.value, sa.not_(_VOTES.c.said_more))
    .group_by(QUERY.c.source, _vote_state)
    .union_all(
        sa.select(QUERY.c.source, sa.literal("given"), sa.func.count())
        .join(_TOLD, _TOLD.c.query_id == QUERY.c.id)
        .where(QUERY.c.id.not_in(sa.select(_VOTES.c.query_id)))
        .group_by(QUERY.c.source)
    )
)
