"""What leaves for training and download: which data, and the flat streams of rows that hold it.

What was done while names were in view is left out unless the filter takes it in, here and nowhere else.

Reads in blocks, in the order in which answers were written (votes: in which queries were asked), so that memory stays
flat whatever the size. Does not know how a line looks: that is `app.files`.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.compiler import compiles

from app.store.engine import Session
from app.store.streaming import Stream, some
from app.store.tables import BEHAVIOR, PERSON, QUERY, RESPONSE, SIGNAL, VERSION
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import Outcome, Source
from rlhb_core.schema.signals import DECIDING, counts_blind

QUERIES_PER_BLOCK = 500
"""Most queries whose votes are looked up at a time."""

MAX_WORDS = 400
"""Longest description of a filter, in characters: what a run stores of it."""


class DataFilter(BaseModel):
    """Which of the stored data is meant. People marked as excluded are left out unless asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: frozenset[Source] = Field(
        default=frozenset({Source.REAL}), min_length=1, description="Kinds of data."
    )
    since_ms: int | None = Field(
        default=None, ge=0, description="Only queries asked since this moment."
    )
    arms: frozenset[Arm] = Field(default=frozenset(), description="Only these arms; none: all.")
    versions: frozenset[str] = Field(
        default=frozenset(), description="Only these model versions, by name; none: all."
    )
    with_people: bool = Field(default=False, description="Name the people by their ids.")
    with_excluded: bool = Field(
        default=False, description="Take in people who are marked as excluded."
    )
    with_unblinded: bool = Field(
        default=False, description="Take in what was done while names were in view."
    )

    def words(self) -> str:
        """The filter as a phrase, such as "real and simulated data since 21 November 2026"."""
        text = f"{_listed(sorted(self.sources))} data"
        if self.since_ms is not None:
            day = datetime.fromtimestamp(self.since_ms / 1000, UTC)
            text += f" since {day.day} {day:%B %Y}"
        if self.arms:
            text += f", answers by {_listed(sorted(arm.label for arm in self.arms))}"
        if self.versions:
            text += f", versions {_listed(sorted(self.versions))}"
        if self.with_excluded:
            text += ", excluded people taken in"
        if self.with_unblinded:
            text += ", acts with names in view taken in"
        return text if len(text) <= MAX_WORDS else text[: MAX_WORDS - 1] + "…"


def _listed(parts: Sequence[str]) -> str:
    *head, last = [str(part) for part in parts]
    return f"{', '.join(head)} and {last}" if head else last


def triplets(session: Session, chosen: DataFilter) -> Iterator[Sequence[Any]]:
    """Blocks of rows, one per finished response with its behaviour; the columns of `_TRIPLET` in order.

    Queries asked or read while recording was paused are left out: their silence says nothing.
    """
    statement = (
        sa.select(*_TRIPLET, *_behavior(chosen))
        .select_from(_JOINED)
        .where(*_conditions(chosen), QUERY.c.recorded)
        .order_by(RESPONSE.c.created_ms, RESPONSE.c.id)
    )
    return iter(_stream(session, statement).partitions())


def edits(session: Session, chosen: DataFilter) -> Iterator[Any]:
    """Rows of the answers that were edited, those to one query together: whose features hold an edited text."""
    features = _seen(chosen, BEHAVIOR.c.features, BEHAVIOR.c.open_features)
    statement = (
        sa.select(*_COMPARED, *_behavior(chosen))
        .select_from(_JOINED)
        .where(*_conditions(chosen), features.contains('"edited_text":"', autoescape=True))
        .order_by(QUERY.c.created_ms, QUERY.c.id, RESPONSE.c.position, RESPONSE.c.created_ms)
    )
    return iter(_stream(session, statement))


def readings(session: Session, chosen: DataFilter) -> Iterator[Any]:
    """What each reader did with each different answer to a query, the same words together.

    Rows of `asked`, `answer` (both without the white space around them) and `behavior_text`; a reader of equal answers
    to one query counts once. The database sorts, so that memory stays flat.
    """
    asked, answer = _bare(QUERY.c.text).label("asked"), _bare(RESPONSE.c.text).label("answer")
    statement = (
        sa.select(
            asked,
            answer,
            _seen(chosen, BEHAVIOR.c.text, BEHAVIOR.c.open_text).label("behavior_text"),
            QUERY.c.id,
        )
        .select_from(_JOINED)
        .where(*_conditions(chosen), QUERY.c.recorded, sa.not_(_FAILED))
        .distinct()
        .order_by(asked, answer)
    )
    return iter(_stream(session, statement))


