"""Alarms: what looks wrong in a run's metrics, in a sentence, and where to look.

A pure function of the rows of metrics.jsonl, so that a run that goes on and one that is over are looked at alike. An
alarm is a reason to look, not a verdict (`conclusion.py`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from rlhb_core.run.metrics import RowView
from rlhb_core.run.plots import LENGTH_DRIFT

Severity = Literal["bad", "warn"]

WINDOW = 5
"""Rows whose mean counts as the beginning, or as now: one row alone is chance."""


class Alarm(NamedTuple):
    """One thing that looks wrong."""

    severity: Severity
    happened: str
    look: str


class Curve(NamedTuple):
    """A metric as it was in the beginning and as it is now, both over a few rows."""

    first: float
    now: float


Rule = Callable[[Mapping[str, Curve]], Alarm | None]


def alarms(rows: Sequence[RowView], kl_stop: float = math.inf) -> list[Alarm]:
    """What looks wrong now, worst first; nothing before the PPO loop has logged a row."""
    loop = [row for row in rows if "objective/kl" in row]
    names = dict.fromkeys(name for row in loop for name in row)
    curves = {name: found for name in names if (found := _curve(loop, name)) is not None}
    raised = [alarm for rule in _rules(kl_stop) if (alarm := rule(curves)) is not None]
    return sorted(raised, key=lambda alarm: alarm.severity != "bad")


def _curve(rows: Sequence[RowView], name: str) -> Curve | None:
    values = [float(row[name]) for row in rows if isinstance(row.get(name), int | float)]
    if not values:
        return None
    first, now = values[:WINDOW], values[-WINDOW:]
    return Curve(sum(first) / len(first), sum(now) / len(now))


def _now(
    name: str, wrong: Callable[[float], bool], severity: Severity, happened: str, look: str
) -> Rule:
    """An alarm on what a metric is now; `happened` may name its value as `now`."""

    def rule(curves: Mapping[str, Curve]) -> Alarm | None:
        curve = curves.get(name)
        if curve is None or not wrong(curve.now):
            return None
        return Alarm(severity, happened.format(now=curve.now), look)

    return rule


def _fell(name: str, share: float, severity: Severity, happened: str, look: str) -> Rule:
    """An alarm on a metric that fell below a share of what it was in the beginning."""

    def rule(curves: Mapping[str, Curve]) -> Alarm | None:
        curve = curves.get(name)
        if curve is None or curve.first <= 0 or curve.now >= share * curve.first:
            return None
        return Alarm(severity, happened.format(first=curve.first, now=curve.now), look)

    return rule


def _rules(kl_stop: float) -> list[Rule]:
    return [
        _now(
            "objective/kl",
            lambda kl: kl > 0.7 * kl_stop,
            "bad",
            f"The KL to the start is {{now:.1f}} nats; at {kl_stop:g} the run stops.",
            "Read the answers below. If they are bad, raise ppo.kl or lower ppo.learning_rate.",
        ),
        _fell(
            "objective/entropy",
            1 / 3,
            "bad",
            "The entropy fell from {first:.2f} to {now:.2f} nats per token.",
            "Look for answers that are all alike. A larger ppo.kl, or ppo.entropy, holds it up.",
        ),
        _fell(
            "response/distinct_2",
            0.5,
            "bad",
            "The share of different word pairs fell from {first:.2f} to {now:.2f}.",
            "Look for phrases that every answer repeats: the reward may pay for one.",
        ),
        _now(
            "response/length_drift",
            lambda drift: abs(drift) > LENGTH_DRIFT,
            "bad",
            "The mean length of the answers is {now:+.1f} spreads away from that of the logged ones.",
            "Compare score and length: a reward that rises with length alone is being gamed.",
        ),
        _now(
            "response/clip_ratio",
            lambda share: share > 0.2,
            "warn",
            "{now:.0%} of the answers are cut off at the longest length.",
            "Raise sampling.max_new_tokens, or ppo.truncated_penalty if they go on without an end.",
        ),
        _now(
            "disc/length_auc",
            lambda auc: max(auc, 1 - auc) > 0.7,
            "warn",
            "Length alone tells logged from generated answers (AUC {now:.2f}).",
            "The discriminator need not read them: look at the response length beside the logged one.",
        ),
        _now(
            "disc/swap_auc",
            lambda auc: auc < 0.53,
            "warn",
            "The discriminator hardly looks at the behaviour (swap AUC {now:.2f}).",
            "Raise discriminator.mismatch, and see whether the behaviours of the log differ at all.",
        ),
        _now(
            "disc/calibrated_accuracy",
            lambda accuracy: accuracy > 0.9,
            "bad",
            "The discriminator wins: it tells {now:.0%} of held-out triplets right.",
            "Its reward says little then. Lower discriminator.steps or its learning rate, or warm up longer.",
        ),
        _now(
            "policy/clipfrac_avg",
            lambda share: share > 0.4,
            "warn",
            "{now:.0%} of the tokens are clipped in an update.",
            "The steps are too large: lower ppo.learning_rate or ppo.epochs.",
        ),
        _now(
            "critic/vf_explained_var",
            lambda share: share < 0,
            "warn",
            "The value head explains nothing of the returns ({now:.2f}).",
            "Raise ppo.critic_warmup or ppo.critic_learning_rate: without it advantages are noise.",
        ),
    ]
