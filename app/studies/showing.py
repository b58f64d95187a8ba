"""An item as a comparison: whoever is given it has a query of their own, with the answers that were drawn for them.

Answers that are there are copied into it, the others are to be written. Within one unit of work; does not know what is
given to whom, nor how answers are written.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from app.comparing import named
from app.settings import Settings
from app.store import (
    EVERYBODY,
    FREE,
    Answers,
    Assignment,
    Connection,
    Drawn,
    Prepared,
    Purpose,
    Study,
    assignments,
    items,
    queries,
    responses,
    versions,
)
from rlhb_core.schema.history import turns_of
from rlhb_core.schema.records import ModelVersion, Outcome, Query, Response


class Shown(NamedTuple):
    """A comparison as it was made of an item."""

    query: Query
    answers: Sequence[Response]
    versions: dict[UUID, ModelVersion]
    to_write: Sequence[Response]
    drawn: Sequence[Drawn]
    """Of those that are to be written, in their order."""
    came: bool
    """Whether one of the answers came with the item."""


def for_whom(study: Study, person_id: UUID) -> UUID:
    """Whom the answers to an item are written for."""
    return person_id if study.plan.answers is Answers.ANEW else EVERYBODY


def show(
    connection: Connection,
    study: Study,
    given: Assignment,
    settings: Settings,
    now_ms: int,
    until_ms: int,
) -> Shown:
    """Make a comparison of what somebody was given. Raises UnknownReference if the item is gone."""
    item = items.get(connection, given.item_id)
    query = queries.add(
        connection,
        Query(
            person_id=given.person_id,
            text=item.text,
            created_ms=now_ms,
            turn=turns_of(item.history) + 1,
            history=item.history,
        ),
        study_id=None if study.id == FREE else study.id,
        guidelines=study.guidelines,
        stays_blind=study.plan.stays_blind,
    )
    there = _there(connection, study, given)
    known = {each.version_id: versions.known(connection, each.version_id) for each in given.drawn}
    answers = [
        named(
            _answer(
                query,
                position,
                each,
                there.get((each.version_id, each.nth)),
                known,
                settings.temperature,
            ),
            known,
            settings.known_names,
        )
        for position, each in enumerate(given.drawn)
    ]
    responses.add_drawn(connection, answers)
    assignments.show(connection, given.id, query.id, study.guidelines, now_ms, until_ms)
    missing = [
        (answer, each)
        for answer, each in zip(answers, given.drawn, strict=True)
        if answer.outcome is Outcome.PENDING
    ]
    return Shown(
        query,
        answers,
        known,
        [a for a, _ in missing],
        [each for _, each in missing],
        versions.any_known_by_name_only(connection, known),
    )


def _there(
    connection: Connection, study: Study, given: Assignment
) -> dict[tuple[UUID, int], Prepared | Response]:
    """The answers that are there: a repeat has those of the first time."""
    if given.purpose is Purpose.REPEAT:
        return _of_first(connection, given)
    found = items.prepared(connection, given.item_id, for_whom(study, given.person_id))
    return {(each.version_id, each.nth): each for each in found}


def _of_first(
    connection: Connection, given: Assignment
) -> dict[tuple[UUID, int], Prepared | Response]:
    mine = assignments.of_person(connection, given.study_id, given.person_id)
    first = next((each for each in mine if each.item_id == given.item_id and each.again == 0), None)
    if first is None or first.query_id is None:
        return {}
    at = {
        each.position: each for each in responses.of_query(connection, first.query_id)
    }  # the last in each place
    return {
        (each.version_id, each.nth): at[position]
        for position, each in enumerate(first.drawn)
        if position in at and at[position].outcome is not Outcome.PENDING
    }


def _answer(
    query: Query,
    position: int,
    drawn: Drawn,
    there: Prepared | Response | None,
    known: dict[UUID, ModelVersion],
    temperature: float,
) -> Response:
    new = Response(
        query_id=query.id,
        version_id=drawn.version_id,
        position=position,
        draw_probability=drawn.probability,
        condition=known[drawn.version_id].condition,
        temperature=temperature,
    )
    if there is None:
        return new
    copied = ("text", "outcome", "error", "condition", "temperature", "left_out")
    return new.model_copy(update={name: getattr(there, name) for name in copied})
