"""Whether a pretrained model learns from simulated readers: log, arms, and their worth by the hidden taste.

What is measured is measured on subjects that the log never has. The readers are simulated (`rlhb_core.world.readers`).
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from rlhb_core.learning.diagnostics import distinct
from rlhb_core.learning.session import POLICY, seed_all
from rlhb_core.lm.scorers import Written, base_logprobs, response_features
from rlhb_core.lm.trunk import Trunk, load_trunk
from rlhb_core.run.data import load_split
from rlhb_core.run.folder import RunDir
from rlhb_core.run.recipe import load_recipe
from rlhb_core.run.sections import SamplingSettings
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.record import read_jsonl, write_jsonl
from rlhb_core.schema.records import Comparison, Source, Triplet
from rlhb_core.train.checkpoint import Checkpoint
from rlhb_core.train.version import read_version
from rlhb_core.verdict.paired import compare_paired
from rlhb_core.world.everyday import everyday_queries
from rlhb_core.world.examination import conditions
from rlhb_core.world.readers import hidden_taste, readers, traits
from rlhb_core.world.simulation import Author, as_log, draw_answers, read_by

ANSWERS, READERS = 3, 40
LOOPS = ("ppo", "adversarial")


class Load(NamedTuple):
    """How much is done."""

    queries: int = 2000
    new_tokens: int = 64
    batch: int = 512
    measured: int = 600
    """Held-out questions."""
    overrides: Mapping[str, Any] = {}
    until_s: float = float("inf")
    """Runs that are still at it so long after the beginning are stopped, and measured as far as they came."""


RECIPE: Mapping[str, Any] = {
    "dtype": "float32",
    "source": Source.SIMULATED.value,
    "parent_version": "SFT",
    "checkpoint_every": 100,
    "adapter.rank": 16,
    "adapter.alpha": 32,
    "sampling.max_prompt_tokens": 96,
    "ppo.iterations": 60,
    "ppo.rollouts": 256,
    "ppo.minibatch": 64,
    "ppo.micro_batch": 64,
    "ppo.learning_rate": 2e-4,
    "ppo.critic_learning_rate": 1e-3,
    "ppo.kl_stop": 60.0,
    "evaluation.samples": 256,
    "evaluation.judge_rollouts": 1000,
    "evaluation.judge_seeds": 1,
    "evaluation.reading_seeds": 0,
}
"""For a model of some hundred million parameters, over the recipes of the embedded one."""
CONDITIONED: Mapping[str, Any] = {
    "warmup.learning_rate": 3e-4,
    "warmup.micro_batch": 64,
    "discriminator.pretrain_rollouts": 1024,
    "ppo.likelihood_batch": 64,
}


def collect(trunk: Trunk, folder: Path, seed: int, load: Load) -> dict[str, float]:
    """A log of answers of the model itself, read by simulated readers."""
    seed_all(seed)
    rng = np.random.default_rng(seed)
    queries = everyday_queries(rng, load.queries)
    authors = [Author("SFT", Arm.SFT)] * ANSWERS
    answers = [draw_answers(trunk, author, queries, _sampling(load)) for author in authors]
    triplets, votes = as_log(read_by(readers(seed, READERS), queries, authors, answers, rng))
    folder.mkdir(parents=True, exist_ok=True)
    write_jsonl(folder / "triplets.jsonl", triplets)
    write_jsonl(folder / "comparisons.jsonl", votes)
    return {"triplets": len(triplets), "votes": len(votes)}


def train(
    base: Path, folder: Path, seed: int, device: str, load: Load, arms: Sequence[str], began: float
) -> dict[str, Any]:
    """Train the arms side by side, each in a process of its own; how each ended."""
    processes = {}
    for arm in arms:
        sampling = {"sampling.max_new_tokens": load.new_tokens, "sampling.batch": load.batch}
        conditioned = CONDITIONED if arm == Arm.RLHB else {}
        settings = {**RECIPE, **conditioned, **sampling, **load.overrides}
        config = load_recipe(arm, {**settings, "seed": seed, "base": str(base), "device": device})
        run = RunDir.create(
            folder / arm,
            config,
            read_jsonl(folder / "triplets.jsonl", Triplet),
            read_jsonl(folder / "comparisons.jsonl", Comparison),
        )
        with (folder / f"{arm}.err").open("wb") as errors:
            processes[arm] = subprocess.Popen(
                [sys.executable, "-m", "rlhb_core", str(run.path)],
                stdout=errors,
                stderr=errors,
                env=os.environ | {"OMP_NUM_THREADS": "2"},
            )
    found: dict[str, Any] = {}
    for arm, process in processes.items():
        try:
            code = process.wait(max(0.0, load.until_s - (time.perf_counter() - began)))
        except subprocess.TimeoutExpired:
            for other in arms:
                RunDir(folder / other).request_stop()
            code = process.wait()
        run = RunDir(folder / arm)
        rows = run.metrics()
        found[arm] = {
            "returncode": code,
            "message": run.message(),
            "seconds": time.perf_counter() - began,
            "verdict": (run.result() or {}).get("verdict"),
            "judges": (run.result() or {}).get("judges"),
            "last": [row for row in rows if row["stage"] in LOOPS][:: max(1, len(rows) // 12)],
        }
    return found


def worth(trunk: Trunk, folder: Path, seed: int, load: Load, arms: Sequence[str]) -> dict[str, Any]:
    """What the versions' answers are worth on held-out subjects, by the hidden taste."""
    queries = everyday_queries(np.random.default_rng(seed + 1), load.measured, held_out=True)
    told = {"sft": _answers(trunk, Author("SFT", Arm.SFT), queries, seed, load)}
    behaviors: dict[str, str | None] = {}
    for arm in arms:
        condition = _wear(trunk, RunDir(folder / arm))
        rows = [_Row(row.behavior_text) for row in read_jsonl(folder / "triplets.jsonl", Triplet)]
        for name, behavior in conditions(rows, condition).items():  # type: ignore[arg-type]
            label = arm if name == "served" else f"{arm} {name}"
            behaviors[label] = behavior
            told[label] = _answers(trunk, Author(arm, Arm(arm), arm, behavior), queries, seed, load)
    likes = {
        name: [hidden_taste(query, one.text) for query, one in zip(queries, rows, strict=True)]
        for name, rows in told.items()
    }
    return {
        name: {
            "behavior": behaviors.get(name),
            "taste": float(np.mean(likes[name])),
            "spread": float(np.std(likes[name])),
            "against_sft": compare_paired(likes[name], likes["sft"], 200),
            "ended": float(np.mean([one.ended for one in rows])),
            "repeated": float(
                np.mean(
                    [traits(q, one.text).repeated for q, one in zip(queries, rows, strict=True)]
                )
            ),
            "base_logprob": _fluency(trunk, rows, load),
            "distinct_2": distinct([one.text.split() for one in rows], 2),
            "words": float(np.mean([len(one.text.split()) for one in rows])),
            "examples": [[q, one.text] for q, one in zip(queries, rows, strict=True)][:6],
        }
        for name, rows in told.items()
    }


