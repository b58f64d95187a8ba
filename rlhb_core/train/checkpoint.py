"""The one checkpoint of a run. Does not know what is in it."""

import os
import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

MOVED = {
    "rlhb_core.data": "rlhb_core.run.data",
    "rlhb_core.generator": "rlhb_core.lm.generator",
    "rlhb_core.rlhb": "rlhb_core.teachers.discriminator.triplets",
    "rlhb_core.rollout": "rlhb_core.learning.rollout",
    "rlhb_core.teachers.discriminator.stages": "rlhb_core.teachers.discriminator.triplets",
}
"""Where classes are now that stand in checkpoints under the name of another module."""


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return super().find_class(MOVED.get(module, module), name)


class Checkpoint:
    """A folder that is replaced as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, state: dict[str, Any]) -> None:
        """Write, then swap: a kill at any moment leaves the old checkpoint or the new one."""
        self._folder.mkdir(exist_ok=True)
        new = self._folder / "state.pt.tmp"
        with new.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._folder / "state.pt")

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint, or None. Only files of this very run are read, so unpickling is safe."""
        file = self._folder / "state.pt"
        if not file.exists():
            return None
        reader = SimpleNamespace(__name__="pickle", Unpickler=_Reader, load=pickle.load)
        found: dict[str, Any] = torch.load(
            file, map_location="cpu", weights_only=False, pickle_module=reader
        )
        return found

    def remove(self) -> None:
        """The run is done."""
        shutil.rmtree(self._folder, ignore_errors=True)
