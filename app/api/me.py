"""/api/me: what somebody may know and decide about themselves: name, password, recording, consent, data, erasure."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from app.api.deps import (
    PersonId,
    TheDownloads,
    TheEntering,
    TheHeavy,
    ThePeople,
    TheStore,
    TheTraining,
    Who,
)
from app.api.erasing import erase_person
from app.people import NotAllowed, People, Principal, Standing, note_alone, remove, rename
from app.rendering import text_of_operator
from app.store import AuditKind, Connection, Role, Via, consents, people, queries
from rlhb_core.schema.records import Source

router = APIRouter(prefix="/api/me", tags=["me"])


class Me(BaseModel):
    """The person who asks."""

    id: UUID
    display_name: str
    source: Source = Field(description="What kind of data is recorded of them.")
    recording: bool = Field(description="False while passive behaviours are not recorded.")
    queries: int = Field(description="Queries asked in all.")
    voted: int = Field(description="Queries with a vote.")
    today: int = Field(description="Queries asked since midnight where the server stands.")
    role: Role
    account: bool = Field(description="Whether they have signed in; alone, nobody has to.")
    asked: bool = Field(
        description="Whether they are still to be asked for consent: nothing passive is recorded before."
    )
    declined: bool = Field(
        description="Whether they said no: only another answer turns recording on."
    )


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
    account: bool = Field(default=False, description="Remove my account too.")


class NewPassword(BaseModel):
    """The present password and the next."""

    model_config = ConfigDict(extra="forbid")

    current: str = Field(default="", max_length=1_000, description="Empty if there is none yet.")
    password: str = Field(max_length=1_000)


class Asking(BaseModel):
    """What people are asked before their reading is recorded."""

    version: str = Field(description="Empty if nobody is asked.")
    html: str
    agreed: bool | None = Field(description="What I answered last; null: nothing yet.")
    answered_ms: int | None


class Answer(BaseModel):
    """What I say to that."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(max_length=100)
    agreed: bool


@router.get("")
def show(store: TheStore, part: ThePeople, who: Who) -> Me:
    """Who I am here, and how far I have come."""
    with store.reading() as connection:
        return _me(connection, part, who)


@router.patch("")
def change(store: TheStore, part: ThePeople, who: Who, wanted: Change) -> Me:
    """Change my name, pause or resume recording, or say that I am simulated."""
    person_id = who.recorded()
    with store.writing() as connection:
        people.ensure(connection, part.consents.person(person_id))
        if wanted.source is not None:
            if who.plays_oneself:
                raise NotAllowed("an account is a person; simulated people are named in a header")
            people.become_simulated(connection, person_id)
        if wanted.display_name is not None:
            if who.plays_oneself:
                rename(connection, who, wanted.display_name)
            else:
                people.rename(connection, person_id, wanted.display_name)
        if wanted.recording is not None:
            if wanted.recording:
                _check_consent(connection, part, person_id)
            people.set_recording(connection, person_id, wanted.recording)
        return _me(connection, part, who)


@router.put("/password")
async def change_password(
    wanted: NewPassword,
    request: Request,
    response: Response,
    part: ThePeople,
    entering: TheEntering,
    who: Who,
) -> Me:
    """Another password; I am signed out everywhere else."""
    if who.via is Via.TOKEN:
        raise NotAllowed("a token changes no password; sign in for that")
    visitor = part.visitor(request.scope)
    entered = await entering.change_password(who, visitor, wanted.current, wanted.password)
    response.headers.append("set-cookie", part.cookie_of_session(entered.secret))
    return await run_in_threadpool(show, part.store, part, who)


@router.get("/consent")
def consent(store: TheStore, part: ThePeople, who: Who) -> Asking:
    """What people are asked before their reading is recorded, and what I answered."""
    with store.reading() as connection:
        said = consents.latest(connection, who.person_id, part.consents.version)
    return Asking(
        version=part.consents.version,
        html=text_of_operator(part.consents.text),
        agreed=said.agreed if said else None,
        answered_ms=said.at_ms if said else None,
    )


@router.post("/consent")
def answer(store: TheStore, part: ThePeople, who: Who, said: Answer) -> Me:
    """Whether my reading may be recorded. Asked for again, I can answer anew."""
    with store.writing() as connection:
        part.consents.answer(connection, who.recorded(), said.version, said.agreed)
        return _me(connection, part, who)


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
    part: ThePeople,
    who: Who,
    confirmation: Confirmation,
) -> Erased:
    """Forget all of me for good, in the folders of training runs too. Whoever had paused recording stays paused."""

    def work() -> Erased:
        gone = who.account_id if confirmation.account else None
        if gone is not None:
            if who.plays:
                raise NotAllowed("a simulated person has no account to remove")
            if who.via is Via.TOKEN:
                raise NotAllowed("a token removes no account; sign in for that")
            with store.writing() as connection:
                remove(connection, who, gone)
        pending = erase_person(store, training, part, who.person_id, stays=gone is None)
        what: dict[str, Any] = {"simulated": str(who.person_id)} if who.plays else {"records": True}
        about = None if who.plays else who.account_id
        note_alone(store, who, AuditKind.ERASURE, about, **what)
        with store.reading() as connection:
            return Erased(**dict(_me(connection, part, who)), pending=pending)

    return await heavy.one_each(who.counted_as, work)


def _check_consent(connection: Connection, part: People, person_id: UUID) -> None:
    person = people.find(connection, person_id) or part.consents.person(person_id)
    standing = part.consents.standing(connection, person)
    if standing is Standing.DUE:
        raise NotAllowed("answer first whether your reading may be recorded")
    if standing is Standing.NO:
        raise NotAllowed(
            "you have said no to this; answer anew whether your reading may be recorded"
        )


def _me(connection: Connection, part: People, who: Principal) -> Me:
    person_id = who.person_id
    person = people.find(connection, person_id) or part.consents.person(person_id)
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    asked, voted = queries.counts(connection, person_id)
    standing = part.consents.standing(connection, person)
    assert who.role is not None  # the door lets nobody else in
    return Me(
        id=person.id,
        display_name=person.display_name,
        source=person.source,
        recording=person.recording,
        queries=asked,
        voted=voted,
        today=queries.asked_since(connection, person_id, int(midnight.timestamp() * 1000)),
        role=who.role,
        account=who.account_id is not None,
        asked=standing is Standing.DUE,
        declined=standing is Standing.NO,
    )
