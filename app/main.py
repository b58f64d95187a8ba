"""The web app put together: `create_app(settings)` is the table of contents.

Wiring only: what a part does is told in its own module.
"""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from app.api import comparisons, data, me, runs, signals
from app.comparing import Comparing, Overloaded, TooManyOpen
from app.identity import Identities, IdentityMiddleware, load_secret
from app.serving import Serving, register_base
from app.settings import Settings
from app.store import Busy, Conflict, Store, UnknownReference
from app.training import Training
from app.ui import mount_pages
from app.ui.shell import Static
from rlhb_core import __version__
from rlhb_core.errors import RlhbError

STATIC = Path(__file__).parent / "static"
"""In the repository a link to the folder beside the packages, in an installed package the folder itself."""
STATUS: dict[type[RlhbError], int] = {
    UnknownReference: 404,
    Conflict: 409,
    Busy: 503,
    TooManyOpen: 429,
    Overloaded: 503,
}
"""What an error is in HTTP; all others are 422. A browser keeps its signals on 503 and drops them on 422."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The whole application for these settings (default: those of the environment)."""
    settings = settings or Settings()
    store = Store.open(settings.database)
    serving = Serving(store, settings)
    comparing = Comparing(store, serving, settings)
    training = Training(store, settings)
    register_base(store, settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await serving.start()
        training.follow()
        yield
        training.close()
        await comparing.close()
        await serving.close()
        store.close()

    app = FastAPI(title="RLHB Studio", version=__version__, lifespan=lifespan)
    app.state.settings = settings
    app.state.store = store
    app.state.serving = serving
    app.state.comparing = comparing
    app.state.training = training
    app.state.identities = Identities(load_secret(settings.data_dir))

    for noun in (signals, comparisons, me, runs, data):
        app.include_router(noun.router)
    app.add_exception_handler(RlhbError, _explain)
    app.add_api_route("/api/health", _health, methods=["GET"])
    app.mount("/static", Static(directory=STATIC), name="static")
    mount_pages(app)
    app.add_middleware(
        IdentityMiddleware,
        identities=app.state.identities,
        loopback_only=not settings.allow_remote,
    )
    return app


def _explain(request: Request, error: Exception) -> JSONResponse:
    """An error that a person can do something about, as a sentence."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 422)
    headers = {"retry-after": str(error.retry_after_s)} if isinstance(error, Overloaded) else None
    return JSONResponse({"detail": str(error)}, status_code=status, headers=headers)


def _health(request: Request) -> dict[str, str | int]:
    serving: Serving = request.app.state.serving
    models = {"models": serving.state.value, "models_memory_mb": serving.memory_mb}
    return {"status": "ok", "version": __version__, **models}
