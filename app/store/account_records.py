"""Accounts and what belongs to them, as records: who may come in, by what, and what they did that matters.

Of every secret (session, link, token) only a digest is stored. Knows no rule about them: that is `app/people/`.
"""

from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from pydantic import Field

from app.settings import Role as Role
from rlhb_core.schema.record import MAX_TEXT, Record, now_ms


class Account(Record):
    """Somebody who can sign in. What they do is recorded of the person `person_id`."""

    id: UUID = Field(default_factory=uuid4)
    name: str = Field(min_length=1, max_length=40)
    role: Role
    person_id: UUID
    password: str | None = Field(default=None, repr=False, description="Argon2 hash; None: cannot.")
    subject: str | None = Field(default=None, description="Who they are to a provider outside.")
    groups: list[str] = Field(default=[], description="Groups that studies may be open to.")
    created_ms: int = Field(default_factory=now_ms)
    signed_in_ms: int | None = None
    deactivated_ms: int | None = None

    @property
    def active(self) -> bool:
        """Whether they may come in."""
        return self.deactivated_ms is None


class Session(Record):
    """A browser that is signed in."""

    id: UUID = Field(default_factory=uuid4)
    digest: str = Field(repr=False)
    account_id: UUID
    created_ms: int = Field(default_factory=now_ms)
    seen_ms: int = Field(default_factory=now_ms)
    address: str = Field(default="", description="From where, shortened.")
    agent: str = Field(default="", max_length=40, description="Which browser, in two words.")


class Invitation(Record):
    """A link that makes accounts of this role; or, with `account_id`, sets that account's password anew."""

    id: UUID = Field(default_factory=uuid4)
    digest: str = Field(repr=False)
    role: Role
    uses_left: int = Field(ge=0)
    created_ms: int = Field(default_factory=now_ms)
    expires_ms: int
    made_by: UUID | None = None
    account_id: UUID | None = None


class Token(Record):
    """What a script shows instead of signing in. One of no account was made on the command line."""

    id: UUID = Field(default_factory=uuid4)
    digest: str = Field(repr=False)
    name: str = Field(min_length=1, max_length=80)
    role: Role
    account_id: UUID | None = None
    created_ms: int = Field(default_factory=now_ms)
    expires_ms: int | None = None
    used_ms: int | None = None


class Via(StrEnum):
    """How whoever did something had come in."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    PROXY = "proxy"
    ALONE = "alone"
    COMMAND = "command"
    SERVER = "server"
    STRANGER = "stranger"


class AuditKind(StrEnum):
    """What is noted."""

    SIGN_IN = "sign_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_OUT = "sign_out"
    INVITE = "invite"
    JOIN = "join"
    PASSWORD = "password"  # noqa: S105
    NAME = "name"
    ROLE = "role"
    ACTIVATION = "activation"
    TOKEN = "token"  # noqa: S105
    EXPORT = "export"
    IMPORT = "import"
    ERASURE = "erasure"
    RUN = "run"
    COMPARE = "compare"
    STUDY = "study"
    SETTINGS = "settings"


class AuditEntry(Record):
    """Who did what, when, from where. Never the text of a query or an answer, nor a name that somebody mistyped."""

    id: UUID = Field(default_factory=uuid4)
    at_ms: int = Field(default_factory=now_ms)
    kind: AuditKind
    via: Via
    account_id: UUID | None = Field(default=None, description="Who; None: see `via`.")
    token_id: UUID | None = None
    about_id: UUID | None = Field(default=None, description="The account that it was done to.")
    address: str = Field(default="", description="From where, shortened.")
    what: dict[str, Any] = Field(default={})


class Consent(Record):
    """What one person answered when they were asked whether their reading may be recorded."""

    id: UUID = Field(default_factory=uuid4)
    person_id: UUID
    version: str = Field(description="Of the text that they were shown.")
    agreed: bool
    at_ms: int = Field(default_factory=now_ms)


DRAFT_ABOUT = r"^(question|(critique|edit)\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$"
"""What a draft can be about: the next question, or words on an answer, or another version of it, by the answer's id."""


class Draft(Record):
    """What somebody has written and not sent yet, for them alone: it waits on the server for their next page."""

    about: str = Field(max_length=60, pattern=DRAFT_ABOUT)
    text: str = Field(min_length=1, max_length=MAX_TEXT)
    written_ms: int = Field(default_factory=now_ms)
