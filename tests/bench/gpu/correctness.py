"""Whether a GPU computes what the CPU computes: log-probabilities, mixed adapters, training, going on after a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from rlhb_core.learning.rollout import Rollouts, measure, roll_out
from rlhb_core.lm.decoding import Decoder
from rlhb_core.lm.rows import Row
from rlhb_core.lm.trunk import Trunk, load_trunk
from rlhb_core.reproduction.tasks import REHEARSAL
from rlhb_core.run.data import Pair
from rlhb_core.run.folder import RunDir
from rlhb_core.run.recipe import load_recipe
from rlhb_core.run.sections import SamplingSettings
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import EMBEDDED, Comparison, Source, Triplet
from rlhb_core.world import sample_queries
from rlhb_core.world.simulation import Author, as_log, simulate

ADAPTERS = ("first", "second", "third")
ANSWERS = 96
LOOK_S = 0.05
GIVE_UP_S = 600.0
LOOPS = ("ppo", "adversarial")
"""The stages that are the PPO loop."""


def with_adapters(base: str, device: str, dtype: str, folder: Path) -> Trunk:
    """A trunk with adapters that change what it says; the same ones on every device, since they come from `folder`."""
    trunk = load_trunk(base, device, dtype)
    for name in ADAPTERS:
        trunk.load_adapter(name, folder / name)
    return trunk


def make_adapters(base: str, folder: Path) -> None:
    """Adapters with random weights, as PEFT folders."""
    trunk = load_trunk(base, "cpu", "float32")
    for number, name in enumerate(ADAPTERS):
        trunk.add_adapter(name, 8, 16)
        torch.manual_seed(number)
        state = trunk.adapter_state(name)
        trunk.set_adapter_state(
            name, {key: 0.05 * torch.randn_like(value) for key, value in state.items()}
        )
        trunk.save_adapter(name, folder / name)


def log_probabilities(base: str, device: str, folder: Path) -> dict[str, Any]:
    """What the device says of answers, in each precision, against the CPU in float32; nats per token."""
    queries = sample_queries(np.random.default_rng(0), ANSWERS)
    cpu = with_adapters(base, "cpu", "float32", folder)
    torch.manual_seed(0)
    with cpu.using("first"):
        rollouts = roll_out(
            cpu, [Pair(query, None) for query in queries], SamplingSettings(max_new_tokens=32)
        )
        said = measure(cpu, rollouts, 1.0, 32, full=False)
    found: dict[str, Any] = {}
    for dtype in ("float32", "bfloat16"):
        trunk = with_adapters(base, device, dtype, folder)
        with trunk.using("first"):
            there = measure(trunk, rollouts, 1.0, 32, full=False).logprobs.cpu()
            drawn = _drawn_again(trunk, queries, rollouts)
        away = (there - said.logprobs).abs()[said.mask.bool()]
        found[dtype] = {
            "mean": float(away.mean()),
            "largest": float(away.max()),
            "same_draws": drawn,
        }
        del trunk
    return found


def _drawn_again(trunk: Trunk, queries: list[str], rollouts: Rollouts) -> float:
    """Share of answers that the same seed gives again, token for token."""
    torch.manual_seed(0)
    again = roll_out(
        trunk, [Pair(query, None) for query in queries], SamplingSettings(max_new_tokens=32)
    )
    same = [a == b for a, b in zip(again.responses, rollouts.responses, strict=True)]
    return float(np.mean(same))


def mixed_adapters(base: str, device: str, folder: Path) -> dict[str, float]:
    """Rows of several adapters in one batch against each adapter alone: share of equal texts at temperature 0."""
    decoder = Decoder(load_trunk(base, device, "float32"))
    for name in ADAPTERS:
        decoder.add(name, folder / name)
    queries = sample_queries(np.random.default_rng(1), 8)
    worn = (None, *ADAPTERS)
    rows = [
        Row(query, adapter=name, temperature=0, max_new_tokens=24)
        for query in queries
        for name in worn
    ]
    together = [one.text for one in decoder.stream(rows, lambda row, text: None)]
    alone = [decoder.stream([row], lambda row, text: None)[0].text for row in rows]
    return {
        "same": float(np.mean([a == b for a, b in zip(together, alone, strict=True)])),
        "different_texts": float(len(set(together))),
    }


def small_log() -> tuple[list[Triplet], list[Comparison]]:
    """What simulated annotators of the closed world did with answers of the embedded model."""
    trunk = load_trunk(EMBEDDED, "cpu")
    return as_log(simulate(trunk, [Author("SFT", Arm.SFT)] * 3, 90, 3))


def training(
    device: str,
    folder: Path,
    arm: str,
    dtype: str,
    log: tuple[list[Triplet], list[Comparison]],
) -> dict[str, Any]:
    """A small run of the embedded model, whole, and once more killed and resumed: do both end with the same weights?"""
    config = load_recipe(
        arm,
        {**REHEARSAL, "ppo.iterations": 6, "evaluation.every": 0, "checkpoint_every": 1, "device": device,
         "source": Source.SIMULATED.value, "parent_version": "SFT", "dtype": dtype},
    )  # fmt: skip
    whole = RunDir.create(folder / f"{arm}-whole", config, *log)
    broken = RunDir.create(folder / f"{arm}-broken", config, *log)
    began = time.perf_counter()
    undisturbed = _process(whole)
    killed_at = _kill_in_ppo(_process(broken), broken)
    resumed = _process(broken, "--resume").wait()
    undisturbed.wait()
    seconds = time.perf_counter() - began
    ended = all(run.version.exists() for run in (whole, broken))
    away = _apart(whole, broken) if ended else None
    last = [row for row in whole.metrics() if row["stage"] in LOOPS][-1:]
    return {
        "ended": [whole.message(), broken.message()],
        "seconds": seconds,
        "killed_at_step": killed_at,
        "resumed_returncode": resumed,
        "weights_apart": away,
        "first_ratio": last[0]["val/ratio"] if last else None,
    }


def _apart(one: RunDir, other: RunDir) -> float:
    """The largest difference between the weights of two versions."""
    ours, theirs = (load_file(run.version / "adapter_model.safetensors") for run in (one, other))
    return max(float((ours[key].float() - theirs[key].float()).abs().max()) for key in ours)


def _process(run: RunDir, *options: str) -> subprocess.Popen[bytes]:
    with run.path.with_suffix(".err").open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "rlhb_core", str(run.path), *options],
            stdout=errors,
            stderr=errors,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )


def _kill_in_ppo(process: subprocess.Popen[bytes], run: RunDir) -> int:
    """SIGKILL after the second step of the PPO loop; at which step it was."""
    end = time.monotonic() + GIVE_UP_S
    while process.poll() is None and time.monotonic() < end:
        progress = run.progress()
        if progress and progress["stage"] in LOOPS and progress["step"] >= 2:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return progress["step"]
        time.sleep(LOOK_S)
    process.kill()
    process.wait()
    return 0
