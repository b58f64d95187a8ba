"""Runs as pages and API clients see them: names, states and numbers in words.

Turns records and run folders into plain answers. Changes nothing, and knows no web framework.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from app.runs.training import GOING, RESUMABLE
from app.runs.verdict_view import verdict_tone, verdict_view
from app.runs.version_views import version_of
from app.runs.views import (
    AlarmView,
    AnswerView,
    CheckpointView,
    Number,
    ProgressView,
    RunDetail,
    RunView,
    SampleView,
    Tone,
)
from app.store import Connection, runs, versions
from rlhb_core.errors import RunError
from rlhb_core.run.folder import RunDir, damaged
from rlhb_core.run.metrics import METRICS
from rlhb_core.schema.records import Run, RunStatus
from rlhb_core.teachers import stage_label
from rlhb_core.verdict.alarms import alarms

Part = TypeVar("Part")

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


def list_runs(connection: Connection) -> list[RunView]:
    """Every run, newest first."""
    stored = runs.all(connection)
    names = versions.names(connection)
    return [_run_view(run, len(stored) - place, names) for place, run in enumerate(stored)]


def show_run(connection: Connection, run_id: UUID) -> RunDetail:
    """One run with its words and numbers. Raises UnknownReference.

    What cannot be read of its folder is said in `error`; the rest is shown.
    """
    run = runs.get(connection, run_id)
    order = [each.id for each in runs.all(connection)]
    line = _run_view(run, len(order) - order.index(run_id), versions.names(connection))
    folder = RunDir(Path(run.folder))
    wrong = [line.error] if line.error else []
    result = _readable(wrong, "result.json", folder.result) or {}
    rows = _readable(wrong, "metrics.jsonl", folder.metrics) or []
    found = RunDetail(
        **line.model_dump(),
        verdict=_readable(
            wrong, "result.json", lambda: verdict_view(result, line.parent or "its start")
        ),
        version=version_of(connection, run),
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