def comparisons(session: Session, chosen: DataFilter) -> Iterator[tuple[Any, Sequence[Any]]]:
    """(vote or None, rows of the responses it was about) for each query with a vote, oldest first.

    The vote is the signal that counts, as a row of `payload` and `at_ms`; None for imported behaviours that say how
    the vote went without the vote itself. Filters on arms and versions keep queries that have such an answer.
    """
    voted = chosen.model_copy(update={"arms": frozenset(), "versions": frozenset()})
    conditions = _conditions(voted)
    if chosen.arms or chosen.versions:
        theirs = sa.select(RESPONSE.c.query_id).join(VERSION).where(*_by(chosen))
        conditions.append(QUERY.c.id.in_(theirs))
    statement = (
        sa.select(*_COMPARED, *_behavior(chosen))
        .select_from(_JOINED)
        .where(*conditions, _vote(chosen).is_not(None))
        .order_by(QUERY.c.created_ms, QUERY.c.id, RESPONSE.c.position, RESPONSE.c.created_ms)
    )
    rows = _stream(session, statement)
    groups = ((key, list(group)) for key, group in groupby(rows, key=attrgetter("query_id")))
    while block := list(some(groups, QUERIES_PER_BLOCK)):
        votes = _last_votes(session, [query_id for query_id, _ in block], chosen)
        for query_id, answers in block:
            yield votes.get(query_id), answers


class Amounts(BaseModel):
    """How much a filter lets through: what there is to train on."""

    triplets: int = Field(description="Finished responses with their behaviour.")
    votes: int = Field(description="Queries with a vote that says something.")
    people: int = Field(description="People behind them.")


def amounts(session: Session, chosen: DataFilter) -> Amounts:
    """What there is to train on; a quick look before a run."""
    voted = sa.case((_vote(chosen).is_not(None), QUERY.c.id))
    statement = (
        sa.select(
            sa.func.count(sa.case((QUERY.c.recorded, RESPONSE.c.id))),
            sa.func.count(sa.distinct(voted)),
            sa.func.count(sa.distinct(QUERY.c.person_id)),
        )
        .select_from(_JOINED)
        # a vote is said on purpose and counts while recording is paused too; silence is none then
        .where(*_conditions(chosen), QUERY.c.recorded | _vote(chosen).is_not(None))
    )
    triplets, votes, people = session.execute(statement).one()
    return Amounts(triplets=triplets, votes=votes, people=people)


LeftOut = Literal["earlier", "other versions", "excluded people", "paused", "names in view"]
"""Why a finished response gives no triplet; the first that holds."""


class Taken(BaseModel):
    """What becomes of the finished responses of the chosen sources: their sum, and each in one place."""

    responses: int = Field(description="Finished responses: triplets and all that is left out.")
    triplets: int
    left_out: dict[LeftOut, int]


def taken(session: Session, chosen: DataFilter) -> Taken:
    """How many finished responses a filter takes and why it leaves out the others: the same rules as `triplets`."""
    reasons: list[tuple[sa.ColumnElement[bool], LeftOut]] = []
    if chosen.since_ms is not None:
        reasons.append((QUERY.c.created_ms < chosen.since_ms, "earlier"))
    if chosen.arms or chosen.versions:
        reasons.append(
            (sa.not_(sa.func.coalesce(sa.and_(*_by(chosen)), sa.false())), "other versions")
        )
    if not chosen.with_excluded:
        out = sa.select(PERSON.c.id).where(PERSON.c.excluded)
        reasons.append((QUERY.c.person_id.in_(out), "excluded people"))
    reasons.append((sa.not_(QUERY.c.recorded), "paused"))
    if not chosen.with_unblinded:
        reasons.append((BEHAVIOR.c.never_blind, "names in view"))
    reason = sa.case(*reasons, else_="taken").label("reason")
    statement = (
        sa.select(reason, sa.func.count())
        .select_from(_JOINED)
        .where(QUERY.c.source.in_(sorted(chosen.sources)))
        .group_by(reason)
    )
    found = {row.reason: row[1] for row in session.execute(statement)}
    return Taken(responses=sum(found.values()), triplets=found.pop("taken", 0), left_out=found)


def _stream(session: Session, statement: sa.Select[Any]) -> Stream:
    return Stream(session, statement)


def _last_votes(session: Session, queries: Sequence[UUID], chosen: DataFilter) -> dict[UUID, Any]:
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
        for row in session.execute(statement)
        if chosen.with_unblinded or counts_blind(row.kind, row.payload, row.unblinded)
    }


def _conditions(chosen: DataFilter) -> list[sa.ColumnElement[bool]]:
    """A pending response has no behaviour yet, unless it is a cut one that goes on: neither is finished."""
    found = [*_by(chosen), RESPONSE.c.outcome != Outcome.PENDING]
    if chosen.sources != frozenset(Source):
        found.append(QUERY.c.source.in_(sorted(chosen.sources)))
    if chosen.since_ms is not None:
        found.append(QUERY.c.created_ms >= chosen.since_ms)
    if not chosen.with_unblinded:
        found.append(sa.not_(BEHAVIOR.c.never_blind))
    if not chosen.with_excluded:
        found.append(QUERY.c.person_id.not_in(sa.select(PERSON.c.id).where(PERSON.c.excluded)))
    return found


