"""Behaviours: what the signals of a person say about each response, kept ready for export and training.

A projection of the signals that can be made anew at any time, except for imported behaviours (`given`), which have
no signals behind them. A person's dwell is judged against the person's own habit, so behaviours are summarised
per person: those people whose signals, queries or responses changed since the last time.
Does not know how signals become a behaviour: that is `rlhb_core.behaviors`.
"""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from app.store.engine import Session, upsert
from app.store.tables import BEHAVIOR, PERSON, QUERY, RESPONSE, SIGNAL, to_record
from rlhb_core.behaviors import VERBALISER_VERSION, Reading, blind, summarise_person, verbalise
from rlhb_core.records import Outcome, Signal

if TYPE_CHECKING:
    from app.store.engine import Store


def refresh(store: "Store") -> int:
    """Bring the behaviours of everyone up to date; returns for how many people there was something to do.

    Reading and summarising hold no lock; each person's behaviours are written in a unit of work of their own.
    What is recorded meanwhile leaves the person marked for the next time.
    """
    with store.reading() as session:
        stale = (PERSON.c.changes != PERSON.c.summarised) | (
            PERSON.c.behaviors_version != VERBALISER_VERSION
        )
        people = session.execute(sa.select(PERSON.c.id).where(stale)).scalars().all()
    for person_id in people:
        refresh_person(store, person_id)
    return len(people)


def refresh_person(store: "Store", person_id: UUID) -> None:
    """Bring the behaviours of one person up to date."""
    with store.reading() as session:
        # Read first: what is committed after this moment makes `changes` differ again.
        seen = session.execute(sa.select(PERSON.c.changes).where(PERSON.c.id == person_id)).scalar()
        if seen is None:
            return
        rows = _summarise(session, person_id)
    with store.session() as session:
        still_there = session.execute(
            sa.update(PERSON)
            .where(PERSON.c.id == person_id)
            .values(summarised=seen, behaviors_version=VERBALISER_VERSION)
        ).rowcount
        if still_there:  # not erased meanwhile
            upsert(session, BEHAVIOR, rows)


def _summarise(session: Session, person_id: UUID) -> list[dict[str, Any]]:
    """The behaviours of one person as rows, for every finished response that has signals to speak of it or could have."""
    given = sa.select(BEHAVIOR.c.response_id).where(
        BEHAVIOR.c.person_id == person_id, BEHAVIOR.c.given
    )
    answers = session.execute(
        sa.select(
            RESPONSE.c.id,
            RESPONSE.c.query_id,
            sa.func.length(RESPONSE.c.text).label("chars"),
            RESPONSE.c.replaces,
        )
        .join(QUERY)
        .where(
            QUERY.c.person_id == person_id,
            RESPONSE.c.outcome != Outcome.PENDING,
            RESPONSE.c.id.not_in(given),
        )
        .order_by(RESPONSE.c.created_ms, RESPONSE.c.id)
    ).all()
    if not answers:
        return []
    signals: dict[UUID, list[Signal]] = defaultdict(list)
    statement = sa.select(SIGNAL).where(SIGNAL.c.person_id == person_id)
    for row in session.execute(statement).mappings():
        signals[row["query_id"]].append(to_record(row, Signal))
    signals = {query_id: blind(acts) for query_id, acts in signals.items()}
    together = Counter(answer.query_id for answer in answers if answer.replaces is None)
    readings = [
        Reading(
            answer.id, answer.chars, signals.get(answer.query_id, []), together[answer.query_id]
        )
        for answer in answers
    ]
    return [
        {
            "response_id": reading.response_id,
            "person_id": person_id,
            "features": features.model_dump_json(),
            "text": verbalise(features),
            "vote": features.vote,
            "verbaliser_version": VERBALISER_VERSION,
            "given": False,
            "open_features": None,
            "open_text": None,
            "open_vote": None,
            "never_blind": False,
        }
        for reading, features in zip(readings, summarise_person(readings), strict=True)
    ]
