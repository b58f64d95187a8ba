"""/api/runs, /api/versions, /api/deployments: training runs, their curves, and what is served.

Parse, call one function, shape the answer. Answers that pages ask for again and again carry an ETag, so that an
unchanged one costs a few bytes.
"""

import gzip
import hashlib
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import orjson
import plotly
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import TheHeavy, TheStore, TheTraining, Who
from app.people import note_alone
from app.runs import (
    Choice,
    NeedsOverride,
    RunView,
    VersionsView,
    list_runs,
    list_versions,
    of_a_stranger,
    put_into_compare,
    roll_back,
    show_run,
    take_out,
)
from app.store import AuditKind, runs
from rlhb_core.figures.curves import figures, plain, template
from rlhb_core.run.folder import RunDir, damaged
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import Deployment, Run, Source

router = APIRouter(prefix="/api", tags=["runs"])


def _run(store: TheStore, run_id: UUID) -> Run:
    with store.reading() as connection:
        return runs.get(connection, run_id)


class NewRun(BaseModel):
    """What to train, on what."""

    model_config = ConfigDict(extra="forbid")

    arm: Arm
    sources: list[Source] = Field(default=[Source.REAL], min_length=1, description="Kinds of data.")
    since: date | None = Field(default=None, description="Only data since this day.")
    recipe: str = Field(default="", description="Recipe by name; empty: the arm's own.")
    parent: str = Field(default="", description="Version to start from, by name.")
    overrides: dict[str, Any] = Field(
        default={}, description="Settings changed from the recipe, such as ppo.iterations."
    )
    include_unblinded: bool = Field(
        default=False, description="Learn from what was done while names were in view, too."
    )

    def choice(self) -> Choice:
        """The same as the rest of the app speaks of it."""
        return of_a_stranger(Choice(**dict(self) | {"sources": frozenset(self.sources)}))


class PlanView(BaseModel):
    """Whether a run could start, and on how much."""

    triplets: int
    votes: int
    people: int
    enough: bool
    sentence: str


class Override(BaseModel):
    """Serve a version although its verdict does not speak for it."""

    model_config = ConfigDict(extra="forbid")

    override: bool = False


class Back(BaseModel):
    """Which set of versions is meant."""

    model_config = ConfigDict(extra="forbid")

    to: list[UUID] | None = Field(
        default=None,
        description="The set before, as the page showed it; refused if it is another one by now.",
    )


class LogTail(BaseModel):
    """A piece of a run's log."""

    text: str
    next: int = Field(description="Ask for what comes after this position next time.")


# --- runs -----------------------------------------------------------------------------------------


@router.get("/runs", response_model=list[RunView])
def index(request: Request, store: TheStore) -> Response:
    """Every run, newest first."""
    with store.reading() as connection:
        return _if_changed(request, [run.model_dump(mode="json") for run in list_runs(connection)])


@router.post("/runs", status_code=201)
async def start(
    heavy: TheHeavy, store: TheStore, training: TheTraining, wanted: NewRun, who: Who
) -> Run:
    """Start a run, or queue it behind the others."""

    def work() -> Run:
        run = training.start(wanted.choice())
        note_alone(store, who, AuditKind.RUN, started=str(run.id), arm=run.arm)
        return run

    return await heavy.do(work)


@router.post("/runs/plan")
async def plan(heavy: TheHeavy, training: TheTraining, wanted: NewRun) -> PlanView:
    """What a run would have to work with; starts nothing."""
    found = await heavy.do(training.propose, wanted.choice())
    return PlanView(**dict(found.amounts), enough=found.enough, sentence=found.sentence)


@router.get("/runs/{run_id}")
def show(request: Request, store: TheStore, run: Annotated[Run, Depends(_run)]) -> Response:
    """One run: state, progress, newest numbers, verdict, and the version that came of it."""
    with store.reading() as connection:
        return _if_changed(request, show_run(connection, run.id).model_dump(mode="json"))


@router.post("/runs/{run_id}/stop")
def stop(
    store: TheStore, training: TheTraining, run: Annotated[Run, Depends(_run)], who: Who
) -> Run:
    """Ask a run to stop at its next step; it can be resumed."""
    stopped = training.stop(run.id)
    note_alone(store, who, AuditKind.RUN, stopped=str(run.id), arm=run.arm)
    return stopped


@router.post("/runs/{run_id}/resume")
def resume(
    store: TheStore, training: TheTraining, run: Annotated[Run, Depends(_run)], who: Who
) -> Run:
    """Continue a run from its last checkpoint."""
    resumed = training.resume(run.id)
    note_alone(store, who, AuditKind.RUN, resumed=str(run.id), arm=run.arm)
    return resumed


