"""Workers of a platform outside: in by a study's link, as one worker, to that study alone."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient

from app.people import workers
from app.store import Role, accounts, queries
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Query
from tests.integration.test_studies_api import made, next_of, vote
from tests.scene import act
from tests.team import Member, Team, running_team


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("workers")) as team:
        team.first()
        yield team


@pytest.fixture
def leader(team: Team) -> Member:
    return team.member(f"Rosa {uuid4().hex[:6]}", Role.RESEARCHER)


def links(leader: Member, study_id: str, *names: str) -> list[dict[str, str]]:
    """What each link says."""
    answer = leader.client.post(f"/api/studies/{study_id}/links", json={"workers": names})
    assert answer.status_code == 200, answer.text
    found = []
    for each in answer.json():
        address = urlsplit(each["path"])
        assert address.path == "/work"
        told = {name: value[0] for name, value in parse_qs(address.query).items()}
        assert told.get("worker", "") == each["worker"]
        found.append(told)
    return found


def come(team: Team, said: dict[str, str], worker: str) -> tuple[TestClient, Any]:
    browser = team.browser()
    return browser, browser.post("/api/work", json={**said, "worker": worker})


def as_member(team: Team, browser: TestClient, worker: str) -> Member:
    account = team.account(f"worker {worker}")
    return Member(browser, account.name, account.id, account.person_id, account.role)


def test_a_worker_comes_works_to_the_end_and_is_the_same_one_again(team: Team, leader: Member):
    study_id = made(leader, audience="workers", completion_code="MARS-17")
    other_study = made(leader, audience="workers")
    for_all = made(leader)
    (said,) = links(leader, study_id)
    browser, answer = come(team, said, "5f3a-Ada")
    assert (answer.status_code, answer.json()) == (
        201, {"name": "worker 5f3a-Ada", "role": "worker"},
    )  # fmt: skip
    ada = as_member(team, browser, "5f3a-Ada")
    assert [each["id"] for each in browser.get("/api/studies").json()] == [study_id]
    vote(ada, next_of(ada, study_id))
    again, answer = come(team, said, "5f3a-Ada")
    assert answer.status_code == 201
    ada = as_member(team, again, "5f3a-Ada")
    task = next_of(ada, study_id)
    assert task["done"] == 1
    for _ in range(2):
        vote(ada, task)
        task = next_of(ada, study_id)
    assert (task["finished"], task["completion_code"]) == (True, "MARS-17")
    for closed in (other_study, for_all):
        assert again.post(f"/api/studies/{closed}/next").status_code == 403
    asked = again.post("/api/comparisons", json={"text": "Why?"})
    assert (asked.status_code, "for annotators" in asked.json()["detail"]) == (403, True)
    (row,) = leader.client.get(f"/api/studies/{study_id}/care").json()["people"]
    assert (row["worker"], row["signs"]["done"]) == ("5f3a-Ada", 3)
    joined = team.lines(kind="join")[-1]
    assert (joined["what"]["by"], joined["what"]["role"]) == ("study", "worker")


def test_a_link_for_one_is_good_for_no_other(team: Team, leader: Member):
    study_id, other = made(leader, audience="workers"), made(leader, audience="workers")
    ada, ben = links(leader, study_id, "ada", "ben")
    assert come(team, ada, "ada")[1].status_code == 201
    for said, worker in (
        (ada, "ben"),
        (ben, "ada"),
        ({**ada, "key": ada["key"] + "A"}, "ada"),
        ({**ada, "study": other}, "ada"),
        ({**ada, "key": ada["key"][:-1]}, "ada"),
        ({**ada, "key": "é"}, "ada"),
    ):
        refused = come(team, said, worker)[1]
        assert refused.status_code == 410, (said, worker, refused.text)
        assert "not whole, or holds no more" in refused.json()["detail"]
    for worker in ("", "a b", "x" * 121, "a\nb", "\u202e"):
        assert come(team, ada, worker)[1].status_code == 422, worker
    lost = come(team, {**ada, "study": str(uuid4())}, "ada")[1]
    assert (lost.status_code, "leads to no study" in lost.json()["detail"]) == (404, True)


def test_a_worker_with_a_link_of_their_own_comes_by_no_other(team: Team, leader: Member):
    study_id = made(leader, audience="workers")
    (own,), (open_to_all,) = links(leader, study_id, "only-me"), links(leader, study_id)
    assert come(team, own, "only-me")[1].status_code == 201
    refused = come(team, open_to_all, "only-me")[1]
    assert (refused.status_code, "a link of their own" in refused.json()["detail"]) == (410, True)
    assert come(team, own, "only-me")[1].status_code == 201
    # who came by the open link and is given one of their own is the same worker
    first, second = come(team, open_to_all, "later"), links(leader, study_id, "later")[0]
    assert first[1].status_code == come(team, second, "later")[1].status_code == 201
    with team.store.reading() as connection:
        found = [
            each for each in accounts.all(connection) if workers.name_of(each.subject) == "later"
        ]
    assert len(found) == 1


def test_a_link_lets_nobody_in_as_more_than_a_worker(team: Team, leader: Member):
    study_id = made(leader, audience="workers")
    (said,) = links(leader, study_id)
    come(team, said, "climber")
    account = team.account("worker climber")
    boss = team.member(f"Dora {uuid4().hex[:6]}", Role.ADMINISTRATOR)
    refused = boss.client.patch(f"/api/people/{account.id}", json={"role": "annotator"})
    assert (refused.status_code, "stays a worker" in refused.json()["detail"]) == (403, True)
    with team.store.writing() as connection:  # by whatever way
        accounts.change(connection, account.id, role=Role.ADMINISTRATOR)
    assert come(team, said, "climber")[1].status_code == 403


def test_whoever_passes_all_over_or_comes_too_late_is_given_no_code(team: Team, leader: Member):
    study_id = made(leader, audience="workers", completion_code="MARS-17")
    (said,) = links(leader, study_id)
    skipper = as_member(team, come(team, said, "skipper")[0], "skipper")
    task = next_of(skipper, study_id)
    while task["query_id"]:
        now = now_ms()
        skip = act("vote", queries_of(team, task["query_id"]), choice="skip")
        signal = skip.model_dump(mode="json") | {"at_ms": now, "page_opened_ms": now}
        sent = skipper.client.post("/api/signals", json={"sent_ms": now, "signals": [signal]})
        assert sent.json()["new"] == 1
        task = next_of(skipper, study_id)
    assert (task["skipped"], task["finished"], task["completion_code"]) == (3, True, "")
    offer = skipper.client.get("/api/studies").json()[0]
    assert set(offer["share"]) == {"done", "skipped", "mine"}, (
        "the rest tells which items are known"
    )
    leader.client.patch(f"/api/studies/{study_id}", json={"status": "ended"})
    late = come(team, said, "late")[1]
    assert (late.status_code, "has ended" in late.json()["detail"]) == (409, True)


def queries_of(team: Team, query_id: str) -> Query:
    with team.store.reading() as connection:
        return queries.get(connection, UUID(query_id))


def test_links_are_made_void_and_whoever_is_here_stays(team: Team, leader: Member):
    study_id = made(leader, audience="workers")
    (said,) = links(leader, study_id)
    browser, _ = come(team, said, "early")
    plan = leader.client.get(f"/api/studies/{study_id}").json()["study"]["plan"]
    changed = {"plan": {**plan, "link_number": plan["link_number"] + 1}}
    assert leader.client.patch(f"/api/studies/{study_id}", json=changed).status_code == 200
    assert come(team, said, "late")[1].status_code == 410
    assert next_of(as_member(team, browser, "early"), study_id)["query_id"]
    assert come(team, links(leader, study_id)[0], "late")[1].status_code == 201
    again = {"plan": {**plan, "link_number": 1}}
    assert leader.client.patch(f"/api/studies/{study_id}", json=again).status_code == 200
    assert come(team, said, "later-still")[1].status_code == 410, "what is void stays so"


def test_only_a_study_that_is_for_workers_has_links(team: Team, leader: Member):
    study_id = made(leader)
    refused = leader.client.post(f"/api/studies/{study_id}/links", json={})
    assert (refused.status_code, "not open to workers" in refused.json()["detail"]) == (422, True)
    annotator = team.member(f"Ann {uuid4().hex[:6]}")
    assert annotator.client.post(f"/api/studies/{study_id}/links", json={}).status_code == 403
    workers_only = made(leader, audience="workers")
    assert annotator.client.post(f"/api/studies/{workers_only}/next").status_code == 403


def test_nobody_becomes_a_worker_in_another_way(team: Team):
    boss = team.member(f"Dora {uuid4().hex[:6]}", Role.ADMINISTRATOR)
    annotator = team.member(f"Ann {uuid4().hex[:6]}")
    for answer in (
        boss.client.post("/api/invitations", json={"role": "worker", "uses": 1, "hours": 1}),
        boss.client.patch(f"/api/people/{annotator.id}", json={"role": "worker"}),
        boss.client.post("/api/tokens", json={"name": "t", "role": "worker"}),
    ):
        assert (answer.status_code, "link of a study" in answer.json()["detail"]) == (403, True)


def test_so_many_come_and_no_more(team: Team, leader: Member, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(workers, "MOST", 2)
    study_id = made(leader, audience="workers")
    (said,) = links(leader, study_id)
    assert [come(team, said, f"w_{n}")[1].status_code for n in range(3)] == [201, 201, 403]
    assert come(team, said, "w_1")[1].status_code == 201, "whoever is known comes again"


def test_a_name_that_is_cut_is_still_one_worker_each(team: Team, leader: Member):
    study_id = made(leader, audience="workers")
    (said,) = links(leader, study_id)
    long = "x" * 119
    assert {come(team, said, f"{long}{n}")[1].status_code for n in (1, 2)} == {201}
    with team.store.reading() as connection:
        theirs = [each for each in accounts.all(connection) if each.name.startswith("worker xxx")]
    assert len({each.person_id for each in theirs}) == 2
    assert sorted(workers.name_of(each.subject) for each in theirs) == [f"{long}1", f"{long}2"]


def test_workers_of_two_studies_are_two(team: Team, leader: Member):
    one, other = made(leader, audience="workers"), made(leader, audience="workers")
    for study_id in (one, other):
        assert come(team, links(leader, study_id)[0], "same")[1].status_code == 201
    with team.store.reading() as connection:
        found = [
            each for each in accounts.all(connection) if workers.name_of(each.subject) == "same"
        ]
    assert {str(workers.study_of(each.subject)) for each in found} == {one, other}
