"""What a verdict stands on: gathered by the stages of a run, kept in its checkpoints, stored with its result.

Each teacher adds what its own rule asks for. Does not know what any of it means.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Found(BaseModel):
    """Base of all parts. What an older or a newer release stored besides is left alone."""

    model_config = ConfigDict(extra="ignore", validate_assignment=True)


class Compared(Found):
    """Paired comparison of new answers with old ones (`paired.compare_paired`)."""

    n: int
    win_rate: float
    interval: tuple[float, float]
    """95 %."""
    win: float | None = None
    tie: float | None = None
    loss: float | None = None
    mean_difference: float | None = None


class Gain(Found):
    """The final policy against the run's origin on held-out queries."""

    reward: Compared | None = None
    """By the head that supplied the reward."""
    words: Compared | None = None
    """By a judge on words that did not supply it."""
    words_accuracy: float | None = None
    words_pairs: int = 0
    """Held-out pairs behind that judge's accuracy."""
    words_drawn: bool = False
    """Whether its votes were drawn from behaviours."""
    truncated: float = 0.0
    distinct: float = 1.0
    distinct_origin: float = 1.0
    unlikely: float = 0.0
    """Shares of the answers: cut off; different from all others, and so at the origin;
    hardly written by the base model.
    """


class Evidence(Found):
    """What every run leaves. `version` is that of the layout of the whole."""

    version: int = 1
    diverged: str | None = None
    """Why the run was stopped as diverged."""
    history: list[dict[str, float]] = Field(default_factory=list)
    """Of every iteration of the PPO loop, what the rule of the teacher asks for,
    by the metrics' names without group.
    """
    gain: Gain | None = None

    def stored(self) -> dict[str, Any]:
        """As plain JSON, without what was not measured."""
        return self.model_dump(mode="json", exclude_none=True)
