"""Sessions and tokens: by what somebody is known from one request to the next. Only digests are looked for."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from app.store.account_records import Account, Session, Token
from app.store.account_tables import ACCOUNT, SESSION, TOKEN
from app.store.engine import Connection
from app.store.errors import UnknownReference
from app.store.tables import to_record
from rlhb_core.schema.record import now_ms

# Made once, as in `signals`: every request of a team asks for one of these.
_SOME: sa.BindParameter[Any] = sa.bindparam("some", expanding=True)
_SESSIONS = sa.select(SESSION).where(SESSION.c.digest.in_(_SOME))
_TOKENS = sa.select(TOKEN).where(TOKEN.c.digest.in_(_SOME))
_ACCOUNTS = sa.select(ACCOUNT).where(ACCOUNT.c.id.in_(_SOME))
_SUBJECTS = sa.select(ACCOUNT).where(ACCOUNT.c.subject.in_(_SOME))
_SEEN = sa.update(SESSION).where(SESSION.c.id.in_(_SOME))
_USED = sa.update(TOKEN).where(TOKEN.c.id.in_(_SOME))


class Shown(NamedTuple):
    """What somebody shows: a session's digest, a token's, who the proxy says that they are, or an account's id."""

    kind: str
    value: str


class Known(NamedTuple):
    """What it stands for."""

    account: Account | None
    session: Session | None = None
    token: Token | None = None


def known_all(connection: Connection, shown: Sequence[Shown]) -> list[Known | None]:
    """What each stands for, valid or not; None for what was never given out, or was taken back."""
    by_kind = {
        kind: {each.value for each in shown if each.kind == kind}
        for kind in ("session", "token", "subject", "account")
    }
    sessions: dict[str, Session] = {
        row["digest"]: to_record(row, Session)
        for row in _rows(connection, _SESSIONS, by_kind["session"])
    }
    tokens: dict[str, Token] = {
        row["digest"]: to_record(row, Token) for row in _rows(connection, _TOKENS, by_kind["token"])
    }
    ids = {each.account_id for each in sessions.values()}
    ids |= {each.account_id for each in tokens.values() if each.account_id}
    ids |= {UUID(each) for each in by_kind["account"]}
    accounts = {row["id"]: to_record(row, Account) for row in _rows(connection, _ACCOUNTS, ids)}
    subjects = {
        row["subject"]: to_record(row, Account)
        for row in _rows(connection, _SUBJECTS, by_kind["subject"])
    }

    def known(one: Shown) -> Known | None:
        if session := sessions.get(one.value) if one.kind == "session" else None:
            return Known(accounts.get(session.account_id), session=session)
        if token := tokens.get(one.value) if one.kind == "token" else None:
            return Known(accounts.get(token.account_id) if token.account_id else None, token=token)
        if account := subjects.get(one.value) if one.kind == "subject" else None:
            return Known(account)
        if account := accounts.get(UUID(one.value)) if one.kind == "account" else None:
            return Known(account)
        return None

    return [known(each) for each in shown]


def seen_all(connection: Connection, seen: Sequence[UUID]) -> list[None]:
    """Note that these sessions, or tokens, were used just now."""
    for ids, statement, column in ((seen, _SEEN, "seen_ms"), (seen, _USED, "used_ms")):
        connection.execute(statement.values({column: now_ms()}), {"some": sorted(ids)})
    return [None] * len(seen)


def add(connection: Connection, session: Session) -> Session:
    """Store a session."""
    connection.execute(sa.insert(SESSION).values(session.model_dump()))
    return session


def of_account(connection: Connection, account_id: UUID) -> Sequence[Session]:
    """The sessions of an account, the newest first."""
    statement = (
        sa.select(SESSION)
        .where(SESSION.c.account_id == account_id)
        .order_by(SESSION.c.created_ms.desc(), SESSION.c.id)
    )
    return [to_record(row, Session) for row in connection.execute(statement).mappings()]


def end(connection: Connection, account_id: UUID, session_id: UUID) -> None:
    """End one session of an account. Raises UnknownReference."""
    mine = (SESSION.c.account_id == account_id) & (SESSION.c.id == session_id)
    if not connection.execute(sa.delete(SESSION).where(mine)).rowcount:
        raise UnknownReference("there is no such session")


def end_all(connection: Connection, account_id: UUID) -> int:
    """End all sessions of an account; returns how many."""
    return connection.execute(sa.delete(SESSION).where(SESSION.c.account_id == account_id)).rowcount


def end_digest(connection: Connection, digest: str) -> None:
    """End the session of this digest, if there is one."""
    connection.execute(sa.delete(SESSION).where(SESSION.c.digest == digest))


def forget_old(connection: Connection, begun_before_ms: int, seen_before_ms: int) -> None:
    """Delete sessions that are over anyway."""
    over = (SESSION.c.created_ms < begun_before_ms) | (SESSION.c.seen_ms < seen_before_ms)
    connection.execute(sa.delete(SESSION).where(over))


# --- tokens ---------------------------------------------------------------------------------------


def add_token(connection: Connection, token: Token) -> Token:
    """Store a token."""
    connection.execute(sa.insert(TOKEN).values(token.model_dump()))
    return token


def tokens(connection: Connection, account_id: UUID | None = None) -> Sequence[Token]:
    """All tokens, or those of an account, the newest first."""
    statement = sa.select(TOKEN).order_by(TOKEN.c.created_ms.desc(), TOKEN.c.id)
    if account_id is not None:
        statement = statement.where(TOKEN.c.account_id == account_id)
    return [to_record(row, Token) for row in connection.execute(statement).mappings()]


def revoke(connection: Connection, token_id: UUID) -> None:
    """Delete a token. Raises UnknownReference."""
    if not connection.execute(sa.delete(TOKEN).where(TOKEN.c.id == token_id)).rowcount:
        raise UnknownReference("there is no such token")


def _rows(connection: Connection, statement: sa.Select[Any], some: Collection[Any]) -> Any:
    return connection.execute(statement, {"some": list(some)}).mappings() if some else ()
