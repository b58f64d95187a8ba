"""Signals: the append-only record of what people did. Acknowledged means committed; a retry is no second act."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from app.store.engine import Session, existing, in_parts, insert_new
from app.store.errors import BadSignals, Refusal
from app.store.tables import PERSON, QUERY, RESPONSE, SIGNAL, to_record
from rlhb_core.behaviors import check_signal
from rlhb_core.errors import BadRecord
from rlhb_core.records import Outcome, Signal, SignalKind, Source, VoteChoice, now_ms

EXPLICIT = frozenset(
    {
        SignalKind.LIKE,
        SignalKind.DISLIKE,
        SignalKind.SHARE,
        SignalKind.FLAG,
        SignalKind.EDIT,
        SignalKind.CRITIQUE,
        SignalKind.RATE,
        SignalKind.VOTE,
        SignalKind.RANK,
    }
)
"""Acts by which a person says something on purpose: stored even while recording is paused. All others are passive."""


SAID = ("kind", "query_id", "response_id", "payload")
"""What a signal says; two under one id must agree in it."""


# The rule of `rlhb_core.answers.can_win`, so that no text is fetched for it.
_CANNOT_WIN = sa.or_(
    RESPONSE.c.outcome == Outcome.ERROR,
    sa.and_(RESPONSE.c.outcome != Outcome.PENDING, sa.func.trim(RESPONSE.c.text) == ""),
)
# Made once: building a statement takes as long as running it, and signals come by the hundred.
_NOTE_CHANGE = (
    sa.update(PERSON)
    .where(PERSON.c.id == sa.bindparam("person"))
    .values(changes=PERSON.c.changes + 1)
    .returning(PERSON.c.recording, PERSON.c.source)
)
_MINE = (
    sa.select(QUERY.c.id, QUERY.c.revealed_ms, RESPONSE.c.id, _CANNOT_WIN)
    .outerjoin(RESPONSE)
    .where(
        QUERY.c.person_id == sa.bindparam("person"),
        QUERY.c.id.in_(sa.bindparam("named", expanding=True)),
    )
)


def record(
    session: Session,
    person_id: UUID,
    signals: Sequence[Signal],
    sent_ms: int | None = None,
    received_ms: int | None = None,
) -> int:
    """Store a person's signals; returns how many were new. All or none.

    `sent_ms` is the sender's clock at sending and `received_ms` ours: the difference sets the signals' times right.
    Without `sent_ms` both clocks are the same. A signal whose id is known already is not stored again; one that says
    something else under a known id is refused. While the person has paused recording, passive signals are dropped
    and their queries marked, so that no export takes silence for a behaviour.

    What was done after the names were shown is marked as unblinded, whatever the signal itself says.

    Raises BadSignals naming each signal that cannot be true, speaks of what is not this person's, or chooses an answer
    that failed.
    """
    if not signals:
        return 0
    received_ms = now_ms() if received_ms is None else received_ms
    sent_ms = received_ms if sent_ms is None else sent_ms
    if refusals := list(_malformed(signals, sent_ms)):
        raise BadSignals(refusals)
    person = _note_change(session, person_id)
    if person is None:
        raise BadSignals([_nobody(index, signal) for index, signal in enumerate(signals)])
    recording = person.recording
    known = _known(session, person_id, signals)
    if refusals := [*_unknown(known, signals), *_hopeless(session, known, signals)]:
        raise BadSignals(sorted(refusals, key=lambda refusal: refusal.index))
    kept = [signal for signal in signals if recording or signal.kind in EXPLICIT]
    if len(kept) < len(signals):
        paused = {signal.query_id for signal in signals if signal.kind not in EXPLICIT}
        session.execute(sa.update(QUERY).where(QUERY.c.id.in_(paused)).values(recorded=False))
    if not kept:
        return 0
    shift = received_ms - sent_ms
    rows = {
        signal.id: signal.model_dump()
        | {
            "at_ms": max(signal.at_ms + shift, 0),
            "page_opened_ms": max(signal.page_opened_ms + shift, 0),
            "payload": _plain(signal),
            "person_id": person_id,
            "received_ms": received_ms,
            "unblinded": signal.unblinded
            or _after(
                signal.kind, known.queries[signal.query_id], signal.at_ms + shift, received_ms
            ),
        }
        for signal in reversed(kept)  # of two under one id, the first stands
    }
    new = insert_new(session, SIGNAL, list(rows.values()))
    if (
        person.source != Source.SIMULATED
    ):  # they are shown texts only, and their clock is simulated too
        _note_reveal(session, known, kept, received_ms)
    if len(new) < len(kept):
        _check_same(session, signals, rows)
    return len(new)


def newest_ms(session: Session) -> int | None:
    """When the newest signal came, by our clock, or None if there is none."""
    newest: int | None = session.execute(sa.select(sa.func.max(SIGNAL.c.received_ms))).scalar_one()
    return newest


def of_query(session: Session, query_id: UUID) -> list[Signal]:
    """All signals about a query and the responses to it, in the order in which they happened."""
    statement = (
        sa.select(SIGNAL)
        .where(SIGNAL.c.query_id == query_id)
        .order_by(SIGNAL.c.at_ms, SIGNAL.c.received_ms, SIGNAL.c.id)
    )
    return [to_record(row, Signal) for row in session.execute(statement).mappings()]


def _malformed(signals: Sequence[Signal], sent_ms: int) -> Iterator[Refusal]:
    for index, signal in enumerate(signals):
        try:
            check_signal(signal, sent_ms)
        except BadRecord as error:
            yield Refusal(index, signal.id, str(error))


def _note_change(session: Session, person_id: UUID) -> Any:
    """Mark the person's behaviours as stale; a row of `recording` and `source`, None if unknown.

    The row stays locked until the end, so that a pause takes effect between two batches, never inside one.
    """
    return session.execute(_NOTE_CHANGE, {"person": person_id}).first()


def _nobody(index: int, signal: Signal) -> Refusal:
    return Refusal(
        index, signal.id, f"{signal.kind}: nothing is recorded of you yet, or it was erased"
    )


class _Known(NamedTuple):
    """What the signals of a batch may speak of."""

    queries: dict[UUID, int | None]
    """The person's queries that it names, with when their names were shown."""
    answers: dict[UUID, UUID]
    """The query of every answer to these."""
    hopeless: set[UUID]
    """Answers that can no longer win."""


