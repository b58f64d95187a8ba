"""Which part of the chosen data is looked at, beside its kinds: a study, a time, a group of people. Knows no SQL."""

from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Votes(StrEnum):
    """By when they were cast."""

    ALL = "all"
    EARLY = "early"
    LATE = "late"


class Segment(BaseModel):
    """A part of the data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: UUID | None = Field(default=None, description="Only this study; none: all.")
    until_ms: int | None = Field(
        default=None, ge=0, le=2**53, description="Only what was asked before this moment."
    )
    tag: str = Field(default="", max_length=80, description="Only items with this tag.")
    group: str = Field(default="", max_length=80, description="Only people of this group.")
    shortest: int = Field(
        default=0, ge=0, le=10**7, description="Only questions of so many characters and more."
    )
    longest: int | None = Field(
        default=None, ge=0, le=10**7, description="Only questions of so many characters and fewer."
    )
    votes: Votes = Field(
        default=Votes.ALL,
        description="All, those cast before all answers were there (early), or those after (late).",
    )
