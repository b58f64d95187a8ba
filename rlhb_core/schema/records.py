"""The one schema: what is recorded, stored, sent, exported and trained on.

Holds the record types and how they are read from and written to JSONL. The tables of the web app are these
records plus keys; an API body, an export line and a training example are the same classes.
Does not know how signals become a behaviour (`behaviors.py`), nor any database or web framework.

Times are integers in milliseconds since 1970 (UTC) inside the store and ISO 8601 in exports.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError, field_validator

from rlhb_core.errors import BadRecord
from rlhb_core.schema.arms import Arm

SCHEMA_VERSION = 1
"""Version of the export line; raised when a field changes its meaning."""

MAX_TEXT = 20_000
"""Longest query, edited answer or comment, in characters."""

MAX_PAYLOAD_BYTES = 64_000
"""Largest signal payload, in bytes of JSON."""


def now_ms() -> int:
    """The present, in milliseconds since 1970 (UTC)."""
    return time.time_ns() // 1_000_000


Whole = Annotated[int, Strict()]
"""A whole number as JSON knows it: neither true nor "3"; likewise the next two."""
Real = Annotated[float, Strict()]
Truth = Annotated[bool, Strict()]


class Record(BaseModel):
    """Base of all records: unknown fields are refused, NaN and infinity are never numbers here."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


AnyRecord = TypeVar("AnyRecord", bound=Record)


class Source(StrEnum):
    """Where data comes from; kinds are never mixed unless asked."""

    REAL = "real"
    SIMULATED = "simulated"
    IMPORTED = "imported"


class SignalKind(StrEnum):
    """One recorded act. Those marked (query) belong to a query rather than to one response."""

    SHOWN = "shown"
    DWELL = "dwell"
    SCROLL = "scroll"
    COPY = "copy"
    SELECT = "select"
    LIKE = "like"
    DISLIKE = "dislike"
    SHARE = "share"
    FLAG = "flag"
    REGENERATE = "regenerate"
    EDIT = "edit"
    CRITIQUE = "critique"
    RATE = "rate"
    REFORMULATE = "reformulate"  # (query)
    FOLLOW_UP = "follow_up"  # (query)
    VOTE = "vote"  # (query)
    RANK = "rank"  # (query)
    ABANDON = "abandon"  # (query)


QUERY_SIGNALS = frozenset(
    {
        SignalKind.REFORMULATE,
        SignalKind.FOLLOW_UP,
        SignalKind.VOTE,
        SignalKind.RANK,
        SignalKind.ABANDON,
    }
)
"""Kinds that belong to the query as a whole; all others name one response."""


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


class Rate(Record):
    """A rating of one aspect on a five-point scale."""

    aspect: str = Field(default="overall", min_length=1, max_length=40)
    value: Real = Field(ge=1, le=5, description="1 worst, 5 best.")


class Abandon(Record):
    """The person left without a choice, or came back to it; the last signal counts."""

    on: Truth = Field(default=True, description="False: the person came back.")


class NextQuery(Record):
    """The person went on to another query because of this one."""

    to_query: UUID = Field(description="The query that followed.")


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
        return order


PAYLOADS: dict[SignalKind, type[Record]] = {
    SignalKind.SHOWN: Shown,
    SignalKind.DWELL: Dwell,
    SignalKind.SCROLL: Scroll,
    SignalKind.COPY: Chars,
    SignalKind.SELECT: Chars,
    SignalKind.LIKE: Toggle,
    SignalKind.DISLIKE: Toggle,
    SignalKind.SHARE: Empty,
    SignalKind.FLAG: Flag,
    SignalKind.REGENERATE: Empty,
    SignalKind.EDIT: Edit,
    SignalKind.CRITIQUE: Critique,
    SignalKind.RATE: Rate,
    SignalKind.REFORMULATE: NextQuery,
    SignalKind.FOLLOW_UP: NextQuery,
    SignalKind.VOTE: Vote,
    SignalKind.RANK: Rank,
    SignalKind.ABANDON: Abandon,
}
"""What each kind of signal carries."""


class Signal(Record):
    """One recorded act of one person. Append-only; a correction is a new signal."""

    id: UUID = Field(
        default_factory=uuid4, description="Made by the client, so that a retry is no second act."
    )
    kind: SignalKind
    query_id: UUID
    response_id: UUID | None = Field(default=None, description="None for signals about the query.")
    at_ms: Whole = Field(ge=0, description="When it happened.")
    page_id: UUID = Field(description="The page load it happened on.")
    page_opened_ms: Whole = Field(ge=0, description="When that page was opened, on the same clock.")
    payload: dict[str, Any] = Field(default_factory=dict)
    unblinded: Truth = Field(
        default=False, description="Done while the names of the versions were in view."
    )


