"""Who is asking: what a request shows (a cookie, a token, a proxy's word), and what that stands for.

Alone on loopback a browser's cookie is a person and everybody may do everything. With accounts nobody is anybody until
they show a session, a token, or come by a proxy that is believed. Nothing is kept from one request to the next: what
was taken back in one process is gone in all of them.
"""

import asyncio
import hmac
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from app.people import members, names
from app.people.auditing import note
from app.people.consenting import Consents
from app.people.entering_errors import NotInvited
from app.people.guessing import Guesses
from app.people.identity import COOKIE, COOKIE_SECONDS, Identities, load_secret
from app.people.principal import NotAllowed, Principal
from app.people.secrets import digest
from app.people.workers import study_of
from app.settings import Settings
from app.store import Account, AuditKind, Role, Store, Via, people, sessions
from app.store.sessions import Known, Shown
from rlhb_core.schema.record import now_ms

SIMULATED = "x-rlhb-simulated"
"""Header in which a program names the simulated person that it plays."""
LONGEST_USER = 200
"""Characters of the name by which a proxy knows somebody."""
PROXY_SECRET = "x-rlhb-proxy-secret"  # noqa: S105 - the header's name
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
NOTED_EVERY_MS = 60_000
"""A session's last use is noted once in so long."""
VOUCHED = "rlhb.principal"
"""Key of a request's scope in which this process says for whom it asks; no request from outside can."""
OPERATOR = Principal(uuid4(), Role.ADMINISTRATOR, Via.COMMAND)
"""Whoever runs a command where the server's data lies."""


class Visitor(NamedTuple):
    """A browser at the door, before it is known who it is."""

    address: str
    agent: str
    person_id: UUID | None
    """Whom its cookie names; that lets nobody in."""
    session: str
    """What it shows, valid or not."""


