"""Studies and what belongs to them, as records: what is to be worked through, by whom, and who has got how far.

Knows no rule about who is given what next: that is `app/studies/`.
"""

from enum import StrEnum
from typing import Annotated
from uuid import UUID, uuid4

from pydantic import Field, ValidationInfo, field_validator

from rlhb_core.schema.formats import Format
from rlhb_core.schema.history import History
from rlhb_core.schema.record import MAX_TEXT, Record, now_ms
from rlhb_core.schema.records import Outcome

FREE = UUID("00000000-0000-4000-8000-0000000000f1")
"""The study that exists from the start: whoever asks what they like. Its queries name no study."""

EVERYBODY = UUID(int=0)
"""In place of a person: written once, for all who are given the item."""


class StudyStatus(StrEnum):
    """Whether a study hands out items."""

    DRAFT = "draft"
    OPEN = "open"
    PAUSED = "paused"
    ENDED = "ended"


class Order(StrEnum):
    """In which order items are handed out, among those that have equally few answers."""

    GIVEN = "given"
    SHUFFLED = "shuffled"


class Pairs(StrEnum):
    """Which versions answer, if there are more of them than stand side by side."""

    UNIFORM = "uniform"
    INFORMATIVE = "informative"


class Answers(StrEnum):
    """Whether all who are given an item read the same answers, or each is written their own."""

    ONCE = "once"
    ANEW = "anew"


class Threads(StrEnum):
    """What a further question goes on with."""

    CHOSEN = "chosen"
    OWN = "own"


class Audience(StrEnum):
    """Whom a study is open to."""

    EVERYONE = "everyone"
    NAMED = "named"
    GROUPS = "groups"
    WORKERS = "workers"


class Aspect(Record):
    """One aspect that answers are rated on."""

    name: str = Field(min_length=1, max_length=40)
    weight: float = Field(
        default=1.0, ge=-10, le=10, description="In the reward, if one is trained."
    )
    anchors: list[Annotated[str, Field(max_length=80)]] = Field(
        default=[], max_length=5, description="What 1 to 5 mean, in words: none, or all five."
    )

    @field_validator("anchors")
    @classmethod
    def _all_or_none(cls, anchors: list[str]) -> list[str]:
        if len(anchors) not in (0, 5):
            raise ValueError("say in words what each of 1 to 5 means, or leave all of them out")
        return anchors


_BESIDE_THE_VOTE = frozenset({Format.STRENGTH, Format.RANKING, Format.RATINGS, Format.BINARY})
"""Formats that may still be missing once a vote stands."""


class Plan(Record):
    """What a study asks of whom. Every field can be changed while it goes on; what is done stays as it was done."""

    about: str = Field(default="", max_length=2_000, description="What it is for, in a sentence.")
    formats: list[Format] = Field(
        default=[Format.BEST], min_length=1, max_length=8, description="What people are asked for."
    )
    aspects: list[Aspect] = Field(
        default=[],
        max_length=8,
        validate_default=True,
        description="What answers are rated on, if they are rated.",
    )
    reasons: list[Annotated[str, Field(min_length=1, max_length=40)]] = Field(
        default=[],
        max_length=20,
        description="Words to choose from in a critique; none: the usual ones.",
    )
    arms: list[UUID] = Field(
        default=[], max_length=32, description="Versions that answer; none: those in Compare."
    )
    beside_prepared: bool = Field(
        default=False,
        description="Whether they answer too where answers came with the item. Then all are shown at once, when the "
        "last one is written: those that came would be told by being there first.",
    )
    side_by_side: int = Field(default=3, ge=1, le=3, description="Answers that stand side by side.")
    answers: Answers = Field(
        default=Answers.ONCE,
        description="Whether all who are given an item read the same answers (once), or each their own (anew).",
    )
    pairs: Pairs = Field(
        default=Pairs.UNIFORM,
        description="Which versions answer if there are more than stand side by side: drawn evenly (uniform), or "
        "rather those of which it is least sure which is better (informative).",
    )
    order: Order = Field(
        default=Order.GIVEN,
        description="In which order items are handed out, among those that have equally few answers.",
    )
    overlap: int = Field(default=1, ge=1, le=100, description="People who answer each item.")
    repeats: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="Share of items that come a second time to the same person.",
    )
    gold: float = Field(
        default=0.0, ge=0, le=0.5, description="Share of items whose best answer is known."
    )
    reveal: bool = Field(
        default=False,
        description="Whether names are shown after each vote, where nothing else is to be said of the answers. "
        "Whoever sees them learns whose style is whose.",
    )
    threads: Threads = Field(
        default=Threads.CHOSEN,
        description="What a further free question goes on with: the answer that was chosen (chosen), or each version "
        "with its own answers (own); then names are never shown, for a thread tells who writes it.",
    )
    most_per_person: int | None = Field(
        default=None,
        ge=1,
        description="Items that one person is given at most; none: as many as there are.",
    )
    ends_ms: int | None = Field(default=None, ge=0, description="When it ends, if it is known.")
    hold_minutes: float = Field(
        default=30, ge=1, le=1_440, description="How long an item waits for whoever has it in view."
    )
    audience: Audience = Field(
        default=Audience.EVERYONE,
        description="Whom it is open to: everyone who may ask, the people named, those in some groups, or workers of a "
        "platform outside, who come by the study's link.",
    )
    people: list[UUID] = Field(
        default=[],
        max_length=1_000,
        description="The people named, by the names they sign in by, with commas between.",
    )
    groups: list[Annotated[str, Field(min_length=1, max_length=40)]] = Field(
        default=[],
        max_length=20,
        description="Groups of accounts, with commas between; administrators put people into them.",
    )
    link_number: int = Field(
        default=1, ge=1, description="Raised, it makes the links given out so far lead nowhere."
    )
    completion_code: str = Field(
        default="",
        max_length=80,
        description="Shown to whoever has done all that there was for them.",
    )

    @property
    def stays_blind(self) -> bool:
        """Whether names are not shown, not even after the vote: what else is asked for is to be said blind too, and a
        vote that nobody asked for shows nothing.
        """
        asked = set(self.formats)
        return not self.reveal or bool(_BESIDE_THE_VOTE & asked) or Format.BEST not in asked

    # What does not fit is told at the field that can mend it; `info.data` holds the fields above it that are sound.

    @field_validator("formats")
    @classmethod
    def _each_once(cls, formats: list[Format]) -> list[Format]:
        if Format.STRENGTH in formats and Format.BEST not in formats:
            raise ValueError("how much better an answer is can be asked only where the best one is")
        return list(dict.fromkeys(formats))

    @field_validator("aspects")
    @classmethod
    def _named(cls, aspects: list[Aspect], info: ValidationInfo) -> list[Aspect]:
        if Format.RATINGS in info.data.get("formats", ()) and not aspects:
            raise ValueError("answers are to be rated: name at least one aspect")
        if len({each.name for each in aspects}) < len(aspects):
            raise ValueError("two aspects have the same name")
        return aspects

    @field_validator("side_by_side")
    @classmethod
    def _enough_to_compare(cls, count: int, info: ValidationInfo) -> int:
        if count == 1 and {Format.BEST, Format.RANKING} & set(info.data.get("formats", ())):
            raise ValueError(
                "one answer alone cannot be compared: ask for ratings, or good and bad"
            )
        return count

    @field_validator("gold")
    @classmethod
    def _something_left(cls, gold: float, info: ValidationInfo) -> float:
        if info.data.get("repeats", 0.0) + gold > 0.8:
            raise ValueError(
                "repeats and items whose best answer is known leave nothing for the rest"
            )
        return gold


