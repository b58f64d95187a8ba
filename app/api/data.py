"""/api/data: what researchers download, streamed, and how much of it there is."""

from collections.abc import AsyncIterator, Generator, Iterator
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import iterate_in_threadpool

from app.export import EXPORTS, DataFilter, start_of
from app.store import Store, summary
from app.store.summary import Counts
from rlhb_core.records import Arm, Source

router = APIRouter(prefix="/api/data", tags=["data"])


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
        arms=frozenset(arm or []),
        versions=frozenset(version or []),
        with_people=with_people,
        with_excluded=with_excluded,
        with_unblinded=include_unblinded,
    )


@router.get("/summary")
def show_summary(request: Request) -> dict[Source, Counts]:
    """How much is stored, by where it comes from."""
    store: Store = request.app.state.store
    with store.reading() as session:
        return summary.by_source(session)


@router.get("/{kind}.jsonl")
def export(
    request: Request,
    kind: Literal["triplets", "comparisons", "preferences", "labels"],
    chosen: Annotated[DataFilter, Depends(chosen_data)],
) -> StreamingResponse:
    """One of the exports as JSON lines; its memory does not grow with its size."""
    store: Store = request.app.state.store
    return download(EXPORTS[kind](store, chosen), f"{kind}.jsonl")


def download(blocks: Iterator[bytes], filename: str) -> StreamingResponse:
    """Send the blocks as a file. The first is made before the answer starts, so that a failure is told as one."""
    first = next(blocks, b"")
    return StreamingResponse(
        _closing(first, blocks),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )


async def _closing(first: bytes, blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The blocks; ends the reading transaction even if the reader hangs up."""
    try:
        yield first
        async for block in iterate_in_threadpool(blocks):
            yield block
    finally:
        if isinstance(blocks, Generator):
            blocks.close()
