"""Working through a study: what somebody is shown next, and what is written meanwhile for them to read after it.

One call gives the next item: what is in view and not ended, or what was reserved, with another one reserved behind it
whose answers are written while this one is read. Does not know what a page looks like.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple
from uuid import UUID

from app.comparing import Comparing, ComparisonView, DrawnQuery, asked_by
from app.serving import Job, Serving
from app.settings import Settings
from app.store import (
    Assignment,
    Connection,
    Drawn,
    Progress,
    Store,
    Study,
    assignments,
    contests,
    items,
    people,
    queries,
    studies,
    versions,
)
from app.studies import handing_out, showing
from app.studies.drawing import Duel, Duels
from app.studies.preparing import Key, Preparing
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Person

CONTESTS_MAY_AGE_S = 30.0
"""How long it is taken for known how versions have fared: it is read from all that was said in a study."""


class Task(NamedTuple):
    """What somebody is to do next in a study, and how far they are."""

    study: Study
    query_id: UUID | None
    """The comparison that is in view; None if there is nothing for them now."""
    progress: Progress
    is_last: bool
    """Whether nothing is reserved behind it."""
    is_over: bool
    """Whether they have done all that there was for them; if not, others have in view what is left."""
    knows_guidelines: bool
    """Whether there are no guidelines, or they have ended an item by those that hold."""


class _Turn(NamedTuple):
    """What one unit of work comes to: what is in view, what is to be written for it, and what is reserved behind it."""

    task: Task
    drawn: DrawnQuery | None
    ahead: "_ToWrite | None"


class _ToWrite(NamedTuple):
    keys: Sequence[Key]
    jobs: Sequence[Job]


class Studies:
    """All studies of this server, as people work through them. To be used within one event loop."""

    def __init__(
        self,
        store: Store,
        serving: Serving,
        comparing: Comparing,
        settings: Settings,
        rng: random.Random | None = None,
        begins: Callable[[UUID], Person] = lambda person_id: Person(id=person_id),
    ) -> None:
        """begins: a person as they are stored who is here for the first time."""
        self._store = store
        self._comparing = comparing
        self._settings = settings
        self._rng = rng or random.SystemRandom()
        self._begins = begins
        self._preparing = Preparing(store, serving)
        self._contests: dict[UUID, tuple[float, Duels]] = {}

    async def next(self, study_id: UUID, person_id: UUID) -> Task:
        """What the person is to do now. Asked again before that is ended, it is the same.

        Raises UnknownReference, StudyClosed, NotEnoughData if no version could answer.
        """
        turn = await asyncio.to_thread(self._turn, study_id, person_id)
        if turn.drawn is not None:
            self._comparing.write(turn.drawn)
        if turn.ahead is not None:
            self._preparing.begin(turn.ahead.keys, turn.ahead.jobs)
        return turn.task

    async def view(self, task: Task, person_id: UUID) -> ComparisonView | None:
        """The comparison that is in view, as it stands."""
        if task.query_id is None:
            return None
        return await self._comparing.view(task.query_id, person_id, blocks=True)

    async def close(self) -> None:
        """Let go of what is written ahead."""
        await self._preparing.close()

    # --- in one unit of work ------------------------------------------------------------------------

    def _turn(self, study_id: UUID, person_id: UUID) -> _Turn:
        now = now_ms()
        with self._store.writing() as connection:
            people.here(connection, self._begins(person_id))
            people.lock(connection, person_id)
            studies.lock(connection, [study_id])
            study = studies.get(connection, study_id)
            handing_out.check_open(study, now)
            assignments.let_go(connection, study_id, now)
            current, drawn = self._current(connection, study, person_id, now)
            ahead = self._waiting(connection, study, person_id, now) if current else None
            held = [each.id for each in (current, ahead) if each]
            assignments.hold(connection, held, handing_out.until(study, now))
            task = Task(
                study,
                current.query_id if current else None,
                assignments.progress(connection, study, person_id),
                is_last=ahead is None,
                is_over=current is None and handing_out.is_over(connection, study, person_id),
                knows_guidelines=not studies.guidelines_text(connection, study).strip()
                or assignments.has_worked_by(connection, study.id, person_id, study.guidelines),
            )
            missing = self._missing(connection, study, ahead) if ahead else None
            return _Turn(task, drawn, missing)

    def _current(
        self, connection: Connection, study: Study, person_id: UUID, now: int
    ) -> tuple[Assignment | None, DrawnQuery | None]:
        """What is in view from now on; with what is to be written of it, if it was not in view before."""
        mine = assignments.of_person(connection, study.id, person_id)
        if found := handing_out.in_view(connection, study, mine, now):
            return found, None
        given = self._waiting(connection, study, person_id, now)
        if given is None:
            return None, None
        until = handing_out.until(study, now)
        shown = showing.show(connection, study, given, self._settings, now, until)
        query, answers, known, to_write, drawn, came = shown
        keys = [self._key(study, given, each) for each in drawn]
        stream = partial(self._preparing.stream, keys)
        return (
            assignments.get(connection, given.id),
            DrawnQuery(
                query,
                answers,
                known,
                [],
                to_write,
                stream,
                queries.Ways(study.id, stays_blind=study.plan.stays_blind, own_threads=False),
                asked_by(study.plan),
                came,
            ),
        )

    def _waiting(
        self, connection: Connection, study: Study, person_id: UUID, now: int
    ) -> Assignment | None:
        """What is reserved for the person; reserved now, if nothing was."""
        mine = assignments.of_person(connection, study.id, person_id)
        if found := handing_out.waiting(connection, study, mine, now):
            return found
        duels = self._duels(connection, study)
        return handing_out.reserve(connection, study, person_id, mine, now, self._rng, duels)

    def _duels(self, connection: Connection, study: Study) -> Duels | None:
        if study.plan.pairs != "informative":
            return None
        read, duels = self._contests.get(study.id, (0.0, None))
        if duels is None or time.monotonic() - read > CONTESTS_MAY_AGE_S:
            wins = contests.wins(connection, study.id)
            duels = lambda a, b: Duel(wins.get((a, b), 0.0), wins.get((b, a), 0.0))  # noqa: E731
            self._contests[study.id] = time.monotonic(), duels
        return duels

    def _missing(self, connection: Connection, study: Study, ahead: Assignment) -> _ToWrite | None:
        """The answers that are still to be written to what is reserved."""
        if ahead.purpose == "repeat":
            return None
        item = items.get(connection, ahead.item_id)
        person = showing.for_whom(study, ahead.person_id)
        there = {
            (each.version_id, each.nth)
            for each in items.prepared(connection, ahead.item_id, person)
        }
        wanted = [each for each in ahead.drawn if (each.version_id, each.nth) not in there]
        keys = [self._key(study, ahead, each) for each in wanted]
        jobs = [
            Job(
                versions.known(connection, each.version_id),
                item.text,
                self._settings.temperature,
                self._settings.max_new_tokens,
                history=item.history,
            )
            for each in wanted
        ]
        return _ToWrite(keys, jobs) if jobs else None

    def _key(self, study: Study, given: Assignment, drawn: Drawn) -> Key:
        person = showing.for_whom(study, given.person_id)
        return Key(given.item_id, person, drawn.version_id, drawn.nth)
