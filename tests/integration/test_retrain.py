"""Retraining over the API with a real, tiny run: killed, resumed, followed across a restart of the server, served."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.store import Store, signals
from rlhb_core.run.folder import RunDir
from rlhb_core.schema.records import Source
from tests.scene import OPENED_MS, asked, best, someone
from tests.server import ServerProcess, running_server

TINY = {
    "data.min_comparisons": 8,
    "reward_model.steps": 4,
    "ppo.iterations": 24,
    "ppo.rollouts": 8,
    "ppo.minibatch": 8,
    "evaluation.samples": 8,
    "evaluation.foreseen_votes": 40,
    "evaluation.bootstrap": 100,
    "sampling.max_new_tokens": 12,
    "adapter.rank": 4,
    "checkpoint_every": 2,
}
PATIENCE_S = 150


class Client:
    """The API of a server, as JSON."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server

    def get(self, path: str) -> Any:
        status, body = self.server.request("GET", path)
        assert status == 200, body
        return json.loads(body)

    def post(self, path: str, value: Any = None, expected: int = 200) -> Any:
        headers = {"Content-Type": "application/json"}
        status, body = self.server.request("POST", path, json.dumps(value or {}).encode(), headers)
        assert status == expected, body
        return json.loads(body)

    def wait(self, run: Any, reached: Callable[[Any], bool]) -> Any:
        """Wait until the run is as wanted; its state then."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            found = self.get(f"/api/runs/{run['id']}")
            if reached(found):
                return found
            assert found["status"] != "failed", found["error"]
            time.sleep(0.1)
        raise AssertionError(f"not reached: {found}")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("retrain")
    store = Store.open(f"sqlite:///{folder / 'rlhb.sqlite'}")
    with store.writing() as connection:
        person = someone(connection, Source.SIMULATED)
        for number in range(40):
            answers = (f"It is {number}.", f"I do not know, maybe {number}.", "No idea.")
            at_ms = OPENED_MS + number
            query, given = asked(connection, person, f"What is {number} plus 0?", answers, at_ms)
            signals.record(
                connection, person.id, [best(query, given[number % 2])], OPENED_MS + 99_000
            )
    store.close()
    with running_server(folder) as server:
        yield Client(server)


def steps(found: Any) -> int:
    return len(RunDir(Path(found["folder"])).metrics())


def test_a_run_survives_kills_and_its_version_is_served(client: Client) -> None:
    wanted = {"arm": "rlhf", "sources": ["simulated"], "overrides": TINY}
    assert client.post("/api/runs/plan", wanted | {"sources": ["real"]})["enough"] is False
    assert client.post("/api/runs/plan", wanted)["enough"] is True
    run = client.post("/api/runs", wanted, expected=201)
    folder = RunDir(Path(run["folder"]))

    # the training process is killed
    client.wait(run, lambda _: len(folder.metrics()) >= 10)
    os.kill(run["pid"], signal.SIGKILL)
    found = client.wait(run, lambda now: now["status"] == "interrupted")
    assert found["can_resume"]
    assert found["version"] is None
    before = folder.metrics()

    # it goes on from its checkpoint, and the server is killed while it does
    again = client.post(f"/api/runs/{run['id']}/resume")
    client.wait(
        run, lambda _: len(folder.metrics()) > len(before) and (folder.path / "pid").exists()
    )
    client.server.kill()
    os.kill(again["pid"], 0)  # training does not mind
    client.server.start()
    done = client.wait(run, lambda now: now["status"] == "done")
    iterations = [int(row["iteration"]) for row in folder.metrics()]
    assert iterations == list(range(1, len(iterations) + 1))
    kept = before[: len(before) // 2 * 2 - 2]  # what the last checkpoint had certainly seen
    assert folder.metrics()[: len(kept)] == kept

    # curves, numbers and the log
    curves = client.get(f"/api/runs/{run['id']}/figures")
    assert curves["rows"] == len(iterations)
    kl = next(each for each in curves["figures"] if each["name"] == "kl")["figure"]["data"][0]
    logged = [row["objective/kl"] for row in folder.metrics() if "objective/kl" in row]
    assert kl["y"] == pytest.approx(logged)
    assert {number["name"] for number in done["numbers"]} >= {"objective/kl", "response/length"}
    assert done["samples"]
    assert all(sample["query"].startswith("What is ") for sample in done["samples"])
    assert "resuming" in client.get(f"/api/runs/{run['id']}/log")["text"]

    # one version came of it, with its lineage; it is served only when put in
    listed = client.get("/api/versions")["versions"]
    (version,) = [each for each in listed if each["run_id"] == run["id"]]
    assert version["name"] == "RLHF v1"
    assert not version["served"]
    assert "40 votes from 1 person" in version["lineage"]
    assert "simulated" in version["lineage"]
    assert version["verdict_words"] == done["verdict"]["word"]
    assert done["version"] == {
        "id": version["id"],
        "name": "RLHF v1",
        "served": False,
        "offer": version["offer"],
    }
    # so short a run may get any verdict, which decides how its version is offered
    kinds = {"good": "free", "warn": "asked", "bad": "withheld"}
    assert version["offer"]["kind"] == kinds[done["verdict"]["tone"]]
    assert re.match(r"\d+ %|\d+%", done["verdict"]["win"]["rate"])
    assert done["verdict"]["win"]["words"].startswith(f"wins against {done['parent']} [")
    client.post(f"/api/versions/{version['id']}/serve", {"override": True})
    assert "RLHF v1" in served(client)
    client.post(f"/api/versions/{version['id']}/unserve")
    assert "RLHF v1" not in served(client)
    client.post("/api/deployments/rollback")
    assert "RLHF v1" in served(client)


def served(client: Client) -> list[str]:
    return [each["name"] for each in client.get("/api/versions")["versions"] if each["served"]]


def test_stop_resume_and_what_the_api_refuses(client: Client) -> None:
    wanted = {"arm": "rlhf", "sources": ["simulated"], "overrides": TINY}
    run = client.post("/api/runs", wanted, expected=201)
    waiting = client.post("/api/runs", wanted, expected=201)
    assert waiting["status"] == "queued"
    client.post(f"/api/runs/{waiting['id']}/stop")
    client.wait(run, lambda now: now["progress"]["words"] != "Loading the model")
    client.post(f"/api/runs/{run['id']}/stop")
    stopped = client.wait(run, lambda now: now["status"] == "stopped")
    assert stopped["can_resume"]
    newest = client.get("/api/runs")[:2]
    assert [(each["id"], each["status"]) for each in newest] == [
        (waiting["id"], "stopped"),
        (run["id"], "stopped"),
    ]

    refused = client.post(f"/api/runs/{run['id']}/stop", expected=422)
    assert refused["detail"] == "the run has already ended: it is stopped"
    nobody = "00000000-0000-4000-8000-000000000000"
    assert client.post(f"/api/runs/{nobody}/stop", expected=404)["detail"] == "there is no such run"
    wrong = client.post("/api/runs", wanted | {"overrides": {"ppo.iterations": -1}}, expected=422)
    assert "ppo.iterations: input should be greater than or equal to 1" in wrong["detail"]
    assert client.get("/api/runs")[0]["id"] == waiting["id"]  # nothing was added


def test_an_unchanged_answer_costs_little(client: Client) -> None:
    for path in ("/api/runs", "/api/versions", "/api/plotly.js"):
        connection = client.server.connection()
        connection.request("GET", path)
        first = connection.getresponse()
        assert first.read()
        tag = first.headers["ETag"]
        connection.request("GET", path, headers={"If-None-Match": tag})
        second = connection.getresponse()
        assert (second.status, second.read()) == (304, b"")
        connection.close()
