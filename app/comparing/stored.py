"""A comparison in the store: its query asked and its answers drawn, one drawn anew or opened again, all of it read.

Each is one unit of work. Does not know how answers are written, nor who looks at them.
"""

import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from app.comparing.asking import BEST_ONLY, Asks, asked_by
from app.comparing.draw import DrawnVersion, draw
from app.comparing.earlier import Earlier, earlier
from app.comparing.errors import CannotContinue, NotYours, StillWriting
from app.comparing.going_on import Before, Thread, before
from app.comparing.thread import ThreadView, thread_of
from app.comparing.view import ComparisonView, view_of, was_voted, with_blocks
from app.rendering import rendered
from app.serving import Chunk, Job
from app.settings import Settings
from app.store import (
    FREE,
    Answers,
    Connection,
    Store,
    Threads,
    drafts,
    people,
    queries,
    responses,
    signals,
    studies,
    versions,
)
from rlhb_core.schema.records import ModelVersion, Outcome, Person, Query, Response
from rlhb_core.schema.signals import DECIDING, Signal, SignalKind

Stream = Callable[[Sequence[Job]], AsyncGenerator[Chunk, None]]
"""Writes answers, as `Serving.stream` does."""


_TOLD = DECIDING | {SignalKind.ABANDON}
"""Kinds of signals that say what became of a comparison."""


class DrawnQuery(NamedTuple):
    """A query with its answers as they were drawn, and those of them that are to be written.

    stream: what writes them, if it is not what serves the versions.
    asks: what is to be said of it.
    came: whether one of its answers came with the item, so that it was there before the others.
    """

    query: Query
    answers: Sequence[Response]
    versions: dict[UUID, ModelVersion]
    acts: list[Signal]
    to_write: Sequence[Response]
    stream: Stream | None = None
    ways: queries.Ways = queries.FREELY
    asks: Asks = BEST_ONLY
    came: bool = False


