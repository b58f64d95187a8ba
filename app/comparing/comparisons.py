"""The life of a comparison: asked, drawn, written, followed, restored, regenerated.

Holds the comparisons that are being written, in memory, and commits each answer as it ends, trying again for a while if
the database fails; it goes on when the browser that asked has gone. Whoever looks at one meanwhile is told from memory.
Votes and marks are signals and go to the store without passing here; we are only told that there were some.
Does not know how answers are written (`serving`) nor what a page looks like.
"""

import asyncio
import logging
import math
import random
import time
from collections.abc import AsyncGenerator, Coroutine, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from typing import Any, NamedTuple
from uuid import UUID

from app.comparing.view import ANSWERS, ComparisonView, draw, view_of, was_voted
from app.data_folder import check_room
from app.serving import Chunk, End, Job, Serving, cut, cut_at
from app.settings import Settings
from app.store import (
    Session,
    Store,
    UnknownReference,
    people,
    queries,
    responses,
    signals,
    versions,
)
from rlhb_core.errors import BadRecord, RlhbError
from rlhb_core.schema.record import MAX_TEXT
from rlhb_core.schema.records import ModelVersion, Outcome, Query, Response
from rlhb_core.schema.signals import Signal

log = logging.getLogger(__name__)

SNAPSHOTS_PER_S = 10
"""Most views of a comparison sent per second while it is written."""
SNAPSHOTS_IN_ALL_PER_S = 60
"""With many comparisons each is sent less often, so that so many views are made in all."""
ACTS_MAY_AGE_S = 1.0
"""How long the acts of a comparison in the making are taken for known where another server may hear of new ones."""
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


class CannotContinue(RlhbError):
    """There is nothing to go on with."""


class Overloaded(RlhbError):
    """An answer would take too long to begin; `retry_after_s` says when to try again."""

    retry_after_s = 5


class TooManyOpen(Overloaded):
    """The person has enough questions that are being answered."""


