"""Comparisons over HTTP: ask, look, follow, regenerate, continue. The same functions as the pages call.

The browser reads a comparison here after a vote and after an undo, because what it may show changes with them.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.sse import EventSourceResponse
from pydantic import Field

from app.comparing import CannotContinue, Comparing, NotYours, StillWriting
from app.comparison import ComparisonView
from app.store import UnknownReference
from rlhb_core.schema.records import Record

router = APIRouter(prefix="/api", tags=["comparisons"])


class Ask(Record):
    """A query to be answered side by side."""

    text: str = Field(description="The query.")
    previous: UUID | None = Field(default=None, description="The query that this one follows.")


class Asked(Record):
    """The comparison that was begun."""

    query_id: UUID


class Regenerated(Record):
    """The answer that is being written in this place."""

    response_id: UUID


def _comparing(request: Request) -> Comparing:
    comparing: Comparing = request.app.state.comparing
    return comparing


def _person_id(request: Request) -> UUID:
    person_id: UUID = request.state.person_id
    return person_id


TheComparing = Annotated[Comparing, Depends(_comparing)]
PersonId = Annotated[UUID, Depends(_person_id)]


@contextmanager
def _refusals() -> Iterator[None]:
    """What comparing refuses, as HTTP says it."""
    try:
        yield
    except NotYours as error:
        raise HTTPException(403, str(error)) from None
    except UnknownReference as error:
        raise HTTPException(404, str(error)) from None
    except (StillWriting, CannotContinue) as error:
        raise HTTPException(409, str(error)) from None


@router.post("/comparisons", status_code=201)
async def ask(body: Ask, comparing: TheComparing, person_id: PersonId) -> Asked:
    """Ask a query; its answers are being written when this returns."""
    with _refusals():
        return Asked(query_id=await comparing.ask(person_id, body.text, body.previous))


@router.get("/comparisons/{query_id}")
async def look(query_id: UUID, comparing: TheComparing, person_id: PersonId) -> ComparisonView:
    """The comparison as it stands; names only once the vote stands."""
    with _refusals():
        return await comparing.view(query_id, person_id)


async def _allowed(query_id: UUID, comparing: TheComparing, person_id: PersonId) -> None:
    """Refuse before the stream has begun: afterwards there is no status left to send."""
    with _refusals():
        await comparing.view(query_id, person_id)


@router.get(
    "/comparisons/{query_id}/events",
    response_class=EventSourceResponse,
    dependencies=[Depends(_allowed)],
)
async def follow(
    query_id: UUID, comparing: TheComparing, person_id: PersonId
) -> AsyncIterator[ComparisonView]:
    """The comparison while it is written, as server-sent events; the stream ends when it is complete."""
    async for view in comparing.follow(query_id, person_id):
        yield view


@router.post("/responses/{response_id}/regenerate", status_code=201)
async def regenerate(
    response_id: UUID, comparing: TheComparing, person_id: PersonId
) -> Regenerated:
    """Have the same version answer anew in the same place."""
    with _refusals():
        return Regenerated(response_id=await comparing.regenerate(response_id, person_id))


@router.post("/responses/{response_id}/continue", status_code=202)
async def carry_on(response_id: UUID, comparing: TheComparing, person_id: PersonId) -> Regenerated:
    """Have an answer that was cut at its longest length written on, in place."""
    with _refusals():
        return Regenerated(response_id=await comparing.carry_on(response_id, person_id))
