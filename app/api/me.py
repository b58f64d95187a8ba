"""/api/me: what a person may know and decide about their own data: name, recording, download, erasure."""

import logging
from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import PersonId, TheDownloads, TheHeavy, TheStore, TheTraining
from app.runs import Training
from app.store import Connection, Store, StoreError, people, queries, traces
from rlhb_core.schema.records import Person, Source

router = APIRouter(prefix="/api/me", tags=["me"])
log = logging.getLogger(__name__)

ROWS_ONLY = (
    "Everything of you is deleted. The database server may keep traces in files of its own until it reuses them, "
    "and in its operator's backups."
)
LATER = (
    "Everything of you is deleted. The database's file may still hold traces of it while others read from it; "
    "they are cleared within minutes, at the latest when the server stops."
)


class Me(BaseModel):
    """The person who asks."""

    id: UUID
    display_name: str
    source: Source = Field(description="What kind of data is recorded of them.")
    recording: bool = Field(description="False while passive behaviours are not recorded.")
    queries: int = Field(description="Queries asked in all.")
    voted: int = Field(description="Queries with a vote.")
    today: int = Field(description="Queries asked since midnight where the server stands.")


class Change(BaseModel):
    """What to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    display_name: str | None = Field(default=None, max_length=80)
    recording: bool | None = None
    source: Literal[Source.SIMULATED] | None = Field(
        default=None,
        description="'simulated' marks a program that plays a person; for good, and only before it asks anything.",
    )


class Confirmation(BaseModel):
    """Erasing needs a word."""

    model_config = ConfigDict(extra="forbid")

    confirm: Literal[True]


@router.get("")
def show(store: TheStore, person_id: PersonId) -> Me:
    """Who I am here, and how far I have come."""
    with store.reading() as connection:
        return _me(connection, person_id)


@router.patch("")
def change(store: TheStore, person_id: PersonId, wanted: Change) -> Me:
    """Change my name, pause or resume recording, or say that I am simulated."""
    with store.writing() as connection:
        people.ensure(connection, Person(id=person_id))
        if wanted.source is not None:
            people.become_simulated(connection, person_id)
        if wanted.display_name is not None:
            people.rename(connection, person_id, wanted.display_name)
        if wanted.recording is not None:
            people.set_recording(connection, person_id, wanted.recording)
        return _me(connection, person_id)


@router.get("/data")
async def data(downloads: TheDownloads, store: TheStore, person_id: PersonId) -> StreamingResponse:
    """Everything that is stored of me, as JSON lines."""
    return await downloads.send(lambda: people.export_all(store, person_id), "my-data.jsonl")


class Erased(Me):
    """The person afterwards."""

    pending: str = Field(description="What may be left, and for how long; empty if all is gone.")


@router.post("/erase")
async def erase(
    heavy: TheHeavy,
    store: TheStore,
    training: TheTraining,
    person_id: PersonId,
    confirmation: Confirmation,
) -> Erased:
    """Forget all of me for good, in the folders of training runs too. Whoever had paused recording stays paused."""
    return await heavy.do(_erase, store, training, person_id)


def _erase(store: Store, training: Training, person_id: UUID) -> Erased:
    with store.reading() as connection:
        marks = traces.marks_of(connection, person_id)
    training.forget(person_id)
    with store.writing() as connection:
        before = people.find(connection, person_id)
        people.erase(connection, person_id)
        if before is not None and not before.recording:
            people.ensure(connection, Person(id=person_id, recording=False))
        me = _me(connection, person_id)
    training.forget(person_id)  # again: a run may have begun in between
    return Erased(**dict(me), pending=_cleared(store, marks))


def _cleared(store: Store, marks: set[bytes]) -> str:
    """Clear the database's files of what was erased, now or as soon as nobody reads in them; says which."""
    if not store.files():
        return ROWS_ONLY
    try:
        if traces.clear(store, marks):
            return ""
    except StoreError as error:
        log.warning("what was erased is not cleared yet: %s", error)
    traces.clear_later(store, marks)
    return LATER


def _me(connection: Connection, person_id: UUID) -> Me:
    person = people.find(connection, person_id) or Person(id=person_id)
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    asked, voted = queries.counts(connection, person_id)
    return Me(
        id=person.id,
        display_name=person.display_name,
        source=person.source,
        recording=person.recording,
        queries=asked,
        voted=voted,
        today=queries.asked_since(connection, person_id, int(midnight.timestamp() * 1000)),
    )
