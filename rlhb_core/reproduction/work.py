"""One task of the reproduction in a process of its own: `python -m rlhb_core.reproduction.work FOLDER SEED TASK`.

Whatever is done already is left as it is; a run that broke off is resumed from its checkpoint.
"""

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rlhb_core.errors import RlhbError, RunError
from rlhb_core.learning.diagnostics import distinct
from rlhb_core.learning.rollout import roll_out
from rlhb_core.learning.session import seed_all
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.reproduction.tasks import ANSWERS, ARMS, Log, Measure, RunTask, Task, plan
from rlhb_core.run.config import RunConfig
from rlhb_core.run.data import Pair
from rlhb_core.run.folder import RunDir, write_json
from rlhb_core.run.recipe import load_recipe
from rlhb_core.run.sections import SamplingSettings
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.record import write_jsonl
from rlhb_core.schema.records import EMBEDDED, RunStatus, Source
from rlhb_core.train.examiner import Answers
from rlhb_core.train.loop import train
from rlhb_core.train.version import read_version
from rlhb_core.verdict.paired import compare_paired
from rlhb_core.world.annotators import BARE, POPULATION, population
from rlhb_core.world.examination import WorldExaminer, questions, utilities, world_shares
from rlhb_core.world.simulation import Author, as_log, simulate

log = logging.getLogger(__name__)

TEMPERATURES = (0.5, 0.7, 1.0, 1.3)
SAMPLES = 4
"""Answers to each question at every temperature."""


def is_done(folder: Path, task: Task) -> bool:
    """Whether the task has nothing left to do in this seed's folder."""
    if isinstance(task, RunTask):
        return RunDir(folder / task.name).state() is RunStatus.DONE
    return (folder / task.name / "done.json").exists()


def do(folder: Path, seed: int, task: Task) -> None:
    """Do one task. Raises RlhbError, saying what went wrong."""
    if is_done(folder, task):
        return
    torch.set_num_threads(1)
    if isinstance(task, RunTask):
        _train(folder, seed, task)
        return
    place = folder / task.name
    place.mkdir(parents=True, exist_ok=True)
    if isinstance(task, Log):
        _collect(folder, seed, task)
    else:
        write_json(place / "result.json", MEASURES[task.name](folder, seed, task))
    write_json(place / "done.json", task._asdict())


# --- logs and runs --------------------------------------------------------------------------------


def _collect(folder: Path, seed: int, task: Log) -> None:
    """What simulated people do with answers side by side, as on the Compare page: those of a version, as it is served,
    and one of SFT. Answers of the version alone vary too little for anyone to learn from them what people want.
    """
    own = seed * 1000 + sum(
        task.name.encode()
    )  # every log has other people's moods and other queries
    seed_all(own)
    trunk = load_trunk(EMBEDDED, "cpu")
    authors = [Author("SFT", Arm.SFT)] * ANSWERS
    if task.author:
        version = folder / task.author / "version"
        trunk.load_adapter("author", version)
        facts = read_version(version)
        newest = Author(task.author, Arm(facts["arm"]), "author", facts["condition"])
        authors[1:] = [newest] * (ANSWERS - 1)
    taste = BARE if task.shifted else POPULATION
    answered = simulate(trunk, authors, task.queries, own, taste=taste)
    triplets, comparisons = as_log(answered)
    write_jsonl(folder / task.name / "triplets.jsonl", triplets)
    write_jsonl(folder / task.name / "comparisons.jsonl", comparisons)


def _train(folder: Path, seed: int, task: RunTask) -> None:
    run = RunDir(folder / task.name)
    resume = (run.path / "config.json").exists()
    if not resume:
        _create(folder, seed, task, run)
    if train(run, resume, examiner=WorldExaminer()) != 0:
        raise RunError(f"{task.name}: {run.message()}")


def configuration(
    seed: int, task: RunTask, start: Path | None = None, start_condition: str = ""
) -> RunConfig:
    """The settings of a run that starts from the version in `start`, or from the base model."""
    return load_recipe(
        task.arm.value,
        {
            "seed": seed,
            "device": "cpu",
            "source": Source.SIMULATED.value,
            "start": start and str(start),
            "start_condition": start_condition,
            "parent_version": task.parent or "SFT",
            **task.overrides,
        },
    )


