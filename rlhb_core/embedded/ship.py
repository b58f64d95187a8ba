"""Trains the versions that ship beside the base model: `python -m rlhb_core.embedded.ship --work DIR`.

The product's own training on simulated annotators, seeded: the base model answers, people of the closed world react
and vote, RLHF and RLHB are trained on that log; then RLHF answers, and RLHF+RLHB is trained on what it drew.
Every part that is already done in DIR is left as it is, so the command can be repeated.
"""

import argparse
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch

from rlhb_core.config import EMBEDDED
from rlhb_core.embedded import base_path
from rlhb_core.errors import RunError
from rlhb_core.generator import load_trunk
from rlhb_core.recipe import load_recipe
from rlhb_core.records import Arm, Comparison, RunStatus, Source, Triplet
from rlhb_core.run_dir import RunDir, write_json
from rlhb_core.session import seed_all
from rlhb_core.simulation import Author, as_log, simulate
from rlhb_core.train import train
from rlhb_core.version import VERSION_FILE, read_version

log = logging.getLogger(__name__)

QUERIES = 6_000
ANSWERS = 3
"""Every query is answered so many times: 18,000 triplets and 6,000 votes."""
ARMS = (Arm.RLHF, Arm.RLHB, Arm.RLHF_RLHB)


def ship(work: Path, arms: Sequence[Arm], seed: int, queries: int) -> None:
    """Train the arms in order and put their versions beside the base model."""
    base_log = None
    for arm in arms:
        run = RunDir(work / arm.value)
        if run.state() is not RunStatus.DONE:
            if (run.path / "config.json").exists():
                _train(run, resume=True)
            else:
                if arm is Arm.RLHF_RLHB:
                    parent = work / Arm.RLHF.value / "version"
                    data = simulated_log(queries, seed + 100, parent)
                else:
                    parent = None
                    base_log = base_log or simulated_log(queries, seed, None)
                    data = base_log
                _create(run, arm, parent, data, seed)
                _train(run, resume=False)
        publish(run, base_path().parent / arm.value)


def simulated_log(
    queries: int, seed: int, adapter: Path | None
) -> tuple[list[Triplet], list[Comparison]]:
    """What simulated annotators do with the answers of the base model, or of an adapter on it."""
    seed_all(seed)
    trunk = load_trunk(EMBEDDED, "cpu")
    author = Author("SFT", Arm.SFT)
    if adapter is not None:
        trunk.load_adapter("parent", adapter)
        author = Author("RLHF", Arm.RLHF, "parent")
    return as_log(simulate(trunk, [author] * ANSWERS, queries, seed))


def _create(
    run: RunDir,
    arm: Arm,
    parent: Path | None,
    data: tuple[list[Triplet], list[Comparison]],
    seed: int,
) -> None:
    config = load_recipe(
        arm.value,
        {
            "seed": seed,
            "device": "cpu",
            "source": Source.SIMULATED.value,
            "start": None if parent is None else str(parent),
            "parent_version": "SFT" if parent is None else "RLHF",
        },
    )
    RunDir.create(run.path, config, *data)


def _train(run: RunDir, resume: bool) -> None:
    log.info("training in %s", run.path)
    if train(run, resume) != 0:
        raise RunError(f"{run.path}: {run.message()}")
    if run.state() is not RunStatus.DONE:
        raise RunError(f"{run.path} was stopped; the same command goes on with it")


def publish(run: RunDir, folder: Path) -> None:
    """Copy a version with its measured figures; paths of this machine stay behind."""
    result = run.result()
    assert result is not None
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(run.version, folder)
    evaluation = result["evaluation"]
    version = read_version(folder) | {
        "evaluation": evaluation,
        "checks": result["verdict"]["checks"],
    }
    write_json(folder / VERSION_FILE, version)
    served = evaluation["conditions"]["served"]["against_sft"]
    log.info("%s: %s, %s against SFT", folder.name, version["verdict"], served)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train the versions that ship with the package.")
    parser.add_argument("--work", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--seed", type=int, default=0, help="seed of logs and runs")
    parser.add_argument("--queries", type=int, default=QUERIES, help="queries per log")
    parser.add_argument("--arms", nargs="*", default=[arm.value for arm in ARMS])
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    ship(args.work, [Arm(arm) for arm in args.arms], args.seed, args.queries)


if __name__ == "__main__":
    main()
