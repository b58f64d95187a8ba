"""/api/people, /api/invitations: who may come in, in which role; for administrators."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import TheHeavy, ThePeople, TheStore, TheTraining, Who
from app.api.erasing import erase_person
from app.people import (
    Given,
    NotAllowed,
    end_sessions,
    invite,
    note_alone,
    remove,
    reset,
    set_active,
    set_groups,
    set_role,
    withdraw,
)
from app.store import AuditKind, Role, accounts, audit, invitations

router = APIRouter(prefix="/api", tags=["people"])


class Member(BaseModel):
    """An account, and how it is used."""

    id: UUID
    name: str
    role: Role
    groups: list[str]
    active: bool
    outside: bool = Field(description="Whether they sign in by a provider or a proxy.")
    me: bool
    created_ms: int
    signed_in_ms: int | None
    seen_ms: int | None
    sessions: int
    queries: int
    newest_ms: int | None = Field(description="When they last asked something.")


class MemberChange(BaseModel):
    """What to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    active: bool | None = None
    groups: list[str] | None = Field(default=None, max_length=20)


class Removal(BaseModel):
    """Erasing needs a word."""

    model_config = ConfigDict(extra="forbid")

    confirm: Literal[True]
    account: bool = Field(default=False, description="Remove the account too.")


class Erasure(BaseModel):
    """What came of it."""

    pending: str = Field(description="What may be left, and for how long; empty if all is gone.")


class NewInvitation(BaseModel):
    """Whom to invite."""

    model_config = ConfigDict(extra="forbid")

    role: Role = Role.ANNOTATOR
    uses: int = Field(default=1, ge=1, le=1_000, description="How many people may join by it.")
    hours: float = Field(default=72, gt=0, le=2160, description="For how long.")


class LinkView(BaseModel):
    """A link that is told once."""

    id: UUID
    path: str = Field(description="To be put behind the address of this server.")
    expires_ms: int


class InvitationView(BaseModel):
    """An invitation that can still be used; its link is not known any more."""

    id: UUID
    role: Role
    uses_left: int
    created_ms: int
    expires_ms: int
    made_by: str = Field(description="By whom; empty if they are gone, or it was a command.")


@router.get("/people")
def index(store: TheStore, who: Who) -> list[Member]:
    """Everybody who has an account."""
    with store.reading() as connection:
        activity = accounts.activity(connection)
        return [
            Member(
                id=each.id,
                name=each.name,
                role=each.role,
                groups=each.groups,
                active=each.active,
                outside=each.subject is not None,
                me=each.id == who.account_id,
                created_ms=each.created_ms,
                signed_in_ms=each.signed_in_ms,
                **activity[each.id]._asdict(),
            )
            for each in accounts.all(connection)
        ]


@router.patch("/people/{account_id}", status_code=204)
def change(account_id: UUID, wanted: MemberChange, store: TheStore, who: Who) -> None:
    """Give somebody another role, put them into groups, or let them in no more."""
    with store.writing() as connection:
        accounts.get(connection, account_id)
        if wanted.role is not None:
            set_role(connection, who, account_id, wanted.role)
        if wanted.groups is not None:
            set_groups(connection, who, account_id, wanted.groups)
        if wanted.active is not None:
            set_active(connection, who, account_id, wanted.active)


@router.post("/people/{account_id}/reset", status_code=201)
def reset_password(account_id: UUID, store: TheStore, who: Who) -> LinkView:
    """A link by which somebody sets their password anew."""
    with store.writing() as connection:
        return _link(reset(connection, who, account_id))


@router.delete("/people/{account_id}/sessions")
def sign_out_everywhere(account_id: UUID, store: TheStore, who: Who) -> dict[str, int]:
    """Sign somebody out everywhere."""
    with store.writing() as connection:
        return {"ended": end_sessions(connection, who, account_id)}


@router.post("/people/{account_id}/erase")
async def erase(
    account_id: UUID,
    wanted: Removal,
    heavy: TheHeavy,
    store: TheStore,
    training: TheTraining,
    people: ThePeople,
    who: Who,
) -> Erasure:
    """Erase all that was recorded of somebody, and their account if that is wished."""

    def work() -> str:
        with store.reading() as connection:
            account = accounts.get(connection, account_id)
        if account.id == who.account_id and wanted.account:
            raise NotAllowed("remove your own account under You, so that it is no slip")
        if wanted.account:  # first, so that nothing new is recorded of them
            with store.writing() as connection:
                remove(connection, who, account_id)
        pending = erase_person(store, training, people, account.person_id, stays=not wanted.account)
        note_alone(store, who, AuditKind.ERASURE, account_id, records=True)
        return pending

    return Erasure(pending=await heavy.do(work))


# --- invitations ----------------------------------------------------------------------------------


@router.get("/invitations")
def list_invitations(store: TheStore) -> list[InvitationView]:
    """Invitations that can still be used."""
    with store.reading() as connection:
        names = audit.names(connection)
        return [
            InvitationView(
                **each.model_dump(include={"id", "role", "uses_left", "created_ms", "expires_ms"}),
                made_by=names.get(each.made_by, "") if each.made_by else "",
            )
            for each in invitations.open(connection)
        ]


@router.post("/invitations", status_code=201)
def make_invitation(wanted: NewInvitation, store: TheStore, who: Who) -> LinkView:
    """A link by which people join."""
    with store.writing() as connection:
        return _link(invite(connection, who, wanted.role, wanted.uses, wanted.hours))


@router.delete("/invitations/{invitation_id}", status_code=204)
def withdraw_invitation(invitation_id: UUID, store: TheStore, who: Who) -> None:
    """Take an invitation back."""
    with store.writing() as connection:
        withdraw(connection, who, invitation_id)


def _link(given: Given) -> LinkView:
    return LinkView(id=given.invitation.id, path=given.path, expires_ms=given.invitation.expires_ms)
