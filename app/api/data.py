"""/api/data: what researchers download, streamed, how much of it there is, and what they bring."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from app.api.deps import TheDownloads, TheHeavy, TheStore, TheUploads, Who
from app.data_folder import check_room
from app.files import EXPORTS, DataFilter, import_file, start_of
from app.people import note_alone
from app.store import AuditKind, storable, summary
from app.store.summary import Counts
from app.transfers import sorted_out
from rlhb_core.errors import BadConfig
from rlhb_core.schema.arms import ARMS, Arm
from rlhb_core.schema.records import Source

router = APIRouter(prefix="/api/data", tags=["data"])


MOST_BAD_LINES = 50
"""Bad lines that are named; further ones are only counted."""


class BadLine(BaseModel):
    """A line that was not taken."""

    number: int
    message: str
    what: str = Field(description='"line", or "record" where the file is one list of them.')


class Imported(BaseModel):
    """What came of an import."""

    sentence: str
    dry: bool = Field(description="Nothing was stored: it says what would be.")
    format: str = Field(description="What the file was recognised as; empty for triplets.")
    lines: int = Field(description="Of how many lines something was imported.")
    imported: int
    skipped: int
    failed: int
    bad_lines: list[BadLine] = Field(description=f"The first {MOST_BAD_LINES}.")


def chosen_data(
    source: Annotated[
        list[Source] | None, Query(description="Kinds of data; default: real.")
    ] = None,
    since: Annotated[date | None, Query(description="Only queries asked since this day.")] = None,
    arm: Annotated[list[Arm] | None, Query(description="Only these arms.")] = None,
    version: Annotated[list[str] | None, Query(description="Only these versions, by name.")] = None,
    with_people: Annotated[bool, Query(description="Name the people by their ids.")] = False,
    with_excluded: Annotated[bool, Query(description="Take in people marked as excluded.")] = False,
    include_unblinded: Annotated[
        bool, Query(description="Take in what was done while names were in view.")
    ] = False,
) -> DataFilter:
    """The data filter that an address spells out."""
    return DataFilter(
        sources=frozenset(source or [Source.REAL]),
        since_ms=None if since is None else start_of(since),
        arms=_known(arm or []),
        versions=frozenset(map(storable, version or [])),
        with_people=with_people,
        with_excluded=with_excluded,
        with_unblinded=include_unblinded,
    )


def _known(arms: Sequence[Arm]) -> frozenset[Arm]:
    """Raises BadConfig for one that is in no table, so that no misspelt one passes for one without data."""
    for arm in arms:
        if arm not in ARMS:
            raise BadConfig(f"there is no arm {arm}; give one of {', '.join(ARMS)}")
    return frozenset(arms)


@router.get("/summary")
async def show_summary(heavy: TheHeavy, store: TheStore) -> dict[Source, Counts]:
    """How much is stored, by where it comes from."""
    return await heavy.shared(summary.up_to_date, store)


@router.get("/{kind}.jsonl")
async def export(
    store: TheStore,
    downloads: TheDownloads,
    kind: Literal["triplets", "comparisons", "preferences", "labels", "completions"],
    chosen: Annotated[DataFilter, Depends(chosen_data)],
    who: Who,
) -> StreamingResponse:
    """One of the exports as JSON lines; its memory does not grow with its size."""
    answer = await downloads.send(lambda: EXPORTS[kind](store, chosen), f"{kind}.jsonl")
    await run_in_threadpool(
        note_alone, store, who, AuditKind.EXPORT, what=kind, data=chosen.words()
    )
    return answer


_FILES = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}}
                    },
                }
            }
        },
    }
}


@router.post("/import", openapi_extra=_FILES)
async def bring(
    request: Request,
    uploads: TheUploads,
    store: TheStore,
    who: Who,
    dry: Annotated[bool, Query(description="Say what would happen, and store nothing.")] = False,
) -> Imported:
    """Import a file of triplets or of a format that is known by itself, or any CSV or JSON with a mapping (.toml) and
    what that joins.
    """
    check_room(request.app.state.settings)
    async with uploads.receive(request) as files:
        # Before: what a file that turns out to be bad has brought in so far is somebody's doing, too.
        if not dry:
            await run_in_threadpool(note_alone, store, who, AuditKind.IMPORT, begun=len(files))
        found, mapping = await run_in_threadpool(sorted_out, files)
        result = await run_in_threadpool(import_file, store, found, mapping, dry=dry)
    if not dry:
        await run_in_threadpool(
            note_alone, store, who, AuditKind.IMPORT,
            imported=result.imported, skipped=result.skipped, failed=result.failed,
        )  # fmt: skip
    named = [
        BadLine(number=line.number, message=line.message, what=line.what)
        for line in result.errors[:MOST_BAD_LINES]
    ]
    return Imported(
        sentence=f"{result.words()}.",
        dry=result.dry,
        format=result.format,
        lines=result.lines,
        imported=result.imported,
        skipped=result.skipped,
        failed=result.failed,
        bad_lines=named,
    )
