"""The metrics registry: every number that a run may log, with its sentence. A name that is not here cannot be logged.

Names follow TRL, veRL and OpenRLHF where they mean the same. Curves,
tooltips and docs are made from this table; each teacher adds its own.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from rlhb_core.errors import RunError


class Metric(NamedTuple):
    """One logged number."""

    name: str
    sentence: str
    unit: str = ""
    watched: str = ""
    """What it is called beside the curves while a run goes on; empty: it is not shown there."""

    @property
    def group(self) -> str:
        """The part of the name before the slash."""
        return self.name.split("/")[0]


METRICS: dict[str, Metric] = {}
"""All metrics by name."""


def add_metrics(*rows: tuple[str, ...]) -> None:
    """Let runs log these: name, sentence, unit and, if it is shown beside the curves, what it is called there."""
    METRICS.update((row[0], Metric(*row)) for row in rows)


add_metrics(
    ("objective/scores", "Mean score of the rollouts: the reward model's, or the discriminator's logit.", ""),
    ("objective/reward", "Mean reward of a rollout: centred score minus penalties, without the KL term.", ""),
    ("objective/rlhf_reward", "Mean reward of a rollout including the KL penalty.", "", "reward"),
    ("objective/returns", "Mean return over response tokens.", ""),
    ("objective/kl", "Mean KL of a response to the start of the stage, summed over its tokens.", "nats", "KL to start"),
    ("objective/kl_coef", "Weight of the KL penalty.", ""),
    ("objective/entropy", "Mean entropy of the policy over response tokens.", "nats", "entropy"),
    ("policy/approxkl_avg",
     "Mean KL between the policy before and after the iteration's updates (k3 estimate).", "nats"),
    ("policy/clipfrac_avg", "Share of tokens whose probability ratio was clipped.", ""),
    ("policy/grad_norm", "Gradient norm of the policy before clipping.", ""),
    ("policy/learning_rate", "Learning rate of the policy.", ""),
    ("loss/policy_avg", "Mean PPO loss of the policy.", ""),
    ("loss/likelihood",
     "Cross-entropy of logged responses given query and behaviour, learned beside PPO.", "nats per token"),
    ("loss/value_avg", "Mean squared error of the value head.", ""),
    ("val/ratio", "Mean probability ratio, new over old; 1 at the first update.", ""),
    ("val/num_eos_tokens", "Rollouts that ended by themselves.", "responses"),
    ("critic/vf_explained_var", "Share of the variance of the returns that the value head explains.", ""),
    ("response/length", "Mean length of a rollout.", "tokens", "response length"),
    ("response/clip_ratio", "Share of the rollouts that were cut off at the longest length.", ""),
    ("response/distinct", "Share of the rollouts whose text is unlike every other of the iteration.", ""),
    ("response/distinct_1", "Different tokens over all tokens of the rollouts.", ""),
    ("response/distinct_2", "Different pairs of neighbouring tokens over all of the rollouts.", ""),
    ("response/length_drift", "How far the mean length of the rollouts lies above that of the logged answers, in the "
                              "logged ones' spread.", "spreads"),
    ("eval/utility", "Mean hidden utility of answers to questions on held-out facts (embedded world only).", ""),
    ("eval/win_rate", "Share of these questions on which the policy's answer has more hidden utility than SFT's, ties "
                      "half.", ""),
    ("timing/rollout", "Seconds spent on drawing responses.", "s"),
    ("timing/score", "Seconds spent on scoring and on log-probabilities.", "s"),
    ("timing/update", "Seconds spent on updating policy and value head.", "s"),
    ("timing/step", "Seconds of the whole step.", "s"),
)  # fmt: skip

Row = dict[str, str | int | float]
"""One line of metrics.jsonl: any metrics, and where it stands: the stage's name as `stage`, its own step from 1 as
`step`, the step of the whole run as `iteration`."""
RowView = Mapping[str, Any]
"""Such a line for those who only look at it."""


def metric_row(stage: str, step: int, iteration: int, values: Mapping[str, float]) -> Row:
    """A row for metrics.jsonl. Raises RunError for a metric without a sentence;
    numbers that are not finite are left out.
    """
    unknown = sorted(set(values) - METRICS.keys())
    if unknown:
        raise RunError(
            f"{', '.join(unknown)}: not in the table of metrics (`run/metrics.py`, or a teacher's), so not logged"
        )
    row: Row = {"stage": stage, "step": step, "iteration": iteration}
    row.update((name, float(value)) for name, value in values.items() if math.isfinite(value))
    return row
