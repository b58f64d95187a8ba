"""The training core without its toy world: with the world and the reproduction hidden it trains on a folder,
a given model.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import torch

from rlhb_core.learning.session import seed_all
from rlhb_core.lm.bases import where
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.run.folder import RunDir
from rlhb_core.run.recipe import load_recipe
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import RunStatus
from rlhb_core.train.version import read_version
from rlhb_core.world.simulation import Author, as_log, simulate
from tests.integration.test_training import TINY

ALONE = """
import sys
from pathlib import Path

sys.modules["rlhb_core.world"] = sys.modules["rlhb_core.reproduction"] = None

from rlhb_core.run.folder import RunDir
from rlhb_core.train.loop import train

sys.exit(train(RunDir(Path(sys.argv[1]))))
"""


def test_it_trains_and_judges_without_the_world_it_ships_with(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    seed_all(0)
    trunk = load_trunk("embedded", "cpu")
    log = as_log(simulate(trunk, [Author("SFT", Arm.SFT)] * 2, 60, seed=0, people=4))
    given = tmp_path / "model"
    shutil.copytree(where("embedded"), given)
    config = load_recipe("rlhb", TINY | {"base": str(given), "source": "imported"})
    run = RunDir.create(tmp_path / "run", config, *log)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(run.path)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert run.state() is RunStatus.DONE
    result = run.result()
    assert result is not None
    assert result["verdict"]["checks"]
    assert read_version(run.version)["base"] == str(given)
