"""Signing in and out: by name and password, by an invitation's link, by OpenID Connect; and the sessions that are open.

Each way in answers with a new session's cookie.
"""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from app.api.deps import TheEntering, TheOpenId, ThePeople, TheRefusedPage, TheStore, Who
from app.api.errors import status_of
from app.people import OPENID_SECONDS, Entered, People, note
from app.store import AuditKind, Role, UnknownReference, sessions
from rlhb_core.errors import RlhbError

router = APIRouter(prefix="/api", tags=["signing in"])

LONGEST = 1_000
"""Of what is typed into a field; what a password may have at most is told in its own words."""


class Credentials(BaseModel):
    """By what somebody signs in."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=LONGEST)
    password: str = Field(max_length=LONGEST)


class Link(BaseModel):
    """The part of a link after its #."""

    model_config = ConfigDict(extra="forbid")

    link: str = Field(max_length=LONGEST)


class Joining(Link):
    """By what somebody joins, or sets their password anew."""

    name: str = Field(
        default="", max_length=LONGEST, description="Empty if the link is for a password."
    )
    password: str = Field(max_length=LONGEST)


class Going(BaseModel):
    """Off to a provider outside."""

    model_config = ConfigDict(extra="forbid")

    link: str = Field(
        default="", max_length=LONGEST, description="Of an invitation, if there is one."
    )
    next: str = Field(default="/", max_length=2_000, description="The page to come back to.")


class SignedIn(BaseModel):
    """Who has come in."""

    name: str
    role: Role


class Meant(BaseModel):
    """What a link is for."""

    role: Role
    expires_ms: int
    sets_password: bool = Field(
        description="Whether it sets the password of an account that is there."
    )


class SessionView(BaseModel):
    """A browser that is signed in as oneself."""

    id: UUID
    created_ms: int
    seen_ms: int
    address: str
    agent: str
    here: bool = Field(description="Whether it is the one that asks.")


@router.post("/sign-in")
async def sign_in(
    body: Credentials,
    request: Request,
    response: Response,
    people: ThePeople,
    entering: TheEntering,
) -> SignedIn:
    """Sign in. The same answer for a name that nobody has and a wrong password."""
    entered = await entering.sign_in(people.visitor(request.scope), body.name, body.password)
    return signed_in(response, people, entered)


@router.post("/join/look")
def look(body: Link, entering: TheEntering) -> Meant:
    """What a link is for, before it is used."""
    found = entering.look(body.link)
    return Meant(
        role=found.role, expires_ms=found.expires_ms, sets_password=found.account_id is not None
    )


@router.post("/join", status_code=201)
async def join(
    body: Joining, request: Request, response: Response, people: ThePeople, entering: TheEntering
) -> SignedIn:
    """Make an account by an invitation, or set a password anew; signed in at once."""
    visitor = people.visitor(request.scope)
    return signed_in(
        response, people, await entering.join(visitor, body.link, body.name, body.password)
    )


@router.post("/openid")
async def leave_for_provider(
    body: Going, request: Request, response: Response, openid: TheOpenId, people: ThePeople
) -> dict[str, str]:
    """The provider's address to go to, to sign in there."""
    address, kept = await openid.begin(request, body.link, body.next)
    response.set_cookie(
        openid.cookie, kept, max_age=OPENID_SECONDS, httponly=True, secure=people.is_secure, samesite="lax"
    )  # fmt: skip
    return {"address": address}


@router.get("/openid/back", include_in_schema=False)
async def come_back(
    request: Request,
    openid: TheOpenId,
    people: ThePeople,
    entering: TheEntering,
    refused_page: TheRefusedPage,
) -> Response:
    """Back from the provider: signed in, and on to the page that was wanted."""
    try:
        vouched = await openid.back(request)
        visitor = people.visitor(request.scope)
        entered = await entering.from_outside(visitor, vouched.subject, vouched.name, vouched.link)
    except RlhbError as error:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        return refused_page(people.nobody(request.scope), str(error), status_of(error))
    response = RedirectResponse(_inside(vouched.next), status_code=303)
    response.delete_cookie(openid.cookie, secure=people.is_secure, httponly=True, samesite="lax")
    signed_in(response, people, entered)
    return response


@router.post("/sign-out", status_code=204)
async def sign_out(who: Who, people: ThePeople, entering: TheEntering) -> Response:
    """End this session."""
    await run_in_threadpool(entering.sign_out, who)
    response = Response(status_code=204)
    response.headers.append("set-cookie", people.cookie_of_session(""))
    return response


@router.get("/sessions")
def index(store: TheStore, who: Who) -> list[SessionView]:
    """Where one is signed in."""
    if who.account_id is None:
        return []
    with store.reading() as connection:
        return [
            SessionView(
                **each.model_dump(include=set(SessionView.model_fields)),
                here=each.id == who.session_id,
            )
            for each in sessions.of_account(connection, who.account_id)
        ]


@router.delete("/sessions")
def end_all(store: TheStore, who: Who) -> dict[str, int]:
    """Sign out everywhere, here too."""
    if who.account_id is None:
        return {"ended": 0}
    with store.writing() as connection:
        ended = sessions.end_all(connection, who.account_id)
        note(connection, who, AuditKind.SIGN_OUT, sessions=ended)
    return {"ended": ended}


@router.delete("/sessions/{session_id}")
def end(session_id: UUID, store: TheStore, who: Who) -> dict[str, int]:
    """End one session of one's own."""
    if who.account_id is None:
        raise UnknownReference("there is no such session")
    with store.writing() as connection:
        sessions.end(connection, who.account_id, session_id)
        note(connection, who, AuditKind.SIGN_OUT, sessions=1)
    return {"ended": 1}


def signed_in(response: Response, people: People, entered: Entered) -> SignedIn:
    """The answer to whoever has come in, with the cookies of the new session."""
    account = entered.account
    response.headers.append("set-cookie", people.cookie_of_session(entered.secret))
    response.headers.append("set-cookie", people.cookie_of(account.person_id))
    return SignedIn(name=account.name, role=account.role)


def _inside(path: str) -> str:
    """A page of this server, whatever was asked for."""
    is_inside = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if is_inside and path.isprintable() else "/"
