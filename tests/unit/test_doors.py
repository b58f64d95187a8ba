"""Limits, headers, and what an event may be sent: each refusal in a sentence."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from app.doors.bodies import SMALL, Bodies, TooSlow
from app.doors.connections import HttpConnection
from app.doors.headers import COMMON, CSP, FAILED
from app.doors.pages import MOST_EVENT_BYTES, Door
from app.doors.streams import Streams
from app.main import create_app
from app.settings import Settings
from app.ui.shell import ICON, NAV

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    async def built() -> FastAPI:
        folder = tmp_path_factory.mktemp("data")
        return create_app(Settings(data_dir=folder, max_body_bytes=20_000))

    app = asyncio.run(built())

    def breaks(request: Request) -> Response:
        raise ZeroDivisionError("a fault that nobody foresaw")

    app.router.add_route("/api/breaks", breaks)
    app.router.routes.insert(0, app.router.routes.pop())
    return app


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1:7860") as client:
        yield client


# --- bodies ---------------------------------------------------------------------------------------

ROUTES = [
    ("POST", "/api/signals"),
    ("POST", "/api/comparisons"),
    ("PATCH", "/api/me"),
    ("POST", "/api/me/erase"),
    ("POST", "/api/runs"),
    ("POST", "/api/runs/plan"),
    ("POST", f"/api/versions/{UUID(int=0)}/serve"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_body_has_a_largest_size(method: str, path: str, client: TestClient) -> None:
    def unannounced() -> Iterator[bytes]:
        for _ in range(30):
            yield b" " * 1_000

    for content in (b" " * 20_001, unannounced()):
        answer = client.request(method, path, content=content, headers=JSON)
        assert answer.status_code == 413
        assert "20,000 bytes (RLHB_MAX_BODY_BYTES)" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "part",
    ["NaN", "-Infinity", "1e999", '"\\ud800"', "[" * 5_000 + "]" * 5_000, "\x00", '"\xff"', "1" * 400],
)  # fmt: skip
def test_what_is_no_json_is_refused_wherever_it_stands(
    part: str, method: str, path: str, client: TestClient
) -> None:
    body = ('{"text": "x", "overrides": {"ppo.kl": ' + part + "}}").encode("latin-1")
    for headers in (JSON, {"content-type": "text/plain"}):
        answer = client.request(method, path, content=body, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("the request is not JSON: ")


# --- values that were 500 -----------------------------------------------------------------------------


@pytest.mark.parametrize("since", ["0001-01-01", "1969-12-31", "9999-12-31"])
def test_a_day_that_no_clock_knows(since: str, client: TestClient) -> None:
    answers = [
        client.get(f"/api/data/{kind}.jsonl?since={since}")
        for kind in ("triplets", "comparisons", "preferences", "labels")
    ]
    for path in ("/api/runs", "/api/runs/plan"):
        answers.append(client.post(path, json={"arm": "rlhf", "since": since}))
    for answer in answers:
        assert (answer.status_code, answer.json()["detail"]) == (422, "since: a day from 1970 on")


@pytest.mark.parametrize(
    "recipe",
    ["x" * 10_000, "/etc/passwd", "/dev/zero", "../recipes/rlhf", "/etc/hosts.toml", "a\x00b", "rlhf.toml"],
)  # fmt: skip
def test_a_recipe_is_one_that_is_here(recipe: str, client: TestClient) -> None:
    for path in ("/api/runs", "/api/runs/plan"):
        answer = client.post(path, json={"arm": "rlhf", "recipe": recipe})
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("there is no such recipe; there are: ")


@pytest.mark.parametrize("name", ["base", "start", "parent_version", "source", "recipe", "start.x"])
def test_no_folder_and_no_origin_is_chosen_by_a_request(name: str, client: TestClient) -> None:
    answer = client.post("/api/runs/plan", json={"arm": "rlhf", "overrides": {name: "/etc"}})
    assert answer.status_code == 422
    assert "follows from the choice" in answer.json()["detail"]


# --- events ---------------------------------------------------------------------------------------

WHOLE: dict[str, Any] = {"fn_index": 1, "session_hash": "abc", "data": [["real"], "", [], False]}
"""What the Data page sends for its filter."""


def post(client: TestClient, body: object, page: str = "/data") -> tuple[int, str]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post(f"{page}/gradio_api/queue/join", content=content, headers=JSON)
    return answer.status_code, answer.json().get("detail", "")


def test_an_event_as_its_page_sends_it(client: TestClient) -> None:
    assert post(client, WHOLE) == (200, "")
    assert post(client, WHOLE | {"trigger_id": 3, "event_data": ["real", "simulated"]}) == (200, "")


@pytest.mark.parametrize(
    ("change", "status", "why"),
    [
        ({"fn_index": 999}, 404, "this page has no such event"),
        ({"fn_index": -1}, 404, "this page has no such event"),
        ({"fn_index": True}, 404, "this page has no such event"),
        ({"fn_index": 1.0}, 404, "this page has no such event"),
        ({"fn_index": "1"}, 404, "this page has no such event"),
        ({"fn_index": None}, 404, "this page has no such event"),
        ({"session_hash": None}, 422, "session_hash"),
        ({"session_hash": "a" * 65}, 422, "session_hash"),
        ({"session_hash": "../x"}, 422, "session_hash"),
        ({"session_hash": ["a"]}, 422, "session_hash"),
        ({"trigger_id": "3"}, 422, "trigger_id"),
        ({"trigger_id": 2**70}, 422, "trigger_id"),
        ({"data": None}, 422, "data: a list of 4"),
        ({"data": []}, 422, "data: a list of 4"),
        ({"data": [["real"], "", [], False, 1]}, 422, "data: a list of 4"),
        ({"data": {"0": 1}}, 422, "data: a list of 4"),
        ({"data": ["real", "", [], False]}, 422, "data[0]: a list of texts"),
        ({"data": [[["real"]], "", [], False]}, 422, "data[0]: a list of texts"),
        ({"data": [None, "", [], False]}, 422, "data[0]: a list of texts"),
        ({"data": [["real"], {"path": "/etc/passwd"}, [], False]}, 422, "data[1]: a text"),
        ({"data": [["real"], "", [], "no"]}, 422, "data[3]: true or false"),
        ({"event_data": {"a": {}}}, 422, "event_data"),
        ({"event_data": [[1]]}, 422, "event_data"),
        ({"event_data": {"path": "/etc/passwd"}}, 422, "event_data"),
        ({"event_id": "x"}, 422, "an event is an object of"),
        ({"batched": True}, 422, "an event is an object of"),
        ({"oauth_token": "x"}, 422, "an event is an object of"),
    ],
)
def test_any_other_event_is_refused(
    change: dict[str, object], status: int, why: str, client: TestClient
) -> None:
    found, said = post(client, WHOLE | change)
    assert found == status
    assert why in said


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (None, "event_data: an object with token, query_id, response_id"),
        ([], "event_data: an object with token, query_id, response_id"),
        ({"token": "a", "query_id": "b", "response_id": "c"}, "event_data: query_id is an id"),
        ({"token": "a", "query_id": str(uuid4())}, "event_data: response_id is an id"),
        ({"query_id": str(uuid4()), "response_id": str(uuid4())}, "event_data: token is a text"),
    ],
)
def test_an_act_comes_with_what_it_is_about(
    told: object, why: str, app: FastAPI, client: TestClient
) -> None:
    body = {"fn_index": number(app, "regenerate"), "session_hash": "abc", "data": []}
    assert post(client, body | {"event_data": told}, "") == (422, why)


def number(app: FastAPI, name: str) -> int:
    """The number of an event of the Compare page."""
    door = next(route.app for route in app.routes if isinstance(route, Mount) and not route.path)
    assert isinstance(door, Door)
    return next(event.index for event in door.events.values() if event.name == name)


def test_a_wrong_id_is_refused_where_none_is_needed_too(app: FastAPI, client: TestClient) -> None:
    for name, key in (("ask", "previous"), ("restore", "query_id")):
        body = {"fn_index": number(app, name), "session_hash": "abc", "data": []}
        told = {"token": "a", "text": "b", key: "no id"}
        assert post(client, body | {"event_data": told}, "") == (422, f"event_data: {key} is an id")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"1", b"{", b"\xff", b'{"data": NaN}', b'"\\ud800"']
)
def test_what_is_no_event_at_all(body: bytes, client: TestClient) -> None:
    assert post(client, body)[0] == 422


def test_an_event_of_another_page_is_not_there(client: TestClient) -> None:
    assert post(client, WHOLE, "/curves") == (404, "this page has no such event")


def test_an_event_has_a_largest_size(tmp_path_factory: pytest.TempPathFactory) -> None:
    async def built() -> FastAPI:
        return create_app(Settings(data_dir=tmp_path_factory.mktemp("data")))

    with TestClient(asyncio.run(built()), base_url="http://127.0.0.1:7860") as client:
        status, why = post(client, b" " * (MOST_EVENT_BYTES + 1))
    assert (status, why) == (413, "an event has at most 500,000 bytes")


@pytest.mark.parametrize(
    "query", ["", "session_hash=", "session_hash=a&x=1", "session_hash=%2e", "x=1"]
)
def test_a_stream_needs_its_tab(query: str, client: TestClient) -> None:
    answer = client.get(f"/data/gradio_api/queue/data?{query}")
    assert (answer.status_code, answer.json()["detail"].split(":")[0]) == (422, "session_hash")


def test_a_stream_is_of_a_tab_that_asked(client: TestClient) -> None:
    answer = client.get("/data/gradio_api/queue/data?session_hash=nobody")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "nothing was asked under this session_hash"


def test_a_tab_is_of_whoever_spoke_first(app: FastAPI, client: TestClient) -> None:
    """Who hears the name of another's tab neither takes its answers nor speaks under its name."""
    tab = WHOLE | {"session_hash": "annas"}
    assert post(client, tab) == (200, "")
    other = TestClient(app, base_url="http://127.0.0.1:7860")
    answer = other.get("/data/gradio_api/queue/data?session_hash=annas")
    assert (answer.status_code, "another's" in answer.json()["detail"]) == (403, True)
    assert post(other, tab)[0] == 403
    assert post(other, tab | {"session_hash": "bens"}) == (200, "")
    assert post(client, tab) == (200, "")


