"""The life of a comparison: asked, drawn, written, followed, restored, regenerated.

Holds the answers that are being written, in memory, and commits each as it ends, trying again for a while if the
database fails; it goes on when the browser that asked has gone. Votes and marks are signals and go to the store without
passing here.
Does not know how answers are written (`serving`) nor what a page looks like.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing, suppress
from typing import Any
from uuid import UUID

from app.comparison import ComparisonView, draw, view_of
from app.data_folder import check_room
from app.serving import Chunk, End, Job, Serving
from app.settings import Settings
from app.store import Store, UnknownReference, people, queries, responses, signals, versions
from rlhb_core.errors import BadRecord, RlhbError
from rlhb_core.records import (
    MAX_TEXT,
    ModelVersion,
    Outcome,
    Person,
    Query,
    Response,
)

log = logging.getLogger(__name__)

SNAPSHOTS_PER_S = 15
"""Most views of a comparison sent per second while it is written."""
MAX_ANSWER = 200_000
"""Longest answer kept, in characters."""
RETRY_AFTER_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
"""Pauses between attempts to store how an answer ended: longer than a database takes to start anew."""
SHUT_DOWN = (
    "The server was stopped before this answer was complete. Regenerate it, or vote as it is."
)
FAILED = "The answer could not be written; the server's log says why. Regenerate it."
NOT_STORED = "The database could not be reached, so this answer was not stored. Regenerate it."
DIED = "The server ended before this answer was complete. Regenerate it, or vote as it is."


class NotYours(RlhbError):
    """The comparison belongs to somebody else."""


class StillWriting(RlhbError):
    """The answer is not complete yet."""


class _Live:
    """A comparison in the making: answers by id as they stand, and a way to wait for the next change."""

    def __init__(self) -> None:
        self.answers: dict[UUID, Response] = {}
        self.writers = 0
        self.changes = 0
        self._changed = asyncio.Event()

    def put(self, answer: Response) -> None:
        """Note how an answer stands now and wake those who wait."""
        self.answers[answer.id] = answer
        self.changes += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, changes: int) -> None:
        """Wait until more has changed than `changes`."""
        if self.changes == changes:
            await self._changed.wait()


class Comparing:
    """All comparisons of this server."""

    def __init__(
        self,
        store: Store,
        serving: Serving,
        settings: Settings,
        rng: random.Random | None = None,
    ) -> None:
        self._store = store
        self._serving = serving
        self._settings = settings
        self._rng = rng or random.SystemRandom()
        self._live: dict[UUID, _Live] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._commits: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._unstored: dict[UUID, Response] = {}  # ended here, still pending in the store
        self._one_regenerates = asyncio.Lock()
        alone = store.serve()
        with store.session() as session:
            if left := responses.give_up_pending(session, DIED, alone):
                log.info("%d answers were left unfinished by the last server", left)

    # --- asking -----------------------------------------------------------------------------------

    async def ask(self, person_id: UUID, text: str, previous: UUID | None = None) -> UUID:
        """Draw versions for a query and begin to write their answers; returns the query's id once all is committed.

        `previous` is the query that this one follows; whether it rephrases or goes further is the browser's signal to
        send. Raises BadRecord for a text that cannot be asked, NotEnoughData if nothing is served, NotYours, NoRoom.
        """
        check_room(self._settings)
        text = text.strip()
        if not text:
            raise BadRecord("there is nothing to ask: type a question first")
        if len(text) > MAX_TEXT:
            raise BadRecord(
                f"the question has {len(text)} characters, at most {MAX_TEXT} are taken; shorten it"
            )
        return await self._to_the_end(self._begin(person_id, text, previous))

    async def _begin(self, person_id: UUID, text: str, previous: UUID | None) -> UUID:
        query, drawn = await asyncio.to_thread(self._draw, person_id, text, previous)
        self._write(query, drawn)
        return query.id

    async def regenerate(self, response_id: UUID, person_id: UUID) -> UUID:
        """Have the same version answer anew in the same place; returns the new response's id.

        The old answer stays in the store. Asked twice for the same answer, it is regenerated once. Raises StillWriting
        before the old answer has ended, NotYours, UnknownReference.
        """
        return await self._to_the_end(self._begin_again(response_id, person_id))

    async def _begin_again(self, response_id: UUID, person_id: UUID) -> UUID:
        async with self._one_regenerates:
            query, response, version, is_new = await asyncio.to_thread(
                self._draw_again, response_id, person_id
            )
            if is_new:
                self._write(query, [(response, version)])
        return response.id

    async def _to_the_end(self, beginning: Coroutine[Any, Any, UUID]) -> UUID:
        """Begin even if whoever asked goes away meanwhile: what was drawn and committed must be written too."""
        task = asyncio.create_task(beginning)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    def _draw(
        self, person_id: UUID, text: str, previous: UUID | None
    ) -> tuple[Query, list[tuple[Response, ModelVersion]]]:
        with self._store.session() as session:
            person = people.ensure(session, Person(id=person_id))
            if previous is not None and queries.get(session, previous).person_id != person_id:
                raise NotYours("the query before this one belongs to somebody else")
            query = queries.add(
                session, Query(person_id=person_id, text=text, source=person.source)
            )
            drawn = [
                (
                    Response(
                        query_id=query.id,
                        version_id=version.id,
                        position=position,
                        draw_probability=probability,
                        condition=version.condition,
                        temperature=self._settings.temperature,
                    ),
                    version,
                )
                for position, (version, probability) in enumerate(
                    draw(versions.served(session), self._rng)
                )
            ]
            for response, _ in drawn:
                responses.add(session, response)
        return query, drawn

    def _draw_again(
        self, response_id: UUID, person_id: UUID
    ) -> tuple[Query, Response, ModelVersion, bool]:
        with self._store.session() as session:
            old = responses.get(session, response_id)
            query = _own(queries.get(session, old.query_id), person_id)
            version = versions.get(session, old.version_id)
            for other in responses.of_query(session, query.id):
                if other.replaces == old.id:
                    return query, other, version, False
            if old.outcome is Outcome.PENDING and old.id in self._unstored:
                old = responses.finish(session, self._unstored[old.id])
            if old.outcome is Outcome.PENDING:
                raise StillWriting("this answer is still being written; regenerate it afterwards")
            new = Response(
                query_id=query.id,
                version_id=version.id,
                position=old.position,
                draw_probability=old.draw_probability,
                condition=version.condition,
                temperature=self._settings.temperature,
                replaces=old.id,
            )
            return query, responses.add(session, new), version, True

    # --- writing ----------------------------------------------------------------------------------

    def _write(self, query: Query, drawn: Sequence[tuple[Response, ModelVersion]]) -> None:
        live = self._live.setdefault(query.id, _Live())
        live.writers += 1
        for response, _ in drawn:
            live.put(response)
        task = asyncio.create_task(self._written(query, live, drawn))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _written(
        self, query: Query, live: _Live, drawn: Sequence[tuple[Response, ModelVersion]]
    ) -> None:
        """Stream the answers into memory and commit each as it ends."""
        ids = [response.id for response, _ in drawn]
        jobs = [
            Job(version, query.text, response.temperature, self._settings.max_new_tokens)
            for response, version in drawn
        ]
        began = time.monotonic()
        commits: set[asyncio.Task[None]] = set()
        why = End(Outcome.STOPPED, SHUT_DOWN)
        try:
            async with aclosing(self._serving.stream(jobs)) as chunks:
                async for chunk in chunks:
                    answer = _grown(live.answers[ids[chunk.job]], chunk, began)
                    live.put(answer)
                    if answer.outcome is not Outcome.PENDING:
                        commits.add(self._commit(live, answer))
        except Exception:
            log.exception("the answers to a query could not be written")
            why = End(Outcome.ERROR, FAILED)
        finally:
            for number, each in enumerate(ids):
                if live.answers[each].outcome is Outcome.PENDING:
                    answer = _grown(live.answers[each], Chunk(number, end=why), began)
                    live.put(answer)
                    commits.add(self._commit(live, answer))
            await asyncio.wait(commits)  # which goes on when this task is cancelled meanwhile
            live.writers -= 1
            if live.writers == 0:
                self._live.pop(query.id, None)

    def _commit(self, live: _Live, answer: Response) -> asyncio.Task[None]:
        task = asyncio.create_task(self._committed(live, answer))
        self._commits.add(task)
        task.add_done_callback(self._commits.discard)
        return task

    async def _committed(self, live: _Live, answer: Response) -> None:
        """Store how an answer ended; if the database fails for too long, the answer ends as an error here."""
        for pause_s in (*RETRY_AFTER_S, None):
            try:
                await asyncio.to_thread(
                    self._store.together, lambda session: responses.finish(session, answer)
                )
                return
            except UnknownReference:
                log.info("an answer was erased while it was written")
                return
            except Exception:
                if pause_s is None or self._closing.is_set():
                    log.exception("an answer could not be stored, for good")
                    break
                log.warning("an answer could not be stored; trying again", exc_info=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), pause_s)
        given_up = answer.model_copy(update={"outcome": Outcome.ERROR, "error": NOT_STORED})
        self._unstored[answer.id] = given_up
        live.put(given_up)

    async def close(self) -> None:
        """End what is being written; it is stored as stopped."""
        self._closing.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*self._commits)

    # --- looking ----------------------------------------------------------------------------------

    async def view(self, query_id: UUID, person_id: UUID) -> ComparisonView:
        """The comparison as it stands, at any time. Raises NotYours or UnknownReference."""
        live = self._live.get(query_id)  # before reading: what is forgotten meanwhile was committed
        return await asyncio.to_thread(self._view, query_id, person_id, live)

    async def follow(self, query_id: UUID, person_id: UUID) -> AsyncGenerator[ComparisonView, None]:
        """The comparison while it is written, at most 15 views a second; ends with the complete one."""
        while True:
            live = self._live.get(query_id)
            changes = live.changes if live else 0
            view = await self.view(query_id, person_id)
            yield view
            if view.complete or live is None:
                return
            await asyncio.gather(live.after(changes), asyncio.sleep(1 / SNAPSHOTS_PER_S))

    def _view(self, query_id: UUID, person_id: UUID, live: _Live | None) -> ComparisonView:
        with self._store.reading() as session:
            query = _own(queries.get(session, query_id), person_id)
            answers = responses.of_query(session, query_id)
            acts = signals.of_query(session, query_id)
            known = {each: versions.get(session, each) for each in {a.version_id for a in answers}}
        growing = {**self._unstored, **(live.answers if live else {})}
        answers = [growing.get(a.id, a) if a.outcome is Outcome.PENDING else a for a in answers]
        return view_of(query, answers, acts, known)


def _own(query: Query, person_id: UUID) -> Query:
    if query.person_id != person_id:
        raise NotYours("this comparison belongs to somebody else")
    return query


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
            "duration_ms": elapsed_ms,
        }
    return answer.model_copy(update=update)
