"""What one seed of the reproduction does: logs to collect and runs to train, and what each of them needs.

Knows neither how a log is drawn nor how a run is trained (`work.py`).
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from rlhb_core.schema.arms import Arm

FIRST_LOG, NEXT_LOG, SHIFTED_LOG = 12_000, 6_000, 12_000
"""Queries of the first log, of later ones, and of those after a shift of taste, where few answers please anyone."""
ANSWERS = 3
"""Answers to each query: one of SFT, the others by the version that is deployed."""


class Log(NamedTuple):
    """Simulated annotators ask, read, react and vote."""

    name: str
    queries: int
    author: str = ""
    """The run whose version answers beside SFT; empty: SFT alone."""
    shifted: bool = False
    """Whether the people have the other taste."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Tasks that come before."""
        return (self.author,) if self.author else ()


class RunTask(NamedTuple):
    """One training run."""

    name: str
    group: str
    sentence: str
    arm: Arm
    log: str
    parent: str = ""
    """The run whose version it starts from; empty: the base model."""
    overrides: Mapping[str, Any] = {}

    @property
    def needs(self) -> tuple[str, ...]:
        """Tasks that come before."""
        return (self.log, self.parent) if self.parent else (self.log,)


class Measure(NamedTuple):
    """Something measured on the versions of finished runs."""

    name: str
    needs: tuple[str, ...]
    questions: int = 100
    """Different questions that are asked anew, where the measure asks any."""


Task = Log | RunTask | Measure

ROUNDS = ("rlhb", "rlhb-2", "rlhb-3")
"""Deploy, collect, retrain: the runs of the three rounds."""
SHIFT = ("shift-1", "shift-2")
"""The rounds after the people's taste has changed."""
CONTROL = ("control-2", "control-3")
"""As many iterations as the second and the third round, but on the first log again."""
ARMS = (
    "rlhf",
    "rlhbc",
    "rlhb",
    "rlhf_rlhb",
    "rlhf_rlhbc",
    "sft_preferred",
    "dpo",
    "orpo",
    "kto",
)
"""The runs of the table of arms, the paper's own first."""
CURVES: Mapping[str, Any] = {"evaluation.every": 10, "evaluation.every_samples": 400}
"""The worth over training is drawn for every arm that is trained by PPO."""
BEST_OF: Mapping[str, Any] = {"evaluation.best_of": 8}
"""What each scorer can do without training the generator."""
FURTHER: Mapping[str, Any] = {
    "data.dislike": 1.0,
    "warmup.learning_rate": 1e-3,
    "ppo.iterations": 40,
    "evaluation.judge_seeds": 1,
    "evaluation.reading_seeds": 1,
}
"""A further round starts from a policy that is trained already: a shorter way, gentler steps before it, and answers
that are rarely disliked. Its judges are trained but once."""
AFTER_SHIFT: Mapping[str, Any] = {**FURTHER, "warmup.steps": 250, "data.preferred_share": 0.005}
"""After a shift of taste there is more to unlearn, and hardly an answer of the old manner is liked: what is wanted
shows in a few reactions, whose words the generator knows from the rounds before."""
SHORT: Mapping[str, Any] = {
    "ppo.iterations": 25,
    "evaluation.samples": 400,
    "evaluation.judge_rollouts": 900,
}
"""What every ablation and the run that they are compared with have in common."""
ABLATIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "base": ("the recipe itself, shortened like the others", {}),
    "no-warmup": ("no likelihood warm-up", {"warmup.steps": 0}),
    "no-mismatch": ("no mismatched triplets", {"discriminator.mismatch": 0.0}),
    "relativistic": ("relativistic loss", {"discriminator.loss": "relativistic"}),
    "log-d": ("log D as reward", {"discriminator.reward": "log_d"}),
    "minus-log": ("-log(1 - D) as reward", {"discriminator.reward": "minus_log_one_minus_d"}),
    "no-likelihood": ("no likelihood beside PPO", {"ppo.likelihood": 0.0}),
    "no-average": ("the newest weights", {"ppo.average": 0.0}),
    "no-replay": ("no replay", {"discriminator.replay": 0.0}),
    "no-smoothing": ("no label smoothing", {"discriminator.smoothing": 0.0}),
    "more-d-steps": ("16 discriminator steps per iteration", {"discriminator.steps": 16}),
    "per-query-4": ("four rollouts per query", {"ppo.per_query": 4}),
    "numbers": ("behaviours as numbers", {"data.form": "numbers"}),
    "both-forms": ("behaviours as text and numbers", {"data.form": "both"}),
}
"""Settings that are changed one at a time: what it is, and how."""


