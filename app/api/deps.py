"""What the routes of the API are handed: the parts of the app that hold its state, and who asks."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Response

from app.comparing import Comparing
from app.doors.heavy import Heavy
from app.people import Entering, OpenId, People, Principal
from app.runs import Training
from app.store import Store
from app.studies import Studies
from app.transfers import Downloads, Uploads


def _part(name: str) -> Any:
    """A part of the app by its name in `app.state`."""

    async def found(request: Request) -> Any:  # async, so that no thread is waited for
        return getattr(request.app.state, name)

    return Depends(found)


async def _person_id(request: Request) -> UUID:
    principal: Principal = request.state.principal
    return principal.recorded()


async def _principal(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal


TheStore = Annotated[Store, _part("store")]
TheComparing = Annotated[Comparing, _part("comparing")]
TheStudies = Annotated[Studies, _part("studies")]
TheTraining = Annotated[Training, _part("training")]
TheHeavy = Annotated[Heavy, _part("heavy")]
TheDownloads = Annotated[Downloads, _part("downloads")]
TheUploads = Annotated[Uploads, _part("uploads")]
ThePeople = Annotated[People, _part("people")]
TheEntering = Annotated[Entering, _part("entering")]
TheRefusedPage = Annotated[Callable[[Principal, str, int], Response], _part("refused_page")]
"""The page for a browser that is let in nowhere: for whom, why, and the status."""
TheOpenId = Annotated[OpenId, _part("openid")]
Who = Annotated[Principal, Depends(_principal)]
"""Whoever asks, and what they may do."""
PersonId = Annotated[UUID, Depends(_person_id)]
"""Of whoever asks; there may be no such person in the store yet."""
