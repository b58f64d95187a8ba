"""The share that is done never falls; the time left runs down with the clock and rises only with reason."""

import json
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from rlhb_core.run.pace import REASON, Outlook, Pace

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parent / "recorded_paces.json").read_text(encoding="utf-8")
)
"""Real iterations: the costs of the stages, and at how many seconds each stage began (no total) and each step was
done.
"""

Event = tuple[float, str, int, int | None]
"""Seconds, stage, step, and the stage's steps; None where the stage begins."""


def told(costs: Mapping[str, float], events: Iterable[Event]) -> list[tuple[float, Outlook]]:
    """(seconds, what was said) after every step."""
    now = [0.0]
    pace = Pace(costs, lambda: now[0])
    found = []
    for seconds, stage, step, total in events:
        now[0] = seconds
        if total is None:
            pace.begin(stage, step)
        else:
            found.append((seconds, pace.step(step, total)))
    return found


def even(stage: str, steps: int, first_s: float, each_s: float) -> list[Event]:
    began: Event = (first_s, stage, 0, None)
    return [began, *((first_s + each_s * n, stage, n, steps) for n in range(1, steps + 1))]


def rises(found: list[tuple[float, Outlook]]) -> list[float]:
    """By how many times the time left rose from one step to the next, where it did."""
    left = [said.seconds_left for _, said in found if said.seconds_left is not None]
    return [after / max(before, 1.0) for before, after in pairwise(left) if after > before]


COSTS = {"warmup": 10.0, "ppo": 20.0}


def test_an_even_pace_is_told_to_the_second() -> None:
    found = told(COSTS, [*even("warmup", 10, 5, 2), *even("ppo", 20, 25, 2)])
    assert found[0][1].seconds_left is None  # the first step of a process says little
    for done, (_, said) in enumerate(found[1:], start=2):
        assert said.seconds_left == pytest.approx(60 - 2 * done)
        assert said.share == pytest.approx(done / 30)


def test_steps_that_take_now_more_now_less_do_not_make_it_rise() -> None:
    at = 0.0
    events: list[Event] = [(0.0, "ppo", 0, None)]
    for step in range(1, 61):
        at += (0.5, 1.0, 1.5)[step % 3]
        events.append((at, "ppo", step, 60))
    found = told({"ppo": 60.0}, events)
    assert rises(found) == []
    assert found[29][1].seconds_left == pytest.approx(30, rel=0.15)
    assert found[-1][1] == (1.0, 0.0)


def test_it_rises_where_there_is_reason() -> None:
    """Every step takes four times as long from the middle on: another run has taken the machine."""
    slow: list[Event] = [(20 + 4.0 * n, "ppo", 20 + n, 40) for n in range(1, 21)]
    found = told({"ppo": 40.0}, [*even("ppo", 40, 0, 1)[:21], *slow])
    assert found[19][1].seconds_left == pytest.approx(20)
    assert max(said.seconds_left or 0 for _, said in found[20:30]) > REASON * 20
    assert len(rises(found)) <= 3
    assert found[34][1].seconds_left == pytest.approx(5 * 4, rel=0.4)


def test_a_stage_that_ends_early_only_moves_it_on() -> None:
    found = told(COSTS, [*even("warmup", 10, 0, 1)[:4], *even("ppo", 20, 3, 1)])
    shares = [said.share for _, said in found]
    assert shares == sorted(shares)
    assert shares[3] == pytest.approx(11 / 30)


def test_a_resumed_run_goes_on_at_its_share() -> None:
    found = told(COSTS, [(0.0, "ppo", 10, None), (1.0, "ppo", 11, 20), (2.0, "ppo", 12, 20)])
    assert [said.share for _, said in found] == pytest.approx([21 / 30, 22 / 30])
    assert found[-1][1].seconds_left == pytest.approx(8)


@pytest.mark.parametrize("name", RECORDED)
def test_on_real_runs_it_neither_falls_back_nor_misleads(name: str) -> None:
    recorded = RECORDED[name]
    found = told(recorded["costs"], [tuple(event) for event in recorded["steps"]])
    shares = [said.share for _, said in found]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert (
        rises(found) == []
    )  # although steps came to take two and a half times as long, for a while
    half = next(i for i, (seconds, _) in enumerate(found) if seconds >= recorded["ended"] / 2)
    for seconds, said in found[half:]:
        assert said.seconds_left is not None
        assert abs(said.seconds_left - (recorded["ended"] - seconds)) < 0.35 * recorded["ended"]
