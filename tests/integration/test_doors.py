"""Nothing that a request can say makes the server read a file of the disk, fetch an address, or hang.

The routes and the events that are tried are those of the running app itself, Gradio's sixty a page among them; each is
asked for a secret file, a file that never ends, and two addresses, in every place where a request can say something.
"""

import asyncio
import http.client
import itertools
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import gradio as gr
import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount

from app.doors.pages import Door
from app.main import create_app
from app.settings import Settings
from tests.server import ServerProcess, running_server

SECRET = b"nobody-may-read-this-5f2c"
HEADERS = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    async def built() -> FastAPI:
        return create_app(Settings(data_dir=tmp_path_factory.mktemp("app")))

    return asyncio.run(built())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running_server(tmp_path_factory.mktemp("server")) as server:
        (server.data_dir / "secret.txt").write_bytes(SECRET)
        (server.data_dir / "secret.jsonl").write_bytes(SECRET)
        yield server


def routes_of(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(method, path) of every route, those of mounted apps too."""
    for route in routes:
        included = getattr(route, "original_router", None)  # FastAPI keeps these whole
        if included is not None:
            yield from routes_of(included.routes, prefix)
        elif isinstance(route, Mount):
            yield from routes_of(list(route.routes), prefix + route.path)
        else:
            for method in sorted(getattr(route, "methods", None) or {"GET"}):
                yield method, prefix + getattr(route, "path", "")


def pages(app: FastAPI) -> dict[str, dict[int, list[object]]]:
    """Each mounted page: what its events could be sent, all of them, those without Python too."""
    return {
        path: {
            index: [[] if isinstance(each, gr.CheckboxGroup) else None for each in fn.inputs]
            for index, fn in door.blocks.fns.items()
        }
        for path, door in doors(app).items()
    }


def test_every_page_has_its_door(app: FastAPI) -> None:
    mounts = [route for route in app.routes if isinstance(route, Mount)]
    assert [route.path for route in mounts if not isinstance(route.app, Door)] == ["/static"]
    events = {
        path: [str(event) for event in door.events.values()] for path, door in doors(app).items()
    }
    assert list(events) == ["/runs", "/curves", "/results", "/data", ""]
    assert events["/curves"] == events["/results"] == []
    assert "ask()" in events[""]
    assert any(line.startswith("look(a text, a list of texts") for line in events["/runs"])


def doors(app: FastAPI) -> dict[str, Door]:
    """The door of every page."""
    return {
        route.path: route.app
        for route in app.routes
        if isinstance(route, Mount) and isinstance(route.app, Door)
    }


def lures(server: ServerProcess) -> list[str]:
    secret = server.data_dir / "secret.txt"
    return [
        str(secret),
        f"file://{secret}",
        f"http://127.0.0.1:{server.port}/api/me/data",
        "/dev/zero",
        str(server.data_dir / "cookie-secret"),
        str(server.data_dir / "rlhb.sqlite"),
    ]


def disguises(lure: str) -> list[object]:
    """What Gradio has taken for a file, now or in an earlier release, alone and nested."""
    data = {"path": lure, "meta": {"_type": "gradio.FileData"}}
    return [
        data,
        {"path": lure, "url": lure, "orig_name": "x.txt", "meta": {"_type": "gradio.FileData"}},
        {"name": lure, "is_file": True, "data": None},
        [data],
        {"value": data, "__type__": "update"},
        lure,
    ]


class Attacker:
    """Sends requests and keeps what came back that should not have."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.secrets = (SECRET, (server.data_dir / "cookie-secret").read_bytes(), b"SQLite format")
        self.connection = server.connection(10)
        self.cookie = ""
        self.failures: list[str] = []
        self.sent = 0

    def send(self, method: str, path: str, body: object = None) -> int:
        content = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, content, HEADERS | {"Cookie": self.cookie})
        answer = self.connection.getresponse()
        self.cookie = self.cookie or (answer.getheader("set-cookie") or "").partition(";")[0]
        streams = "event-stream" in (answer.getheader("content-type") or "")
        content = answer.read1(65536) if streams else answer.read()
        if streams:
            self.connection.close()
        self.sent += 1
        what = f"{method} {path} {json.dumps(body)[:300]}: {answer.status}"
        if answer.status >= 500:
            self.failures.append(what)
        if any(secret in content for secret in self.secrets):
            self.failures.append(f"{what} gave a secret")
        return answer.status

    def health(self) -> None:
        assert (
            min(self.health_s() for _ in range(3)) < 1
        )  # the fastest: others may use this machine

    def health_s(self) -> float:
        began = time.monotonic()
        status, _ = self.server.request("GET", "/api/health")
        assert status == 200
        return time.monotonic() - began


@pytest.fixture
def attacker(server: ServerProcess) -> Iterator[Attacker]:
    attacker = Attacker(server)
    yield attacker
    attacker.connection.close()
    attacker.health()
    assert not attacker.failures, attacker.failures[:10]


