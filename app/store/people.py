"""People: who asks and reacts, whether they are recorded, what they may take with them, and forgetting them."""

from collections.abc import Collection, Generator, Iterator, Sequence
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa

from app.store.account_records import Consent, Draft
from app.store.account_tables import CONSENT, DRAFT
from app.store.engine import Connection, Store, in_parts, insert_new, storable
from app.store.errors import Conflict, StoreError, UnknownReference
from app.store.streaming import Stream, joined
from app.store.study_tables import ASSIGNMENT, ITEM, PREPARED
from app.store.tables import BEHAVIOR, NAMED_MS, PERSON, QUERY, RESPONSE, SIGNAL, to_record
from rlhb_core.schema.record import Record
from rlhb_core.schema.records import Outcome, Person, Query, Response, Source
from rlhb_core.schema.signals import Signal

NAMING = (
    *("version_id", "condition", "draw_probability", "left_out"),
    "temperature",  # an answer that came with an item has another one than those written here
    *("first_token_ms", "duration_ms"),  # how fast an answer was tells who wrote it
)
"""What would tell which version wrote an answer, or hint at it."""

_TOUCH = (
    sa.update(PERSON)
    .where(PERSON.c.id == sa.bindparam("person"))
    .values(changes=PERSON.c.changes + 1)
)

_BEING_ANSWERED = sa.select(RESPONSE.c.query_id).where(RESPONSE.c.outcome == Outcome.PENDING)
"""Queries of which some answer is not there yet: which are there first would tell which came with an item."""

_SIMULATED = sa.select(PERSON.c.id).where(
    PERSON.c.id.in_(sa.bindparam("some", expanding=True)), PERSON.c.source == Source.SIMULATED
)


def ensure(connection: Connection, person: Person) -> Person:
    """The person of this id, made from `person` if not there yet."""
    known = find(connection, person.id)
    if known is not None:
        return known
    row = person.model_dump() | {"display_name": storable(person.display_name)}
    insert_new(connection, PERSON, [row])
    return get(connection, person.id)


def here(connection: Connection, begins: Person) -> Person:
    """The person who is here now, made from `begins` if need be. One whom only a file has named so far is real from now
    on: what is asked and done here did not come from a file, nor did their consent.
    """
    person = ensure(connection, begins)
    if person.source is not Source.IMPORTED:
        return person
    answered = sa.select(CONSENT.c.id).where(CONSENT.c.person_id == person.id).limit(1)
    asked = begins.recording or connection.execute(answered).first() is not None
    return _change(connection, person.id, source=Source.REAL, recording=person.recording and asked)


def lock(connection: Connection, person_id: UUID) -> None:
    """Let nobody else record anything of the person until the end. Comes before all other locks."""
    connection.execute(sa.select(PERSON.c.id).where(PERSON.c.id == person_id).with_for_update())


def find(connection: Connection, person_id: UUID) -> Person | None:
    """The person of this id, or None."""
    row = connection.execute(sa.select(PERSON).where(PERSON.c.id == person_id)).mappings().first()
    return None if row is None else to_record(row, Person)


def get(connection: Connection, person_id: UUID) -> Person:
    """The person of this id. Raises UnknownReference."""
    person = find(connection, person_id)
    if person is None:
        raise UnknownReference("nothing is recorded of this person yet")
    return person


def rename(connection: Connection, person_id: UUID, display_name: str) -> Person:
    """Change the name that the person is shown by."""
    return _change(connection, person_id, display_name=storable(display_name))


def set_recording(connection: Connection, person_id: UUID, recording: bool) -> Person:
    """Pause or resume the recording of passive behaviours."""
    return _change(connection, person_id, recording=recording)


def become_simulated(connection: Connection, person_id: UUID) -> Person:
    """Mark a person as simulated, for good. Raises Conflict once anything is recorded: no data ever changes sides."""
    # Locked, so that nothing is asked in between (`queries.add` waits for the same row).
    row = sa.select(PERSON.c.source).where(PERSON.c.id == person_id).with_for_update()
    if connection.execute(row).scalar() == Source.SIMULATED:
        return get(connection, person_id)
    asked = sa.select(QUERY.c.id).where(QUERY.c.person_id == person_id).limit(1)
    if connection.execute(asked).first() is not None:
        raise Conflict(
            "something is recorded of you already, and it stays what it is; a simulated annotator says so before it "
            "asks anything: begin without a cookie"
        )
    return _change(connection, person_id, source=Source.SIMULATED)


def are_simulated_all(connection: Connection, person_ids: Sequence[UUID]) -> list[bool]:
    """Whether each of these is a simulated person."""
    found = set(connection.execute(_SIMULATED, {"some": sorted(set(person_ids))}).scalars())
    return [each in found for each in person_ids]


def simulated_all(connection: Connection, person_ids: Sequence[UUID]) -> list[StoreError | None]:
    """Have these people be simulated ones from their first act on; Conflict for those who are not."""
    outcomes: list[StoreError | None] = []
    for person_id in person_ids:
        ensure(connection, Person(id=person_id))
        try:
            become_simulated(connection, person_id)
        except Conflict as error:
            outcomes.append(error)
        else:
            outcomes.append(None)
    return outcomes


def set_excluded(connection: Connection, person_id: UUID, excluded: bool) -> None:
    """Leave all of a person out of exports and training, or take them in again. Nothing is deleted."""
    _change(connection, person_id, excluded=excluded)


def excluded(connection: Connection) -> set[UUID]:
    """The people who are left out of exports and training."""
    return set(connection.execute(sa.select(PERSON.c.id).where(PERSON.c.excluded)).scalars())


