"""The one door that every request passes: is it from here, who sends it, and may they do that?

A pure ASGI middleware, outside of all that reads a body: streams pass through untouched, and what is refused costs
nothing. Which role a request takes is one table (`roles.py`).
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

Explain = Callable[[RlhbError], Response]
RefusedPage = Callable[[Principal, str], Response]


class _Gone(Exception):
    """Signed out, or demoted, in the middle of an answer."""


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
            with suppress(_Gone, NotInvited):  # their account may be gone, too
                await self.app(scope, receive, self._while_they_may(scope, least, send))
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

    def _while_they_may(self, scope: Scope, least: Role | None, send: Send) -> Send:
        """A send that breaks off an answer that lasts once whoever asked may not have it any more."""
        loop = asyncio.get_running_loop()
        due = loop.time() + AGAIN_S

        async def send_while_they_may(message: Message) -> None:
            nonlocal due
            if loop.time() >= due:
                due = loop.time() + AGAIN_S
                if not (await self.people.who(scope)).may(least):
                    raise _Gone
            await send(message)

        return send_while_they_may

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
