"""What people chose, narrow: which versions stood side by side, and how it went. The numbers that results are made of.

One row of the database for each answer that a vote or ranking speaks of, without its text, so that many are read
quickly. Which rows count is told in `export_columns.py`. Does not know what they are counted for.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from app.store.account_tables import ACCOUNT
from app.store.data_filter import DataFilter
from app.store.engine import Connection
from app.store.export_columns import (
    ANSWERED,
    FAILED,
    JOINED,
    as_seen,
    bare,
    conditions,
    vote_column,
)
from app.store.segment import Segment, Votes
from app.store.study_records import FREE
from app.store.study_tables import ASSIGNMENT, ITEM
from app.store.tables import BEHAVIOR, QUERY, RESPONSE, SIGNAL, VERSION
from rlhb_core.schema.records import Source
from rlhb_core.schema.signals import DECIDING

STYLE = {
    "bold": ("**",),
    "headings": ("\n#",),
    "list lines": ("\n- ", "\n* ", "\n1. ", "\n2. ", "\n3. ", "\n4. ", "\n5. "),
}
"""What is counted of an answer's dress: how often these stand in it."""


class Seen(NamedTuple):
    """An answer that a choice speaks of."""

    id: str
    replaces: str | None
    version: str
    position: int | None
    vote: str | None
    """won, lost, tied or all_bad; None: no choice speaks of it."""
    place: int | None
    """In a ranking."""
    length: int
    """Characters, without the white space around it."""
    done_ms: int
    """When its last token came."""
    features: str
    """Its reader's behaviour as JSON; empty where it was not asked for."""
    style: tuple[int, ...]
    """In the order of `STYLE`; empty likewise."""
    digest: int
    """Of its text without the white space around it: the same text the same; 0 where it was not asked for."""


class Chosen(NamedTuple):
    """A comparison, with what was chosen."""

    query_id: str
    person: str
    study: str | None
    item: str | None
    purpose: str | None
    shown_ms: int
    """When it came into view; of a free question, when it was asked."""
    digest: int
    """Of the question, likewise."""
    answers: list[Seen]
    """In page order, of an answer and its regeneration both."""


class Decision(NamedTuple):
    """When something was decided first."""

    at_ms: int
    early: bool
    """Before all answers were there."""


def chosen(
    connection: Connection,
    wanted: DataFilter,
    segment: Segment,
    *,
    with_features: bool = False,
    with_style: bool = False,
    with_digests: bool = False,
    with_untold: bool = False,
) -> Iterator[Chosen]:
    """Every comparison with a choice, oldest first; with features every one that was read.

    `with_untold`: those too whose answers' texts no file told: votes between versions, of which no more is known.
    """
    votes = vote_column(wanted)
    features = as_seen(wanted, BEHAVIOR.c.features, BEHAVIOR.c.open_features)
    where = [*conditions(wanted, with_untold), sa.not_(FAILED)]
    where.append(QUERY.c.recorded | votes.is_not(None) if with_features else votes.is_not(None))
    nothing = sa.literal("")
    statement = (
        sa.select(
            _as_text(QUERY.c.id),
            _as_text(QUERY.c.person_id),
            _as_text(QUERY.c.study_id),
            _as_text(ASSIGNMENT.c.item_id),
            sa.type_coerce(ASSIGNMENT.c.purpose, sa.String),
            sa.func.coalesce(ASSIGNMENT.c.shown_ms, QUERY.c.created_ms),
            QUERY.c.text if with_digests else nothing,
            _as_text(RESPONSE.c.id),
            _as_text(RESPONSE.c.replaces),
            VERSION.c.name,
            RESPONSE.c.position,
            votes.label("vote"),
            _JsonNumber(features, sa.literal_column("'place'")),
            sa.func.length(bare(RESPONSE.c.text)),
            ANSWERED,
            features if with_features else nothing,
            RESPONSE.c.text if with_digests else nothing,
            *(_style() if with_style else ()),
        )
        .select_from(JOINED.outerjoin(ASSIGNMENT, ASSIGNMENT.c.query_id == QUERY.c.id))
        .where(*where, *_in_segment(segment))
        .order_by(QUERY.c.created_ms, QUERY.c.id, RESPONSE.c.position, RESPONSE.c.created_ms)
    )
    rows = connection.execution_options(stream_results=True).execute(statement)
    for _, group in groupby(rows, key=itemgetter(0)):
        answers = [
            (row[:7], Seen._make((*row[7:16], tuple(row[17:]), _digest(row[16])))) for row in group
        ]
        *about, asked = answers[0][0]
        yield Chosen._make((*about, _digest(asked), [answer for _, answer in answers]))


