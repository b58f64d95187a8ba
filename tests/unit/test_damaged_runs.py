"""One run whose folder is damaged says so itself; the list, the other runs and what follows them go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.store import runs
from rlhb_core.run.folder import RunDir
from rlhb_core.run.recipe import parse_config
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import Run, RunStatus

FILES = ("progress.json", "result.json", "config.json", "metrics.jsonl", "samples.jsonl")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(Settings(data_dir=tmp_path / "data"))
    yield TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    app.state.store.close()


def made(client: TestClient, **fields: object) -> Run:
    """A run that has got some way."""
    app = client.app
    folder = app.state.settings.runs_dir / f"run-{fields.get('data')}"  # type: ignore[attr-defined]
    directory = RunDir.create(folder, parse_config({"arm": "rlhf"}))
    directory.append_metrics("ppo", 1, 1, {"objective/kl": 0.5})
    directory.append_samples(1, [{"query": "Lima?", "behavior": "", "response": "Yes."}])
    directory.write_progress("ppo", 1, 10, 0.1, 60.0)
    run = Run(arm=Arm.RLHF, recipe="rlhf", folder=str(folder), **fields)
    with app.state.store.writing() as connection:  # type: ignore[attr-defined]
        return runs.add(connection, run)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "content",
    ["{", "[]\n", "[" * 100_000 + "\n", '{"verdict": 3, "samples": [1], "iteration": 1}\n'],
)
def test_a_damaged_file_is_told_by_its_own_run_alone(client: TestClient, name: str, content: str):
    good = made(client, data="good", status=RunStatus.INTERRUPTED)
    bad = made(client, data="bad", status=RunStatus.INTERRUPTED)
    (Path(bad.folder) / name).write_text(content)
    listed = client.get("/api/runs")
    assert listed.status_code == 200
    errors = {each["id"]: each["error"] for each in listed.json()}
    assert "damaged" not in errors[str(good.id)]
    shown = client.get(f"/api/runs/{bad.id}")
    assert shown.status_code == 200
    # a torn last line is no damage: it may still be being written
    if not (content == "{" and name.endswith(".jsonl")):
        assert name in shown.json()["error"]
    assert "damaged" not in client.get(f"/api/runs/{good.id}").json()["error"]
    curves = client.get(f"/api/runs/{bad.id}/figures")
    assert curves.status_code in (200, 422)
    assert client.get(f"/api/runs/{bad.id}/log").status_code == 200


@pytest.mark.parametrize("name", ["done.json", "result.json", "config.json"])
def test_a_run_that_ended_in_a_damaged_folder_has_failed_and_others_are_followed(
    client: TestClient, name: str
):
    training = client.app.state.training  # type: ignore[attr-defined]
    bad = made(client, data="bad", status=RunStatus.RUNNING)
    good = made(client, data="good", status=RunStatus.RUNNING)
    for run in (good, bad):
        RunDir(Path(run.folder)).finish({"verdict": {"word": "converged"}})
    (Path(bad.folder) / name).write_text("{")
    training.sync()
    assert training.get(good.id).status is RunStatus.DONE
    failed = training.get(bad.id)
    assert failed.status is RunStatus.FAILED
    assert name in failed.error
