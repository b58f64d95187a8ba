"""From the records of the seeds to named numbers: each with its seeds, its mean, its interval and its bar.

Knows no pictures (`pictures.py`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean, stdev
from typing import Any, NamedTuple, TypeVar

from rlhb_core.reproduction.records import SeedRecord
from rlhb_core.reproduction.tasks import ROUNDS, SHIFT
from rlhb_core.verdict.checks import told_apart

# Student's t for a two-sided 95 % interval, by degrees of freedom (1 to 9); more seeds take the last one
T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)

INTERVALS = (
    "Intervals are 95 % of the mean over seeds, by Student's t; with few seeds they are wide."
)

T = TypeVar("T")


class Finding(NamedTuple):
    """One number of the reproduction, and the bar that it is held against."""

    name: str
    sentence: str
    bar: str
    of: Callable[[SeedRecord], float]
    met: Callable[[Sequence[float]], bool]
    """Whether the values of all seeds meet the bar."""


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """A 95 % interval of the mean over seeds, by Student's t; None for a single seed."""
    if len(values) < 2:
        return None
    half = T_95[min(len(values) - 1, len(T_95)) - 1] * stdev(values) / math.sqrt(len(values))
    mean = fmean(values)
    return mean - half, mean + half


def results(seeds: Sequence[SeedRecord]) -> dict[str, Any]:
    """Name -> {seeds, mean, interval, bar, met, sentence}; numbers that no seed has are left out.

    Of `utility_by_round` every seed is a list, SFT first, then round by round; mean and interval are lists likewise.
    """
    found: dict[str, Any] = {}
    for finding in FINDINGS:
        values = [value for record in seeds if (value := _read(finding.of, record)) is not None]
        if values:
            found[finding.name] = summary(values) | {
                "bar": finding.bar,
                "met": finding.met(values),
                "sentence": finding.sentence,
            }
    rounds = [each for record in seeds if (each := _read(by_round, record)) is not None]
    if rounds:
        found["utility_by_round"] = summaries(rounds) | {
            "sentence": "Hidden utility of SFT, then of the version of each round."
        }
    return found


def as_rows(found: Mapping[str, Any]) -> list[tuple[str, str, str, str, str, str]]:
    """Name, sentence, mean with interval, seeds, bar and whether it is met, of every number that there should be."""
    rows = []
    for finding in FINDINGS:
        if finding.name not in found:
            rows.append((finding.name, finding.sentence, "not measured", "", finding.bar, ""))
            continue
        one = found[finding.name]
        bounds = one["interval"]
        rows.append(
            (
                finding.name,
                finding.sentence,
                f"{one['mean']:.3f}" + (f" [{bounds[0]:.3f}, {bounds[1]:.3f}]" if bounds else ""),
                ", ".join(f"{value:.3f}" for value in one["seeds"]),
                finding.bar,
                ("met" if one["met"] else "not met") if finding.bar else "",
            )
        )
    return rows


def as_markdown(found: Mapping[str, Any]) -> str:
    """The same as a page of its own, for readers of the repository."""
    head = ("name", "what", "mean", "seeds", "bar", "")
    lines = [head, ("---",) * len(head), *((f"`{name}`", *rest) for name, *rest in as_rows(found))]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return (
        "# The numbers of the last full run\n\n"
        "Written by `rlhb reproduce` from the records of the seeds, like results.json. Everything is simulated.\n"
        f"{INTERVALS}\n\n{table}\n"
    )


def summaries(seeds: Sequence[Sequence[float]]) -> dict[str, Any]:
    """The same of lists, place by place."""
    places = [summary(place) for place in zip(*seeds, strict=True)]
    return {
        "seeds": [[round(value, 4) for value in each] for each in seeds],
        "mean": [place["mean"] for place in places],
        "interval": [place["interval"] for place in places] if len(seeds) > 1 else None,
    }


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Values of the seeds with mean and interval."""
    bounds = interval(values)
    return {
        "seeds": [round(value, 4) for value in values],
        "mean": round(fmean(values), 4),
        "interval": bounds and [round(bound, 4) for bound in bounds],
    }


def _read(of: Callable[[SeedRecord], T], record: SeedRecord) -> T | None:
    """What is to be read, or None where the seed has not got that far."""
    try:
        return of(record)
    except (KeyError, IndexError, TypeError):
        return None


# --- where the numbers stand in a record ----------------------------------------------------------


def evaluation(record: SeedRecord, run: str) -> Mapping[str, Any]:
    """What a run's evaluation found."""
    found: Mapping[str, Any] = record["runs"][run]["evaluation"]
    return found


def served(record: SeedRecord, run: str, against: str) -> float:
    """Win rate of a run's version as it is served."""
    return float(evaluation(record, run)["conditions"]["served"][against]["win_rate"])


def utility(record: SeedRecord, run: str) -> float:
    """Mean hidden utility of a run's version as it is served."""
    return float(evaluation(record, run)["conditions"]["served"]["utility"])


def _contrast(record: SeedRecord) -> float:
    conditions = evaluation(record, "rlhb")["conditions"]
    return float(conditions["served"]["utility"] - conditions["least preferred"]["utility"])


