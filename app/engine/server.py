"""The model process as an HTTP server: answers, adapters, health.

Speaks the OpenAI chat protocol with streaming, and vLLM's way of loading adapters while it runs. Holds no model: that
is
`writer.py`.
"""

import asyncio
import hmac
import logging
import os
import socket
import sys
import threading
from asyncio import wrap_future
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.addresses import host_of, is_loopback
from app.engine.options import BASE_NAME, KEY_VARIABLE, EngineOptions
from app.engine.protocol import Adapter, Chat, error, event, whole
from app.engine.writer import Ticket, Writer
from rlhb_core.errors import BadRecord, ModelError
from rlhb_core.lm.rows import Finished, Row
from rlhb_core.schema.record import describe

log = logging.getLogger(__name__)

STILL_THERE_S = 5.0
"""While an answer has to wait, a comment says so often that we are still there."""


def create_engine(options: EngineOptions, key: str | None = None) -> Starlette:
    """The server for one base model; with a key, only for those who know it."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        app.state.writer = Writer(options, loop.call_soon_threadsafe)
        app.state.writer.start()
        yield
        await asyncio.to_thread(app.state.writer.close)

    app = Starlette(
        routes=[
            Route("/health", health),
            Route("/v1/models", models),
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/load_lora_adapter", load_adapter, methods=["POST"]),
            Route("/v1/unload_lora_adapter", unload_adapter, methods=["POST"]),
        ],
        middleware=[
            Middleware(NoPages, loopback_only=not key and options.listen.startswith("http:")),
            *([Middleware(KeyMiddleware, key=key)] if key else []),
        ],
        exception_handlers={BadRecord: _bad, ValidationError: _bad},
        lifespan=lifespan,
    )
    app.state.options = options
    return app


class NoPages:
    """Refuses pages of the web: only programs have a use for us, and a page may be of a site that means harm.

    A browser names the page that asks, unless a foreign site has pointed its own name at this machine: then that name
    is the host. Where no key is needed, only a loopback address is taken.
    """

    def __init__(self, app: ASGIApp, loopback_only: bool) -> None:
        self.app = app
        self.loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._takes(Headers(scope=scope)):
            refusal = JSONResponse(error("pages are not answered", "forbidden"), status_code=403)
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _takes(self, headers: Headers) -> bool:
        if "origin" in headers or "sec-fetch-site" in headers:
            return False
        return not self.loopback_only or is_loopback(host_of(headers.get("host", "")))


class KeyMiddleware:
    """Refuses requests that do not bear the key; anybody may ask how the server is."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self.app = app
        self.wanted = f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/health":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self.wanted):
                refusal = JSONResponse(error("a key is needed", "unauthorized"), status_code=401)
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


async def health(request: Request) -> Response:
    """How the model is: 200 once it is ready, 503 before and if it could not be loaded."""
    writer: Writer = request.app.state.writer
    facts = {
        "status": writer.state,
        "base": request.app.state.options.base,
        "error": writer.error,
        "memory_mb": _memory_mb(),
        "writing": writer.rows,
        "waiting": writer.waiting,
    }
    return JSONResponse(facts, status_code=200 if writer.state == "ready" else 503)


async def models(request: Request) -> Response:
    """The base model and the adapters in memory."""
    writer: Writer = request.app.state.writer
    base = request.app.state.options.base
    found = [{"id": BASE_NAME, "object": "model", "root": base}]
    found += [
        {"id": name, "object": "model", "root": name, "parent": BASE_NAME}
        for name in writer.adapters
    ]
    return JSONResponse({"object": "list", "data": found})


async def chat(request: Request) -> Response:
    """Answer one question, in one piece or as it is written."""
    wanted = Chat.model_validate_json(await request.body())
    row = wanted.row()
    writer: Writer = request.app.state.writer
    options: EngineOptions = request.app.state.options
    if writer.state == "failed":
        return JSONResponse(error("the model could not be loaded", "failed"), status_code=500)
    if writer.waiting >= options.max_waiting:
        busy = error("too many answers wait already", "overloaded")
        return JSONResponse(busy, status_code=503, headers={"retry-after": "10"})
    if row.adapter is not None and not writer.knows(row.adapter):
        unknown = error(f"The model `{row.adapter}` does not exist.", "NotFoundError")
        return JSONResponse(unknown, status_code=404)
    if wanted.stream:
        events = _events(writer, wanted.model, row)
        return StreamingResponse(events, media_type="text/event-stream")
    end = Finished("", 0, True)
    async for _, finished in _pieces(writer, row):
        end = finished or end
    if end.error:
        return JSONResponse(error(end.error, "failed"), status_code=500)
    return JSONResponse(whole(wanted.model, end))