class Study(Record):
    """Something to work through."""

    id: UUID = Field(default_factory=uuid4)
    name: str = Field(min_length=1, max_length=80)
    status: StudyStatus = StudyStatus.DRAFT
    plan: Plan = Field(default_factory=Plan)
    guidelines: int = Field(default=0, ge=0, description="Version of its guidelines; 0: none yet.")
    created_ms: int = Field(default_factory=now_ms)


class Guidelines(Record):
    """One version of the guidelines of a study."""

    study_id: UUID
    number: int = Field(ge=1)
    text: str = Field(max_length=MAX_TEXT, description="Markdown.")
    since_ms: int = Field(default_factory=now_ms)


class Item(Record):
    """A question that is handed out."""

    id: UUID = Field(default_factory=uuid4)
    study_id: UUID
    number: int = Field(ge=0, description="Place in the order given.")
    text: str = Field(min_length=1, max_length=MAX_TEXT)
    history: History = Field(default=[], description="What went before it, oldest first.")
    tags: list[str] = Field(default=[])
    gold: int | None = Field(
        default=None,
        ge=0,
        description="Which of the answers that came with it is known to be the best.",
    )
    archived: bool = False
    created_ms: int = Field(default_factory=now_ms)


class Prepared(Record):
    """An answer to an item that is there before anybody is shown it."""

    id: UUID = Field(default_factory=uuid4)
    item_id: UUID
    for_person: UUID = Field(default=EVERYBODY, description="Whom it was written for.")
    version_id: UUID
    nth: int = Field(default=0, ge=0, description="Which of the answers of this version.")
    came_with_item: bool = False
    text: str = Field(max_length=200_000)
    outcome: Outcome = Outcome.OK
    error: str = Field(default="", max_length=2_000)
    condition: str | None = None
    temperature: float = Field(default=1.0, ge=0, le=5)
    first_token_ms: int | None = Field(default=None, ge=0)
    duration_ms: int | None = Field(default=None, ge=0)
    left_out: int = Field(
        default=0, ge=0, description="How many of the oldest turns its model was not given."
    )
    created_ms: int = Field(default_factory=now_ms)


class Purpose(StrEnum):
    """Why somebody is given an item."""

    PLAIN = "plain"
    GOLD = "gold"
    REPEAT = "repeat"


class AssignmentState(StrEnum):
    """How far somebody is with an item. Of one that is only reserved they have seen nothing."""

    RESERVED = "reserved"
    SHOWN = "shown"
    DONE = "done"
    SKIPPED = "skipped"


class Drawn(Record):
    """One of the answers that somebody is to be shown, by the version that writes it."""

    version_id: UUID
    nth: int = Field(default=0, ge=0)
    probability: float = Field(gt=0, le=1)


class Assignment(Record):
    """An item that somebody is given."""

    id: UUID = Field(default_factory=uuid4)
    study_id: UUID
    item_id: UUID
    person_id: UUID
    number: int = Field(default=1, ge=1, description="Which of the items that they were given.")
    again: int = Field(default=0, ge=0, description="0 the first time, 1 the second ...")
    purpose: Purpose = Purpose.PLAIN
    state: AssignmentState = AssignmentState.RESERVED
    counted: bool = Field(
        default=False, description="Whether it is one of the answers that the item was to get."
    )
    drawn: list[Drawn] = Field(min_length=1, description="In page order.")
    query_id: UUID | None = Field(default=None, description="Once it was shown.")
    guidelines: int = Field(default=0, ge=0, description="Version of the guidelines then.")
    reserved_ms: int = Field(default_factory=now_ms)
    expires_ms: int = Field(
        description="When it is handed out to others, unless it is done by then."
    )
    shown_ms: int | None = None
    ended_ms: int | None = None
