"""Checkpoints: replaced as a whole, and read although the classes in them have moved since."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from rlhb_core.learning.rollout import Rollouts
from rlhb_core.lm.generator import Measured
from rlhb_core.run.data import Pair
from rlhb_core.teachers.discriminator.triplets import Triplets
from rlhb_core.train.checkpoint import MOVED, Checkpoint


def state() -> dict[str, object]:
    shown = Triplets(torch.ones(2, 3), torch.zeros(2, 1), ["q", "r"], ["a", "b"], torch.ones(2))
    asked = [Pair("q", "The reader liked it.")]
    said = Measured(*torch.ones(4, 1, 1))
    answers = Rollouts(asked, [[1]], [[2]], ["text"], torch.ones(1).bool(), said)
    return {"step": 3, "replay": shown, "asked": asked, "answers": answers}


def as_written_before(file: Path, names: Mapping[str, str]) -> None:
    """Put the names of modules into a checkpoint that its classes had before they moved: before -> now."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            for before, now in names.items():
                content = content.replace(f"c{now}\n".encode(), f"c{before}\n".encode())
            archive.writestr(name, content)


@pytest.mark.parametrize("before", MOVED)
def test_classes_that_have_moved_are_found(tmp_path: Path, before: str) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    checkpoint.save(state())
    file = tmp_path / "checkpoint" / "state.pt"
    as_written_before(file, {before: MOVED[before]})
    assert f"c{before}\n".encode() in file.read_bytes()
    found = checkpoint.load()
    assert found is not None
    assert found["step"] == 3
    assert isinstance(found["replay"], Triplets)
    assert found["replay"].names == ["a", "b"]
    assert found["asked"] == [Pair("q", "The reader liked it.")]
    assert isinstance(found["answers"], Rollouts)
    assert isinstance(found["answers"].measured, Measured)


def test_there_is_one_checkpoint_until_it_is_removed(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    assert checkpoint.load() is None
    for step in (1, 2):
        checkpoint.save({"step": step})
    assert checkpoint.load() == {"step": 2}
    assert [file.name for file in (tmp_path / "checkpoint").iterdir()] == ["state.pt"]
    checkpoint.remove()
    assert checkpoint.load() is None
