"""Signing in by OpenID Connect: to the provider, and back. Authlib does the protocol (PKCE, state, nonce, signatures).

What has to be remembered on the way is in a signed cookie of ten minutes, so that any web process can take somebody in
who comes back. Knows no database.
"""

from typing import Any, NamedTuple

from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request

from app.settings import Settings
from rlhb_core.errors import RlhbError

COOKIE = "rlhb_openid"
SECONDS = 600
BACK = "/api/openid/back"


class NoProvider(RlhbError):
    """None is set, or it does not answer."""


class NotVouchedFor(RlhbError):
    """The provider did not say who this is, or what came back is not what was asked for."""


class Vouched(NamedTuple):
    """Whom a provider vouches for."""

    subject: str
    name: str
    link: str
    next: str


class OpenId:
    """The provider that the settings name."""

    def __init__(self, settings: Settings, secret: str) -> None:
        self.settings = settings
        self._signer = URLSafeTimedSerializer(secret, salt="rlhb.openid")
        self._client: Any = None
        if settings.openid_issuer:
            issuer = settings.openid_issuer.rstrip("/")
            self._client = OAuth().register(
                "openid",
                client_id=settings.openid_client_id,
                client_secret=settings.openid_client_secret,
                server_metadata_url=f"{issuer}/.well-known/openid-configuration",
                client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
            )

    async def begin(self, request: Request, link: str, next_path: str) -> tuple[str, str]:
        """(address of the provider, value of the cookie). Raises NoProvider."""
        if self._client is None:
            raise NoProvider("no OpenID Connect provider is set (RLHB_OPENID_ISSUER)")
        request.scope["session"] = {}
        try:
            sent = await self._client.authorize_redirect(request, self.settings.origin + BACK)
        except Exception as error:  # whatever a provider that is not well does
            raise NoProvider(f"the provider does not answer ({type(error).__name__})") from None
        kept = {"session": request.scope["session"], "link": link, "next": next_path}
        return sent.headers["location"], self._signer.dumps(kept)

    async def back(self, request: Request) -> Vouched:
        """Who has come back. Raises NoProvider, NotVouchedFor."""
        if self._client is None:
            raise NoProvider("no OpenID Connect provider is set (RLHB_OPENID_ISSUER)")
        try:
            kept = self._signer.loads(request.cookies.get(COOKIE, ""), max_age=SECONDS)
        except BadSignature:
            raise NotVouchedFor(
                "this sign-in took too long or began elsewhere; begin again"
            ) from None
        request.scope["session"] = kept["session"]
        try:
            told = (await self._client.authorize_access_token(request))["userinfo"]
        except OAuthError as error:
            raise NotVouchedFor(f"the provider refused: {error.error}") from None
        except Exception as error:  # a token that is none, a signature that is wrong
            raise NotVouchedFor(f"what came back is not right ({type(error).__name__})") from None
        if told.get("iss", "").rstrip("/") != self.settings.openid_issuer.rstrip("/"):
            raise NotVouchedFor("what came back is of another provider")
        name = told.get("preferred_username") or told.get("name") or told.get("email") or ""
        subject = f"openid:{told['iss']}|{told['sub']}"[:400]
        return Vouched(subject, name, kept["link"], kept["next"])
