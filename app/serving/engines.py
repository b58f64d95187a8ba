"""The model processes of this app: started, watched, started anew when they die, ended with the app.

Holds one for each base model in use, or the address of one that somebody else runs (`engine_url`). Speaks to each as to
any other model server. Does not know comparisons, people or the store.
"""

import asyncio
import logging
import time
from contextlib import suppress
from enum import StrEnum
from typing import Any

import httpx2

from app.engine.options import BASE_NAME
from app.serving.jobs import End, Job
from app.serving.model_process import address_in, end, remove, socket_folder, spawn
from app.serving.pace import Pace
from app.serving.remote import (
    FAILURES,
    OnText,
    RemoteFailure,
    ServerSays,
    ask_openai,
    http_client,
    key_header,
    sentence,
)
from app.settings import Settings
from rlhb_core.schema.records import ModelVersion

log = logging.getLogger(__name__)

LOOK_S = 0.1
"""While a model is being loaded, its process is looked at this often."""
READY_LOOK_S = 5.0
"""And once it is ready, for its memory: that it has died is noticed at once."""
THEIRS_LOOK_S = 2.0
"""A process that somebody else runs is looked at this often."""
HEALTH_PATIENCE_S = 10.0
SILENT_S = 60.0
"""A process that was ready and then says nothing for so long hangs: it is killed, and started again."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""Between two attempts to start a process that keeps dying."""
STEADY_S = 60.0
"""A process that lived so long has its first attempt anew."""
IN_VAIN = 3
"""Starts in a row without ever getting ready, after which nobody waits for the next one."""
LOADS = 2
"""Attempts to give a process an adapter: it may be put away again before it is used."""

# What people read while names are hidden, so without names and paths; the log has them.
LOAD_FAILED = "The model could not be loaded; the server's log says why."
UNREACHABLE = "The model process cannot be reached. Is it running? Ask again once it is."
ENDED = "The model process ended while it wrote this answer; it is starting again. Regenerate it."


BROKEN_OFF = (httpx2.NetworkError, httpx2.ProtocolError, EOFError)
"""What is raised when the process ends while it is read from."""


class State(StrEnum):
    """How a model is."""

    LOADING = "loading"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"


