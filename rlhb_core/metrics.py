"""The metrics registry: every number that a run may log, with its sentence. A name that is not here cannot be logged.

Names follow TRL, veRL and OpenRLHF where they mean the same. Curves, tooltips and docs are made from this table.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from rlhb_core.behaviors import ALL_CLAUSES
from rlhb_core.errors import RunError


class Metric(NamedTuple):
    """One logged number."""

    name: str
    sentence: str
    unit: str
    group: str


_TABLE: tuple[tuple[str, str, str], ...] = (
    ("objective/scores", "Mean score of the rollouts: the reward model's, or the discriminator's logit.", ""),
    ("objective/reward", "Mean reward of a rollout: centred score minus penalties, without the KL term.", ""),
    ("objective/rlhf_reward", "Mean reward of a rollout including the KL penalty.", ""),
    ("objective/returns", "Mean return over response tokens.", ""),
    ("objective/kl", "Mean KL of a response to the start of the stage, summed over its tokens.", "nats"),
    ("objective/kl_coef", "Weight of the KL penalty.", ""),
    ("objective/entropy", "Mean entropy of the policy over response tokens.", "nats"),
    ("policy/approxkl_avg", "Mean KL between the policy before and after the iteration's updates (k3 estimate).", "nats"),
    ("policy/clipfrac_avg", "Share of tokens whose probability ratio was clipped.", ""),
    ("policy/grad_norm", "Gradient norm of the policy before clipping.", ""),
    ("policy/learning_rate", "Learning rate of the policy.", ""),
    ("loss/policy_avg", "Mean PPO loss of the policy.", ""),
    ("loss/likelihood", "Cross-entropy of logged responses given query and behaviour, learned beside PPO.", "nats per token"),
    ("loss/value_avg", "Mean squared error of the value head.", ""),
    ("val/ratio", "Mean probability ratio, new over old; 1 at the first update.", ""),
    ("val/num_eos_tokens", "Rollouts that ended by themselves.", "responses"),
    ("critic/vf_explained_var", "Share of the variance of the returns that the value head explains.", ""),
    ("response/length", "Mean length of a rollout.", "tokens"),
    ("response/clip_ratio", "Share of the rollouts that were cut off at the longest length.", ""),
    ("response/distinct", "Share of the rollouts whose text is unlike every other of the iteration.", ""),
    ("response/distinct_1", "Different tokens over all tokens of the rollouts.", ""),
    ("response/distinct_2", "Different pairs of neighbouring tokens over all of the rollouts.", ""),
    ("response/length_drift", "How far the mean length of the rollouts lies above that of the logged answers, in the logged ones' spread.", "spreads"),
    ("warmup/loss", "Cross-entropy of logged responses given query and behaviour.", "nats per token"),
    ("warmup/held_out_loss", "Cross-entropy of held-out logged responses given query and behaviour.", "nats per token"),
    ("preference/loss", "Loss of the baseline (SFT, DPO, ORPO, KTO) on the step's examples, as TRL defines it.", ""),
    ("preference/held_out_loss", "The same on held-out examples.", ""),
    ("preference/grad_norm", "Gradient norm of the policy before clipping.", ""),
    ("preference/learning_rate", "Learning rate of the policy.", ""),
    ("reward_model/loss", "Negative log-likelihood of the votes.", "nats per vote"),
    ("reward_model/held_out_loss", "Negative log-likelihood of the votes on held-out queries.", "nats per vote"),
    ("reward_model/accuracy", "Share of held-out (chosen, other) pairs that the reward model ranks right.", ""),
    ("reward_model/aspect_accuracy", "Share of held-out pairs of ratings that its heads of aspects rank right, mean over the aspects.", ""),
    ("reward_model/calibration_error", "How far its confidence in a held-out pair is from its accuracy, on average (expected calibration error).", ""),
    ("reward_model/calibrated_error", "The same with scores divided by the temperature, on the held-out votes that did not fit it.", ""),
    ("reward_model/temperature", "Temperature under which half of the held-out votes are likeliest; above 1 it is too sure of itself.", ""),
    ("classifier/loss", "Cross-entropy of behaviours, summed over their clauses.", "nats"),
    ("classifier/held_out_loss", "Cross-entropy of held-out behaviours, summed over their clauses.", "nats"),
    ("classifier/shares_loss", "The same of a guess that knows only how frequent each class is.", "nats"),
    ("classifier/accuracy", "Share of held-out clauses whose class is told right, mean over the clauses.", ""),
    ("classifier/majority", "The same of always naming each clause's most frequent class.", ""),
    *((f"classifier/held_out_loss/{clause}", f"Cross-entropy of the clause '{clause}' of held-out behaviours.", "nats")
      for clause in ALL_CLAUSES),
    *((f"classifier/accuracy/{clause}", f"Share of held-out behaviours whose clause '{clause}' is told right.", "")
      for clause in ALL_CLAUSES),
    ("disc/loss", "Mean discriminator loss over the iteration's steps.", "nats"),
    ("disc/p_real", "Mean discriminator output on held-out logged triplets as it comes, leaning as it may.", ""),
    ("disc/p_fake", "Mean discriminator output on what the policy, as it would be served, answers to held-out queries; leaning as it may.", ""),
    ("disc/calibrated_real", "Mean calibrated discriminator output on held-out logged triplets; 0.5 is full confusion.", ""),
    ("disc/calibrated_fake", "Mean calibrated discriminator output on what the policy, as it would be served, answers to held-out queries; 0.5 is full confusion.", ""),
    ("disc/calibrated_accuracy", "Share of held-out triplets that the calibrated discriminator tells right, logged and generated weighing one half each; 0.5 is chance.", ""),
    ("disc/acc_real", "Share of held-out logged triplets that the discriminator calls real.", ""),
    ("disc/acc_fake", "Share of what the policy, as it would be served, answers to held-out queries that the discriminator calls generated.", ""),
    ("disc/accuracy", "Mean of the two shares above; 0.5 is chance.", ""),
    ("disc/power", "Share of held-out logged triplets, and of the same with another row's behaviour, that the discriminator tells right; 0.5 is chance.", ""),
    ("disc/swap_auc", "How well the discriminator prefers a held-out response's true behaviour to another one (AUC).", ""),
    ("disc/length_auc", "How well length alone tells logged from generated responses (AUC); far from 0.5 is a leak.", ""),
    ("disc/grad_norm", "Gradient norm of the discriminator.", ""),
    ("eval/utility", "Mean hidden utility of answers to questions on held-out facts (embedded world only).", ""),
    ("eval/win_rate", "Share of these questions on which the policy's answer has more hidden utility than SFT's, ties half.", ""),
    ("timing/rollout", "Seconds spent on drawing responses.", "s"),
    ("timing/score", "Seconds spent on scoring and on log-probabilities.", "s"),
    ("timing/update", "Seconds spent on updating policy and value head.", "s"),
    ("timing/disc", "Seconds spent on the discriminator.", "s"),
    ("timing/step", "Seconds of the whole step.", "s"),
)  # fmt: skip

METRICS: dict[str, Metric] = {
    name: Metric(name, sentence, unit, name.split("/")[0]) for name, sentence, unit in _TABLE
}
"""All metrics by name."""

Row = dict[str, str | int | float]
"""One line of metrics.jsonl: any metrics, and where it stands: the stage's name as `stage`, its own step from 1 as `step`,
the step of the whole run as `iteration`."""


def metric_row(stage: str, step: int, iteration: int, values: Mapping[str, float]) -> Row:
    """A row for metrics.jsonl. Raises RunError for a metric without a sentence; numbers that are not finite are left out."""
    unknown = sorted(set(values) - METRICS.keys())
    if unknown:
        raise RunError(
            f"{', '.join(unknown)}: not in the metrics table (rlhb_core/metrics.py), so not logged"
        )
    row: Row = {"stage": stage, "step": step, "iteration": iteration}
    row.update((name, float(value)) for name, value in values.items() if math.isfinite(value))
    return row
