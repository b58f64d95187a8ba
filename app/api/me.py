"""/api/me: what a person may know and decide about their own data: name, recording, download, erasure."""

import logging
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from app.downloads import Downloads
from app.heavy import Heavy
from app.store import Session, Store, StoreError, people, queries, traces
from app.training import Training
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


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _person_id(request: Request) -> UUID:
    person_id: UUID = request.state.person_id
    return person_id


def _training(request: Request) -> Training:
    training: Training = request.app.state.training
    return training


Door = Annotated[Store, Depends(_store)]
Trainer = Annotated[Training, Depends(_training)]
Asking = Annotated[UUID, Depends(_person_id)]


@router.get("")
def show(store: Door, person_id: Asking) -> Me:
    """Who I am here, and how far I have come."""
    with store.reading() as session:
        return _me(session, person_id)


@router.patch("")
def change(store: Door, person_id: Asking, wanted: Change) -> Me:
    """Change my name, pause or resume recording, or say that I am simulated."""
    with store.session() as session:
        people.ensure(session, Person(id=person_id))
        if wanted.source is not None:
            people.become_simulated(session, person_id)
        if wanted.display_name is not None:
            people.rename(session, person_id, wanted.display_name)
        if wanted.recording is not None:
            people.set_recording(session, person_id, wanted.recording)
        return _me(session, person_id)


@router.get("/data")
async def data(request: Request, store: Door, person_id: Asking) -> StreamingResponse:
    """Everything that is stored of me, as JSON lines."""
    downloads: Downloads = request.app.state.downloads
    return await downloads.send(lambda: people.export_all(store, person_id), "my-data.jsonl")


class Erased(Me):
    """The person afterwards."""

    pending: str = Field(description="What may be left, and for how long; empty if all is gone.")


@router.post("/erase")
async def erase(
    request: Request, store: Door, training: Trainer, person_id: Asking, confirmation: Confirmation
) -> Erased:
    """Forget all of me for good, in the folders of training runs too. Whoever had paused recording stays paused."""
    heavy: Heavy = request.app.state.heavy
    return await heavy.do(_erase, store, training, person_id)


def _erase(store: Store, training: Training, person_id: UUID) -> Erased:
    with store.reading() as session:
        marks = traces.marks_of(session, person_id)
    training.forget(person_id)
    with store.session() as session:
        before = people.find(session, person_id)
        people.erase(session, person_id)
        if before is not None and not before.recording:
            people.ensure(session, Person(id=person_id, recording=False))
        me = _me(session, person_id)
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


def _me(session: Session, person_id: UUID) -> Me:
    person = people.find(session, person_id) or Person(id=person_id)
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    asked, voted = queries.counts(session, person_id)
    return Me(
        id=person.id,
        display_name=person.display_name,
        source=person.source,
        recording=person.recording,
        queries=asked,
        voted=voted,
        today=queries.asked_since(session, person_id, int(midnight.timestamp() * 1000)),
    )
