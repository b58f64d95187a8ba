"""Coming in and going out: by name and password, by an invitation's link, by a provider outside.

Each way ends in a new session, whatever the browser showed before. A name that nobody has is refused as a wrong
password is, in the same words and the same time.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid4

from app.people import members, names, passwords, places, secrets, workers
from app.people.auditing import note
from app.people.entering_errors import BadLink, Deactivated, NotInvited, WrongPassword
from app.people.people import People, Visitor
from app.people.principal import Principal, SignInFirst
from app.store import (
    Account,
    AuditKind,
    Conflict,
    Connection,
    Invitation,
    Role,
    Session,
    Via,
    accounts,
    invitations,
    sessions,
)
from rlhb_core.schema.record import now_ms

MOST_SESSIONS = 20
"""Of one account; the oldest ends for the next."""

Result = TypeVar("Result")
Keys = tuple[str, ...]
"""Under which tries are counted: see `guessing.py`."""


class Entered(NamedTuple):
    """Somebody who has come in, and the secret of their new session."""

    account: Account
    secret: str


class WorkLink(NamedTuple):
    """What a study's link says."""

    key: str
    worker: str


class Entering:
    """The ways in and out."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.store = people.store
        # Threads of its own: fifty who sign in at once take none of those that answer.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="entering")

    async def sign_in(self, visitor: Visitor, name: str, password: str) -> Entered:
        """By name and password. Raises TooManyTries, WrongPassword, Deactivated."""
        account, keys = await self._do(self._try, visitor, names.key(name))
        if not await passwords.fits(password, account.password if account else None):
            await self._do(self._failed, visitor, account, "password")
            raise WrongPassword("name or password is wrong")
        assert account is not None
        if not account.active:
            await self._do(self._failed, visitor, account, "deactivated")
            raise Deactivated("this account is deactivated; ask an administrator")
        stored = account.password or ""
        anew = await passwords.hashed(password) if passwords.is_old(stored) else None
        return await self._do(self._enter, visitor, account, "password", keys, anew)

    async def join(self, visitor: Visitor, link: str, name: str, password: str) -> Entered:
        """By a link that makes an account, or that sets the password of one.

        Raises BadLink, BadName, BadPassword, Conflict.
        """
        invitation = await self._do(self.look, link)
        if invitation.account_id is None:
            name = names.written(name)
            await self._do(self._check_free, name)  # before the work of hashing
        passwords.check(password, name)
        stored = await passwords.hashed(password)
        return await self._do(self._join, visitor, invitation, name, stored)

    def _check_free(self, name: str) -> None:
        with self.store.reading() as connection:
            if accounts.by_name(connection, names.key(name)) is not None:
                raise Conflict(accounts.TAKEN)

    def look(self, link: str) -> Invitation:
        """What a link is for. Raises BadLink."""
        with self.store.reading() as connection:
            found = invitations.find(connection, secrets.digest(link))
        if found is None:
            raise BadLink("this link has been used or is too old; ask for a new one")
        return found

    async def from_outside(
        self, visitor: Visitor, subject: str, name: str, link: str = ""
    ) -> Entered:
        """By a provider outside that knows them as `subject`. Raises NotInvited, Deactivated, BadLink."""
        return await self._do(self._from_outside, visitor, subject, name, link)

    async def as_worker(
        self, visitor: Visitor, study_id: UUID, number: int, link: WorkLink
    ) -> Entered:
        """By a study's link, as a worker whom a platform outside knows. Raises BadLink, Deactivated, NotInvited."""
        secret = self.people.secret
        is_own = workers.fits(secret, link.key, study_id, number, link.worker)
        if not is_own and not workers.fits(secret, link.key, study_id, number):
            raise BadLink("this link is not whole, or holds no more; ask whoever gave it to you")
        return await self._do(self._as_worker, visitor, study_id, link.worker, is_own)

    async def change_password(
        self, who: Principal, visitor: Visitor, current: str, password: str
    ) -> Entered:
        """Another password; all other sessions end. Raises TooManyTries, WrongPassword, BadPassword."""
        account = await self._do(self._own, who)
        passwords.check(password, account.name)
        _, keys = await self._do(self._try, visitor, names.key(account.name))
        if account.password is not None and not await passwords.fits(current, account.password):
            await self._do(self._failed, visitor, account, "current password")
            raise WrongPassword("the present password is wrong")
        stored = await passwords.hashed(password)
        return await self._do(self._changed, visitor, who, account, keys, stored)

    def sign_out(self, who: Principal) -> None:
        """End the session by which somebody has come."""
        with self.store.writing() as connection:
            if who.account_id is not None and who.session_id is not None:
                sessions.end(connection, who.account_id, who.session_id)
                note(connection, who, AuditKind.SIGN_OUT)

    # --- steps, each one unit of work ------------------------------------------------------------------

    def _try(self, visitor: Visitor, name_key: str) -> tuple[Account | None, Keys]:
        """Count a try, and find whom it is for."""
        with self.store.writing() as connection:
            account = accounts.by_name(connection, name_key)
            known = account is not None and account.person_id == visitor.person_id
            keys = self.people.guesses.keys(name_key, visitor.address, known)
            self.people.guesses.count(connection, keys)
        return account, keys

    def _failed(self, visitor: Visitor, account: Account | None, why: str) -> None:
        """Note it, without the name that was typed where it is nobody's: people type passwords there."""
        stranger = Principal(uuid4(), address=visitor.address)
        with self.store.writing() as connection:
            about = account.id if account else None
            note(connection, stranger, AuditKind.SIGN_IN_FAILED, about, why=why)

    def _enter(
        self,
        visitor: Visitor,
        account: Account,
        by: str,
        keys: Keys | None = None,
        stored: str | None = None,
    ) -> Entered:
        with self.store.writing() as connection:
            self._check_as_it_was(connection, account, "name or password is wrong")
            if keys is not None:
                self.people.guesses.worked_out(connection, keys)
            if stored is not None:
                accounts.change(connection, account.id, password=stored)
            return self._let_in(connection, visitor, account, AuditKind.SIGN_IN, by=by)

    @staticmethod
    def _check_as_it_was(connection: Connection, account: Account, wrong: str) -> None:
        """Raise WrongPassword if it is another one since it was looked at: what ended with the old one stays so."""
        if accounts.get(connection, account.id).password != account.password:
            raise WrongPassword(wrong)

    def _let_in(
        self,
        connection: Connection,
        visitor: Visitor,
        account: Account,
        kind: AuditKind,
        **what: Any,
    ) -> Entered:
        """A new session; the one that the browser showed is over."""
        now = accounts.get(connection, account.id)
        if not now.active:
            raise Deactivated("this account is deactivated; ask an administrator")
        if visitor.session:
            sessions.end_digest(connection, secrets.digest(visitor.session))
        for old in sessions.of_account(connection, account.id)[MOST_SESSIONS - 1 :]:
            sessions.end_digest(connection, old.digest)
        secret = secrets.new()
        session = Session(
            digest=secrets.digest(secret),
            account_id=account.id,
            address=places.shortened(visitor.address),
            agent=places.agent(visitor.agent),
        )
        sessions.add(connection, session)
        entered = accounts.change(connection, account.id, signed_in_ms=now_ms())
        who = Principal(
            account.person_id, account.role, Via.SESSION, account.name, account.id,
            session.id, address=visitor.address,
        )  # fmt: skip
        note(connection, who, kind, **what)
        return Entered(entered, secret)

    def _join(self, visitor: Visitor, invitation: Invitation, name: str, stored: str) -> Entered:
        with self.store.writing() as connection:
            if not invitations.use(connection, invitation.id):
                raise BadLink("this link has been used meanwhile; ask for a new one")
            if invitation.account_id is not None:
                account = accounts.change(connection, invitation.account_id, password=stored)
                invitations.withdraw_of(connection, account.id)
                sessions.end_all(connection, account.id)
                return self._let_in(connection, visitor, account, AuditKind.PASSWORD, by="link")
            account = members.make(
                connection,
                self.people.consents,
                visitor.person_id,
                Account(name=name, role=invitation.role, person_id=uuid4(), password=stored),
            )
            return self._let_in(
                connection, visitor, account, AuditKind.JOIN,
                role=account.role, by="link", invitation=str(invitation.id),
            )  # fmt: skip

    def _from_outside(self, visitor: Visitor, subject: str, name: str, link: str) -> Entered:
        with self.store.writing() as connection:
            account = members.of_subject(connection, subject)
            if account is not None:
                return self._let_in(connection, visitor, account, AuditKind.SIGN_IN, by="provider")
            role = members.role_of_newcomer(connection, self.people.settings.newcomer_role, link)
            account = members.newcomer(
                connection, self.people.consents, visitor.person_id, name, subject, role
            )
            return self._let_in(
                connection, visitor, account, AuditKind.JOIN, role=role, by="provider"
            )

    def _as_worker(self, visitor: Visitor, study_id: UUID, worker: str, is_own: bool) -> Entered:
        """is_own: by a link that is for them alone."""
        own, other = (workers.subject_of(study_id, worker, each) for each in (True, False))
        with self.store.writing() as connection:
            account = members.of_subject(connection, own)
            if account is not None and not is_own:
                raise BadLink("this worker has a link of their own, and comes by no other")
            account = account or accounts.by_subject(connection, other)
            if account is not None and account.role is not Role.WORKER:
                raise NotInvited("this worker is a member here by now; sign in as one")
            if account is not None:
                return self._let_in(connection, visitor, account, AuditKind.SIGN_IN, by="study")
            subject, come = own if is_own else other, (True, False)
            if (
                sum(
                    accounts.count_subjects(connection, workers.subject_of(study_id, "", each))
                    for each in come
                )
                >= workers.MOST
            ):
                raise NotInvited(
                    f"{workers.MOST:,} workers have come to this study, and no more may"
                )
            account = members.newcomer(
                connection, self.people.consents, None, f"worker {worker}", subject, Role.WORKER
            )
            return self._let_in(
                connection, visitor, account, AuditKind.JOIN, role=account.role, by="study"
            )

    def _own(self, who: Principal) -> Account:
        with self.store.reading() as connection:
            if who.account_id is None:
                raise WrongPassword("this token belongs to no account, so it has no password")
            return accounts.get(connection, who.account_id)

    def _changed(
        self, visitor: Visitor, who: Principal, account: Account, keys: Keys, stored: str
    ) -> Entered:
        with self.store.writing() as connection:
            self._check_as_it_was(connection, account, "the present password is wrong")
            open_ones = {each.id for each in sessions.of_account(connection, account.id)}
            if who.session_id is not None and who.session_id not in open_ones:
                raise SignInFirst("sign in first")
            self.people.guesses.worked_out(connection, keys)
            accounts.change(connection, account.id, password=stored)
            invitations.withdraw_of(connection, account.id)
            sessions.end_all(connection, account.id)
            return self._let_in(connection, visitor, account, AuditKind.PASSWORD, by="oneself")

    async def _do(self, work: Callable[..., Result], *told: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *told)

    def close(self) -> None:
        """Take nobody in any more."""
        self._threads.shutdown()
