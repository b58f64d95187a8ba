"""The settings of the losses on preferences."""

from pydantic import Field

from rlhb_core.run.sections import Section


class PreferenceSettings(Section):
    """The baselines that learn from the data itself, by losses of TRL."""

    steps: int = Field(default=200, ge=1, description="Gradient steps.")
    batch: int = Field(
        default=32, ge=2, description="Pairs, winning answers or labelled answers per step."
    )
    learning_rate: float = Field(
        default=1e-3, gt=0, description="Peak learning rate, decaying to a tenth."
    )
    beta: float = Field(
        default=0.1,
        gt=0,
        description="DPO and KTO: weight of staying near the start. ORPO: weight of the odds ratio. SFT has none.",
    )
