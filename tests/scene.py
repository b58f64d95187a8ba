"""Little stories for tests: a person asks, versions answer, the person does something."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from app.store import Connection, people, queries, responses, versions
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.history import Message, turns_of
from rlhb_core.schema.records import ModelVersion, Outcome, Person, Query, Response, Source
from rlhb_core.schema.signals import Signal, SignalKind

OPENED_MS = 1_760_000_000_000
"""When the page of these stories was opened."""


def someone(connection: Connection, source: Source = Source.REAL, **fields: Any) -> Person:
    """A person who is stored."""
    return people.ensure(connection, Person(source=source, created_ms=OPENED_MS, **fields))


def version(connection: Connection, name: str = "SFT", arm: Arm = Arm.SFT) -> ModelVersion:
    """The version of this name, made if not there."""
    known = versions.by_name(connection, name)
    return known or versions.add(connection, ModelVersion(name=name, arm=arm, base="embedded"))


def asked(
    connection: Connection,
    person: Person,
    text: str = "How many moons has Mars?",
    answers: tuple[str, ...] = ("Two.", "Mars has two moons, Phobos and Deimos.", "None."),
    at_ms: int = OPENED_MS,
    history: Sequence[Message] = (),
) -> tuple[Query, list[Response]]:
    """A query of this person with finished answers by versions named SFT, RLHF and RLHB, in this order."""
    query = queries.add(
        connection,
        Query(
            person_id=person.id,
            text=text,
            source=person.source,
            created_ms=at_ms,
            turn=turns_of(history) + 1,
            history=list(history),
        ),
    )
    found = []
    for place, answer in enumerate(answers):
        arm = (Arm.SFT, Arm.RLHF, Arm.RLHB)[place % 3]
        drawn = responses.add(
            connection,
            Response(
                query_id=query.id,
                version_id=version(connection, arm.label, arm).id,
                position=place,
                draw_probability=0.5,
                created_ms=at_ms + place,
            ),
        )
        ended = {"text": answer, "outcome": Outcome.OK, "duration_ms": 900, "first_token_ms": 40}
        found.append(responses.finish(connection, drawn.model_copy(update=ended)))
    return query, found


def act(
    kind: str,
    query: Query,
    response: Response | None = None,
    after_ms: int = 60_000,
    **payload: Any,
) -> Signal:
    """Something that the person did, `after_ms` after the page was opened."""
    return Signal(
        kind=SignalKind(kind),
        query_id=query.id,
        response_id=None if response is None else response.id,
        at_ms=OPENED_MS + after_ms,
        page_id=PAGE,
        page_opened_ms=OPENED_MS,
        payload=payload,
    )


def best(query: Query, response: Response, after_ms: int = 60_000) -> Signal:
    """A vote for this response."""
    return act("vote", query, None, after_ms, choice="best", best=str(response.id))


PAGE: UUID = uuid4()
