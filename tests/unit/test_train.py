"""How a run goes through its stages, stops and goes on, with stages that only count."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rlhb_core.learning.session import Metrics
from rlhb_core.run.config import RunConfig
from rlhb_core.run.folder import ON_REQUEST, RunDir
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import RunStatus
from rlhb_core.teachers.teacher import PlannedStage
from rlhb_core.train import loop as training


class Counting:
    """A stage of so many steps."""

    def __init__(self, name: str, total: int, during: Any = None) -> None:
        self.name, self.total, self.done = name, total, 0
        self._during = during

    def step(self, number: int) -> Metrics:
        assert number == self.done + 1
        self.done = number
        if self._during:
            self._during(self.name, number)
        return {"objective/kl": float(number)}

    def state(self) -> dict[str, Any]:
        return {"done": self.done}

    def restore(self, state: dict[str, Any]) -> None:
        self.done = state["done"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDir:
    session = SimpleNamespace(diverged=False, state=dict, restore=lambda state: None, evidence={})
    nothing: Any = lambda *_: None  # noqa: E731
    for name in ("load_split", "load_trunk", "refuse_stateful", "refuse_mixing", "seed_all"):
        monkeypatch.setattr(training, name, nothing)
    monkeypatch.setattr(training, "Session", lambda *_: session)
    monkeypatch.setattr(training.Trainer, "_finish", lambda self: {"verdict": {"word": "improved"}})
    stages(monkeypatch)
    return RunDir.create(tmp_path / "run", RunConfig.load({"arm": Arm.RLHF, "checkpoint_every": 2}))


def stages(monkeypatch: pytest.MonkeyPatch, during: Any = None) -> None:
    """A run of three steps, five steps and one."""
    sizes = {"reward_model": 3, "ppo": 5, "judging": 1}
    monkeypatch.setattr(
        training,
        "plan",
        lambda *_: [
            PlannedStage(
                name,
                lambda name=name, size=size: Counting(name, size, during),  # type: ignore[misc]
                owns_head=name == "reward_model",
            )
            for name, size in sizes.items()
        ],
    )


def steps(run: RunDir) -> list[tuple[str, int]]:
    return [(str(row["stage"]), int(row["step"])) for row in run.metrics()]


WHOLE = [
    *(("reward_model", n) for n in (1, 2, 3)),
    *(("ppo", n) for n in range(1, 6)),
    ("judging", 1),
]


def test_a_run_goes_through_its_stages(run: RunDir) -> None:
    assert training.train(run) == 0
    assert (run.state(), steps(run)) == (RunStatus.DONE, WHOLE)
    progress = run.progress()
    assert progress is not None
    assert (progress["share"], progress["seconds_left"]) == (1.0, 0.0)


def test_a_stop_before_the_first_step_is_heeded_and_loses_nothing(run: RunDir) -> None:
    run.request_stop()
    assert training.train(run) == 0
    assert (run.state(), run.message(), steps(run)) == (RunStatus.STOPPED, ON_REQUEST, [])
    assert training.train(run, resume=True) == 0
    assert (run.state(), steps(run)) == (RunStatus.DONE, WHOLE)


@pytest.mark.parametrize(
    "where", [("reward_model", 2), ("reward_model", 3), ("ppo", 1), ("ppo", 3)]
)
def test_a_stop_at_any_step_is_heeded_after_it(
    run: RunDir, where: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def during(*at: Any) -> None:
        if at == where:
            run.request_stop()

    stages(monkeypatch, during)
    assert training.train(run) == 0
    assert run.state() is RunStatus.STOPPED
    assert steps(run) == WHOLE[: WHOLE.index(where) + 1]
    stages(monkeypatch)
    assert training.train(run, resume=True) == 0
    assert (run.state(), steps(run)) == (RunStatus.DONE, WHOLE)


def test_a_stop_during_the_last_step_comes_too_late(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def during(name: str, _: int) -> None:
        if name == "judging":
            run.request_stop()

    stages(monkeypatch, during)
    assert training.train(run) == 0
    assert run.state() is RunStatus.DONE
    assert not run.stop_requested()


def test_a_run_that_nobody_follows_stops_with_a_checkpoint_and_goes_on_when_resumed(
    run: RunDir,
) -> None:
    assert training.train(run, unwatched_s=1e-9) == 0
    assert (run.state(), steps(run)) == (RunStatus.STOPPED, WHOLE[:1])
    assert run.message().startswith("stopped because no server or command has followed it for ")
    assert training.train(run, resume=True, unwatched_s=1e-9) == 0
    assert steps(run) == WHOLE[:2]  # a step each time: nothing is done twice
    assert training.train(run, resume=True, unwatched_s=600) == 0
    assert (run.state(), steps(run)) == (RunStatus.DONE, WHOLE)


def test_the_share_never_falls_back(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []
    write = RunDir.write_progress

    def note(self: RunDir, stage: str, step: int, total: int, share: float, left: Any) -> None:
        shares.append(share)
        write(self, stage, step, total, share, left)

    monkeypatch.setattr(RunDir, "write_progress", note)
    run_stopped = iter([False, False, False, False, True])
    monkeypatch.setattr(run, "stop_requested", lambda: next(run_stopped, False))
    assert training.train(run) == 0
    assert run.state() is RunStatus.STOPPED
    assert training.train(run, resume=True) == 0
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