class Engines:
    """Every base model in use, each in a process of its own, started when first needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engines: dict[str, Engine] = {}

    def of(self, base: str) -> "Engine":
        """The process that answers for a base model; begins to start it if there is none."""
        if base not in self._engines:
            self._engines[base] = Engine(base, self._settings)
            self._engines[base].start()
        return self._engines[base]

    @property
    def all(self) -> list["Engine"]:
        """Those that were needed so far."""
        return list(self._engines.values())

    async def close(self) -> None:
        """End the processes."""
        await asyncio.gather(*(engine.close() for engine in self._engines.values()))
        self._engines.clear()


class Engine:
    """One model process, or the server that stands in its place."""

    def __init__(self, base: str, settings: Settings) -> None:
        self.state = State.LOADING
        self.error = ""
        self.memory_mb: int | None = None
        self.pace = Pace(settings.max_rows)
        self.starts = 0
        self._base = base
        self._settings = settings
        is_shared = bool(settings.engine_url) and base == settings.base_model
        self._folder = None if is_shared else socket_folder()
        self._listen = address_in(self._folder) if self._folder else settings.engine_url
        is_socket = self._listen.startswith("unix:")
        self._root = "http://models" if is_socket else self._listen.rstrip("/")
        self._client = http_client(self._listen.removeprefix("unix:") if is_socket else None)
        self._process: asyncio.subprocess.Process | None = None
        self._answers = False
        self._stirred = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    # --- asking -----------------------------------------------------------------------------------

    async def write(self, job: Job, on_text: OnText) -> End:
        """Have an answer written; returns how it ended. Raises RemoteFailure.

        If the process ends before the first word, the next one is asked, once: a question may be what ends it.
        """
        heard = _Heard(on_text)
        attempts = 0
        try:
            while True:
                await self._reachable()
                try:
                    if job.version.adapter:
                        return await self._with_adapter(job, heard)
                    return await self._ask(BASE_NAME, job, heard)
                except httpx2.ConnectError:  # it was not even asked
                    self._lost()
                except BROKEN_OFF:
                    attempts += 1
                    if heard.anything or attempts > 1:
                        raise
                    self._lost()
        except ServerSays:
            raise  # ours names nothing
        except FAILURES as error:
            log.warning("a local answer failed: %s: %s", type(error).__name__, error)
            self._stirred.set()
            raise RemoteFailure(_sentence(error, self._settings.remote_timeout_s)) from error

    async def _with_adapter(self, job: Job, on_text: OnText) -> End:
        """Ask for a version by its id; the process is given the adapter if it does not have it."""
        while self._answers and self.state is not State.READY:  # no adapter before its model
            await asyncio.sleep(LOOK_S / 2)
        name = str(job.version.id)
        for _ in range(LOADS):
            try:
                return await self._ask(name, job, on_text)
            except httpx2.HTTPStatusError as error:
                if error.response.status_code != 404:
                    raise
            await self._load(name, job.version)
        return await self._ask(name, job, on_text)

    async def _ask(self, model: str, job: Job, on_text: OnText) -> End:
        timeout_s = self._settings.remote_timeout_s
        return await ask_openai(self._client, self._root, model, job, timeout_s, on_text)

    async def _load(self, name: str, version: ModelVersion) -> None:
        """Have the process read an adapter. Raises RemoteFailure if it cannot be used."""
        body = {"lora_name": name, "lora_path": version.adapter}
        reply = await self._client.post(
            f"{self._root}/v1/load_lora_adapter",
            json=body,
            headers=key_header(),
            timeout=self._settings.remote_timeout_s,
        )
        if reply.is_error:
            log.warning("the adapter of %s cannot be used: %s", version.name, reply.text)
            raise RemoteFailure(LOAD_FAILED)

    async def _reachable(self) -> None:
        """Wait until the process answers, if only to say that it is loading."""
        until = time.monotonic() + self._settings.remote_timeout_s
        while not self._answers:
            if self.state is State.FAILED:
                raise RemoteFailure(LOAD_FAILED)
            if self._folder is None and time.monotonic() > until:  # nobody here starts it again
                raise RemoteFailure(UNREACHABLE)
            await asyncio.sleep(LOOK_S / 2)

    def _lost(self) -> None:
        """It does not answer any more."""
        self._answers = False
        self._stirred.set()
        if self.state is not State.FAILED:
            self.state = State.RESTARTING

    # --- watching ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to start and to watch the process; returns at once."""
        watch = self._watch_ours() if self._folder else self._watch_theirs()
        self._watching = asyncio.create_task(watch)

    async def close(self) -> None:
        """End the process."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._end()
        await self._client.aclose()
        if self._folder is not None:
            remove(self._folder)

    async def _watch_ours(self) -> None:
        pause_s, in_vain = FIRST_PAUSE_S, 0
        while True:
            began = time.monotonic()
            try:
                await self._spawn()
                await self._until_gone()
            except Exception:
                log.exception("the model process could not be watched")
            in_vain = 0 if self.state is State.READY else in_vain + 1
            await self._end()
            if in_vain >= IN_VAIN:
                self.state, self.error = State.FAILED, "the model process ends before it is ready"
            if time.monotonic() - began > STEADY_S:
                pause_s = FIRST_PAUSE_S
            log.error("the model process is gone; it is started again in %g s", pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _spawn(self) -> None:
        assert self._folder is not None
        self.starts += 1
        self._process = await spawn(self._settings, self._base, self._folder)

    async def _until_gone(self) -> None:
        """Look at the process until it has ended, says that its model cannot be loaded, or hangs."""
        assert self._process is not None
        gone = asyncio.ensure_future(self._process.wait())
        heard = time.monotonic()
        try:
            while not gone.done():
                if (
                    await self._look() or self.state is not State.READY
                ):  # a model takes long to load
                    heard = time.monotonic()
                elif time.monotonic() - heard > SILENT_S:
                    log.error("the model process does not answer any more; it is killed")
                    self._process.kill()
                    await gone
                if self.state is State.FAILED:
                    return
                pause_s = READY_LOOK_S if self.state is State.READY else LOOK_S
                await asyncio.wait([gone], timeout=pause_s)
        finally:
            gone.cancel()

    async def _watch_theirs(self) -> None:
        """Look at a server that somebody else runs, for as long as we live."""
        while True:
            self._stirred.clear()
            if not await self._look():
                self._lost()
                self._stirred.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(THEIRS_LOOK_S):
                    await self._stirred.wait()

    async def _look(self) -> bool:
        """Ask the process how it is; whether it answered."""
        try:
            reply = await self._client.get(
                f"{self._root}/health", headers=key_header(), timeout=HEALTH_PATIENCE_S
            )
            facts: dict[str, Any] = reply.json()
            status = State(facts["status"])
        except FAILURES:
            return False
        if self._folder is None and facts.get("base") != self._base:
            status, facts["error"] = (
                State.FAILED,
                "the process at engine_url has another base model",
            )
        if status is State.LOADING and self.state is State.RESTARTING:
            status = State.RESTARTING
        if status is State.FAILED and self.state is not State.FAILED:
            log.error("the model cannot be used: %s", facts.get("error"))
        self.state, self.error = status, str(facts.get("error") or "")
        self.memory_mb = facts.get("memory_mb")
        if status is State.FAILED:
            self._answers = False
        else:
            self._answers = True
        return True

    async def _end(self) -> None:
        """End the process if there is one, and wait until it is gone."""
        self._lost()
        self.memory_mb = None
        process, self._process = self._process, None
        if process is not None:
            await end(process)


class _Heard:
    """Passes text on and knows whether there was any."""

    def __init__(self, on_text: OnText) -> None:
        self.anything = False
        self._on_text = on_text

    def __call__(self, text: str) -> None:
        self.anything = True
        self._on_text(text)


def _sentence(error: Exception, timeout_s: float) -> str:
    match error:
        case RemoteFailure():
            return str(error)
        case httpx2.HTTPStatusError() if error.response.status_code == 500:
            return LOAD_FAILED
        case _ if isinstance(error, BROKEN_OFF):
            return ENDED
        case _:
            return sentence(error, timeout_s)