def _change(connection: Connection, person_id: UUID, **values: Any) -> Person:
    connection.execute(sa.update(PERSON).where(PERSON.c.id == person_id).values(values))
    return get(connection, person_id)


def touch(connection: Connection, person_ids: Collection[UUID]) -> None:
    """Note that something about these people changed, so that their behaviours are summarised anew."""
    if person_ids:  # in one order everywhere, so that no two wait for each other
        connection.execute(_TOUCH, [{"person": each} for each in sorted(person_ids)])


def export_lines(connection: Connection, person_id: UUID) -> Iterator[bytes]:
    """All that is stored of a person, as JSON lines {"type": ..., ...}, in blocks. Streams while read.

    Answers to a question of which one is still being written come once all are there.
    """
    mine = QUERY.c.person_id == person_id
    parts: tuple[tuple[str, type[Record], sa.Select[Any]], ...] = (
        ("person", Person, sa.select(PERSON).where(PERSON.c.id == person_id)),
        (
            "consent",
            Consent,
            sa.select(CONSENT).where(CONSENT.c.person_id == person_id).order_by(CONSENT.c.at_ms),
        ),
        ("query", Query, sa.select(QUERY).where(mine).order_by(QUERY.c.created_ms)),
        (
            "response",
            Response,
            sa.select(RESPONSE, NAMED_MS.label("revealed_ms"))
            .join(QUERY)
            .where(mine, RESPONSE.c.query_id.not_in(_BEING_ANSWERED))
            .order_by(RESPONSE.c.created_ms),
        ),
        (
            "signal",
            Signal,
            sa.select(SIGNAL).where(SIGNAL.c.person_id == person_id).order_by(SIGNAL.c.at_ms),
        ),
        (
            "draft",
            Draft,
            sa.select(DRAFT).where(DRAFT.c.person_id == person_id).order_by(DRAFT.c.written_ms),
        ),
    )
    for name, kind, statement in parts:
        yield from joined(_line(name, kind, row) for row in Stream(connection, statement))


def _line(name: str, kind: type[Record], row: Any) -> bytes:
    fields = {field: getattr(row, field) for field in kind.model_fields}
    if kind is Response and row.revealed_ms is None:
        fields |= dict.fromkeys(NAMING)  # who wrote it is told after the vote, here too
    return orjson.dumps({"type": name, **fields}, option=orjson.OPT_APPEND_NEWLINE)


def export_all(store: Store, person_id: UUID) -> Generator[bytes, None, None]:
    """`export_lines` with a unit of work of its own, which lasts as long as the reading."""
    with store.reading() as connection:
        yield from export_lines(connection, person_id)


def erase(connection: Connection, person_id: UUID) -> None:
    """Forget a person: their queries, the answers to them, every signal, behaviour and draft, and the person.

    A question of theirs that was handed out to others in a study goes with what those others said of it.

    Files exported before and models trained before keep what they hold; nobody is told apart in them by default.
    """
    handed_out = sa.select(ITEM.c.id).where(ITEM.c.asked_by == person_id)
    of_theirs = ASSIGNMENT.c.item_id.in_(handed_out)
    # First, as whoever records something of them does: else each would wait for what the other holds.
    readers = sa.select(ASSIGNMENT.c.person_id).where(of_theirs)
    touched = (PERSON.c.id == person_id) | PERSON.c.id.in_(readers)
    locked = sa.select(PERSON.c.id).where(touched).order_by(PERSON.c.id).with_for_update()
    others = set(connection.execute(locked).scalars()) - {person_id}
    shown = sa.select(ASSIGNMENT.c.query_id).where(of_theirs, ASSIGNMENT.c.query_id.is_not(None))
    asked = sa.select(QUERY.c.id).where(QUERY.c.person_id == person_id)
    queries = list(connection.execute(asked.union(shown)).scalars())
    connection.execute(
        sa.delete(ASSIGNMENT).where(of_theirs | (ASSIGNMENT.c.person_id == person_id))
    )
    for part in in_parts(queries):
        responses = sa.select(RESPONSE.c.id).where(RESPONSE.c.query_id.in_(part))
        connection.execute(sa.delete(SIGNAL).where(SIGNAL.c.query_id.in_(part)))
        connection.execute(sa.delete(BEHAVIOR).where(BEHAVIOR.c.response_id.in_(responses)))
        _delete_drafts_about(connection, list(connection.execute(responses).scalars()))
        connection.execute(sa.delete(RESPONSE).where(RESPONSE.c.query_id.in_(part)))
        connection.execute(sa.delete(QUERY).where(QUERY.c.id.in_(part)))
    written_for = (PREPARED.c.for_person == person_id) | PREPARED.c.item_id.in_(handed_out)
    connection.execute(sa.delete(PREPARED).where(written_for))
    connection.execute(sa.delete(ITEM).where(ITEM.c.asked_by == person_id))
    touch(connection, others)
    connection.execute(sa.delete(CONSENT).where(CONSENT.c.person_id == person_id))
    connection.execute(sa.delete(DRAFT).where(DRAFT.c.person_id == person_id))
    connection.execute(sa.delete(PERSON).where(PERSON.c.id == person_id))


def _delete_drafts_about(connection: Connection, responses: Sequence[UUID]) -> None:
    """What anybody was writing of these answers: it may quote them."""
    abouts = [f"{what}.{each}" for each in responses for what in ("critique", "edit")]
    for part in in_parts(abouts):
        connection.execute(sa.delete(DRAFT).where(DRAFT.c.about.in_(part)))
