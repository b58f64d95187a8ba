"""Ships versions beside the base model: `python -m rlhb_core.world.embedded.ship SEED_FOLDER`,
a seed of `rlhb reproduce`.

What is shipped is what was reported: the runs of the arms as `reproduction/` trained them on simulated annotators.
"""

import argparse
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from rlhb_core.errors import RunError
from rlhb_core.run.folder import RunDir, write_json
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import RunStatus
from rlhb_core.train.version import VERSION_FILE, read_version
from rlhb_core.world.embedded import base_path

log = logging.getLogger(__name__)

ARMS = (Arm.RLHF, Arm.RLHB, Arm.RLHF_RLHB)
LABELS = {arm.value: arm.label for arm in ARMS}
"""A seed calls its versions by their tasks, those who look at versions by the labels of the arms."""


def ship(seed: Path, arms: Sequence[Arm], target: Path) -> None:
    """Copy the versions of these arms from a seed's folder to beside the base model.

    Raises RunError if one of the runs is not done; then nothing is copied.
    """
    runs = {arm: RunDir(seed / arm.value) for arm in arms}
    for arm, run in runs.items():
        if run.state() is not RunStatus.DONE:
            raise RunError(
                f"{arm.label} is not trained in {seed}: `rlhb reproduce` trains it, and goes on where it broke off"
            )
    for arm, run in runs.items():
        publish(run, target / arm.value)


def publish(run: RunDir, folder: Path) -> None:
    """Copy a version with its measured figures; paths of this machine stay behind."""
    result = run.result()
    assert result is not None
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(run.version, folder)
    evaluation = result["evaluation"]
    found = read_version(folder)
    version = found | {
        "parent_version": LABELS.get(found["parent_version"], found["parent_version"]),
        "evaluation": evaluation,
        "checks": result["verdict"]["checks"],
    }
    write_json(folder / VERSION_FILE, version)
    served = evaluation["conditions"]["served"]["against_sft"]
    log.info("%s: %s, %s against SFT", folder.name, version["verdict"], served)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Ship versions that `rlhb reproduce` trained.")
    parser.add_argument("seed", type=Path, help="folder of one of its seeds")
    parser.add_argument("--arms", nargs="*", default=[arm.value for arm in ARMS])
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    ship(args.seed, [Arm(arm) for arm in args.arms], base_path().parent)


if __name__ == "__main__":
    main()
