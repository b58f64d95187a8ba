"""Several answers at once as one stream of chunks, whatever writes each of them.

Each job is asked of its server, those of local models of the process that has them; none waits for another.
Does not know how any of them writes.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import httpx2

from app.serving import jobs as j
from app.serving.engines import Engines, State
from app.serving.jobs import Chunk, Deliver, End, Job
from app.serving.pace import Pace
from app.serving.remote import (
    AT_ONCE,
    FAILURES,
    OnText,
    Refused,
    RemoteFailure,
    ask_openai,
    http_client,
    sentence,
)
from app.serving.tgi import ask_tgi
from app.settings import Settings
from app.store import Store, versions
from rlhb_core.schema.history import turns_of, without_oldest
from rlhb_core.schema.records import ModelVersion
from rlhb_core.schema.records import Serving as Kind

log = logging.getLogger(__name__)


class Serving:
    """The model versions, ready to answer. To be used within one event loop."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._timeout_s = settings.remote_timeout_s
        self._engines = Engines(settings)
        self._client: httpx2.AsyncClient | None = None
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._paces: dict[str, Pace] = {}

    async def start(self) -> None:
        """Begin to load what is served, so that the first query does not wait for it. Returns at once."""
        for base in await asyncio.to_thread(self._bases):
            self._engines.of(base)

    async def stream(self, jobs: Sequence[Job]) -> AsyncGenerator[Chunk, None]:
        """The answers to all jobs, chunk by chunk as they are written; the last chunk of each job has its end.

        Failures are ends, never exceptions. Closing the generator early lets unfinished answers go.
        """
        chunks: asyncio.Queue[Chunk] = asyncio.Queue()
        tasks = [
            asyncio.create_task(self._run(index, job, chunks.put_nowait))
            for index, job in enumerate(jobs)
        ]
        try:
            unfinished = len(jobs)
            while unfinished:
                chunk = await chunks.get()
                unfinished -= chunk.end is not None
                yield chunk
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def wait_s(self, more: int) -> float:
        """How long so many more answers would wait for their first word, where the wait is longest."""
        paces = [*self._paces.values(), *(engine.pace for engine in self._engines.all)]
        return max((pace.wait_s(more) for pace in paces), default=0.0)

    @property
    def state(self) -> State:
        """How the local models are, all together: that of the one that is furthest from ready."""
        states = {engine.state for engine in self._engines.all}
        for state in (State.FAILED, State.RESTARTING, State.LOADING):
            if state in states:
                return state
        return State.READY

    @property
    def memory_mb(self) -> int:
        """What the model processes hold in memory."""
        return sum(engine.memory_mb or 0 for engine in self._engines.all)

    def is_loading(self, version: ModelVersion) -> bool:
        """Whether this version's model is on its way but not there yet."""
        if version.serving is not Kind.LOCAL:
            return False
        return self._engines.of(version.base).state in (State.LOADING, State.RESTARTING)

    async def close(self) -> None:
        """Let go of the models."""
        await self._engines.close()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _bases(self) -> set[str]:
        with self._store.reading() as connection:
            return {v.base for v in versions.served(connection) if v.serving is Kind.LOCAL}

    async def _run(self, index: int, job: Job, deliver: Deliver) -> None:
        try:
            end = await self._written(index, job, deliver)
        except RemoteFailure as failure:
            end = j.failed(str(failure))
        except Exception:
            log.exception("an answer failed")
            end = j.failed(
                "The model server failed. Ask again; the details are in the server's log."
            )
        deliver(Chunk(index, end=end))

    async def _written(self, index: int, job: Job, deliver: Deliver) -> End:
        """Pass on an answer's text; returns its end. Raises RemoteFailure."""
        pace, began = self._pace(job), 0.0

        def on_text(text: str) -> None:
            nonlocal began
            began = began or time.monotonic()
            deliver(Chunk(index, text=text))

        with pace.one():
            end = await self._write(job, on_text)
        if began:
            pace.took(time.monotonic() - began)
        return end

    async def _write(self, job: Job, on_text: OnText) -> End:
        if job.version.serving is Kind.LOCAL:
            return await self._engines.of(job.version.base).write(job, on_text)
        base = job.version.base
        self._client = self._client or http_client()
        async with self._turns.setdefault(base, asyncio.Semaphore(AT_ONCE)):
            try:
                return await _ask_fitting(self._client, job, self._timeout_s, on_text)
            except FAILURES as error:
                log.warning("%s failed: %s: %s", job.version.name, type(error).__name__, error)
                raise RemoteFailure(sentence(error, self._timeout_s)) from error

    def _pace(self, job: Job) -> Pace:
        if job.version.serving is Kind.LOCAL:
            return self._engines.of(job.version.base).pace
        return self._paces.setdefault(job.version.base, Pace(AT_ONCE))


async def _ask_fitting(
    client: httpx2.AsyncClient, job: Job, timeout_s: float, on_text: OnText
) -> End:
    """Ask with as many of the last turns as the server takes: only it knows what fits. Raises one of FAILURES."""
    turns = turns_of(job.history)
    for left_out in range(turns + 1):
        shorter = replace(job, history=without_oldest(job.history, left_out))
        try:
            end = await _ask(client, shorter, timeout_s, on_text)
        except Refused:
            if left_out == turns:
                raise
        else:
            return replace(end, left_out=left_out)
    raise AssertionError("the last try returns or raises")


async def _ask(client: httpx2.AsyncClient, job: Job, timeout_s: float, on_text: OnText) -> End:
    """`ADDRESS#MODEL` names the server's model."""
    address, _, model = job.version.base.partition("#")
    root = address.rstrip("/")
    if job.version.serving is Kind.TGI:
        return await ask_tgi(root, job, timeout_s, on_text)
    root = root.removesuffix("/v1")
    return await ask_openai(client, root, model or "default", job, timeout_s, on_text)
