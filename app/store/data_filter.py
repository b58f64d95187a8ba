"""Which of the stored data is meant: a choice, in words too. Knows no SQL."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import Source

MAX_WORDS = 400
"""Longest description of a filter, in characters: what a run stores of it."""


class DataFilter(BaseModel):
    """Which of the stored data is meant. People marked as excluded are left out unless asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: frozenset[Source] = Field(
        default=frozenset({Source.REAL}), min_length=1, description="Kinds of data."
    )
    since_ms: int | None = Field(
        default=None, ge=0, description="Only queries asked since this moment."
    )
    arms: frozenset[Arm] = Field(default=frozenset(), description="Only these arms; none: all.")
    versions: frozenset[str] = Field(
        default=frozenset(), description="Only these model versions, by name; none: all."
    )
    with_people: bool = Field(default=False, description="Name the people by their ids.")
    with_excluded: bool = Field(
        default=False, description="Take in people who are marked as excluded."
    )
    with_unblinded: bool = Field(
        default=False, description="Take in what was done while names were in view."
    )

    def words(self) -> str:
        """The filter as a phrase, such as "real and simulated data since 21 November 2026"."""
        text = f"{_listed(sorted(self.sources))} data"
        if self.since_ms is not None:
            day = datetime.fromtimestamp(self.since_ms / 1000, UTC)
            text += f" since {day.day} {day:%B %Y}"
        if self.arms:
            text += f", answers by {_listed(sorted(arm.label for arm in self.arms))}"
        if self.versions:
            text += f", versions {_listed(sorted(self.versions))}"
        if self.with_excluded:
            text += ", excluded people taken in"
        if self.with_unblinded:
            text += ", acts with names in view taken in"
        return text if len(text) <= MAX_WORDS else text[: MAX_WORDS - 1] + "…"


def _listed(parts: Sequence[str]) -> str:
    *head, last = [str(part) for part in parts]
    return f"{', '.join(head)} and {last}" if head else last
