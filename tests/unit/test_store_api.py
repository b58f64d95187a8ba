"""The routes of signals, of a person's own data, and of downloads, over HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from app.api import data, me
from app.api import signals as api_signals
from app.api.errors import explain_errors
from app.comparing import Comparing
from app.doors.heavy import Heavy
from app.people import People, Principal
from app.runs import Training
from app.serving import Serving
from app.settings import Settings
from app.store import Clocks, Role, Store, Via, people, queries, signals
from app.transfers import Downloads
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Person, Query, Response, Source, Triplet
from rlhb_core.schema.signals import Signal
from tests.scene import act, asked, best, someone


@pytest.fixture
def store(sqlite_store: Store) -> Store:
    """What differs between the databases is tested with the store."""
    return sqlite_store


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Iterator[TestClient]:
    """The three routers over the store; a header says who asks."""
    app = FastAPI()
    app.state.store = store
    app.state.people = People(store, Settings(data_dir=tmp_path))
    app.state.clocks = Clocks()
    settings = Settings(data_dir=tmp_path)
    app.state.training = Training(store, settings)
    app.state.downloads = Downloads(settings)
    app.state.heavy = Heavy()
    app.state.comparing = Comparing(store, Serving(store, settings), settings)

    @app.middleware("http")
    async def identify(request: Request, call_next: Any) -> Any:
        person_id = UUID(request.headers.get("x-person", str(uuid4())))
        request.state.person_id = person_id
        request.state.principal = Principal(person_id, Role.ADMINISTRATOR, Via.ALONE)
        return await call_next(request)

    explain_errors(app)
    for noun in (api_signals, me, data):
        app.include_router(noun.router)
    with TestClient(app, raise_server_exceptions=True) as made:
        yield made


@pytest.fixture
def story(store: Store) -> tuple[Person, Query, list[Response]]:
    with store.writing() as connection:
        person = someone(connection)
        query, answers = asked(connection, person)
    return person, query, answers


def post(client: TestClient, person: Person, batch: list[Signal], **changed: Any) -> Any:
    body = {"sent_ms": now_ms(), "signals": [each.model_dump(mode="json") for each in batch]}
    return client.post("/api/signals", json=body | changed, headers={"x-person": str(person.id)})


def stored(store: Store, query: Query) -> list[Signal]:
    with store.reading() as connection:
        return signals.of_query(connection, query.id)


# --- signals --------------------------------------------------------------------------------------


def test_signals_are_acknowledged_once_stored(client, store, story):
    person, query, (a, b, _) = story
    batch = [act("like", query, a), best(query, b)]
    answer = post(client, person, batch)
    assert (answer.status_code, answer.json()) == (200, {"received": 2, "new": 2})
    assert post(client, person, batch).json() == {"received": 2, "new": 0}
    assert {each.id for each in stored(store, query)} == {each.id for each in batch}


def test_a_beacon_is_taken_whatever_its_content_type(client, store, story):
    person, query, (a, *_) = story
    body = {"sent_ms": now_ms(), "signals": [act("like", query, a).model_dump(mode="json")]}
    headers = {"x-person": str(person.id), "content-type": "text/plain;charset=UTF-8"}
    answer = client.post("/api/signals", content=json.dumps(body), headers=headers)
    assert answer.json() == {"received": 1, "new": 1}


def test_an_empty_batch_is_fine(client, story):
    person, *_ = story
    assert post(client, person, []).json() == {"received": 0, "new": 0}


def test_malformed_signals_are_named_and_the_rest_goes_through_next_time(client, store, story):
    person, query, (a, *_) = story
    good = [act("like", query, a), act("copy", query, a, chars=3)]
    batch = [each.model_dump(mode="json") for each in good]
    bad: list[Any] = [
        batch[0] | {"id": str(uuid4()), "kind": "wink"},
        batch[0] | {"id": "not an id"},
        batch[0] | {"id": str(uuid4()), "surprise": 1},
        "nothing",
        batch[0] | {"id": str(uuid4()), "at_ms": -1},
        {key: value for key, value in batch[0].items() if key != "query_id"},
    ]
    sent = [batch[0], *bad, batch[1]]
    answer = post(client, person, [], signals=sent)
    assert answer.status_code == 422
    detail = answer.json()["detail"]
    assert [each["index"] for each in detail] == [1, 2, 3, 4, 5, 6]
    assert detail[0]["id"] == bad[0]["id"]
    assert detail[3]["id"] is None
    assert all(each["message"] for each in detail)
    assert stored(store, query) == []
    answer = post(client, person, [], signals=[sent[0], sent[-1]])
    assert answer.json() == {"received": 2, "new": 2}


@pytest.mark.parametrize(
    ("kind", "payload", "says"),
    [
        ("dwell", {"ms": -1}, "ms"),
        ("dwell", {"ms": 10**12}, "ms"),
        ("dwell", {"ms": 80_000_000}, "longer than the page was open"),
        ("dwell", {}, "ms"),
        ("scroll", {"depth": 1.5}, "depth"),
        ("like", {"on": "perhaps"}, "on"),
        ("critique", {"text": "x" * 30_000}, "text"),
        ("copy", {"chars": 1, "more": 1}, "more"),
        ("rate", {"value": 6}, "value"),
        ("vote", {"choice": "best"}, "must name it"),
    ],
)
def test_signals_that_cannot_be_true_are_refused_in_a_sentence(
    client, store, story, kind, payload, says
):
    person, query, (a, *_) = story
    answer = post(client, person, [act(kind, query, a, **payload)])
    assert answer.status_code == 422
    (told,) = answer.json()["detail"]
    assert told["index"] == 0
    assert told["message"].startswith(f"{kind}: ")
    assert says in told["message"]
    assert stored(store, query) == []


def test_events_from_the_future_and_from_before_the_page_are_refused(client, story):
    person, query, (a, *_) = story
    like = act("like", query, a)
    late = like.model_copy(update={"at_ms": now_ms() + 60_000})
    early = like.model_copy(update={"page_opened_ms": like.at_ms + 60_000})
    for signal, says in ((late, "future"), (early, "before the page")):
        answer = post(client, person, [signal])
        assert answer.status_code == 422
        assert says in answer.json()["detail"][0]["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b'{"sent_ms": 1}',
        b'{"sent_ms": -1, "signals": []}',
        b'{"sent_ms": NaN, "signals": []}',
        b'{"sent_ms": 1, "signals": {}}',
        b'{"sent_ms": 1, "signals": [], "x": 1}',
        b"\xff\xff",
        b'{"sent_ms": 1, "signals": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"sent_ms": 1, "signals": [' + b"{}," * 1_000 + b"{}]}",
    ],
)
def test_bodies_that_are_no_batch_are_refused_in_a_sentence(client, story, body):
    person, *_ = story
    answer = client.post("/api/signals", content=body, headers={"x-person": str(person.id)})
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_text_that_is_no_unicode_is_refused(client, store, story):
    person, query, (a, *_) = story
    body = {
        "sent_ms": now_ms(),
        "signals": [act("edit", query, a, text="x").model_dump(mode="json")],
    }
    broken = json.dumps(body).replace('"text": "x"', '"text": "\\ud800"').encode()
    answer = client.post("/api/signals", content=broken, headers={"x-person": str(person.id)})
    assert answer.status_code == 422
    assert stored(store, query) == []


def test_too_large_a_body_is_refused(client, story):
    person, *_ = story
    body = b'{"sent_ms": 1, "signals": []' + b" " * 2_000_001 + b"}"
    answer = client.post("/api/signals", content=body, headers={"x-person": str(person.id)})
    assert answer.status_code == 413
    assert "2,000,000" in answer.json()["detail"]


def test_a_stranger_cannot_speak_of_my_query(client, store, story):
    _, query, (a, *_) = story
    with store.writing() as connection:
        stranger = someone(connection)
    for who in (stranger, Person()):
        answer = post(client, who, [act("like", query, a)])
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["index"] == 0
    assert stored(store, query) == []


def test_a_busy_database_is_no_refusal(client, store, story, monkeypatch):
    person, query, (a, *_) = story
    monkeypatch.setattr("app.store.engine.BUSY_MS", 10)
    with store.writing():
        answer = post(client, person, [act("like", query, a)])
    assert answer.status_code == 503
    assert "try again" in answer.json()["detail"]
    assert post(client, person, [act("like", query, a)]).status_code == 200


# --- me -------------------------------------------------------------------------------------------


def test_a_person_has_a_name_and_a_count(client, store):
    who = {"x-person": str(uuid4())}
    nobody = client.get("/api/me", headers=who).json()
    assert (nobody["display_name"], nobody["recording"], nobody["queries"]) == ("", True, 0)
    assert client.patch("/api/me", json={"display_name": "Ann"}, headers=who).json()[
        "display_name"
    ] == ("Ann")
    with store.writing() as connection:
        query, (a, *_) = asked(connection, people.get(connection, UUID(who["x-person"])))
        queries.add(connection, Query(person_id=UUID(who["x-person"]), text="today"))
        signals.record(connection, UUID(who["x-person"]), [best(query, a)])
    found = client.get("/api/me", headers=who).json()
    assert (found["queries"], found["voted"], found["today"]) == (2, 1, 1)
    assert client.patch("/api/me", json={"name": "x"}, headers=who).status_code == 422
    long = client.patch("/api/me", json={"display_name": "x" * 81}, headers=who)
    assert long.status_code == 422


def test_recording_is_paused_and_resumed(client, store, story):
    person, query, (a, *_) = story
    who = {"x-person": str(person.id)}
    paused = client.patch("/api/me", json={"recording": False}, headers=who).json()
    assert not paused["recording"]
    batch = [act("dwell", query, a, ms=10), act("like", query, a)]
    assert post(client, person, batch).json() == {"received": 2, "new": 1}
    resumed = client.patch("/api/me", json={"recording": True}, headers=who).json()
    assert resumed["recording"]
    assert post(client, person, [act("dwell", query, a, ms=10)]).json()["new"] == 1


def test_a_simulated_person_says_so_before_anything_is_recorded_and_for_good(client, store):
    who = {"x-person": str(uuid4())}
    named = {"source": "simulated", "display_name": "Simulated annotator 0-1"}
    told = client.patch("/api/me", json=named, headers=who).json()
    assert (told["source"], told["display_name"]) == ("simulated", "Simulated annotator 0-1")
    with store.writing() as connection:
        query, _ = asked(connection, people.get(connection, UUID(who["x-person"])))
    assert query.source is Source.SIMULATED
    assert client.patch("/api/me", json=named, headers=who).status_code == 200  # said twice
    for back in ("real", "imported", "SIMULATED", 1):
        assert client.patch("/api/me", json={"source": back}, headers=who).status_code == 422
    assert client.get("/api/me", headers=who).json()["source"] == "simulated"


def test_whoever_has_asked_something_does_not_become_simulated(client, store, story):
    person, query, _ = story
    who = {"x-person": str(person.id)}
    refused = client.patch(
        "/api/me", json={"source": "simulated", "display_name": "x"}, headers=who
    )
    assert refused.status_code == 409
    assert "recorded of you already" in refused.json()["detail"]
    me = client.get("/api/me", headers=who).json()
    assert (me["source"], me["display_name"]) == ("real", "")
    with store.reading() as connection:
        assert queries.get(connection, query.id).source is Source.REAL


def test_what_is_asked_is_of_one_kind_with_who_asks(store):
    with store.writing() as connection:
        robot = someone(connection, Source.SIMULATED)
        said_to_be_real = Query(person_id=robot.id, text="Why?", source=Source.REAL)
        assert queries.add(connection, said_to_be_real).source is Source.SIMULATED
        assert queries.get(connection, said_to_be_real.id).source is Source.SIMULATED


def test_my_data_can_be_taken_along(client, store, story):
    person, query, (a, *_) = story
    post(client, person, [act("like", query, a)])
    answer = client.get("/api/me/data", headers={"x-person": str(person.id)})
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.jsonl"'
    kinds = [json.loads(line)["type"] for line in answer.text.splitlines()]
    assert kinds == ["person", "query", "response", "response", "response", "signal"]
    assert client.get("/api/me/data", headers={"x-person": str(uuid4())}).text == ""


def test_my_data_names_no_version_before_the_vote(client, story):
    person, query, (a, *_) = story

    def named() -> list[bool]:
        lines = client.get("/api/me/data", headers={"x-person": str(person.id)}).text.splitlines()
        answers = [row for row in map(json.loads, lines) if row["type"] == "response"]
        assert [row["text"] for row in answers] == [
            "Two.",
            "Mars has two moons, Phobos and Deimos.",
            "None.",
        ]
        return [row["version_id"] is not None for row in answers]

    assert named() == [False] * 3
    post(client, person, [best(query, a)])
    assert named() == [True] * 3


def test_my_data_can_be_erased_and_only_on_my_word(client, store, story):
    person, query, _ = story
    who = {"x-person": str(person.id)}
    for body in ({}, {"confirm": False}, {"confirm": True, "x": 1}):
        assert client.post("/api/me/erase", json=body, headers=who).status_code == 422
    assert client.get("/api/me", headers=who).json()["queries"] == 1
    erased = client.post("/api/me/erase", json={"confirm": True}, headers=who)
    assert erased.json()["queries"] == 0
    assert client.get("/api/me/data", headers=who).text == ""
    with store.reading() as connection:
        assert queries.find(connection, query.id) is None


def test_whoever_paused_stays_paused_after_erasing(client, story):
    person, *_ = story
    who = {"x-person": str(person.id)}
    client.patch("/api/me", json={"recording": False}, headers=who)
    erased = client.post("/api/me/erase", json={"confirm": True}, headers=who).json()
    assert (erased["recording"], erased["display_name"]) == (False, "")


# --- downloads ------------------------------------------------------------------------------------


DOWNLOADS = {"triplets": 3, "comparisons": 1, "preferences": 2, "labels": 1, "completions": 1}


@pytest.mark.parametrize("kind", DOWNLOADS)
def test_downloads_are_json_lines(client, story, kind):
    person, query, (a, *_) = story
    post(client, person, [act("like", query, a), best(query, a)])
    answer = client.get(f"/api/data/{kind}.jsonl")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"] == f'attachment; filename="{kind}.jsonl"'
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert len(lines) == DOWNLOADS[kind]
    assert client.get(f"/api/data/{kind}.jsonl?source=imported").text == ""


def test_downloads_are_filtered_by_the_address(client, store, story):
    person, *_ = story
    with store.writing() as connection:
        asked(connection, someone(connection, Source.SIMULATED), "simulated")

    def found(address: str) -> list[Triplet]:
        text = client.get(f"/api/data/triplets.jsonl{address}").text
        return [Triplet.model_validate_json(line) for line in text.splitlines()]

    assert {each.source for each in found("")} == {Source.REAL}
    assert len(found("?source=real&source=simulated")) == 6
    assert len(found("?arm=rlhb&version=RLHB")) == 1
    assert found("?since=2099-01-01") == []
    assert len(found("?since=2020-01-01")) == 3
    assert {each.person for each in found("")} == {None}
    assert {each.person for each in found("?with_people=true")} == {str(person.id)}
    for wrong in ("?source=invented", "?since=tomorrow", "?arm=x"):
        assert client.get(f"/api/data/triplets.jsonl{wrong}").status_code == 422
    assert client.get("/api/data/secrets.jsonl").status_code == 422


def test_the_summary_counts_by_source(client, story):
    counts = client.get("/api/data/summary").json()
    assert set(counts) == {"real", "simulated", "imported"}
    assert (counts["real"]["queries"], counts["real"]["responses"]) == (1, 3)
    assert counts["simulated"]["people"] == 0