# --- streams --------------------------------------------------------------------------------------


async def held_open(streams: Streams, *people: object) -> list[tuple[int, bytes]]:
    """What each of these people is answered while the streams of those before them are open."""
    answers: list[tuple[int, bytes]] = []
    going = []
    for person in people:
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/api/data/triplets.jsonl",
            "headers": [],
            "state": {"person_id": person},
        }
        got: list[Message] = []

        async def send(message: Message, got: list[Message] = got) -> None:
            got.append(message)

        going.append(asyncio.create_task(streams(scope, _nothing, send)))
        while not got:
            await asyncio.sleep(0)
        body = next((each["body"] for each in got if "body" in each), b"")
        answers.append((got[0]["status"], body))
    for task in going:
        task.cancel()
    await asyncio.gather(*going, return_exceptions=True)
    return answers


async def _nothing() -> Message:
    return {"type": "http.request"}


async def _lasting(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await asyncio.Event().wait()


def test_streams_are_few_per_person_and_in_all() -> None:
    async def all_of_it() -> None:
        anna, ben, cleo = uuid4(), uuid4(), uuid4()
        streams = Streams(_lasting, most_per_person=2, most=3)
        for _ in range(2):  # those that ended count no more
            found = await held_open(streams, anna, anna, anna, ben, cleo)
            assert [status for status, _ in found] == [200, 200, 429, 200, 503]
            assert b"close some" in found[2][1]
            assert b"try again in a few seconds" in found[4][1]

    asyncio.run(all_of_it())


def test_a_reader_who_takes_nothing_loses_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = []

    async def download(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        finally:
            let_go.append(scope["path"])

    async def never_taken(message: Message) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("app.doors.streams.STALLED_S", 0.05)
    streams = Streams(download, most_per_person=1, most=1)
    path = "/api/data/triplets.jsonl"
    scope = {"type": "http", "method": "GET", "path": path, "state": {"person_id": uuid4()}}
    for _ in range(2):
        asyncio.run(asyncio.wait_for(streams(scope, _nothing, never_taken), 5))
    assert let_go == [path, path]


def test_what_does_not_last_is_not_counted() -> None:
    async def short(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("here")(scope, receive, send)

    app = TestClient(Streams(short, most_per_person=0, most=0))
    assert app.get("/api/me").status_code == 200


# --- headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/data/", 200),
        ("GET", "/data", 307),
        ("GET", "/theme.css", 200),
        ("GET", "/static/kit.js", 200),
        ("GET", "/static/none.js", 404),
        ("GET", "/api/me", 200),
        ("GET", "/api/none", 404),
        ("DELETE", "/api/me", 404),
        ("POST", "/api/me/erase", 422),
        ("GET", "/gradio_api/info", 404),
        ("GET", "/docs", 200),
        ("GET", "/api/breaks", 500),
    ],
)
def test_every_answer_carries_the_headers(
    method: str, path: str, status: int, client: TestClient
) -> None:
    answer = client.request(method, path, follow_redirects=False)
    assert answer.status_code == status
    for name in COMMON:
        assert answer.headers[name]
    assert "frame-ancestors 'none'" in answer.headers[CSP]
    assert "unsafe-inline" not in answer.headers[CSP].partition("style-src")[0]
    assert "http" not in answer.headers[CSP]


def test_a_fault_is_told_in_a_sentence_and_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.get("/api/breaks")
    assert (answer.status_code, answer.json()) == (500, {"detail": FAILED})
    assert "GET /api/breaks failed" in caplog.text


def test_a_foreign_host_gets_the_headers_too(client: TestClient) -> None:
    answer = client.get("/", headers={"host": "evil.example"})
    assert answer.status_code == 403
    assert answer.headers["x-frame-options"] == "DENY"


def test_only_pages_may_make_code_of_text(client: TestClient) -> None:
    for path in {path for _, path, _ in NAV} - {"/studies"}:  # which is our own HTML
        assert "'unsafe-eval'" in client.get(path).headers[CSP]
    for path in ("/studies", "/docs", "/api/me", "/static/kit.js"):
        assert "'unsafe-eval'" not in client.get(path).headers[CSP]


# --- the API as a page ----------------------------------------------------------------------------


def test_the_api_is_a_page_that_calls_nobody(client: TestClient) -> None:
    text = client.get("/docs").text
    for method, path in ROUTES[:6]:
        assert f"{method} {path}" in text
    assert "Ask a query; its answers are being written when this returns." in text
    assert "<script" not in text
    text = text.replace(ICON, "")  # its name space is an address that nobody opens
    assert "http://" not in text
    assert "https://" not in text
    assert client.get("/redoc").status_code == 404


# --- bodies that do not end -------------------------------------------------------------------------


async def sent(bodies: Bodies, path: str, *pieces: bytes, ends: bool) -> int:
    """The status that a body gets; one that does not end stops coming after its last piece."""
    coming = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    got: list[Message] = []

    async def receive() -> Message:
        if coming:
            return coming.pop(0)
        if not ends:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        got.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    await bodies(scope, receive, send)
    status: int = got[0]["status"]
    return status


async def _takes(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await Request(scope, receive).body()
        status = 200
    except TooSlow:
        status = 408
    await PlainTextResponse("", status_code=status)(scope, receive, send)


@pytest.mark.parametrize(
    "path", ["/api/signals", "/api/data/import", "/runs/gradio_api/queue/join"]
)
def test_a_body_that_does_not_come_is_not_waited_for(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.doors.bodies.GRACE_S", 0.05)
    bodies = Bodies(_takes, most_bytes=100)
    assert asyncio.run(asyncio.wait_for(sent(bodies, path, b"1", ends=False), 5)) == 408
    assert asyncio.run(asyncio.wait_for(sent(bodies, path, b"1", ends=True), 5)) == 200


def test_all_large_bodies_together_take_so_much_memory() -> None:
    async def all_of_it() -> None:
        bodies = Bodies(_takes, most_bytes=4 * SMALL)
        large = b" " * 3 * SMALL
        held = [asyncio.create_task(sent(bodies, "/x", large, ends=False)) for _ in range(40)]
        while not any(each.done() for each in held):
            await asyncio.sleep(0)
        assert {each.result() for each in held if each.done()} == {503}
        assert 0 < bodies.room.taken <= bodies.room.most_bytes
        assert await sent(bodies, "/x", large, ends=True) == 503
        assert await sent(bodies, "/x", b" " * SMALL, ends=True) == 200  # what a page sends
        for each in held:
            each.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        assert bodies.room.taken == 0
        assert await sent(bodies, "/x", large, ends=True) == 200

    asyncio.run(all_of_it())


# --- the wire ---------------------------------------------------------------------------------------


async def says(*pieces: bytes) -> tuple[bytes, float]:
    """What a server answers to these bytes, and after how long it hung up."""
    config = uvicorn.Config(_takes, http=HttpConnection, log_level="critical", lifespan="off")
    config.load()
    loop = asyncio.get_running_loop()
    state = ServerState()
    server = await loop.create_server(lambda: HttpConnection(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    began = loop.time()
    for piece in pieces:
        writer.write(piece)
    try:
        heard = await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        heard = b""
    took = loop.time() - began
    writer.close()
    server.close()
    return heard, took


HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize("head", [b"", b"GET /", HEAD])
def test_nobody_is_waited_for_who_does_not_say_what_they_want(
    head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.doors.connections.HEAD_S", 0.3)
    heard, took = asyncio.run(says(head))
    assert (heard, took < 15) == (b"", True)


@pytest.mark.parametrize("piece", [b"a" * 10_000, b"a: b\r\n" * 2_000])
def test_first_lines_end(piece: bytes) -> None:
    heard, took = asyncio.run(says(HEAD + b"x: ", *[piece] * 60))
    assert (heard, took < 15) == (b"", True)


def test_who_says_what_they_want_may_take_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def two() -> bytes:
        rest = HEAD + b"Content-Length: 2\r\n\r\nab"
        return (await says(rest, rest, b"GET /"))[0]

    monkeypatch.setattr("app.doors.connections.HEAD_S", 0.5)
    assert asyncio.run(two()).count(b"HTTP/1.1 200") == 2
