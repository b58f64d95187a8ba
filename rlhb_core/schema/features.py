"""A behaviour as numbers and marks, and `CLAUSES`, the one table of how each of them is told.

The text of behaviours, its reading, the classifier's heads and the help pages are made from the table. Does not know
how signals become a behaviour (`reading.py`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from rlhb_core.schema.payloads import MAX_PIECES, Quality, Strength
from rlhb_core.schema.record import Record


class Marked(Record):
    """A passage of the response that the person marked."""

    mark: UUID
    start: int = Field(ge=0)
    end: int = Field(ge=1)
    quality: Quality
    reason: str = Field(default="", max_length=40)
    note: str = Field(default="", max_length=2_000)
    words: str = ""


class BehaviorFeatures(Record):
    """All that one person did with one response, as numbers and marks. Made by `reading.summarise`."""

    dwell_ms: int | None = Field(default=None, ge=0, le=10**12, description="Visible time in all.")
    dwell_z: float | None = Field(
        default=None,
        description="log(1 + dwell) standardised within the person and within length bins.",
    )
    read_depth: float | None = Field(default=None, ge=0, le=1, description="Deepest point seen.")
    liked: bool = False
    disliked: bool = False
    copied: bool = False
    selected: bool = False
    shared: bool = False
    flagged: bool = False
    edited: bool = False
    commented: bool = False
    asked_again: bool = Field(
        default=False, description="The query was put in other words, or the answer regenerated."
    )
    asked_further: bool = Field(default=False, description="A further query built on this one.")
    left: bool = Field(default=False, description="The person left without a choice.")
    vote: Literal["won", "lost", "tied", "all_bad"] | None = None
    strength: Strength | None = Field(
        default=None, description="Of the preference, if the vote was won or lost and it was told."
    )
    place: int | None = Field(
        default=None,
        ge=1,
        le=16,
        description="Place among the answers that were ranked, 1 the best; equal ones are tied.",
    )
    rating: float | None = Field(default=None, ge=1, le=5, description="Mean of the ratings.")
    ratings: dict[str, Annotated[float, Field(ge=1, le=5)]] = Field(
        default_factory=dict, description="The last rating of each aspect."
    )
    edited_text: str | None = Field(
        default=None, description="The answer as the person would have written it."
    )
    marks: list[Marked] = Field(
        default_factory=list,
        max_length=MAX_PIECES,
        description="Passages that were marked: `start` and `end` in characters (Unicode code points) of the response, "
        "the words between them, good or bad, reason and note.",
    )
    comment: str = Field(default="", description="The person's last comment, in their words.")
    comment_tags: list[str] = Field(
        default_factory=list, description="Its tags, such as correct, complete, clear."
    )


def _dwell(features: BehaviorFeatures) -> int:
    z = features.dwell_z
    return 0 if z is None else 1 + sum(z > cut for cut in DWELL_CUTS)


def _vote(features: BehaviorFeatures) -> int:
    return (None, "won", "lost", "tied", "all_bad").index(features.vote)


def _passages(features: BehaviorFeatures) -> int:
    said = {each.quality for each in features.marks}
    return ("good" in said) + 2 * ("bad" in said)


def _rating(features: BehaviorFeatures) -> int:
    return 0 if features.rating is None else math.floor(features.rating + 0.5)


DWELL_CUTS = (-0.84, -0.25, 0.25, 0.84)
"""Quintiles of the normal distribution."""


@dataclass(frozen=True)
class Clause:
    """One part of the behaviour text. `options[0]` is None: class 0 means that the clause is absent."""

    name: str
    options: tuple[str | None, ...]
    preference: tuple[float, ...]
    """How much each option speaks for the response, a like = 1."""
    help: str
    of: Callable[[BehaviorFeatures], int]
    """The option that tells these features."""


CLAUSES: tuple[Clause, ...] = (
    Clause(
        "dwell",
        (
            None,
            "barely looked at it",
            "read it briefly",
            "read it as long as usual",
            "read it at length",
            "read it for very long",
        ),
        (0.0, -0.08, -0.04, 0.0, 0.04, 0.08),
        "Reading time against what this person usually spends on an answer of this length, in five steps.",
        _dwell,
    ),
    Clause(
        "reaction",
        (None, "liked it", "disliked it"),
        (0.0, 1.0, -1.0),
        "Like or dislike.",
        lambda found: 1 if found.liked else 2 if found.disliked else 0,
    ),
    Clause(
        "copied",
        (None, "copied it"),
        (0.0, 0.5),
        "The answer or a part was copied.",
        lambda found: int(found.copied),
    ),
    Clause(
        "selected",
        (None, "marked a part of it"),
        (0.0, 0.1),
        "Text was selected.",
        lambda found: int(found.selected),
    ),
    Clause(
        "shared",
        (None, "shared it"),
        (0.0, 0.5),
        "The answer was passed on.",
        lambda found: int(found.shared),
    ),
    Clause(
        "edited",
        (None, "corrected it"),
        (0.0, -0.3),
        "The answer was rewritten.",
        lambda found: int(found.edited),
    ),
    Clause(
        "passages",
        (
            None,
            "pointed out what is good",
            "pointed out what is bad",
            "pointed out what is good as well as what is bad",
        ),
        (0.0, 0.5, -0.5, 0.0),
        "Passages were marked as good or bad.",
        _passages,
    ),
    Clause(
        "commented",
        (None, "commented on it"),
        (0.0, 0.0),
        "A comment was left.",
        lambda found: int(found.commented),
    ),
    Clause(
        "flagged",
        (None, "reported it"),
        (0.0, -1.0),
        "The answer was reported.",
        lambda found: int(found.flagged),
    ),
    Clause(
        "asked_again",
        (None, "asked again"),
        (0.0, -0.5),
        "The query was rephrased or regenerated.",
        lambda found: int(found.asked_again),
    ),
    Clause(
        "asked_further",
        (None, "asked further"),
        (0.0, 0.1),
        "A further query built on this.",
        lambda found: int(found.asked_further),
    ),
    Clause(
        "left",
        (None, "left without a choice"),
        (0.0, -0.1),
        "No choice was made.",
        lambda found: int(found.left),
    ),
    Clause(
        "vote",
        (
            None,
            "chose it as the best",
            "chose another answer",
            "called it a tie",
            "called all answers bad",
        ),
        (0.0, 1.0, -0.5, 0.0, -1.0),
        "The outcome of the comparison for this response.",
        _vote,
    ),
    Clause(
        "rating",
        (
            None,
            "rated it 1 of 5",
            "rated it 2 of 5",
            "rated it 3 of 5",
            "rated it 4 of 5",
            "rated it 5 of 5",
        ),
        (0.0, -1.0, -0.5, 0.0, 0.5, 1.0),
        "Mean rating, rounded.",
        _rating,
    ),
)
"""All clauses in the order of the text. `preference`: how much each option speaks for the response, a like = 1
(a like is worth about 25 dwells on a public log of people reading model answers)."""
