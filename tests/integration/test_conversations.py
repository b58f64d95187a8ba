"""Conversations: each model is given exactly what went before, and what it was given can always be told."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.comparing import CannotContinue, Comparing, ComparisonView, NotYours
from app.serving import Serving
from app.settings import Settings
from app.store import (
    FREE,
    Item,
    NewItem,
    Plan,
    Store,
    Study,
    StudyStatus,
    Threads,
    UnknownReference,
    items,
    people,
    queries,
    responses,
    signals,
    studies,
    versions,
)
from app.studies import Studies
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.history import Message, turns_of, with_turn, without_oldest
from rlhb_core.schema.prompts import messages
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import ModelVersion, Outcome, Query, Response
from rlhb_core.schema.records import Serving as Kind
from rlhb_core.schema.signals import Signal, SignalKind
from tests.recording_server import Chat, RecordingServer, answer_to, recording_server

ARMS = (Arm.SFT, Arm.RLHF, Arm.RLHB)


@pytest.fixture(scope="module")
def server() -> Iterator[RecordingServer]:
    with recording_server() as running:
        yield running


class Talk:
    """A person who talks with three models of a recording server."""

    def __init__(
        self, store: Store, server: RecordingServer, folder: Path, models: list[str]
    ) -> None:
        self.store, self.server, self.person = store, server, uuid4()
        server.prompts.clear()
        self.names: dict[UUID, str] = {}
        with store.writing() as connection:
            for arm, model in zip(ARMS, models, strict=True):
                made = ModelVersion(
                    name=model, arm=arm, serving=Kind.OPENAI, base=f"{server.url}#{model}"
                )
                self.names[versions.add(connection, made).id] = model
            versions.deploy(connection, list(self.names))
        settings = Settings(data_dir=folder)
        self.serving = Serving(store, settings)
        self.settings = settings
        self.comparing = Comparing(store, self.serving, settings, random.Random(3))

    def set_threads(self, threads: Threads) -> None:
        with self.store.writing() as connection:
            studies.change(connection, FREE, plan=Plan(threads=threads))

    async def ask(self, text: str, **before: UUID | None) -> ComparisonView:
        """Ask, and wait until it is complete and stored."""
        query_id = await self.comparing.ask(self.person, text, **before)
        async for view in self.comparing.follow(query_id, self.person):
            last = view
        while any(each.outcome is Outcome.PENDING for each in self.stored(query_id)):
            await asyncio.sleep(0.01)
        return last

    def act(self, query_id: UUID, kind: str, response: UUID | None = None, **payload: Any) -> None:
        now = now_ms()
        signal = Signal(
            kind=SignalKind(kind), query_id=query_id, response_id=response, at_ms=now,
            page_id=uuid4(), page_opened_ms=now, payload=payload,
        )  # fmt: skip
        with self.store.writing() as connection:
            signals.record(connection, self.person, [signal], now, now)

    def choose(self, view: ComparisonView, place: int) -> UUID:
        best = view.panels[place].response_id
        self.act(view.query_id, "vote", choice="best", best=str(best))
        return best

    def stored(self, query_id: UUID) -> list[Response]:
        with self.store.reading() as connection:
            return list(responses.of_query(connection, query_id))

    def query(self, query_id: UUID) -> Query:
        with self.store.reading() as connection:
            return queries.get(connection, query_id)


Told = Callable[[Talk], Coroutine[Any, Any, None]]


@pytest.fixture
def talk(store: Store, server: RecordingServer, tmp_path: Path) -> Callable[..., None]:
    """Run a story, on SQLite and on Postgres."""

    def run(story: Told, models: list[str] | None = None) -> None:
        async def told() -> None:
            scene = Talk(store, server, tmp_path, models or ["one", "two", "three"])
            try:
                await story(scene)
            finally:
                await scene.comparing.close()
                await scene.serving.close()

        asyncio.run(told())

    return run


def said(*turns: str) -> Chat:
    """A chat of these, questions and answers by turns."""
    return [
        {"role": ("user", "assistant")[place % 2], "content": text}
        for place, text in enumerate(turns)
    ]


def test_six_turns_of_three_threads_are_prompts_of_exactly_these_histories(talk: Any) -> None:
    async def story(scene: Talk) -> None:
        scene.set_threads(Threads.OWN)
        expected: dict[str, list[Chat]] = {name: [] for name in scene.names.values()}
        threads: dict[str, Chat] = {name: [] for name in scene.names.values()}
        before: UUID | None = None
        for turn in range(6):
            question = f"Question {turn + 1}, what of it?"
            for name, thread in threads.items():
                thread += said(question)
                expected[name].append(list(thread))
                thread.append({"role": "assistant", "content": answer_to(name, thread)})
            view = await scene.ask(question, follows=before)
            assert (view.turn, view.turns_before) == (turn + 1, turn)
            scene.choose(view, turn % 3)
            before = view.query_id
            for each in scene.stored(view.query_id):
                own = each.history if each.history is not None else scene.query(before).history
                assert messages(question, history=own) == expected[scene.names[each.version_id]][-1]
        assert scene.server.prompts == expected
        # a thread tells whose it is, so names are not shown, whatever was voted
        shown = await scene.comparing.view(view.query_id, scene.person)
        assert shown.vote.choice is not None
        assert not any(panel.revealed for panel in shown.panels)

    talk(story)


def test_a_further_question_goes_on_with_the_answer_that_was_chosen(talk: Any) -> None:
    async def story(scene: Talk) -> None:
        first = await scene.ask("What is the capital of Peru?")
        assert first.goes_on_from == first.panels[0].response_id, "the first, while none is chosen"
        best = scene.choose(first, 2)
        chosen = await scene.comparing.view(first.query_id, scene.person)
        assert chosen.goes_on_from == best
        second = await scene.ask("And how old is it?", follows=first.query_id)
        history = said("What is the capital of Peru?", first.panels[2].text, "And how old is it?")
        assert [prompts[-1] for prompts in scene.server.prompts.values()] == [history] * 3
        query = scene.query(second.query_id)
        assert (query.follows, query.conversation, query.turn) == (
            first.query_id,
            first.query_id,
            2,
        )
        assert {each.follows for each in scene.stored(second.query_id)} == {best}
        assert all(each.history is None for each in scene.stored(second.query_id))
        # another answer may be gone on from, whatever was chosen; and a third turn knows both before it
        other = second.panels[1]
        third = await scene.ask("Why?", follows=second.query_id, from_response=other.response_id)
        assert scene.server.prompts["one"][-1] == [*history, *said("", other.text, "Why?")[1:]]
        assert scene.query(third.query_id).conversation == first.query_id

    talk(story)


def test_an_edit_is_gone_on_with_and_a_later_one_changes_no_history(talk: Any) -> None:
    async def story(scene: Talk) -> None:
        first = await scene.ask("What is the capital of Peru?")
        edited = first.panels[1].response_id
        scene.act(first.query_id, "edit", edited, text="Lima, of course.")
        second = await scene.ask("Why there?", follows=first.query_id)
        expected = said("What is the capital of Peru?", "Lima, of course.", "Why there?")
        assert scene.server.prompts["two"][-1] == expected
        scene.act(first.query_id, "edit", edited, text="Cusco.")
        thread = scene.comparing.thread(second.query_id, scene.person)
        assert [(each.question, each.answer) for each in thread.turns] == [
            ("What is the capital of Peru?", "Lima, of course.")
        ]
        assert "Lima" in thread.turns[0].blocks[0].html
        # an edit taken back is none: the first answer goes on
        scene.act(first.query_id, "edit", edited, text="Cusco.", on=False)
        seen = await scene.comparing.view(first.query_id, scene.person)
        assert seen.goes_on_from == first.panels[0].response_id

    talk(story)


def test_a_question_without_one_to_follow_stands_alone(talk: Any) -> None:
    async def story(scene: Talk) -> None:
        first = await scene.ask("What is the capital of Peru?")
        second = await scene.ask("And of Chile?", previous=first.query_id)
        assert scene.server.prompts["one"][-1] == said("And of Chile?")
        query = scene.query(second.query_id)
        assert (query.follows, query.conversation, query.turn, query.history) == (None, None, 1, [])

    talk(story)


def test_what_does_not_fit_is_left_out_by_whole_turns_and_that_is_stored(talk: Any) -> None:
    async def story(scene: Talk) -> None:
        view, before = None, None
        for turn in range(5):
            view = await scene.ask(f"Tell me about number {turn}.", follows=before)
            before = view.query_id
        assert view is not None
        query = scene.query(view.query_id)
        left_out = {
            scene.names[each.version_id]: each.left_out for each in scene.stored(view.query_id)
        }
        assert left_out["one"] == left_out["two"] == 0
        assert 0 < left_out["short-40"] < turns_of(query.history) == 4
        for name, count in left_out.items():
            given = messages(query.text, history=without_oldest(query.history, count))
            assert scene.server.prompts[name][-1] == given
        assert view.left_out == left_out["short-40"]
        # which one it was hints at who wrote it, so it is told with the names
        assert {each.left_out for each in view.panels} == {None}
        scene.choose(view, 0)
        shown = await scene.comparing.view(view.query_id, scene.person)
        told = {each.revealed.version: each.left_out for each in shown.panels if each.revealed}
        assert told == left_out

    talk(story, ["one", "two", "short-40"])


def test_a_version_that_did_not_answer_goes_on_without_that_turn(talk: Any) -> None:
    async def story(scene: Talk) -> None:
        scene.set_threads(Threads.OWN)
        first = await scene.ask("one two three four five six seven eight nine ten")
        second = await scene.ask("Short.", follows=first.query_id)
        assert [panel.outcome for panel in second.panels] == [Outcome.OK] * 3
        assert scene.server.prompts["short-5"][-1] == said("Short.")
        assert len(scene.server.prompts["one"][-1]) == 3

    talk(story, ["one", "two", "short-5"])


def test_what_cannot_be_gone_on_from_is_refused(talk: Any) -> None:
    async def story(scene: Talk) -> None:
        first = await scene.ask("one two three four")
        with pytest.raises(CannotContinue, match="no answer says anything"):
            await scene.ask("Why?", follows=first.query_id)
        with pytest.raises(CannotContinue, match="not on the page"):
            await scene.ask("Why?", follows=first.query_id, from_response=uuid4())
        with pytest.raises(UnknownReference):
            await scene.ask("Why?", follows=uuid4())
        with pytest.raises(NotYours):
            await scene.comparing.ask(uuid4(), "Why?", follows=first.query_id)

    talk(story, ["short-1", "short-2", "short-3"])


def test_a_regenerated_answer_is_given_the_same_history(talk: Any) -> None:
    async def story(scene: Talk) -> None:
        first = await scene.ask("What is the capital of Peru?")
        second = await scene.ask("Why?", follows=first.query_id)
        old = second.panels[0].response_id
        new = await scene.comparing.regenerate(old, scene.person)
        async for _ in scene.comparing.follow(second.query_id, scene.person):
            pass
        kept = {each.id: each for each in scene.stored(second.query_id)}
        name = scene.names[kept[old].version_id]
        assert scene.server.prompts[name][-1] == scene.server.prompts[name][-2]
        assert (kept[new].follows, kept[new].history) == (kept[old].follows, kept[old].history)

    talk(story)


def test_a_conversation_is_erased_with_its_person(talk: Any) -> None:
    async def story(scene: Talk) -> None:
        scene.set_threads(Threads.OWN)
        first = await scene.ask("Something very personal to begin with")
        second = await scene.ask("Why?", follows=first.query_id)
        with scene.store.writing() as connection:
            people.erase(connection, scene.person)
        for query_id in (first.query_id, second.query_id):
            assert scene.stored(query_id) == []
            with scene.store.reading() as connection:
                assert queries.find(connection, query_id) is None

    talk(story)


def test_an_item_that_is_a_conversation_is_given_and_told_whole(talk: Any) -> None:
    async def story(scene: Talk) -> None:
        before = [
            Message(role="system", content="Be brief."),
            *with_turn([], "What is the capital of Peru?", "Lima."),
        ]
        with scene.store.writing() as connection:
            study = studies.add(connection, Study(name="Talks", status=StudyStatus.OPEN))
            item = Item(study_id=study.id, number=0, text="How old is it?", history=before)
            items.add(connection, [NewItem(item)])
        part = Studies(
            scene.store, scene.serving, scene.comparing, scene.settings, random.Random(1)
        )
        task = await part.next(study.id, scene.person)
        assert task.query_id is not None
        async for _ in scene.comparing.follow(task.query_id, scene.person):
            pass
        await part.close()
        whole = messages("How old is it?", history=before)
        assert scene.server.prompts == {name: [whole] for name in scene.names.values()}
        query = scene.query(task.query_id)
        assert (query.history, query.turn, query.follows) == (before, 2, None)
        view = await scene.comparing.view(task.query_id, scene.person)
        assert (view.turns_before, view.goes_on_from) == (1, None)
        thread = scene.comparing.thread(task.query_id, scene.person)
        assert thread.instruction == "Be brief."
        assert [(each.question, each.answer) for each in thread.turns] == [
            ("What is the capital of Peru?", "Lima.")
        ]
        with pytest.raises(CannotContinue, match="asked as they are"):
            await scene.ask("Why?", follows=task.query_id)
        with scene.store.reading() as connection:
            assert items.asked(connection, 10) == []

    talk(story)