class People:
    """Tells who is asking."""

    def __init__(self, store: Store, settings: Settings) -> None:
        secret = settings.cookie_secret or load_secret(settings.data_dir)
        self.store = store
        self.settings = settings
        self.secret = secret
        self.team = settings.team
        self.is_secure = settings.speaks_tls
        self.identities = Identities(secret)
        self.guesses = Guesses(secret)
        self.consents = Consents(settings)
        self._noted: dict[UUID, int] = {}
        self._notes: set[asyncio.Task[None]] = set()

    @property
    def session_cookie(self) -> str:
        """The name of the cookie; over TLS one that no neighbouring site can set."""
        return "__Host-rlhb_session" if self.is_secure else "rlhb_session"

    @staticmethod
    def nobody(scope: Scope) -> Principal:
        """Whoever sends a request, before they are anybody."""
        return Principal(uuid4(), address=_address(scope))

    def visitor(self, scope: Scope) -> Visitor:
        """What can be seen of whoever sends a request."""
        headers = Headers(scope=scope)
        cookies = _cookies(headers)
        person_id = self.identities.person_of(cookies.get(COOKIE, ""))
        session = cookies.get(self.session_cookie, "")
        return Visitor(_address(scope), headers.get("user-agent", ""), person_id, session)

    async def who(self, scope: Scope) -> Principal:
        """Who sends a request. Raises NotAllowed, Conflict for a simulated person that is a real one, StoreError."""
        headers, visitor = Headers(scope=scope), self.visitor(scope)
        if (vouched_for := scope.get(VOUCHED)) is not None:
            found: Principal = await self._still(vouched_for)
        elif not self.team:
            person_id = visitor.person_id or uuid4()
            found = Principal(person_id, Role.ADMINISTRATOR, Via.ALONE, address=visitor.address)
        else:
            found = await self._member(headers, visitor)
        name = headers.get(SIMULATED)
        return found if name is None else await self._playing(found, name)

    async def _still(self, vouched_for: Principal) -> Principal:
        """Somebody for whom this process asks, as they are now: their account may have changed since."""
        if vouched_for.account_id is None:
            return vouched_for
        shown = Shown("account", vouched_for.account_id.hex)
        known = await self.store.look_together(sessions.known_all, shown)
        if known is None or known.account is None or not self._holds(known):
            return Principal(uuid4(), address=vouched_for.address)
        return replace(vouched_for, role=known.account.role)

    async def _member(self, headers: Headers, visitor: Visitor) -> Principal:
        for shown in self._shown(headers, visitor):
            known = await self.store.look_together(sessions.known_all, shown)
            if known is None and shown.kind == "subject":
                known = await run_in_threadpool(self._introduce, visitor, shown.value)
            if known is not None and self._holds(known):
                self._note_use(known)
                return _principal(known, visitor.address)
        return Principal(uuid4(), address=visitor.address)

    def _shown(self, headers: Headers, visitor: Visitor) -> Iterator[Shown]:
        """What a request shows, in the order in which it counts."""
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            yield Shown("token", digest(value.strip()))
            return
        if visitor.session:
            yield Shown("session", digest(visitor.session))
        if subject := self.proxy_subject(headers):
            yield Shown("subject", subject)

    def _introduce(self, visitor: Visitor, subject: str) -> Known:
        """An account for somebody whom the proxy knows. Raises NotInvited."""
        if not self.settings.newcomer_role:
            raise NotInvited(members.NOT_INVITED)
        with self.store.writing() as connection:
            account = members.of_subject(connection, subject)
            if account is None:
                role = Role(self.settings.newcomer_role)
                name = subject.partition(":")[2]
                account = members.newcomer(
                    connection, self.consents, visitor.person_id, name, subject, role
                )
                who = _principal(Known(account), visitor.address)
                note(connection, who, AuditKind.JOIN, role=role, by="proxy")
        return Known(account)

    def proxy_subject(self, headers: Headers) -> str:
        """Who the proxy says that this is; empty unless it is believed."""
        name = self.settings.proxy_user_header
        users = headers.getlist(name) if name else []
        told = headers.get(PROXY_SECRET, "").encode(errors="replace")
        if not users or not hmac.compare_digest(told, self.settings.proxy_secret.encode()):
            return ""
        user = users[0].strip()
        # Two, and one may be what a browser has sent and the proxy let through. Never cut: two people would be one.
        believed = len(users) == 1 and 0 < len(user) <= LONGEST_USER
        return f"proxy:{user}" if believed else ""

    def _holds(self, known: Known) -> bool:
        """Whether it still stands for somebody."""
        now = now_ms()
        if known.account is not None and not known.account.active:
            return False
        if (session := known.session) is not None:
            idle = now - session.seen_ms > self.settings.session_idle_hours * HOUR_MS
            over = now - session.created_ms > self.settings.session_days * DAY_MS
            return known.account is not None and not idle and not over
        if (token := known.token) is not None:
            lost = token.account_id is not None and known.account is None
            return not lost and (token.expires_ms is None or now < token.expires_ms)
        return True

    def _note_use(self, known: Known) -> None:
        """Note that a session or a token is used, now and then, without keeping anybody waiting."""
        if (session := known.session) is not None:
            used, last_ms = session.id, session.seen_ms
        elif (token := known.token) is not None:
            used, last_ms = token.id, token.used_ms or 0
        else:
            return
        now = now_ms()
        if now - max(last_ms, self._noted.get(used, 0)) < NOTED_EVERY_MS:
            return
        self._noted = {key: at for key, at in self._noted.items() if now - at < NOTED_EVERY_MS}
        self._noted[used] = now
        task = asyncio.create_task(self.store.together(sessions.seen_all, used))
        self._notes.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._notes.discard(task)
        if not task.cancelled():
            task.exception()  # a database that is busy: noted another time

    async def _playing(self, found: Principal, name: str) -> Principal:
        """The simulated person of this name, played by a program of a researcher."""
        if found.role is None:
            return found  # nobody is nobody, whatever they say; they are told to sign in
        if not found.role.includes(Role.RESEARCHER):
            raise NotAllowed("simulated people are for researchers to play")
        person_id = simulated(name)
        # Looked up each time: another web process may have erased them, and they would begin anew as a real person.
        if not await self.store.look_together(people.are_simulated_all, person_id):
            await self.store.together(people.simulated_all, person_id)
        return replace(found, person_id=person_id, plays=True)

    def cookie_of(self, person_id: UUID) -> str:
        """The Set-Cookie by which a browser is this person, or is known to have been."""
        value = self.identities.cookie_for(person_id)
        secure = "; Secure" if self.is_secure else ""
        return f"{COOKIE}={value}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}"

    def cookie_of_session(self, secret: str) -> str:
        """The Set-Cookie of a session; of none for an empty secret."""
        secure = "; Secure" if self.is_secure else ""
        seconds = int(self.settings.session_days * 86_400) if secret else 0
        return f"{self.session_cookie}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"


def vouched(app: ASGIApp, who: Principal) -> ASGIApp:
    """The app as this process asks it in the name of somebody whom it knows already."""

    async def ask(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, VOUCHED: who}, receive, send)

    return ask


def simulated(name: str) -> UUID:
    """The simulated person of this name: one name is one person for good."""
    return uuid5(NAMESPACE_OID, name)


def _principal(known: Known, address: str) -> Principal:
    account, token = known.account, known.token
    if token is None:
        assert account is not None
        via = Via.PROXY if known.session is None else Via.SESSION
        return Principal(
            account.person_id, account.role, via, account.name, account.id,
            known.session.id if known.session else None, address=address,
            study_id=study_of(account.subject), groups=_groups(account),
        )  # fmt: skip
    role = token.role if account is None else min(token.role, account.role, key=lambda r: r.rank)
    return Principal(
        token.id if account is None else account.person_id, role, Via.TOKEN, token.name,
        token.account_id, token_id=token.id, address=address,
        groups=_groups(account) if account else frozenset(),
    )  # fmt: skip


def _groups(account: Account) -> frozenset[str]:
    return frozenset(map(names.key, account.groups))


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


def _cookies(headers: Headers) -> dict[str, str]:
    """Every cookie, whatever stands beside it: an odd one of a neighbour's hides none of ours."""
    return cookie_parser("; ".join(headers.getlist("cookie")))
