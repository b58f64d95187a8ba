"""Answers that are written before anybody asks to see them, and handed on as they are written to whoever does.

Each answer of an item is written once, however many ask for it meanwhile; what is complete is stored, what failed is
forgotten and written anew when it is asked for. What is never shown counts as nothing: it is no response of anybody.
Does not know who is given what.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import NamedTuple
from uuid import UUID

from app.serving import Chunk, End, Job, Serving
from app.store import Prepared, Store, items
from rlhb_core.schema.records import Outcome

log = logging.getLogger(__name__)

FAILED = "The answer could not be written; the server's log says why. Regenerate it."
MOST_WAIT_S = 20.0
"""Nothing is written ahead while those who ask now would wait so long for their first word."""


class Key(NamedTuple):
    """Which answer to which item, and written for whom."""

    item_id: UUID
    for_person: UUID
    version_id: UUID
    nth: int


def key_of(answer: Prepared) -> Key:
    """Which answer it is."""
    return Key(answer.item_id, answer.for_person, answer.version_id, answer.nth)


class _Growing:
    """An answer as far as it is written."""

    def __init__(self) -> None:
        self.text = ""
        self.end: End | None = None
        self.grown = asyncio.Condition()

    async def grow(self, chunk: Chunk) -> None:
        async with self.grown:
            self.text += chunk.text
            self.end = chunk.end or self.end
            self.grown.notify_all()


class Preparing:
    """All answers that are being written ahead on this server. To be used within one event loop."""

    def __init__(self, store: Store, serving: Serving) -> None:
        self._store = store
        self._serving = serving
        self._growing: dict[Key, _Growing] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, keys: Sequence[Key], jobs: Sequence[Job], *, ahead: bool = True) -> None:
        """Begin to write those that nobody is writing; returns at once. `ahead`: only if nobody waits for it."""
        new = [(key, job) for key, job in zip(keys, jobs, strict=True) if key not in self._growing]
        if not new or (ahead and self._serving.wait_s(len(new)) > MOST_WAIT_S):
            return
        for key, _ in new:
            self._growing[key] = _Growing()
        self._keep(asyncio.create_task(self._written(dict(new))))

    async def stream(self, keys: Sequence[Key], jobs: Sequence[Job]) -> AsyncGenerator[Chunk, None]:
        """These answers, chunk by chunk, from their first word on; the last chunk of each has its end.

        As `Serving.stream`, but that they go on being written if nobody listens any more.
        """
        growing = [self._growing.get(key) or await self._whole(key) for key in keys]
        wanted = [index for index, found in enumerate(growing) if found is None]
        self.begin([keys[i] for i in wanted], [jobs[i] for i in wanted], ahead=False)
        chunks: asyncio.Queue[Chunk] = asyncio.Queue()
        listeners = [
            asyncio.create_task(self._listen(index, growing[index] or self._growing[key], chunks))
            for index, key in enumerate(keys)
        ]
        try:
            unfinished = len(keys)
            while unfinished:
                chunk = await chunks.get()
                unfinished -= chunk.end is not None
                yield chunk
        finally:
            for task in listeners:
                task.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)

    async def close(self) -> None:
        """Let go of what is being written."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _whole(self, key: Key) -> _Growing | None:
        """An answer that has been stored just now, since whoever asks for it has looked."""
        found = await asyncio.to_thread(self._stored_one, key)
        if found is None:
            return None
        growing = _Growing()
        await growing.grow(
            Chunk(0, text=found.text, end=End(found.outcome, found.error, found.left_out))
        )
        return growing

    async def _listen(self, index: int, growing: _Growing, chunks: asyncio.Queue[Chunk]) -> None:
        told = 0
        while True:
            async with growing.grown:
                while len(growing.text) == told and growing.end is None:
                    await growing.grown.wait()
                text, end = growing.text[told:], growing.end
            told += len(text)
            chunks.put_nowait(Chunk(index, text=text, end=end))
            if end is not None:
                return

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _written(self, wanted: Mapping[Key, Job]) -> None:
        """Write these answers and store those that are whole."""
        keys, jobs = list(wanted), list(wanted.values())
        try:
            async with aclosing(self._serving.stream(jobs)) as chunks:
                async for chunk in chunks:
                    growing = self._growing[keys[chunk.job]]
                    await growing.grow(chunk)
                    if chunk.end is not None:
                        await self._stored(
                            keys[chunk.job], jobs[chunk.job], growing.text, chunk.end
                        )
        except Exception:
            log.exception("answers could not be written ahead")
        finally:
            for key in keys:
                growing = self._growing.pop(key)
                if growing.end is None:
                    await growing.grow(Chunk(0, end=End(Outcome.ERROR, FAILED)))

    async def _stored(self, key: Key, job: Job, text: str, end: End) -> None:
        if end.outcome not in (Outcome.OK, Outcome.CUT):
            return
        answer = Prepared(
            item_id=key.item_id,
            for_person=key.for_person,
            version_id=key.version_id,
            nth=key.nth,
            text=text.strip(),
            outcome=end.outcome,
            error=end.error,
            condition=job.version.condition,
            temperature=job.temperature,
            left_out=end.left_out,
        )
        try:
            await asyncio.to_thread(self._store_one, answer)
        except Exception:  # it stays with those who listen, and is written anew for others
            log.warning("an answer that was written ahead could not be stored")

    def _stored_one(self, key: Key) -> Prepared | None:
        with self._store.reading() as connection:
            there = items.prepared(connection, key.item_id, key.for_person)
        return next((each for each in there if key_of(each) == key), None)

    def _store_one(self, answer: Prepared) -> None:
        with self._store.writing() as connection:
            items.prepare(connection, answer)
