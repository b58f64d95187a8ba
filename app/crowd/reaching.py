"""How a program that plays people reaches a server: at an address, the live one of a data folder, or in this process.

Always by HTTP, in this process too. Says with each request which simulated person it plays, and waits where the server
says that it has too much to do. Does not know what is asked or answered.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI

from app.addresses import is_loopback
from app.data_folder import live_server
from app.people import OPERATOR, SIMULATED, Principal, vouched
from app.settings import Settings
from rlhb_core.errors import BadConfig, RlhbError

TIMEOUT_S = 60.0
"""Longest wait for an answer to one request."""
PATIENCE_S = 300.0
"""Longest time, per request, for which refusals such as 'too much to do now' are waited out."""
RETRY_AFTER_S = 1.0
"""Pause after such a refusal that does not say how long."""
UNKNOWN_THERE = (
    "give a token of a researcher that is still good, as RLHB_TOKEN or --token; "
    "one is made under You, or where the server runs by `rlhb token create --role researcher`"
)
STARTING_S = 30.0
"""How long a server may be on its way up, so that nothing listens yet."""


class Reached:
    """A server within reach, in the words of people (`where`)."""

    def __init__(self, client: httpx.AsyncClient, where: str) -> None:
        self._client = client
        self.where = where

    async def introduce(self, name: str) -> "Browser":
        """A simulated person of this name, known to the server as such: one name is one person for good."""
        body = {"source": "simulated", "display_name": name}
        await self.request("PATCH", "/api/me", body, name)
        return Browser(self, name)

    async def request(
        self, method: str, path: str, body: dict[str, Any] | None = None, name: str = ""
    ) -> Any:
        """What the server answers, read from JSON. Raises RlhbError with its sentence if it refuses."""
        return (await self.send(method, path, body, name)).json()

    async def send(
        self, method: str, path: str, body: dict[str, Any] | None, name: str
    ) -> httpx.Response:
        """One request as the person of this name, made again while the server says that it has too much to do."""
        headers = {SIMULATED: name} if name else {}
        waited = 0.0
        while True:
            reply = await self._answer(method, path, body, headers)
            if reply.is_success:
                return reply
            if reply.status_code == 401:
                raise RlhbError(f"{self.where} has accounts: {UNKNOWN_THERE}")
            if reply.status_code not in (429, 503) or waited >= PATIENCE_S:
                raise RlhbError(f"{self.where} refused {method} {path}: {sentence_of(reply)}")
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
    name: str

    async def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """A request in this person's name."""
        return await self.reached.request(method, path, body, self.name)


@asynccontextmanager
async def reach(settings: Settings, server: str = "", token: str = "") -> AsyncIterator[Reached]:
    """The server at this address; without one, the live server of the data folder, or else the app in this process.

    token: what a server with accounts asks for, of a researcher.
    """
    if not server and (live := live_server(settings.data_dir)) is not None:
        server = live.address
    if server:
        check_address(server)
        async with forgetful_client(server, token=token) as client:
            yield Reached(client, f"the server at {server}")
    else:
        from app.main import (
            create_app,
        )  # which takes seconds, and is not needed for a server elsewhere

        app = create_app(settings)
        async with app.router.lifespan_context(app), within(app, OPERATOR) as reached:
            yield reached


@asynccontextmanager
async def within(app: FastAPI, who: Principal) -> AsyncIterator[Reached]:
    """The app in this process, in the name of somebody whom it knows."""
    transport = httpx.ASGITransport(app=vouched(app, who))
    async with forgetful_client("http://127.0.0.1", transport) as client:
        yield Reached(client, "the app in this process")


def forgetful_client(
    address: str, transport: httpx.AsyncBaseTransport | None = None, token: str = ""
) -> httpx.AsyncClient:
    """A client that remembers no cookie, and shows the token if there is one."""
    forgetful = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    outside = not is_loopback(urlsplit(address).hostname or "")
    return httpx.AsyncClient(
        base_url=address,
        transport=transport,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        cookies=forgetful,
        timeout=TIMEOUT_S,
        trust_env=outside,  # a proxy is no way to this machine
    )


def check_address(server: str) -> None:
    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadConfig("the address of a server looks like http://127.0.0.1:7860")
    if parts.username or parts.password:
        raise BadConfig("the address of a server may not hold a name or password")


def sentence_of(reply: httpx.Response) -> str:
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