async def load_adapter(request: Request) -> Response:
    """Load a LoRA adapter from a folder on this machine, so that a model of its name answers."""
    wanted = Adapter.model_validate_json(await request.body())
    writer: Writer = request.app.state.writer
    if not wanted.lora_path:
        return JSONResponse(error("lora_path is needed", "BadRequestError"), status_code=400)
    if wanted.lora_name == BASE_NAME:
        taken = error(f"{BASE_NAME} is the base model's own name", "InvalidUserInput")
        return JSONResponse(taken, status_code=400)
    try:
        await wrap_future(writer.load_adapter(wanted.lora_name, Path(wanted.lora_path)))
    except ModelError as problem:
        log.warning("an adapter cannot be used: %s", problem)
        return JSONResponse(error(str(problem), "InvalidUserInput"), status_code=400)
    return PlainTextResponse(f"Success: LoRA adapter '{wanted.lora_name}' added successfully.")


async def unload_adapter(request: Request) -> Response:
    """Forget an adapter."""
    wanted = Adapter.model_validate_json(await request.body())
    writer: Writer = request.app.state.writer
    if not writer.knows(wanted.lora_name):
        unknown = error(f"The lora adapter '{wanted.lora_name}' cannot be found.", "NotFoundError")
        return JSONResponse(unknown, status_code=404)
    await wrap_future(writer.unload_adapter(wanted.lora_name))
    return PlainTextResponse(f"Success: LoRA adapter '{wanted.lora_name}' removed successfully.")


async def _events(writer: Writer, model: str, row: Row) -> AsyncIterator[bytes]:
    async for text, end in _pieces(writer, row):
        if text:
            yield event(model, text)
        elif end is None:
            yield b": waiting\n\n"
        if end is not None:
            yield event(model, end=end)
    yield b"data: [DONE]\n\n"


async def _pieces(writer: Writer, row: Row) -> AsyncIterator[tuple[str, Finished | None]]:
    """The answer's pieces up to its end; an empty one now and then while it waits. Leaving early lets it go."""
    pieces: asyncio.Queue[tuple[str, Finished | None]] = asyncio.Queue()
    ticket = Ticket(row, lambda text, end: pieces.put_nowait((text, end)))
    writer.submit(ticket)
    try:
        end = None
        while end is None:
            try:
                async with asyncio.timeout(STILL_THERE_S):
                    text, end = await pieces.get()
            except TimeoutError:
                text = ""
            yield text, end
    finally:
        writer.cancel(ticket)


async def _bad(request: Request, problem: Exception) -> Response:
    sentence = describe(problem) if isinstance(problem, ValidationError) else str(problem)
    return JSONResponse(error(sentence, "BadRequestError"), status_code=400)


def _memory_mb() -> int | None:
    """What this process holds in memory now; None where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000


def run(options: EngineOptions) -> None:
    """Serve until told to end; as a child also until the parent is gone, however it went."""
    where: dict[str, Any]
    if options.listen.startswith("unix:"):
        where, key = {"uds": options.listen.removeprefix("unix:")}, None
    else:
        address = urlsplit(options.listen)
        where, key = {"host": address.hostname, "port": address.port}, os.environ.get(KEY_VARIABLE)
    server = _Server(
        uvicorn.Config(
            create_engine(options, key), log_level="critical", timeout_graceful_shutdown=1, **where
        )
    )
    if options.is_child:
        threading.Thread(target=_end_with_parent, args=[server], daemon=True).start()
    try:
        server.run()
    finally:
        if options.is_child and "uds" in where:
            _tidy(Path(where["uds"]))


class _Server(uvicorn.Server):
    """A server whose socket file is for its owner only."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self.config.uds:
            Path(self.config.uds).chmod(0o600)


def _end_with_parent(server: uvicorn.Server) -> None:
    """Standard input is a pipe that the parent holds open: its end is the parent's."""
    while sys.stdin.buffer.read(4096):
        pass
    server.should_exit = True
    threading.Event().wait(5)
    os._exit(1)


def _tidy(path: Path) -> None:
    """Remove the socket and the folder that was made for it."""
    path.unlink(missing_ok=True)
    try:
        path.parent.rmdir()
    except OSError:
        log.debug("the socket's folder is still in use")
