"""Comparisons over HTTP in a real server process: names stay hidden until the vote, a killed server loses nothing."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from rlhb_core.records import Arm
from tests.integration.tgi_server import TgiServer, tgi_server
from tests.server import ServerProcess


@contextmanager
def server(folder: Path, base_model: str = "embedded") -> Iterator[tuple[str, ServerProcess]]:
    """A running server on this base model, and its address."""
    process = ServerProcess(folder)
    process.environment |= {"RLHB_BASE_MODEL": base_model, "RLHB_REMOTE_TIMEOUT_S": "60"}
    try:
        process.start()
        yield f"http://127.0.0.1:{process.port}", process
    finally:
        process.kill()


def views(client: httpx.Client, query_id: str) -> Iterator[dict[str, Any]]:
    """The views that the event stream brings."""
    with client.stream("GET", f"/api/comparisons/{query_id}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))


def vote(client: httpx.Client, query_id: str, choice: str, best: str | None = None) -> None:
    now = time.time_ns() // 1_000_000
    signal = {
        "id": str(uuid4()),
        "kind": "vote",
        "query_id": query_id,
        "at_ms": now,
        "page_id": str(uuid4()),
        "page_opened_ms": now,
        "payload": {"choice": choice, "best": best},
    }
    sent = client.post("/api/signals", json={"sent_ms": now, "signals": [signal]})
    assert sent.json() == {"received": 1, "new": 1}


@pytest.fixture(scope="module")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("data")) as (url, _):
        yield url


@pytest.fixture
def client(embedded_server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=embedded_server, timeout=60) as made:
        yield made


def test_a_comparison_from_query_to_reveal_and_undo(client: httpx.Client) -> None:
    asked = client.post("/api/comparisons", json={"text": "What is the capital of Peru?"})
    assert asked.status_code == 201
    query_id = asked.json()["query_id"]
    seen = list(views(client, query_id))
    assert seen[-1]["complete"]
    assert [panel["letter"] for panel in seen[-1]["panels"]] == ["A", "B", "C"]
    assert all(panel["outcome"] in ("ok", "empty") for panel in seen[-1]["panels"])
    assert any(panel["text"] for panel in seen[-1]["panels"])
    for telling in ("Embedded", "adapter", '"version"', *(arm.label for arm in Arm)):
        assert telling not in json.dumps(seen)

    path = f"/api/comparisons/{query_id}"
    best = seen[-1]["panels"][1]["response_id"]
    vote(client, query_id, "best", best)
    revealed = client.get(path).json()
    assert revealed["vote"] == {"choice": "best", "best": best, "letter": "B", "early": False}
    assert all(p["revealed"]["version"].startswith("Embedded") for p in revealed["panels"])
    vote(client, query_id, "withdrawn")
    assert client.get(path).json() == seen[-1]


def test_an_answer_is_regenerated_in_place(client: httpx.Client) -> None:
    query_id = client.post("/api/comparisons", json={"text": "gold?"}).json()["query_id"]
    *_, complete = views(client, query_id)
    old = complete["panels"][2]["response_id"]
    made = client.post(f"/api/responses/{old}/regenerate")
    assert made.status_code == 201
    *_, again = views(client, query_id)
    assert again["panels"][2]["response_id"] == made.json()["response_id"] != old
    assert again["panels"][:2] == complete["panels"][:2]


def test_refusals_have_their_status_and_a_sentence(
    client: httpx.Client, embedded_server: str
) -> None:
    query_id = client.post("/api/comparisons", json={"text": "gold?"}).json()["query_id"]
    *_, complete = views(client, query_id)
    old = complete["panels"][0]["response_id"]
    with httpx.Client(base_url=embedded_server, timeout=60) as stranger:
        for refused in (
            stranger.get(f"/api/comparisons/{query_id}"),
            stranger.get(f"/api/comparisons/{query_id}/events"),
            stranger.post(f"/api/responses/{old}/regenerate"),
        ):
            assert refused.status_code == 403
            assert "somebody else" in refused.json()["detail"]
    assert client.get(f"/api/comparisons/{uuid4()}").status_code == 404
    assert client.get(f"/api/comparisons/{uuid4()}/events").status_code == 404
    assert client.post(f"/api/responses/{uuid4()}/regenerate").status_code == 404
    empty = client.post("/api/comparisons", json={"text": " "})
    assert (empty.status_code, "nothing to ask" in empty.json()["detail"]) == (422, True)
    assert client.post("/api/comparisons", json={"txt": "gold?"}).status_code == 422


@pytest.fixture
def tgi() -> Iterator[TgiServer]:
    with tgi_server() as made:
        yield made


def test_a_killed_server_leaves_no_answer_pending(tmp_path: Path, tgi: TgiServer) -> None:
    with server(tmp_path, tgi.url) as (url, process):
        with httpx.Client(base_url=url, timeout=60) as client:
            query_id = client.post("/api/comparisons", json={"text": "stall"}).json()["query_id"]
            for view in views(client, query_id):
                if all(panel["text"] for panel in view["panels"]):
                    break  # the browser is refreshed in mid-stream ...
            for view in views(client, query_id):  # ... and finds what was written so far
                assert not view["complete"]
                assert all(panel["text"].startswith("Lima") for panel in view["panels"])
                break
            pending = view["panels"][0]["response_id"]
            busy = client.post(f"/api/responses/{pending}/regenerate")
            assert busy.status_code == 409
            cookies = dict(client.cookies)
        process.kill()
    with (
        server(tmp_path, tgi.url) as (url, _),
        httpx.Client(base_url=url, timeout=60, cookies=cookies) as client,
    ):
        view = client.get(f"/api/comparisons/{query_id}").json()
        assert view["complete"]
        assert {panel["outcome"] for panel in view["panels"]} == {"stopped"}
        assert all("server ended" in panel["error"] for panel in view["panels"])
        assert list(views(client, query_id)) == [view]
