"""The life of a comparison: asked, drawn, written, followed, restored, regenerated.

Whoever looks at one that is being written is told from memory, at any other from the store. Votes and marks are signals
and go to the store without passing here; we are only told that there were some. Does not know how answers are written
(`writing.py`), what is committed (`stored.py`), nor what a page looks like.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from typing import Any
from uuid import UUID

from app.comparing.admission import Admission
from app.comparing.draw import ANSWERS
from app.comparing.earlier import Earlier
from app.comparing.live import Live
from app.comparing.stored import DrawnQuery, StoredComparisons, own
from app.comparing.thread import ThreadView
from app.comparing.view import ComparisonView
from app.comparing.writing import Writing
from app.data_folder import check_room
from app.serving import Serving
from app.settings import Settings
from app.store import Store, responses
from rlhb_core.errors import BadRecord
from rlhb_core.schema.record import MAX_TEXT
from rlhb_core.schema.records import Outcome, Person

log = logging.getLogger(__name__)

SNAPSHOTS_PER_S = 10
"""Most views of a comparison sent per second while it is written."""
SNAPSHOTS_IN_ALL_PER_S = 60
"""With many comparisons each is sent less often, so that so many views are made in all."""
ACTS_MAY_AGE_S = 1.0
"""How long the acts of a comparison in the making are taken for known where another server may hear of new ones."""
DIED = "The server ended before this answer was complete. Regenerate it, or vote as it is."


class Comparing:
    """All comparisons of this server."""

    def __init__(
        self,
        store: Store,
        serving: Serving,
        settings: Settings,
        rng: random.Random | None = None,
        begins: Callable[[UUID], Person] = lambda person_id: Person(id=person_id),
    ) -> None:
        """begins: a person as they are stored who asks for the first time."""
        self._store = store
        self._serving = serving
        self._settings = settings
        self._writing = Writing(store, serving, settings)
        self._live = self._writing.live
        self._admission = Admission(serving, settings, self._live)
        self._stored = StoredComparisons(
            store, settings, self._writing.unstored, rng or random.SystemRandom(), begins
        )
        self._beginnings: set[asyncio.Task[Any]] = set()
        self._one_at_a_time = asyncio.Lock()  # regenerated or written on
        alone = store.serve()
        with store.writing() as connection:
            if left := responses.give_up_pending(connection, DIED, alone):
                log.info("%d answers were left unfinished by the last server", left)

    # --- asking -----------------------------------------------------------------------------------

    async def ask(
        self,
        person_id: UUID,
        text: str,
        previous: UUID | None = None,
        follows: UUID | None = None,
        from_response: UUID | None = None,
    ) -> UUID:
        """Draw versions for a query and begin to write their answers; returns the query's id once all is committed.

        `previous` is the query that this one follows; whether it rephrases or goes further is the browser's signal to
        send. `follows` is the query whose conversation it goes on with, from the answer that was chosen there, or from
        `from_response`; without it the query stands alone.

        Raises BadRecord for a text that cannot be asked, NotEnoughData if nothing is served, NotYours, NoRoom,
        Overloaded; UnknownReference, CannotContinue, StillWriting if it cannot go on from there.
        """
        check_room(self._settings)
        text = text.strip()
        if not text:
            raise BadRecord("there is nothing to ask: type a question first")
        if len(text) > MAX_TEXT:
            raise BadRecord(
                f"the question has {len(text)} characters, at most {MAX_TEXT} are taken; shorten it"
            )
        with self._admission.given(person_id, ANSWERS):
            return await self._to_the_end(
                self._begin(person_id, text, previous, follows, from_response)
            )

    async def _begin(self, person_id: UUID, text: str, *before: UUID | None) -> UUID:
        drawn = await asyncio.to_thread(self._stored.draw, person_id, text, *before)
        self._writing.begin(drawn)
        return drawn.query.id

    def write(self, drawn: DrawnQuery) -> None:
        """Begin to write the answers of a comparison that somebody else has put into the store; returns at once."""
        if drawn.to_write:
            self._writing.begin(drawn)

    async def regenerate(self, response_id: UUID, person_id: UUID) -> UUID:
        """Have the same version answer anew in the same place; returns the new response's id.

        The old answer stays in the store. Asked twice for the same answer, it is regenerated once. Raises StillWriting
        before the old answer has ended, NotYours, UnknownReference, Overloaded.
        """
        with self._admission.given(person_id, 1):
            return await self._to_the_end(self._begin_again(response_id, person_id))

    async def _begin_again(self, response_id: UUID, person_id: UUID) -> UUID:
        async with self._one_at_a_time:
            new, drawn = await asyncio.to_thread(self._stored.draw_again, response_id, person_id)
            if drawn.to_write:
                self._writing.begin(drawn)
        return new.id

    async def carry_on(self, response_id: UUID, person_id: UUID) -> UUID:
        """Have an answer that was cut written on, in place; returns its id.

        Asked twice, it is done once. If the rest cannot be written, it stands as it was cut. Raises CannotContinue for
        an answer that was not cut, or once there was a vote, even if it was taken back: what was said before it would
        else be about another text, and what is said after it is not blind. NotYours, UnknownReference, Overloaded.
        """
        with self._admission.given(person_id, 1):
            return await self._to_the_end(self._begin_rest(response_id, person_id))

    async def _begin_rest(self, response_id: UUID, person_id: UUID) -> UUID:
        async with self._one_at_a_time:
            if response_id not in self._writing.continued:
                drawn = await asyncio.to_thread(self._stored.reopen, response_id, person_id)
                self._writing.continued.add(response_id)
                self._writing.begin(drawn)
        return response_id

    async def _to_the_end(self, beginning: Coroutine[Any, Any, UUID]) -> UUID:
        """Begin even if whoever asked goes away meanwhile: what was drawn and committed must be written too."""
        task = asyncio.create_task(beginning)
        self._beginnings.add(task)
        task.add_done_callback(self._beginnings.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End what is being written; it is stored as stopped."""
        for task in self._beginnings:
            task.cancel()
        await asyncio.gather(*self._beginnings, return_exceptions=True)
        await self._writing.close()

    # --- looking ----------------------------------------------------------------------------------

    def heard(self, query_ids: Iterable[UUID]) -> None:
        """Somebody has done something about these queries. May be called from any thread, after the commit."""
        for query_id in query_ids:
            if live := self._live.get(query_id):
                live.acts_are_stale = True

    async def view(self, query_id: UUID, person_id: UUID, blocks: bool = False) -> ComparisonView:
        """The comparison as it stands, at any time. Raises NotYours or UnknownReference.

        blocks: whether its answers are rendered, for somebody to read.
        """
        if live := self._live.get(query_id):
            own(live.query, person_id)
            return await self._seen(live, blocks, fresh=self._store.is_shared)
        return await asyncio.to_thread(self._stored.view, query_id, person_id, blocks)

    def thread(self, query_id: UUID, person_id: UUID) -> ThreadView:
        """What went before a comparison, to be read above it. Takes its time: not for the event loop.

        Raises NotYours or UnknownReference.
        """
        return self._stored.thread(query_id, person_id)

    async def earlier(
        self, person_id: UUID, study_id: UUID | None = None, limit: int = 20
    ) -> list[Earlier]:
        """What a person compared before in a study, or asked freely, newest first."""
        return await asyncio.to_thread(self._stored.earlier, person_id, study_id, limit)

    async def follow(self, query_id: UUID, person_id: UUID) -> AsyncGenerator[ComparisonView, None]:
        """The comparison while it is written, rendered, a few views a second; ends with the complete one."""
        live = self._live.get(query_id)
        if live is None:
            yield await self.view(query_id, person_id, blocks=True)
            return
        own(live.query, person_id)
        while True:
            changes = live.changes
            view = await self._seen(live, blocks=True)
            yield view
            if view.complete:
                return
            pause_s = max(1 / SNAPSHOTS_PER_S, len(self._live) / SNAPSHOTS_IN_ALL_PER_S)
            await asyncio.gather(live.after(changes), asyncio.sleep(pause_s))

    async def _seen(self, live: Live, blocks: bool, fresh: bool = False) -> ComparisonView:
        """How a comparison in the making stands. Its acts are read only if there are new ones.

        Another server on the same database may have taken some in: then they are read from time to time besides.
        """
        is_old = self._store.is_shared and time.monotonic() - live.acts_read > ACTS_MAY_AGE_S
        if live.acts_are_stale or fresh or is_old:
            live.acts_are_stale = False
            live.know_acts(await asyncio.to_thread(self._stored.acts, live.query.id))
        view = await live.read() if blocks else live.view()
        if self._is_loading(live):
            return view.model_copy(update={"loading": True})
        return view

    def _is_loading(self, live: Live) -> bool:
        return any(
            answer.outcome is Outcome.PENDING
            and not answer.text
            and self._serving.is_loading(live.versions[answer.version_id])
            for answer in live.answers.values()
        )
