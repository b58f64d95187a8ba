"""The classifier of RLHBC: it tells which behaviour a response draws, and PPO is rewarded for the preferred one.

Its stages, evidence, rule, metrics and plots, and nothing that loads a model: what it does is in `stage.py`.
"""

from typing import TYPE_CHECKING

from pydantic import Field

from rlhb_core.run.plots import Plot
from rlhb_core.schema.behaviors import ALL_CLAUSES
from rlhb_core.schema.evidence import Evidence, Found
from rlhb_core.teachers.classifier.settings import ClassifierSettings
from rlhb_core.teachers.teacher import PPO, Plan, PlannedStage, StageFacts, Teacher
from rlhb_core.verdict.checks import ROWS_FLOOR, Check, Verdict, above
from rlhb_core.verdict.improvement import judge_improvement, rose

if TYPE_CHECKING:
    from rlhb_core.learning.best_of_n import Scorer
    from rlhb_core.learning.session import Session

NAME = "classifier"


class OnClause(Found):
    """One clause of held-out behaviours: cross-entropy and accuracy, beside what frequencies alone give."""

    cross_entropy: float
    of_shares: float
    accuracy: float
    majority: float


class OnBehaviors(Found):
    """The classifier on held-out behaviours."""

    clauses: dict[str, OnClause] = Field(default_factory=dict)
    gained: float
    """Nats that it knows more of a behaviour than the frequencies tell."""
    error: float
    """Standard error of that."""
    rows: int
    preferred: str = ""
    """The behaviour that is rewarded."""


class ClassifierEvidence(Evidence):
    """What the verdict on RLHBC stands on."""

    classifier: OnBehaviors | None = None


def judge(evidence: Evidence) -> Verdict:
    """Improved, no gain, or reward hacked. The reward counts only if the classifier had learned."""
    assert isinstance(evidence, ClassifierEvidence)
    learned = _knows_behaviours(evidence.classifier)
    return judge_improvement(evidence, [learned, rose(evidence, "The classifier")])


def _knows_behaviours(found: OnBehaviors | None) -> Check:
    name = "the classifier learned"
    if found is None or not found.rows:
        return Check(name, None, above(0.0, 0), False, "The classifier was not measured.")
    bar = 2 * found.error
    return Check(
        name,
        found.gained,
        above(bar, found.rows),
        found.rows >= ROWS_FLOOR and found.gained > bar,
        f"Of {found.rows} held-out behaviours the classifier knows {found.gained:.3f} nats more than their frequencies "
        "tell.",
    )


def _plan(session: "Session") -> Plan:
    from rlhb_core.learning.head_reward import ppo_on_head
    from rlhb_core.teachers.classifier.stage import ClassifierStage
    from rlhb_core.verdict.gain import gather_gain

    stages = (
        PlannedStage(NAME, lambda: ClassifierStage(session), owns_head=True),
        PlannedStage("ppo", lambda: ppo_on_head(session, NAME)),
    )
    return Plan(stages, lambda: gather_gain(session, NAME))


def _scorer(session: "Session") -> "Scorer":
    from rlhb_core.learning.head_reward import by_head

    return by_head(session, NAME)


METRICS = (
    ("classifier/loss", "Cross-entropy of behaviours, summed over their clauses.", "nats"),
    ("classifier/held_out_loss", "Cross-entropy of held-out behaviours, summed over their clauses.", "nats"),
    ("classifier/shares_loss", "The same of a guess that knows only how frequent each class is.", "nats"),
    ("classifier/accuracy",
     "Share of held-out clauses whose class is told right, mean over the clauses.", "", "classifier"),
    ("classifier/majority", "The same of always naming each clause's most frequent class.", ""),
    *((f"classifier/held_out_loss/{clause}", f"Cross-entropy of the clause '{clause}' of held-out behaviours.", "nats")
      for clause in ALL_CLAUSES),
    *((f"classifier/accuracy/{clause}", f"Share of held-out behaviours whose clause '{clause}' is told right.", "")
      for clause in ALL_CLAUSES),
)  # fmt: skip

PLOTS = (
    Plot(
        "classifier-accuracy",
        "Classifier accuracy",
        {"classifier/accuracy": "accuracy", "classifier/majority": "most frequent class"},
        span=(0.0, 1.0),
        axis="share told right",
        rank=180,
    ),
    Plot(
        "classifier-loss",
        "Classifier loss",
        {
            "classifier/held_out_loss": "held out",
            "classifier/loss": "training",
            "classifier/shares_loss": "shares alone",
        },
        rank=190,
    ),
)

TEACHER = Teacher(
    name=NAME,
    stages={
        NAME: StageFacts(
            "classifier", lambda config: 0.01 * config.section(ClassifierSettings).steps
        ),
        "ppo": PPO,
    },
    plan=_plan,
    evidence=ClassifierEvidence,
    judge=judge,
    sections={NAME: (ClassifierSettings, "The classifier of behaviours of RLHBC.")},
    metrics=METRICS,
    plots=PLOTS,
    scorer=_scorer,
)
