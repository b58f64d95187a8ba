"""The life of a comparison: fair draws, hidden names, answers that do not wait for each other, nothing lost."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.comparing import (
    CannotContinue,
    Comparing,
    ComparisonView,
    NotYours,
    Overloaded,
    StillWriting,
    TooManyOpen,
)
from app.comparing.draw import draw
from app.comparing.view import view_of
from app.serving import Chunk, End, Job, Serving, cut
from app.settings import Settings
from app.store import Store, UnknownReference, people, queries, responses, signals, versions
from rlhb_core.errors import BadRecord, NotEnoughData
from rlhb_core.schema.arms import Arm, every_arm
from rlhb_core.schema.payloads import Vote, VoteChoice
from rlhb_core.schema.record import MAX_TEXT, now_ms
from rlhb_core.schema.records import ModelVersion, Outcome, Person, Query, Response, Source
from rlhb_core.schema.signals import Signal, SignalKind

# --- the draw -------------------------------------------------------------------------------------


def made_versions(count: int) -> list[ModelVersion]:
    return [
        ModelVersion(
            name=f"secret-name-{i}",
            arm=Arm.RLHB,
            base="secret-base",
            adapter=f"secret-adapter-{i}",
            condition=f"secret-condition-{i}",
            trained_on=f"secret-data-{i}",
            verdict="secret-verdict",
        )
        for i in range(count)
    ]


@given(st.integers(1, 9), st.integers(0, 10_000))
def test_three_answers_are_drawn_distinct_where_possible(count: int, seed: int) -> None:
    served = made_versions(count)
    drawn = draw(served, random.Random(seed))
    times = Counter(each.version.id for each in drawn)
    assert len(drawn) == 3
    assert len(times) == min(3, count)
    assert max(times.values()) - min(times.values()) <= 1, "repeats are spread evenly"
    # inclusion probabilities sum to the number of distinct versions drawn
    assert drawn[0].probability * count == pytest.approx(min(3, count))
    assert len({each.probability for each in drawn}) == 1


@pytest.mark.parametrize("count", [2, 3, 5])
def test_every_place_and_version_is_drawn_as_often_as_its_probability_says(count: int) -> None:
    served, rng, trials = made_versions(count), random.Random(7), 6000
    drawn = [draw(served, rng) for _ in range(trials)]
    for version in served:
        included = sum(any(d.version.id == version.id for d in each) for each in drawn) / trials
        assert included == pytest.approx(drawn[0][0].probability, abs=0.03)
        for place in range(3):
            here = sum(each[place].version.id == version.id for each in drawn) / trials
            assert here == pytest.approx(1 / count, abs=0.03)


def test_nothing_served_is_said_in_a_sentence() -> None:
    with pytest.raises(NotEnoughData, match="no model version is served"):
        draw([], random.Random(0))


# --- what may be seen -----------------------------------------------------------------------------


def made_comparison() -> tuple[Query, list[Response], dict[UUID, ModelVersion]]:
    query = Query(person_id=uuid4(), text="What is the capital of Peru?")
    known = made_versions(3)
    answers = [
        Response(
            query_id=query.id,
            version_id=version.id,
            position=place,
            draw_probability=1.0,
            condition=version.condition,
            text=f"answer {place}",
            outcome=Outcome.OK,
        )
        for place, version in enumerate(known)
    ]
    return query, answers, {version.id: version for version in known}


def act(
    kind: SignalKind, answer: Response, at_ms: int = 1000, about_query: bool = False, **payload: Any
) -> Signal:
    return Signal(
        kind=kind,
        query_id=answer.query_id,
        response_id=None if about_query else answer.id,
        at_ms=at_ms,
        page_id=uuid4(),
        page_opened_ms=0,
        payload=payload,
    )


def vote(answer: Response, choice: VoteChoice, at_ms: int = 1000) -> Signal:
    best = answer.id if choice is VoteChoice.BEST else None
    payload = Vote(choice=choice, best=best).model_dump(mode="json")
    return act(SignalKind.VOTE, answer, at_ms, about_query=True, **payload)


def secrets_in(view: ComparisonView, known: dict[UUID, ModelVersion]) -> list[str]:
    sent = view.model_dump_json()
    telling = [*map(str, known), "secret", *every_arm(), *(arm.label for arm in every_arm())]
    return [each for each in telling if each in sent]


@given(
    st.lists(
        st.sampled_from(
            [k for k in SignalKind if k in {"like", "dislike", "flag", "copy", "regenerate"}]
        ),
        max_size=8,
    )
)
def test_names_are_hidden_whatever_was_done_until_the_vote(kinds: list[SignalKind]) -> None:
    query, answers, known = made_comparison()
    acts = [act(kind, answers[i % 3], i) for i, kind in enumerate(kinds)]
    assert secrets_in(view_of(query, answers, acts, known), known) == []


@pytest.mark.parametrize(
    "choice", [VoteChoice.BEST, VoteChoice.TIE, VoteChoice.ALL_BAD, VoteChoice.SKIP]
)
def test_names_are_shown_after_the_vote_and_hidden_again_by_undo(choice: VoteChoice) -> None:
    query, answers, known = made_comparison()
    voted = view_of(query, answers, [vote(answers[1], choice)], known)
    assert [p.revealed.version for p in voted.panels if p.revealed] == [
        f"secret-name-{i}" for i in range(3)
    ]
    assert voted.vote.choice is choice
    assert voted.vote.letter == ("B" if choice is VoteChoice.BEST else None)
    undone = [vote(answers[1], choice), vote(answers[1], VoteChoice.WITHDRAWN, 2000)]
    hidden = view_of(query, answers, undone, known)
    assert secrets_in(hidden, known) == []
    assert hidden.vote.choice is None


def test_beside_an_answer_that_came_all_are_held_back_until_all_are_there_and_one_that_goes_on_hides_none() -> (
    None
):
    query, answers, known = made_comparison()
    texts = [each.text for each in view_of(query, answers, [], known, came=True).panels]
    assert all(texts)
    new = answers[2].model_copy(update={"text": "So f", "outcome": Outcome.PENDING})
    held = view_of(query, [*answers[:2], new], [], known, came=True)
    assert {(each.text, each.outcome) for each in held.panels} == {("", Outcome.PENDING)}
    cut = answers[2].model_copy(update={"outcome": Outcome.PENDING, "error": "Cut at 9 tokens."})
    assert [
        each.text for each in view_of(query, [*answers[:2], cut], [], known, came=True).panels
    ] == texts


def test_how_long_an_answer_took_is_told_with_the_names() -> None:
    query, answers, known = made_comparison()
    answers = [
        each.model_copy(update={"first_token_ms": 40, "duration_ms": 300}) for each in answers
    ]
    hidden = view_of(query, answers, [], known)
    assert {(p.first_token_ms, p.duration_ms) for p in hidden.panels} == {(None, None)}
    shown = view_of(query, answers, [vote(answers[1], VoteChoice.TIE)], known)
    assert {(p.first_token_ms, p.duration_ms) for p in shown.panels} == {(40, 300)}


@pytest.mark.parametrize(
    ("ends", "same", "winnable"),
    [
        (["x", "y", " x\n"], [None, None, "A"], [True, True, True]),
        (["x", "x", "x"], [None, "A", "A"], [True, True, True]),
        (["x", ("x", Outcome.CUT), "y"], [None, "A", None], [True, True, True]),
        (["x", ("x", Outcome.PENDING), "y"], [None, None, None], [True, True, True]),
        ([("x", Outcome.ERROR), "x", "x"], [None, None, "B"], [False, True, True]),
        ([("", Outcome.EMPTY), ("", Outcome.EMPTY), "x"], [None, "A", None], [False, False, True]),
        ([("", Outcome.STOPPED), ("x", Outcome.STOPPED), "y"], [None] * 3, [False, True, True]),
        ([("", Outcome.PENDING), ("", Outcome.PENDING), "y"], [None] * 3, [True, True, True]),
    ],
)
def test_equal_answers_know_each_other_and_failed_ones_cannot_win(
    ends: list[Any], same: list[str | None], winnable: list[bool]
) -> None:
    query, answers, known = made_comparison()
    told = [(each, Outcome.OK) if isinstance(each, str) else each for each in ends]
    answers = [
        answer.model_copy(update={"text": text, "outcome": outcome})
        for answer, (text, outcome) in zip(answers, told, strict=True)
    ]
    view = view_of(query, answers, [], known)
    assert [panel.same_as for panel in view.panels] == same
    assert [panel.can_win for panel in view.panels] == winnable


def test_one_version_in_every_place_is_told() -> None:
    query, answers, known = made_comparison()
    assert not view_of(query, answers, [], known).one_version
    alike = [each.model_copy(update={"version_id": answers[0].version_id}) for each in answers]
    assert view_of(query, alike, [], known).one_version


def test_marks_are_as_they_stood_last() -> None:
    query, answers, known = made_comparison()
    acts = [
        act(SignalKind.LIKE, answers[0], 1, on=True),
        act(SignalKind.LIKE, answers[1], 1, on=True),
        act(SignalKind.DISLIKE, answers[1], 2, on=True),
        act(SignalKind.FLAG, answers[2], 1, on=True),
        act(SignalKind.FLAG, answers[2], 2, on=False),
        act(SignalKind.EDIT, answers[2], 3, text="first"),
        act(SignalKind.EDIT, answers[2], 4, text="second"),
        act(SignalKind.EDIT, answers[1], 3, text="better"),
        act(SignalKind.EDIT, answers[1], 4, text="as it was", on=False),
        act(SignalKind.CRITIQUE, answers[0], 5, text="too short"),
    ]
    a, b, c = (panel.marks for panel in view_of(query, answers, acts, known).panels)
    assert (a.liked, a.comment) == (True, "too short")
    assert (b.liked, b.disliked, b.edited) == (False, True, None)
    assert (c.flagged, c.edited) == (False, "second")


# --- its life, with answers written by script -----------------------------------------------------


class Scripted(Serving):
    """Serving whose arms say what the test tells them, when it tells them."""

    def __init__(self) -> None:
        self.asked: list[list[Job]] = []
        self.chunks: list[asyncio.Queue[Chunk]] = []
        self.waits: float = 0.0
        self.loading = False

    async def stream(self, jobs: Sequence[Job]) -> AsyncGenerator[Chunk, None]:
        self.asked.append(list(jobs))
        chunks: asyncio.Queue[Chunk] = asyncio.Queue()
        self.chunks.append(chunks)
        unfinished = len(jobs)
        while unfinished:
            chunk = await chunks.get()
            if chunk.text == "BOOM":
                raise RuntimeError("serving broke")
            unfinished -= chunk.end is not None
            yield chunk

    def wait_s(self, more: int) -> float:
        return self.waits

    def is_loading(self, version: ModelVersion) -> bool:
        return self.loading

    def say(self, job: int, text: str = "", end: End | None = None, call: int = -1) -> None:
        self.chunks[call].put_nowait(Chunk(job, text, end))


OK = End(Outcome.OK)


class Scene:
    """A store, scripted arms, and a person."""

    def __init__(self, store: Store, tmp_path: Path) -> None:
        self.store = store
        self.settings = Settings(data_dir=tmp_path)
        self.serving = Scripted()
        self.person = uuid4()
        with store.writing() as connection:
            added = [versions.add(connection, version) for version in made_versions(4)]
            versions.deploy(connection, [version.id for version in added])
        self.comparing = self.restarted()

    def restarted(self) -> Comparing:
        return Comparing(self.store, self.serving, self.settings, random.Random(1))

    async def ask(self, text: str = "What is the capital of Peru?") -> UUID:
        query_id = await self.comparing.ask(self.person, text)
        await settled()
        return query_id

    async def view(self, query_id: UUID) -> ComparisonView:
        return await self.comparing.view(query_id, self.person)

    def stored(self, query_id: UUID) -> Sequence[Response]:
        with self.store.reading() as connection:
            return responses.of_query(connection, query_id)


async def settled() -> None:
    """Let tasks take what has been said."""
    for _ in range(20):
        await asyncio.sleep(0)


async def until(true: Callable[[], object]) -> None:
    for _ in range(6_000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


Story = Callable[[Scene], Coroutine[Any, Any, None]]


@pytest.fixture
def tell(store: Store, tmp_path: Path) -> Callable[[Story], None]:
    """Run a story in a scene of its own, on SQLite and on Postgres."""

    async def told(story: Story) -> None:
        scene = Scene(store, tmp_path)
        await story(scene)
        await scene.comparing.close()

    return lambda story: asyncio.run(told(story))


Tell = Callable[[Story], None]


def test_asking_commits_the_draw_before_anything_is_written(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        query_id = await scene.ask("  What is the capital of Peru? ")
        stored = scene.stored(query_id)
        assert [r.position for r in stored] == [0, 1, 2]
        assert {r.draw_probability for r in stored} == {0.75}
        assert {r.outcome for r in stored} == {Outcome.PENDING}
        jobs = scene.serving.asked[0]
        assert [job.version.id for job in jobs] == [r.version_id for r in stored]
        assert [job.version.condition for job in jobs] == [r.condition for r in stored]
        assert {job.query for job in jobs} == {"What is the capital of Peru?"}
        with scene.store.reading() as connection:
            assert queries.get(connection, query_id).person_id == scene.person

    tell(story)


def test_whoever_asks_here_is_real_although_a_file_named_them_first(tell: Tell) -> None:
    """As where an export with its people was taken in again: their browsers still hold their cookies."""

    async def story(scene: Scene) -> None:
        with scene.store.writing() as connection:
            people.ensure(connection, Person(id=scene.person, source=Source.IMPORTED))
        query_id = await scene.ask()
        with scene.store.reading() as connection:
            assert queries.get(connection, query_id).source is Source.REAL
            assert people.get(connection, scene.person).source is Source.REAL

    tell(story)


def test_a_browser_that_goes_away_while_asking_leaves_nothing_half_begun(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        asking = asyncio.create_task(scene.comparing.ask(scene.person, "gold?"))
        await asyncio.sleep(0)
        asking.cancel()
        await until(lambda: scene.serving.asked)
        with scene.store.reading() as connection:
            [query] = queries.of_person(connection, scene.person)
        for arm in range(3):
            scene.serving.say(arm, "Au", OK)
        await until(lambda: all(r.outcome is Outcome.OK for r in scene.stored(query.id)))

    tell(story)


def test_a_question_can_follow_one_that_was_erased_in_another_tab(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        asked = await scene.comparing.ask(scene.person, "And then?", previous=uuid4())
        with scene.store.reading() as connection:
            assert queries.get(connection, asked).person_id == scene.person

    tell(story)


def test_what_cannot_be_asked_is_refused_and_nothing_stored(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        with pytest.raises(BadRecord, match="nothing to ask"):
            await scene.ask("  \n ")
        with pytest.raises(BadRecord, match="shorten it"):
            await scene.ask("x" * (MAX_TEXT + 1))
        others = await scene.comparing.ask(uuid4(), "Mine")
        with pytest.raises(NotYours):
            await scene.comparing.ask(scene.person, "And then?", previous=others)
        with scene.store.reading() as connection:
            assert queries.of_person(connection, scene.person) == []

    tell(story)


def test_an_arm_that_stalls_or_fails_holds_up_no_other(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        query_id = await scene.ask()
        scene.serving.say(0, "Lima")
        scene.serving.say(0, ".", OK)
        scene.serving.say(1, "Li", End(Outcome.ERROR, "The model server failed."))
        await until(lambda: [r.outcome for r in scene.stored(query_id)][:2] == ["ok", "error"])
        first, failed, stalled = (await scene.view(query_id)).panels
        assert (first.text, first.outcome) == ("Lima.", Outcome.OK)
        assert (failed.text, failed.error) == ("Li", "The model server failed.")
        assert stalled.outcome is Outcome.PENDING
        assert scene.stored(query_id)[0].first_token_ms is not None
        assert scene.stored(query_id)[0].duration_ms is not None
        scene.serving.say(2, "Lima!", OK)
        await until(lambda: all(r.outcome != Outcome.PENDING for r in scene.stored(query_id)))
        assert (await scene.view(query_id)).complete

    tell(story)


def test_following_shows_growing_text_and_ends_when_all_is_written(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        query_id = await scene.ask()
        seen: list[ComparisonView] = []

        async def follow() -> None:
            async for view in scene.comparing.follow(query_id, scene.person):
                seen.append(view)

        first, second = asyncio.create_task(follow()), asyncio.create_task(follow())
        for word in ("Lima ", "is ", "it."):
            for arm in range(3):
                scene.serving.say(arm, word)
            await asyncio.sleep(0.1)
        first.cancel()  # a refresh in mid-stream: one browser goes, the writing goes on
        for arm in range(3):
            scene.serving.say(arm, end=OK)
        await asyncio.wait_for(second, 5)
        texts = [view.panels[0].text for view in seen]
        assert texts == sorted(texts, key=len)
        assert len(set(texts)) >= 3
        assert seen[-1].complete
        assert {panel.text for panel in seen[-1].panels} == {"Lima is it."}
        assert all(secrets_in(view, {}) == [] for view in seen)
        again = [view async for view in scene.comparing.follow(query_id, scene.person)]
        assert again == [seen[-1]]

    tell(story)


def test_followers_get_at_most_ten_views_a_second(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        query_id = await scene.ask()

        async def chatter() -> None:
            for _ in range(50):
                scene.serving.say(0, "word ")
                await asyncio.sleep(0.01)
            for arm in range(3):
                scene.serving.say(arm, "end", OK)

        talking = asyncio.create_task(chatter())
        began = asyncio.get_running_loop().time()
        views = [view async for view in scene.comparing.follow(query_id, scene.person)]
        took = asyncio.get_running_loop().time() - began
        await talking
        assert 3 <= len(views) <= took * 10 + 2

    tell(story)


def test_a_dead_servers_answers_are_given_up_at_the_next_start(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        query_id = await scene.ask()
        scene.serving.say(0, "Lima.", OK)
        await until(lambda: scene.stored(query_id)[0].outcome is Outcome.OK)
        heir = scene.restarted()  # the old process is gone without a word
        view = await heir.view(query_id, scene.person)
        assert view.complete
        assert [p.outcome for p in view.panels] == [
            Outcome.OK,
            Outcome.STOPPED,
            Outcome.STOPPED,
        ]
        assert "server ended" in view.panels[1].error
        read = await heir.view(query_id, scene.person, blocks=True)
        assert [view async for view in heir.follow(query_id, scene.person)] == [read]

    tell(story)


def test_a_second_server_leaves_the_answers_of_the_first_alone(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        query_id = await scene.ask()
        address = scene.store.engine.url.render_as_string(hide_password=False)
        with closing(Store.open(address)) as store:
            neighbour = Comparing(store, scene.serving, scene.settings)
            assert not (await neighbour.view(query_id, scene.person)).complete
            for arm in range(3):
                scene.serving.say(arm, "Lima.", OK)
            await until(lambda: all(r.outcome is Outcome.OK for r in scene.stored(query_id)))
            assert (await neighbour.view(query_id, scene.person)).complete

    tell(story)


def test_closing_stores_what_was_written_so_far_as_stopped(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        query_id = await scene.ask()
        scene.serving.say(0, "Lima is")
        await settled()
        await scene.comparing.close()
        stored = scene.stored(query_id)
        assert {r.outcome for r in stored} == {Outcome.STOPPED}
        assert stored[0].text == "Lima is"
        assert "server was stopped" in stored[0].error

    tell(story)


def test_a_failure_of_serving_itself_ends_all_answers_with_a_sentence(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        query_id = await scene.ask()
        scene.serving.say(0, "BOOM")
        await until(lambda: all(r.outcome is Outcome.ERROR for r in scene.stored(query_id)))
        assert "could not be written" in scene.stored(query_id)[2].error

    tell(story)


class Fragile:
    """The store's shared units of work, which fail so many times before they work again."""

    def __init__(self, store: Store, failures: int) -> None:
        self.together, self.failures = store.together, failures

    async def __call__(self, work: Any, item: Any) -> Any:
        if self.failures:
            self.failures -= 1
            raise OSError("the database is away")
        return await self.together(work, item)


