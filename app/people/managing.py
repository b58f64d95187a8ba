"""What administrators do with accounts, and what somebody does with their own; each is noted in the audit log.

There is always an administrator left: the last one can be neither demoted nor deactivated nor removed.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID, uuid4

from app.people import names, secrets
from app.people.auditing import note
from app.people.people import DAY_MS, HOUR_MS
from app.people.principal import NotAllowed, Principal
from app.store import (
    Account,
    AuditKind,
    Conflict,
    Connection,
    Invitation,
    Role,
    Store,
    Token,
    UnknownReference,
    Via,
    accounts,
    invitations,
    people,
    sessions,
)
from rlhb_core.schema.record import now_ms

FIRST_HOURS = RESET_HOURS = 24


class Given(NamedTuple):
    """An invitation, and its secret, which is told once."""

    invitation: Invitation
    secret: str

    @property
    def path(self) -> str:
        """Where it leads. After the #, which no server and no log ever sees."""
        return f"/join#{self.secret}"


def first_link(store: Store) -> Given | None:
    """A link that makes the first administrator, or None if there is one."""
    with store.writing() as connection:
        if accounts.administrators(connection):
            return None
        return _link(connection, Role.ADMINISTRATOR, 1, FIRST_HOURS)


def invite(
    connection: Connection, who: Principal, role: Role, uses: int = 1, hours: float = 72
) -> Given:
    """A link that makes so many accounts of this role."""
    _check_given(role)
    given = _link(connection, role, uses, hours, made_by=who.account_id or uuid4())
    found = given.invitation
    note(connection, who, AuditKind.INVITE, role=role, uses=uses, invitation=str(found.id))
    return given


def _check_given(role: Role) -> None:
    if role is Role.WORKER:
        raise NotAllowed("workers come by the link of a study, and in no other way")


def withdraw(connection: Connection, who: Principal, invitation_id: UUID) -> None:
    """Take an invitation back. Raises UnknownReference."""
    invitations.withdraw(connection, invitation_id)
    note(connection, who, AuditKind.INVITE, withdrawn=str(invitation_id))


def reset(connection: Connection, who: Principal, account_id: UUID) -> Given:
    """A link by which somebody sets their password anew; those before it are void. Raises UnknownReference."""
    account = accounts.get(connection, account_id)
    invitations.withdraw_of(connection, account_id)
    given = _link(
        connection, account.role, 1, RESET_HOURS, made_by=who.account_id, account_id=account_id
    )
    note(connection, who, AuditKind.PASSWORD, account_id, by="administrator")
    return given


def set_role(connection: Connection, who: Principal, account_id: UUID, role: Role) -> Account:
    """Give somebody another role. Raises Conflict for the last administrator, UnknownReference."""
    _check_given(role)
    accounts.lock(connection)
    before = accounts.get(connection, account_id)
    if before.role is Role.WORKER:
        raise NotAllowed(
            "whoever came by the link of a study stays a worker of it; invite them anew"
        )
    after = accounts.change(connection, account_id, role=role)
    _check_one_is_left(connection)
    if role is Role.ADMINISTRATOR:
        invitations.withdraw_first(connection)
    else:
        invitations.withdraw_made_by(connection, account_id)
    if before.role is not role:
        note(connection, who, AuditKind.ROLE, account_id, before=before.role, after=role)
    return after


def set_groups(
    connection: Connection, who: Principal, account_id: UUID, groups: Sequence[str]
) -> Account:
    """Put somebody into these groups and no others. Raises BadName, UnknownReference."""
    named = {names.key(each): names.written(each) for each in groups}
    after = accounts.change(connection, account_id, groups=sorted(named.values()))
    note(connection, who, AuditKind.ROLE, account_id, groups=after.groups)
    return after