@router.get("/runs/{run_id}/log")
def log(
    training: TheTraining,
    run: Annotated[Run, Depends(_run)],
    after: Annotated[
        int, Query(ge=0, le=2**40, description="Only what comes after this position.")
    ] = 0,
) -> LogTail:
    """The end of a run's log."""
    text, position = training.log_tail(run, after)
    return LogTail(text=text, next=position)


@router.get("/runs/{run_id}/figures")
def curves(request: Request, run: Annotated[Run, Depends(_run)]) -> Response:
    """The run's figures as plotly JSON without colours, and a template of colours for light and for dark."""
    folder = RunDir(Path(run.folder))
    tag = _tag(_stamp(folder.path / "metrics.jsonl"))
    if request.headers.get("if-none-match") == tag:
        return _unchanged(tag)
    rows = folder.metrics()
    try:
        drawn = figures(rows, folder.config().ppo.kl_stop)
    except (KeyError, TypeError, ValueError):  # rows of JSON, but of no metrics
        raise damaged("metrics.jsonl", "it does not hold what it should") from None
    body = {
        "run": str(run.id),
        "rows": len(rows),
        "figures": [
            {
                "name": figure.name,
                "title": figure.title,
                "sentence": figure.sentence,
                "wide": figure.wide,
                "figure": plain(figure.figure),
            }
            for figure in drawn
        ],
        "templates": {theme: template(theme).to_plotly_json() for theme in ("light", "dark")},
    }
    return _json(body, tag)


# --- versions -------------------------------------------------------------------------------------


@router.get("/versions", response_model=VersionsView)
def versions_index(request: Request, store: TheStore) -> Response:
    """Every version that can be served, and what going back would serve."""
    with store.reading() as connection:
        return _if_changed(request, list_versions(connection).model_dump(mode="json"))


@router.post("/versions/{version_id}/serve", response_model=Deployment)
def serve(store: TheStore, version_id: UUID, wanted: Override, who: Who) -> Any:
    """Put a version into the side-by-side. 409 with `override` if its verdict does not speak for it."""
    try:
        served = put_into_compare(store, version_id, override=wanted.override)
    except NeedsOverride as error:
        return JSONResponse({"detail": str(error), "override": True}, status_code=409)
    note_alone(store, who, AuditKind.COMPARE, put_in=str(version_id), override=wanted.override)
    return served


@router.post("/versions/{version_id}/unserve")
def unserve(store: TheStore, version_id: UUID, who: Who) -> Deployment:
    """Take a version out of the side-by-side."""
    left = take_out(store, version_id)
    note_alone(store, who, AuditKind.COMPARE, taken_out=str(version_id))
    return left


@router.post("/deployments/rollback")
def rollback(store: TheStore, who: Who, wanted: Back | None = None) -> Deployment:
    """Serve again what was served before the newest change."""
    back = roll_back(store, wanted.to if wanted else None)
    note_alone(store, who, AuditKind.COMPARE, back_to=[str(each) for each in back.served])
    return back


# --- plotly and answers that rarely change --------------------------------------------------------


@router.get("/plotly.js", include_in_schema=False)
def plotly_js(request: Request) -> Response:
    """The plotly.js of the installed plotly, from here rather than from a network of others."""
    code, tag = _plotly_js()
    if request.headers.get("if-none-match") == tag:
        return _unchanged(tag)
    headers = {"ETag": tag, "Cache-Control": "public, max-age=86400", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        code = gzip.decompress(code)
    return Response(code, media_type="text/javascript", headers=headers)


@lru_cache(maxsize=1)
def _plotly_js() -> tuple[bytes, str]:
    file = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    return gzip.compress(file.read_bytes(), 6), f'"plotly-{plotly.__version__}"'


def _if_changed(request: Request, body: Mapping[str, Any] | list[Any]) -> Response:
    """The body, or 304 if the browser says that it has this one already."""
    content = orjson.dumps(body)
    tag = _tag(content)
    if request.headers.get("if-none-match") == tag:
        return _unchanged(tag)
    return _json(content, tag)


def _stamp(file: Path) -> bytes:
    """Changes whenever the file does."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return b""
    return f"{found.st_size}-{found.st_mtime_ns}".encode()


def _tag(content: bytes) -> str:
    return f'"{hashlib.sha1(content, usedforsecurity=False).hexdigest()[:20]}"'


def _unchanged(tag: str) -> Response:
    return Response(status_code=304, headers={"ETag": tag})


def _json(body: Any, tag: str) -> Response:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    return Response(content, media_type="application/json", headers=headers)