class Outcome(StrEnum):
    """How a response ended. Every outcome is kept and scored, so that none is free.

    `cut`: it reached the limit of tokens, so it has a text but no end; `error` then says at how many. Answers stored
    before this was told apart stand as `ok`: nothing stored tells which of those were cut.
    """

    PENDING = "pending"
    OK = "ok"
    CUT = "cut"
    EMPTY = "empty"
    ERROR = "error"
    STOPPED = "stopped"


class Person(Record):
    """Someone who asks and reacts: a browser's cookie identity, a simulated annotator, or an imported one."""

    id: UUID = Field(default_factory=uuid4)
    display_name: str = Field(default="", max_length=80)
    source: Source = Source.REAL
    recording: bool = Field(
        default=True, description="False while the person has paused recording."
    )
    created_ms: int = Field(default_factory=now_ms)


class Query(Record):
    """What a person asked."""

    id: UUID = Field(default_factory=uuid4)
    person_id: UUID
    text: str = Field(min_length=1, max_length=MAX_TEXT)
    source: Source = Source.REAL
    created_ms: int = Field(default_factory=now_ms)


class Response(Record):
    """What one model version answered, where it stood on the page and how it came to be drawn."""

    id: UUID = Field(default_factory=uuid4)
    query_id: UUID
    version_id: UUID
    position: int = Field(ge=0, le=15, description="Place on the page, 0 is the leftmost.")
    draw_probability: float = Field(
        gt=0, le=1, description="Probability with which this version was drawn for this comparison."
    )
    condition: str | None = Field(
        default=None, description="Behaviour text that the generator was conditioned on."
    )
    temperature: float = Field(default=1.0, ge=0, le=5)
    text: str = Field(default="", max_length=200_000)
    outcome: Outcome = Outcome.PENDING
    error: str = Field(
        default="",
        max_length=2_000,
        description="What went wrong, or where it was cut, in words.",
    )
    created_ms: int = Field(default_factory=now_ms)
    first_token_ms: int | None = Field(default=None, ge=0, description="Wait for the first token.")
    duration_ms: int | None = Field(default=None, ge=0, description="From draw to last token.")
    replaces: UUID | None = Field(
        default=None, description="The response that this one was regenerated from."
    )


class Serving(StrEnum):
    """What serves a model version."""

    LOCAL = "local"  # a folder or hub name that transformers loads, with or without an adapter
    TGI = "tgi"  # a server that speaks text-generation-inference's own protocol
    OPENAI = "openai"  # a server that speaks the OpenAI chat protocol


class ModelVersion(Record):
    """One generator with its lineage."""

    id: UUID = Field(default_factory=uuid4)
    name: str = Field(min_length=1, max_length=80, description="Unique name, such as 'RLHB v3'.")
    arm: Arm
    serving: Serving = Serving.LOCAL
    base: str = Field(description="Folder, hub name or server address of the base model.")
    adapter: str | None = Field(default=None, description="Folder of the LoRA adapter, if any.")
    condition: str | None = Field(
        default=None, description="The preferred behaviour text it is served on."
    )
    parent_id: UUID | None = None
    run_id: UUID | None = None
    trained_on: str = Field(
        default="", max_length=400, description="The data behind it, in words; says if simulated."
    )
    verdict: str = Field(default="", max_length=40, description="The verdict of its run.")
    created_ms: int = Field(default_factory=now_ms)


class Deployment(Record):
    """The set of versions that are served from a moment on. The newest one counts; going back adds one."""

    id: UUID = Field(default_factory=uuid4)
    served: list[UUID]
    note: str = Field(default="", max_length=200)
    created_ms: int = Field(default_factory=now_ms)


