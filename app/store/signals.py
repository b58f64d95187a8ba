"""Signals: the append-only record of what people did. Acknowledged means committed; a retry is no second act."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.store import people, settling
from app.store.batches import (
    Asked,
    Batch,
    Taking,
    Teller,
    in_pieces,
    queries_of,
    rated_in,
    responses_of,
    withdrawn_of,
)
from app.store.clocks import Clocks
from app.store.engine import Connection, existing, in_parts
from app.store.errors import BadSignals
from app.store.study_records import FREE, Plan
from app.store.study_tables import STUDY
from app.store.tables import PERSON, QUERY, RESPONSE, SIGNAL, to_record
from rlhb_core.schema.formats import Format
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Outcome
from rlhb_core.schema.signals import KINDS, PIECEWISE, Signal, SignalKind

__all__ = ["Batch", "known_ids", "newest_ms", "of_kinds", "of_query", "record", "record_all"]

# The rule of `rlhb_core.schema.answers.can_win`, so that no text is fetched for it.
_CANNOT_WIN = sa.or_(
    RESPONSE.c.outcome == Outcome.ERROR,
    sa.and_(RESPONSE.c.outcome != Outcome.PENDING, sa.func.trim(RESPONSE.c.text) == ""),
)
# Made once: building a statement takes as long as running it, and signals come by the hundred.
_SOME: sa.BindParameter[Any] = sa.bindparam("some", expanding=True)
# The rows stay locked until the end, in one order everywhere, so that a pause takes effect between two batches.
_PEOPLE = (
    sa.select(PERSON.c.id, PERSON.c.recording, PERSON.c.source)
    .where(PERSON.c.id.in_(_SOME))
    .order_by(PERSON.c.id)
    .with_for_update(key_share=True)
)
_QUERIES = sa.select(QUERY.c.id, QUERY.c.person_id, QUERY.c.revealed_ms, QUERY.c.stays_blind).where(
    QUERY.c.id.in_(_SOME)
)
_OTHER = RESPONSE.alias("other")
_IS_WRITTEN = sa.not_(
    sa.exists().where(_OTHER.c.query_id == RESPONSE.c.query_id, _OTHER.c.outcome == Outcome.PENDING)
)
# Characters, as Python counts them, once all answers beside it are written, too: of one that is not, nobody knows how
# many it will have, and what is refused of the others would tell which were there first.
_CHARS = sa.case((_IS_WRITTEN, sa.func.length(RESPONSE.c.text)))
_ANSWERS = sa.select(RESPONSE.c.id, RESPONSE.c.query_id, _CANNOT_WIN, _CHARS).where(
    RESPONSE.c.id.in_(_SOME)
)
_PIECES = sa.select(SIGNAL.c.response_id, SIGNAL.c.kind, SIGNAL.c.payload).where(
    SIGNAL.c.response_id.in_(_SOME), SIGNAL.c.kind.in_(PIECEWISE)
)
_RANKED = sa.select(SIGNAL.c.query_id).where(
    SIGNAL.c.query_id.in_(_SOME), SIGNAL.c.kind == SignalKind.RANK
)
_PLANS = sa.select(QUERY.c.id, QUERY.c.study_id, STUDY.c.plan).where(
    QUERY.c.id.in_(_SOME), STUDY.c.id == sa.func.coalesce(QUERY.c.study_id, FREE)
)
_SAID = sa.select(
    SIGNAL.c.id,
    SIGNAL.c.person_id,
    SIGNAL.c.kind,
    SIGNAL.c.query_id,
    SIGNAL.c.response_id,
    SIGNAL.c.payload,
).where(SIGNAL.c.id.in_(_SOME))
_INSERT = sa.insert(SIGNAL)
_DROPPED = sa.update(QUERY).where(QUERY.c.id.in_(_SOME)).values(recorded=False)
_SHOWN = (
    sa.update(QUERY)
    .where(QUERY.c.id == sa.bindparam("query"))
    .values(revealed_ms=sa.bindparam("since"))
)


def record(
    connection: Connection,
    person_id: UUID,
    signals: Sequence[Signal],
    sent_ms: int | None = None,
    received_ms: int | None = None,
) -> int:
    """Store one batch (see `record_all`); returns how many signals were new. Raises BadSignals.

    Without `sent_ms`, the sender's clock at sending, and `received_ms`, ours, both clocks are the same.
    """
    received_ms = now_ms() if received_ms is None else received_ms
    sent_ms = received_ms if sent_ms is None else sent_ms
    batch = Batch(person_id, signals, sent_ms, received_ms)
    batch.check()
    (outcome,) = record_all(connection, [Clocks().set_right(batch)])
    if isinstance(outcome, BadSignals):
        raise outcome
    return outcome


def record_all(connection: Connection, batches: Sequence[Batch]) -> list[int | BadSignals]:
    """Store batches, each all or none; returns how many signals of each were new, or why none.

    They have passed `check`, and their times are by our clock (`Clocks`): that takes time and needs nothing of the
    store, so it is done before, outside of the unit of work.

    A signal whose id is known already is not stored again; one that says something else under a known id is refused.
    While a person has paused recording, passive signals are dropped and their queries marked, so that no export takes
    silence for a behaviour. What was done after the names were shown is marked as unblinded,
    whatever the signal itself says.

    BadSignals names each signal of its batch that speaks of what is not this person's,
    or chooses an answer that failed.
    """
    taking = _read(connection, batches)
    outcomes: list[int | BadSignals] = []
    for batch in batches:
        try:
            outcomes.append(taking.take(batch))
        except BadSignals as error:
            outcomes.append(error)
    _write(connection, taking)
    return outcomes


def newest_ms(connection: Connection) -> int | None:
    """When the newest signal came, by our clock, or None if there is none."""
    newest: int | None = connection.execute(
        sa.select(sa.func.max(SIGNAL.c.received_ms))
    ).scalar_one()
    return newest


def of_query(connection: Connection, query_id: UUID) -> list[Signal]:
    """All signals about a query and the responses to it, in the order in which they happened."""
    statement = (
        sa.select(SIGNAL)
        .where(SIGNAL.c.query_id == query_id)
        .order_by(SIGNAL.c.at_ms, SIGNAL.c.received_ms, SIGNAL.c.id)
    )
    return [to_record(row, Signal) for row in connection.execute(statement).mappings()]


def of_kinds(
    connection: Connection, query_ids: Collection[UUID], kinds: Collection[SignalKind]
) -> list[Signal]:
    """Signals of these kinds about these queries, in the order in which they happened."""
    statement = (
        sa.select(SIGNAL)
        .where(SIGNAL.c.query_id.in_(query_ids), SIGNAL.c.kind.in_(kinds))
        .order_by(SIGNAL.c.at_ms, SIGNAL.c.received_ms, SIGNAL.c.id)
    )
    return [to_record(row, Signal) for row in connection.execute(statement).mappings()]


def known_ids(connection: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the ids that are stored."""
    return existing(connection, SIGNAL.c.id, ids)