def _known(session: Session, person_id: UUID, signals: Sequence[Signal]) -> _Known:
    named = {signal.query_id for signal in signals}
    named |= {
        UUID(str(signal.payload["to_query"])) for signal in signals if "to_query" in signal.payload
    }
    found = _Known({}, {}, set())
    for part in in_parts(list(named)):
        ours = {"person": person_id, "named": list(part)}
        for query_id, revealed_ms, response_id, hopeless in session.execute(_MINE, ours):
            found.queries[query_id] = revealed_ms
            if response_id is not None:
                found.answers[response_id] = query_id
            if hopeless:
                found.hopeless.add(response_id)
    return found


def _unknown(known: _Known, signals: Sequence[Signal]) -> Iterator[Refusal]:
    """Refusals of signals about queries of others, of responses that do not belong to the query or cannot be chosen."""
    for index, signal in enumerate(signals):
        payload = signal.payload
        if signal.query_id not in known.queries:
            message = "there is no such query of yours"
        elif any(known.answers.get(each) != signal.query_id for each in _responses_in(signal)):
            message = "it speaks of a response that does not belong to its query"
        elif "to_query" in payload and UUID(str(payload["to_query"])) not in known.queries:
            message = "the query that followed is none of yours"
        else:
            continue
        yield Refusal(index, signal.id, f"{signal.kind}: {message}")


