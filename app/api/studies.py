"""/api/studies, for whoever leads them: to make, fill and change them, and how far they are."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from app.api.deps import TheStore, TheUploads, Who
from app.api.shares import Share, share
from app.data_folder import check_room
from app.people import name_key, note, note_alone
from app.store import (
    FREE,
    AuditKind,
    Connection,
    Item,
    Plan,
    Study,
    StudyStatus,
    accounts,
    items,
    studies,
)
from app.studies import Filled, fill_from_file, fill_from_store
from rlhb_core.errors import BadRecord
from rlhb_core.schema.record import MAX_TEXT

router = APIRouter(prefix="/api/studies", tags=["studies"])

ITEMS_PER_PAGE = 100
"""Items told at a time, at most."""
MOST_FROM_STORE = 10_000
"""Questions taken from the store at a time."""


class Led(BaseModel):
    """A study as whoever leads it sees it."""

    study: Study
    guidelines: str = Field(description="The newest version, as it was written.")
    named: list[str] = Field(
        description="Names of the people that it is open to, if it is to some."
    )
    share: Share


class NewStudy(BaseModel):
    """A study that is to be."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=80)
    plan: Plan = Field(default_factory=Plan)
    guidelines: str = Field(default="", max_length=MAX_TEXT, description="Markdown.")


class Changed(BaseModel):
    """What to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, min_length=1, max_length=80)
    status: StudyStatus | None = None
    plan: Plan | None = None
    guidelines: str | None = Field(default=None, max_length=MAX_TEXT)
    named: list[Annotated[str, Field(max_length=80)]] | None = Field(
        default=None, max_length=1_000, description="Whom it is open to by name, for plan.people."
    )


class ItemsView(BaseModel):
    """A page of items, in the order given."""

    count: int
    items: list[Item]


class ChangedItems(BaseModel):
    """What to change about items; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    ids: list[UUID] = Field(min_length=1, max_length=1_000)
    archived: bool | None = None
    tags: list[Annotated[str, Field(min_length=1, max_length=40)]] | None = Field(
        default=None, max_length=20
    )


class FromStore(BaseModel):
    """Take in what people have asked here."""

    model_config = ConfigDict(extra="forbid")

    most: int = Field(default=200, ge=1, le=MOST_FROM_STORE)


class BadLine(BaseModel):
    """A line that was not taken."""

    number: int
    message: str


class FilledView(BaseModel):
    """What came of filling a study."""

    sentence: str
    added: int
    known: int
    failed: int
    bad_lines: list[BadLine]


# --- leading --------------------------------------------------------------------------------------


@router.post("", status_code=201)
def make(wanted: NewStudy, store: TheStore, who: Who) -> Led:
    """A study, not begun yet."""
    name = _name(wanted.name)
    _check_threads(wanted.plan, Plan())
    with store.writing() as connection:
        study = studies.add(connection, Study(name=name, plan=wanted.plan))
        if wanted.guidelines.strip():
            study = studies.set_guidelines(connection, study.id, wanted.guidelines)
        note(connection, who, AuditKind.STUDY, study=str(study.id), made=True)
        return _led(connection, study)


@router.get("/{study_id}")
def show(study_id: UUID, store: TheStore, who: Who) -> Led:
    """All that is planned in a study, and how far it is."""
    with store.reading() as connection:
        return _led(connection, studies.get(connection, study_id))


@router.patch("/{study_id}")
def change(study_id: UUID, wanted: Changed, store: TheStore, who: Who) -> Led:
    """Change a study. What is done stays as it was done; each act keeps the version of the guidelines that held."""
    with store.writing() as connection:
        if study_id == FREE and (wanted.name or wanted.status or not _keeps_free(wanted.plan)):
            raise BadRecord(
                "free questions are always open; only their guidelines, and what a further question goes on with, can "
                "be changed"
            )
        if wanted.status is StudyStatus.OPEN and items.count(connection, study_id) == 0:
            raise BadRecord("there is nothing to work through in it yet: bring items in first")
        before = studies.get(connection, study_id).plan
        if study_id != FREE and wanted.plan is not None:
            _check_threads(wanted.plan, before)
        if wanted.plan is not None:  # links that were made void stay so
            number = max(before.link_number, wanted.plan.link_number)
            wanted.plan = wanted.plan.model_copy(update={"link_number": number})
        if wanted.named is not None:
            plan = wanted.plan or before
            wanted.plan = plan.model_copy(update={"people": _accounts(connection, wanted.named)})
        study = studies.change(
            connection,
            study_id,
            name=None if wanted.name is None else _name(wanted.name),
            status=wanted.status,
            plan=wanted.plan,
        )
        if wanted.guidelines is not None:
            study = studies.set_guidelines(connection, study_id, wanted.guidelines)
        changed = sorted(wanted.model_dump(exclude_none=True)) + _parts(before, study.plan)
        note(connection, who, AuditKind.STUDY, study=str(study_id), changed=changed)
        return _led(connection, study)


