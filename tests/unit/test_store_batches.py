"""Batches of many people taken together: the same is stored, and the same refused, as if each had come alone."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import BadSignals, Clocks, Connection, Store, people, signals
from app.store.signals import Batch
from app.store.tables import PERSON, QUERY, SIGNAL
from rlhb_core.schema.records import Outcome, Person, Query, Response, Source
from rlhb_core.schema.signals import Signal
from tests.conftest import Postgres
from tests.scene import OPENED_MS, act, asked, best, someone

NOW = OPENED_MS + 100_000


@dataclass
class Scene:
    """Some people with a query or two each, one of them paused, one simulated, one not known."""

    persons: list[Person]
    asked: list[tuple[Query, list[Response]]]


def made(connection: Connection) -> Scene:
    persons = [
        someone(connection),
        someone(connection),
        someone(connection, recording=False),
        someone(connection, source=Source.SIMULATED),
    ]
    stories = [asked(connection, person) for person in (*persons, persons[0])]
    failed = ("An answer.", "", "Another.")
    stories.append(asked(connection, persons[1], "And one that failed?", answers=failed))
    return Scene([*persons, Person()], stories)


@contextmanager
def undone(store: Store) -> Iterator[Connection]:
    """A unit of work of which nothing stays."""
    with store.engine.connect() as connection:
        yield connection
        connection.rollback()


def state(connection: Connection) -> list[Any]:
    """All that signals change. A count of changes says only whether there were any."""
    rows = connection.execute(sa.select(SIGNAL).order_by(SIGNAL.c.id)).all()
    marks = connection.execute(
        sa.select(QUERY.c.id, QUERY.c.recorded, QUERY.c.revealed_ms).order_by(QUERY.c.id)
    ).all()
    changed = connection.execute(
        sa.select(PERSON.c.id).where(PERSON.c.changes > 0).order_by(PERSON.c.id)
    ).all()
    return [rows, marks, changed]


def told(outcome: int | BadSignals) -> Any:
    return outcome.refusals if isinstance(outcome, BadSignals) else outcome


def alone(connection: Connection, batch: Batch) -> int | BadSignals:
    try:
        return signals.record(connection, *batch)
    except BadSignals as refused:
        return refused


def _mark(number: int, end: int) -> dict[str, Any]:
    return {"mark": str(UUID(int=number)), "start": 0, "end": end, "quality": "good"}


@st.composite
def batches(draw: st.DrawFn, scene: Scene) -> list[Batch]:
    """Batches of anybody about anything, under a few ids, so that all kinds of trouble are frequent."""
    ids = [uuid4() for _ in range(6)]

    def one() -> Signal:
        query, answers = draw(st.sampled_from(scene.asked))
        answer = draw(st.sampled_from(answers))
        stranger = draw(st.sampled_from(draw(st.sampled_from(scene.asked))[1]))
        signal = draw(
            st.sampled_from(
                [
                    act("like", query, answer),
                    act("like", query, answer, on=False),
                    act("dwell", query, answer, ms=100),
                    act("dwell", query, answer, ms=-1),
                    act("like", query, stranger),
                    act("mark", query, answer, **_mark(draw(st.integers(0, 3)), 3)),
                    act("mark", query, answer, **_mark(0, 10_000)),
                    best(query, answer),
                    act("vote", query, None, choice="withdrawn"),
                    act("rank", query, order=[[str(answer.id)], [str(stranger.id)]]),
                    act("follow_up", query, to_query=str(scene.asked[0][0].id)),
                ]
            )
        )
        return signal.model_copy(
            update={
                "id": draw(st.sampled_from(ids) | st.uuids(version=4)),
                "at_ms": OPENED_MS + draw(st.integers(0, 90_000)),
            }
        )

    def batch(number: int) -> Batch:
        person = draw(st.sampled_from(scene.persons))
        sent = [one() for _ in range(draw(st.integers(0, 4)))]
        skew = draw(st.sampled_from([0, -3_000, 500_000]))
        return Batch(person.id, sent, NOW + number - skew, NOW + number)

    return [batch(number) for number in range(draw(st.integers(1, 7)))]


@pytest.fixture
def scene(store: Store) -> Scene:
    with store.writing() as connection:
        made_up = made(connection)
        connection.execute(sa.update(PERSON).values(changes=0))
        return made_up


def in_one(connection: Connection, sent: Sequence[Batch]) -> list[int | BadSignals]:
    """The outcomes of batches that are taken together, those that cannot be true refused beforehand."""
    refused: dict[int, int | BadSignals] = {}
    for number, batch in enumerate(sent):
        try:
            batch.check()
        except BadSignals as error:
            refused[number] = error
    passed = [number for number in range(len(sent)) if number not in refused]
    outcomes = signals.record_all(
        connection, [Clocks().set_right(sent[number]) for number in passed]
    )
    found = refused | dict(zip(passed, outcomes, strict=True))
    return [found[number] for number in range(len(sent))]


@given(data=st.data())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_taken_together_or_one_after_another_is_the_same(
    store: Store, scene: Scene, data: st.DataObject, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.store.batches.MAX_PIECES", 2)
    sent = data.draw(batches(scene))
    with undone(store) as connection:
        outcomes = [alone(connection, batch) for batch in sent]
        expected = state(connection)
    with undone(store) as connection:
        together = in_one(connection, sent)
        found = state(connection)
    assert list(map(told, together)) == list(map(told, outcomes))
    assert found == expected


def test_a_refused_batch_leaves_nothing_and_the_others_are_stored(store: Store, scene: Scene):
    (mine, (a, *_)), (theirs, (b, *_)) = scene.asked[:2]
    me, other, *_ = scene.persons
    sent = [
        Batch(me.id, [act("like", mine, a), act("like", theirs, b)], NOW, NOW),
        Batch(other.id, [act("like", theirs, b)], NOW, NOW),
        Batch(uuid4(), [act("like", theirs, b)], NOW, NOW),
    ]
    untrue = Batch(other.id, [act("like", theirs, b), act("dwell", theirs, b, ms=-1)], NOW, NOW)
    with pytest.raises(BadSignals) as caught:
        untrue.check()
    assert [each.index for each in refusals(caught.value)] == [1]
    with store.writing() as connection:
        refused, new, unknown = signals.record_all(connection, sent)
        assert new == 1
        assert [each.index for each in refusals(refused)] == [1]
        assert "nothing is recorded of you" in refusals(unknown)[0].message
        assert signals.of_query(connection, mine.id) == []
        assert [each.id for each in signals.of_query(connection, theirs.id)] == [
            sent[1].signals[0].id
        ]
        assert state(connection)[2] == [(other.id,)], "nothing changed about those who were refused"


def refusals(outcome: int | BadSignals) -> Sequence[Any]:
    assert isinstance(outcome, BadSignals)
    return outcome.refusals


def test_what_a_batch_adds_the_next_one_finds(store: Store, scene: Scene):
    (query, (a, b, _)), me = scene.asked[0], scene.persons[0]
    like = act("like", query, a)
    forged = like.model_copy(update={"response_id": b.id})

    def batch(number: int, *sent: Signal) -> Batch:
        return Batch(me.id, sent, NOW + number, NOW + number)

    with store.writing() as connection:
        sent = [[like], [best(query, a)], [like], [forged], [act("dislike", query, b)]]
        outcomes = signals.record_all(connection, [batch(i, *each) for i, each in enumerate(sent)])
        assert outcomes[:3] == [1, 1, 0]
        assert "already taken" in refusals(outcomes[3])[0].message
        assert outcomes[4] == 1
        blind = {each.kind: not each.unblinded for each in signals.of_query(connection, query.id)}
        assert blind == {"like": True, "vote": True, "dislike": False}


def test_an_id_of_another_person_in_the_same_unit_is_refused(store: Store, scene: Scene):
    (mine, (a, *_)), (theirs, (b, *_)) = scene.asked[:2]
    taken: UUID = uuid4()
    first, second = (
        act("like", query, answer).model_copy(update={"id": taken})
        for query, answer in ((mine, a), (theirs, b))
    )
    with store.writing() as connection:
        outcomes = signals.record_all(
            connection,
            [
                Batch(scene.persons[0].id, [first], NOW, NOW),
                Batch(scene.persons[1].id, [second], NOW, NOW),
            ],
        )
    assert outcomes[0] == 1
    assert "already taken" in refusals(outcomes[1])[0].message


def test_a_failed_answer_is_among_those_that_are_spoken_of(store: Store, scene: Scene):
    query, answers = scene.asked[-1]
    assert answers[1].outcome is not Outcome.PENDING
    with pytest.raises(BadSignals, match="cannot be chosen"), store.writing() as connection:
        signals.record(connection, scene.persons[1].id, [best(query, answers[1])])
    with store.writing() as connection:
        assert people.get(connection, scene.persons[1].id).recording


def test_only_a_vote_that_was_cast_can_be_taken_back(store: Store, scene: Scene):
    (query, (a, *_)), me = scene.asked[0], scene.persons[0]
    undone = act("vote", query, choice="withdrawn")
    with pytest.raises(BadSignals, match="no vote to take back"), store.writing() as connection:
        signals.record(connection, me.id, [undone])
    with store.writing() as connection:
        assert signals.record(connection, me.id, [best(query, a), undone]) == 2, "both in one batch"
        again = act("vote", query, choice="withdrawn")
        assert signals.record(connection, me.id, [again]) == 1, "and in a later one"
    (ranked, (b, *_)), they = scene.asked[1], scene.persons[1]
    order = act("rank", ranked, order=[[str(b.id)]])
    with store.writing() as connection:
        assert signals.record(connection, they.id, [order]) == 1
        back = act("vote", ranked, choice="withdrawn")
        assert signals.record(connection, they.id, [back]) == 1, "a ranking too"
    simulated, (theirs, _) = scene.persons[3], scene.asked[3]
    with store.writing() as connection:  # they are shown no names, so nobody knows
        back = act("vote", theirs, choice="withdrawn")
        assert signals.record(connection, simulated.id, [back]) == 1


def test_whoever_erases_themselves_waits_for_what_they_are_saying_on_postgres(postgres: Postgres):
    """Both lock the person first; else each would wait for what the other holds, and one of them fail."""
    store = Store.open(postgres.new_database())
    with store.writing() as connection:
        person = someone(connection)
        query, (answer, *_) = asked(connection, person)

    def erase() -> None:
        with store.writing() as connection:
            people.erase(connection, person.id)

    with closing(store), ThreadPoolExecutor(1) as threads:
        with store.writing() as connection:
            people.touch(connection, {person.id})
            erased = threads.submit(erase)
            while not locks_waited_for(store):
                assert not erased.done()
            signals.record(connection, person.id, [act("like", query, answer)])
        erased.result(30)
        with store.reading() as connection:
            assert signals.of_query(connection, query.id) == []


def locks_waited_for(store: Store) -> int:
    with store.reading() as connection:
        waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return int(connection.execute(waiting).scalar_one())
