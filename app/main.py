"""The web app put together: `create_app(settings)` is the table of contents.

Wiring only: what a part does is told in its own module.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request

from app import quick_gradio  # noqa: F401 - before whatever imports Gradio
from app.api import (
    audit,
    care,
    comparisons,
    data,
    drafts,
    me,
    people,
    results,
    runs,
    sessions,
    signals,
    studies,
    tasks,
    tokens,
    workers,
)
from app.api.errors import explain_errors, explained
from app.comparing import Comparing
from app.doors.bodies import Bodies
from app.doors.headers import Headers
from app.doors.heavy import Heavy
from app.doors.streams import Streams
from app.people import Entering, OpenId, People, PeopleDoor, keep_tidy, note_settings
from app.runs import Training
from app.serving import Serving, register_base
from app.settings import Settings
from app.store import Clocks, Store
from app.studies import Studies
from app.transfers import Downloads, Uploads
from app.ui import (
    Static,
    add_api_page,
    add_people_pages,
    add_study_pages,
    kinds,
    mount_pages,
    refused_page,
)
from rlhb_core import __version__

STATIC = Path(__file__).parent / "static"
"""In the repository a link to the folder beside the packages, in an installed package the folder itself."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The whole application for these settings (default: those of the environment)."""
    settings = settings or Settings()
    store = Store.open(settings.database)
    serving = Serving(store, settings)
    training = Training(store, settings)
    downloads = Downloads(settings)
    part = People(store, settings)
    comparing = Comparing(store, serving, settings, begins=part.consents.person)
    working = Studies(store, serving, comparing, settings, begins=part.consents.person)
    entering = Entering(part)
    register_base(store, settings)
    part.consents.begin(store)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.uploads.sweep()
        note_settings(store, settings, part.secret)
        tidy = asyncio.create_task(keep_tidy(store, settings))
        await serving.start()
        training.follow()
        yield
        tidy.cancel()
        entering.close()
        training.close()
        downloads.close()
        await working.close()
        await comparing.close()
        await serving.close()
        store.close()

    app = FastAPI(
        title="RLHB Studio",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # its pages load their scripts from elsewhere
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.store = store
    app.state.clocks = Clocks()
    app.state.serving = serving
    app.state.comparing = comparing
    app.state.studies = working
    app.state.training = training
    app.state.uploads = Uploads(settings.uploads_dir, settings.max_upload_bytes)
    app.state.downloads = downloads
    app.state.heavy = Heavy()
    app.state.people = part
    app.state.entering = entering
    app.state.refused_page = refused_page
    app.state.openid = OpenId(settings, part.secret)

    for noun in (signals, comparisons, tasks, studies, care, me, drafts, runs, data, results):
        app.include_router(noun.router)
    for noun in (sessions, people, tokens, audit, workers) if settings.team else ():
        app.include_router(noun.router)
    explain_errors(app)
    app.add_api_route("/api/health", _health, methods=["GET"])
    app.add_api_route("/static/kinds.js", kinds, include_in_schema=False)
    app.mount("/static", Static(directory=STATIC), name="static")
    add_api_page(app)
    add_people_pages(app)
    add_study_pages(app)
    mount_pages(app)
    # From the inside out.
    app.add_middleware(Bodies, most_bytes=settings.max_body_bytes)
    app.add_middleware(
        Streams,
        most_per_person=settings.max_streams_per_person,
        most=settings.max_streams,
    )
    app.add_middleware(PeopleDoor, people=part, explain=explained, refused_page=refused_page)
    app.add_middleware(Headers, only_https=part.is_secure)
    return app


async def _health(request: Request) -> dict[str, str | int]:
    """Raises what `explain` says aloud if the database's file is gone. Waits for no thread, however busy they are."""
    request.app.state.store.check()
    serving: Serving = request.app.state.serving
    models = {"models": serving.state.value, "models_memory_mb": serving.memory_mb}
    return {"status": "ok", "version": __version__, **models}
