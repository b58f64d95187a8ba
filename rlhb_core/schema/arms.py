"""The arms: what there is to know about each before any training. What it learns from, who teaches it, where it starts.

The one table behind recipes, plans, forms and reports. An arm that is added to it is offered everywhere.
Knows no settings and no models.
"""

import re
from typing import Any, ClassVar, NamedTuple, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

NAME = r"[a-z][a-z0-9_]{0,19}"
"""How the name of an arm is written."""


class Arm(str):
    """How a generator was trained, by name. Of those in the table there is one object each.

    A name that is not in the table is an arm of another installation: it can be shown, but not trained here.
    """

    SFT: ClassVar["Arm"]
    RLHF: ClassVar["Arm"]
    RLHBC: ClassVar["Arm"]
    RLHB: ClassVar["Arm"]
    RLHF_RLHBC: ClassVar["Arm"]
    RLHF_RLHB: ClassVar["Arm"]
    SFT_PREFERRED: ClassVar["Arm"]
    DPO: ClassVar["Arm"]
    ORPO: ClassVar["Arm"]
    KTO: ClassVar["Arm"]

    def __new__(cls, name: str) -> Self:
        """Raises ValueError if no arm can have this name."""
        if known := _INTERNED.get(name):
            return known  # type: ignore[return-value]
        if not re.fullmatch(NAME, name):
            raise ValueError("an arm has a name of small letters, such as rlhf")
        return super().__new__(cls, name)

    @property
    def value(self) -> str:
        """The name as plain text."""
        return str(self)

    @property
    def label(self) -> str:
        """The name as people read it."""
        facts = ARMS.get(self)
        return (facts and facts.label) or self.upper().replace("_", "+")

    def __str__(self) -> str:
        return str.__str__(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(pattern=f"^{NAME}$")
        return core_schema.no_info_after_validator_function(cls, text)


class Facts(NamedTuple):
    """One arm."""

    sentence: str
    teacher: str
    """Name of who teaches it."""
    votes: bool
    """Learns from votes; otherwise from behaviours."""
    start: Arm
    """The arm whose version a first round starts from."""
    conditioned: bool = False
    """The policy is asked for a behaviour, in training and when it is served."""
    label: str = ""
    """The name as people read it; empty: the name in capitals."""


ARMS: dict[Arm, Facts] = {}
"""Every arm that can be trained, in the order of forms; SFT is the base model itself."""

_INTERNED: dict[str, Arm] = {}


def known(name: str) -> Arm:
    """The one object of this name."""
    return _INTERNED.setdefault(name, Arm(name))


def add(name: str, facts: Facts) -> Arm:
    """Put an arm into the table."""
    arm = known(name)
    ARMS[arm] = facts
    return arm


Arm.SFT = known("sft")
Arm.RLHF = add("rlhf", Facts("reward model from votes, then PPO", "reward_model", True, Arm.SFT))
Arm.RLHBC = add(
    "rlhbc",
    Facts("classifier of behaviours, then PPO on the preferred one", "classifier", False, Arm.SFT),
)
Arm.RLHB = add(
    "rlhb",
    Facts(
        "generator against a discriminator of behaviours",
        "discriminator",
        votes=False,
        start=Arm.SFT,
        conditioned=True,
    ),
)
Arm.RLHF_RLHBC = add(
    "rlhf_rlhbc",
    Facts("RLHBC, starting from an RLHF version", "classifier", votes=False, start=Arm.RLHF),
)
Arm.RLHF_RLHB = add(
    "rlhf_rlhb",
    Facts(
        "RLHB, starting from an RLHF version",
        "discriminator",
        votes=False,
        start=Arm.RLHF,
        conditioned=True,
    ),
)
Arm.SFT_PREFERRED = add(
    "sft_preferred",
    Facts(
        "likelihood of the answers that won",
        "preference",
        votes=True,
        start=Arm.SFT,
        label="SFT on preferred",
    ),
)
Arm.DPO = add("dpo", Facts("direct preference optimisation on votes", "preference", True, Arm.SFT))
Arm.ORPO = add(
    "orpo", Facts("odds-ratio preference optimisation on votes", "preference", True, Arm.SFT)
)
Arm.KTO = add(
    "kto", Facts("liked against disliked answers, unpaired", "preference", False, Arm.SFT)
)


def every_arm() -> list[Arm]:
    """All of the table, and the base model before them."""
    return [Arm.SFT, *ARMS]


def starts(arm: Arm) -> tuple[Arm, Arm]:
    """Arms of the versions that a run may start from; one of the same arm is a further round."""
    return ARMS[arm].start, arm