def set_active(connection: Connection, who: Principal, account_id: UUID, active: bool) -> Account:
    """Let somebody in no more, or again; their sessions end and their tokens are void. Raises Conflict."""
    accounts.lock(connection)
    before = accounts.get(connection, account_id)
    if before.active is active:
        return before
    after = accounts.change(connection, account_id, deactivated_ms=None if active else now_ms())
    if not active:
        sessions.end_all(connection, account_id)
        invitations.withdraw_of(connection, account_id)
        invitations.withdraw_made_by(connection, account_id)
    _check_one_is_left(connection)
    note(connection, who, AuditKind.ACTIVATION, account_id, active=active)
    return after


def end_sessions(connection: Connection, who: Principal, account_id: UUID) -> int:
    """Sign somebody out everywhere. Raises UnknownReference."""
    accounts.get(connection, account_id)
    ended = sessions.end_all(connection, account_id)
    note(connection, who, AuditKind.SIGN_OUT, account_id, sessions=ended)
    return ended


def rename(connection: Connection, who: Principal, name: str) -> Account:
    """Another name for oneself, to sign in by and to be shown by. Raises BadName, Conflict."""
    if who.account_id is None or who.via is Via.TOKEN:
        raise NotAllowed("a token renames nobody; sign in to change your name")
    name = names.written(name)
    account = accounts.change(connection, who.account_id, name=name, name_key=names.key(name))
    people.rename(connection, account.person_id, name)
    note(connection, who, AuditKind.NAME)
    return account


def remove(connection: Connection, who: Principal, account_id: UUID) -> None:
    """Remove an account; what was recorded of its person is erased elsewhere. Raises Conflict, UnknownReference."""
    accounts.lock(connection)
    accounts.get(connection, account_id)
    accounts.delete(connection, account_id)
    invitations.withdraw_made_by(connection, account_id)
    _check_one_is_left(connection)
    note(connection, who, AuditKind.ERASURE, account_id, account=True)


def give_token(
    connection: Connection, who: Principal, name: str, role: Role, days: float | None
) -> tuple[Token, str]:
    """A token and its secret, which is told once. Raises NotAllowed for more than one may do oneself, BadName."""
    if who.role is not None and not who.role.includes(role):
        raise NotAllowed(f"you are {who.role}: a token of yours may not be {role}")
    if who.via is Via.TOKEN:
        raise NotAllowed("a token makes no tokens; sign in for that")
    _check_given(role)
    secret = secrets.new(secrets.TOKEN_PREFIX)
    token = Token(
        digest=secrets.digest(secret),
        name=names.written(name),
        role=role,
        account_id=who.account_id,
        expires_ms=None if days is None else now_ms() + int(days * DAY_MS),
    )
    sessions.add_token(connection, token)
    note(connection, who, AuditKind.TOKEN, made=str(token.id), role=role)
    return token, secret


def tokens_of(connection: Connection, who: Principal) -> Sequence[Token]:
    """The tokens that somebody may see and take back: their own, or all if they are an administrator."""
    if who.role is Role.ADMINISTRATOR:
        return sessions.tokens(connection)
    return () if who.account_id is None else sessions.tokens(connection, who.account_id)


def revoke_token(connection: Connection, who: Principal, token_id: UUID) -> None:
    """Take a token back: one's own, or any if one is an administrator. Raises UnknownReference."""
    if token_id not in {each.id for each in tokens_of(connection, who)}:
        raise UnknownReference("there is no such token")
    sessions.revoke(connection, token_id)
    note(connection, who, AuditKind.TOKEN, revoked=str(token_id))


def _link(
    connection: Connection,
    role: Role,
    uses: int,
    hours: float,
    made_by: UUID | None = None,
    account_id: UUID | None = None,
) -> Given:
    secret = secrets.new()
    invitation = Invitation(
        digest=secrets.digest(secret),
        role=role,
        uses_left=uses,
        expires_ms=now_ms() + int(hours * HOUR_MS),
        made_by=made_by,
        account_id=account_id,
    )
    return Given(invitations.add(connection, invitation), secret)


def _check_one_is_left(connection: Connection) -> None:
    if not accounts.administrators(connection):
        raise Conflict("this is the last administrator; make somebody else one first")