def _behavior(chosen: DataFilter) -> list[sa.ColumnElement[Any]]:
    """The behaviour's columns `behavior_text`, `features`, `vote` and `unblinded`, as the filter wants them."""
    opened = BEHAVIOR.c.open_features.is_not(None) if chosen.with_unblinded else sa.false()
    return [
        _seen(chosen, BEHAVIOR.c.text, BEHAVIOR.c.open_text).label("behavior_text"),
        _seen(chosen, BEHAVIOR.c.features, BEHAVIOR.c.open_features).label("features"),
        _vote(chosen).label("vote"),
        sa.type_coerce(opened, sa.Boolean).label("unblinded"),
    ]


def _vote(chosen: DataFilter) -> sa.ColumnElement[Any]:
    return _seen(chosen, BEHAVIOR.c.vote, BEHAVIOR.c.open_vote)


def _seen(
    chosen: DataFilter, hidden: sa.Column[Any], opened: sa.Column[Any]
) -> sa.ColumnElement[Any]:
    """The blind column, or the one with what was done while names were in view where there is one."""
    if not chosen.with_unblinded:
        return hidden
    return sa.case((BEHAVIOR.c.open_features.is_not(None), opened), else_=hidden)


def _by(chosen: DataFilter) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if chosen.arms:
        found.append(VERSION.c.arm.in_(sorted(chosen.arms)))
    if chosen.versions:
        found.append(VERSION.c.name.in_(sorted(chosen.versions)))
    return found


_JOINED = (
    RESPONSE.join(BEHAVIOR, BEHAVIOR.c.response_id == RESPONSE.c.id)
    .join(QUERY, QUERY.c.id == RESPONSE.c.query_id)
    .join(VERSION, VERSION.c.id == RESPONSE.c.version_id)
)
_ANSWERED = (RESPONSE.c.created_ms + sa.func.coalesce(RESPONSE.c.duration_ms, 0)).label("answered")


def _text(column: sa.Column[Any]) -> sa.ColumnElement[str]:
    """An enum as the text that it is stored as: no look-up per row."""
    return sa.type_coerce(column, sa.String).label(column.name)


class _UuidText(sa.sql.functions.FunctionElement[str]):
    """A UUID as text, made by the database: Python's UUID objects cost half the time of an export."""

    type = sa.String()
    inherit_cache = True


@compiles(_UuidText)
def _cast(element: _UuidText, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS TEXT)"


@compiles(_UuidText, "sqlite")
def _hyphenate(element: _UuidText, compiler: Any, **options: Any) -> str:
    # SQLite holds 32 hexadecimal digits.
    hexed = compiler.process(element.clauses, **options)
    parts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    return " || '-' || ".join(f"substr({hexed}, {start}, {size})" for start, size in parts)


def _bare(text: sa.Column[str]) -> sa.ColumnElement[str]:
    """As Python's `strip` leaves it."""
    return sa.func.ltrim(sa.func.rtrim(text, WHITE), WHITE)


WHITE = "".join(each for each in map(chr, range(0x3001)) if each.isspace())
"""Every character that is white space to Python."""

# The rule of `rlhb_core.schema.answers.failed`.
_FAILED = sa.or_(
    RESPONSE.c.outcome == Outcome.ERROR,
    sa.and_(RESPONSE.c.outcome == Outcome.STOPPED, _bare(RESPONSE.c.text) == ""),
)

_TRIPLET = (
    BEHAVIOR.c.verbaliser_version,
    _UuidText(QUERY.c.id).label("query_id"),
    _UuidText(RESPONSE.c.id).label("response_id"),
    QUERY.c.text.label("query"),
    RESPONSE.c.text.label("response"),
    _text(VERSION.c.arm),
    VERSION.c.name.label("model_version"),
    RESPONSE.c.condition,
    RESPONSE.c.position,
    RESPONSE.c.draw_probability,
    _text(RESPONSE.c.outcome),
    _text(QUERY.c.source),
    QUERY.c.created_ms.label("asked"),
    _ANSWERED,
    _UuidText(QUERY.c.person_id).label("person_id"),
)
_COMPARED = (
    QUERY.c.id.label("query_id"),
    QUERY.c.text.label("query"),
    QUERY.c.person_id,
    _text(QUERY.c.source),
    RESPONSE.c.id.label("response_id"),
    RESPONSE.c.text.label("response"),
    RESPONSE.c.replaces,
    _text(RESPONSE.c.outcome),
    _ANSWERED,
    VERSION.c.name.label("model_version"),
)
