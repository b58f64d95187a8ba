"""The one door that every request passes: is it from here, who sends it, and may they do that?

A pure ASGI middleware, outside of all that reads a body, so that what is refused costs nothing. With accounts it looks
again where a request takes long to come, or its answer to go. Which role a request takes is one table (`roles.py`).
"""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext, suppress
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.addresses import host_of, is_loopback
from app.people.entering_errors import NotInvited
from app.people.openid import BACK
from app.people.people import SIMULATED, VOUCHED, People
from app.people.principal import NotAllowed, Principal, SignInFirst
from app.people.roles import ANYONE, least_for
from app.store import Role
from rlhb_core.errors import RlhbError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEALTH = "/api/health"
FROM_OUTSIDE = frozenset({HEALTH, BACK})
"""Of the API, what another site may send a browser to."""
AGAIN_S = 15.0
"""How often it is looked whether who asked for an answer that lasts may still have it."""
AT_ONCE_S = 0.5
"""Within this a request is one moment: whoever sends its end is who sent its beginning."""
LONGEST_PATH = 2_000
"""Characters of an address; of all that a browser writes down, ours have a tenth."""

Explain = Callable[[RlhbError], Response]
RefusedPage = Callable[[Principal, str], Response]


class _Gone(Exception):
    """Signed out, or demoted, in the middle of a request or of its answer."""

    def __init__(self, why: RlhbError) -> None:
        self.why = why


class PeopleDoor:
    """Puts `principal` and `person_id` into the request's state, or refuses it."""

    def __init__(
        self, app: ASGIApp, people: People, explain: Explain, refused_page: RefusedPage
    ) -> None:
        self.app = app
        self.people = people
        self.explain = explain
        self.refused_page = refused_page
        self.settings = people.settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if len(scope["path"]) > LONGEST_PATH or not scope["path"].isprintable():
            await JSONResponse({"detail": "there is nothing here"}, 404)(scope, receive, send)
            return
        if VOUCHED not in scope and (refusal := self._foreign(scope)):
            await JSONResponse({"detail": refusal}, status_code=403)(scope, receive, send)
            return
        principal, least = self.people.nobody(scope), least_for(scope["method"], scope["path"])
        try:
            with suppress(NotInvited) if least is ANYONE else nullcontext():
                principal = await self.people.who(scope)
            principal.check(least)
        except RlhbError as error:
            await self._refusal(scope, principal, error)(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["principal"], state["person_id"] = principal, principal.person_id
        if self.people.team:
            await self._let_in(scope, receive, send, principal, least)
            return
        if not self._is_new(scope, principal):
            await self.app(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                cookie = self.people.cookie_of(principal.person_id)
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self.app(scope, receive, send_with_cookie)

    async def _let_in(
        self, scope: Scope, receive: Receive, send: Send, principal: Principal, least: Role | None
    ) -> None:
        """Let a request through, and look again who it is where it takes its time: what somebody began to send may
        have its end long after they were signed out, and what they are sent may go on.
        """
        loop = asyncio.get_running_loop()
        came, due, started = loop.time(), loop.time() + AGAIN_S, False

        async def receive_of_the_same() -> Message:
            message = await receive()
            ended = message["type"] == "http.request" and not message.get("more_body")
            if ended and loop.time() >= came + AT_ONCE_S:
                await self._check_again(scope, principal, least)
            return message

        async def send_while_they_may(message: Message) -> None:
            nonlocal due, started
            if started and loop.time() >= due:
                due = loop.time() + AGAIN_S
                await self._check_again(scope, principal, least)
            started = True
            await send(message)

        try:
            await self.app(scope, receive_of_the_same, send_while_they_may)
        except _Gone as gone:
            if not started:
                refusal = self._refusal(scope, self.people.nobody(scope), gone.why)
                await refusal(scope, receive, send)

    async def _check_again(self, scope: Scope, before: Principal, least: Role | None) -> None:
        """Raise _Gone unless whoever began this request may still do it."""
        try:
            now = await self.people.who(scope)
            now.check(least)
        except RlhbError as error:
            raise _Gone(error) from None
        if now.same_as() != before.same_as():
            raise _Gone(SignInFirst("sign in first"))

    def _is_new(self, scope: Scope, principal: Principal) -> bool:
        """Whether a browser is told who it is from now on."""
        played = SIMULATED in Headers(scope=scope)
        return not played and self.people.visitor(scope).person_id != principal.person_id

    def _refusal(self, scope: Scope, principal: Principal, error: RlhbError) -> Response:
        is_page = (
            scope["method"] in ("GET", "HEAD")
            and not scope["path"].startswith(("/api/", "/static/"))
            and "text/html" in Headers(scope=scope).get("accept", "")
        )
        if isinstance(error, SignInFirst):
            if is_page:
                query = scope["query_string"].decode("latin-1")
                there = scope["path"] + (f"?{query}" if query else "")
                return RedirectResponse(f"/sign-in?next={quote(there, safe='/')}", status_code=303)
            headers = {"WWW-Authenticate": "Bearer"}
            return JSONResponse({"detail": f"{error}"}, status_code=401, headers=headers)
        if isinstance(error, NotAllowed | NotInvited) and is_page:
            return self.refused_page(principal, str(error))
        return self.explain(error)

    def _foreign(self, scope: Scope) -> str | None:
        """Why a request is refused whoever sends it."""
        headers, settings = Headers(scope=scope), self.settings
        host = headers.get("host", "")
        if not settings.team:
            if not settings.allow_remote and not is_loopback(host_of(host)):
                return "this server answers to localhost only; open it by its loopback address"
        elif scope["path"] != HEALTH:
            if settings.behind_proxy and scope["scheme"] != "https":
                return (
                    "this server answers to its proxy only, over https; if you came that way, the proxy has to send "
                    "X-Forwarded-Proto: https, from an address in RLHB_TRUSTED_PROXIES"
                )
            if settings.public_url and host.lower() != _netloc(settings.public_url):
                return f"open this server as {settings.origin}"
        if scope["method"] in SAFE_METHODS and not _is_data(scope["path"]):
            return None
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "requests from other sites are refused"
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return "requests from other sites are refused"
        return None


def _is_data(path: str) -> bool:
    """Whether a path is of the API: it answers our own pages only, for asking it may leave a line in the log."""
    return path.startswith("/api/") and path not in FROM_OUTSIDE


def _netloc(url: str) -> str:
    """Name and port as a browser sends them: without the scheme's own port."""
    scheme, _, rest = url.rstrip("/").lower().partition("://")
    return rest.removesuffix(":443" if scheme == "https" else ":80")
