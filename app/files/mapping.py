"""What the columns of a CSV file, or the fields of JSON lines, mean: a mapping, read from TOML.

docs/import/ifllm.toml is one for a real log. Does not know how a row becomes a query: that is `csv_items.py`.
"""

import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from rlhb_core.errors import BadConfig
from rlhb_core.schema.record import describe


class Part(BaseModel):
    """Base of the parts of a mapping: what is unknown is refused, so that no typing error goes unseen."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


AnswerNumber = Annotated[int, Field(strict=True, ge=1, le=16)]


Aspect = Annotated[str, Field(min_length=1, max_length=40)]
Strength = Annotated[int, Field(strict=True, ge=1, le=3)]
EventKind = Literal[
    "copy", "select", "accept", "like", "dislike", "share", "flag", "regenerate", "edit", "critique", "dwell", "scroll"
]  # fmt: skip


class AnswerColumns(Part):
    """The columns of one answer of the row."""

    text: str | None = Field(
        default=None,
        description="Column with the answer's text. Left out where only votes between versions are known.",
    )
    history: str | None = Field(
        default=None,
        description="Column with what went before this answer, where each has a thread of its own.",
    )
    model: str | None = Field(default=None, description="Column with the model's name.")
    rating: str | None = Field(default=None, description="Column with the rating.")
    ratings: dict[Aspect, str] = Field(
        default_factory=dict, description="Columns with the ratings of aspects, by aspect."
    )
    label: str | None = Field(
        default=None,
        description="Column that is 1 or true for a good answer, 0 or false for a bad one.",
    )
    place: str | None = Field(
        default=None, description="Column with the place in a ranking, 1 the best, equal ones tied."
    )
    edited: str | None = Field(
        default=None, description="Column with the answer as somebody would have written it."
    )
    comment: str | None = Field(default=None, description="Column with what was said of it.")
    copied: str | None = Field(
        default=None,
        description="Column with how many characters were copied, the words themselves, true, or a list of these.",
    )
    selected: str | None = Field(default=None, description="The same of words that were selected.")
    accepted: str | None = Field(
        default=None,
        description="Column that is 1 or true where the answer was taken over as it is: all of it was copied.",
    )
    shared: str | None = Field(default=None, description="Column that is 1 or true if shared.")
    flagged: str | None = Field(
        default=None, description="Column that is 1 or true if reported, or says in words why."
    )
    regenerated: str | None = Field(
        default=None, description="Column that is 1 or true if another answer was asked for."
    )
    events: str | None = Field(
        default=None,
        description="Column with a list of events, each with its type, as JSON or as Python writes it; `event_kinds` "
        "says what they are.",
    )
    dwell_ms: str | None = Field(default=None, description="Column with milliseconds of reading.")
    read_chars: str | None = Field(
        default=None, description="Column with the furthest character that was read."
    )
    read_depth: str | None = Field(
        default=None, description="Column with the deepest point read, from 0 to 1."
    )


class JoinedFile(Part):
    """A second file with one row per answer."""

    file: str = Field(
        max_length=150,
        pattern=r"^[^/\\\x00]+$",
        description="Its plain name; it lies in the folder of the first file.",
    )
    query: str = Field(description="Its column with the query's id.")
    answer: str = Field(description="Its column with the answer's number in the row, from 1.")
    dwell_ms: str | None = None
    read_chars: str | None = None
    read_depth: str | None = None
    excluded: str | None = Field(
        default=None, description="Its column that is 1 or true for people to leave out."
    )


class Mapping(Part):
    """The meaning of a CSV file's columns."""

    name: str = Field(
        min_length=1, max_length=40, description="Name of the log; ids are made from it."
    )
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    query: str | None = Field(default=None, description="Column with the query's text.")
    conversation: str | None = Field(
        default=None,
        description="In place of `query` and `history`: column with the whole conversation up to the query, a list of "
        "messages with role and content, as JSON or as Python writes it.",
    )
    query_id: str | None = Field(
        default=None, description="Column with the query's id; without one, ids are made from rows."
    )
    history: str | None = Field(
        default=None,
        description="Column with what went before the query: a list of messages with role and content, as JSON or as "
        "Python writes it.",
    )
    turn: str | None = Field(
        default=None,
        description="Column with which turn of its conversation the query is; without one it follows from the history.",
    )
    person: str | None = Field(default=None, description="Column with the person's id or name.")
    time: str | None = Field(default=None, description="Column with the time of asking.")
    time_format: str | None = Field(
        default=None,
        description="Format for strptime; without one, ISO 8601, or seconds or milliseconds since 1970. UTC unless it "
        "says.",
    )
    no_time: list[str] = Field(
        default_factory=list, description="Values of `time` that mean it is not known: 1970 then."
    )
    excluded: str | None = Field(
        default=None, description="Column that is 1 or true for people to leave out."
    )
    preference: str | None = Field(
        default=None, description="Column with the choice among the answers of the row."
    )
    choices: dict[str, AnswerNumber | Literal["tie", "all_bad"]] = Field(
        default_factory=dict,
        description="What the values of `preference` mean: the number of the answer from 1, tie, or all_bad.",
    )
    no_preference: list[str] = Field(
        default_factory=list,
        description="Further values of `preference` that mean that none was told, as an empty cell does.",
    )
    strength: str | None = Field(
        default=None,
        description="Column with the strength of the preference; without one, `preference` tells it.",
    )
    strengths: dict[str, Strength] = Field(
        default_factory=dict,
        description="What its values mean: 1 slightly, 2 clearly, 3 much better. Others tell none.",
    )
    no_rating: list[str] = Field(
        default_factory=list,
        description="Values of rating columns that mean that none was given, as an empty cell does.",
    )
    rating_range: tuple[float, float] = Field(
        default=(1, 5), description="Worst and best rating; stretched to 1 to 5."
    )
    event_kinds: dict[str, EventKind] = Field(
        default_factory=dict, description="What the types of `events` are: copy, like, dwell ..."
    )
    as_shown: bool = Field(
        default=True,
        description="Whether the answers stand in the row as they were shown, from left to right.",
    )
    answers: list[AnswerColumns] = Field(min_length=1, max_length=16)
    joined: JoinedFile | None = None

    @field_validator("time_format")
    @classmethod
    def _readable(cls, form: str | None) -> str | None:
        return _check_format(form)

    @field_validator("rating_range")
    @classmethod
    def _is_a_range(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if ends[0] == ends[1]:
            raise ValueError("the worst and the best rating must differ")
        return ends

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.query and self.conversation:
            raise ValueError("name `query` or `conversation`, not both")
        if self.history and not self.query:
            raise ValueError("`history` goes with `query`; a `conversation` has its own")
        if self.is_told and not all(each.text for each in self.answers):
            raise ValueError("each of the answers needs its `text`")
        if not self.is_told and any(each.text or not each.model for each in self.answers):
            raise ValueError(
                "name `query` or `conversation`; where only votes between versions are known, each of the answers has "
                "its `model` and no `text`"
            )
        return self

    @property
    def is_told(self) -> bool:
        """Whether texts are known; else only how votes between versions went."""
        return bool(self.query or self.conversation)


def _check_format(form: str | None) -> str | None:
    """A format that strptime can read with. Raises ValueError."""
    try:
        datetime.strptime("", form or "")  # noqa: DTZ007 - to see whether it is one
    except re.error as error:
        raise ValueError(f"not a format of times ({error})") from None
    except ValueError as error:
        if "does not match" not in str(error):
            raise
    return form


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file. Raises BadConfig saying what is wrong with it."""
    try:
        return Mapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except UnicodeDecodeError:
        raise BadConfig(f"{path.name}: a mapping is a text in UTF-8; save it as such") from None
    except RecursionError:
        raise BadConfig(f"{path.name}: nests too deep for a mapping") from None
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{path.name}: not valid TOML: {error}") from None
    except ValidationError as error:
        raise BadConfig(f"{path.name}: {describe(error)}") from None


def columns_of(part: Part) -> set[str]:
    """All columns that a part of a mapping names."""
    told = part.model_dump(
        exclude={
            "name",
            "delimiter",
            "time_format",
            "choices",
            "no_time",
            "no_preference",
            "strengths",
            "no_rating",
            "rating_range",
            "event_kinds",
            "as_shown",
            "answers",
            "joined",
        }
    )
    aspects = told.pop("ratings", {})
    return {value for value in (*told.values(), *aspects.values()) if isinstance(value, str)}
