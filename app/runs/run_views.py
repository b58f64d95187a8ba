"""Runs and versions as pages and API clients see them: names, states and numbers in words.

Turns records and run folders into plain answers. Changes nothing, and knows no web framework.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field

from app.runs.deploying import offer, previous, speaks_against
from app.runs.training import GOING, RESUMABLE
from app.store import Session, runs, versions
from rlhb_core.errors import RunError
from rlhb_core.run.folder import RunDir, damaged
from rlhb_core.run.metrics import METRICS
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import ModelVersion, Run, RunStatus
from rlhb_core.teachers import stage_label
from rlhb_core.verdict.alarms import alarms
from rlhb_core.world import embedded

Part = TypeVar("Part")

Tone = Literal["good", "warn", "bad", "plain"]
"""How a page colours a word."""

STATUS_WORDS = {
    RunStatus.QUEUED: "waiting for its turn",
    RunStatus.RUNNING: "training",
    RunStatus.STOPPED: "stopped",
    RunStatus.INTERRUPTED: "broke off",
    RunStatus.FAILED: "failed",
    RunStatus.DONE: "done",
}

CHECKPOINTS = 20
"""Newest checkpoints whose answers are shown."""


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


def list_runs(session: Session) -> list[RunView]:
    """Every run, newest first."""
    stored = runs.all(session)
    names = versions.names(session)
    return [_run_view(run, len(stored) - place, names) for place, run in enumerate(stored)]


def show_run(session: Session, run_id: UUID) -> RunDetail:
    """One run with its words and numbers. Raises UnknownReference.

    What cannot be read of its folder is said in `error`; the rest is shown.
    """
    run = runs.get(session, run_id)
    order = [each.id for each in runs.all(session)]
    line = _run_view(run, len(order) - order.index(run_id), versions.names(session))
    folder = RunDir(Path(run.folder))
    wrong = [line.error] if line.error else []
    result = _readable(wrong, "result.json", folder.result) or {}
    rows = _readable(wrong, "metrics.jsonl", folder.metrics) or []
    found = RunDetail(
        **line.model_dump(),
        verdict=_readable(
            wrong, "result.json", lambda: verdict_view(result, line.parent or "its start")
        ),
        version=_version_of(session, run),
        numbers=_readable(wrong, "metrics.jsonl", lambda: newest_numbers(rows)) or [],
        alarms=_readable(wrong, "metrics.jsonl", lambda: _alarms(folder, rows)) or [],
        samples=_readable(wrong, "result.json", lambda: _samples(result)) or [],
        checkpoints=_readable(wrong, "samples.jsonl", lambda: _checkpoints(folder)) or [],
    )
    return found.model_copy(update={"error": " ".join(dict.fromkeys(wrong))})


def _readable(wrong: list[str], name: str, part: Callable[[], Part]) -> Part | None:
    """A part of a run's folder; None, and a note of what is wrong, if it is damaged."""
    try:
        return part()
    except RunError as error:
        wrong.append(str(error))
    except (KeyError, TypeError, ValueError, AttributeError):  # sound JSON of another shape
        wrong.append(str(damaged(name, "it does not hold what it should")))
    return None


def _samples(result: Mapping[str, Any]) -> list[SampleView]:
    return [SampleView(**sample) for sample in result.get("samples", [])]


def _alarms(folder: RunDir, rows: Sequence[Mapping[str, Any]]) -> list[AlarmView]:
    raised = alarms(rows, folder.config().ppo.kl_stop) if rows else []
    return [AlarmView(**alarm._asdict()) for alarm in raised]


def _checkpoints(folder: RunDir) -> list[CheckpointView]:
    return [
        CheckpointView(iteration=step, answers=[AnswerView(**row) for row in answers])
        for step, answers in folder.checkpoints()[:CHECKPOINTS]
    ]


def list_versions(session: Session) -> VersionsView:
    """Every version that can be served, newest first; those served now on top."""
    served = {version.id for version in versions.served(session)}
    names = versions.names(session)
    stored = sorted(versions.all(session), key=lambda v: (v.id not in served, -v.created_ms))
    before = previous(session)
    return VersionsView(
        versions=[_version_view(version, served, names) for version in stored],
        previous=None
        if before is None
        else PreviousSet(names=[v.name for v in before], ids=[v.id for v in before]),
    )


# --- one thing at a time --------------------------------------------------------------------------


def _run_view(run: Run, number: int, names: Mapping[UUID, str]) -> RunView:
    wrong = [why] if (why := _why(run)) else []
    progress = _readable(wrong, "progress.json", lambda: _progress(run))
    return RunView(
        id=run.id,
        name=f"Run {number} · {run.arm.label}",
        arm=run.arm,
        arm_label=run.arm.label,
        recipe=run.recipe,
        parent=names.get(run.parent_id) if run.parent_id else None,
        data=run.data,
        status=run.status,
        status_words=run.verdict or STATUS_WORDS[run.status],
        tone=_tone(run),
        error=" ".join(wrong),
        progress=progress,
        can_stop=run.status in GOING,
        can_resume=run.status in RESUMABLE,
        created_ms=run.created_ms,
        ended_ms=run.ended_ms,
    )


def _tone(run: Run) -> Tone:
    if run.status is RunStatus.FAILED:
        return "bad"
    if run.status in (RunStatus.INTERRUPTED, RunStatus.STOPPED):
        return "warn"
    return verdict_tone(run.verdict)


