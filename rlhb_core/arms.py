"""What there is to know about each arm before any training: what it learns from, who teaches it, where it starts.

The one table behind recipes, plans, forms and reports. Knows no settings and no models.
"""

from enum import StrEnum
from importlib.util import find_spec
from typing import NamedTuple

from rlhb_core.records import Arm


class Teacher(StrEnum):
    """Where an arm's learning signal comes from."""

    REWARD_MODEL = "reward_model"
    """A Bradley-Terry reward model of votes; PPO."""
    CLASSIFIER = "classifier"
    """A classifier of the behaviours that a response draws; PPO."""
    DISCRIMINATOR = "discriminator"
    """A discriminator that learns beside the generator; PPO."""
    DATA = "data"
    """The logged responses themselves, without rollouts: a loss of TRL."""


class Facts(NamedTuple):
    """One arm."""

    sentence: str
    teacher: Teacher
    votes: bool
    """Learns from votes; otherwise from behaviours."""
    start: Arm = Arm.SFT
    """The arm whose version a first round starts from."""


ARMS: dict[Arm, Facts] = {
    Arm.RLHF: Facts("reward model from votes, then PPO", Teacher.REWARD_MODEL, votes=True),
    Arm.RLHBC: Facts(
        "classifier of behaviours, then PPO on the preferred one", Teacher.CLASSIFIER, votes=False
    ),
    Arm.RLHB: Facts(
        "generator against a discriminator of behaviours", Teacher.DISCRIMINATOR, votes=False
    ),
    Arm.RLHF_RLHBC: Facts(
        "RLHBC, starting from an RLHF version", Teacher.CLASSIFIER, votes=False, start=Arm.RLHF
    ),
    Arm.RLHF_RLHB: Facts(
        "RLHB, starting from an RLHF version", Teacher.DISCRIMINATOR, votes=False, start=Arm.RLHF
    ),
    Arm.SFT_PREFERRED: Facts("likelihood of the answers that won", Teacher.DATA, votes=True),
    Arm.DPO: Facts("direct preference optimisation on votes", Teacher.DATA, votes=True),
    Arm.ORPO: Facts("odds-ratio preference optimisation on votes", Teacher.DATA, votes=True),
    Arm.KTO: Facts("liked against disliked answers, unpaired", Teacher.DATA, votes=False),
}
"""Every arm that can be trained; SFT is the base model itself."""


def missing(arm: Arm) -> str:
    """What must be installed before this arm can be trained, as a sentence; empty if nothing."""
    if ARMS[arm].teacher is not Teacher.DATA or find_spec("trl") is not None:
        return ""
    return f"{arm.label} is trained with TRL, which is not installed: pip install 'rlhb-studio[baselines]'"


def starts(arm: Arm) -> tuple[Arm, Arm]:
    """Arms of the versions that a run may start from; one of the same arm is a further round."""
    return ARMS[arm].start, arm
