"""What a recorded act carries, for each kind of act; which kinds there are is known by `signals.py`."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator, model_validator

from rlhb_core.schema.record import MAX_TEXT, Real, Record, Truth, Whole

Payload = Mapping[str, Any]
"""As it is stored: JSON that the kind's payload record has accepted."""


MAX_PIECES = 100
"""Most acts of one kind that stand side by side on one response, those that were taken back counted."""


class Empty(Record):
    """Payload of an act that says everything by having happened."""


class Shown(Record):
    """The response came into view."""

    position: Whole = Field(ge=0, le=15, description="Place on the page, 0 is the leftmost.")


class Dwell(Record):
    """Time for which the response was visible to a person who was not idle, since the last dwell signal."""

    ms: Whole = Field(ge=0, le=86_400_000, description="Visible milliseconds.")


class Scroll(Record):
    """How far into the response the person has scrolled."""

    depth: Real = Field(ge=0, le=1, description="Deepest point seen: 0 the start, 1 the end.")


class Chars(Record):
    """Text was copied or selected."""

    chars: Whole = Field(ge=0, le=10_000_000, description="Number of characters.")


class Toggle(Record):
    """A mark that can be taken off again; the last signal counts."""

    on: Truth = Field(default=True, description="False takes the mark off again.")


class Flag(Record):
    """The person reported the response."""

    reason: str = Field(default="", max_length=200, description="Why, in a word.")
    on: Truth = Field(default=True, description="False takes the report back.")


class Edit(Record):
    """The response as the person would have written it; the last signal counts."""

    text: str = Field(min_length=1, max_length=MAX_TEXT, description="The whole edited answer.")
    on: Truth = Field(default=True, description="False takes the edit back: the answer as it was.")


class Critique(Record):
    """A comment in words, tags, or both."""

    text: str = Field(default="", max_length=MAX_TEXT, description="Free text.")
    tags: list[Annotated[str, Field(min_length=1, max_length=40)]] = Field(
        default_factory=list, max_length=20, description="Words such as correct, complete, clear."
    )


Quality = Literal["good", "bad"]
"""What is said of a passage."""


class Mark(Record):
    """A passage of the response that is good or bad; of the same `mark` the last signal counts."""

    mark: UUID = Field(description="Made by the client; the same one changes or takes off a mark.")
    start: Whole = Field(
        ge=0,
        le=200_000,
        description="Where the passage begins in the text of the response, in characters (Unicode code points) from 0.",
    )
    end: Whole = Field(ge=0, le=200_000, description="Where it ends: the first one behind it.")
    quality: Quality = Field(description="Whether it is good or bad.")
    reason: str = Field(default="", max_length=40, description="Why, in a word, such as wrong.")
    note: str = Field(default="", max_length=2_000, description="Why, in the person's words.")
    on: Truth = Field(default=True, description="False takes the mark off again.")

    @model_validator(mode="after")
    def _of_some_length(self) -> Self:
        if not 0 < self.end - self.start <= MAX_TEXT:
            raise ValueError(
                f"a passage has at least one character and at most {MAX_TEXT}: 'end' lies behind 'start'"
            )
        return self


class Rate(Record):
    """A rating of one aspect on a five-point scale."""

    aspect: str = Field(default="overall", min_length=1, max_length=40)
    value: Real = Field(ge=1, le=5, description="1 worst, 5 best.")


class Abandon(Record):
    """The person left without a choice, or came back to it; the last signal counts."""

    on: Truth = Field(default=True, description="False: the person came back.")


class NextQuery(Record):
    """The person went on to another query because of this one."""

    to_query: UUID = Field(
        description="The query that followed. Of all that is said of one and the same step the last counts."
    )
    on: Truth = Field(
        default=True, description="False: that query has nothing to do with this one."
    )


class VoteChoice(StrEnum):
    """The outcome of a comparison. Tie and all-bad are kept apart; skip says nothing about the responses."""

    BEST = "best"
    TIE = "tie"
    ALL_BAD = "all_bad"
    SKIP = "skip"
    WITHDRAWN = "withdrawn"


Strength = Annotated[Whole, Field(ge=1, le=3)]
"""Of a preference: 1 slightly, 2 clearly, 3 much better."""


class Vote(Record):
    """A choice among the responses shown together. The last vote of a person on a query counts."""

    choice: VoteChoice
    best: UUID | None = Field(default=None, description="The chosen response, with choice = best.")
    early: Truth = Field(
        default=False, description="True if a response was still being written at the time."
    )
    strength: Strength | None = Field(
        default=None, description="How much better the chosen response is, if the person said so."
    )

    reason: str = Field(
        default="", max_length=40, description="Why it was passed over, with choice = skip."
    )

    @field_validator("reason")
    @classmethod
    def _reason_only_with_skip(cls, reason: str, info: Any) -> str:
        if reason and info.data.get("choice") is not VoteChoice.SKIP:
            raise ValueError("'reason' goes only with choice = skip")
        return reason

    @field_validator("strength")
    @classmethod
    def _strength_only_with_best(cls, strength: int | None, info: Any) -> int | None:
        if strength is not None and info.data.get("choice") is not VoteChoice.BEST:
            raise ValueError("'strength' goes only with choice = best")
        return strength

    @field_validator("best")
    @classmethod
    def _best_only_with_best(cls, best: UUID | None, info: Any) -> UUID | None:
        is_best = info.data.get("choice") is VoteChoice.BEST
        if is_best and best is None:
            raise ValueError("a vote for the best response must name it in 'best'")
        if not is_best and best is not None:
            raise ValueError("'best' goes only with choice = best")
        return best

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, validate_default=True)


class Rank(Record):
    """The responses from best to worst; those in the same inner list are tied."""

    order: list[Annotated[list[UUID], Field(min_length=1, max_length=16)]] = Field(
        min_length=1, max_length=16
    )

    @field_validator("order")
    @classmethod
    def _each_once(cls, order: list[list[UUID]]) -> list[list[UUID]]:
        named = [each for tied in order for each in tied]
        if len(set(named)) < len(named):
            raise ValueError("a response is ranked twice")
        if len(named) > 16:
            raise ValueError("at most 16 responses are ranked")
        return order
