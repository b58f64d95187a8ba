"""The settings of the discriminator and of the warm-up before it."""

from typing import Literal

from pydantic import Field

from rlhb_core.run.sections import Section


class WarmupSettings(Section):
    """Behaviour-conditioned likelihood on logged triplets, before the adversarial stage."""

    steps: int = Field(default=200, ge=0, description="Gradient steps; 0 leaves the warm-up out.")
    batch: int = Field(default=64, ge=1, description="Triplets per gradient step.")
    micro_batch: int = Field(
        default=32, ge=1, description="Triplets per forward pass; gradients add up to the batch."
    )
    learning_rate: float = Field(
        default=2e-3, gt=0, description="Peak learning rate, decaying to a tenth."
    )


class DiscriminatorSettings(Section):
    """The projection discriminator on cached frozen features, and its place in the adversarial loop."""

    pretrain_steps: int = Field(
        default=300,
        ge=1,
        description="Steps on who did what, and on logged triplets against rollouts of the start.",
    )
    pretrain_rollouts: int = Field(
        default=512, ge=8, description="Rollouts of the start used in pretraining."
    )
    steps: int = Field(
        default=8, ge=0, description="Discriminator steps per iteration of the adversarial stage."
    )
    batch: int = Field(
        default=256, ge=2, description="Real triplets per step, with as many generated ones."
    )
    learning_rate: float = Field(
        default=1e-3, gt=0, description="Learning rate of the discriminator's pretraining."
    )
    online_learning_rate: float = Field(
        default=3e-4,
        gt=0,
        description="Learning rate of the discriminator in the adversarial stage; kept low, so that it does not "
        "learn the latest rollouts by heart.",
    )
    dropout: float = Field(
        default=0.1, ge=0, lt=1, description="Dropout inside the discriminator's head."
    )
    loss: Literal["classical", "relativistic"] = Field(
        default="classical",
        description="What D learns. Classical: to tell logged from generated triplets (cross-entropy). "
        "Relativistic: which of two answers to the same query and behaviour is the logged one (Bradley-Terry).",
    )
    reward: Literal["logit", "log_d", "minus_log_one_minus_d"] = Field(
        default="logit",
        description="What of D is the reward: the logit, centred over other responses under the same behaviour; log D, "
        "which favours short answers; or -log(1 - D), which favours long ones.",
    )
    smoothing: float = Field(
        default=0.1, ge=0, lt=0.5, description="Label smoothing: real counts as 1 minus this."
    )
    replay: float = Field(
        default=0.25,
        ge=0,
        lt=1,
        description="Share of the generated triplets taken from earlier iterations.",
    )
    mismatch: float = Field(
        default=0.5,
        ge=0,
        description="Weight of the loss that ranks a logged response's true behaviour above another one; 0 "
        "leaves mismatched triplets out of the pretraining too.",
    )
