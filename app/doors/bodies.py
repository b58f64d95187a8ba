"""What a request may bring: so many bytes, and if it is for the API, JSON that every part of the app can read.

JSON is read strictly here (no NaN, no number beyond a float, no half of a character, no endless nesting), so that
nothing further in trips over one. Uploads stream and are bounded where they are taken (`app/transfers/`).
Whoever sends too slowly is let go, uploads too, and all large bodies together hold only so much memory: otherwise a few
that never end would keep others out, and many would fill it.
"""

import asyncio
import re
from collections import Counter
from uuid import UUID

import orjson
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rlhb_core.errors import RlhbError

GRACE_S = 30.0
"""Time that every body may take."""
SLOWEST = 20_000
"""Bytes a second that a body must bring beyond that."""
SMALL = 65_536
"""Bytes of a body that always find room: what a page sends."""
LARGE_AT_ONCE = 16
"""So many bodies of the largest size find room at the same time."""

STRANGERS = 16_384
"""Largest body of somebody who is not signed in where one can: what signing in takes."""
SIGN_IN_FIRST = f"before you sign in a request may have {STRANGERS:,} bytes"

STREAMED = re.compile(r"/api/data/import|/api/studies/[0-9a-f-]{36}/items/file")
"""Where files are sent to."""


class TooLong(Exception):
    """More bytes than are taken."""


class WentAway(Exception):
    """Whoever sent it is not there any more."""


class TooSlow(RlhbError):
    """Its bytes come so slowly that it is not waited for."""


class Crowded(Exception):
    """So many large bodies are being read that there is no memory for one more."""


class Bodies:
    """Reads the body of every request before the app does."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self.app = app
        self.most_bytes = most_bytes
        self.room = Room(LARGE_AT_ONCE * most_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif STREAMED.fullmatch(scope["path"]):
            await self.app(scope, timely(receive), send)
        else:
            place = RoomTaken(self.room, _whose(scope))
            try:
                await self._read(scope, receive, send, place)
            finally:
                place.leave()

    async def _read(self, scope: Scope, receive: Receive, send: Send, place: "RoomTaken") -> None:
        try:
            most = STRANGERS if _is_stranger(scope) else self.most_bytes
            content = await read(scope, timely(receive), most, place)
        except WentAway:
            return
        except TooLong:
            told = SIGN_IN_FIRST if _is_stranger(scope) else self._too_long()
            await self._refuse(413, told)(scope, receive, send)
            return
        except TooSlow as error:
            await self._refuse(408, str(error))(scope, receive, send)
            return
        except Crowded:
            told = "many large requests are being read just now; try again in a few seconds"
            await self._refuse(503, told)(scope, receive, send)
            return
        if content and scope["path"].startswith("/api/") and (wrong := unreadable(content)):
            await self._refuse(422, wrong)(scope, receive, send)
            return
        await self.app(scope, again(content, receive), send)

    def _too_long(self) -> str:
        return f"a request may have {self.most_bytes:,} bytes (RLHB_MAX_BODY_BYTES); send less at a time"

    @staticmethod
    def _refuse(status: int, why: str) -> JSONResponse:
        headers = {"Retry-After": "5"} if status == 503 else None
        return JSONResponse({"detail": why}, status_code=status, headers=headers)


def _whose(scope: Scope) -> UUID | None:
    principal = scope.get("state", {}).get("principal")
    return None if principal is None else principal.counted_as


def _is_stranger(scope: Scope) -> bool:
    principal = scope.get("state", {}).get("principal")
    return principal is not None and principal.role is None


class Room:
    """The memory for all large bodies that are being read."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.most_each = most_bytes // 4
        self.taken = 0
        self.taken_by: Counter[UUID | None] = Counter()


class RoomTaken:
    """What one body takes of the room."""

    def __init__(self, room: Room, whose: UUID | None = None) -> None:
        self._room = room
        self._whose = whose
        self._taken = 0

    def grow(self, size: int) -> None:
        """The body has so many bytes now. Raises Crowded."""
        more = max(size - SMALL, 0) - self._taken
        if more > 0 and self._room.taken + more > self._room.most_bytes:
            raise Crowded
        theirs = self._room.taken_by[self._whose] + more
        if more > 0 and self._whose is not None and theirs > self._room.most_each:
            raise Crowded
        self._take(more)

    def leave(self) -> None:
        """The body is not needed any more."""
        self._take(-self._taken)

    def _take(self, more: int) -> None:
        self._taken += more
        self._room.taken += more
        self._room.taken_by[self._whose] += more
        if not self._room.taken_by[self._whose]:
            del self._room.taken_by[self._whose]


def timely(receive: Receive) -> Receive:
    """A receive that raises TooSlow for a body whose bytes do not come; once it is there,
    it waits as long as it takes.
    """
    loop = asyncio.get_running_loop()
    began, size, ended = loop.time(), 0, False

    async def receive_in_time() -> Message:
        nonlocal size, ended
        if ended:
            return await receive()
        try:
            async with asyncio.timeout_at(began + GRACE_S + size / SLOWEST):
                message = await receive()
        except TimeoutError:
            raise TooSlow("the request came too slowly and was broken off; send it again") from None
        size += len(message.get("body", b""))
        ended = not message.get("more_body")
        return message

    return receive_in_time


async def read(
    scope: Scope, receive: Receive, most_bytes: int, place: RoomTaken | None = None
) -> bytes:
    """The whole body. Raises TooLong, before reading it if its length is told, WentAway,
    or what its receive or place do.
    """
    told = Headers(scope=scope).get("content-length", "")
    if told.isdecimal() and int(told) > most_bytes:
        raise TooLong
    content = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise WentAway
        content += message.get("body", b"")
        if len(content) > most_bytes:
            raise TooLong
        if place is not None:
            place.grow(len(content))
        if not message.get("more_body"):
            return bytes(content)


def unreadable(content: bytes) -> str | None:
    """Why this is not JSON; None if it is."""
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError as error:
        return f"the request is not JSON: {error}"
    return None


def again(content: bytes, receive: Receive) -> Receive:
    """A receive that says the body once more and then goes on as before."""
    told = False

    async def receive_again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": content, "more_body": False}

    return receive_again