def test_no_route_gives_a_file(app: FastAPI, attacker: Attacker) -> None:
    found = sorted(set(routes_of(list(app.routes))))
    assert len([path for _, path in found if "gradio_api" in path]) > 100  # Gradio's are among them
    for method, path in found:
        for lure in lures(attacker.server):
            filled = fill(path, lure)
            query = "&".join(
                f"{name}={quote(lure, safe='')}"
                for name in ("path", "url", "file", "session_hash", "deep_link", "root", "after")
            )
            body = None
            if method not in ("GET", "HEAD"):
                data = {"path": lure, "meta": {"_type": "gradio.FileData"}}
                body = {"data": [data], "path": lure, "session_hash": "abc", "fn_index": 0}
            attacker.send(method, f"{filled}?{query}", body)
        attacker.health()


def fill(path: str, lure: str) -> str:
    """The route's path with the lure in place of every parameter."""
    parts = []
    for part in path.split("{"):
        _, brace, rest = part.partition("}")
        parts.append(quote(lure, safe="/:") + rest if brace else part)
    return "".join(parts)


def test_no_event_takes_a_file(app: FastAPI, attacker: Attacker) -> None:
    found = lures(attacker.server)
    for page, events in pages(app).items():
        for turn, (index, inputs) in enumerate(events.items()):
            for shape in range(len(disguises(""))):
                lure = found[(turn + shape) % len(found)]  # every lure in every disguise, in turn
                disguise = disguises(lure)[shape]
                for body in bodies(index, inputs, disguise):
                    status = attacker.send("POST", f"{page}/gradio_api/queue/join", body)
                    if not isinstance(disguise, str):
                        assert status in (404, 422), (page, body)  # 404: it is the browser's own
                    attacker.send("POST", f"{page}/gradio_api/run/{index}", body)
                # what would have been copied, by its old and its new address
                attacker.send("GET", f"{page}/gradio_api/file={lure}")
            attacker.send("GET", f"{page}/gradio_api/queue/data?session_hash=abc{index}")
        attacker.health()


def bodies(index: int, inputs: list[object], disguise: object) -> Iterator[dict[str, object]]:
    """The disguise in every place of an event."""
    whole = {"fn_index": index, "session_hash": f"abc{index}", "data": inputs}
    for place in range(len(inputs)):
        data = list(inputs)
        data[place] = disguise
        yield whole | {"data": data}
    yield whole | {"event_data": disguise if isinstance(disguise, list | dict) else {"a": disguise}}
    yield whole | {"event_data": {"token": disguise, "text": disguise, "query_id": disguise}}
    if not isinstance(disguise, str):
        yield whole | {"session_hash": disguise}
        yield whole | {"trigger_id": disguise}
        yield whole | {"more": disguise}
        yield whole | {"data": [disguise]} if len(inputs) != 1 else whole | {"data": disguise}


@pytest.mark.parametrize("page", ["", "/runs", "/curves", "/data"])
def test_ways_around_the_table_lead_nowhere(page: str, attacker: Attacker) -> None:
    secret = attacker.server.data_dir / "secret.txt"
    up = "/.." * 12
    for path in (
        f"{page}/gradio_api/file={secret}",
        f"{page}/gradio_api%2Ffile={secret}",
        f"{page}//gradio_api/file={secret}",
        f"{page}/gradio_api//file={secret}",
        f"{page}/./gradio_api/file={secret}",
        f"{page}/assets/../gradio_api/file={secret}",
        f"{page}/assets{up}{secret}",
        f"{page}/assets/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..{quote(str(secret), safe='')}",
        f"{page}/assets/{secret}",
        f"{page}/static/fonts{up}{secret}",
        f"{page}/theme.css/",
        f"{page}/config",
        f"{page}/config/",
        f"{page}/gradio_api/info",
        f"{page}/gradio_api/heartbeat/abc",
        f"{page}/gradio_api/startup-events",
        f"{page}/gradio_api/upload",
        f"{page}/gradio_api/queue/data/",
        f"{page}/gradio_api/queue/join/",
        f"{page}/monitoring",
        f"/static{up}{secret}",
        f"/static/%2e%2e/%2e%2e/{secret}",
    ):
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
            status = attacker.send(method, path, None if method in ("GET", "HEAD") else {})
            assert status in (403, 404, 405), (method, path, status)


def test_a_websocket_is_refused(attacker: Attacker) -> None:
    for page in ("/", "/runs/", "/gradio_api/queue/join", "/api/health"):
        connection = attacker.server.connection(5)
        connection.request(
            "GET",
            page,
            headers={
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            },
        )
        try:
            assert connection.getresponse().status != 101
        except http.client.HTTPException:
            pass  # no WebSockets at all are spoken here
        finally:
            connection.close()


def test_a_server_that_was_asked_for_a_file_without_end_still_ends(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        data = {"path": "/dev/zero", "meta": {"_type": "gradio.FileData"}}
        for page, place in itertools.product(("", "/runs", "/data"), ("run/offer", "queue/join")):
            body = {"data": [data], "fn_index": 0, "session_hash": "abc"}
            status, _ = server.request(
                "POST", f"{page}/gradio_api/{place}", json.dumps(body).encode(), HEADERS
            )
            assert 400 <= status < 500
        server.settle()  # until its model is loaded it waits for that
        began = time.monotonic()
        assert server.request("GET", "/api/health")[0] == 200
        assert time.monotonic() - began < 1
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(timeout=15)
