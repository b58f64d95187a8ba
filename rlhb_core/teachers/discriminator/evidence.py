"""What the verdict on RLHB stands on."""

from pydantic import Field

from rlhb_core.schema.evidence import Evidence, Found


class Discriminated(Found):
    """The discriminator on held-out triplets, before the adversarial stage."""

    accuracy: float = 0.5
    power: float = 0.5
    """Accuracy on logged triplets against the same with another behaviour."""
    swap_auc: float = 0.5
    rows: int = 0


class Judged(Found):
    """Accuracies of fresh judges on one policy's answers, by kind of judge; of which kinds there may be none."""

    projection: float | None = None
    reading: float | None = None
    words: float | None = None
    seeds: dict[str, list[float]] = Field(default_factory=dict)
    rows: int = 0


class Judges(Found):
    """The policy as the run found it, before the PPO loop, and at the end."""

    origin: Judged | None = None
    before: Judged | None = None
    after: Judged | None = None


class DiscriminatorEvidence(Evidence):
    """What the verdict on RLHB stands on."""

    discriminated: Discriminated | None = None
    judges: Judges | None = None
