"""Drafts on the server: their writer's alone, replaced as they grow, gone once sent, old or erased."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
import sqlalchemy as sa

from app.store import Draft, Store, drafts, people
from app.store.drafts import DAYS, MOST, MOST_CHARACTERS
from rlhb_core.schema.record import now_ms
from tests.integration.test_roles import NOBODYS_ID
from tests.scene import asked, someone
from tests.team import Member, Team, running_team


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("drafts")) as team:
        team.first()
        yield team


@pytest.fixture
def anna(team: Team) -> Member:
    return team.member(f"Anna {uuid4().hex[:6]}")


def test_a_draft_comes_back_to_whoever_wrote_it_and_to_nobody_else(
    team: Team, anna: Member
) -> None:
    other = team.member(f"Ben {uuid4().hex[:6]}")
    about = f"edit.{uuid4()}"
    for each in ("Half a", "Half a thought"):
        assert anna.client.put(f"/api/me/drafts/{about}", json={"text": each}).status_code == 204
    assert anna.client.put("/api/me/drafts/question", json={"text": "Why?"}).status_code == 204
    found = {one["about"]: one["text"] for one in anna.client.get("/api/me/drafts").json()}
    assert found == {about: "Half a thought", "question": "Why?"}
    assert other.client.get("/api/me/drafts").json() == []
    assert anna.client.put(f"/api/me/drafts/{about}", json={"text": ""}).status_code == 204
    assert [one["about"] for one in anna.client.get("/api/me/drafts").json()] == ["question"]


@pytest.mark.parametrize("about", ["answer", "edit.", "edit.x", f"vote.{NOBODYS_ID}", "question2"])
def test_what_a_draft_cannot_be_about_is_refused(anna: Member, about: str) -> None:
    assert anna.client.put(f"/api/me/drafts/{about}", json={"text": "x"}).status_code == 422
    assert anna.client.put("/api/me/drafts/question", json={"text": "x" * 200_001}).status_code in (
        413,
        422,
    )
    assert anna.client.get("/api/me/drafts").json() == []


def test_drafts_are_in_ones_own_data_and_go_with_erasure(team: Team, anna: Member) -> None:
    anna.client.put("/api/me/drafts/question", json={"text": "Nobody knows yet"})
    lines = [json.loads(line) for line in anna.client.get("/api/me/data").text.splitlines()]
    assert [one["text"] for one in lines if one["type"] == "draft"] == ["Nobody knows yet"]
    anna.client.post("/api/me/erase", json={"confirm": True})
    assert anna.client.get("/api/me/drafts").json() == []
    assert "Nobody knows yet" not in anna.client.get("/api/me/data").text


def test_what_others_were_writing_of_an_erased_persons_answers_goes_too(store: Store) -> None:
    with store.writing() as connection:
        erased, other = someone(connection), someone(connection)
        _, (theirs, *_) = asked(connection, erased)
        _, (own, *_) = asked(connection, other)
        for about in (f"edit.{theirs.id}", f"critique.{theirs.id}", f"edit.{own.id}"):
            drafts.keep(connection, other.id, Draft(about=about, text="Half a thought"))
        people.erase(connection, erased.id)
        found = drafts.of_person(connection, other.id)
    assert [one.about for one in found] == [f"edit.{own.id}"]


def test_only_the_newest_are_kept_and_none_for_ever(store: Store) -> None:
    with store.writing() as connection:
        person = someone(connection)
        old = Draft(
            about=f"edit.{uuid4()}", text="old", written_ms=now_ms() - (DAYS + 1) * 86_400_000
        )
        drafts.keep(connection, person.id, old)
        assert drafts.of_person(connection, person.id) == []
        drafts.forget_old(connection)
        assert connection.execute(sa.text("SELECT count(*) FROM draft")).scalar_one() == 0
        begun = now_ms()
        for number in range(MOST + 3):
            one = Draft(about=f"critique.{uuid4()}", text=str(number), written_ms=begun + number)
            drafts.keep(connection, person.id, one)
        found = drafts.of_person(connection, person.id)
        assert [one.text for one in found] == [str(n) for n in range(MOST + 2, 2, -1)]
        long = MOST_CHARACTERS // 20
        for number in range(22):
            one = Draft(about=f"edit.{uuid4()}", text="x" * long, written_ms=begun + 500 + number)
            drafts.keep(connection, person.id, one)
        assert [len(one.text) for one in drafts.of_person(connection, person.id)] == [long] * 20
        odd = Draft(about="question", text="a sign\x00that is none", written_ms=begun + 999)
        drafts.keep(connection, person.id, odd)
        assert "that is none" in drafts.of_person(connection, person.id)[0].text
        people.erase(connection, person.id)
        assert drafts.of_person(connection, person.id) == []


def test_own_data_hide_the_temperature_before_the_vote(store: Store) -> None:
    with store.writing() as connection:
        person = someone(connection)
        asked(connection, person)
        lines = [
            json.loads(line)
            for line in b"".join(people.export_lines(connection, person.id)).splitlines()
        ]
    assert [one["temperature"] for one in lines if one["type"] == "response"] == [None] * 3
