"""The shapes in which pages and API clients are told of runs and versions. How they are filled is told beside."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import RunStatus

Tone = Literal["good", "warn", "bad", "plain"]
"""How a page colours a word."""


class ProgressView(BaseModel):
    """Where a run stands."""

    words: str
    share: float = Field(description="Part of the whole run that is done, 0 to 1.")
    seconds_left: float | None


class RunView(BaseModel):
    """A line in the list of runs."""

    id: UUID
    name: str
    arm: Arm
    arm_label: str
    recipe: str
    parent: str | None = Field(description="Name of the version that it starts from.")
    data: str
    status: RunStatus
    status_words: str
    tone: Tone
    error: str
    progress: ProgressView | None
    can_stop: bool
    can_resume: bool
    created_ms: int
    ended_ms: int | None


class Number(BaseModel):
    """A metric's newest value, with its sentence."""

    name: str
    label: str
    value: float
    unit: str
    sentence: str


class CheckView(BaseModel):
    """One thing that the verdict rests on."""

    name: str
    value: str
    bar: str
    passed: bool
    sentence: str


class OfferView(BaseModel):
    """How a version is offered for Compare."""

    kind: Literal["free", "asked", "withheld"] = Field(
        description="Freely, after a question, or not at all unless somebody insists."
    )
    button: str = Field(description="What the button says that puts it in.")
    why: str = Field(description="What does not speak for it; empty if it is offered freely.")


class WinView(BaseModel):
    """How often the new answers win against those of the version that the run started from."""

    rate: str = Field(
        description="As a share with its interval; a dash where nobody compared them."
    )
    words: str = Field(description="Against whom, in how many questions, by which judge.")


class VerdictView(BaseModel):
    """The verdict in words."""

    word: str
    tone: Tone
    sentence: str
    checks: list[CheckView]
    win: WinView
    evaluation: str = Field(description="How it does against the base model, where that is known.")


class VersionLink(BaseModel):
    """The version that came of a run."""

    id: UUID
    name: str
    served: bool
    offer: OfferView


class SampleView(BaseModel):
    """One held-out query, answered by the start of the run and by the version that came of it."""

    query: str
    before: str
    after: str


class AlarmView(BaseModel):
    """One thing that looks wrong in the metrics, and where to look."""

    severity: Literal["bad", "warn"]
    happened: str
    look: str


class AnswerView(BaseModel):
    """What the policy answered on the way to one held-out query."""

    query: str
    behavior: str = Field(description="The behaviour that it was asked to draw; empty if none.")
    response: str


class CheckpointView(BaseModel):
    """The answers at one checkpoint."""

    iteration: int = Field(description="Step of the whole run.")
    answers: list[AnswerView]


class RunDetail(RunView):
    """All that the curves page says in words."""

    verdict: VerdictView | None
    version: VersionLink | None
    numbers: list[Number]
    alarms: list[AlarmView]
    samples: list[SampleView]
    checkpoints: list[CheckpointView] = Field(description="Newest first.")


class VersionView(BaseModel):
    """A line in the table of model versions."""

    id: UUID
    name: str
    arm: Arm
    arm_label: str
    verdict_words: str
    tone: Tone
    lineage: str
    run_id: UUID | None
    served: bool
    offer: OfferView
    embedded: bool = Field(
        description="Stands on the model that ships with the package, which simulated annotators can judge."
    )


class PreviousSet(BaseModel):
    """What going back would serve again."""

    names: list[str]
    ids: list[UUID] = Field(description="To be sent along when going back, so that it is this set.")


class VersionsView(BaseModel):
    """The table of model versions."""

    versions: list[VersionView]
    previous: PreviousSet | None