REHEARSAL: Mapping[str, Any] = {
    "reward_model.steps": 20,
    "classifier.steps": 20,
    "preference.steps": 2,
    "warmup.steps": 2,
    "discriminator.pretrain_steps": 20,
    "discriminator.pretrain_rollouts": 32,
    "ppo.iterations": 2,
    "ppo.rollouts": 16,
    "ppo.minibatch": 8,
    "ppo.likelihood_batch": 4,
    "evaluation.samples": 16,
    "evaluation.every": 1,
    "evaluation.every_samples": 8,
    "evaluation.judge_rollouts": 64,
    "evaluation.foreseen_votes": 40,
    "evaluation.judge_steps": 10,
    "evaluation.judge_pretrain_steps": 10,
    "evaluation.judge_seeds": 1,
    "evaluation.reading_seeds": 0,
    "evaluation.watch": 8,
    "evaluation.bootstrap": 100,
}
"""Settings under which everything runs and nothing is learned."""
REHEARSAL_LOG = 90


def plan(ablations: bool, rehearsal: bool = False) -> list[Task]:
    """All tasks of a seed, those on the longest path first; each comes after what it needs.

    A rehearsal does the same on tiny logs with tiny settings: it shows that everything runs,
    and its numbers mean nothing.
    """
    tasks = _plan(ablations)
    return [_small(task) for task in tasks] if rehearsal else tasks


def _small(task: Task) -> Task:
    match task:
        case Log():
            return task._replace(queries=REHEARSAL_LOG)
        case RunTask():
            return task._replace(overrides={**task.overrides, **REHEARSAL})
        case Measure():
            return task._replace(questions=4)


def _plan(ablations: bool) -> list[Task]:
    return [
        Log("log", FIRST_LOG),
        *_rounds(),
        *_arms(),
        *_control(),
        *_baselines(),
        *(_ablations() if ablations else ()),
        Measure("temperatures", ("rlhf", "rlhbc", "rlhb", "rlhf_rlhb")),
        Measure("table", ARMS),
    ]


def _rounds() -> list[Task]:
    first = RunTask("rlhb", "arms", "RLHB", Arm.RLHB, "log", overrides={**CURVES, **BEST_OF})
    tasks: list[Task] = [first]
    for number, (before, name) in enumerate(pairwise(ROUNDS), start=2):
        tasks.append(Log(f"log-{before}", NEXT_LOG, before))
        tasks.append(
            RunTask(
                name,
                "rounds",
                f"RLHB, round {number}",
                Arm.RLHB,
                f"log-{before}",
                before,
                FURTHER,
            )
        )
    before = ROUNDS[-1]
    for number, name in enumerate(SHIFT, start=1):
        tasks.append(Log(f"shifted-log-{before}", SHIFTED_LOG, before, shifted=True))
        sentence = f"RLHB, round {number} after the shift"
        tasks.append(
            RunTask(name, "shift", sentence, Arm.RLHB, f"shifted-log-{before}", before, AFTER_SHIFT)
        )
        before = name
    return tasks


def _arms() -> list[Task]:
    tasks: list[Task] = [
        RunTask("rlhf", "arms", "RLHF", Arm.RLHF, "log", overrides={**CURVES, **BEST_OF}),
        RunTask("rlhbc", "arms", "RLHBC", Arm.RLHBC, "log", overrides={**CURVES, **BEST_OF}),
        Log("log-rlhf", NEXT_LOG, "rlhf"),
    ]
    for arm in (Arm.RLHF_RLHB, Arm.RLHF_RLHBC):
        tasks.append(RunTask(arm.value, "arms", arm.label, arm, "log-rlhf", "rlhf", CURVES))
    return tasks


def _baselines() -> list[Task]:
    arms = (Arm.SFT_PREFERRED, Arm.DPO, Arm.ORPO, Arm.KTO)
    return [RunTask(arm.value, "arms", arm.label, arm, "log") for arm in arms]


def _control() -> list[Task]:
    return [
        RunTask(
            name,
            "control",
            f"RLHB, {name.split('-')[1]} x on the first log",
            Arm.RLHB,
            "log",
            before,
            FURTHER,
        )
        for before, name in zip(("rlhb", *CONTROL), CONTROL, strict=False)
    ]


def _ablations() -> list[Task]:
    return [
        RunTask(
            f"ablation-{name}",
            "ablations",
            sentence,
            Arm.RLHB,
            "log",
            overrides={**SHORT, **change},
        )
        for name, (sentence, change) in ABLATIONS.items()
    ]