def _wear(trunk: Trunk, run: RunDir) -> str | None:
    """Put the run's version on the trunk, or what it had reached where it was stopped; what it is served on."""
    arm = run.path.name
    if run.version.exists():
        trunk.load_adapter(arm, run.version)
        condition: str | None = read_version(run.version)["condition"]
        return condition
    config = run.config()
    saved = Checkpoint(run.checkpoint).load()
    assert saved is not None, f"{arm} has not begun: {run.message()}"
    trunk.add_adapter(arm, config.adapter.rank, config.adapter.alpha)
    trunk.set_adapter_state(arm, saved["session"]["adapters"][POLICY])
    return load_split(config, run.triplets(), run.comparisons()).condition


class _Row(NamedTuple):
    behavior: str


def _answers(
    trunk: Trunk, author: Author, queries: Sequence[str], seed: int, load: Load
) -> list[Written]:
    torch.manual_seed(seed)
    return draw_answers(trunk, author, queries, _sampling(load)).seen()


def _fluency(trunk: Trunk, rows: Sequence[Written], load: Load) -> float:
    """Mean log-probability per token under the base model."""
    features = response_features(trunk, rows, 64, 96, load.new_tokens + 1)
    width = trunk.model.config.get_text_config().hidden_size
    return float(base_logprobs(features, width).mean())


def _sampling(load: Load) -> SamplingSettings:
    return SamplingSettings(max_new_tokens=load.new_tokens, batch=load.batch, max_prompt_tokens=96)


def learn(
    base: Path,
    folder: Path,
    seed: int,
    device: str,
    load: Load,
    arms: Sequence[str] = ("rlhf", "rlhb", "rlhbc"),
) -> dict[str, Any]:
    """One seed, from the log to the worth of its versions; written to `folder` as it goes."""
    trunk = load_trunk(str(base), device, "float32")
    clock = time.perf_counter()
    found: dict[str, Any] = {"simulated": True, "seed": seed}

    def note(name: str, value: Any) -> None:
        found[name] = value
        found[f"{name}_s"] = round(time.perf_counter() - clock, 1)
        (folder / "learning.json").write_text(json.dumps(found, indent=1), encoding="utf-8")

    folder.mkdir(parents=True, exist_ok=True)
    note("log", collect(trunk, folder, seed, load))
    note("runs", train(base, folder, seed, device, load, arms, clock))
    note("worth", worth(trunk, folder, seed, load, arms))
    return found