def _ending(record: SeedRecord, run: str, metric: str) -> float:
    """Mean of a metric over the last fifth of the iterations."""
    curve = record["runs"][run]["curves"][metric]
    return fmean(value for _, value in curve[-max(1, len(curve) // 5) :])


def judge(record: SeedRecord, run: str, policy: str) -> float:
    """Accuracy of the fresh judge that tells a policy's answers from logged ones best, whichever kind it is."""
    judges = record["runs"][run]["evidence"]["judges"][policy]
    return max(told_apart(float(judges[kind])) for kind in judges["seeds"])


def by_round(record: SeedRecord) -> list[float]:
    """Utility of SFT and of each round's version."""
    return [float(evaluation(record, "rlhb")["sft"]["utility"])] + [
        utility(record, name) for name in ROUNDS
    ]


def _least_rise(record: SeedRecord) -> float:
    values = by_round(record)
    return min(after - before for before, after in pairwise(values))


def _recovery(record: SeedRecord) -> float:
    """How much of the gain over SFT is back after the rounds that follow the shift."""
    before = by_round(record)[-1] - by_round(record)[0]
    shifted = record["shifted_taste"]
    return float((shifted[SHIFT[-1]] - shifted["sft"]) / before)


def _at_least(bar: float) -> Callable[[Sequence[float]], bool]:
    return lambda values: min(values) >= bar


def _at_most(bar: float) -> Callable[[Sequence[float]], bool]:
    return lambda values: max(values) <= bar


def _near_half(values: Sequence[float]) -> bool:
    return all(abs(value - 0.5) <= 0.05 for value in values)


def _above_half(values: Sequence[float]) -> bool:
    bounds = interval(values)
    return bounds is not None and bounds[0] > 0.5


def _never_worse(values: Sequence[float]) -> bool:
    """A win rate over 1,200 questions has a standard error of 0.014: worse is what lies two of these below one half."""
    return min(values) >= 0.472 and fmean(values) > 0.5


FINDINGS: tuple[Finding, ...] = (
    Finding("rm_accuracy", "Share of pairs of answers on held-out facts that RLHF's reward model ranks as simulated "
                           "voters do.",
            "at least 0.78", lambda r: float(evaluation(r, "rlhf")["reward_model"]["accuracy"]), _at_least(0.78)),
    Finding("win_rlhf_sft", "Win rate of RLHF against SFT by hidden utility, ties half.",
            "at least 0.80 in every seed", lambda r: served(r, "rlhf", "against_sft"), _at_least(0.80)),
    Finding("win_rlhb_sft", "Win rate of RLHB on the preferred behaviour against SFT.",
            "at least 0.75 in every seed", lambda r: served(r, "rlhb", "against_sft"), _at_least(0.75)),
    Finding("win_rlhb_sft_round2", "The same after a second round: deployed, collected, retrained.",
            "at least 0.80 in every seed", lambda r: served(r, "rlhb-2", "against_sft"), _at_least(0.80)),
    Finding("win_rlhb_warmup", "Win rate of RLHB against its own likelihood warm-up, both on the preferred behaviour.",
            "interval above 0.5", lambda r: served(r, "rlhb", "against_warmup"), _above_half),
    Finding("win_rlhfrlhb_rlhf", "Win rate of RLHF+RLHB against the RLHF version that it started from.",
            "not worse in any seed (two standard errors), better on average",
            lambda r: served(r, "rlhf_rlhb", "against_start"), _never_worse),
    Finding("utility_preferred_minus_least", "Utility of RLHB on the preferred minus on the least preferred behaviour.",
            "at least 2 in every seed", _contrast, _at_least(2.0)),
    Finding("d_real_end", "Calibrated output of D on held-out logged triplets over the last fifth of the iterations.",
            "within 0.5 +- 0.05", lambda r: _ending(r, "rlhb", "disc/calibrated_real"), _near_half),
    Finding("d_fake_end", "The same on generated triplets for held-out queries.",
            "within 0.5 +- 0.05", lambda r: _ending(r, "rlhb", "disc/calibrated_fake"), _near_half),
    Finding("d_accuracy_end", "Its calibrated accuracy on these.",
            "at most 0.56", lambda r: _ending(r, "rlhb", "disc/calibrated_accuracy"), _at_most(0.56)),
    Finding("d_power", "Before PPO: accuracy of D on held-out logged triplets against the same under another "
                       "behaviour.",
            "at least 0.68", lambda r: float(r["runs"]["rlhb"]["evidence"]["discriminated"]["power"]), _at_least(0.68)),
    Finding("fresh_judge_sft", "The strongest fresh judge on the answers of SFT against logged ones.",
            "at least 0.65", lambda r: judge(r, "rlhb", "origin"), _at_least(0.65)),
    Finding("fresh_judge_start", "The strongest fresh judge on the policy before the adversarial stage.",
            "", lambda r: judge(r, "rlhb", "before"), lambda values: True),
    Finding("fresh_judge_end", "The strongest fresh judge on the final policy.",
            "at most 0.57", lambda r: judge(r, "rlhb", "after"), _at_most(0.57)),
    Finding("fresh_judge_drop", "What the adversarial stage took off the accuracy of the strongest judge.",
            "at least 0.03", lambda r: judge(r, "rlhb", "before") - judge(r, "rlhb", "after"), _at_least(0.03)),
    Finding("utility_rise_by_round", "Smallest rise of the utility from SFT to the first round and from round to "
                                     "round.",
            "above 0 in every seed", _least_rise, lambda values: min(values) > 0),
    Finding("recovery_after_shift", "Gain over SFT two rounds after the taste has changed, as a share of the gain "
                                    "before.",
            "at least 0.8", _recovery, _at_least(0.8)),
)  # fmt: skip
"""Every number that has a bar, in the order of the report."""
