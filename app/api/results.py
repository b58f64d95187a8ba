"""/api/results: what people prefer, whether they agree, what sways them, what they do; as JSON, CSV and HTML."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from app.api.data import chosen_data
from app.api.deps import TheHeavy, TheStore, Who
from app.files import start_of
from app.people import note_alone
from app.results import (
    OF,
    TABLES,
    Acts,
    Agreement,
    Biases,
    Control,
    Ranking,
    Ties,
    Wanted,
    as_csv,
    as_page,
    figures_of,
    ranking_of,
    rows_of,
    usual_sources,
)
from app.store import AuditKind, DataFilter, Segment, Store, Votes
from rlhb_core.figures.curves import plain, template

router = APIRouter(prefix="/api/results", tags=["results"])


def chosen_part(
    request: Request,
    store: TheStore,
    data: Annotated[DataFilter, Depends(chosen_data)],
    study: Annotated[UUID | None, Query(description="Only this study.")] = None,
    until: Annotated[date | None, Query(description="Only queries asked before this day.")] = None,
    tag: Annotated[str, Query(max_length=80, description="Only items with this tag.")] = "",
    group: Annotated[str, Query(max_length=80, description="Only people of this group.")] = "",
    shortest: Annotated[
        int, Query(ge=0, le=10**7, description="Only questions of so many characters and more.")
    ] = 0,
    longest: Annotated[
        int | None, Query(ge=0, le=10**7, description="Only questions of so many and fewer.")
    ] = None,
    votes: Annotated[
        Votes, Query(description="By whether all answers were there when they were cast.")
    ] = Votes.ALL,
    ties: Annotated[Ties, Query(description="What a tie counts.")] = Ties.HALF,
    control: Annotated[Control, Query(description="What is held fixed.")] = Control.NONE,
    anchor: Annotated[
        str, Query(max_length=80, description="The version that others are held against.")
    ] = "",
) -> Wanted:
    """What an address spells out. Arms and versions narrow nothing here: a choice is between versions.

    Without a source: real data, or else what there is.
    """
    anywhere: dict[str, Any] = {"arms": frozenset(), "versions": frozenset()}
    if "source" not in request.query_params:
        anywhere["sources"] = usual_sources(store)
    return Wanted(
        data=data.model_copy(update=anywhere),
        segment=Segment(
            study=study,
            until_ms=None if until is None else start_of(until, "until"),
            tag=tag,
            group=group,
            shortest=shortest,
            longest=longest,
            votes=votes,
        ),
        ties=ties,
        control=control,
        anchor=anchor,
    )


TheWanted = Annotated[Wanted, Depends(chosen_part)]


class Drawn(BaseModel):
    """A figure without colours."""

    name: str
    title: str
    sentence: str
    wide: bool
    figure: dict[str, Any] = Field(description="As plotly draws it.")


class Told(BaseModel):
    """A part of the results with its figures."""

    found: Ranking | Agreement | Biases | Acts
    figures: list[Drawn]
    templates: dict[str, Any] = Field(description="Colours for light and for dark.")


@router.get("")
async def show_ranking(store: TheStore, heavy: TheHeavy, wanted: TheWanted) -> Ranking:
    """Which versions people prefer, and how sure that is."""
    return await heavy.do(ranking_of, store, wanted)


@router.get("/report.html", response_class=HTMLResponse)
async def show_report(
    store: TheStore, heavy: TheHeavy, wanted: TheWanted, who: Who
) -> HTMLResponse:
    """All of it as one page that stands alone and names nobody."""
    text = await heavy.do(as_page, store, wanted)
    await heavy.do(_note, store, who, "report", wanted)
    # It is looked at from a folder: served from here its scripts would be refused.
    return HTMLResponse(
        text, headers={"Content-Disposition": 'attachment; filename="results.html"'}
    )


@router.get("/tables/{table}.csv")
async def show_table(
    store: TheStore,
    heavy: TheHeavy,
    table: Literal[
        "ranking", "pairs", "matrix", "weights", "measures", "couples", "people", "biases", "done",
        "tells", "foresees",
    ],
    wanted: TheWanted,
    who: Who,
) -> Response:  # fmt: skip
    """One table of it."""
    text = await heavy.do(_table, store, wanted, table)
    await heavy.do(_note, store, who, table, wanted)
    return Response(
        text,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{table}.csv"'},
    )


@router.get("/{part}")
async def show_part(
    store: TheStore,
    heavy: TheHeavy,
    part: Literal["ranking", "agreement", "biases", "acts"],
    wanted: TheWanted,
) -> Told:
    """A part of the page."""
    return await heavy.do(_told, store, wanted, part)


def _told(store: Store, wanted: Wanted, part: str) -> Told:
    found = OF[part](store, wanted)
    return Told(
        found=found,
        figures=[
            Drawn(
                name=each.name, title=each.title, sentence=each.sentence, wide=each.wide,
                figure=plain(each.figure),
            )
            for each in figures_of(found)
        ],
        templates={theme: template(theme).to_plotly_json() for theme in ("light", "dark")},
    )  # fmt: skip


def _table(store: Store, wanted: Wanted, table: str) -> str:
    return as_csv(rows_of(OF[TABLES[table]](store, wanted), table))


def _note(store: Store, who: Who, what: str, wanted: Wanted) -> None:
    note_alone(store, who, AuditKind.EXPORT, what=f"results: {what}", data=wanted.data.words())
