"""The settings of the reward model."""

from typing import Annotated, Literal

from pydantic import Field

from rlhb_core.run.sections import Section


class RewardModelSettings(Section):
    """The Bradley-Terry reward model: a head on frozen features of the base model."""

    steps: int = Field(default=120, ge=1, description="Gradient steps.")
    batch: int = Field(default=256, ge=2, description="Votes per step.")
    learning_rate: float = Field(default=1e-3, gt=0, description="Learning rate of the head.")
    members: int = Field(
        default=1,
        ge=1,
        le=16,
        description="Heads trained with different seeds, whose scores make one by reward_model.score.",
    )
    score: Literal["mean", "lowest", "variance_penalised"] = Field(
        default="mean",
        description="How the heads' scores make one: their mean, the lowest, or the mean minus half of their "
        "variance. The last two trust no score on which the heads disagree.",
    )
    margin: float = Field(
        default=0.0,
        ge=0,
        description="Logits by which a chosen response must lead, per point of the strength of its preference (1 "
        "slightly, 2 clearly, 3 much better), as in Llama 2 (arXiv 2307.09288, eq. 2); votes without a strength need "
        "no lead.",
    )
    aspects: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict,
        description="Rated aspects with a head of their own and the weight of each in the score, in logits of a vote: "
        "aspects.clear = 0.5. Each is trained to foresee the ratings, in spreads of what the person usually gives; no "
        "vote is made of them.",
    )
