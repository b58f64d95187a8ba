"""What leaves for training and download: the flat streams of rows, and how many there are.

Reads in blocks, in the order in which answers were written (votes: in which queries were asked), so that memory stays
flat whatever the size. Which data is meant is `data_filter.py`, what is selected of it `export_columns.py`. Does not
know how a line looks: that is `app.files`.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Literal, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, Field

from app.store import settling
from app.store.data_filter import DataFilter
from app.store.engine import Connection
from app.store.export_columns import (
    BEFORE,
    COMPARED,
    FAILED,
    JOINED,
    TRIPLET,
    answered_by,
    as_seen,
    bare,
    behavior_columns,
    conditions,
    vote_column,
)
from app.store.streaming import Stream, some
from app.store.tables import BEHAVIOR, PERSON, QUERY, RESPONSE, SIGNAL, VERSION
from rlhb_core.schema.formats import Format
from rlhb_core.schema.records import Outcome
from rlhb_core.schema.signals import DECIDING, counts_blind

QUERIES_PER_BLOCK = 500
"""Most queries whose votes are looked up at a time."""


def triplets(connection: Connection, chosen: DataFilter) -> Iterator[Sequence[Any]]:
    """Blocks of rows, one per finished response with its behaviour; the columns of `TRIPLET` in order.

    Queries asked or read while recording was paused are left out: their silence says nothing.
    """
    statement = (
        sa.select(*TRIPLET, *behavior_columns(chosen))
        .select_from(JOINED)
        .where(*conditions(chosen), QUERY.c.recorded)
        .order_by(RESPONSE.c.created_ms, RESPONSE.c.id)
    )
    return iter(_stream(connection, statement).partitions())


def edits(connection: Connection, chosen: DataFilter) -> Iterator[Any]:
    """Rows of the answers that were edited, those to one query together: whose features hold an edited text."""
    features = as_seen(chosen, BEHAVIOR.c.features, BEHAVIOR.c.open_features)
    statement = (
        sa.select(*COMPARED, *behavior_columns(chosen))
        .select_from(JOINED)
        .where(*conditions(chosen), features.contains('"edited_text":"', autoescape=True))
        .order_by(QUERY.c.created_ms, QUERY.c.id, RESPONSE.c.position, RESPONSE.c.created_ms)
    )
    return iter(_stream(connection, statement))


def readings(connection: Connection, chosen: DataFilter) -> Iterator[Any]:
    """What each reader did with each different answer to a query, the same words together.

    Rows of `asked`, `answer` (both without the white space around them), what went before (`history`, `left_out`) and
    `behavior_text`; a reader of equal answers to one query counts once. The database sorts, so that memory stays flat.
    """
    asked, answer = bare(QUERY.c.text).label("asked"), bare(RESPONSE.c.text).label("answer")
    statement = (
        sa.select(
            asked,
            answer,
            *BEFORE,
            as_seen(chosen, BEHAVIOR.c.text, BEHAVIOR.c.open_text).label("behavior_text"),
            QUERY.c.id,
        )
        .select_from(JOINED)
        .where(*conditions(chosen), QUERY.c.recorded, sa.not_(FAILED))
        .distinct()
        .order_by(asked, answer, *BEFORE)
    )
    return iter(_stream(connection, statement))


class Voted(NamedTuple):
    """A query with a vote."""

    vote: Any | None
    """The signal that counts, as a row; None for imported behaviours."""
    rows: Sequence[Any]
    """Of the responses it was about."""
    missing: Sequence[Format]
    """What else its study asks for and was not said."""


def comparisons(
    connection: Connection, chosen: DataFilter, with_untold: bool = False
) -> Iterator[Voted]:
    """Each query with a vote, oldest first.

    The vote is the signal that counts, as a row of `payload` and `at_ms`; None for imported behaviours that say how
    the vote went without the vote itself. Filters on arms and versions keep queries that have such an answer.
    `with_untold`: those too whose answers' texts no file told, for votes between versions.
    """
    voted = chosen.model_copy(update={"arms": frozenset(), "versions": frozenset()})
    kept = conditions(voted, with_untold)
    if chosen.arms or chosen.versions:
        theirs = sa.select(RESPONSE.c.query_id).join(VERSION).where(*answered_by(chosen))
        kept.append(QUERY.c.id.in_(theirs))
    statement = (
        sa.select(*COMPARED, *behavior_columns(chosen))
        .select_from(JOINED)
        .where(*kept, vote_column(chosen).is_not(None))
        .order_by(QUERY.c.created_ms, QUERY.c.id, RESPONSE.c.position, RESPONSE.c.created_ms)
    )
    rows = _stream(connection, statement)
    groups = ((key, list(group)) for key, group in groupby(rows, key=attrgetter("query_id")))
    while block := list(some(groups, QUERIES_PER_BLOCK)):
        votes = _last_votes(connection, [query_id for query_id, _ in block], chosen)
        asked = [query_id for query_id, answers in block if answers[0].study_id is not None]
        lacks = settling.lacking(connection, asked) if asked else {}
        for query_id, answers in block:
            yield Voted(votes.get(query_id), answers, lacks.get(query_id, ()))


class Amounts(BaseModel):
    """How much a filter lets through: what there is to train on."""

    triplets: int = Field(description="Finished responses with their behaviour.")
    votes: int = Field(description="Queries with a vote that says something.")
    people: int = Field(description="People behind them.")

    def in_words(self, kinds: str = "") -> str:
        """A phrase: 2,140 triplets and 1 vote from 3 people. `kinds`: what the triplets are, such as "real "."""
        triplets, votes, people = self.triplets, self.votes, self.people
        return (
            f"{triplets:,} {kinds}{'triplet' if triplets == 1 else 'triplets'} and "
            f"{votes:,} {'vote' if votes == 1 else 'votes'} "
            f"from {people:,} {'person' if people == 1 else 'people'}"
        )


def amounts(connection: Connection, chosen: DataFilter) -> Amounts:
    """What there is to train on; a quick look before a run."""
    voted = sa.case((vote_column(chosen).is_not(None), QUERY.c.id))
    statement = (
        sa.select(
            sa.func.count(sa.case((QUERY.c.recorded, RESPONSE.c.id))),
            sa.func.count(sa.distinct(voted)),
            sa.func.count(sa.distinct(QUERY.c.person_id)),
        )
        .select_from(JOINED)
        # a vote is said on purpose and counts while recording is paused too; silence is none then
        .where(*conditions(chosen), QUERY.c.recorded | vote_column(chosen).is_not(None))
    )
    triplets, votes, people = connection.execute(statement).one()
    return Amounts(triplets=triplets, votes=votes, people=people)


LeftOut = Literal[
    "earlier", "other versions", "excluded people", "without a text", "paused", "names in view"
]
"""Why a finished response gives no triplet; the first that holds."""


class Taken(BaseModel):
    """What becomes of the finished responses of the chosen sources: their sum, and each in one place."""

    responses: int = Field(description="Finished responses: triplets and all that is left out.")
    triplets: int
    left_out: dict[LeftOut, int]


def taken(connection: Connection, chosen: DataFilter) -> Taken:
    """How many finished responses a filter takes and why it leaves out the others: the same rules as `triplets`."""
    reasons: list[tuple[sa.ColumnElement[bool], LeftOut]] = []
    if chosen.since_ms is not None:
        reasons.append((QUERY.c.created_ms < chosen.since_ms, "earlier"))
    if chosen.arms or chosen.versions:
        reasons.append(
            (sa.not_(sa.func.coalesce(sa.and_(*answered_by(chosen)), sa.false())), "other versions")
        )
    if not chosen.with_excluded:
        out = sa.select(PERSON.c.id).where(PERSON.c.excluded)
        reasons.append((QUERY.c.person_id.in_(out), "excluded people"))
    reasons.append((RESPONSE.c.outcome == Outcome.UNTOLD, "without a text"))
    reasons.append((sa.not_(QUERY.c.recorded), "paused"))
    if not chosen.with_unblinded:
        reasons.append((BEHAVIOR.c.never_blind, "names in view"))
    reason = sa.case(*reasons, else_="taken").label("reason")
    statement = (
        sa.select(reason, sa.func.count())
        .select_from(JOINED)
        .where(QUERY.c.source.in_(sorted(chosen.sources)))
        .group_by(reason)
    )
    found = {row.reason: row[1] for row in connection.execute(statement)}
    return Taken(responses=sum(found.values()), triplets=found.pop("taken", 0), left_out=found)


def _stream(connection: Connection, statement: sa.Select[Any]) -> Stream:
    return Stream(connection, statement)


def _last_votes(
    connection: Connection, queries: Sequence[UUID], chosen: DataFilter
) -> dict[UUID, Any]:
    """The vote that counts on each query."""
    statement = (
        sa.select(
            SIGNAL.c.query_id, SIGNAL.c.kind, SIGNAL.c.payload, SIGNAL.c.at_ms, SIGNAL.c.unblinded
        )
        .where(SIGNAL.c.query_id.in_(queries), SIGNAL.c.kind.in_(DECIDING))
        .order_by(SIGNAL.c.at_ms, SIGNAL.c.id)
    )
    return {
        row.query_id: row
        for row in connection.execute(statement)
        if chosen.with_unblinded or counts_blind(row.kind, row.payload, row.unblinded)
    }