class StoredComparisons:
    """The comparisons of a store. `unstored`: answers that have ended here and are still pending there.

    begins: a person as they are stored who asks for the first time.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        unstored: Mapping[UUID, Response],
        rng: random.Random,
        begins: Callable[[UUID], Person],
    ) -> None:
        self._store = store
        self._begins = begins
        self._settings = settings
        self._unstored = unstored
        self._rng = rng

    def draw(
        self,
        person_id: UUID,
        text: str,
        previous: UUID | None = None,
        follows: UUID | None = None,
        from_response: UUID | None = None,
    ) -> DrawnQuery:
        """A query, and the answers that are to be written to it. `follows`: the query that it goes on from.

        Raises NotYours, NotEnoughData; UnknownReference, CannotContinue or StillWriting if it cannot go on from there.
        """
        with self._store.writing() as connection:
            person = people.here(connection, self._begins(person_id))
            # None if erased since
            last = queries.find(connection, previous) if previous else None
            if last and last.person_id != person_id:
                raise NotYours("the query before this one belongs to somebody else")
            went = self._before(connection, person_id, follows, from_response) if follows else None
            threads: list[Thread] = went.own if went else []
            shared: list[Thread | None] = [went.base if went else None]
            is_own = bool(threads) if went else _begins_own_threads(connection)
            asked = Query(person_id=person_id, text=text, source=person.source)
            query = queries.add(
                connection,
                _going_on(asked, went) if went else asked,
                stays_blind=is_own,
                own_threads=is_own,
            )
            drawn = [] if threads else draw(versions.served(connection), self._rng)
            drawn += [
                DrawnVersion(
                    versions.known(connection, each.follows.version_id),
                    each.follows.draw_probability,
                )
                for each in threads
            ]
            places = list(range(len(drawn)))
            if threads:
                self._rng.shuffle(places)  # no place tells whose thread it is
            answers = [
                Response(
                    query_id=query.id,
                    version_id=version.id,
                    position=position,
                    draw_probability=probability,
                    condition=version.condition,
                    temperature=self._settings.temperature,
                    follows=thread and thread.follows.id,
                    history=thread.history if thread and thread.history != query.history else None,
                )
                for position, (version, probability), thread in zip(
                    places,
                    drawn,
                    threads or shared * len(drawn),
                    strict=True,
                )
            ]
            responses.add_drawn(connection, answers)
            asks = asked_by(studies.get(connection, FREE).plan)
        known = {version.id: version for version, _ in drawn}
        ways = queries.Ways(None, stays_blind=is_own, own_threads=is_own)
        return DrawnQuery(query, answers, known, [], answers, ways=ways, asks=asks)

    def _before(
        self, connection: Connection, person_id: UUID, query_id: UUID, response_id: UUID | None
    ) -> Before:
        """What goes before a question that goes on from this query."""
        found = self._read(connection, own(queries.get(connection, query_id), person_id))
        if not found.ways.are_free:
            raise CannotContinue(
                "items of a study are asked as they are; nothing goes on from them"
            )
        return before(found.query, found.answers, found.acts, response_id, found.ways.own_threads)

    def draw_again(self, response_id: UUID, person_id: UUID) -> tuple[Response, DrawnQuery]:
        """An answer in the place of an old one, by the same version; nothing to be written if there is one already.

        Raises StillWriting, NotYours, UnknownReference; CannotContinue for an answer that no version here wrote.
        """
        given_up = self._unstored.get(response_id)  # looked up first: it may be stored meanwhile
        with self._store.writing() as connection:
            drawn, old = self._all_of(connection, response_id, person_id)
            for other in drawn.answers:
                if other.replaces == old.id:
                    return other, drawn
            if (
                drawn.ways.study_id is not None
            ):  # first, or how it is refused would tell which is there
                self._check_own(connection, drawn)
            if old.outcome is Outcome.PENDING and given_up:
                old = responses.finish(connection, given_up)
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
                follows=old.follows,
                history=old.history,
            )
            responses.add(connection, new)
        return new, drawn._replace(answers=[*drawn.answers, new], to_write=[new])

    def reopen(self, response_id: UUID, person_id: UUID) -> DrawnQuery:
        """The answer that was cut, pending again; its text and where it was cut are kept until it ends anew.

        Raises CannotContinue, NotYours, UnknownReference.
        """
        with self._store.writing() as connection:
            drawn, old = self._all_of(connection, response_id, person_id)
            if drawn.came and any(each.outcome is Outcome.PENDING for each in drawn.answers):
                # first, or how it is refused would tell which came with the item
                raise CannotContinue(
                    "answers of this comparison are still being written; go on once all are there"
                )
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
            responses.finish(connection, pending)
        answers = [pending if each.id == old.id else each for each in drawn.answers]
        return drawn._replace(answers=answers, to_write=[pending])

    def acts(self, query_id: UUID) -> list[Signal]:
        """What the person has done so far."""
        with self._store.reading() as connection:
            return signals.of_query(connection, query_id)

    def view(self, query_id: UUID, person_id: UUID, blocks: bool) -> ComparisonView:
        """How a comparison stands that is not in the making, rendered if `blocks`.

        Raises NotYours, UnknownReference.
        """
        with self._store.reading() as connection:
            found = self._read(connection, own(queries.get(connection, query_id), person_id))
        view = view_of(
            found.query,
            found.answers,
            found.acts,
            found.versions,
            found.ways,
            asks=found.asks,
            came=found.came,
        )
        return with_blocks(view, lambda panel: rendered(panel.text)) if blocks else view

    def thread(self, query_id: UUID, person_id: UUID) -> ThreadView:
        """What went before a comparison. Raises NotYours, UnknownReference."""
        with self._store.reading() as connection:
            query = own(queries.get(connection, query_id), person_id)
            answers = responses.of_query(connection, query.id)
        return thread_of(query, answers)

    def earlier(self, person_id: UUID, study_id: UUID | None, limit: int) -> list[Earlier]:
        """The newest comparisons of a person in a study, or of their free questions."""
        with self._store.reading() as connection:
            found = queries.latest_in(connection, person_id, study_id, limit)
            said = signals.of_kinds(connection, [each.id for each in found], _TOLD)
            best = {UUID(each.payload["best"]) for each in said if each.payload.get("best")}
            places = responses.places(connection, best)
            begun = responses.queries_of(connection, drafts.edits_of(connection, person_id))
        return earlier(found, said, places, begun)

    @staticmethod
    def _check_own(connection: Connection, drawn: DrawnQuery) -> None:
        """Raise CannotContinue where others judge the same answers, or one of them came with the item: all or none can
        be written anew, or it would tell which came.
        """
        study = studies.of_query(connection, drawn.query.id)
        if drawn.came or study.plan.answers is Answers.ONCE:
            raise CannotContinue(
                "the answers of this item stand as they are, for all who read them"
            )

    def _all_of(
        self, connection: Connection, response_id: UUID, person_id: UUID
    ) -> tuple[DrawnQuery, Response]:
        """All of the comparison that an answer belongs to, nothing to be written yet; and the answer."""
        old = responses.get(connection, response_id)
        query = own(queries.get(connection, old.query_id), person_id)
        return self._read(connection, query), old

    def _read(self, connection: Connection, query: Query) -> DrawnQuery:
        unstored = dict(self._unstored)  # as it was before we look: they may be stored meanwhile
        answers = [
            unstored.get(each.id, each) if each.outcome is Outcome.PENDING else each
            for each in responses.of_query(connection, query.id)
        ]
        acts = signals.of_query(connection, query.id)
        known = {each: versions.known(connection, each) for each in {a.version_id for a in answers}}
        ways = queries.ways(connection, query.id)
        asks = asked_by(studies.of_query(connection, query.id).plan)
        came = versions.any_known_by_name_only(connection, known)
        return DrawnQuery(query, answers, known, acts, [], ways=ways, asks=asks, came=came)


def _begins_own_threads(connection: Connection) -> bool:
    return studies.get(connection, FREE).plan.threads is Threads.OWN


def _going_on(query: Query, went: Before) -> Query:
    return query.model_copy(
        update={
            "follows": went.query.id,
            "conversation": went.query.conversation or went.query.id,
            "turn": went.query.turn + 1,
            "history": went.base.history,
        }
    )


def own(query: Query, person_id: UUID) -> Query:
    """The query, if it is this person's. Raises NotYours."""
    if query.person_id != person_id:
        raise NotYours("this comparison belongs to somebody else")
    return query