def _read(connection: Connection, batches: Sequence[Batch]) -> Taking:
    """All that is stored of what the batches speak of."""
    taking = Taking()
    tellers = {batch.person_id for batch in batches}
    for person_id, recording, source in _found(connection, _PEOPLE, sorted(tellers)):
        taking.people[person_id] = Teller(recording, source)
    for query_id, *asked in _found(connection, _QUERIES, _all(batches, queries_of)):
        taking.queries[query_id] = Asked(*asked)
    for response_id, query_id, hopeless, chars in _found(
        connection, _ANSWERS, _all(batches, responses_of)
    ):
        taking.answers[response_id] = query_id
        if hopeless:
            taking.hopeless.add(response_id)
        if chars is not None:
            taking.chars[response_id] = chars
    for response_id, kind, payload in _found(connection, _PIECES, _all(batches, in_pieces)):
        taking.pieces[response_id, kind].add(KINDS[kind].piece(payload))
    for (query_id,) in _found(connection, _RANKED, _all(batches, withdrawn_of)):
        taking.ranked.add(query_id)
    for query_id, study_id, plan in _found(connection, _PLANS, _all(batches, rated_in)):
        aspects = _aspects(study_id, Plan.model_validate(plan))
        if aspects is not None:
            taking.aspects[query_id] = aspects
    for signal_id, *said in _found(connection, _SAID, _all(batches, lambda signal: [signal.id])):
        taking.said[signal_id] = tuple(said)
    return taking


def _aspects(study_id: UUID | None, plan: Plan) -> frozenset[str] | None:
    """What answers are rated on, by the plan of a study; None: whatever somebody likes, of a free question."""
    if Format.RATINGS in plan.formats:
        return frozenset(each.name for each in plan.aspects)
    return None if study_id is None else frozenset()


def _all(batches: Sequence[Batch], named: Callable[[Signal], Iterable[UUID]]) -> set[UUID]:
    return {each for batch in batches for signal in batch.signals for each in named(signal)}


def _found(
    connection: Connection, statement: sa.Select[Any], some: Collection[UUID]
) -> Iterator[Any]:
    for part in in_parts(list(some)):
        yield from connection.execute(statement, {"some": part}).all()


def _write(connection: Connection, taking: Taking) -> None:
    people.touch(connection, taking.heard)
    for part in in_parts(list(taking.unrecorded)):
        connection.execute(_DROPPED, {"some": part})
    if taking.rows:
        connection.execute(_INSERT, taking.rows)
    if taking.shown:
        since = [{"query": each, "since": ms} for each, ms in taking.shown.items()]
        connection.execute(_SHOWN, since)
    settling.settle(connection, taking.answered)
