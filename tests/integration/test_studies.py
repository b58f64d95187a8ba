"""Working through a study: who is given what, that each item gets as many answers as it should, what is ready ahead."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from functools import wraps
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.comparing import CannotContinue, Comparing, ComparisonView
from app.serving import Chunk, End, Job, Serving
from app.settings import Settings
from app.store import (
    FREE,
    Answers,
    Aspect,
    Assignment,
    AssignmentState,
    BadSignals,
    DataFilter,
    Item,
    NewItem,
    Pairs,
    Plan,
    Prepared,
    Purpose,
    Store,
    Study,
    StudyStatus,
    assignments,
    behaviors,
    exports,
    items,
    people,
    queries,
    responses,
    signals,
    studies,
    verify,
    versions,
)
from app.studies import Studies, StudyClosed, handing_out
from rlhb_core.errors import NotEnoughData
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.formats import Format
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import ModelVersion, Outcome
from rlhb_core.schema.signals import Signal, SignalKind

Test = Callable[..., Coroutine[Any, Any, None]]


def told(test: Test) -> Callable[..., None]:
    """Run a test in an event loop of its own."""

    @wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(test(**fixtures))

    return run


NAMES = ("SFT", "RLHF", "RLHB", "DPO")


class Answering(Serving):
    """Versions that answer at once, each in its own words; while the gate is closed they stop after the first one."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked: list[Job] = []
        self.waits = 0.0
        self.fails = False

    async def stream(self, jobs: Sequence[Job]) -> AsyncGenerator[Chunk, None]:
        self.asked += jobs
        for index, job in enumerate(jobs):
            yield Chunk(index, f"{job.version.name}: ")
        await self.gate.wait()
        for index, job in enumerate(jobs):
            if self.fails:
                yield Chunk(index, end=End(Outcome.ERROR, "It broke."))
            else:
                yield Chunk(index, f"{job.query} #{len(self.asked)}.{index}", End(Outcome.OK))

    def wait_s(self, more: int) -> float:
        return self.waits

    def is_loading(self, version: ModelVersion) -> bool:
        return False


class Desk:
    """A study on a store, a server that hands it out, and people who answer."""

    def __init__(self, store: Store, tmp_path: Path, **plan: Any) -> None:
        self.store = store
        self.settings = Settings(data_dir=tmp_path)
        self.serving = Answering()
        with store.writing() as connection:
            arms = [ModelVersion(name=name, arm=Arm.SFT, base="embedded") for name in NAMES]
            self.versions = [versions.add(connection, each) for each in arms]
            versions.deploy(connection, [each.id for each in self.versions[:3]])
            study = Study(name="Moons", status=StudyStatus.OPEN, plan=Plan(**plan))
            self.study = studies.add(connection, study)
        self.comparing = Comparing(store, self.serving, self.settings, random.Random(1))
        self.studies = self.server()

    def server(self, seed: int = 2) -> Studies:
        return Studies(self.store, self.serving, self.comparing, self.settings, random.Random(seed))

    def fill(self, count: int, **fields: Any) -> list[Item]:
        new = [
            NewItem(
                Item(study_id=self.study.id, number=0, text=f"Question {fields} {n}?", **fields)
            )
            for n in range(count)
        ]
        with self.store.writing() as connection:
            items.add(connection, new)
            return list(items.of_study(connection, self.study.id))

    async def next(self, person: UUID, server: Studies | None = None) -> UUID | None:
        task = await (server or self.studies).next(self.study.id, person)
        await self.settled()
        return task.query_id

    async def settled(self) -> None:
        """Wait for what is being written, if nothing holds it."""
        while self.serving.gate.is_set() and self._busy():
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)

    def _busy(self) -> bool:
        return bool(self.studies._preparing._tasks or self.comparing._live)

    async def view(self, query_id: UUID, person: UUID) -> ComparisonView:
        return await self.comparing.view(query_id, person)

    async def vote(
        self, query_id: UUID, person: UUID, choice: str = "best", place: int = 0
    ) -> None:
        view = await self.view(query_id, person)
        best = str(view.panels[place].response_id) if choice == "best" else None
        self.say(person, query_id, "vote", choice=choice, best=best)

    def say(
        self, person: UUID, query_id: UUID, kind: str, about: UUID | None = None, **payload: Any
    ) -> Signal:
        now = now_ms()
        signal = Signal(
            kind=SignalKind(kind), query_id=query_id, response_id=about, at_ms=now, page_id=uuid4(),
            page_opened_ms=now, payload=payload,
        )  # fmt: skip
        with self.store.writing() as connection:
            signals.record(connection, person, [signal])
        return signal

    def said(self, query_id: UUID) -> Sequence[Signal]:
        with self.store.reading() as connection:
            return signals.of_query(connection, query_id)

    def given(self, person: UUID) -> Sequence[Assignment]:
        with self.store.reading() as connection:
            return assignments.of_person(connection, self.study.id, person)

    def every(self, people_there: Sequence[UUID]) -> list[Assignment]:
        return [each for person in people_there for each in self.given(person)]

    async def work(self, person: UUID, most: int = 10_000, server: Studies | None = None) -> int:
        """Answer until there is nothing left; how many there were."""
        for number in range(most):
            query_id = await self.next(person, server)
            if query_id is None:
                return number
            await self.vote(query_id, person, place=number % 2)
        return most


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    return Desk(store, tmp_path)


