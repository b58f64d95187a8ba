"""Pages kept in memory: a page's HTML is the same for everybody of a role, and Gradio takes long to write it.

`KeptPage` stands before a page and answers from memory for as long as the server lives; a browser that has the page
already is told so in a few bytes. Does not know what is in a page; leaves everything but its plain address alone.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.doors.headers import CSP
from app.people import Principal

SHAPES = 32
"""Most forms of a page that are kept: it holds the address by which it was asked for."""
ASKED_BY = (
    "host",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-prefix",
    "x-gradio-server",
)
"""Headers from which Gradio makes the addresses in a page."""


@dataclass(frozen=True)
class _Kept:
    """A page as it is sent."""

    body: bytes
    tag: bytes
    content_type: bytes
    policy: bytes
    """Which of its scripts may run: `app/doors/headers.py`."""


class KeptPage:
    """The page at `path` from memory; every other request goes on to the app."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self.app = app
        self.path = path.rstrip("/")
        self._kept: OrderedDict[tuple[str | None, ...], _Kept] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = (
            scope["type"] == "http"
            and scope["method"] in ("GET", "HEAD")
            and scope["path"].rstrip("/") == self.path
            and not scope["query_string"]
        )
        if not is_page:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        who: Principal = scope["state"]["principal"]
        shape = (scope["scheme"], who.role, *(headers.get(name) for name in ASKED_BY))
        kept = self._kept.get(shape)
        if kept is None:
            kept = await self._made(shape, scope, receive, send)
            if kept is None:
                return
        await self._send(kept, scope["method"], headers.get("if-none-match"), send)

    async def _made(
        self, shape: tuple[str | None, ...], scope: Scope, receive: Receive, send: Send
    ) -> _Kept | None:
        """The page as the app makes it, kept from now on; None if it made something else, which has been sent."""
        said: list[Message] = []

        async def hear(message: Message) -> None:
            if message["type"] in ("http.response.start", "http.response.body"):
                said.append(message)

        await self.app({**scope, "method": "GET"}, receive, hear)
        start = said[0]
        answered = Headers(raw=start["headers"])
        content_type = answered.get("content-type", "")
        if start["status"] != 200 or not content_type.startswith("text/html"):
            for message in said:
                await send(message)
            return None
        body = b"".join(message.get("body", b"") for message in said[1:])
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'.encode()
        kept = self._kept[shape] = _Kept(
            body, tag, content_type.encode(), answered.get(CSP, "").encode()
        )
        while len(self._kept) > SHAPES:
            self._kept.popitem(last=False)
        return kept

    async def _send(self, kept: _Kept, method: str, known: str | None, send: Send) -> None:
        is_known = known is not None and kept.tag.decode() in known
        body = b"" if is_known or method == "HEAD" else kept.body
        headers = [
            (b"etag", kept.tag),
            (b"cache-control", b"no-cache"),  # ask each time, as for the files in static/
            (CSP.encode(), kept.policy),
        ]
        if not is_known:
            headers += [
                (b"content-type", kept.content_type),
                (b"content-length", str(len(kept.body)).encode()),
            ]
        status = 304 if is_known else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
