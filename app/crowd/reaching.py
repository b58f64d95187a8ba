"""How a program that plays people reaches a server: at an address, the live one of a data folder, or in this process.

Always by HTTP, in this process too. Holds one cookie per person, and waits where the server says that it has too much
to do. Does not know what is asked or answered.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_OID, uuid5

import httpx
from fastapi import FastAPI

from app.data_folder import live_server
from app.identity import COOKIE, Identities, load_secret
from app.settings import Settings, is_loopback
from rlhb_core.errors import BadConfig, RlhbError

TIMEOUT_S = 60.0
"""Longest wait for an answer to one request."""
PATIENCE_S = 300.0
"""Longest time, per request, for which refusals such as 'too much to do now' are waited out."""
RETRY_AFTER_S = 1.0
"""Pause after such a refusal that does not say how long."""
STARTING_S = 30.0
"""How long a server may be on its way up, so that nothing listens yet."""


class Reached:
    """A server within reach, in the words of people (`where`)."""

    def __init__(
        self, client: httpx.AsyncClient, where: str, identities: Identities | None = None
    ) -> None:
        self._client = client
        self._identities = identities
        self.where = where

    async def introduce(self, name: str) -> "Browser":
        """A simulated person of this name, known to the server as such.

        Where the folder's cookie secret is at hand, one name is one person for good; elsewhere a new one each time.
        """
        known = self._identities
        cookie = "" if known is None else known.cookie_for(uuid5(NAMESPACE_OID, name))
        body = {"source": "simulated", "display_name": name}
        reply = await self.send("PATCH", "/api/me", body, cookie)
        return Browser(self, cookie or reply.cookies[COOKIE])

    async def request(
        self, method: str, path: str, body: dict[str, Any] | None = None, cookie: str = ""
    ) -> Any:
        """What the server answers, read from JSON. Raises RlhbError with its sentence if it refuses."""
        return (await self.send(method, path, body, cookie)).json()

    async def send(
        self, method: str, path: str, body: dict[str, Any] | None, cookie: str
    ) -> httpx.Response:
        """One request, made again while the server says that it has too much to do."""
        headers = {"cookie": f"{COOKIE}={cookie}"} if cookie else {}
        waited = 0.0
        while True:
            reply = await self._answer(method, path, body, headers)
            if reply.is_success:
                return reply
            if reply.status_code not in (429, 503) or waited >= PATIENCE_S:
                raise RlhbError(f"{self.where} refused {method} {path}: {_sentence(reply)}")
            pause = _pause_s(reply)
            waited += pause
            await asyncio.sleep(pause)

    async def _answer(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]
    ) -> httpx.Response:
        """What comes back; waits for a server that nothing has reached yet. Raises RlhbError."""
        until = time.monotonic() + STARTING_S
        while True:
            try:
                return await self._client.request(method, path, json=body, headers=headers)
            except httpx.ConnectError:
                if time.monotonic() > until:
                    raise RlhbError(
                        f"{self.where} cannot be reached; see whether it runs"
                    ) from None
                await asyncio.sleep(0.5)
            except httpx.HTTPError as error:
                raise RlhbError(
                    f"{self.where} broke off ({type(error).__name__}); see whether it still runs"
                ) from None


@dataclass(frozen=True)
class Browser:
    """One person's way to the server."""

    reached: Reached
    cookie: str

    async def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """A request in this person's name."""
        return await self.reached.request(method, path, body, self.cookie)


@asynccontextmanager
async def reach(settings: Settings, server: str = "") -> AsyncIterator[Reached]:
    """The server at this address; without one, the live server of the data folder, or else the app in this process."""
    if server:
        _check_address(server)
        async with forgetful_client(server) as client:
            yield Reached(client, f"the server at {server}")
    elif (live := live_server(settings.data_dir)) is not None:
        identities = Identities(load_secret(settings.data_dir))
        async with forgetful_client(live.address) as client:
            yield Reached(client, f"the server at {live.address}", identities)
    else:
        from app.main import (
            create_app,
        )  # which takes seconds, and is not needed for a server elsewhere

        app = create_app(settings)
        async with app.router.lifespan_context(app), within(app) as reached:
            yield reached


@asynccontextmanager
async def within(app: FastAPI) -> AsyncIterator[Reached]:
    """The app in this process."""
    transport = httpx.ASGITransport(app=app)
    async with forgetful_client("http://127.0.0.1", transport) as client:
        yield Reached(client, "the app in this process", app.state.identities)


def forgetful_client(
    address: str, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """A client that remembers no cookie: each person brings their own."""
    forgetful = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    outside = not is_loopback(urlsplit(address).hostname or "")
    return httpx.AsyncClient(
        base_url=address,
        transport=transport,
        cookies=forgetful,
        timeout=TIMEOUT_S,
        trust_env=outside,  # a proxy is no way to this machine
    )


def _check_address(server: str) -> None:
    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadConfig("the address of a server looks like http://127.0.0.1:7860")
    if parts.username or parts.password:
        raise BadConfig("the address of a server may not hold a name or password")


def _sentence(reply: httpx.Response) -> str:
    """Why the server refused, in its own words if it has any."""
    try:
        detail = reply.json()["detail"]
    except (ValueError, LookupError, TypeError):
        return f"status {reply.status_code}"
    first = detail[0] if isinstance(detail, list) and detail else detail
    told = first.get("message") or first.get("msg") if isinstance(first, dict) else first
    return str(told)[:300]


def _pause_s(reply: httpx.Response) -> float:
    """How long the server asks to wait."""
    try:
        asked = float(reply.headers.get("retry-after", RETRY_AFTER_S))
    except ValueError:  # a date: rare, and no reason to compare clocks
        return RETRY_AFTER_S
    return min(max(asked, 0.05), PATIENCE_S)
