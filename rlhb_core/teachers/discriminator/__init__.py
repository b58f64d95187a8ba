"""The discriminator of RLHB: it learns beside the generator what people do with which answer.

Its stages, evidence, rule, metrics and plots, and nothing that loads a model: what it does is in
`pretraining.py`, `side.py` and `reward.py`, what may be concluded in `convergence.py`.
"""

from functools import cache
from typing import TYPE_CHECKING

from rlhb_core.run.plots import Plot
from rlhb_core.schema.evidence import Evidence
from rlhb_core.teachers.discriminator.convergence import BAND, judge_convergence
from rlhb_core.teachers.discriminator.evidence import DiscriminatorEvidence
from rlhb_core.teachers.discriminator.settings import DiscriminatorSettings, WarmupSettings
from rlhb_core.teachers.teacher import PPO, Gathering, Plan, PlannedStage, StageFacts, Teacher
from rlhb_core.verdict.checks import Verdict

if TYPE_CHECKING:
    from rlhb_core.learning.best_of_n import Scorer
    from rlhb_core.learning.session import Session

NAME = "discriminator"


def judge(evidence: Evidence) -> Verdict:
    """Converged, or why not."""
    assert isinstance(evidence, DiscriminatorEvidence)
    return judge_convergence(evidence)


def _plan(session: "Session") -> Plan:
    """A warm-up, D's pretraining, then both against each other."""
    from rlhb_core.teachers.discriminator.judging import gather_judges
    from rlhb_core.teachers.discriminator.pretraining import PretrainStage
    from rlhb_core.teachers.discriminator.reward import adversarial
    from rlhb_core.teachers.discriminator.side import Side
    from rlhb_core.teachers.discriminator.warmup import WarmupStage

    side = cache(lambda: Side(session))  # one for all stages, made when the first needs it
    planned = [
        PlannedStage(NAME, lambda: PretrainStage(session, side())),
        PlannedStage("adversarial", lambda: adversarial(session, side())),
    ]
    if session.config.section(WarmupSettings).steps:
        planned.insert(0, PlannedStage("warmup", lambda: WarmupStage(session)))

    def gathering() -> Gathering:
        return gather_judges(session, *side().known)

    return Plan(planned, gathering)


def _scorer(session: "Session") -> "Scorer | None":
    from rlhb_core.teachers.discriminator.reward import by_discriminator

    condition = session.split.condition
    return None if condition is None else by_discriminator(session, condition)


METRICS = (
    ("warmup/loss", "Cross-entropy of logged responses given query and behaviour.", "nats per token"),
    ("warmup/held_out_loss",
     "Cross-entropy of held-out logged responses given query and behaviour.", "nats per token", "warm-up loss"),
    ("disc/loss", "Mean discriminator loss over the iteration's steps.", "nats"),
    ("disc/p_real", "Mean discriminator output on held-out logged triplets as it comes, leaning as it may.", ""),
    ("disc/p_fake", "Mean discriminator output on what the policy, as it would be served, answers to held-out "
                    "queries; leaning as it may.", ""),
    ("disc/calibrated_real", "Mean calibrated discriminator output on held-out logged triplets; 0.5 is full "
                             "confusion.", "", "D on real"),
    ("disc/calibrated_fake", "Mean calibrated discriminator output on what the policy, as it would be served, answers "
                             "to held-out queries; 0.5 is full confusion.", "", "D on generated"),
    ("disc/calibrated_accuracy", "Share of held-out triplets that the calibrated discriminator tells right, logged "
                                 "and generated weighing one half each; 0.5 is chance.", ""),
    ("disc/acc_real", "Share of held-out logged triplets that the discriminator calls real.", ""),
    ("disc/acc_fake", "Share of what the policy, as it would be served, answers to held-out queries that the "
                      "discriminator calls generated.", ""),
    ("disc/accuracy", "Mean of the two shares above; 0.5 is chance.", ""),
    ("disc/power", "Share of held-out logged triplets, and of the same with another row's behaviour, that the "
                   "discriminator tells right; 0.5 is chance.", ""),
    ("disc/swap_auc", "How well the discriminator prefers a held-out response's true behaviour to another one "
                      "(AUC).", "", "swap AUC"),
    ("disc/length_auc", "How well length alone tells logged from generated responses (AUC); far from 0.5 is a "
                        "leak.", ""),
    ("disc/grad_norm", "Gradient norm of the discriminator.", ""),
    ("timing/disc", "Seconds spent on the discriminator.", "s"),
)  # fmt: skip

PLOTS = (
    Plot(
        "discriminator-output",
        "Discriminator output",
        {
            "disc/calibrated_real": "real (held out)",
            "disc/calibrated_fake": "generated",
            "disc/p_real": "real, raw",
            "disc/p_fake": "generated, raw",
        },
        "How sure it is that a triplet is real, calibrated on held-out rows (dotted: raw). Both lines meeting at 0.5 "
        "means that it can no longer tell; the raw ones may both lean to one side meanwhile.",
        chance=0.5,
        band=BAND,
        span=(0.0, 1.0),
        wide=True,
        axis="probability of being real",
        rank=10,
    ),
    Plot(
        "discriminator-accuracy",
        "Discriminator accuracy",
        {"disc/calibrated_accuracy": "generated", "disc/power": "another behaviour"},
        "Share of held-out triplets told right, calibrated: logged from generated ones, and logged ones from the same "
        "with another behaviour; 0.5 is chance.",
        chance=0.5,
        span=(0.0, 1.0),
        axis="share told right",
        rank=40,
    ),
    Plot("discriminator-loss", "Discriminator loss", {"disc/loss": "loss"}, rank=50),
    Plot(
        "discriminator-auc",
        "What the discriminator looks at",
        {"disc/swap_auc": "behaviour", "disc/length_auc": "length alone"},
        "How well it tells a response's true behaviour from another one, and how well length alone would tell real "
        "from generated (AUC); 0.5 is chance.",
        chance=0.5,
        span=(0.0, 1.0),
        axis="AUC",
        rank=60,
    ),
    Plot(
        "likelihood",
        "Likelihood of logged answers",
        {
            "warmup/held_out_loss": "held out",
            "warmup/loss": "in the warm-up",
            "loss/likelihood": "beside PPO",
        },
        rank=130,
    ),
)

TEACHER = Teacher(
    name=NAME,
    stages={
        "warmup": StageFacts("warm-up", lambda config: 0.25 * config.section(WarmupSettings).steps),
        NAME: StageFacts(
            "discriminator",
            lambda config: 0.01 * config.section(DiscriminatorSettings).pretrain_steps,
        ),
        "adversarial": PPO._replace(label="adversarial"),
    },
    plan=_plan,
    evidence=DiscriminatorEvidence,
    judge=judge,
    sections={
        "warmup": (WarmupSettings, "The likelihood warm-up of RLHB."),
        NAME: (DiscriminatorSettings, "The discriminator of RLHB."),
    },
    metrics=METRICS,
    plots=PLOTS,
    scorer=_scorer,
)
