"""The reward model of RLHF: heads on frozen features of the base model, trained on votes and ratings; then PPO.

Its stages, evidence, rule, metrics and plots, and nothing that loads a model: what it does is in `stage.py`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from rlhb_core.run.plots import Plot
from rlhb_core.run.votes import Voted
from rlhb_core.schema.evidence import Evidence, Found
from rlhb_core.teachers.reward_model.ratings import check_ratings
from rlhb_core.teachers.reward_model.settings import RewardModelSettings
from rlhb_core.teachers.teacher import PPO, Plan, PlannedStage, StageFacts, Teacher
from rlhb_core.verdict.checks import Verdict
from rlhb_core.verdict.improvement import beats_chance, judge_improvement, rose

if TYPE_CHECKING:
    from rlhb_core.learning.best_of_n import Scorer
    from rlhb_core.learning.session import Session

NAME = "reward_model"


class Ranked(Found):
    """How well held-out pairs are ranked."""

    accuracy: float
    pairs: int = 0


class OnRatings(Ranked):
    """A head of an aspect on held-out ratings: pairs are those that were rated differently."""

    correlation: float | None = None
    ratings: int = 0


class OnVotes(Ranked):
    """The model on held-out votes, and its heads of aspects on held-out ratings."""

    calibration_error: float | None = None
    calibrated_error: float | None = None
    temperature: float | None = None
    aspects: dict[str, OnRatings] = Field(default_factory=dict)


class RewardModelEvidence(Evidence):
    """What the verdict on RLHF stands on."""

    reward_model: OnVotes | None = None


def judge(evidence: Evidence) -> Verdict:
    """Improved, no gain, or reward hacked. The reward counts only if its model had learned."""
    assert isinstance(evidence, RewardModelEvidence)
    model = evidence.reward_model
    accuracy, pairs = (model.accuracy, model.pairs) if model else (None, 0)
    learned = beats_chance("the reward model learned", accuracy, pairs, "The reward model")
    return judge_improvement(evidence, [learned, rose(evidence, "The reward model")])


def _plan(session: "Session") -> Plan:
    from rlhb_core.learning.head_reward import ppo_on_head
    from rlhb_core.teachers.reward_model.stage import RewardModelStage
    from rlhb_core.verdict.gain import gather_gain

    stages = (
        PlannedStage(NAME, lambda: RewardModelStage(session), owns_head=True),
        PlannedStage("ppo", lambda: ppo_on_head(session, NAME)),
    )
    return Plan(stages, lambda: gather_gain(session, NAME))


def _foresee(session: "Session", votes: Sequence[Voted]) -> dict[str, Any]:
    from rlhb_core.teachers.reward_model.stage import foreseen

    return foreseen(session, votes)


def _scorer(session: "Session") -> "Scorer":
    from rlhb_core.learning.head_reward import by_head

    return by_head(session, NAME)


def _keep(session: "Session", folder: Path) -> dict[str, Any]:
    from rlhb_core.teachers.reward_model.model import RewardModel, save

    model = session.heads[NAME]
    assert isinstance(model, RewardModel)
    save(model, folder)
    settings = session.config.section(RewardModelSettings)
    found = session.evidence_as(RewardModelEvidence).reward_model
    measured = found.aspects if found else {}
    aspects = {
        name: {"weight": weight} | (measured[name].model_dump() if name in measured else {})
        for name, weight in settings.aspects.items()
    }
    return {"aspects": aspects} if aspects else {}


METRICS = (
    ("reward_model/loss", "Negative log-likelihood of votes, rankings and edits, each as one vote.", "nats per vote"),
    ("reward_model/held_out_loss", "The same on held-out queries, without margins.", "nats per vote"),
    ("reward_model/accuracy",
     "Share of held-out (better, worse) pairs that the reward model ranks right.", "", "reward model"),
    ("reward_model/aspect_accuracy", "Share of pairs of held-out answers, rated differently, that its heads of aspects "
                                     "rank right, mean over the aspects.", ""),
    ("reward_model/aspect_correlation", "Correlation of what its heads of aspects foresee with held-out ratings, mean "
                                        "over the aspects.", ""),
    ("reward_model/calibration_error", "How far its confidence in a held-out pair is from its accuracy, on average "
                                       "(expected calibration error).", ""),
    ("reward_model/calibrated_error", "The same with scores divided by the temperature, on the held-out votes that "
                                      "did not fit it.", ""),
    ("reward_model/temperature", "Temperature under which half of the held-out votes are likeliest; above 1 it is too "
                                 "sure of itself.", ""),
)  # fmt: skip

PLOTS = (
    Plot(
        "reward-model-accuracy",
        "Reward model accuracy",
        {"reward_model/accuracy": "accuracy"},
        chance=0.5,
        span=(0.0, 1.0),
        axis="share ranked right",
        rank=150,
    ),
    Plot(
        "reward-model-loss",
        "Reward model loss",
        {"reward_model/held_out_loss": "held out", "reward_model/loss": "training"},
        rank=160,
    ),
    Plot(
        "reward-model-calibration",
        "Reward model calibration",
        {
            "reward_model/calibration_error": "as it is",
            "reward_model/calibrated_error": "with its temperature",
        },
        axis="calibration error",
        rank=170,
    ),
)

TEACHER = Teacher(
    name=NAME,
    stages={
        NAME: StageFacts(
            "reward model", lambda config: 0.01 * config.section(RewardModelSettings).steps
        ),
        "ppo": PPO,
    },
    plan=_plan,
    evidence=RewardModelEvidence,
    judge=judge,
    sections={NAME: (RewardModelSettings, "The reward model of RLHF.")},
    metrics=METRICS,
    plots=PLOTS,
    check=check_ratings,
    scorer=_scorer,
    keep=_keep,
    foresee=_foresee,
)