def test_a_passing_database_error_loses_no_answer(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.comparing.writing.RETRY_AFTER_S", (0.01, 0.02, 0.04))

    async def story(scene: Scene) -> None:
        fragile = Fragile(scene.store, failures=7)  # three answers: at least two fail twice
        monkeypatch.setattr(scene.store, "together", fragile)
        query_id = await scene.ask()
        for arm in range(3):
            scene.serving.say(arm, f"answer {arm}", OK)
        await until(lambda: all(r.outcome is Outcome.OK for r in scene.stored(query_id)))
        assert fragile.failures == 0
        assert [r.text for r in scene.stored(query_id)] == ["answer 0", "answer 1", "answer 2"]

    tell(story)


def test_an_answer_that_cannot_be_stored_ends_as_an_error_and_can_be_regenerated(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.comparing.writing.RETRY_AFTER_S", (0.01, 0.02))

    async def story(scene: Scene) -> None:
        fragile = Fragile(scene.store, failures=1_000_000)
        monkeypatch.setattr(scene.store, "together", fragile)
        query_id = await scene.ask()
        for arm in range(3):
            scene.serving.say(arm, f"answer {arm}", OK)
        await until(lambda: not scene.comparing._live)
        view = await scene.view(query_id)
        assert view.complete
        assert {panel.outcome for panel in view.panels} == {Outcome.ERROR}
        assert "was not stored. Regenerate it." in view.panels[0].error
        read = await scene.comparing.view(query_id, scene.person, blocks=True)
        assert [each async for each in scene.comparing.follow(query_id, scene.person)] == [read]
        fragile.failures = 0  # the database answers again
        await scene.comparing.regenerate(view.panels[0].response_id, scene.person)
        await settled()
        scene.serving.say(0, "once more", OK)
        await until(lambda: not scene.comparing._live)
        assert (await scene.view(query_id)).panels[0].text == "once more"
        await until(lambda: not scene.comparing._writing.unstored)
        heir = scene.restarted()
        later = await heir.view(query_id, scene.person)
        assert [p.outcome for p in later.panels] == [Outcome.OK, Outcome.ERROR, Outcome.ERROR]

    tell(story)


def test_closing_while_the_database_is_away_does_not_wait_for_it(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.comparing.writing.RETRY_AFTER_S", (600.0,))

    async def story(scene: Scene) -> None:
        monkeypatch.setattr(scene.store, "together", Fragile(scene.store, failures=100))
        await scene.ask()
        scene.serving.say(0, "Lima.", OK)
        await asyncio.sleep(0.05)  # it has failed, and the first pause has begun
        await asyncio.wait_for(scene.comparing.close(), 5)

    tell(story)


def test_regenerating_asks_the_same_version_in_the_same_place_and_keeps_the_old(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        query_id = await scene.ask()
        old = (await scene.view(query_id)).panels[1]
        with pytest.raises(StillWriting):
            await scene.comparing.regenerate(old.response_id, scene.person)
        for arm in range(3):
            scene.serving.say(arm, f"answer {arm}", OK)
        await until(lambda: all(r.outcome is Outcome.OK for r in scene.stored(query_id)))
        with pytest.raises(NotYours):
            await scene.comparing.regenerate(old.response_id, uuid4())
        twice = await asyncio.gather(
            *(scene.comparing.regenerate(old.response_id, scene.person) for _ in range(2))
        )
        assert twice[0] == twice[1], "a double click regenerates once"
        assert len(scene.serving.asked) == 2
        await settled()
        assert not (await scene.view(query_id)).complete
        scene.serving.say(0, "a new answer", OK)
        await until(lambda: all(r.outcome is Outcome.OK for r in scene.stored(query_id)))
        panel = (await scene.view(query_id)).panels[1]
        assert (panel.text, panel.letter, panel.regenerated) == ("a new answer", "B", 1)
        before, after = (r for r in scene.stored(query_id) if r.position == 1)
        assert after.replaces == before.id
        assert (after.version_id, after.draw_probability, after.condition) == (
            before.version_id,
            before.draw_probability,
            before.condition,
        )
        assert before.text == "answer 1"

    tell(story)


def test_another_persons_comparison_is_not_shown(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        query_id = await scene.ask()
        with pytest.raises(NotYours):
            await scene.comparing.view(query_id, uuid4())
        with pytest.raises(UnknownReference):
            await scene.view(uuid4())

    tell(story)


def test_a_stored_vote_reveals_and_its_withdrawal_hides(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        query_id = await scene.ask()
        scene.serving.say(0, "Lima.", OK)
        await until(lambda: scene.stored(query_id)[0].outcome is Outcome.OK)
        best = (await scene.view(query_id)).panels[0]

        def cast(choice: VoteChoice) -> None:
            answer = scene.stored(query_id)[0]
            signal = vote(answer, choice, now_ms())
            with scene.store.writing() as connection:
                signals.record(connection, scene.person, [signal])
            scene.comparing.heard({query_id})

        assert best.revealed is None
        cast(VoteChoice.BEST)  # early: two answers are still being written
        view = await scene.view(query_id)
        assert all(panel.revealed for panel in view.panels)
        assert view.vote.letter == "A"
        await asyncio.sleep(0.002)
        cast(VoteChoice.WITHDRAWN)
        assert not any(panel.revealed for panel in (await scene.view(query_id)).panels)

    tell(story)


# --- limits ---------------------------------------------------------------------------------------


def test_a_question_that_would_wait_too_long_is_refused_and_nothing_stored(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        scene.serving.waits = 23.4
        with pytest.raises(Overloaded, match="try again in 23 s") as refused:
            await scene.ask()
        assert refused.value.retry_after_s == 24
        with scene.store.reading() as connection:
            assert queries.of_person(connection, scene.person) == []
        scene.serving.waits = scene.settings.max_wait_s
        await scene.ask()

    tell(story)


def test_a_person_has_so_many_questions_answered_at_once(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        most = scene.settings.max_open_queries
        asked = await asyncio.gather(
            *(scene.comparing.ask(scene.person, "gold?") for _ in range(most + 3)),
            return_exceptions=True,
        )
        assert sum(isinstance(each, TooManyOpen) for each in asked) == 3
        await scene.comparing.ask(uuid4(), "somebody else's")
        await settled()
        for arm in range(3):
            scene.serving.say(arm, "Au", OK, call=0)
        await until(lambda: len(scene.comparing._live) == most)
        await scene.ask()

    tell(story)


# --- answers that were cut ------------------------------------------------------------------------


async def asked_and_cut(scene: Scene, text: str = "Lima is the") -> tuple[UUID, UUID]:
    """A comparison of which the second answer reached its longest length: ids of the query and of that answer."""
    query_id = await scene.ask()
    scene.serving.say(1, text, cut(256))
    for arm in (0, 2):
        scene.serving.say(arm, "Lima.", OK)
    await until(lambda: not scene.comparing._live)
    panel = (await scene.view(query_id)).panels[1]
    assert (panel.outcome, panel.error, panel.text) == (Outcome.CUT, "Cut at 256 tokens.", text)
    return query_id, panel.response_id


def test_a_cut_answer_goes_on_in_place(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        query_id, answer = await asked_and_cut(scene)
        twice = [scene.comparing.carry_on(answer, scene.person) for _ in range(2)]
        assert await asyncio.gather(*twice) == [answer, answer]
        await settled()
        [job] = scene.serving.asked[-1]
        assert (job.so_far, job.tokens_so_far) == ("Lima is the", 256)
        assert len(scene.serving.asked) == 2, "asked twice, written once"
        scene.serving.say(0, " capital")
        await settled()
        panel = (await scene.view(query_id)).panels[1]
        assert (panel.outcome, panel.text) == (Outcome.PENDING, "Lima is the capital")
        assert scene.stored(query_id)[1].outcome is Outcome.PENDING
        scene.serving.say(0, " of Peru", cut(512))
        await until(lambda: not scene.comparing._live)
        await scene.comparing.carry_on(answer, scene.person)
        await settled()
        assert scene.serving.asked[-1][0].tokens_so_far == 512
        scene.serving.say(0, ".", OK)
        await until(lambda: not scene.comparing._live)
        [stored] = [each for each in scene.stored(query_id) if each.id == answer]
        assert (stored.text, stored.outcome) == ("Lima is the capital of Peru.", Outcome.OK)
        assert stored.error == ""

    tell(story)


def test_an_answer_that_cannot_be_written_on_stands_cut_as_it_was(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        query_id, answer = await asked_and_cut(scene)
        await scene.comparing.carry_on(answer, scene.person)
        await settled()
        scene.serving.say(0, "", End(Outcome.ERROR, "The model server cannot be reached."))
        await until(lambda: not scene.comparing._live)
        panel = (await scene.view(query_id)).panels[1]
        assert (panel.outcome, panel.text) == (Outcome.CUT, "Lima is the")
        assert panel.error == "Cut at 256 tokens. The model server cannot be reached."
        await scene.comparing.carry_on(answer, scene.person)
        await settled()
        scene.serving.say(0, "", End(Outcome.OK))  # nothing was missing but the end
        await until(lambda: not scene.comparing._live)
        panel = (await scene.view(query_id)).panels[1]
        assert (panel.outcome, panel.text, panel.error) == (Outcome.OK, "Lima is the", "")

    tell(story)


def test_what_cannot_be_written_on_is_refused(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        query_id, answer = await asked_and_cut(scene)
        whole = (await scene.view(query_id)).panels[0].response_id
        with pytest.raises(CannotContinue, match="was not cut"):
            await scene.comparing.carry_on(whole, scene.person)
        with pytest.raises(NotYours):
            await scene.comparing.carry_on(answer, uuid4())
        with scene.store.writing() as connection:
            cast = vote(scene.stored(query_id)[0], VoteChoice.TIE, now_ms())
            signals.record(connection, scene.person, [cast])
        with pytest.raises(CannotContinue, match="Ask again"):
            await scene.comparing.carry_on(answer, scene.person)
        with scene.store.writing() as connection:
            back = vote(scene.stored(query_id)[0], VoteChoice.WITHDRAWN, now_ms())
            signals.record(connection, scene.person, [back])
        view = await scene.view(query_id)
        assert view.voted
        assert view.vote.choice is None
        with pytest.raises(CannotContinue, match="Ask again"):
            await scene.comparing.carry_on(answer, scene.person)
        assert (await scene.view(query_id)).complete

    tell(story)


def test_looks_at_what_is_being_written_read_nothing(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(scene: Scene) -> None:
        if scene.store.is_shared:
            return  # another server may have heard of a vote: that is read from time to time
        query_id = await scene.ask()
        reads: list[object] = []
        monkeypatch.setattr(scene.store, "reading", reads.append)
        assert not (await scene.view(query_id)).complete
        scene.serving.say(0, "Li")
        await settled()
        assert (await scene.view(query_id)).panels[0].text == "Li"
        views = scene.comparing.follow(query_id, scene.person)
        assert (await anext(views)).panels[0].text == "Li"
        await views.aclose()
        assert not reads
        monkeypatch.undo()

    tell(story)


def test_a_model_on_its_way_is_said_until_its_answers_begin(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        scene.serving.loading = True
        query_id = await scene.ask()
        assert (await scene.view(query_id)).loading
        for arm in range(3):
            scene.serving.say(arm, "Lima")
        await settled()
        assert not (await scene.view(query_id)).loading

    tell(story)


def test_a_view_is_plain_json(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        view = await scene.view(await scene.ask())
        assert ComparisonView.model_validate(json.loads(view.model_dump_json())) == view

    tell(story)
