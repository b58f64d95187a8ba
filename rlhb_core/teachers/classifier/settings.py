"""The settings of the classifier of behaviours."""

from pydantic import Field

from rlhb_core.run.sections import Section


class ClassifierSettings(Section):
    """The classifier of behaviours of RLHBC: heads on frozen features of the base model."""

    steps: int = Field(default=200, ge=1, description="Gradient steps.")
    batch: int = Field(default=256, ge=2, description="Triplets per step.")
    learning_rate: float = Field(default=1e-3, gt=0, description="Learning rate.")
