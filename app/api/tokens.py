"""/api/tokens: what scripts show instead of signing in; told once, listed with their last use."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import TheStore, Who
from app.people import give_token, revoke_token, tokens_of
from app.store import Role, audit

router = APIRouter(prefix="/api/tokens", tags=["tokens"])


class NewToken(BaseModel):
    """What a script may do, and for how long."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=1_000, description="What it is for.")
    role: Role = Role.RESEARCHER
    days: float | None = Field(default=90, gt=0, le=3650, description="null: for good.")


class TokenView(BaseModel):
    """A token, without its secret."""

    id: UUID
    name: str
    role: Role
    owner: str = Field(description="Whose it is; empty for one made on the command line.")
    mine: bool
    created_ms: int
    expires_ms: int | None
    used_ms: int | None


class Made(BaseModel):
    """A new token."""

    id: UUID
    token: str = Field(description="Told this once: Authorization: Bearer ...")


@router.get("")
def index(store: TheStore, who: Who) -> list[TokenView]:
    """One's own tokens; an administrator sees all."""
    with store.reading() as connection:
        names = audit.names(connection)
        return [
            TokenView(
                **each.model_dump(include=set(TokenView.model_fields)),
                owner=names.get(each.account_id, "") if each.account_id else "",
                mine=each.account_id is not None and each.account_id == who.account_id,
            )
            for each in tokens_of(connection, who)
        ]


@router.post("", status_code=201)
def make(wanted: NewToken, store: TheStore, who: Who) -> Made:
    """A token of one's own."""
    with store.writing() as connection:
        token, secret = give_token(connection, who, wanted.name, wanted.role, wanted.days)
    return Made(id=token.id, token=secret)


@router.delete("/{token_id}", status_code=204)
def revoke(token_id: UUID, store: TheStore, who: Who) -> None:
    """Take a token back."""
    with store.writing() as connection:
        revoke_token(connection, who, token_id)