def _create(folder: Path, seed: int, task: RunTask, run: RunDir) -> None:
    start = folder / task.parent / "version" if task.parent else None
    condition = (start and read_version(start)["condition"]) or ""
    config = configuration(seed, task, start, condition)
    data = run.path / "data"
    data.mkdir(parents=True, exist_ok=True)
    for name in ("triplets.jsonl", "comparisons.jsonl"):
        (data / name).unlink(missing_ok=True)
        (data / name).hardlink_to(folder / task.log / name)
    write_json(run.path / "config.json", config.model_dump(mode="json"))


# --- measured on finished runs --------------------------------------------------------------------


def policies(folder: Path) -> Answers:
    """What every policy of the table answered to the same questions, by its name in the report."""
    found: Answers = {}
    for name in ARMS:
        answers = RunDir(folder / name).answers()
        if not answers:
            continue
        found.setdefault("sft", answers["SFT"])
        found[name] = answers["served"]
        if name == "rlhb":
            found["warm-up"] = answers["warm-up"]
        found |= {
            f"{policy} by {name}": texts
            for policy, texts in answers.items()
            if policy.startswith("best of")
        }
    return found


def _table(folder: Path, seed: int, _: Measure) -> dict[str, Any]:
    """Every policy against every other one, by hidden utility and by simulated votes."""
    texts = policies(folder)
    if not texts:
        raise RunError("no arm of the table is done yet")
    queries = questions(seed, len(texts["sft"]))
    worth = {name: utilities(queries, answers) for name, answers in texts.items()}
    pairs = list(combinations(texts, 2))
    return {
        "policies": {name: world_shares(queries, answers) for name, answers in texts.items()},
        "by_utility": {f"{b} | {a}": compare_paired(worth[b], worth[a]) for a, b in pairs},
        "by_votes": {
            f"{b} | {a}": _vote(queries, texts[b], texts[a], seed) for a, b in pairs if a == "sft"
        },
    }


def _vote(
    queries: Sequence[str], ours: Sequence[str], theirs: Sequence[str], seed: int
) -> dict[str, Any]:
    """How simulated people who wrote no training data vote between two policies; sides are shuffled."""
    people = population(seed + 77_000, 40)
    rng = np.random.default_rng([seed, 77])
    points = []
    for index, query in enumerate(queries):
        swap = bool(rng.random() < 0.5)
        shown = [theirs[index], ours[index]] if swap else [ours[index], theirs[index]]
        choice = people[index % len(people)].vote(query, shown, rng)
        points.append(0.5 if isinstance(choice, str) else float((choice == 0) != swap))
    return compare_paired(points, [0.5] * len(points))


def _temperatures(folder: Path, seed: int, task: Measure) -> dict[str, Any]:
    """Worth and diversity at several temperatures: SAMPLES answers to each question."""
    queries = [text for text in questions(seed, task.questions) for _ in range(SAMPLES)]
    found: dict[str, Any] = {}
    for name in ("sft", "rlhf", "rlhbc", "rlhb", "rlhf_rlhb"):
        trunk = load_trunk(EMBEDDED, "cpu")
        condition, adapter = None, None
        if name != "sft":
            if not (folder / name / "version").exists():
                continue
            trunk.load_adapter("version", folder / name / "version")
            condition, adapter = read_version(folder / name / "version")["condition"], "version"
        found[name] = []
        for temperature in TEMPERATURES:
            torch.manual_seed(seed)
            with trunk.using(adapter):
                texts = roll_out(
                    trunk,
                    [Pair(query, condition) for query in queries],
                    SamplingSettings(temperature=temperature),
                ).texts
            found[name].append(
                {
                    "temperature": temperature,
                    "utility": float(np.mean(utilities(queries, texts))),
                    "distinct_2": distinct([text.split() for text in texts], 2),
                    "different": _different(texts),
                }
            )
    return found


def _different(texts: Sequence[str]) -> float:
    """Mean share of unlike answers among the SAMPLES to one question."""
    groups = [texts[start : start + SAMPLES] for start in range(0, len(texts), SAMPLES)]
    return float(np.mean([len(set(group)) / len(group) for group in groups]))


MEASURES = {"table": _table, "temperatures": _temperatures}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="One task of the reproduction.")
    parser.add_argument("folder", type=Path, help="the seed's folder")
    parser.add_argument("seed", type=int)
    parser.add_argument("task")
    parser.add_argument("--rehearsal", action="store_true", help="tiny logs, tiny settings")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    tasks: Mapping[str, Task] = {task.name: task for task in plan(True, args.rehearsal)}
    try:
        do(args.folder, args.seed, tasks[args.task])
    except RlhbError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
