"""Who is asking: a signed cookie names a person, and other sites cannot act in their name.

Holds the one middleware that every request passes, and the secret behind the cookie. Accounts and roles come later;
until then a person is a browser. Knows no database: the person's row is made when they first do something.
"""

import secrets
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from uuid import UUID, uuid4

from itsdangerous import BadSignature, Signer
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.data_folder import prepare
from app.settings import host_of, is_loopback
from rlhb_core.errors import BadConfig

COOKIE = "rlhb_person"
SHORTEST_SECRET = 32
"""Fewest characters of the cookie secret."""
COOKIE_SECONDS = 365 * 24 * 3600
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def load_secret(data_dir: Path) -> str:
    """The secret that signs cookies; made on first use, readable by the owner only.

    Raises BadConfig if it is so short that it could be guessed.
    """
    path = prepare(data_dir) / "cookie-secret"
    if not path.exists():
        draft = data_dir / f".cookie-secret-{secrets.token_hex(4)}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(32))
        draft.replace(path)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    secret = path.read_text(errors="replace")
    if len(secret.strip()) < SHORTEST_SECRET:
        raise BadConfig(
            f"the cookie secret {path} has fewer than {SHORTEST_SECRET} characters, so that anyone could guess it; "
            "put the old file back, or delete it: then a new one is made, and everybody begins as somebody new"
        )
    return secret


class Identities:
    """Signs person ids into cookies and reads them back."""

    def __init__(self, secret: str) -> None:
        self._signer = Signer(secret, salt="rlhb.person")

    def cookie_for(self, person_id: UUID) -> str:
        """The cookie's value for this person."""
        return self._signer.sign(str(person_id)).decode()

    def person_of(self, cookie: str) -> UUID | None:
        """The person that a cookie names, or None if it was not signed here."""
        try:
            return UUID(self._signer.unsign(cookie).decode())
        except (BadSignature, ValueError):
            return None


class IdentityMiddleware:
    """Puts `person_id` into the request's state and refuses requests made by other sites.

    A pure ASGI middleware: streams pass through untouched.
    """

    def __init__(self, app: ASGIApp, identities: Identities, loopback_only: bool) -> None:
        self.app = app
        self.identities = identities
        self.loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if refusal := self._refusal(scope["method"], headers):
            await JSONResponse({"detail": refusal}, status_code=403)(scope, receive, send)
            return
        known = self._person(headers)
        person_id = known or uuid4()
        scope.setdefault("state", {})["person_id"] = person_id

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and known is None:
                MutableHeaders(scope=message).append("set-cookie", self._set_cookie(person_id))
            await send(message)

        await self.app(scope, receive, send_with_cookie)

    def _person(self, headers: Headers) -> UUID | None:
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return None
        return self.identities.person_of(morsel.value) if morsel else None

    def _set_cookie(self, person_id: UUID) -> str:
        value = self.identities.cookie_for(person_id)
        return f"{COOKIE}={value}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax"

    def _refusal(self, method: str, headers: Headers) -> str | None:
        host = headers.get("host", "")
        if self.loopback_only and not is_loopback(host_of(host)):
            return "this server answers to localhost only; open it by its loopback address"
        if method in SAFE_METHODS:
            return None
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "requests from other sites are refused"
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return "requests from other sites are refused"
        return None
