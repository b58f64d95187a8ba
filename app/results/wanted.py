"""What results are wanted of: which data, which part of it, and how it is reckoned."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from app.store import DataFilter, Segment, Store, behaviors, choices
from rlhb_core.results import Share
from rlhb_core.schema.records import Source


class Ties(StrEnum):
    """What a tie counts."""

    HALF = "half"
    DAVIDSON = "davidson"


class Control(StrEnum):
    """What is held fixed when versions are compared."""

    NONE = "none"
    LENGTH = "length"
    STYLE = "style"


class Wanted(BaseModel):
    """Of what, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: DataFilter = DataFilter()
    segment: Segment = Segment()
    ties: Ties = Field(
        default=Ties.HALF,
        description="A tie is half a win for each (half), or an outcome of its own between two (davidson).",
    )
    control: Control = Field(
        default=Control.NONE,
        description="Hold nothing fixed (none), the length of answers (length), or length, bold words, headings and "
        "lists (style).",
    )
    anchor: str = Field(
        default="", max_length=80, description="The version that all others are held against."
    )


def usual_sources(store: Store) -> frozenset[Source]:
    """Real data if any comparison in it was decided; else of imported and simulated data the first that has one."""
    behaviors.refresh(store)
    with store.reading() as connection:
        for source in (Source.REAL, Source.IMPORTED, Source.SIMULATED):
            if choices.there_are(connection, source):
                return frozenset({source})
    return frozenset({Source.REAL})


class Part(BaseModel):
    """A share of so many judgements, with its interval clustered by person."""

    value: float | None = Field(description="null: there is nothing to take a share of.")
    low: float | None
    high: float | None
    n: int
    people: int

    @classmethod
    def of(cls, found: Share) -> "Part":
        """The same, to be told."""
        return cls(**found._asdict())
