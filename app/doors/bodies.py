"""What a request may bring: so many bytes, and if it is for the API, JSON that every part of the app can read.

JSON is read strictly here (no NaN, no number beyond a float, no half of a character, no endless nesting), so that
nothing further in trips over one. Uploads stream and are bounded where they are taken (`app/uploads.py`).
"""

import orjson
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STREAMED = frozenset({"/api/data/import"})


class TooLong(Exception):
    """More bytes than are taken."""


class WentAway(Exception):
    """Whoever sent it is not there any more."""


class Bodies:
    """Reads the body of every request before the app does."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self.app = app
        self.most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in STREAMED:
            await self.app(scope, receive, send)
            return
        try:
            content = await read(scope, receive, self.most_bytes)
        except WentAway:
            return
        except TooLong:
            await self._refuse(413, self._too_long())(scope, receive, send)
            return
        if content and scope["path"].startswith("/api/") and (wrong := unreadable(content)):
            await self._refuse(422, wrong)(scope, receive, send)
            return
        await self.app(scope, again(content, receive), send)

    def _too_long(self) -> str:
        return f"a request may have {self.most_bytes:,} bytes (RLHB_MAX_BODY_BYTES); send less at a time"

    @staticmethod
    def _refuse(status: int, why: str) -> JSONResponse:
        return JSONResponse({"detail": why}, status_code=status)


async def read(scope: Scope, receive: Receive, most_bytes: int) -> bytes:
    """The whole body. Raises TooLong, before reading it if its length is told, or WentAway."""
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
