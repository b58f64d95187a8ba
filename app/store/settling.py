"""What becomes of an assignment by what is said of its comparison: done, passed over, or neither, for something lacks.

Called in the unit of work that stores what was said, so that an answer and that it was given are one. Does not hand
anything out (`assignments.py`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from app.store import studies
from app.store.engine import Connection, in_parts
from app.store.study_records import AssignmentState, Plan, Purpose
from app.store.study_tables import ASSIGNMENT, STUDY
from app.store.tables import RESPONSE, SIGNAL, to_record
from rlhb_core.schema.answers import can_win, failed, folded
from rlhb_core.schema.formats import Format, Given, given, is_skipped, missing
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.signals import KINDS, Signal

MINUTE_MS = 60_000

# Made once: it is run with every batch in which something is said on purpose.
_GIVEN = (
    sa.select(ASSIGNMENT, STUDY.c.plan)
    .join(STUDY)
    .where(ASSIGNMENT.c.query_id.in_(sa.bindparam("some", expanding=True)))
)


def settle(connection: Connection, query_ids: Collection[UUID]) -> None:
    """Note how far their assignments are now; those of free questions have none, and cost one look."""
    found = [
        row
        for part in in_parts(list(query_ids))
        for row in connection.execute(_GIVEN, {"some": part}).mappings()
    ]
    if not found:
        return
    studies.lock(connection, {row["study_id"] for row in found})
    ids = [row["query_id"] for row in found]
    said, answers = _said(connection, ids), _answers(connection, ids)
    for row in found:
        plan = Plan.model_validate(row["plan"])
        state = _state(plan, said[row["query_id"]], answers[row["query_id"]])
        ended = state in (AssignmentState.DONE, AssignmentState.SKIPPED)
        values: dict[str, Any] = {"state": state, "ended_ms": now_ms() if ended else None}
        if not ended:
            values["expires_ms"] = now_ms() + round(plan.hold_minutes * MINUTE_MS)
        if ended and row["state"] == state:
            continue  # said anew: when it was done, and whether it counts, stays
        connection.execute(sa.update(ASSIGNMENT).where(ASSIGNMENT.c.id == row["id"]).values(values))
        if row["purpose"] == Purpose.PLAIN:
            recount(connection, row["item_id"], plan.overlap)


def recount(connection: Connection, item_id: UUID, overlap: int) -> None:
    """Of the answers to an item the first ones count, as many as it was to get; one that came too late is kept."""
    mine = ASSIGNMENT.c.item_id == item_id
    done = connection.execute(
        sa.select(ASSIGNMENT.c.id)
        .where(
            mine, ASSIGNMENT.c.purpose == Purpose.PLAIN, ASSIGNMENT.c.state == AssignmentState.DONE
        )
        .order_by(ASSIGNMENT.c.ended_ms, ASSIGNMENT.c.id)
    ).scalars()
    counted = list(done)[:overlap]
    connection.execute(
        sa.update(ASSIGNMENT).where(mine).values(counted=ASSIGNMENT.c.id.in_(counted))
    )


class _Answers(NamedTuple):
    """What stands there of a comparison."""

    first: Mapping[UUID, UUID]
    """Each answer that can be judged, with the one that stands for it and its like."""
    rankable: Collection[UUID]
    """Of these, those that could be chosen."""


def lacking(connection: Connection, query_ids: Collection[UUID]) -> dict[UUID, list[Format]]:
    """What is still to be said of these queries, of what their study asks; those of which nothing is are not in it."""
    plans = {
        row["query_id"]: Plan.model_validate(row["plan"])
        for part in in_parts(list(query_ids))
        for row in connection.execute(_GIVEN, {"some": part}).mappings()
    }
    if not plans:
        return {}
    said, answers = _said(connection, list(plans)), _answers(connection, list(plans))
    found = {}
    for query_id, plan in plans.items():
        lacks = _lacks(plan, _stands(said[query_id], answers[query_id]), answers[query_id])
        if lacks:
            found[query_id] = lacks
    return found


def _state(plan: Plan, said: Sequence[Signal], answers: _Answers) -> AssignmentState:
    stands = _stands(said, answers)
    if is_skipped(stands):
        return AssignmentState.SKIPPED
    nothing_said = stands == given([])
    is_open = nothing_said or _lacks(plan, stands, answers)
    return AssignmentState.SHOWN if is_open else AssignmentState.DONE


def _stands(said: Sequence[Signal], answers: _Answers) -> Given:
    return given([_about(each, answers.first) for each in said], answers.rankable)


def _lacks(plan: Plan, stands: Given, answers: _Answers) -> list[Format]:
    aspects = [each.name for each in plan.aspects]
    return missing(plan.formats, stands, set(answers.first.values()), aspects)


def _about(signal: Signal, answers: Mapping[UUID, UUID]) -> Signal:
    """The same of the answers that stand for those that it speaks of."""

    def of(each: UUID) -> UUID:
        return answers.get(each, each)

    changed = KINDS[signal.kind].renamed(signal.payload, of)
    about = of(signal.response_id) if signal.response_id else None
    return signal.model_copy(update={"response_id": about, "payload": signal.payload | changed})


def _said(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, list[Signal]]:
    found: dict[UUID, list[Signal]] = defaultdict(list)
    for row in _rows(connection, SIGNAL, ids, SIGNAL.c.at_ms, SIGNAL.c.received_ms, SIGNAL.c.id):
        found[row["query_id"]].append(to_record(row, Signal))
    return found


def _answers(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, _Answers]:
    by_query: dict[UUID, list[Any]] = defaultdict(list)
    for row in _rows(connection, RESPONSE, ids, RESPONSE.c.position, RESPONSE.c.id):
        by_query[row["query_id"]].append(row)
    found: dict[UUID, _Answers] = defaultdict(lambda: _Answers({}, ()))
    for query_id, rows in by_query.items():
        replaced = {row["replaces"] for row in rows}
        current = [
            (row["id"], row["outcome"], row["text"])
            for row in rows
            if row["id"] not in replaced and not failed(row["outcome"], row["text"])
        ]
        first = folded(current)
        told = {each: first.get(each, each) for each, _, __ in current}
        rankable = {told[each] for each, outcome, text in current if can_win(outcome, text)}
        found[query_id] = _Answers(told, rankable)
    return found


def _rows(
    connection: Connection, table: sa.Table, ids: Sequence[UUID], *order: sa.Column[Any]
) -> Iterator[sa.RowMapping]:
    for part in in_parts(ids):
        statement = sa.select(table).where(table.c.query_id.in_(part)).order_by(*order)
        yield from connection.execute(statement).mappings()
