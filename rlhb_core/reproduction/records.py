"""What one seed came to, as one JSON file: everything that results and pictures are made from.

A record outlives the folder that it was read from, and every run in it says which settings and which log it was made
with: what is there is not done again, and what was made otherwise than it would be made now is.
Does not know statistics over seeds (`results.py`).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rlhb_core.errors import RunError
from rlhb_core.reproduction.tasks import ROUNDS, SHIFT, Log, Measure, RunTask, Task
from rlhb_core.reproduction.work import configuration, is_done
from rlhb_core.run.config import RunConfig
from rlhb_core.run.folder import RunDir, write_json
from rlhb_core.run.metrics import Row
from rlhb_core.run.retired import otherwise, without_retired
from rlhb_core.world.annotators import BARE
from rlhb_core.world.examination import questions, utilities

KEPT = (
    "eval/utility",
    "eval/win_rate",
    "objective/scores",
    "objective/returns",
    "objective/kl",
    "disc/loss",
    "disc/p_real",
    "disc/p_fake",
    "disc/calibrated_real",
    "disc/calibrated_fake",
    "disc/calibrated_accuracy",
)
"""Metrics of the PPO loop that the pictures are drawn from."""

SeedRecord = dict[str, Any]
"""seed, minutes, runs: name -> how it was made and what it came to, and one entry per measure."""


def write_seed(
    file: Path,
    folder: Path,
    seed: int,
    tasks: Sequence[Task],
    minutes: float,
    rehearsal: bool = False,
) -> None:
    """Read what the tasks of a seed left behind and write it down, beside what the record has of the others.

    Tasks that are neither done nor recorded are left out.
    """
    before = read_seed(file, rehearsal) or {}
    kept = recorded(before, seed, tasks)
    runs: dict[str, Any] = {
        name: run for name, run in before.get("runs", {}).items() if name in kept
    }
    measures: dict[str, Any] = {
        task.name: before[task.name]
        for task in tasks
        if isinstance(task, Measure) and task.name in kept
    }
    for task in tasks:
        if is_done(folder, task):
            match task:
                case RunTask():
                    runs[task.name] = _run(RunDir(folder / task.name), task, seed, tasks)
                case Measure():
                    measures[task.name] = _read(folder / task.name / "result.json")
    record: SeedRecord = {
        "seed": seed,
        "simulated": True,
        "rehearsal": rehearsal,
        "minutes": round(minutes, 1),
        "runs": {task.name: runs[task.name] for task in tasks if task.name in runs},
        **measures,
        "shifted_taste": {
            key: worth
            for key, worth in (before.get("shifted_taste", {}) | _shifted(folder, seed)).items()
            if key == "sft" or key in runs
        },
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, record)


def read_seed(file: Path, rehearsal: bool) -> SeedRecord | None:
    """The record of a seed, if there is one of this kind."""
    if not file.exists():
        return None
    record: SeedRecord = _read(file)
    return record if record["rehearsal"] is rehearsal else None


def recorded(record: Mapping[str, Any], seed: int, tasks: Sequence[Task]) -> set[str]:
    """Names of the tasks that the record has as they would be done now, and so everything that they need.

    Nothing is kept of a log but what was trained on it, so a log counts as recorded if its author does.
    """
    found: set[str] = set()
    for task in tasks:  # each comes after what it needs
        match task:
            case Log():
                there = True
            case RunTask():
                run = record.get("runs", {}).get(task.name)
                there = run is not None and _as_now(run.get("made"), task, seed, tasks)
            case Measure():
                there = task.name in record
        if there and found.issuperset(task.needs):
            found.add(task.name)
    return found


def left(record: Mapping[str, Any] | None, seed: int, tasks: Sequence[Task]) -> list[Task]:
    """What is to be done for the record to have all tasks: those that it lacks, and whatever they need;
    in their order.
    """
    have = recorded(record or {}, seed, tasks)
    wanted: set[str] = set()
    for task in reversed(tasks):
        lacking = task.name not in have and not isinstance(task, Log)
        if lacking or task.name in wanted:
            wanted |= {task.name, *task.needs}
    return [task for task in tasks if task.name in wanted]


def refuse_others(folder: Path, seed: int, tasks: Sequence[Task]) -> None:
    """Raise RunError, saying what to do, if something in the folder was made otherwise than it would be now."""
    for task in tasks:
        place = folder / task.name
        match task:
            case Log():
                file, now = place / "done.json", task._asdict()
                alike = not file.exists() or _read(file) == now
            case RunTask():
                file = place / "config.json"
                now = _made(task, seed, tasks)["settings"]
                alike = not file.exists() or _is_now(RunDir(place), now)
            case Measure():
                continue
        if not alike:
            raise RunError(
                f"{place} was made with other settings than this version has: remove {folder} to do the seed again, "
                "or name another folder with --work"
            )


def _made(task: RunTask, seed: int, tasks: Sequence[Task]) -> dict[str, Any]:
    """How a run would be made now, in the form of its record."""
    start = Path(task.parent) if task.parent else None
    log = next(each for each in tasks if each.name == task.log)
    return {
        "settings": _settings(configuration(seed, task, start)),
        "log": log._asdict(),
    }


def _as_now(
    made: Mapping[str, Any] | None, task: RunTask, seed: int, tasks: Sequence[Task]
) -> bool:
    """Whether a run was made as it would be made now.
    A setting that the record does not know had what is the default now.
    """
    if made is None:
        return False
    now = _made(task, seed, tasks)
    if otherwise(made["settings"]):
        return False
    try:
        config = RunConfig.load({**without_retired(made["settings"]), "start": task.parent or None})
    except ValidationError:  # a setting is gone
        return False
    return bool(made["log"] == now["log"]) and _settings(config) == now["settings"]


def _is_now(run: RunDir, settings: Mapping[str, Any]) -> bool:
    return not run.made_otherwise() and _settings(run.config()) == settings


def _settings(config: RunConfig) -> dict[str, Any]:
    """All settings of a run but where its start lies, and what came of that."""
    return config.model_dump(mode="json", exclude={"start", "start_condition"})


def read_seeds(folder: Path) -> list[SeedRecord]:
    """The records of all seeds, in order."""
    found = [_read(file) for file in folder.glob("seed-*.json")]
    return sorted(found, key=lambda record: int(record["seed"]))


def _read(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def _run(run: RunDir, task: RunTask, seed: int, tasks: Sequence[Task]) -> dict[str, Any]:
    result = run.result() or {}
    evidence = result["evidence"]
    return {
        "made": _made(task, seed, tasks) | {"settings": _settings(run.config())},
        "group": task.group,
        "sentence": task.sentence,
        "arm": task.arm.value,
        "parent": task.parent,
        "condition": result["condition"],
        "verdict": result["verdict"],
        "evaluation": result["evaluation"],
        "samples": result["samples"][:4],
        "evidence": {key: value for key, value in evidence.items() if key != "history"},
        "curves": _curves(run.metrics()),
    }


def _curves(rows: Sequence[Row]) -> dict[str, list[list[float]]]:
    """Metric -> [[step of the stage, value], ...], of the PPO loop only."""
    found: dict[str, list[list[float]]] = {}
    for row in rows:
        if row["stage"] in ("ppo", "adversarial"):
            for name in KEPT:
                if name in row:
                    found.setdefault(name, []).append(
                        [int(row["step"]), round(float(row[name]), 5)]
                    )
    return found


def _shifted(folder: Path, seed: int) -> dict[str, float]:
    """Mean utility under the other taste: of SFT, and of the last round's version and those after the shift."""
    found: dict[str, float] = {}
    for name in (ROUNDS[-1], *SHIFT):
        if answers := RunDir(folder / name).answers():
            queries = questions(seed, len(answers["SFT"]))
            for key, policy in (("sft", "SFT"), (name, "served")):
                worth = utilities(queries, answers[policy], BARE)
                found.setdefault(key, sum(worth) / len(worth))
    return found
