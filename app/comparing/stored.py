"""A comparison in the store: its query asked and its answers drawn, one drawn anew or opened again, all of it read.

Each is one unit of work. Does not know how answers are written, nor who looks at them.
"""

import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from app.comparing.asking import BEST_ONLY, Asks, asked_by
from app.comparing.draw import draw
from app.comparing.errors import CannotContinue, NotYours, StillWriting
from app.comparing.view import ComparisonView, view_of, was_voted, with_blocks
from app.rendering import rendered
from app.serving import Chunk, Job
from app.settings import Settings
from app.store import (
    FREE,
    Connection,
    Store,
    people,
    queries,
    responses,
    signals,
    studies,
    versions,
)
from rlhb_core.schema.records import ModelVersion, Outcome, Person, Query, Response
from rlhb_core.schema.signals import Signal

Stream = Callable[[Sequence[Job]], AsyncGenerator[Chunk, None]]
"""Writes answers, as `Serving.stream` does."""


class DrawnQuery(NamedTuple):
    """A query with its answers as they were drawn, and those of them that are to be written.

    stream: what writes them, if it is not what serves the versions. stays_blind: names are not shown after the vote.
    asks: what is to be said of it.
    """

    query: Query
    answers: Sequence[Response]
    versions: dict[UUID, ModelVersion]
    acts: list[Signal]
    to_write: Sequence[Response]
    stream: Stream | None = None
    stays_blind: bool = False
    asks: Asks = BEST_ONLY


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

    def draw(self, person_id: UUID, text: str, previous: UUID | None) -> DrawnQuery:
        """A query, and the answers that are to be written to it. Raises NotYours, NotEnoughData."""
        with self._store.writing() as connection:
            person = people.here(connection, self._begins(person_id))
            # None if erased since
            before = queries.find(connection, previous) if previous else None
            if before and before.person_id != person_id:
                raise NotYours("the query before this one belongs to somebody else")
            query = queries.add(
                connection, Query(person_id=person_id, text=text, source=person.source)
            )
            drawn = draw(versions.served(connection), self._rng)
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
            responses.add_drawn(connection, answers)
            asks = asked_by(studies.get(connection, FREE).plan)
        known = {version.id: version for version, _ in drawn}
        return DrawnQuery(query, answers, known, [], answers, asks=asks)

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
            if old.outcome is Outcome.PENDING and given_up:
                old = responses.finish(connection, given_up)
            if old.outcome is Outcome.PENDING:
                raise StillWriting("this answer is still being written; regenerate it afterwards")
            version = drawn.versions[old.version_id]
            if versions.find(connection, version.id) is None:
                raise CannotContinue(
                    "this answer came with the item; nothing here can write another one"
                )
            new = Response(
                query_id=drawn.query.id,
                version_id=version.id,
                position=old.position,
                draw_probability=old.draw_probability,
                condition=version.condition,
                temperature=self._settings.temperature,
                replaces=old.id,
            )
            responses.add(connection, new)
        return new, drawn._replace(answers=[*drawn.answers, new], to_write=[new])

    def reopen(self, response_id: UUID, person_id: UUID) -> DrawnQuery:
        """The answer that was cut, pending again; its text and where it was cut are kept until it ends anew.

        Raises CannotContinue, NotYours, UnknownReference.
        """
        with self._store.writing() as connection:
            drawn, old = self._all_of(connection, response_id, person_id)
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
            stays_blind=found.stays_blind,
            asks=found.asks,
        )
        return with_blocks(view, lambda panel: rendered(panel.text)) if blocks else view

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
        stays_blind = queries.stays_blind(connection, query.id)
        asks = asked_by(studies.of_query(connection, query.id).plan)
        return DrawnQuery(query, answers, known, acts, [], stays_blind=stays_blind, asks=asks)


def own(query: Query, person_id: UUID) -> Query:
    """The query, if it is this person's. Raises NotYours."""
    if query.person_id != person_id:
        raise NotYours("this comparison belongs to somebody else")
    return query
