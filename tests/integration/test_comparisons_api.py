"""Comparisons over HTTP in a real server process: names stay hidden until the vote, a killed server loses nothing."""

import html
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest

from app.engine.options import KEY_VARIABLE
from rlhb_core.schema.arms import every_arm
from tests.integration.tgi_server import TgiServer, tgi_server
from tests.server import ServerProcess, free_port


@contextmanager
def server(folder: Path, base_model: str = "embedded") -> Iterator[tuple[str, ServerProcess]]:
    """A running server on this base model, and its address."""
    process = ServerProcess(folder)
    process.environment |= {"RLHB_BASE_MODEL": base_model, "RLHB_REMOTE_TIMEOUT_S": "60"}
    with running(process) as url:
        yield url, process


@contextmanager
def running(process: ServerProcess) -> Iterator[str]:
    """The address of a server for as long as the block lasts."""
    try:
        process.start()
        yield f"http://127.0.0.1:{process.port}"
    finally:
        process.kill()


def views(client: httpx.Client, query_id: str) -> Iterator[dict[str, Any]]:
    """What is seen of a comparison until it is complete."""
    while True:
        view = client.get(f"/api/comparisons/{query_id}").raise_for_status().json()
        yield view
        if view["complete"]:
            break
        time.sleep(0.02)


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
def embedded_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with server(tmp_path_factory.mktemp("data")) as (_, process):
        yield process


@pytest.fixture
def embedded_server(embedded_process: ServerProcess) -> str:
    return f"http://127.0.0.1:{embedded_process.port}"


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
    for telling in ("Embedded", "adapter", '"version"', *(arm.label for arm in every_arm())):
        assert telling not in json.dumps(seen)

    path = f"/api/comparisons/{query_id}"
    assert not any(panel["blocks"] for panel in seen[-1]["panels"])
    for panel in client.get(path, params={"blocks": True}).json()["panels"]:
        for block in panel["blocks"]:
            assert panel["text"][block["start"] : block["end"]] in html.unescape(block["html"])
        assert bool(panel["blocks"]) == bool(panel["text"])
    best = seen[-1]["panels"][1]["response_id"]
    vote(client, query_id, "best", best)
    revealed = client.get(path).json()
    assert revealed["vote"] == {
        "choice": "best", "best": best, "letter": "B", "early": False, "named": False,
        "strength": None, "reason": "",
    }  # fmt: skip
    assert all(p["revealed"]["version"].startswith("Embedded") for p in revealed["panels"])
    vote(client, query_id, "withdrawn")
    assert client.get(path).json() == seen[-1] | {"voted": True}


def test_the_models_are_in_a_process_of_their_own(
    client: httpx.Client, embedded_process: ServerProcess
) -> None:
    client.post("/api/comparisons", json={"text": "gold?"})
    health = client.get("/api/health").json()
    assert health["models"] == "ready"
    assert health["models_memory_mb"] > 100
    assert embedded_process.process
    server = psutil.Process(embedded_process.process.pid)
    [models] = server.children()
    assert "app.engine" in models.cmdline()
    libraries = {Path(each.path).name for each in server.memory_maps()}
    assert not any(name.startswith("libtorch") for name in libraries)
    assert any(Path(each.path).name.startswith("libtorch") for each in models.memory_maps())


def test_a_killed_server_takes_its_model_process_with_it(tmp_path: Path) -> None:
    with server(tmp_path) as (_, process):
        assert process.process
        [models] = psutil.Process(process.process.pid).children()
        process.kill()
        models.wait(60)


def test_a_model_process_run_alone_answers_for_several_web_processes(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "app.cli", "engine", "--engine-url", address]
    environment = os.environ | {KEY_VARIABLE: "a-key"}
    alone = subprocess.Popen(command, env=environment)
    try:
        for folder in ("one", "two"):
            process = ServerProcess(tmp_path / folder)
            process.environment |= {KEY_VARIABLE: "a-key", "RLHB_ENGINE_URL": address}
            with (
                running(process) as url,
                httpx.Client(base_url=url, timeout=60) as client,
            ):
                asked = client.post("/api/comparisons", json={"text": "gold?"}).json()
                *_, last = views(client, asked["query_id"])
                assert {panel["outcome"] for panel in last["panels"]} <= {"ok", "empty"}
                assert psutil.Process(process.process.pid).children() == []  # type: ignore[union-attr]
        refused = httpx.post(f"{address}/v1/chat/completions", json={})
        assert refused.status_code == 401
    finally:
        alone.terminate()
        alone.wait(30)


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
            stranger.post(f"/api/responses/{old}/regenerate"),
        ):
            assert refused.status_code == 403
            assert "somebody else" in refused.json()["detail"]
    assert client.get(f"/api/comparisons/{uuid4()}").status_code == 404
    assert client.post(f"/api/responses/{uuid4()}/regenerate").status_code == 404
    empty = client.post("/api/comparisons", json={"text": " "})
    assert (empty.status_code, "nothing to ask" in empty.json()["detail"]) == (422, True)
    assert client.post("/api/comparisons", json={"txt": "gold?"}).status_code == 422


@pytest.fixture
def tgi() -> Iterator[TgiServer]:
    with tgi_server() as made:
        yield made


def test_too_many_questions_at_once_are_told_to_wait(tmp_path: Path, tgi: TgiServer) -> None:
    with (
        server(tmp_path, tgi.url) as (url, _),
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        client.get("/api/me")  # the person's cookie, before all the questions
        with ThreadPoolExecutor(8) as many:
            replies = list(
                many.map(
                    lambda _: client.post("/api/comparisons", json={"text": "stall"}), range(8)
                )
            )
        assert sorted(reply.status_code for reply in replies) == [201] * 4 + [429] * 4
        refused = next(reply for reply in replies if reply.status_code == 429)
        assert "questions are being answered" in refused.json()["detail"]
        assert int(refused.headers["retry-after"]) > 0
        tgi.released.set()


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
