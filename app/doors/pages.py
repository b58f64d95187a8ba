"""The door of a Gradio page: the few of Gradio's routes that the page uses in a browser; all others do not exist.

Gradio brings some sixty routes to every page: uploads, any file of its cache, a proxy, runs without the queue, a way
to rewrite the app. The table below is what a browser was seen to ask for while every page was driven. Events are
checked by `events.py` before Gradio sees them, and a tab belongs to whoever first spoke under its name. Knows of a
person the id and the role only; which role an event takes is told by `app/people/roles.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
import orjson
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.doors.bodies import TooLong, WentAway, again, read
from app.doors.events import SESSION, Event, events_of, refusal
from app.people import NotAllowed, least_for_event

MOST_EVENT_BYTES = 500_000
"""Largest event: a query of 20,000 characters has a tenth of this."""


ANOTHERS = "this session_hash is another's; load the page again"

MOST_TABS_EACH = 40
"""Tabs of one person on one page; more than that nobody looks at."""
MOST_TABS = 10_000
"""Tabs whose people are remembered before those that are closed are forgotten."""


@dataclass(frozen=True)
class Route:
    """A route of Gradio's that gets in."""

    name: str
    methods: frozenset[str]
    path: re.Pattern[str]
    why: str


def _route(name: str, methods: str, path: str, why: str) -> Route:
    return Route(name, frozenset(methods.split()), re.compile(path), why)


ROUTES = (
    _route("page", "GET HEAD", r"/?", "the page itself"),
    _route("asset", "GET HEAD", r"/assets/[A-Za-z0-9_-][A-Za-z0-9._-]*", "Gradio's scripts and styles"),
    _route("theme", "GET HEAD", r"/theme\.css", "the page's colours"),
    _route("app", "GET", r"/gradio_api/app_id", "asked after a lost connection: is it still the same server?"),
    _route("event", "POST", r"/gradio_api/queue/join", "something was pressed or changed: checked by events.py"),
    _route("answers", "GET", r"/gradio_api/queue/data", "what came of it, as a stream"),
)  # fmt: skip
"""Below the page's own address."""


class Door:
    """Stands before one mounted Gradio app. Routes and events that are not in its tables are not there."""

    def __init__(self, app: ASGIApp, path: str, blocks: gr.Blocks) -> None:
        self.app = app
        self.path = path.rstrip("/")
        self.blocks = blocks
        self.events: Mapping[int, Event] = events_of(blocks)
        self._tabs: dict[str, object] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # no page has a WebSocket
            await send({"type": "websocket.close", "code": 1008})
            return
        route = self._route(scope["path"])
        if route is None:
            await _refuse(404, "there is nothing here")(scope, receive, send)
        elif scope["method"] not in route.methods:
            allowed = {"Allow": ", ".join(sorted(route.methods))}
            await _refuse(405, "not by this method", allowed)(scope, receive, send)
        elif route.name == "event":
            await self._event(scope, receive, send)
        elif route.name == "answers":
            await self._answers(scope, receive, send)
        else:  # Gradio would read deep_link and more from the query
            await self.app({**scope, "query_string": b""}, receive, send)

    def _route(self, path: str) -> Route | None:
        below = path.removeprefix(self.path)
        return next((route for route in ROUTES if route.path.fullmatch(below)), None)

    async def _event(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            content = await read(scope, receive, MOST_EVENT_BYTES)
        except WentAway:
            return
        except TooLong:
            told = f"an event has at most {MOST_EVENT_BYTES:,} bytes"
            await _refuse(413, told)(scope, receive, send)
            return
        refused = _judge(content, self.events)
        if refused is not None:
            await _refuse(*refused)(scope, receive, send)
            return
        told = orjson.loads(content)
        try:
            least = least_for_event(self.path, self.events[told["fn_index"]].name)
            scope["state"]["principal"].check(least)
        except NotAllowed as error:
            await _refuse(403, str(error))(scope, receive, send)
            return
        session = told["session_hash"]
        if not self._is_theirs(session, scope):
            await _refuse(403, ANOTHERS)(scope, receive, send)
            return
        self._keep(session, scope["state"]["person_id"])
        await self.app({**scope, "query_string": b""}, again(content, receive), send)

    def _keep(self, session: str, person_id: object) -> None:
        """The tab is this person's, and in use. Gradio keeps what is pending of 2,000 tabs and forgets the oldest,
        whoever is looking there: so each person has a few, of which their own oldest goes, and those in use are new.
        """
        pending = self.blocks._queue.pending_messages_per_session
        self._tabs.pop(session, None)
        self._tabs[session] = person_id
        mine = [tab for tab, whose in self._tabs.items() if whose == person_id]
        for tab in mine[:-MOST_TABS_EACH]:
            pending.pop(tab, None)
            del self._tabs[tab]
        if session in pending:
            pending.move_to_end(session)

    def _is_theirs(self, session: str, scope: Scope) -> bool:
        """Whether a tab is of the person who speaks: its answers go to them, and to nobody who has heard its name."""
        pending = self.blocks._queue.pending_messages_per_session
        if len(self._tabs) > MOST_TABS:  # most are long closed
            self._tabs = {tab: whose for tab, whose in self._tabs.items() if tab in pending}
        known = self._tabs.get(session)
        return known in (None, scope["state"]["person_id"])

    async def _answers(self, scope: Scope, receive: Receive, send: Send) -> None:
        name, _, session = scope["query_string"].decode("latin-1").partition("=")
        if name != "session_hash" or not SESSION.fullmatch(session):
            await _refuse(422, "session_hash: letters and digits, at most 64")(scope, receive, send)
            return
        if session not in self.blocks._queue.pending_messages_per_session:
            await _refuse(404, "nothing was asked under this session_hash")(scope, receive, send)
            return
        if not self._is_theirs(session, scope):
            await _refuse(403, ANOTHERS)(scope, receive, send)
            return
        self.blocks._queue.pending_messages_per_session.move_to_end(session)
        await self.app(scope, receive, send)


def _judge(content: bytes, events: Mapping[int, Event]) -> tuple[int, str] | None:
    try:
        body: Any = orjson.loads(content)  # refuses NaN and halves of characters, too
    except orjson.JSONDecodeError as error:
        return 422, f"the event is not JSON: {error}"
    return refusal(body, events)


def _refuse(status: int, why: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": why}, status_code=status, headers=headers)