# --- one person -----------------------------------------------------------------------------------


@told
async def test_items_come_in_their_order_and_the_same_one_until_it_is_ended(desk: Desk):
    desk.fill(3)
    person = uuid4()
    asked = []
    for _ in range(3):
        query_id = await desk.next(person)
        assert query_id
        assert await desk.next(person) == query_id
        view = await desk.view(query_id, person)
        assert view.complete
        assert len(view.panels) == 3
        asked.append(view.query)
        await desk.vote(query_id, person)
    assert asked == ["Question {} 0?", "Question {} 1?", "Question {} 2?"]
    assert await desk.next(person) is None
    task = await desk.studies.next(desk.study.id, person)
    assert task.progress == (3, 3, 3, 3, 0)


@told
async def test_the_next_item_is_written_while_this_one_is_read(desk: Desk):
    desk.fill(3)
    person = uuid4()
    query_id = await desk.next(person)
    assert len(desk.serving.asked) == 6  # this one and the next
    assert query_id
    await desk.vote(query_id, person)
    before = len(desk.serving.asked)
    desk.serving.gate.clear()  # nothing more is written from here on
    shown = await desk.next(person)
    assert shown
    view = await desk.view(shown, person)
    assert view.complete
    assert all(panel.text for panel in view.panels)
    assert {job.query for job in desk.serving.asked[before:]} == {"Question {} 2?"}
    desk.serving.gate.set()
    await desk.settled()


@told
async def test_whoever_is_faster_than_the_prefetch_reads_it_as_it_is_written(
    store: Store, tmp_path: Path
):
    """Two people, one item: its answers are written once, and both read them while they are."""
    desk = Desk(store, tmp_path, overlap=2)
    desk.fill(2)
    one, other = uuid4(), uuid4()
    desk.serving.gate.clear()
    readers = {person: await desk.next(person) for person in (one, other)}
    views = {}
    for person, query_id in readers.items():
        assert query_id
        while not all(p.text for p in (await desk.view(query_id, person)).panels):
            await asyncio.sleep(0.001)
        views[person] = await desk.view(query_id, person)
        assert not views[person].complete
    desk.serving.gate.set()
    await desk.settled()
    texts = set()
    for person, query_id in readers.items():
        assert query_id
        view = await desk.view(query_id, person)
        assert view.complete
        texts.add(frozenset(panel.text for panel in view.panels))
    assert len(texts) == 1
    written = Counter((job.query, job.version.name) for job in desk.serving.asked)
    assert set(written.values()) == {1}