class RunStatus(StrEnum):
    """Where a training run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    DONE = "done"


class Run(Record):
    """One training run; everything else about it lies in its folder."""

    id: UUID = Field(default_factory=uuid4)
    arm: Arm
    recipe: str = Field(max_length=80)
    folder: str
    parent_id: UUID | None = Field(default=None, description="Version that it starts from.")
    data: str = Field(default="", max_length=400, description="The data filter, in words.")
    status: RunStatus = RunStatus.QUEUED
    pid: int | None = None
    error: str = Field(default="", max_length=2_000)
    verdict: str = Field(default="", max_length=40)
    created_ms: int = Field(default_factory=now_ms)
    ended_ms: int | None = None


class BehaviorFeatures(Record):
    """All that one person did with one response, as numbers and marks. Made by `behaviors.summarise`."""

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
    rating: float | None = Field(default=None, ge=1, le=5, description="Mean of the ratings.")
    ratings: dict[str, Annotated[float, Field(ge=1, le=5)]] = Field(
        default_factory=dict, description="The last rating of each aspect."
    )
    edited_text: str | None = Field(
        default=None, description="The answer as the person would have written it."
    )
    comment: str = Field(default="", description="The person's last comment, in their words.")
    comment_tags: list[str] = Field(
        default_factory=list, description="Its tags, such as correct, complete, clear."
    )


class Triplet(Record):
    """<query, response, behaviour>: the export line, the import line and the training example."""

    schema_version: int = Field(default=SCHEMA_VERSION, ge=1)
    verbaliser_version: int = Field(
        ge=0, le=2**31 - 1, description="Version of the rules behind the behaviour text."
    )
    query_id: UUID
    response_id: UUID
    query: str = Field(min_length=1)
    response: str
    behavior_text: str
    behavior_features: BehaviorFeatures
    arm: Arm | None = None
    model_version: str = Field(default="", description="Name of the version that wrote it.")
    condition: str | None = None
    position: int | None = Field(default=None, ge=0)
    draw_probability: float | None = Field(default=None, gt=0, le=1)
    outcome: Outcome = Outcome.OK
    source: Source
    asked_at: str = Field(description="ISO 8601, UTC.")
    answered_at: str = Field(description="ISO 8601, UTC.")
    person: str | None = Field(default=None, description="Only if identities were asked for.")
    unblinded: bool = Field(
        default=False, description="Rests on something that was done while names were in view."
    )


SAME_ANSWER = " = "
"""Between the names of versions that gave the same answer."""


class Comparison(Record):
    """One vote over the responses to one query; what the reward model is trained on.

    Responses with the same text are one response; the versions that gave it are listed as "SFT = RLHB v2".
    """

    schema_version: int = SCHEMA_VERSION
    query_id: UUID
    query: str = Field(min_length=1)
    responses: list[str] = Field(min_length=2)
    model_versions: list[str] = Field(default_factory=list)
    choice: VoteChoice
    best: int | None = Field(default=None, ge=0, description="Index of the chosen response.")
    early: bool = False
    strength: Strength | None = Field(
        default=None, description="How much better the chosen response is, if the person said so."
    )
    source: Source
    voted_at: str = Field(description="ISO 8601, UTC.")
    person: str | None = None
    unblinded: bool = Field(
        default=False, description="The vote was given while names were in view."
    )


def describe(error: ValidationError, name: Callable[[str], str] = str) -> str:
    """A validation error as one sentence a person can act on; never repeats the input's values.

    `name` gives a field the name that the person knows it by.
    """
    parts = []
    for item in error.errors(include_url=False, include_input=False, include_context=False)[:5]:
        place = name(".".join(str(part) for part in item["loc"])) if item["loc"] else ""
        message = item["msg"].removeprefix("Value error, ")
        message = message[0].lower() + message[1:]
        parts.append(f"{place}: {message}" if place else message)
    return "; ".join(parts)


def parse_payload(kind: SignalKind, payload: dict[str, Any]) -> Record:
    """The typed payload of a signal. Raises BadRecord saying what is wrong."""
    for value in payload.values():
        if isinstance(value, float) and not math.isfinite(value):
            raise BadRecord(f"{kind}: numbers must be finite")
    try:
        return PAYLOADS[kind].model_validate(payload)
    except ValidationError as error:
        raise BadRecord(f"{kind}: {describe(error)}") from None


def write_jsonl(path: Path, records: Iterable[Record]) -> int:
    """Write one record per line; returns their number."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(record.model_dump_json())
            file.write("\n")
            count += 1
    return count


def read_jsonl(path: Path, kind: type[AnyRecord]) -> Iterator[AnyRecord]:
    """The records of a file. Raises BadRecord naming the first bad line by its number."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield kind.model_validate_json(line)
            except ValidationError as error:
                raise BadRecord(f"{path.name}, line {number}: {describe(error)}") from None
