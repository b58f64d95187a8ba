"""The data itself as the teacher: SFT on preferred answers, DPO, ORPO and KTO, by losses of TRL and without rollouts.

Its stage, evidence, rule, metrics and plots, and nothing that loads a model: what it does is in `stage.py`.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from rlhb_core.run.plots import Plot
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.evidence import Evidence, Found
from rlhb_core.teachers.preference.settings import PreferenceSettings
from rlhb_core.teachers.teacher import Plan, PlannedStage, StageFacts, Teacher
from rlhb_core.verdict.improvement import judge_improvement

if TYPE_CHECKING:
    from rlhb_core.learning.session import Session

NAME = "preference"


class Seen(Found):
    """What it learned from."""

    examples: int
    seen: int
    """Examples over all steps."""


class PreferenceEvidence(Evidence):
    """What the verdict on a baseline stands on."""

    preference: Seen | None = None


def missing(arm: Arm) -> str:
    """That TRL is not installed, and how to install it; empty if it is."""
    if find_spec("trl") is not None:
        return ""
    return f"{arm.label} is trained with TRL, which is not installed: pip install 'rlhb-studio[baselines]'"


def _plan(session: "Session") -> Plan:
    from rlhb_core.teachers.preference.stage import PreferenceStage
    from rlhb_core.verdict.gain import gather_gain

    return Plan(
        (PlannedStage(NAME, lambda: PreferenceStage(session)),), lambda: gather_gain(session)
    )


METRICS = (
    ("preference/loss", "Loss of the baseline (SFT, DPO, ORPO, KTO) on the step's examples, as TRL defines it.", ""),
    ("preference/held_out_loss", "The same on held-out examples.", "", "held-out loss"),
    ("preference/grad_norm", "Gradient norm of the policy before clipping.", ""),
    ("preference/learning_rate", "Learning rate of the policy.", ""),
)  # fmt: skip

PLOTS = (
    Plot(
        "preference-loss",
        "Baseline loss",
        {"preference/held_out_loss": "held out", "preference/loss": "training"},
        axis="loss",
        rank=140,
    ),
)

TEACHER = Teacher(
    name=NAME,
    stages={
        NAME: StageFacts(
            "preference data", lambda config: 0.25 * config.section(PreferenceSettings).steps
        )
    },
    plan=_plan,
    evidence=PreferenceEvidence,
    judge=lambda evidence: judge_improvement(evidence, []),  # there is no reward
    sections={NAME: (PreferenceSettings, "SFT on preferred, DPO, ORPO and KTO.")},
    metrics=METRICS,
    plots=PLOTS,
    missing=missing,
)
