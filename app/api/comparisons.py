"""Comparisons over HTTP: ask, look, regenerate, continue. The same functions as the pages call.

The browser reads a comparison here after a vote and after an undo, because what it may show changes with them.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from app.api.deps import PersonId, TheComparing, TheHeavy, Who
from app.comparing import ComparisonView, Earlier, ThreadView
from app.store import FREE
from rlhb_core.schema.record import Record

router = APIRouter(prefix="/api", tags=["comparisons"])


class Ask(Record):
    """A query to be answered side by side."""

    text: str = Field(description="The query.")
    previous: UUID | None = Field(default=None, description="The query asked before this one.")
    follows: UUID | None = Field(
        default=None,
        description="The query whose conversation this one goes on with; none: it stands alone.",
    )
    from_response: UUID | None = Field(
        default=None,
        description="The answer to it that is gone on from; none: the one that was chosen. Where each version has its "
        "own thread it changes nothing but what is shown above them.",
    )


class Asked(Record):
    """The comparison that was begun."""

    query_id: UUID


class Regenerated(Record):
    """The answer that is being written in this place."""

    response_id: UUID


@router.post("/comparisons", status_code=201)
async def ask(body: Ask, comparing: TheComparing, person_id: PersonId) -> Asked:
    """Ask a query; its answers are being written when this returns."""
    return Asked(
        query_id=await comparing.ask(
            person_id, body.text, body.previous, body.follows, body.from_response
        )
    )


@router.get("/comparisons")
async def earlier(
    comparing: TheComparing,
    person_id: PersonId,
    study: Annotated[
        UUID | None, Query(description="Of this study; without it, of free questions.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 20,
) -> list[Earlier]:
    """What I compared before, newest first: to go back to it, and to say something else."""
    return await comparing.earlier(person_id, None if study == FREE else study, limit)


@router.get("/comparisons/{query_id}")
async def look(
    query_id: UUID,
    comparing: TheComparing,
    person_id: PersonId,
    blocks: Annotated[bool, Query(description="Whether answers come rendered too.")] = False,
) -> ComparisonView:
    """The comparison as it stands; names only once the vote stands."""
    return await comparing.view(query_id, person_id, blocks)


@router.get("/comparisons/{query_id}/thread")
async def look_back(
    query_id: UUID, comparing: TheComparing, heavy: TheHeavy, person_id: PersonId, who: Who
) -> ThreadView:
    """What went before the comparison: the turns of its conversation, each with the answer that was gone on with."""
    return await heavy.one_each(who.counted_as, comparing.thread, query_id, person_id)


@router.post("/responses/{response_id}/regenerate", status_code=201)
async def regenerate(
    response_id: UUID, comparing: TheComparing, person_id: PersonId
) -> Regenerated:
    """Have the same version answer anew in the same place."""
    return Regenerated(response_id=await comparing.regenerate(response_id, person_id))


@router.post("/responses/{response_id}/continue", status_code=202)
async def carry_on(response_id: UUID, comparing: TheComparing, person_id: PersonId) -> Regenerated:
    """Have an answer that was cut at its longest length written on, in place."""
    return Regenerated(response_id=await comparing.carry_on(response_id, person_id))
