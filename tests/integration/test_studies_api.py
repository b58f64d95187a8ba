"""Studies over HTTP: made and filled by a researcher, worked through by annotators, each told what is theirs."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.store import FREE, Role, assignments
from rlhb_core.schema.record import now_ms
from tests.team import Member, Team, running_team

PAIRS = [
    {
        "prompt": f"Question {n}?",
        "responses": [f"First {n}.", f"Second {n}."],
        "models": ["one", "two"],
    }
    for n in range(3)
]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("studies")) as team:
        team.first()
        yield team


@pytest.fixture
def leader(team: Team) -> Member:
    return team.member(f"Rosa {uuid4().hex[:6]}", Role.RESEARCHER)


@pytest.fixture
def annotator(team: Team) -> Member:
    return team.member(f"Ann {uuid4().hex[:6]}")


def made(leader: Member, lines: list[Any] | None = None, **plan: Any) -> str:
    """A study that is open, with these items."""
    answer = leader.client.post(
        "/api/studies", json={"name": f"Study {uuid4().hex[:8]}", "plan": plan}
    )
    assert answer.status_code == 201, answer.text
    study_id: str = answer.json()["study"]["id"]
    bring(
        leader,
        study_id,
        "items.jsonl",
        "\n".join(map(json.dumps, PAIRS if lines is None else lines)),
    )
    changed = leader.client.patch(f"/api/studies/{study_id}", json={"status": "open"})
    assert changed.status_code == 200, changed.text
    return study_id


def bring(leader: Member, study_id: str, name: str, text: str) -> dict[str, Any]:
    answer = leader.client.post(
        f"/api/studies/{study_id}/items/file", files={"file": (name, text.encode())}
    )
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def next_of(member: Member, study_id: str) -> dict[str, Any]:
    answer = member.client.post(f"/api/studies/{study_id}/next")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def vote(member: Member, task: dict[str, Any], place: int = 0) -> None:
    best = task["view"]["panels"][place]["response_id"]
    say(member, task, {"choice": "best", "best": best})


def skip(member: Member, task: dict[str, Any]) -> None:
    say(member, task, {"choice": "skip", "best": None})


def say(member: Member, task: dict[str, Any], payload: dict[str, Any]) -> None:
    now = now_ms()
    signal = {
        "id": str(uuid4()), "kind": "vote", "query_id": task["query_id"], "at_ms": now, "page_id": str(uuid4()),
        "page_opened_ms": now,
        "payload": payload,
    }  # fmt: skip
    sent = member.client.post("/api/signals", json={"sent_ms": now, "signals": [signal]})
    assert sent.json() == {"received": 1, "new": 1}, sent.text


def test_a_study_is_made_filled_opened_and_worked_through(leader: Member, annotator: Member):
    study_id = made(leader, completion_code="MARS-17", about="Which one is better?")
    (offer,) = [
        each for each in annotator.client.get("/api/studies").json() if each["id"] == study_id
    ]
    assert offer["about"] == "Which one is better?"
    assert offer["share"] == {"done": 0, "skipped": 0, "mine": 3}
    for number in range(3):
        task = next_of(annotator, study_id)
        assert (task["done"], task["mine"], task["is_last"]) == (number, 3, number == 2)
        assert task["completion_code"] == ""
        view = task["view"]
        assert view["query"] == f"Question {number}?"
        assert {p["text"] for p in view["panels"]} == {f"First {number}.", f"Second {number}."}
        assert [panel["revealed"] for panel in view["panels"]] == [None, None]
        assert view["asks"] == {"formats": ["best"], "aspects": [], "reasons": []}
        vote(annotator, task)
    end = next_of(annotator, study_id)
    assert (end["query_id"], end["finished"], end["completion_code"]) == (None, True, "MARS-17")
    assert leader.client.get(f"/api/studies/{study_id}").json()["share"]["answers"] == 3


def test_who_has_finished_is_told_what_they_had_and_not_what_others_did(
    team: Team, leader: Member, annotator: Member
):
    lines = [{**PAIRS[0], "prompt": f"Question {n}?"} for n in range(4)]
    study_id = made(leader, lines)
    skip(annotator, next_of(annotator, study_id))
    task = next_of(annotator, study_id)
    assert (task["done"], task["skipped"], task["mine"]) == (0, 1, 4)
    other = team.member(f"Otto {uuid4().hex[:6]}")
    for _ in range(2):  # what was skipped, and the last one
        vote(other, next_of(other, study_id))
    vote(annotator, task)
    assert offered(annotator, study_id) == {"done": 1, "skipped": 1, "mine": 4}  # one waits
    vote(annotator, next_of(annotator, study_id))
    end = next_of(annotator, study_id)
    assert (end["finished"], end["done"], end["skipped"], end["mine"]) == (True, 2, 1, 3)
    assert offered(annotator, study_id) == {"done": 2, "skipped": 1, "mine": 3}


def offered(member: Member, study_id: str) -> dict[str, int]:
    offers = member.client.get("/api/studies").json()
    share: dict[str, int] = next(each["share"] for each in offers if each["id"] == study_id)
    return share


def test_guidelines_are_known_once_an_item_is_ended_by_them(leader: Member, annotator: Member):
    study_id = made(leader)
    assert told_of_guidelines(annotator, study_id) == (0, True)
    path = f"/api/studies/{study_id}"
    leader.client.patch(path, json={"guidelines": "Be kind."})
    assert told_of_guidelines(annotator, study_id) == (1, False)
    vote(annotator, next_of(annotator, study_id))
    assert told_of_guidelines(annotator, study_id) == (1, False)  # shown when there were none yet
    skip(annotator, next_of(annotator, study_id))
    assert told_of_guidelines(annotator, study_id) == (1, True)
    leader.client.patch(path, json={"guidelines": "Be kinder."})
    assert told_of_guidelines(annotator, study_id) == (2, False)
    leader.client.patch(path, json={"guidelines": ""})
    assert told_of_guidelines(annotator, study_id) == (3, True)  # nothing is left to read


def test_guidelines_that_say_nothing_are_none(leader: Member, annotator: Member):
    study_id = made(leader)
    leader.client.patch(f"/api/studies/{study_id}", json={"guidelines": " "})
    assert told_of_guidelines(annotator, study_id) == (0, True)


def told_of_guidelines(member: Member, study_id: str) -> tuple[int, bool]:
    task = next_of(member, study_id)
    return task["guidelines"], task["knows_guidelines"]


def test_what_an_annotator_is_told_does_not_tell_why_they_are_given_it(
    leader: Member, annotator: Member
):
    lines = [{**PAIRS[0], "best": 1}, *PAIRS[1:]]
    study_id = made(leader, lines, gold=0.5, repeats=0.3)
    told = json.dumps(next_of(annotator, study_id)) + annotator.client.get("/api/studies").text
    for word in ("gold", "repeat", "purpose", "overlap"):
        assert word not in told
    assert annotator.client.get(f"/api/studies/{study_id}").status_code == 403
    assert annotator.client.get(f"/api/studies/{study_id}/items").status_code == 403


def test_a_study_that_has_not_begun_is_seen_by_who_leads_it(leader: Member, annotator: Member):
    made_here = leader.client.post("/api/studies", json={"name": f"Draft {uuid4().hex[:6]}"}).json()
    study_id = made_here["study"]["id"]
    assert study_id not in annotator.client.get("/api/studies").text
    assert study_id in leader.client.get("/api/studies").text
    guidelines = f"/api/studies/{study_id}/guidelines"
    assert leader.client.get(guidelines).status_code == 200
    assert annotator.client.get(guidelines).status_code == 404
    empty = leader.client.patch(f"/api/studies/{study_id}", json={"status": "open"})
    assert (empty.status_code, "bring items in first" in empty.json()["detail"]) == (422, True)
    bring(leader, study_id, "q.txt", "One?\n\nTwo?\n")
    closed = annotator.client.post(f"/api/studies/{study_id}/next")
    assert (closed.status_code, closed.json()["detail"]) == (409, "this study has not begun yet")


def test_a_study_for_named_people_is_open_to_them_alone(
    team: Team, leader: Member, annotator: Member
):
    other = team.member(f"Otto {uuid4().hex[:6]}")
    study_id = made(leader, audience="named", people=[str(annotator.id)])
    assert next_of(annotator, study_id)["query_id"]
    refused = other.client.post(f"/api/studies/{study_id}/next")
    assert (refused.status_code, "not open to you" in refused.json()["detail"]) == (403, True)
    assert study_id not in other.client.get("/api/studies").text
    assert other.client.get(f"/api/studies/{study_id}/guidelines").status_code == 403


def test_people_are_named_by_the_names_that_they_sign_in_by(
    team: Team, leader: Member, annotator: Member
):
    study_id = made(leader, audience="named")
    path = f"/api/studies/{study_id}"
    assert annotator.client.post(f"{path}/next").status_code == 403
    named = leader.client.patch(path, json={"named": [annotator.name.upper(), " ", annotator.name]})
    assert named.json()["named"] == [annotator.name]
    assert named.json()["study"]["plan"]["people"] == [str(annotator.id)]
    assert next_of(annotator, study_id)["query_id"]
    unknown = leader.client.patch(path, json={"named": [annotator.name, "Nemo"]})
    assert (unknown.status_code, "nobody here is called Nemo" in unknown.json()["detail"]) == (
        422, True,
    )  # fmt: skip
    assert leader.client.get(path).json()["named"] == [annotator.name]


def test_a_study_for_groups_is_open_to_those_in_one_of_them(
    team: Team, leader: Member, annotator: Member
):
    boss = team.member(f"Dora {uuid4().hex[:6]}", Role.ADMINISTRATOR)
    study_id = made(leader, audience="groups", groups=["Night shift", "Doctors"])
    path = f"/api/studies/{study_id}"
    assert annotator.client.post(f"{path}/next").status_code == 403
    theirs = f"/api/people/{annotator.id}"
    changed = boss.client.patch(theirs, json={"groups": ["doctors ", "  Others"]})
    assert changed.status_code == 204
    members = {each["name"]: each["groups"] for each in boss.client.get("/api/people").json()}
    assert members[annotator.name] == ["Others", "doctors"]
    assert next_of(annotator, study_id)["query_id"]
    assert team.lines(kind="role")[-1]["what"] == {"groups": ["Others", "doctors"]}
    assert boss.client.patch(theirs, json={"groups": []}).status_code == 204
    assert annotator.client.post(f"{path}/next").status_code == 403
    assert leader.client.patch(theirs, json={"groups": ["x"]}).status_code == 403
    for wrong in ([""], ["\u202e"], ["x" * 41]):
        assert boss.client.patch(theirs, json={"groups": wrong}).status_code == 422, wrong


def test_guidelines_have_versions_and_each_comparison_keeps_its_own(
    team: Team, leader: Member, annotator: Member
):
    study_id = made(leader)
    path = f"/api/studies/{study_id}"
    leader.client.patch(path, json={"guidelines": "Be **kind**. <script>alert(1)</script>"})
    first = next_of(annotator, study_id)
    shown = annotator.client.get(f"{path}/guidelines").json()
    assert shown["number"] == 1
    assert "<strong>kind</strong>" in shown["html"]
    assert "<script" not in shown["html"]
    leader.client.patch(path, json={"guidelines": "Be strict."})
    leader.client.patch(
        path, json={"guidelines": "Be strict."}
    )  # the same again is no other version
    vote(annotator, first)
    second = next_of(annotator, study_id)
    assert annotator.client.get(f"{path}/guidelines").json()["number"] == 2
    assert "kind" in annotator.client.get(f"{path}/guidelines?number=1").json()["html"]
    assert annotator.client.get(f"{path}/guidelines?number=3").status_code == 404
    assert [guidelines_of(team, each) for each in (first, second)] == [1, 2]


def guidelines_of(team: Team, task: dict[str, Any]) -> int:
    with team.store.reading() as connection:
        given = assignments.of_query(connection, UUID(task["query_id"]))
    assert given is not None
    return given.guidelines


def test_of_free_questions_only_guidelines_and_threads_change(leader: Member, annotator: Member):
    path = f"/api/studies/{FREE}"
    assert leader.client.patch(path, json={"guidelines": "Ask what you like."}).status_code == 200
    assert "Ask what you like" in annotator.client.get(f"{path}/guidelines").json()["html"]
    for wanted in ({"status": "ended"}, {"plan": {"threads": "own", "overlap": 3}}):
        refused = leader.client.patch(path, json=wanted)
        assert (refused.status_code, "always open" in refused.json()["detail"]) == (422, True)
    led = leader.client.patch(path, json={"plan": {"threads": "own"}}).json()
    assert led["study"]["plan"]["threads"] == "own"


def test_items_are_not_gone_on_with_so_nothing_is_chosen_of_that(leader: Member):
    study_id = made(leader)
    refused = leader.client.patch(f"/api/studies/{study_id}", json={"plan": {"threads": "own"}})
    assert (refused.status_code, "free questions only" in refused.json()["detail"]) == (422, True)
    name = f"Threads {uuid4().hex[:6]}"
    new = leader.client.post("/api/studies", json={"name": name, "plan": {"threads": "own"}})
    assert (new.status_code, "free questions only" in new.json()["detail"]) == (422, True)


def test_items_are_listed_put_away_and_tagged(leader: Member, annotator: Member):
    study_id = made(leader)
    path = f"/api/studies/{study_id}/items"
    listed = leader.client.get(path).json()
    assert (listed["count"], [each["text"] for each in listed["items"]]) == (
        3, ["Question 0?", "Question 1?", "Question 2?"],
    )  # fmt: skip
    one = leader.client.get(f"{path}?offset=1&limit=1").json()
    assert (one["count"], [each["text"] for each in one["items"]]) == (3, ["Question 1?"])
    assert leader.client.get(f"{path}?limit=101").status_code == 422
    first = listed["items"][0]["id"]
    change = {"ids": [first, str(uuid4())], "archived": True, "tags": ["moons"]}
    assert leader.client.patch(path, json=change).json() == {"changed": 1}
    other = made(leader)
    assert leader.client.patch(f"/api/studies/{other}/items", json=change).json() == {"changed": 0}
    listed = leader.client.get(path).json()["items"][0]
    assert (listed["archived"], listed["tags"]) == (True, ["moons"])
    assert next_of(annotator, study_id)["view"]["query"] == "Question 1?"


@pytest.mark.parametrize("number", ["-1", str(2**63), "1" + "0" * 30, "x"])
def test_places_that_no_database_counts_to_are_refused(leader: Member, number: str):
    path = f"/api/studies/{made(leader)}"
    assert leader.client.get(f"{path}/items?offset={number}").status_code == 422
    assert leader.client.get(f"{path}/guidelines?number={number}").status_code == 422


def test_a_name_that_is_taken_and_plans_that_make_no_sense(leader: Member):
    name = f"Twice {uuid4().hex[:6]}"
    assert leader.client.post("/api/studies", json={"name": name}).status_code == 201
    taken = leader.client.post("/api/studies", json={"name": f" {name} "})
    assert (taken.status_code, "called so already" in taken.json()["detail"]) == (409, True)
    for plan, words in (
        ({"formats": ["ratings"]}, "name at least one aspect"),
        ({"formats": ["strength"]}, "only where the best one is"),
        ({"formats": ["best"], "side_by_side": 1}, "one answer alone cannot be compared"),
        ({"repeats": 0.5, "gold": 0.5}, "leave nothing for the rest"),
        ({"aspects": [{"name": "a", "anchors": ["bad", "good"]}]}, "leave all of them out"),
    ):  # fmt: skip
        refused = leader.client.post("/api/studies", json={"name": "x", "plan": plan})
        assert refused.status_code == 422
        assert words in refused.text


def test_questions_that_were_asked_here_are_taken_in_once(
    team: Team, leader: Member, annotator: Member
):
    text = f"How many moons has {uuid4().hex[:6]}?"
    team.asked_by(annotator, text)
    team.asked_by(annotator, text)
    made_here = leader.client.post("/api/studies", json={"name": f"Own {uuid4().hex[:6]}"}).json()
    path = f"/api/studies/{made_here['study']['id']}/items"
    told = leader.client.post(f"{path}/from-store", json={"most": 500}).json()
    assert told["added"] > 0
    texts = [each["text"] for each in leader.client.get(path).json()["items"]]
    assert texts.count(text) == 1
    again = leader.client.post(f"{path}/from-store", json={"most": 500}).json()
    assert (again["added"], again["known"]) == (0, told["added"])


def test_changes_of_a_study_are_in_the_audit_log_without_its_texts(team: Team, leader: Member):
    study_id = made(leader)
    leader.client.patch(f"/api/studies/{study_id}", json={"guidelines": "A secret way to judge."})
    lines = [each for each in team.lines(kind="study") if each["what"]["study"] == study_id]
    changed = [each["what"].get("changed") for each in lines]
    assert changed == [None, ["items"], ["status"], ["guidelines"]]
    plan = leader.client.get(f"/api/studies/{study_id}").json()["study"]["plan"]
    opened = {"plan": {**plan, "audience": "workers", "link_number": 2}}
    assert leader.client.patch(f"/api/studies/{study_id}", json=opened).status_code == 200
    leader.client.post(f"/api/studies/{study_id}/links", json={})
    lines = [each for each in team.lines(kind="study") if each["what"]["study"] == study_id]
    assert [each["what"]["changed"] for each in lines[-2:]] == [
        ["plan", "plan.audience", "plan.link_number"], ["links"],
    ]  # fmt: skip
    assert "secret way" not in json.dumps(lines)
