"""The folder of a run: metrics that survive a torn line, endings, interruption."""

import subprocess
import sys
from pathlib import Path

import pytest

from rlhb_core.errors import RunError
from rlhb_core.run.folder import RunDir
from rlhb_core.run.metrics import METRICS
from rlhb_core.run.recipe import parse_config
from rlhb_core.schema.records import RunStatus


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path / "run", parse_config({"arm": "rlhf", "seed": 7}))


def test_settings_come_back_and_a_second_run_is_refused(run: RunDir) -> None:
    assert run.config().seed == 7
    assert list(run.triplets()) == []
    with pytest.raises(RunError, match="already holds a run"):
        RunDir.create(run.path, run.config())
    with pytest.raises(RunError, match="no run folder"):
        RunDir(run.path.parent).config()


def test_only_metrics_with_a_sentence_are_logged(run: RunDir) -> None:
    run.append_metrics("ppo", 1, 1, {"objective/kl": 0.5, "loss/value_avg": float("nan")})
    assert run.metrics() == [{"stage": "ppo", "step": 1, "iteration": 1, "objective/kl": 0.5}]
    with pytest.raises(RunError, match="objective/luck"):
        run.append_metrics("ppo", 2, 2, {"objective/luck": 1.0})
    assert all(metric.sentence.endswith(".") for metric in METRICS.values())


def test_a_torn_last_line_is_left_out_and_cut(run: RunDir) -> None:
    for step in (1, 2, 3):
        run.append_metrics("ppo", step, step, {"objective/kl": step})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "ppo", "st')
    assert [row["step"] for row in run.metrics()] == [1, 2, 3]
    for step in (1, 2, 3):
        run.append_samples(step, [{"query": "Lima?", "behavior": "", "response": str(step)}])
    run.cut(2)
    assert [row["step"] for row in run.metrics()] == [1, 2]
    assert [(step, rows[0]["response"]) for step, rows in run.checkpoints()] == [(2, "2"), (1, "1")]
    run.append_metrics("ppo", 3, 3, {})
    assert [row["step"] for row in run.metrics()] == [1, 2, 3]


def test_progress(run: RunDir) -> None:
    assert run.progress() is None
    run.write_progress("ppo", 3, 10, 0.25, 61.0)
    progress = run.progress()
    assert progress is not None
    assert (progress["stage"], progress["step"], progress["seconds_left"]) == ("ppo", 3, 61.0)


def test_states_from_the_folder_alone(run: RunDir) -> None:
    assert run.state() is RunStatus.QUEUED
    run.begin()
    assert run.state() is RunStatus.RUNNING
    (run.path / "pid").write_text(str(_vanished_pid()))
    assert run.state() is RunStatus.INTERRUPTED
    run.fail("The data ran out.")
    assert (run.state(), run.message()) == (RunStatus.FAILED, "The data ran out.")
    run.begin()
    run.request_stop()
    assert run.stop_requested()
    run.stopped()
    assert run.state() is RunStatus.STOPPED
    assert not run.stop_requested()  # it has been fulfilled
    run.begin()
    run.finish({"verdict": {"word": "improved"}})
    assert (run.state(), run.message()) == (RunStatus.DONE, "improved")
    assert run.result() == {"verdict": {"word": "improved"}}


def test_a_request_to_stop_outlives_the_beginning_of_the_process(run: RunDir) -> None:
    """It may have come between the start of the process and its first line."""
    run.request_stop()
    run.begin()
    assert run.stop_requested()
    assert run.is_stopping()
    run.withdraw_stop()
    assert not run.stop_requested()
    assert not run.is_stopping()


def test_a_run_that_has_stopped_is_stopping_until_it_is_to_go_on(run: RunDir) -> None:
    """Its ending stands until its process begins, and that takes as long as it takes to load what it needs."""
    run.begin()
    assert not run.is_stopping()
    run.stopped()
    assert run.is_stopping()
    run.withdraw_stop()
    assert run.state() is RunStatus.STOPPED
    assert not run.is_stopping()
    run.request_stop()
    assert run.is_stopping()
    run.begin()
    run.stopped()
    assert run.is_stopping(), "it is over a second time"


def _vanished_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'"x"', b"\x00\x00"])
def test_a_damaged_file_is_a_sentence_that_names_it(run: RunDir, content: bytes) -> None:
    for name, read in {
        "config.json": run.config,
        "progress.json": run.progress,
        "result.json": run.result,
        "answers.json": run.answers,
        "failed.json": run.message,
    }.items():
        (run.path / name).write_bytes(content)
        with pytest.raises(RunError, match=name):
            read()


@pytest.mark.parametrize("line", ["{", "[]", "{}", '"x"', "null", '{"iteration": "often"}', ""])
def test_a_damaged_row_is_named_by_its_line(run: RunDir, line: str) -> None:
    run.append_metrics("ppo", 1, 1, {"objective/kl": 0.5})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(RunError, match=r"metrics\.jsonl .*line 2"):
        run.metrics()


def test_progress_of_another_shape_is_damaged(run: RunDir) -> None:
    (run.path / "progress.json").write_text('{"stage": "ppo", "step": "three"}')
    with pytest.raises(RunError, match=r"progress\.json"):
        run.progress()
