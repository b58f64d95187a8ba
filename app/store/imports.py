"""Data that comes in from files: whole items, many at a time, each item either stored entirely or not at all.

An item is one query with the person who asked it, some answers, and either behaviours as they are (they have no
signals behind them) or signals. Does not know any file format: that is `app.files`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa

from app.store import people
from app.store.engine import Connection, Store, add_new, existing, in_parts, storable
from app.store.tables import BEHAVIOR, PERSON, QUERY, RESPONSE, SIGNAL, VERSION
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.behaviors import VERBALISER_VERSION, verbalise
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.history import Message
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Outcome, Person, Query, Serving, Source
from rlhb_core.schema.signals import Signal

NAMESPACE = UUID("6f0d3c1e-51a4-5a77-9b0c-6f2f3b0d8a11")
"""Ids of what a file names in words (people, model versions) are made from this, the same at every import."""

UNNAMED = {source: uuid5(NAMESPACE, f"person|{source}|") for source in Source}
"""The person to whom all lines belong that name nobody."""


UNFIT = "the database cannot hold it: a number or a text in it is out of range"
MOST = 2**31 - 1
"""Largest number that a column of whole numbers holds everywhere."""


@dataclass(frozen=True)
class Behavior:
    """What a reader did, as the file tells it."""

    features: str
    text: str
    vote: str | None
    verbaliser_version: int
    unblinded: bool = False
    """Rests on something that was done while names were in view; what was done before is not told apart."""


@dataclass(frozen=True)
class Answer:
    """One imported response. What the file does not tell (place, probability of the draw, arm) is None."""

    id: UUID
    version_id: UUID
    model: str
    arm: Arm | None
    text: str
    outcome: Outcome
    position: int | None
    draw_probability: float | None
    condition: str | None
    created_ms: int
    behavior: Behavior | None = None
    history: Sequence[Message] | None = None
    left_out: int = 0


@dataclass(frozen=True)
class Item:
    """One query with what belongs to it."""

    person: Person
    query: Query
    answers: Sequence[Answer]
    signals: Sequence[Signal] = field(default_factory=tuple)
    excluded: bool = False


def take(store: Store, items: Sequence[Item]) -> list[int | str]:
    """`add` in a unit of work of its own. An item that the database cannot hold is told so, and costs no other one."""
    try:
        with store.writing() as connection:
            return add(connection, items)
    except (OverflowError, UnicodeEncodeError, sa.exc.DataError, sa.exc.IntegrityError):
        if len(items) == 1:
            return [UNFIT]
    middle = len(items) // 2
    return take(store, items[:middle]) + take(store, items[middle:])


def look(store: Store, items: Sequence[Item], known: "Known") -> list[int | str]:
    """What `take` would say, and nothing is stored; `known` is what items before these would have brought."""
    with store.reading() as connection:
        known.learn(connection, items)
    return [len(new) if isinstance(new, list) else new for new in map(known.new, items)]


def add(connection: Connection, items: Sequence[Item]) -> list[int | str]:
    """Store the items; for each the number of new answers (0: all known already), or why it was not taken."""
    known = Known()
    known.learn(connection, items)
    found = [(item, known.new(item)) for item in items]
    _insert(connection, [(item, new) for item, new in found if isinstance(new, list) and new])
    return [len(new) if isinstance(new, list) else new for _, new in found]


class Known:
    """What is there already of the items that are asked about: in the store, or by items before."""

    def __init__(self) -> None:
        self._answers: set[UUID] = set()
        self._queries: dict[UUID, tuple[Any, ...]] = {}
        self._people: dict[UUID, Source] = {}

    def learn(self, connection: Connection, items: Sequence[Item]) -> None:
        """Look up what the store has of these."""
        answers = {answer.id for item in items for answer in item.answers}
        self._answers |= existing(connection, RESPONSE.c.id, answers)
        queries = {item.query.id for item in items} - self._queries.keys()
        self._queries |= _known_queries(connection, queries)
        persons = {item.person.id for item in items} - self._people.keys()
        self._people |= _known_people(connection, persons)

    def new(self, item: Item) -> list[Answer] | str:
        """Which of its answers are new, or why it cannot be taken; from now on it is known."""
        new = [answer for answer in item.answers if answer.id not in self._answers]
        if not new:
            return []
        if not _fits(item):
            return UNFIT
        says = (item.person.id, item.query.text, item.query.source)
        if self._queries.setdefault(item.query.id, says) != says:
            return "its query id is already taken by another query"
        if self._people.setdefault(item.person.id, says[2]) != says[2]:
            return "its person is someone of this store, in whose name nothing is imported"
        self._answers.update(answer.id for answer in new)
        return new


def _fits(item: Item) -> bool:
    """Whether its numbers are ones that every database holds."""
    counts = (item.query.turn, *(answer.left_out for answer in item.answers))
    return max(counts) <= MOST


def _known_queries(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, tuple[Any, ...]]:
    found: dict[UUID, tuple[Any, ...]] = {}
    for part in in_parts(list(ids)):
        statement = sa.select(QUERY.c.id, QUERY.c.person_id, QUERY.c.text, QUERY.c.source)
        for query_id, *says in connection.execute(statement.where(QUERY.c.id.in_(part))):
            found[query_id] = tuple(says)
    return found


def _known_people(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, Source]:
    found: dict[UUID, Source] = {}
    for part in in_parts(list(ids)):
        statement = sa.select(PERSON.c.id, PERSON.c.source).where(PERSON.c.id.in_(part))
        found.update((person_id, source) for person_id, source in connection.execute(statement))
    return found


def _insert(connection: Connection, taken: Sequence[tuple[Item, list[Answer]]]) -> None:
    """Parents before children, each table in one go."""
    persons = {item.person.id: item.person for item, _ in taken}
    add_new(connection, PERSON, [_person_row(person) for person in persons.values()])
    queries = {item.query.id: item.query for item, _ in taken}
    add_new(connection, QUERY, [q.model_dump() | {"recorded": True} for q in queries.values()])
    answers = [(item.person.id, item.query.id, answer) for item, new in taken for answer in new]
    versions = {answer.version_id: answer for _, _, answer in answers}
    add_new(connection, VERSION, [_version_row(answer) for answer in versions.values()])
    add_new(connection, RESPONSE, [_response_row(query, answer) for _, query, answer in answers])
    add_new(
        connection,
        BEHAVIOR,
        [
            _behavior_row(person_id, answer.id, answer.behavior)
            for person_id, _, answer in answers
            if answer.behavior is not None
        ],
    )
    signals = [_signal_row(item.person.id, signal) for item, _ in taken for signal in item.signals]
    add_new(connection, SIGNAL, signals)
    # Behaviours without signals are whole as they came; all others are to be summarised.
    people.touch(
        connection,
        {item.person.id for item, new in taken if any(answer.behavior is None for answer in new)},
    )
    for person_id in {item.person.id for item, _ in taken if item.excluded}:
        people.set_excluded(connection, person_id, True)


def _person_row(person: Person) -> dict[str, Any]:
    return person.model_dump() | {
        "display_name": storable(person.display_name),
        "behaviors_version": VERBALISER_VERSION,
    }


def _version_row(answer: Answer) -> dict[str, Any]:
    return {
        "id": answer.version_id,
        "name": answer.model,
        "arm": answer.arm,
        "serving": Serving.LOCAL,
        "base": "",
        "trained_on": "known by name only, from imported data",
        "created_ms": now_ms(),
        "imported": True,
    }


def _response_row(query_id: UUID, answer: Answer) -> dict[str, Any]:
    return {
        "id": answer.id,
        "query_id": query_id,
        "version_id": answer.version_id,
        "position": answer.position,
        "draw_probability": answer.draw_probability,
        "condition": answer.condition,
        "text": answer.text,
        "outcome": answer.outcome,
        "created_ms": answer.created_ms,
        "history": None
        if answer.history is None
        else [each.model_dump() for each in answer.history],
        "left_out": answer.left_out,
    }


def _behavior_row(person_id: UUID, response_id: UUID, behavior: Behavior) -> dict[str, Any]:
    """One that was seen with names in view is kept as such: nothing is known of what was done before."""
    told = {"features": behavior.features, "text": behavior.text, "vote": behavior.vote}
    nothing = BehaviorFeatures()
    hidden = (
        {"features": nothing.model_dump_json(), "text": verbalise(nothing), "vote": None}
        if behavior.unblinded
        else told
    )
    return hidden | {
        "response_id": response_id,
        "person_id": person_id,
        "verbaliser_version": behavior.verbaliser_version,
        "given": True,
        "open_features": told["features"] if behavior.unblinded else None,
        "open_text": told["text"] if behavior.unblinded else None,
        "open_vote": told["vote"] if behavior.unblinded else None,
        "never_blind": behavior.unblinded,
    }


def _signal_row(person_id: UUID, signal: Signal) -> dict[str, Any]:
    return signal.model_dump() | {
        "payload": signal.model_dump(mode="json", include={"payload"})["payload"],
        "person_id": person_id,
        "received_ms": now_ms(),
    }