def verdict_tone(verdict: str) -> Tone:
    """The colour of a verdict."""
    if not verdict:
        return "plain"
    if speaks_against(verdict):
        return "bad"
    return "good" if verdict in ("converged", "improved") else "warn"


def _why(run: Run) -> str:
    if run.status is RunStatus.INTERRUPTED and not run.error:
        return "Its process is gone without a word. Resume takes it up at its last checkpoint."
    return run.error


def _progress(run: Run) -> ProgressView | None:
    folder = RunDir(Path(run.folder))
    at = folder.progress()
    # A run that has ended says so in its folder a little before it does in the store.
    stopping = folder.is_stopping()
    if at is None:
        if run.status is not RunStatus.RUNNING:
            return None
        words = "Loading the model" + (", then stopping" if stopping else "")
        return ProgressView(words=words, share=0.0, seconds_left=None)
    stage = stage_label(at["stage"])
    words = f"{stage[0].upper()}{stage[1:]}: step {at['step']:,} of {at['total']:,}"
    left = at["seconds_left"] if run.status is RunStatus.RUNNING else None
    if run.status is RunStatus.RUNNING and stopping:
        words, left = f"{words}, stopping after it", None
    return ProgressView(words=words, share=at["share"], seconds_left=left)


def newest_numbers(rows: Sequence[Mapping[str, Any]]) -> list[Number]:
    """The newest value of every watched metric of the stage that the run is in."""
    found = []
    stage = rows[-1]["stage"] if rows else None
    here = [row for row in rows if row["stage"] == stage]
    for name, metric in METRICS.items():
        value = next((row[name] for row in reversed(here) if name in row), None)
        if metric.watched and value is not None:
            found.append(
                Number(
                    name=name,
                    label=metric.watched,
                    value=value,
                    unit=metric.unit,
                    sentence=metric.sentence,
                )
            )
    return found


def _version_of(session: Session, run: Run) -> VersionLink | None:
    served = {version.id for version in versions.served(session)}
    for version in versions.all(session):
        if version.run_id == run.id:
            return VersionLink(
                id=version.id,
                name=version.name,
                served=version.id in served,
                offer=OfferView(**offer(version.verdict)._asdict()),
            )
    return None


def _version_view(
    version: ModelVersion, served: set[UUID], names: Mapping[UUID, str]
) -> VersionView:
    parent = names.get(version.parent_id) if version.parent_id else None
    parts = [f"from {parent}" if parent else "", version.trained_on]
    return VersionView(
        id=version.id,
        name=version.name,
        arm=version.arm,
        arm_label=version.arm.label,
        verdict_words=version.verdict or "–",
        tone=verdict_tone(version.verdict),
        lineage=" · ".join(filter(None, parts)),
        run_id=version.run_id,
        served=version.id in served,
        offer=OfferView(**offer(version.verdict)._asdict()),
        embedded=embedded.is_embedded(version.base),
    )


def verdict_view(result: Mapping[str, Any], parent: str) -> VerdictView | None:
    """The verdict with its checks, from a run's result; None while there is none. `parent`:
    what the run started from.
    """
    found = result.get("verdict")
    if not found:
        return None
    return VerdictView(
        word=found["word"],
        tone=verdict_tone(found["word"]),
        sentence=found["sentence"],
        checks=[
            CheckView(
                name=check["name"],
                value="–" if check["value"] is None else f"{check['value']:.2f}",
                bar=check["bar"].replace("+-", "±"),
                passed=check["passed"],
                sentence=check["sentence"],
            )
            for check in found["checks"]
        ],
        win=_win(result, parent),
        evaluation=_evaluation(result),
    )


def _win(result: Mapping[str, Any], parent: str) -> WinView:
    evaluation = result.get("evaluation")
    if evaluation:
        served = evaluation["conditions"]["served"]
        return _won(
            served.get("against_start") or served["against_sft"], parent, evaluation["judge"]
        )
    words = ((result.get("evidence") or {}).get("gain") or {}).get("words")
    if words:
        return _won(words, parent, "a judge on words that did not supply the reward")
    return WinView(
        rate="–",
        words=f"wins against {parent}: nobody compared them. Votes of people in Compare will tell.",
    )


def _won(comparison: Mapping[str, Any], parent: str, judge: str) -> WinView:
    low, high = comparison["interval"]
    return WinView(
        rate=f"{comparison['win_rate']:.0%}",
        words=f"wins against {parent} [{low:.0%} to {high:.0%}], ties half, in {comparison['n']:,} questions, by "
        f"{judge}.",
    )


def _evaluation(result: Mapping[str, Any]) -> str:
    """What else was measured; the win rate against SFT only where that is not the parent."""
    evaluation = result.get("evaluation")
    if not evaluation:
        return ""
    found = []
    served, least = (evaluation["conditions"].get(name) for name in ("served", "least preferred"))
    if "against_start" in served:
        won = served["against_sft"]
        low, high = won["interval"]
        found.append(f"Against SFT it wins {won['win_rate']:.0%} [{low:.0%} to {high:.0%}].")
    if least is not None:
        found.append(
            f"Asked for the least preferred behaviour instead, it wins {least['against_sft']['win_rate']:.0%} against "
            f"SFT."
        )
    return " ".join(found)
