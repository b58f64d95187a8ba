"""/api/audit: who did what, when, from where; for administrators."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from app.api.deps import TheDownloads, TheStore, Who
from app.people import note_alone
from app.store import AuditKind, Via, audit

router = APIRouter(prefix="/api", tags=["audit"])


class Line(BaseModel):
    """One line of the log."""

    id: UUID
    at_ms: int
    kind: AuditKind
    via: Via = Field(description="How they had come in.")
    who: str = Field(description="Name of the account or token; empty if there is none (any more).")
    about: str = Field(description="The account that it was done to.")
    address: str = Field(description="From where, shortened.")
    what: dict[str, Any]


@router.get("/audit")
def index(
    store: TheStore,
    kind: Annotated[AuditKind | None, Query(description="Lines of this kind only.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before_ms: Annotated[
        int | None, Query(ge=0, le=2**53, description="Together with before_id: older lines.")
    ] = None,
    before_id: Annotated[
        UUID | None, Query(description="Id of the last line that is known.")
    ] = None,
) -> list[Line]:
    """The newest lines first."""
    before = None if before_ms is None or before_id is None else (before_ms, before_id)
    with store.reading() as connection:
        names = audit.names(connection)
        return [
            Line(
                **each.model_dump(include={"id", "at_ms", "kind", "via", "address", "what"}),
                who=names.get(each.account_id or each.token_id, ""),  # type: ignore[arg-type]
                about=names.get(each.about_id, "") if each.about_id else "",
            )
            for each in audit.newest(connection, limit, kind, before)
        ]


@router.get("/audit.jsonl")
async def export(store: TheStore, downloads: TheDownloads, who: Who) -> StreamingResponse:
    """Every line, oldest first, as JSON lines."""
    answer = await downloads.send(lambda: audit.export_all(store), "audit.jsonl")
    await run_in_threadpool(
        note_alone, store, who, AuditKind.EXPORT, what="the audit log", data="all of it"
    )
    return answer
