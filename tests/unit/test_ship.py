"""Shipping: versions that were trained come beside the base model with their figures, or none of them does."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlhb_core.errors import RunError
from rlhb_core.run.folder import RunDir
from rlhb_core.schema.arms import Arm
from rlhb_core.train.version import read_version
from rlhb_core.world.embedded.ship import ship

AGAINST: dict[str, Any] = {"win_rate": 0.8, "n": 600}


def trained(folder: Path, parent: str = "SFT") -> None:
    run = RunDir(folder)
    run.version.mkdir(parents=True)
    (run.version / "adapter_model.safetensors").write_bytes(b"weights")
    (run.version / "version.json").write_text(
        json.dumps({"arm": folder.name, "verdict": "improved", "parent_version": parent})
    )
    run.finish(
        {
            "verdict": {"word": "improved", "checks": [{"name": "gain"}]},
            "evaluation": {"conditions": {"served": {"against_sft": AGAINST}}},
        }
    )


def test_versions_come_with_what_was_measured_of_them(tmp_path: Path) -> None:
    trained(tmp_path / "seed" / "rlhf")
    trained(tmp_path / "seed" / "rlhf_rlhb", parent="rlhf")
    old = tmp_path / "here" / "rlhf" / "old.bin"
    old.parent.mkdir(parents=True)
    old.touch()
    ship(tmp_path / "seed", [Arm.RLHF, Arm.RLHF_RLHB], tmp_path / "here")
    version = read_version(old.parent)
    assert version["verdict"] == "improved"
    assert version["evaluation"]["conditions"]["served"]["against_sft"] == AGAINST
    assert version["checks"] == [{"name": "gain"}]
    assert (old.parent / "adapter_model.safetensors").read_bytes() == b"weights"
    assert not old.exists()
    assert version["parent_version"] == "SFT"
    assert read_version(tmp_path / "here" / "rlhf_rlhb")["parent_version"] == "RLHF"


def test_nothing_is_shipped_while_a_run_is_missing(tmp_path: Path) -> None:
    trained(tmp_path / "seed" / "rlhf")
    with pytest.raises(RunError, match=r"RLHB is not trained in .*: `rlhb reproduce` trains it"):
        ship(tmp_path / "seed", [Arm.RLHF, Arm.RLHB], tmp_path / "here")
    assert not (tmp_path / "here").exists()
