"""The one schema: what is stored, sent, exported and trained on.

The tables of the web app are these records plus keys; an API body, an export line and a training example are the same
classes. Recorded acts are in `signals.py`, what they come to in `features.py`.
Does not know any database or web framework.
"""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID, uuid4

from pydantic import Field, ValidationInfo, field_validator

from rlhb_core.schema.arms import Arm
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.formats import Format
from rlhb_core.schema.history import History, packed, without_oldest
from rlhb_core.schema.payloads import Strength, VoteChoice
from rlhb_core.schema.record import MAX_TEXT, Record, now_ms

SCHEMA_VERSION = 2
"""Version of the export line; raised when a field changes its meaning.

2: a line says what went before its question (`history`) and where in a conversation that stands; one of version 1
stands for itself.
"""


class Source(StrEnum):
    """Where data comes from; kinds are never mixed unless asked."""

    REAL = "real"
    SIMULATED = "simulated"
    IMPORTED = "imported"


class Outcome(StrEnum):
    """How a response ended. Every outcome is kept and scored, so that none is free.

    `cut`: it reached the limit of tokens, so it has a text but no end; `error` then says at how many. Answers stored
    before this was told apart stand as `ok`: nothing stored tells which of those were cut.
    `untold`: a file told how the vote on it went and not what it says. It is no text: it is never shown, exported or
    trained on, and still a side of its comparison, for what versions are worth against each other.
    """

    PENDING = "pending"
    OK = "ok"
    CUT = "cut"
    EMPTY = "empty"
    ERROR = "error"
    STOPPED = "stopped"
    UNTOLD = "untold"


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
    follows: UUID | None = Field(
        default=None, description="The query that it goes on from; none begins afresh."
    )
    conversation: UUID | None = Field(
        default=None, description="The first query of its conversation; none if that is this one."
    )
    turn: int = Field(default=1, ge=1, description="Which turn of its conversation it is.")
    history: History = Field(
        default=[],
        description="What went before it, word for word as it stood when it was asked: whatever becomes of earlier "
        "answers, this stays.",
    )


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
    follows: UUID | None = Field(default=None, description="The response that it goes on from.")
    history: History | None = Field(
        default=None,
        description="What went before, where its version has a thread of its own; none: what the query says.",
    )
    says_name: str = Field(
        default="",
        max_length=80,
        description="The name of a model or its maker by which it speaks of itself; none: it does not.",
    )
    left_out: int = Field(
        default=0,
        ge=0,
        description="How many of the oldest turns its model was not given: they did not fit, or it takes none.",
    )


EMBEDDED = "embedded"
"""The name of the base model that ships with the package."""

ONE_QUESTION = frozenset({EMBEDDED})
"""Bases that were trained on single questions: each is put to them by itself, in serving and in training, for turns
before it are nothing that they have ever seen.
"""


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


class Triplet(Record):
    """<query, response, behaviour>: the export line, the import line and the training example."""

    schema_version: int = Field(default=SCHEMA_VERSION, ge=1)
    verbaliser_version: int = Field(
        ge=0, le=2**31 - 1, description="Version of the rules behind the behaviour text."
    )
    query_id: UUID
    response_id: UUID
    query: str = Field(min_length=1)
    history: History = Field(default=[], description="What went before the query, oldest first.")
    left_out: int = Field(
        default=0, ge=0, description="How many of the oldest turns of it the model was not given."
    )
    conversation: UUID | None = Field(
        default=None, description="The first query of its conversation, if there is one before it."
    )
    turn: int = Field(default=1, ge=1, description="Which turn of its conversation the query is.")
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

    @property
    def asked(self) -> str:
        """The query, packed with what the model was given before it."""
        return packed(without_oldest(self.history, self.left_out), self.query)


SAME_ANSWER = " = "
"""Between the names of versions that gave the same answer."""


AGAIN = "repeat"
"""The purpose of a comparison that came a second time to the same person."""


class Comparison(Record):
    """One vote over the responses to one query; what the reward model is trained on.

    Responses with the same text are one response; the versions that gave it are listed as "SFT = RLHB v2".
    """

    schema_version: int = SCHEMA_VERSION
    query_id: UUID
    query: str = Field(min_length=1)
    history: History = Field(
        default=[],
        description="What went before the query, oldest first; empty where that is not the same for each response.",
    )
    histories: list[History] | None = Field(
        default=None,
        description="What went before for each response, where threads differ: then the vote is about threads, and no "
        "answer to one question is better than another.",
    )
    conversation: UUID | None = Field(
        default=None, description="The first query of its conversation, if there is one before it."
    )
    turn: int = Field(default=1, ge=1, description="Which turn of its conversation the query is.")
    responses: list[str] = Field(min_length=2)
    model_versions: list[str] = Field(default_factory=list)
    choice: VoteChoice
    best: int | None = Field(default=None, ge=0, description="Index of the chosen response.")
    early: bool = False
    strength: Strength | None = Field(
        default=None, description="How much better the chosen response is, if the person said so."
    )
    places: list[Annotated[int, Field(ge=1)]] | None = Field(
        default=None,
        description="Place of each response if they were ranked, 1 the best, equal ones tied; `choice` is then about "
        "those in the first place.",
    )
    says_names: list[str] = Field(
        default=[],
        description="Names of models or makers by which responses speak of themselves: whoever chose may have known.",
    )
    study: UUID | None = Field(
        default=None, description="The study that it was asked in; none for free questions."
    )
    purpose: Literal["plain", "gold", "repeat"] | None = Field(
        default=None,
        description="Why it was given in a study: for its own sake, because its best answer is known, or because the "
        "same person had judged it before. What came again measures people, and trains nothing.",
    )
    missing: list[Format] = Field(
        default=[],
        description="What else its study asks for and the person has not said; empty where all is said, and for free "
        "questions.",
    )
    source: Source
    voted_at: str = Field(description="ISO 8601, UTC.")
    person: str | None = None
    unblinded: bool = Field(
        default=False, description="The vote was given while names were in view."
    )

    @property
    def asked(self) -> str:
        """The query, packed with what went before it."""
        return packed(self.history, self.query)

    @field_validator("places")
    @classmethod
    def _a_place_each(cls, places: list[int] | None, info: ValidationInfo) -> list[int] | None:
        if places is not None and len(places) != len(info.data.get("responses", ())):
            raise ValueError("there must be a place for each response")
        return places