@router.get("/{study_id}/items")
def show_items(
    study_id: UUID,
    store: TheStore,
    who: Who,
    offset: Annotated[int, Query(ge=0, le=2**40)] = 0,
    limit: Annotated[int, Query(ge=1, le=ITEMS_PER_PAGE)] = ITEMS_PER_PAGE,
) -> ItemsView:
    """Items in the order given, so many at a time."""
    with store.reading() as connection:
        studies.get(connection, study_id)
        return ItemsView(
            count=items.count(connection, study_id),
            items=list(items.of_study(connection, study_id, limit, offset)),
        )


@router.patch("/{study_id}/items")
def change_items(study_id: UUID, wanted: ChangedItems, store: TheStore, who: Who) -> dict[str, int]:
    """Put items away or take them out again, or tag them. What was said of them stays."""
    with store.writing() as connection:
        studies.lock(connection, [study_id])
        mine = items.of_these(connection, study_id, wanted.ids)
        changed = items.change(connection, mine, archived=wanted.archived, tags=wanted.tags)
        note(connection, who, AuditKind.STUDY, study=str(study_id), changed=["items"])
    return {"changed": changed}


@router.post("/{study_id}/items/from-store")
def take_from_store(study_id: UUID, wanted: FromStore, store: TheStore, who: Who) -> FilledView:
    """Take in what people have asked here, the newest first. Whoever is erased takes their questions along."""
    filled = fill_from_store(store, study_id, wanted.most)
    note_alone(store, who, AuditKind.STUDY, study=str(study_id), changed=["items"])
    return _told(filled)


_FILE = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


@router.post("/{study_id}/items/file", openapi_extra=_FILE)
async def bring(
    study_id: UUID, request: Request, uploads: TheUploads, store: TheStore, who: Who
) -> FilledView:
    """Bring in the questions of a file: .txt (one per line), .csv or .jsonl, with answers or without."""
    check_room(request.app.state.settings)
    async with uploads.receive(request) as files:
        if len(files) != 1:
            raise BadRecord("choose one file with questions")
        filled = await run_in_threadpool(fill_from_file, store, study_id, files[0])
    note_alone(store, who, AuditKind.STUDY, study=str(study_id), changed=["items"])
    return _told(filled)


# --- in words -------------------------------------------------------------------------------------


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name:
        raise BadRecord("a study needs a name")
    return name


def _keeps_free(plan: Plan | None) -> bool:
    """Whether a plan of the free questions says no more than what further ones go on with."""
    return plan is None or plan == Plan(threads=plan.threads)


def _check_threads(plan: Plan, before: Plan) -> None:
    """Of items nobody asks a further question, so that what one would go on with is not to be chosen."""
    if plan.threads is not before.threads and plan.threads is not Plan().threads:
        raise BadRecord(
            "items are not gone on with: what a further question goes on with is chosen for free questions only"
        )


def _led(connection: Connection, study: Study) -> Led:
    people = set(study.plan.people)
    named = [each.name for each in accounts.all(connection) if each.id in people] if people else []
    return Led(
        study=study,
        guidelines=studies.guidelines_text(connection, study),
        named=named,
        share=share(connection, study),
    )


def _parts(before: Plan, after: Plan) -> list[str]:
    """The parts of a plan that are others now."""
    return [
        f"plan.{name}"
        for name in Plan.model_fields
        if getattr(before, name) != getattr(after, name)
    ]


def _accounts(connection: Connection, names: Sequence[str]) -> list[UUID]:
    """The accounts of these names; one that nobody has is told, and nothing is changed."""
    found = {each: accounts.by_name(connection, name_key(each)) for each in names if each.strip()}
    if unknown := [each for each, account in found.items() if account is None]:
        raise BadRecord(
            f"nobody here is called {', '.join(unknown)}; names are those that people sign in by"
        )
    return list(dict.fromkeys(each.id for each in found.values() if each))


def _told(filled: Filled) -> FilledView:
    return FilledView(
        sentence=filled.sentence,
        added=filled.added,
        known=filled.known,
        failed=filled.failed,
        bad_lines=[BadLine(number=number, message=message) for number, message in filled.bad],
    )