@told
async def test_what_was_reserved_and_never_shown_counts_as_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    desk.fill(2)
    person, other = uuid4(), uuid4()
    await desk.next(person)
    assert [each.state for each in desk.given(person)] == ["shown", "reserved"]
    with desk.store.reading() as connection:
        assert len(queries.of_person(connection, person)) == 1  # of the other one there is none
    assert await desk.next(other) is None  # one answer each, and both are with somebody
    later = now_ms() + 31 * 60_000
    monkeypatch.setattr("app.studies.studies.now_ms", lambda: later)
    query_id = await desk.next(other)
    assert query_id
    assert (await desk.view(query_id, other)).query == "Question {} 0?"
    assert [each.state for each in desk.given(person)] == ["shown"]
    behaviors.refresh(desk.store)
    with desk.store.reading() as connection:
        rows = [row for block in exports.triplets(connection, DataFilter()) for row in block]
    assert {row.query for row in rows} == {"Question {} 0?"}


@told
async def test_an_answer_that_comes_too_late_is_kept_and_does_not_count(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    desk.fill(1)
    slow, quick = uuid4(), uuid4()
    mine = await desk.next(slow)
    monkeypatch.setattr("app.studies.studies.now_ms", lambda: now_ms() + 31 * 60_000)
    theirs = await desk.next(quick)
    assert mine
    assert theirs
    await desk.vote(theirs, quick)
    assert await desk.next(slow) is None  # it was done by somebody else
    await desk.vote(mine, slow)
    ((late,), (counted,)) = desk.given(slow), desk.given(quick)
    assert (late.state, late.counted) == ("done", False)
    assert (counted.state, counted.counted) == ("done", True)
    # whose vote is taken back makes room for the other
    desk.say(quick, theirs, "vote", choice="withdrawn")
    ((late,), (counted,)) = desk.given(slow), desk.given(quick)
    assert (counted.state, counted.counted, late.counted) == ("shown", False, True)


@told
async def test_an_item_that_is_passed_over_goes_to_others(desk: Desk):
    desk.fill(1)
    person, other = uuid4(), uuid4()
    query_id = await desk.next(person)
    assert query_id
    await desk.vote(query_id, person, "skip")
    assert await desk.next(person) is None
    assert desk.given(person)[0].state is AssignmentState.SKIPPED
    theirs = await desk.next(other)
    assert theirs
    assert (await desk.view(theirs, other)).query == "Question {} 0?"


@told
async def test_a_closed_study_says_why(desk: Desk):
    desk.fill(1)
    for status, words in (
        (StudyStatus.DRAFT, "has not begun"), (StudyStatus.PAUSED, "rests"), (StudyStatus.ENDED, "has ended"),
    ):  # fmt: skip
        with desk.store.writing() as connection:
            studies.change(connection, desk.study.id, status=status)
        with pytest.raises(StudyClosed, match=words):
            await desk.next(uuid4())
    with desk.store.writing() as connection:
        studies.change(
            connection, desk.study.id, status=StudyStatus.OPEN, plan=Plan(ends_ms=now_ms() - 1)
        )
    with pytest.raises(StudyClosed, match="has ended"):
        await desk.next(uuid4())


@told
async def test_a_study_that_nothing_answers_says_so(desk: Desk):
    desk.fill(1)
    with desk.store.writing() as connection:
        versions.deploy(connection, [])
    with pytest.raises(NotEnoughData, match="no version answers in this study"):
        await desk.next(uuid4())


@told
async def test_nobody_is_given_more_than_the_study_wants_of_one_person(
    store: Store, tmp_path: Path
):
    desk = Desk(store, tmp_path, most_per_person=2)
    desk.fill(5)
    assert await desk.work(uuid4()) == 2


# --- many people ----------------------------------------------------------------------------------


@told
async def test_each_item_gets_exactly_as_many_answers_as_it_should(store: Store, tmp_path: Path):
    """Many people at once, on two servers where the database allows it."""
    desk = Desk(store, tmp_path, overlap=3)
    desk.fill(10)
    crowd = [uuid4() for _ in range(9)]
    servers = [desk.studies, desk.server(3)]
    await asyncio.gather(
        *(desk.work(person, server=servers[n % 2]) for n, person in enumerate(crowd))
    )
    while any([await desk.work(person) for person in crowd]):
        pass  # whoever left while others had the last items reserved comes back
    given = desk.every(crowd)
    assert {each.state for each in given} == {AssignmentState.DONE}
    assert set(Counter(each.item_id for each in given if each.counted).values()) == {3}
    assert sum(each.counted for each in given) == 30
    assert max(Counter((each.item_id, each.person_id) for each in given).values()) == 1
    assert verify(store) == []


@told
async def test_all_read_the_same_answers_in_places_of_their_own(store: Store, tmp_path: Path):
    desk = Desk(store, tmp_path, overlap=8)
    desk.fill(1)
    texts, orders = set(), set()
    for _ in range(8):
        person = uuid4()
        query_id = await desk.next(person)
        assert query_id
        view = await desk.view(query_id, person)
        texts.add(frozenset(panel.text for panel in view.panels))
        orders.add(tuple(panel.text for panel in view.panels))
    assert len(texts) == 1
    assert len(orders) > 1
    assert len(desk.serving.asked) == 3


@told
async def test_or_each_reads_answers_of_their_own(store: Store, tmp_path: Path):
    desk = Desk(store, tmp_path, overlap=3, answers=Answers.ANEW)
    desk.fill(1)
    texts = set()
    for _ in range(3):
        person = uuid4()
        query_id = await desk.next(person)
        assert query_id
        texts |= {panel.text for panel in (await desk.view(query_id, person)).panels}
    assert len(texts) == 9


# --- repeats, and items whose best answer is known ------------------------------------------------


@told
async def test_so_many_come_again_and_so_many_are_known(store: Store, tmp_path: Path):
    desk = Desk(store, tmp_path, repeats=0.1, gold=0.05, overlap=4)
    desk.fill(100)
    with store.writing() as connection:
        model = desk.versions[0]
        known = [
            NewItem(
                item := Item(study_id=desk.study.id, number=0, text=f"Known {n}?", gold=1),
                [
                    Prepared(
                        item_id=item.id,
                        version_id=model.id,
                        nth=nth,
                        came_with_item=True,
                        text=text,
                    )
                    for nth, text in enumerate(("Bad.", "Good."))
                ],
            )
            for n in range(10)
        ]
        items.add(connection, known)
    person = uuid4()
    assert await desk.work(person, most=60) == 60
    given = [each for each in desk.given(person) if each.state is AssignmentState.DONE]
    kinds = Counter(each.purpose for each in given)
    assert abs(kinds[Purpose.REPEAT] - 6) <= 1
    assert abs(kinds[Purpose.GOLD] - 3) <= 1
    places = {each.id: number for number, each in enumerate(given)}
    firsts = {each.item_id: each for each in given if not each.again}
    for again in (each for each in given if each.again):
        first = firsts[again.item_id]
        assert places[again.id] - places[first.id] > handing_out.BETWEEN
        assert first.query_id
        assert again.query_id
        one, two = [await desk.view(each, person) for each in (first.query_id, again.query_id)]
        assert one.query == two.query
        assert {p.text for p in one.panels} == {p.text for p in two.panels}
        assert not again.counted
    repeated = [each.item_id for each in given if each.again]
    assert len(set(repeated)) == len(repeated)


# --- answers that came with an item ---------------------------------------------------------------


@told
async def test_answers_that_came_with_an_item_are_compared_and_none_is_written_anew(desk: Desk):
    with desk.store.writing() as connection:
        model = versions.known_as(connection, "GPT-9")
        item = Item(study_id=desk.study.id, number=0, text="Which one?")
        came = [
            Prepared(item_id=item.id, version_id=model, nth=nth, came_with_item=True, text=text)
            for nth, text in enumerate(("One.", "Two."))
        ]
        assert items.add(connection, [NewItem(item, came)]) == 1
        same = item.model_copy(update={"id": uuid4(), "text": "which  ONE?"})
        again = [each.model_copy(update={"id": uuid4(), "item_id": same.id}) for each in came]
        assert items.add(connection, [NewItem(same, again)]) == 0
    person = uuid4()
    query_id = await desk.next(person)
    assert query_id
    view = await desk.view(query_id, person)
    assert {panel.text for panel in view.panels} == {"One.", "Two."}
    assert desk.serving.asked == []
    with pytest.raises(CannotContinue, match="stand as they are"):
        await desk.comparing.regenerate(view.panels[0].response_id, person)
    await desk.vote(query_id, person)
    view = await desk.view(query_id, person)
    assert {panel.revealed for panel in view.panels} == {
        None
    }  # who does three hundred would learn whose style is whose


@told
async def test_an_answer_that_came_is_not_told_from_those_that_are_written_beside_it(
    store: Store, tmp_path: Path
):
    desk = Desk(store, tmp_path, beside_prepared=True)
    with store.writing() as connection:
        studies.change(
            connection,
            desk.study.id,
            plan=Plan(beside_prepared=True, arms=[desk.versions[0].id, desk.versions[1].id]),
        )
        model = versions.known_as(connection, "GPT-9")
        item = Item(study_id=desk.study.id, number=0, text="Which one?")
        came = Prepared(
            item_id=item.id,
            version_id=model,
            came_with_item=True,
            text="I am GPT-9, and it was first.",
        )
        items.add(connection, [NewItem(item, [came])])
    desk.serving.gate.clear()  # both others stop after their first word
    person = uuid4()
    query_id = await desk.next(person)
    assert query_id
    following = desk.comparing.follow(query_id, person)
    events = [await anext(following)]
    while not all(each.text for each in desk.comparing._live[query_id].answers.values()):
        await asyncio.sleep(0.001)
    seen = [
        await desk.view(query_id, person),
        await anext(following),
        await asyncio.to_thread(
            desk.comparing._stored.view, query_id, person, True
        ),  # on another server
    ]
    told = lambda view: {  # noqa: E731
        each.model_copy(update={"response_id": person, "letter": ""}).model_dump_json()
        for each in view.panels
    }
    for view in [*events, *seen]:
        assert len(view.panels) == 3
        assert len(told(view)) == 1
        assert not any(each.text or each.blocks for each in view.panels)
        assert (view.complete, view.says_names, view.left_out) == (False, False, 0)
    # nor by what is refused
    for panel in seen[0].panels:
        with pytest.raises(CannotContinue, match="stand as they are"):
            await desk.comparing.regenerate(panel.response_id, person)
        with pytest.raises(CannotContinue, match="still being written"):
            await asyncio.to_thread(desk.comparing._stored.reopen, panel.response_id, person)
    desk.serving.gate.set()
    events = [view async for view in following]
    assert [view.complete for view in events][-1]
    assert all(view.complete or len(told(view)) == 1 for view in events)
    assert {each.text for each in events[-1].panels} > {came.text}
    assert events[-1].says_names
    await desk.settled()
    assert (await desk.view(query_id, person)).complete


def test_a_vote_that_a_study_does_not_ask_for_shows_no_names() -> None:
    assert Plan(formats=[Format.CRITIQUE], reveal=True).stays_blind
    assert Plan(formats=[Format.PASSAGES, Format.EDIT], reveal=True).stays_blind
    assert not Plan(formats=[Format.BEST, Format.CRITIQUE], reveal=True).stays_blind


@told
async def test_names_are_shown_after_the_vote_only_if_the_study_says_so(
    store: Store, tmp_path: Path
):
    desk = Desk(store, tmp_path, reveal=True)
    desk.fill(1)
    person = uuid4()
    query_id = await desk.next(person)
    assert query_id
    await desk.vote(query_id, person)
    view = await desk.view(query_id, person)
    assert {panel.revealed and panel.revealed.version for panel in view.panels} == set(NAMES[:3])
    desk.say(person, query_id, "like", view.panels[0].response_id)
    assert [each.unblinded for each in desk.said(query_id)] == [False, True]


@told
async def test_where_names_are_never_shown_everything_counts_as_blind(desk: Desk):
    desk.fill(1)
    person = uuid4()
    query_id = await desk.next(person)
    assert query_id
    await desk.vote(query_id, person)
    view = await desk.view(query_id, person)
    assert {panel.revealed for panel in view.panels} == {None}
    desk.say(person, query_id, "like", view.panels[0].response_id)
    await desk.vote(query_id, person, place=1)  # changed one's mind
    assert {each.unblinded for each in desk.said(query_id)} == {False}
    told = b"".join(people.export_all(desk.store, person)).decode()
    assert str(desk.versions[0].id) not in told  # nor by way of one's own data


# --- what must be said of an item before it is done -----------------------------------------------


@told
async def test_it_is_done_when_all_is_said_that_the_study_asks(store: Store, tmp_path: Path):
    aspects = [Aspect(name="correct"), Aspect(name="kind")]
    desk = Desk(store, tmp_path, formats=[Format.BEST, Format.RATINGS], aspects=aspects)
    desk.fill(1)
    person = uuid4()
    query_id = await desk.next(person)
    assert query_id
    await desk.vote(query_id, person)
    assert desk.given(person)[0].state is AssignmentState.SHOWN
    panels = (await desk.view(query_id, person)).panels
    for panel in panels:
        for aspect in ("correct", "kind"):
            assert desk.given(person)[0].state is AssignmentState.SHOWN
            desk.say(person, query_id, "rate", panel.response_id, aspect=aspect, value=4.0)
    assert desk.given(person)[0].state is AssignmentState.DONE


@told
async def test_only_what_a_study_asks_is_rated(store: Store, tmp_path: Path):
    desk = Desk(
        store,
        tmp_path,
        formats=[Format.RATINGS],
        aspects=[Aspect(name="kind"), Aspect(name="correct")],
    )
    desk.fill(2)
    person = uuid4()
    query_id = await desk.next(person)
    assert query_id
    first = (await desk.view(query_id, person)).panels[0].response_id
    with pytest.raises(BadSignals, match="no rating of 'funny'; rate correct, kind"):
        desk.say(person, query_id, "rate", first, aspect="funny", value=4.0)
    with pytest.raises(BadSignals, match="no rating of 'overall'"):
        desk.say(person, query_id, "rate", first, value=4.0)
    assert desk.said(query_id) == []
    rated = desk.say(person, query_id, "rate", first, aspect="kind", value=4.0)
    # what was stored is known, whatever the study asks by now; what is said from then on is refused
    with desk.store.writing() as connection:
        studies.change(connection, desk.study.id, plan=Plan(formats=[Format.BINARY]))
        assert signals.record(connection, person, [rated]) == 0
    with pytest.raises(BadSignals, match="it asks for no ratings"):
        desk.say(person, query_id, "rate", first, aspect="kind", value=2.0)


@told
async def test_a_free_question_is_rated_on_anything_unless_it_is_said_on_what(desk: Desk):
    person = uuid4()
    query_id = await desk.comparing.ask(person, "What is a moon?")
    await desk.settled()
    first = (await desk.view(query_id, person)).panels[0].response_id
    desk.say(person, query_id, "rate", first, aspect="funny", value=4.0)
    with desk.store.writing() as connection:
        plan = Plan(formats=[Format.RATINGS], aspects=[Aspect(name="kind")])
        studies.change(connection, FREE, plan=plan)
    with pytest.raises(BadSignals, match="rate kind"):
        desk.say(person, query_id, "rate", first, aspect="funny", value=4.0)


# --- what goes wrong ------------------------------------------------------------------------------


@told
async def test_an_answer_that_failed_ahead_is_written_anew_when_it_is_shown(desk: Desk):
    desk.fill(2)
    person = uuid4()
    desk.serving.fails = True
    first = await desk.next(person)
    assert first
    assert {p.outcome for p in (await desk.view(first, person)).panels} == {Outcome.ERROR}
    desk.serving.fails = False
    await desk.vote(first, person, "all_bad")
    second = await desk.next(person)
    assert second
    await desk.settled()
    view = await desk.view(second, person)
    assert {panel.outcome for panel in view.panels} == {Outcome.OK}


@told
async def test_after_a_restart_everybody_goes_on_where_they_were(desk: Desk):
    desk.fill(3)
    person = uuid4()
    query_id = await desk.next(person)
    desk.studies = desk.server()
    assert await desk.next(person) == query_id


@told
async def test_nothing_is_written_ahead_where_those_who_ask_would_wait(desk: Desk):
    desk.fill(2)
    desk.serving.waits = 60.0
    await desk.next(uuid4())
    assert {job.query for job in desk.serving.asked} == {"Question {} 0?"}


@told
async def test_whoever_is_erased_takes_their_questions_along(desk: Desk):
    asker, reader = uuid4(), uuid4()
    await desk.comparing.ask(asker, "What is my name, Rumpelstiltskin?")
    await desk.settled()
    with desk.store.writing() as connection:
        taken = [
            NewItem(Item(study_id=desk.study.id, number=0, text=text), asked_by=who)
            for text, who in items.asked(connection, 10)
        ]
        assert items.add(connection, taken) == 1
    query_id = await desk.next(reader)
    assert query_id
    await desk.vote(query_id, reader)
    with desk.store.writing() as connection:
        people.erase(connection, asker)
    with desk.store.reading() as connection:
        assert items.of_study(connection, desk.study.id) == []
        assert queries.find(connection, query_id) is None
        assert responses.of_query(connection, query_id) == []
        assert people.find(connection, reader) is not None
    assert verify(desk.store) == []
    assert await desk.next(reader) is None


@told
async def test_whoever_reads_can_be_erased_too(desk: Desk):
    desk.fill(2)
    person = uuid4()
    query_id = await desk.next(person)
    assert query_id
    await desk.vote(query_id, person)
    with desk.store.writing() as connection:
        people.erase(connection, person)
    assert desk.given(person) == []
    other = uuid4()
    assert await desk.work(other) == 2


# --- which versions answer ------------------------------------------------------------------------


@told
async def test_versions_of_which_least_is_known_answer_more_often(store: Store, tmp_path: Path):
    """Two that have met thirty times, and two that have not: those are compared."""
    desk = Desk(store, tmp_path, side_by_side=2, pairs=Pairs.INFORMATIVE, overlap=100)
    desk.fill(400)
    a, b, c, d = (each.id for each in desk.versions)
    with store.writing() as connection:
        plan = desk.study.plan.model_copy(update={"arms": [a, b]})
        studies.change(connection, desk.study.id, plan=plan)
    person = uuid4()
    assert await desk.work(person, most=30) == 30
    with store.writing() as connection:
        studies.change(
            connection, desk.study.id, plan=plan.model_copy(update={"arms": [a, b, c, d]})
        )
    desk.studies = desk.server(7)
    other = uuid4()
    assert await desk.work(other, most=60) == 60
    pairs = Counter(frozenset(each.version_id for each in g.drawn) for g in desk.given(other))
    assert pairs[frozenset((a, b))] < 5 < pairs[frozenset((c, d))]
    for each in desk.given(other):
        assert all(0 < drawn.probability < 1 for drawn in each.drawn)