class _Live:
    """A comparison in the making: all that a view of it needs, and a way to wait for the next change."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.answers: dict[UUID, Response] = {}
        self.versions: dict[UUID, ModelVersion] = {}
        self.acts: list[Signal] = []
        self.acts_read = time.monotonic()
        self.acts_are_stale = False
        self.writers = 0
        self.changes = 0
        self._view: ComparisonView | None = None
        self._changed = asyncio.Event()

    def put(self, answer: Response) -> None:
        """Note how an answer stands now and wake those who wait."""
        self.answers[answer.id] = answer
        self.changes += 1
        self._view = None
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, changes: int) -> None:
        """Wait until more has changed than `changes`."""
        if self.changes == changes:
            await self._changed.wait()

    def know_acts(self, acts: list[Signal]) -> None:
        """What the person has done so far."""
        self.acts, self.acts_read, self._view = acts, time.monotonic(), None

    def view(self) -> ComparisonView:
        """How it stands; made once for all who look."""
        if self._view is None:
            answers = list(self.answers.values())
            self._view = view_of(self.query, answers, self.acts, self.versions)
        return self._view


class _Drawn(NamedTuple):
    """A query with its answers as they were drawn, and those of them that are to be written."""

    query: Query
    answers: Sequence[Response]
    versions: dict[UUID, ModelVersion]
    acts: list[Signal]
    to_write: Sequence[Response]


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
        self._beginning: list[UUID] = []  # whose questions are being drawn
        self._continued: set[UUID] = set()  # answers that are being written on
        self._one_at_a_time = asyncio.Lock()  # regenerated or written on
        alone = store.serve()
        with store.session() as session:
            if left := responses.give_up_pending(session, DIED, alone):
                log.info("%d answers were left unfinished by the last server", left)

    # --- asking -----------------------------------------------------------------------------------

    async def ask(self, person_id: UUID, text: str, previous: UUID | None = None) -> UUID:
        """Draw versions for a query and begin to write their answers; returns the query's id once all is committed.

        `previous` is the query that this one follows; whether it rephrases or goes further is the browser's signal to
        send. Raises BadRecord for a text that cannot be asked, NotEnoughData if nothing is served, NotYours,
        NoRoom, Overloaded.
        """
        check_room(self._settings)
        text = text.strip()
        if not text:
            raise BadRecord("there is nothing to ask: type a question first")
        if len(text) > MAX_TEXT:
            raise BadRecord(
                f"the question has {len(text)} characters, at most {MAX_TEXT} are taken; shorten it"
            )
        with self._admitted(person_id, ANSWERS):
            return await self._to_the_end(self._begin(person_id, text, previous))

    async def _begin(self, person_id: UUID, text: str, previous: UUID | None) -> UUID:
        drawn = await asyncio.to_thread(self._draw, person_id, text, previous)
        self._write(drawn)
        return drawn.query.id

    async def regenerate(self, response_id: UUID, person_id: UUID) -> UUID:
        """Have the same version answer anew in the same place; returns the new response's id.

        The old answer stays in the store. Asked twice for the same answer, it is regenerated once. Raises StillWriting
        before the old answer has ended, NotYours, UnknownReference, Overloaded.
        """
        with self._admitted(person_id, 1):
            return await self._to_the_end(self._begin_again(response_id, person_id))

    async def _begin_again(self, response_id: UUID, person_id: UUID) -> UUID:
        async with self._one_at_a_time:
            new, drawn = await asyncio.to_thread(self._draw_again, response_id, person_id)
            if drawn.to_write:
                self._write(drawn)
        return new.id

    async def carry_on(self, response_id: UUID, person_id: UUID) -> UUID:
        """Have an answer that was cut written on, in place; returns its id.

        Asked twice, it is done once. If the rest cannot be written, it stands as it was cut. Raises CannotContinue for
        an answer that was not cut, or once there was a vote, even if it was taken back: what was said before it would
        else be about another text, and what is said after it is not blind. NotYours, UnknownReference, Overloaded.
        """
        with self._admitted(person_id, 1):
            return await self._to_the_end(self._begin_rest(response_id, person_id))

    async def _begin_rest(self, response_id: UUID, person_id: UUID) -> UUID:
        async with self._one_at_a_time:
            if response_id not in self._continued:
                drawn = await asyncio.to_thread(self._reopen, response_id, person_id)
                self._continued.add(response_id)
                self._write(drawn)
        return response_id

    @contextmanager
    def _admitted(self, person_id: UUID, answers: int) -> Iterator[None]:
        """Room for so many more answers while they are drawn. Raises Overloaded."""
        mine = self._beginning.count(person_id)
        mine += sum(live.query.person_id == person_id for live in self._live.values())
        if mine >= self._settings.max_open_queries:
            raise TooManyOpen(
                f"{mine} of your questions are being answered; wait until one of them is complete"
            )
        wait_s = self._serving.wait_s(answers + ANSWERS * len(self._beginning))
        if wait_s > self._settings.max_wait_s:
            refusal = Overloaded(
                f"So many answers are being written that yours would wait; try again in {wait_s:.0f} s."
            )
            refusal.retry_after_s = math.ceil(wait_s)
            raise refusal
        self._beginning.append(person_id)
        try:
            yield
        finally:
            self._beginning.remove(person_id)

    async def _to_the_end(self, beginning: Coroutine[Any, Any, UUID]) -> UUID:
        """Begin even if whoever asked goes away meanwhile: what was drawn and committed must be written too."""
        task = asyncio.create_task(beginning)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    def _draw(self, person_id: UUID, text: str, previous: UUID | None) -> _Drawn:
        with self._store.session() as session:
            person = people.here(session, person_id)
            before = queries.find(session, previous) if previous else None  # None if erased since
            if before and before.person_id != person_id:
                raise NotYours("the query before this one belongs to somebody else")
            query = queries.add(
                session, Query(person_id=person_id, text=text, source=person.source)
            )
            drawn = draw(versions.served(session), self._rng)
            answers = [
                Response(
                    query_id=query.id,
                    version_id=version.id,
                    position=position,
                    draw_probability=probability,
                    condition=version.condition,
                    temperature=self._settings.temperature,
                )
                for position, (version, probability) in enumerate(drawn)
            ]
            responses.add_drawn(session, answers)
        known = {version.id: version for version, _ in drawn}
        return _Drawn(query, answers, known, [], answers)

    def _draw_again(self, response_id: UUID, person_id: UUID) -> tuple[Response, _Drawn]:
        given_up = self._unstored.get(response_id)  # looked up first: it may be stored meanwhile
        with self._store.session() as session:
            drawn, old = self._drawn(session, response_id, person_id)
            for other in drawn.answers:
                if other.replaces == old.id:
                    return other, drawn
            if old.outcome is Outcome.PENDING and given_up:
                old = responses.finish(session, given_up)
            if old.outcome is Outcome.PENDING:
                raise StillWriting("this answer is still being written; regenerate it afterwards")
            version = drawn.versions[old.version_id]
            new = Response(
                query_id=drawn.query.id,
                version_id=version.id,
                position=old.position,
                draw_probability=old.draw_probability,
                condition=version.condition,
                temperature=self._settings.temperature,
                replaces=old.id,
            )
            responses.add(session, new)
        return new, drawn._replace(answers=[*drawn.answers, new], to_write=[new])

    def _reopen(self, response_id: UUID, person_id: UUID) -> _Drawn:
        """The answer that was cut, pending again; its text and where it was cut are kept until it ends anew."""
        with self._store.session() as session:
            drawn, old = self._drawn(session, response_id, person_id)
            if old.outcome is not Outcome.CUT:
                raise CannotContinue("this answer was not cut; there is nothing to go on with")
            if any(other.replaces == old.id for other in drawn.answers):
                raise CannotContinue("another answer stands in its place by now")
            if was_voted(drawn.acts):
                raise CannotContinue(
                    "you have voted, and names were shown: what you said is about the answer as it is. "
                    "Ask again to read more"
                )
            pending = old.model_copy(update={"outcome": Outcome.PENDING})
            responses.finish(session, pending)
        answers = [pending if each.id == old.id else each for each in drawn.answers]
        return drawn._replace(answers=answers, to_write=[pending])

    def _drawn(
        self, session: Session, response_id: UUID, person_id: UUID
    ) -> tuple[_Drawn, Response]:
        """All of the comparison that an answer belongs to, nothing to be written yet; and the answer."""
        old = responses.get(session, response_id)
        query = _own(queries.get(session, old.query_id), person_id)
        return self._read(session, query), old

    def _read(self, session: Session, query: Query) -> _Drawn:
        unstored = dict(self._unstored)  # as it was before we look: they may be stored meanwhile
        answers = [
            unstored.get(each.id, each) if each.outcome is Outcome.PENDING else each
            for each in responses.of_query(session, query.id)
        ]
        acts = signals.of_query(session, query.id)
        known = {each: versions.get(session, each) for each in {a.version_id for a in answers}}
        return _Drawn(query, answers, known, acts, [])

    # --- writing ----------------------------------------------------------------------------------

    def _write(self, drawn: _Drawn) -> None:
        live = self._live.get(drawn.query.id)
        if live is None:
            live = self._live[drawn.query.id] = _Live(drawn.query)
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

    async def _written(self, live: _Live, drawn: _Drawn) -> None:
        """Stream the answers into memory and commit each as it ends."""
        ids = [answer.id for answer in drawn.to_write]
        jobs = [self._job(drawn, answer) for answer in drawn.to_write]
        began = time.monotonic() - max((each.duration_ms or 0) for each in drawn.to_write) / 1000
        commits: set[asyncio.Task[None]] = set()
        why = End(Outcome.STOPPED, SHUT_DOWN)
        try:
            async with aclosing(self._serving.stream(jobs)) as chunks:
                async for chunk in chunks:
                    answer = _grown(live.answers[ids[chunk.job]], chunk, began)
                    if answer.outcome is not Outcome.PENDING:
                        answer = _settled(drawn.to_write[chunk.job], answer)
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
            self._continued.difference_update(ids)
            live.writers -= 1
            if live.writers == 0:
                self._live.pop(drawn.query.id, None)

    def _job(self, drawn: _Drawn, answer: Response) -> Job:
        return Job(
            drawn.versions[answer.version_id],
            drawn.query.text,
            answer.temperature,
            self._settings.max_new_tokens,
            so_far=answer.text,
            tokens_so_far=cut_at(answer.error),
        )

    def _commit(self, live: _Live, answer: Response) -> asyncio.Task[None]:
        return self._go_on(self._committed(live, answer))

    def _go_on(self, storing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(storing)
        self._commits.add(task)
        task.add_done_callback(self._commits.discard)
        return task

    async def _committed(self, live: _Live, answer: Response) -> None:
        """Store how an answer ended; if the database fails for too long, the answer ends as an error here."""
        for pause_s in (*RETRY_AFTER_S, None):
            if await self._is_stored(answer):
                return
            if pause_s is None or self._closing.is_set():
                break
            await self._paused(pause_s)
        log.error("an answer could not be stored for too long; it ends as an error")
        given_up = answer.model_copy(update={"outcome": Outcome.ERROR, "error": NOT_STORED})
        self._unstored[answer.id] = given_up
        live.put(given_up)
        if not self._closing.is_set():
            self._go_on(self._made_good(given_up))

    async def _made_good(self, answer: Response) -> None:
        """That it ended as an error is stored once the database answers again."""
        while not self._closing.is_set():
            await self._paused(RETRY_AFTER_S[-1])
            if await self._is_stored(answer):
                self._unstored.pop(answer.id, None)
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

    # --- looking ----------------------------------------------------------------------------------

    def heard(self, query_ids: Iterable[UUID]) -> None:
        """Somebody has done something about these queries. May be called from any thread, after the commit."""
        for query_id in query_ids:
            if live := self._live.get(query_id):
                live.acts_are_stale = True

    async def view(self, query_id: UUID, person_id: UUID) -> ComparisonView:
        """The comparison as it stands, at any time. Raises NotYours or UnknownReference."""
        if live := self._live.get(query_id):
            _own(live.query, person_id)
            return await self._seen(live, fresh=self._store.is_shared)
        return await asyncio.to_thread(self._stored, query_id, person_id)

    async def follow(self, query_id: UUID, person_id: UUID) -> AsyncGenerator[ComparisonView, None]:
        """The comparison while it is written, a few views a second; ends with the complete one."""
        live = self._live.get(query_id)
        if live is None:
            yield await self.view(query_id, person_id)
            return
        _own(live.query, person_id)
        while True:
            changes = live.changes
            view = await self._seen(live)
            yield view
            if view.complete:
                return
            pause_s = max(1 / SNAPSHOTS_PER_S, len(self._live) / SNAPSHOTS_IN_ALL_PER_S)
            await asyncio.gather(live.after(changes), asyncio.sleep(pause_s))

    async def _seen(self, live: _Live, fresh: bool = False) -> ComparisonView:
        """How a comparison in the making stands. Its acts are read only if there are new ones.

        Another server on the same database may have taken some in: then they are read from time to time besides.
        """
        is_old = self._store.is_shared and time.monotonic() - live.acts_read > ACTS_MAY_AGE_S
        if live.acts_are_stale or fresh or is_old:
            live.acts_are_stale = False
            live.know_acts(await asyncio.to_thread(self._acts, live.query.id))
        view = live.view()
        if self._is_loading(live):
            return view.model_copy(update={"loading": True})
        return view

    def _is_loading(self, live: _Live) -> bool:
        return any(
            answer.outcome is Outcome.PENDING
            and not answer.text
            and self._serving.is_loading(live.versions[answer.version_id])
            for answer in live.answers.values()
        )

    def _acts(self, query_id: UUID) -> list[Signal]:
        with self._store.reading() as session:
            return signals.of_query(session, query_id)

    def _stored(self, query_id: UUID, person_id: UUID) -> ComparisonView:
        with self._store.reading() as session:
            found = self._read(session, _own(queries.get(session, query_id), person_id))
        return view_of(found.query, found.answers, found.acts, found.versions)


def _own(query: Query, person_id: UUID) -> Query:
    if query.person_id != person_id:
        raise NotYours("this comparison belongs to somebody else")
    return query


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
            "duration_ms": elapsed_ms,
        }
    return answer.model_copy(update=update)
