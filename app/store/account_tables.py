"""The tables of accounts: the records of `account_records.py` plus keys. Does not know any query."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from app.store.account_records import (
    Account,
    AuditEntry,
    AuditKind,
    Consent,
    Draft,
    Invitation,
    Role,
    Session,
    Token,
    Via,
)
from app.store.tables import TableRow, table, text_enum


class AccountRow(Account, TableRow, table=True):  # type: ignore[misc]
    """Somebody who can sign in. `person_id` is no reference: nothing may be recorded of them yet, or any more."""

    __tablename__ = "account"

    id: UUID = Field(primary_key=True)
    name_key: str = Field(max_length=80, unique=True, description="The name as it is compared.")
    role: Role = Field(sa_type=text_enum(Role))
    person_id: UUID = Field(unique=True)
    password: str | None = Field(sa_type=sa.Text)
    subject: str | None = Field(max_length=400, unique=True)
    groups: list[str] = Field(
        default=[], sa_type=sa.JSON, sa_column_kwargs={"server_default": "[]"}
    )
    created_ms: int = Field(sa_type=sa.BigInteger)
    signed_in_ms: int | None = Field(sa_type=sa.BigInteger)
    deactivated_ms: int | None = Field(sa_type=sa.BigInteger)


class SessionRow(Session, TableRow, table=True):  # type: ignore[misc]
    """A browser that is signed in."""

    __tablename__ = "session"

    id: UUID = Field(primary_key=True)
    digest: str = Field(max_length=64, unique=True)
    account_id: UUID = Field(foreign_key="account.id", index=True)
    created_ms: int = Field(sa_type=sa.BigInteger)
    seen_ms: int = Field(sa_type=sa.BigInteger)
    address: str = Field(max_length=64)


class InvitationRow(Invitation, TableRow, table=True):  # type: ignore[misc]
    """A link that makes accounts, or sets a password anew."""

    __tablename__ = "invitation"

    id: UUID = Field(primary_key=True)
    digest: str = Field(max_length=64, unique=True)
    role: Role = Field(sa_type=text_enum(Role))
    created_ms: int = Field(sa_type=sa.BigInteger)
    expires_ms: int = Field(sa_type=sa.BigInteger)
    account_id: UUID | None = Field(foreign_key="account.id", index=True)


class TokenRow(Token, TableRow, table=True):  # type: ignore[misc]
    """What a script shows instead of signing in."""

    __tablename__ = "token"

    id: UUID = Field(primary_key=True)
    digest: str = Field(max_length=64, unique=True)
    role: Role = Field(sa_type=text_enum(Role))
    account_id: UUID | None = Field(foreign_key="account.id", index=True)
    created_ms: int = Field(sa_type=sa.BigInteger)
    expires_ms: int | None = Field(sa_type=sa.BigInteger)
    used_ms: int | None = Field(sa_type=sa.BigInteger)


class AuditRow(AuditEntry, TableRow, table=True):  # type: ignore[misc]
    """One line of the audit log. Triggers of the database refuse its change, and its deletion within a day."""

    __tablename__ = "audit"
    __table_args__ = (sa.Index("ix_audit_at_ms", "at_ms", "id"),)

    id: UUID = Field(primary_key=True)
    at_ms: int = Field(sa_type=sa.BigInteger)
    kind: AuditKind = Field(sa_type=text_enum(AuditKind))
    via: Via = Field(sa_type=text_enum(Via))
    address: str = Field(max_length=64)
    what: dict[str, Any] = Field(sa_type=sa.JSON)


class ConsentTextRow(TableRow, table=True):
    """A text that people were asked to agree to."""

    __tablename__ = "consent_text"

    version: str = Field(primary_key=True, max_length=16)
    text: str = Field(sa_type=sa.Text)
    since_ms: int = Field(sa_type=sa.BigInteger)


class ConsentRow(Consent, TableRow, table=True):  # type: ignore[misc]
    """What one person answered."""

    __tablename__ = "consent"

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id", index=True)
    version: str = Field(foreign_key="consent_text.version", max_length=16)
    at_ms: int = Field(sa_type=sa.BigInteger)


class DraftRow(Draft, TableRow, table=True):  # type: ignore[misc]
    """One draft. `person_id` is no reference: nothing need be recorded of whoever writes."""

    __tablename__ = "draft"

    id: UUID = Field(primary_key=True, description="Follows from person and matter.")
    person_id: UUID = Field(index=True)
    about: str = Field(max_length=60)
    text: str = Field(sa_type=sa.Text)
    written_ms: int = Field(sa_type=sa.BigInteger, index=True)


class GuessRow(TableRow, table=True):
    """How often somebody has tried to sign in under a name, or from an address, since it last worked out."""

    __tablename__ = "guess"

    key: str = Field(primary_key=True, max_length=64, description="Tells neither name nor address.")
    tries: int
    last_ms: int = Field(sa_type=sa.BigInteger)


ACCOUNT, SESSION, INVITATION, TOKEN, AUDIT, CONSENT_TEXT, CONSENT, DRAFT, GUESS = (
    table(row)
    for row in (
        AccountRow, SessionRow, InvitationRow, TokenRow, AuditRow, ConsentTextRow, ConsentRow, DraftRow,
        GuessRow,
    )
)  # fmt: skip
