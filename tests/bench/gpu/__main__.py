"""`python -m tests.bench.gpu PART [--base FOLDER] [--out FOLDER]`: one part after the other, each by itself.

What a part found is written to `<out>/<part>.json` as soon as it is known, so that a part that breaks takes nothing
with it. Without a GPU only `--device cpu --tiny` runs, which shows that everything runs and measures nothing.
"""

import argparse
import json
import platform
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from rlhb_core.schema.records import EMBEDDED
from tests.bench.gpu import correctness, speed
from tests.bench.gpu.learning import Load, learn

TINY = Load(
    queries=40,
    new_tokens=16,
    batch=32,
    measured=16,
    overrides={
        "ppo.iterations": 2, "ppo.rollouts": 8, "ppo.minibatch": 8, "ppo.micro_batch": 8, "data.min_comparisons": 8,
        "warmup.steps": 1, "warmup.batch": 4, "discriminator.pretrain_steps": 10, "discriminator.pretrain_rollouts": 16,
        "ppo.likelihood_batch": 4, "reward_model.steps": 10, "classifier.steps": 10,
        "evaluation.samples": 8, "evaluation.judge_rollouts": 16, "evaluation.judge_steps": 5,
        "evaluation.judge_pretrain_steps": 5, "evaluation.watch": 4,
    },
)  # fmt: skip


def checks(args: argparse.Namespace) -> dict[str, Any]:
    """Correctness."""
    found: dict[str, Any] = {}
    for base in dict.fromkeys((EMBEDDED, args.base)):
        name = "embedded" if base == EMBEDDED else "base"
        adapters = args.out / f"adapters-{name}"
        correctness.make_adapters(base, adapters)
        found[f"log_probabilities_{name}"] = correctness.log_probabilities(
            base, args.device, adapters
        )
        found[f"mixed_adapters_{name}"] = correctness.mixed_adapters(base, args.device, adapters)
        _write(args.out / "correctness.json", found)
    log = correctness.small_log()
    with ThreadPoolExecutor() as side_by_side:
        trained = {
            f"training_{arm}_{dtype}": side_by_side.submit(
                correctness.training, args.device, args.out / dtype, arm, dtype, log
            )
            for dtype in (("float32",) if args.tiny else ("float32", "bfloat16"))
            for arm in (("rlhf",) if args.tiny else ("rlhb", "rlhf"))
        }
        return found | {name: each.result() for name, each in trained.items()}


def speeds(args: argparse.Namespace) -> dict[str, Any]:
    """Rollout and update of random Llamas, against what TRL's PPO is made of."""
    if args.tiny:
        load = speed.Load(rollouts=4, prompt_tokens=8, new_tokens=4, micro_batch=2)
        return {"tiny": speed.compare({}, load, args.device, "float32")}
    found: dict[str, Any] = {}
    for size in args.sizes.split(","):
        found[size] = speed.compare(speed.SIZES[size], speed.LOADS[size], args.device, "bfloat16")
        _write(args.out / "speed.json", found)
        sys.stdout.write(f"{size}: {json.dumps(found[size])}\n")
    return found


def learns(args: argparse.Namespace) -> dict[str, Any]:
    """Whether the base model learns from simulated readers."""
    load = (TINY if args.tiny else Load())._replace(until_s=args.until)
    arms = ("rlhf", "rlhb") if args.tiny else ("rlhf", "rlhb", "rlhbc")
    return learn(args.base, args.out / "learning", args.seed, args.device, load, arms)


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "correctness": checks,
    "speed": speeds,
    "learning": learns,
}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all without any")
    parser.add_argument("--base", default=EMBEDDED, help="folder of a pretrained model")
    parser.add_argument("--out", type=Path, default=Path("gpu"), help="where results go")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sizes", default="135M,0.5B,1.5B,7B")
    parser.add_argument(
        "--until", type=float, default=float("inf"), help="stop training after so many seconds"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tiny", action="store_true", help="shows that it runs; measures nothing")
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        sys.exit("There is no CUDA device here, so nothing was measured.")
    args.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for part in args.parts or PARTS:
        began = time.perf_counter()
        try:
            found = PARTS[part](args)
        except Exception:
            failed += 1
            found = {"failed": traceback.format_exc()}
        found |= {
            "machine": _machine(args.device),
            "seconds": round(time.perf_counter() - began, 1),
        }
        _write(args.out / f"{part}.json", found)
        sys.stdout.write(f"{part}: {json.dumps(found)[:6000]}\n")
        sys.stdout.flush()
    return failed


def _machine(device: str) -> dict[str, str]:
    name = torch.cuda.get_device_name() if device == "cuda" else platform.processor() or "cpu"
    return {"device": name, "torch": torch.__version__}


def _write(file: Path, found: Any) -> None:
    file.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
