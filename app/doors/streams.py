"""How many answers may be on their way at the same time that last: events, exports. Per person and in all.

Each holds memory and often a reading transaction for as long as its reader takes. Knows of a person the id only.
"""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

STALLED_S = 120.0
"""How long a reader may take nothing."""

LASTING = re.compile(r".*(/gradio_api/queue/data|/api/data/\w+\.jsonl|/api/me/data)")
"""Addresses whose answers last."""


class NotTaken(Exception):
    """Whoever asked does not take what is sent."""


def taken_in_time(send: Send) -> Send:
    """A send that raises NotTaken rather than hold a place for ever for someone who reads nothing at all."""

    async def send_in_time(message: Message) -> None:
        try:
            async with asyncio.timeout(STALLED_S):
                await send(message)
        except TimeoutError:
            raise NotTaken from None

    return send_in_time


class Streams:
    """Counts them, and refuses what is too much. Stands inside of `app/people/door.py`, which says whose they are."""

    def __init__(self, app: ASGIApp, most_per_person: int, most: int) -> None:
        self.app = app
        self.most_per_person = most_per_person
        self.most = most
        self._open: Counter[UUID] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not LASTING.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        person_id = _counted(scope["state"])
        if refused := self._refusal(person_id):
            await refused(scope, receive, send)
            return
        self._open[person_id] += 1
        try:
            await self.app(scope, receive, taken_in_time(send))
        except NotTaken:
            log.info(
                "somebody took nothing of %s for %g s and was let go", scope["path"], STALLED_S
            )
        finally:
            self._open[person_id] -= 1
            if not self._open[person_id]:
                del self._open[person_id]

    def _refusal(self, person_id: UUID) -> JSONResponse | None:
        if self._open[person_id] >= self.most_per_person:
            return _refuse(429, "you have too many pages or downloads open; close some")
        if self._open.total() >= self.most:
            return _refuse(503, "too many people are reading just now; try again in a few seconds")
        return None


def _counted(state: Mapping[str, Any]) -> UUID:
    """Whose stream it is; of all whom somebody's programs play, theirs."""
    principal = state.get("principal")
    found: UUID = principal.counted_as if principal is not None else state["person_id"]
    return found


def _refuse(status: int, why: str) -> JSONResponse:
    return JSONResponse({"detail": why}, status_code=status, headers={"Retry-After": "5"})
