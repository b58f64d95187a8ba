"""How carefully people have judged, from what is stored; and who is left out for it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.honesty import Said, Work, signs_of, work_in
from app.honesty.signs import Kind
from app.store import (
    FREE,
    DataFilter,
    Item,
    NewItem,
    Prepared,
    Role,
    Store,
    behaviors,
    exports,
    items,
    people,
    signals,
    work,
)
from rlhb_core.schema.records import Source
from tests.integration.test_studies import Desk, told
from tests.scene import OPENED_MS, act, asked, best, someone
from tests.team import Team, running_team


def known(desk: Desk, count: int) -> None:
    """Items whose second answer is known to be the best."""
    new = []
    for n in range(count):
        item = Item(study_id=desk.study.id, number=0, text=f"Known {n}?", gold=1)
        texts = ("Bad.", "Good.", "So so.")
        came = [
            Prepared(
                item_id=item.id, version_id=desk.versions[place].id, came_with_item=True,
                text=text, created_ms=item.created_ms + place,
            )
            for place, text in enumerate(texts)
        ]  # fmt: skip
        new.append(NewItem(item, came))
    with desk.store.writing() as connection:
        items.add(connection, new)


def works(desk: Desk, person: UUID) -> list[Work]:
    with desk.store.reading() as connection:
        return work_in(connection, desk.study.id, person)


@told
async def test_known_best_answers_and_what_comes_again(store: Store, tmp_path: Path):
    desk = Desk(store, tmp_path, repeats=0.3, gold=0.3, overlap=5)
    desk.fill(30)
    known(desk, 10)
    reader, clicker = uuid4(), uuid4()
    for person in (reader, clicker):
        for _ in range(30):
            query_id = await desk.next(person)
            assert query_id
            texts = [panel.text for panel in (await desk.view(query_id, person)).panels]
            by_what_it_says = texts.index("Good." if "Good." in texts else max(texts))
            await desk.vote(query_id, person, place=by_what_it_says if person == reader else 0)
    care = signs_of(works(desk, reader))
    assert (care.done, care.gold.count, care.same.count) == (30, care.gold.of, care.same.of)
    assert care.gold.of >= 8
    assert care.same.of >= 8
    assert {each.kind for each in care.doubts} == {Kind.TOO_FAST}, "a program is fast"
    hurry = signs_of(works(desk, clicker))
    assert hurry.left.words == "30 of 30"
    assert hurry.gold.count < hurry.gold.of
    assert {Kind.ONE_SIDE, Kind.TOO_FAST} <= {each.kind for each in hurry.doubts}


@told
async def test_what_is_told_of_one_comparison(desk_of_two: Desk):
    desk, person = desk_of_two, uuid4()
    query_id = await desk.next(person)
    assert query_id
    view = await desk.view(query_id, person)
    await desk.vote(query_id, person, place=2)
    (only,) = works(desk, person)
    assert (only.said, only.place, only.sides, only.right, only.same) == (
        Said.BEST, 2, 3, None, None,
    )  # fmt: skip
    assert only.characters == sum(len(panel.text) for panel in view.panels)
    assert only.seconds is not None
    assert 0 <= only.seconds < 60
    await desk.vote(
        query_id, person, choice="tie"
    )  # changed: the last one counts, the first one tells the time
    (now,) = works(desk, person)
    assert (now.said, now.place, now.seconds) == (Said.TIE, None, only.seconds)
    query_id = await desk.next(person)
    assert query_id
    desk.say(person, query_id, "vote", choice="skip")
    with desk.store.reading() as connection:
        (row,) = work.workers(connection, desk.study.id)
    assert (row.person_id, row.skipped, row.excluded) == (person, 1, False)
    assert len(works(desk, person)) == 1


@pytest.fixture
def desk_of_two(store: Store, tmp_path: Path) -> Desk:
    desk = Desk(store, tmp_path)
    desk.fill(2)
    return desk


def test_free_questions_count_those_that_were_decided_blind(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        first, answers = asked(connection, person)
        asked(connection, person, "Why?")  # not judged
        passed_over, _ = asked(connection, person, "Who?", at_ms=OPENED_MS + 1)
        alike, twins = asked(
            connection, person, "When?", ("Now.", "Now.", "Then."), at_ms=OPENED_MS + 2
        )
        played = someone(connection, Source.SIMULATED)
        asked(connection, played, "Where?")
        late = best(first, answers[0], 90_000).model_copy(update={"unblinded": True})
        skip = act("vote", passed_over, choice="skip")
        acts = [best(first, answers[1], 70_000), late, skip, best(alike, twins[2])]
        signals.record(connection, person.id, acts)
    with store.reading() as connection:
        one, other = work_in(connection, FREE, person.id)
        assert (one.place, one.sides, one.seconds) == (1, 3, 70.0)
        assert other.said is Said.BEST
        assert other.place is None, "equal answers stand as one, so that places are not alike"
        assert other.characters == len("Now.") + len("Then.")
        rows = {each.person_id: each.simulated for each in work.workers(connection, FREE)}
    assert rows == {person.id: False, played.id: True}


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with running_team(tmp_path) as found:
        yield found


def test_a_researcher_looks_and_leaves_somebody_out(team: Team):
    leader, other = team.member("Rosa", Role.RESEARCHER), team.member("Ann")
    with team.store.writing() as connection:
        query, answers = asked(connection, people.get(connection, other.person_id))
        signals.record(connection, other.person_id, [best(query, answers[0])])
    path = f"/api/studies/{FREE}/care"
    (row,) = leader.client.get(path).json()["people"]
    assert row["person_id"] == str(other.person_id)
    assert row["signs"]["left"] == pytest.approx(
        {"count": 1, "of": 1, "low": 0.2065, "high": 1.0}, abs=1e-4
    )

    def count() -> int:
        behaviors.refresh(team.store)
        with team.store.reading() as connection:
            return exports.amounts(connection, DataFilter()).votes

    assert count() == 1
    theirs = f"{path}/{other.person_id}"
    assert leader.client.patch(theirs, json={"excluded": True}).json() == {"excluded": True}
    assert count() == 0
    assert leader.client.get(path).json()["people"][0]["excluded"]
    assert leader.client.patch(theirs, json={"excluded": False}).status_code == 200
    assert count() == 1
    unknown = leader.client.patch(f"{path}/{uuid4()}", json={"excluded": True})
    assert unknown.status_code == 404
    assert "nobody of this id" in unknown.json()["detail"]
    assert other.client.get(path).status_code == 403
    assert other.client.patch(theirs, json={"excluded": True}).status_code == 403