def _hopeless(session: Session, known: _Known, signals: Sequence[Signal]) -> Iterator[Refusal]:
    """Refusals of choices that cannot be. One stored while the answer was being written may be sent again."""
    found = {
        index: signal
        for index, signal in enumerate(signals)
        if not known.hopeless.isdisjoint(_put_first(signal))
    }
    stored = known_ids(session, [signal.id for signal in found.values()])
    for index, signal in found.items():
        if signal.id not in stored:
            message = "this answer failed or is empty, so it cannot be chosen; choose another one"
            yield Refusal(index, signal.id, f"{signal.kind}: {message}")


def _put_first(signal: Signal) -> set[UUID]:
    """The responses that a signal calls the best."""
    if signal.kind is SignalKind.VOTE and signal.payload.get("best") is not None:
        return {UUID(str(signal.payload["best"]))}
    if signal.kind is SignalKind.RANK and len(signal.payload["order"]) > 1:
        return {UUID(str(each)) for each in signal.payload["order"][0]}
    return set()


def _after(kind: SignalKind, revealed_ms: int | None, at_ms: int, received_ms: int) -> bool:
    """Whether names were in view. What came to us before the vote did was done before, whatever its clock says.

    A page sends in the order in which things are done. So what somebody says on purpose in a later batch than the first
    vote was said after it, and no clock, wrong or set back on purpose, makes it blind. What is noticed in passing (how
    long something was in view) is sent when it ends, so there the clock decides.
    """
    if revealed_ms is None:
        return False
    return kind in EXPLICIT or min(at_ms, received_ms) > revealed_ms


def _note_reveal(
    session: Session, known: _Known, signals: Sequence[Signal], received_ms: int
) -> None:
    """The first vote on a query shows the names; later ones, and its being withdrawn, change nothing about that."""
    shown = {
        signal.query_id
        for signal in signals
        if signal.kind is SignalKind.VOTE
        and signal.payload["choice"] != VoteChoice.WITHDRAWN
        and known.queries[signal.query_id] is None
    }
    if shown:
        session.execute(
            sa.update(QUERY).where(QUERY.c.id.in_(shown)).values(revealed_ms=received_ms)
        )


def _responses_in(signal: Signal) -> set[UUID]:
    """Every response that a signal speaks of."""
    found = set() if signal.response_id is None else {signal.response_id}
    if signal.kind is SignalKind.VOTE and signal.payload.get("best") is not None:
        found.add(UUID(str(signal.payload["best"])))
    if signal.kind is SignalKind.RANK:
        found |= {UUID(str(each)) for group in signal.payload["order"] for each in group}
    return found


def _plain(signal: Signal) -> dict[str, Any]:
    """The payload as JSON knows it, so that it compares equal after a journey through the database."""
    plain: dict[str, Any] = signal.model_dump(mode="json", include={"payload"})["payload"]
    return plain


def _check_same(
    session: Session, signals: Sequence[Signal], rows: dict[UUID, dict[str, Any]]
) -> None:
    """What was known already must say the same: a retry does, another act under the same id does not.

    Times are not compared: each attempt sets them right by its own measure.
    """
    known: dict[UUID, tuple[Any, ...]] = {}
    for part in in_parts(list(rows)):
        statement = sa.select(SIGNAL).where(SIGNAL.c.id.in_(part))
        for row in session.execute(statement).mappings():
            known[row["id"]] = (*(row[name] for name in SAID), row["person_id"])
    person_id = next(iter(rows.values()))["person_id"]
    refusals = [
        Refusal(index, signal.id, f"{signal.kind}: its id is already taken by another signal")
        for index, signal in enumerate(signals)
        if signal.id in known
        and known[signal.id]
        != (signal.kind, signal.query_id, signal.response_id, _plain(signal), person_id)
    ]
    if refusals:
        raise BadSignals(refusals)


def known_ids(session: Session, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the ids that are stored."""
    return existing(session, SIGNAL.c.id, ids)
