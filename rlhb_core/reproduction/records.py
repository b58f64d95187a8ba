"""What one seed came to, as one JSON file: everything that results and pictures are made from.

Does not know statistics over seeds (`results.py`).
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rlhb_core.annotators import BARE
from rlhb_core.metrics import Row
from rlhb_core.reproduction.tasks import ROUNDS, SHIFT, Measure, Run, Task
from rlhb_core.reproduction.work import is_done
from rlhb_core.run_dir import RunDir, write_json
from rlhb_core.world_evaluation import questions, utilities

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
"""seed, minutes, settings, runs: name -> figures, and one entry per measure."""


def write_seed(
    file: Path,
    folder: Path,
    seed: int,
    tasks: Iterable[Task],
    minutes: float,
    rehearsal: bool = False,
) -> None:
    """Read what the tasks of a seed left behind and write it down. Tasks that are not done are left out."""
    runs: dict[str, Any] = {}
    measures: dict[str, Any] = {}
    for task in tasks:
        if not is_done(folder, task):
            continue
        if isinstance(task, Run):
            runs[task.name] = _run(RunDir(folder / task.name), task)
        elif isinstance(task, Measure):
            measures[task.name] = json.loads(
                (folder / task.name / "result.json").read_text("utf-8")
            )
    record: SeedRecord = {
        "seed": seed,
        "simulated": True,
        "rehearsal": rehearsal,
        "minutes": round(minutes, 1),
        "runs": runs,
        **measures,
        "shifted_taste": _shifted(folder, seed, runs),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, record)


def is_whole(file: Path, tasks: Iterable[Task], rehearsal: bool) -> bool:
    """Whether a record has everything of these tasks, so that the seed need not be gone through again."""
    if not file.exists():
        return False
    record: SeedRecord = json.loads(file.read_text("utf-8"))
    runs = all(task.name in record["runs"] for task in tasks if isinstance(task, Run))
    measures = all(task.name in record for task in tasks if isinstance(task, Measure))
    return runs and measures and record["rehearsal"] is rehearsal


def read_seeds(folder: Path) -> list[SeedRecord]:
    """The records of all seeds, in order."""
    found = [json.loads(file.read_text("utf-8")) for file in folder.glob("seed-*.json")]
    return sorted(found, key=lambda record: int(record["seed"]))


def _run(run: RunDir, task: Run) -> dict[str, Any]:
    result = run.result() or {}
    evidence = result["evidence"]
    return {
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


def _curves(rows: Iterable[Row]) -> dict[str, list[list[float]]]:
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


def _shifted(folder: Path, seed: int, runs: Iterable[str]) -> dict[str, float]:
    """Mean utility under the other taste: of SFT, and of the last round's version and those after the shift."""
    found: dict[str, float] = {}
    for name in (ROUNDS[-1], *SHIFT):
        if name in runs:
            answers = RunDir(folder / name).answers()
            queries = questions(seed, len(answers["SFT"]))
            for key, policy in (("sft", "SFT"), (name, "served")):
                worth = utilities(queries, answers[policy], BARE)
                found.setdefault(key, sum(worth) / len(worth))
    return found
