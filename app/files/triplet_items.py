"""Triplet lines, as exports write them, as items to store. Knows no SQL; how lines are read is `text_lines.py`."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from uuid import UUID, uuid5

from pydantic import ValidationError

from app.files.text_lines import MARK, UNREADABLE
from app.files.times import to_ms
from app.store import storable
from app.store.imports import NAMESPACE, UNNAMED, Answer, Behavior, Item
from rlhb_core.errors import BadRecord
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.behaviors import parse
from rlhb_core.schema.record import describe
from rlhb_core.schema.records import SCHEMA_VERSION, Outcome, Person, Query, Source, Triplet

MOST_KEPT = 4_096
"""Of what many lines have in common (people, versions, times), how many are kept at hand."""
MAX_ANSWER = 200_000
"""Longest response taken, in characters."""


def triplet_items(lines: Iterable[str | bytes]) -> Iterator[tuple[int, Item | str]]:
    """(number of the line, what it says or why it says nothing) for every line that is not empty."""
    for number, line in enumerate(lines, start=1):
        text = line.decode("utf-8", "rlhb-mark") if isinstance(line, bytes) else line
        text = text.removeprefix("\ufeff").strip() if number == 1 else text.strip()
        if not text:
            continue
        if MARK in text:
            yield number, UNREADABLE
            continue
        try:
            yield number, _item(Triplet.model_validate_json(text, strict=True))
        except ValidationError as error:
            yield number, describe(error)
        except BadRecord as error:
            yield number, str(error)


def _item(triplet: Triplet) -> Item:
    """The triplet as an item. Raises BadRecord (or ValidationError) if it cannot be stored."""
    if triplet.schema_version > SCHEMA_VERSION:
        raise BadRecord(
            f"schema_version {triplet.schema_version} is newer than this program knows ({SCHEMA_VERSION}); upgrade it"
        )
    if triplet.outcome is Outcome.PENDING:
        raise BadRecord("outcome: a response that is still pending is no triplet")
    if triplet.outcome is Outcome.UNTOLD:
        raise BadRecord("outcome: a response without a text that anybody knows is no triplet")
    if (triplet.position or 0) > 15:
        raise BadRecord("position: at most 15")
    if len(triplet.response) > MAX_ANSWER:
        raise BadRecord(f"response: at most {MAX_ANSWER:,} characters")
    if len(triplet.model_version) > 80:
        raise BadRecord("model_version: at most 80 characters")
    _check_text(triplet.behavior_text)
    _check_marks(triplet)
    source = Source.SIMULATED if triplet.source is Source.SIMULATED else Source.IMPORTED
    person = _person(triplet.person, source)
    model = storable(triplet.model_version)
    return Item(
        person=person,
        query=_query(triplet, person),
        answers=[
            Answer(
                id=triplet.response_id,
                version_id=_version_id(triplet.arm, model),
                model=model,
                arm=triplet.arm,
                text=storable(triplet.response),
                outcome=triplet.outcome,
                position=triplet.position,
                draw_probability=triplet.draw_probability,
                condition=None if triplet.condition is None else storable(triplet.condition),
                created_ms=_ms(triplet.answered_at, "answered_at"),
                behavior=Behavior(
                    features=triplet.behavior_features.model_dump_json(),
                    text=storable(triplet.behavior_text),
                    vote=triplet.behavior_features.vote,
                    verbaliser_version=triplet.verbaliser_version,
                    unblinded=triplet.unblinded,
                ),
                # its own: another answer to the same query may have had a thread of its own
                history=triplet.history if triplet.history or triplet.turn > 1 else None,
                left_out=triplet.left_out,
            )
        ],
    )


def _query(triplet: Triplet, person: Person) -> Query:
    asked = _asked(
        triplet.query_id,
        person.id,
        triplet.query,
        person.source,
        _ms(triplet.asked_at, "asked_at"),
        triplet.conversation,
        triplet.turn,
    )
    return asked.model_copy(update={"history": triplet.history}) if triplet.history else asked


@lru_cache(maxsize=64)
def _asked(
    query_id: UUID,
    person_id: UUID,
    text: str,
    source: Source,
    asked_ms: int,
    conversation: UUID | None,
    turn: int,
) -> Query:
    """A query with nothing before it: its answers lie together in a file, and it is checked once."""
    return Query(
        id=query_id,
        person_id=person_id,
        text=storable(text),
        source=source,
        created_ms=asked_ms,
        conversation=conversation,
        turn=turn,
    )


def _check_marks(triplet: Triplet) -> None:
    """Raise BadRecord for a mark beside the text, or whose words are others."""
    for mark in triplet.behavior_features.marks:
        if mark.words != triplet.response[mark.start : mark.end] or not mark.words:
            raise BadRecord(
                "behavior_features: the words of a mark are not those of the response between its start and its end"
            )


@lru_cache(maxsize=MOST_KEPT)
def _check_text(text: str) -> None:
    """Raise BadRecord for a behaviour text that is none."""
    parse(text)


@lru_cache(maxsize=MOST_KEPT)
def _version_id(arm: Arm | None, model: str) -> UUID:
    return uuid5(NAMESPACE, f"version|{arm}|{model}")


@lru_cache(maxsize=MOST_KEPT)
def _person(named: str | None, source: Source) -> Person:
    """The person behind a line: all lines that name nobody share one person per source."""
    if named is None:
        return Person(id=UNNAMED[source], display_name="not named", source=source)
    try:
        person_id = UUID(named)
    except ValueError:
        person_id = uuid5(NAMESPACE, f"person|{source}|{named}")
    return Person(id=person_id, display_name=storable(named)[:80], source=source)


@lru_cache(maxsize=MOST_KEPT)
def _ms(moment: str, name: str) -> int:
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        raise BadRecord(f"{name}: not an ISO 8601 time such as 2026-11-21T08:30:00Z") from None
    return to_ms(parsed, name)
