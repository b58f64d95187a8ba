"""Answers as they are written: streamed into memory, committed as each ends, tried again for a while if that fails.

Goes on when the browser that asked has gone. Does not know who may ask or look, nor how an answer is made (`serving`).
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any
from uuid import UUID

from app.comparing.going_on import history_of
from app.comparing.live import Live
from app.comparing.stored import DrawnQuery
from app.serving import Chunk, End, Job, Serving, cut, cut_at
from app.settings import Settings
from app.store import Store, UnknownReference, responses
from rlhb_core.errors import RlhbError
from rlhb_core.schema.naming import Names, aliases
from rlhb_core.schema.records import ModelVersion, Outcome, Response

log = logging.getLogger(__name__)

MAX_ANSWER = 200_000
"""Longest answer kept, in characters."""
RETRY_AFTER_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
"""Pauses between attempts to store how an answer ended: longer than a database takes to start anew."""
SHUT_DOWN = (
    "The server was stopped before this answer was complete. Regenerate it, or vote as it is."
)
FAILED = "The answer could not be written; the server's log says why. Regenerate it."
NOT_STORED = "The database could not be reached, so this answer was not stored. Regenerate it."


class Writing:
    """All comparisons that are being written."""

    def __init__(self, store: Store, serving: Serving, settings: Settings) -> None:
        self._store = store
        self._names = settings.known_names
        self._serving = serving
        self._settings = settings
        self._tasks: set[asyncio.Task[None]] = set()
        self._commits: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self.live: dict[UUID, Live] = {}
        self.unstored: dict[UUID, Response] = {}
        """Answers that ended here and are still pending in the store."""
        self.continued: set[UUID] = set()
        """Answers that were cut and are being written on."""

    def begin(self, drawn: DrawnQuery) -> None:
        """Begin to write what is to be written; returns at once."""
        live = self.live.get(drawn.query.id)
        if live is None:
            live = self.live[drawn.query.id] = Live(drawn.query, drawn.ways, drawn.asks, drawn.came)
            live.answers = {answer.id: answer for answer in drawn.answers}
            live.know_acts(drawn.acts)
            live.acts_are_stale = bool(drawn.acts)  # there may be more since they were read
        live.versions |= drawn.versions
        live.writers += 1
        for answer in drawn.to_write:
            live.put(answer)
        task = asyncio.create_task(self._written(live, drawn))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _written(self, live: Live, drawn: DrawnQuery) -> None:
        """Stream the answers into memory and commit each as it ends."""
        ids = [answer.id for answer in drawn.to_write]
        jobs = [self._job(drawn, answer) for answer in drawn.to_write]
        began = time.monotonic() - max((each.duration_ms or 0) for each in drawn.to_write) / 1000
        commits: set[asyncio.Task[None]] = set()
        why = End(Outcome.STOPPED, SHUT_DOWN)
        try:
            async with aclosing((drawn.stream or self._serving.stream)(jobs)) as chunks:
                async for chunk in chunks:
                    answer = _grown(live.answers[ids[chunk.job]], chunk, began)
                    if answer.outcome is not Outcome.PENDING:
                        answer = named(
                            _settled(drawn.to_write[chunk.job], answer), drawn.versions, self._names
                        )
                        commits.add(self._commit(live, answer))
                    live.put(answer)
        except Exception:
            log.exception("the answers to a query could not be written")
            why = End(Outcome.ERROR, FAILED)
        finally:
            for number, before in enumerate(drawn.to_write):
                if live.answers[before.id].outcome is Outcome.PENDING:
                    answer = _grown(live.answers[before.id], Chunk(number, end=why), began)
                    answer = _settled(before, answer)
                    live.put(answer)
                    commits.add(self._commit(live, answer))
            await asyncio.wait(commits)  # which goes on when this task is cancelled meanwhile
            self.continued.difference_update(ids)
            live.writers -= 1
            if live.writers == 0:
                self.live.pop(drawn.query.id, None)

    def _job(self, drawn: DrawnQuery, answer: Response) -> Job:
        return Job(
            drawn.versions[answer.version_id],
            drawn.query.text,
            answer.temperature,
            self._settings.max_new_tokens,
            history=history_of(drawn.query, answer),
            so_far=answer.text,
            tokens_so_far=cut_at(answer.error),
        )

    def _commit(self, live: Live, answer: Response) -> asyncio.Task[None]:
        return self._go_on(self._committed(live, answer))

    def _go_on(self, storing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(storing)
        self._commits.add(task)
        task.add_done_callback(self._commits.discard)
        return task

    async def _committed(self, live: Live, answer: Response) -> None:
        """Store how an answer ended; if the database fails for too long, the answer ends as an error here."""
        for pause_s in (*RETRY_AFTER_S, None):
            if await self._is_stored(answer):
                return
            if pause_s is None or self._closing.is_set():
                break
            await self._paused(pause_s)
        log.error("an answer could not be stored for too long; it ends as an error")
        given_up = answer.model_copy(update={"outcome": Outcome.ERROR, "error": NOT_STORED})
        self.unstored[answer.id] = given_up
        live.put(given_up)
        if not self._closing.is_set():
            self._go_on(self._made_good(given_up))

    async def _made_good(self, answer: Response) -> None:
        """That it ended as an error is stored once the database answers again."""
        while not self._closing.is_set():
            await self._paused(RETRY_AFTER_S[-1])
            if await self._is_stored(answer):
                self.unstored.pop(answer.id, None)
                return

    async def _is_stored(self, answer: Response) -> bool:
        """Try to store how an answer ended; whether there is nothing left to try."""
        try:
            await self._store.together(responses.finish_all, answer)
        except UnknownReference:
            log.info("an answer was erased while it was written")
        except RlhbError as error:
            log.warning("an answer could not be stored; trying again: %s", error)
            return False
        except Exception:
            log.exception("an answer could not be stored; trying again")
            return False
        return True

    async def _paused(self, pause_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._closing.wait()

    async def close(self) -> None:
        """End what is being written; it is stored as stopped."""
        self._closing.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*self._commits)


def named(
    answer: Response, versions: Mapping[UUID, ModelVersion], names: Sequence[str]
) -> Response:
    """The answer with the name by which it speaks of itself: one of `names`, or of the versions beside it."""
    own = [alias for each in versions.values() for alias in aliases(each.name, each.base)]
    return answer.model_copy(update={"says_name": Names([*names, *own]).told(answer.text)[:80]})


def _settled(before: Response, answer: Response) -> Response:
    """How an answer has ended; one that was cut before and could not be written on stands cut as it was."""
    cut_before = cut_at(before.error)
    if not cut_before or answer.outcome in (Outcome.OK, Outcome.CUT):
        return answer
    if answer.outcome is Outcome.EMPTY:
        return answer.model_copy(update={"outcome": Outcome.OK, "error": ""})
    why = f"{cut(cut_before).error} {answer.error}"
    return answer.model_copy(update={"outcome": Outcome.CUT, "error": why})


def _grown(answer: Response, chunk: Chunk, began: float) -> Response:
    """The answer after one more chunk. Times count from the draw."""
    elapsed_ms = round((time.monotonic() - began) * 1000)
    text = (answer.text + chunk.text)[:MAX_ANSWER]
    update: dict[str, object] = {"text": text}
    if chunk.text and answer.first_token_ms is None:
        update["first_token_ms"] = elapsed_ms
    if chunk.end is not None:
        update |= {
            "text": text.strip(),
            "outcome": chunk.end.outcome,
            "error": chunk.end.error,
            "left_out": chunk.end.left_out,
            "duration_ms": elapsed_ms,
        }
    return answer.model_copy(update=update)