def _digest(text: str) -> int:
    return hash(text.strip()) if text else 0


def there_are(connection: Connection, source: Source) -> bool:
    """Whether anything of this kind was decided."""
    one = (
        sa.select(sa.literal(1))
        .select_from(JOINED)
        .where(QUERY.c.source == source, BEHAVIOR.c.vote.is_not(None))
        .limit(1)
    )
    return connection.execute(one).first() is not None


def decisions(connection: Connection, wanted: DataFilter) -> dict[str, Decision]:
    """When each comparison was decided first, by its id."""
    statement = (
        sa.select(
            _as_text(SIGNAL.c.query_id),
            sa.func.min(SIGNAL.c.at_ms),
            sa.func.max(sa.case((SIGNAL.c.payload["early"].as_boolean(), 1), else_=0)),
        )
        .join(QUERY, QUERY.c.id == SIGNAL.c.query_id)
        .where(SIGNAL.c.kind.in_(sorted(DECIDING)), QUERY.c.source.in_(sorted(wanted.sources)))
        .group_by(SIGNAL.c.query_id)
    )
    return {
        query_id: Decision(at_ms, bool(early))
        for query_id, at_ms, early in connection.execute(statement)
    }


def _in_segment(segment: Segment) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if segment.study is not None:
        found.append(
            QUERY.c.study_id.is_(None)
            if segment.study == FREE
            else QUERY.c.study_id == segment.study
        )
    if segment.until_ms is not None:
        found.append(QUERY.c.created_ms < segment.until_ms)
    if segment.shortest:
        found.append(sa.func.length(QUERY.c.text) >= segment.shortest)
    if segment.longest is not None:
        found.append(sa.func.length(QUERY.c.text) <= segment.longest)
    if segment.tag:
        given = sa.select(ASSIGNMENT.c.query_id).join(ITEM)
        found.append(QUERY.c.id.in_(given.where(_holds(ITEM.c.tags, segment.tag))))
    if segment.group:
        members = sa.select(ACCOUNT.c.id).where(_holds(ACCOUNT.c.groups, segment.group))
        found.append(QUERY.c.person_id.in_(members))
    if segment.votes is not Votes.ALL:
        told = sa.exists().where(SIGNAL.c.query_id == QUERY.c.id, _is_early())
        found.append(told if segment.votes is Votes.EARLY else sa.not_(told))
    return found


def _is_early() -> sa.ColumnElement[bool]:
    return sa.and_(SIGNAL.c.kind.in_(sorted(DECIDING)), SIGNAL.c.payload["early"].as_boolean())


def _holds(column: sa.Column[Any], word: str) -> sa.ColumnElement[bool]:
    """Whether a list of words, stored as JSON, has this one."""
    return sa.cast(column, sa.Text).contains(json.dumps(word), autoescape=True)


def _style() -> list[sa.ColumnElement[int]]:
    text, found = sa.literal("\n").concat(RESPONSE.c.text), []  # a mark may stand on its first line
    for marks in STYLE.values():
        total: sa.ColumnElement[int] = sa.literal(0)
        for mark in marks:
            gone = sa.func.length(text) - sa.func.length(sa.func.replace(text, mark, ""))
            total = total + gone // len(mark)
        found.append(total)
    return found


def _as_text(column: sa.Column[Any]) -> sa.ColumnElement[str]:
    """An id as the database holds it: nothing is made of it but whether it is the same."""
    return sa.cast(column, sa.String).label(column.name)


class _JsonNumber(sa.sql.functions.FunctionElement[int]):
    """A whole number in a JSON text; null if it is not there."""

    type = sa.Integer()
    inherit_cache = True


@compiles(_JsonNumber, "postgresql")
def _of_postgres(element: _JsonNumber, compiler: Any, **options: Any) -> str:
    text, key = (compiler.process(each, **options) for each in element.clauses)
    return f"CAST(CAST({text} AS JSON) ->> {key} AS INTEGER)"


@compiles(_JsonNumber, "sqlite")
def _of_sqlite(element: _JsonNumber, compiler: Any, **options: Any) -> str:
    text, key = (compiler.process(each, **options) for each in element.clauses)
    return f"json_extract({text}, '$.' || {key})"
