"""/api/me/drafts: what I have written and not sent, for my next page. Nobody else sees it; nothing learns from it."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import PersonId, TheStore, Who
from app.store import DRAFT_ABOUT, Draft, drafts
from rlhb_core.schema.record import MAX_TEXT

router = APIRouter(prefix="/api/me/drafts", tags=["me"])


class Written(BaseModel):
    """A draft as it stands now."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=MAX_TEXT, description="Empty lets it go.")


@router.get("")
def index(store: TheStore, person_id: PersonId) -> list[Draft]:
    """My drafts, the newest first."""
    with store.reading() as connection:
        return drafts.of_person(connection, person_id)


@router.put("/{about}", status_code=204)
def keep(
    about: Annotated[str, Path(pattern=DRAFT_ABOUT)], store: TheStore, who: Who, written: Written
) -> Response:
    """Keep what I have written of this matter so far."""
    person_id = who.recorded()
    with store.writing() as connection:
        if written.text:
            drafts.keep(connection, person_id, Draft(about=about, text=written.text))
        else:
            drafts.drop(connection, person_id, about)
    return Response(status_code=204)
