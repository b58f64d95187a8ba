"""Alarms: each one on metrics that deserve it, and silence on those that do not."""

from typing import Any

import pytest

from rlhb_core.run.metrics import METRICS, metric_row
from rlhb_core.verdict.alarms import alarms

FINE: dict[str, float] = {
    "objective/kl": 3.0,
    "objective/entropy": 1.2,
    "response/distinct_2": 0.5,
    "response/length_drift": 0.3,
    "response/clip_ratio": 0.02,
    "disc/length_auc": 0.53,
    "disc/swap_auc": 0.66,
    "disc/calibrated_accuracy": 0.58,
    "policy/clipfrac_avg": 0.1,
    "critic/vf_explained_var": 0.4,
}


def rows(last: dict[str, float], count: int = 10) -> list[dict[str, Any]]:
    """Ten fine iterations, then as many that end like `last`."""
    values = [FINE] * count + [FINE | last] * count
    return [dict(metric_row("ppo", i, i, one)) for i, one in enumerate(values, start=1)]


@pytest.mark.parametrize(
    ("metric", "value", "said"),
    [
        ("objective/kl", 22.0, "22.0 nats; at 30 the run stops"),
        ("objective/entropy", 0.39, "from 1.20 to 0.39"),
        ("response/distinct_2", 0.24, "from 0.50 to 0.24"),
        ("response/length_drift", 2.2, "+2.2 spreads"),
        ("response/length_drift", -2.2, "-2.2 spreads"),
        ("response/clip_ratio", 0.25, "25% of the answers"),
        ("disc/length_auc", 0.72, "AUC 0.72"),
        ("disc/length_auc", 0.28, "AUC 0.28"),
        ("disc/swap_auc", 0.51, "swap AUC 0.51"),
        ("disc/calibrated_accuracy", 0.93, "93% of held-out"),
        ("policy/clipfrac_avg", 0.45, "45% of the tokens"),
        ("critic/vf_explained_var", -0.2, "(-0.20)"),
    ],
)
def test_each_alarm_is_raised_alone(metric: str, value: float, said: str) -> None:
    (alarm,) = alarms(rows({metric: value}), kl_stop=30)
    assert said in alarm.happened
    assert alarm.look.endswith(".")
    assert metric in METRICS


def test_a_healthy_run_raises_none() -> None:
    assert alarms(rows({}), kl_stop=30) == []
    assert alarms([]) == []
    warmup = metric_row("warmup", 1, 1, {"warmup/loss": 2.0})
    assert alarms([dict(warmup)]) == []


def test_one_iteration_alone_is_chance() -> None:
    found = rows({})
    found[-1]["response/length_drift"] = 5.0
    assert alarms(found) == []


def test_the_worst_comes_first() -> None:
    found = alarms(rows({"disc/swap_auc": 0.5, "response/length_drift": 4.0}))
    assert [alarm.severity for alarm in found] == ["bad", "warn"]


def test_a_discriminator_that_wins_before_the_loop_is_none() -> None:
    before = metric_row("discriminator", 1, 1, {"disc/calibrated_accuracy": 0.95})
    assert alarms([dict(before)]) == []
