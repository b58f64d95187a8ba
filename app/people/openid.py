"""Signing in by OpenID Connect: to the provider, and back. Authlib does the protocol (PKCE, state, nonce, signatures).

What has to be remembered on the way is in a signed cookie of ten minutes, so that any web process can take somebody in
who comes back. No text that a provider or an address says gets into a sentence. Knows no database.
"""

import logging
from typing import Any, NamedTuple

from authlib.integrations.base_client import MismatchingStateError, OAuthError
from authlib.integrations.starlette_client import OAuth
from httpx2 import HTTPError
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request

from app.settings import Settings
from rlhb_core.errors import RlhbError

log = logging.getLogger(__name__)

SECONDS = 600
BACK = "/api/openid/back"
LONGEST_SUBJECT = 400
"""Characters of who somebody is to a provider, the provider's address included."""
LONGEST_KEPT = 3_500
"""Bytes of what is remembered: browsers keep cookies of 4,096."""

BEGIN_AGAIN = "this sign-in took too long or began elsewhere; begin again"
REFUSED = {
    "access_denied": "you did not agree there, or it does not let you in",
    "invalid_client": "it does not know this server's id and secret; tell an administrator",
    "unauthorized_client": "it does not take this server's sign-ins; tell an administrator",
    "invalid_grant": "this sign-in has been used already or took too long; begin again",
    "login_required": "it wants you to sign in there first",
    "temporarily_unavailable": "it is busy; try again",
    "server_error": "it has failed; try again",
}
"""What a provider's word for why it refuses means to a person."""


class NoOpenId(RlhbError):
    """Nobody signs in that way here."""


class NoProvider(RlhbError):
    """The provider does not answer."""


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
        # Over TLS one that no neighbouring site can set: else it could have somebody come back as another.
        self.cookie = "__Host-rlhb_openid" if settings.speaks_tls else "rlhb_openid"
        self._signer = URLSafeTimedSerializer(secret, salt="rlhb.openid")
        self._client: Any = None
        if settings.openid_issuer:
            issuer = settings.openid_issuer.rstrip("/")
            self._claims = {
                "iss": {"essential": True, "values": [issuer, f"{issuer}/"]},
                "aud": {"essential": True, "value": settings.openid_client_id},
            }
            self._client = OAuth().register(
                "openid",
                client_id=settings.openid_client_id,
                client_secret=settings.openid_client_secret,
                server_metadata_url=f"{issuer}/.well-known/openid-configuration",
                client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
            )

    async def begin(self, request: Request, link: str, next_path: str) -> tuple[str, str]:
        """(address of the provider, value of the cookie). Raises NoOpenId, NoProvider."""
        client = self._provider()
        request.scope["session"] = {}
        try:
            sent = await client.authorize_redirect(request, self.settings.origin + BACK)
        except Exception as error:  # whatever a provider that is not well does
            raise self._down(error) from None
        kept = {"session": request.scope["session"], "link": link, "next": next_path}
        cookie = self._signer.dumps(kept)
        if len(cookie) > LONGEST_KEPT:
            cookie = self._signer.dumps(kept | {"next": "/"})
        return sent.headers["location"], cookie

    async def back(self, request: Request) -> Vouched:
        """Who has come back. Raises NoOpenId, NoProvider, NotVouchedFor."""
        client = self._provider()
        try:
            kept = self._signer.loads(request.cookies.get(self.cookie, ""), max_age=SECONDS)
        except BadSignature:
            raise NotVouchedFor(BEGIN_AGAIN) from None
        request.scope["session"] = kept["session"]
        try:
            told = await client.authorize_access_token(request, claims_options=self._claims)
            return self._vouched(told["userinfo"], kept)
        except MismatchingStateError:
            raise NotVouchedFor(BEGIN_AGAIN) from None
        except OAuthError as error:
            log.warning("the OpenID Connect provider refused a sign-in: %r", f"{error.error}"[:60])
            why = REFUSED.get(error.error, "begin again, or tell an administrator")
            raise NotVouchedFor(f"the provider refused: {why}") from None
        except HTTPError as error:
            raise self._down(error) from None
        except Exception as error:  # a token that is none, a signature or a claim that is wrong
            told_why = getattr(error, "description", "")  # which claim; never what it held
            log.warning("OpenID Connect: %s %s", type(error).__name__, told_why)
            raise NotVouchedFor("what the provider said is not right; begin again") from None

    def _provider(self) -> Any:
        if self._client is None:
            raise NoOpenId("no OpenID Connect provider is set (RLHB_OPENID_ISSUER)")
        return self._client

    @staticmethod
    def _vouched(told: Any, kept: Any) -> Vouched:
        names = (told.get(each) for each in ("preferred_username", "name", "email"))
        name = next((each for each in names if isinstance(each, str) and each.strip()), "")
        subject = f"openid:{told['iss'].rstrip('/')}|{told['sub']}"
        if not told["sub"] or len(subject) > LONGEST_SUBJECT:  # cut, two people would be one
            raise ValueError("the subject is empty or too long")
        return Vouched(subject, name, kept["link"], kept["next"])

    @staticmethod
    def _down(error: Exception) -> NoProvider:
        log.warning("the OpenID Connect provider does not answer: %s", type(error).__name__)
        return NoProvider("the provider does not answer; try again later, or sign in another way")
