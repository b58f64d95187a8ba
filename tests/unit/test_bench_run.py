"""`make bench` names a benchmark that fails or does not end, and keeps the rows of the others."""

import json
from pathlib import Path

import pytest

from tests.bench.run import run

MODULE = "tests.bench.short_work"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results with a row of an earlier run."""
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"name": "earlier", "value": 1}]))
    return path


def names(results: Path) -> list[str]:
    """Of the rows in a file of results."""
    return [row["name"] for row in json.loads(results.read_text())]


def test_rows_are_added_to_those_of_earlier_runs(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT_WORK", "ends")
    assert run([MODULE], results) == []
    assert names(results) == ["earlier", "short_work"]


def test_a_failure_is_named_and_does_not_stop_the_others(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT_WORK", "fails")
    first, second = run([MODULE, "tests.bench.no_such_module"], results)
    assert first == f"{MODULE} ended with status 1; what it said is above"
    assert second.startswith("tests.bench.no_such_module ended with status 1")
    assert names(results) == ["earlier"]


def test_a_benchmark_that_does_not_end_is_not_waited_for(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT_WORK", "hangs")
    assert run([MODULE], results, patience_s=2) == [f"{MODULE} took longer than 2 s"]
    assert names(results) == ["earlier"]
