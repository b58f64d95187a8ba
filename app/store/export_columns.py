"""What the exports select: the tables joined, their columns, and the conditions that a filter puts on them.

What was done while names were in view is left out unless the filter takes it in, here and nowhere else. Runs no
statement; which rows are wanted together is told in `exports.py`.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from app.store.data_filter import DataFilter
from app.store.study_tables import ASSIGNMENT
from app.store.tables import BEHAVIOR, PERSON, QUERY, RESPONSE, VERSION
from rlhb_core.schema.records import Outcome, Source

JOINED = (
    RESPONSE.join(BEHAVIOR, BEHAVIOR.c.response_id == RESPONSE.c.id)
    .join(QUERY, QUERY.c.id == RESPONSE.c.query_id)
    .join(VERSION, VERSION.c.id == RESPONSE.c.version_id)
)
ANSWERED = (RESPONSE.c.created_ms + sa.func.coalesce(RESPONSE.c.duration_ms, 0)).label("answered")


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


def bare(text: sa.Column[str]) -> sa.ColumnElement[str]:
    """A text as Python's `strip` leaves it."""
    return sa.func.ltrim(sa.func.rtrim(text, WHITE), WHITE)


WHITE = "".join(each for each in map(chr, range(0x3001)) if each.isspace())
"""Every character that is white space to Python."""

# The rule of `rlhb_core.schema.answers.failed`.
FAILED = sa.or_(
    RESPONSE.c.outcome == Outcome.ERROR,
    sa.and_(RESPONSE.c.outcome == Outcome.STOPPED, bare(RESPONSE.c.text) == ""),
)

BEFORE = (
    sa.func.coalesce(sa.cast(RESPONSE.c.history, sa.Text), sa.cast(QUERY.c.history, sa.Text)).label(
        "history"
    ),
    RESPONSE.c.left_out,
)
"""What went before the answer, as JSON, and how many of its oldest turns the model was not given."""
PLACE = (_UuidText(QUERY.c.conversation).label("conversation"), QUERY.c.turn)
"""Where in its conversation a query stands."""

TRIPLET = (
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
    ANSWERED,
    _UuidText(QUERY.c.person_id).label("person_id"),
    *BEFORE,
    *PLACE,
)
PURPOSE = (
    sa.select(sa.type_coerce(ASSIGNMENT.c.purpose, sa.String))
    .where(ASSIGNMENT.c.query_id == QUERY.c.id)
    .scalar_subquery()
)
COMPARED = (
    QUERY.c.id.label("query_id"),
    QUERY.c.text.label("query"),
    QUERY.c.person_id,
    _text(QUERY.c.source),
    RESPONSE.c.id.label("response_id"),
    RESPONSE.c.text.label("response"),
    RESPONSE.c.replaces,
    _text(RESPONSE.c.outcome),
    ANSWERED,
    VERSION.c.name.label("model_version"),
    RESPONSE.c.says_name,
    QUERY.c.study_id,
    PURPOSE.label("purpose"),
    *BEFORE,
    *PLACE,
)


def conditions(chosen: DataFilter, with_untold: bool = False) -> list[sa.ColumnElement[bool]]:
    """What rows of finished responses must be, to be meant.

    A pending response has no behaviour yet, unless it is a cut one that goes on: neither is finished. One whose text no
    file told is no text: only what counts votes between versions takes it in (`with_untold`).
    """
    beside = (Outcome.PENDING,) if with_untold else (Outcome.PENDING, Outcome.UNTOLD)
    found = [*answered_by(chosen), RESPONSE.c.outcome.not_in(beside)]
    if chosen.sources != frozenset(Source):
        found.append(QUERY.c.source.in_(sorted(chosen.sources)))
    if chosen.since_ms is not None:
        found.append(QUERY.c.created_ms >= chosen.since_ms)
    if not chosen.with_unblinded:
        found.append(sa.not_(BEHAVIOR.c.never_blind))
    if not chosen.with_excluded:
        found.append(QUERY.c.person_id.not_in(sa.select(PERSON.c.id).where(PERSON.c.excluded)))
    return found


def behavior_columns(chosen: DataFilter) -> list[sa.ColumnElement[Any]]:
    """The behaviour's columns `behavior_text`, `features`, `vote` and `unblinded`, as the filter wants them."""
    opened = BEHAVIOR.c.open_features.is_not(None) if chosen.with_unblinded else sa.false()
    return [
        as_seen(chosen, BEHAVIOR.c.text, BEHAVIOR.c.open_text).label("behavior_text"),
        as_seen(chosen, BEHAVIOR.c.features, BEHAVIOR.c.open_features).label("features"),
        vote_column(chosen).label("vote"),
        sa.type_coerce(opened, sa.Boolean).label("unblinded"),
    ]


def vote_column(chosen: DataFilter) -> sa.ColumnElement[Any]:
    """How the vote went for the response, as the filter wants it."""
    return as_seen(chosen, BEHAVIOR.c.vote, BEHAVIOR.c.open_vote)


def as_seen(
    chosen: DataFilter, hidden: sa.Column[Any], opened: sa.Column[Any]
) -> sa.ColumnElement[Any]:
    """The blind column, or the one with what was done while names were in view where there is one."""
    if not chosen.with_unblinded:
        return hidden
    return sa.case((BEHAVIOR.c.open_features.is_not(None), opened), else_=hidden)


def answered_by(chosen: DataFilter) -> list[sa.ColumnElement[bool]]:
    """By which arms and versions the response must be."""
    found: list[sa.ColumnElement[bool]] = []
    if chosen.arms:
        found.append(VERSION.c.arm.in_(sorted(chosen.arms)))
    if chosen.versions:
        found.append(VERSION.c.name.in_(sorted(chosen.versions)))
    return found
