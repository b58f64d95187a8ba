"""Several LoRA adapters on one model, mixed row by row within a batch.

Holds the layer that adds to each row of a batch the low-rank change of the adapter chosen for that row (or none), and
the reading of adapter folders in PEFT's format. Does not know tokens, prompts or decoding.

PEFT's own mixed batches run every adapter by itself over its rows. Here every row has its adapter's two matrices beside
it and one batched product serves all rows, so that a step has the same number of operations for any number of adapters:
with three, a third of PEFT's time on the embedded model (`tests/bench/bench_lora.py`) and half of it on 135 million
parameters.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from rlhb_core.errors import ModelError
from rlhb_core.lm.servable import MIXES_ROWS


class LowRank(NamedTuple):
    """The change of one linear layer: W + up @ down, the scaling already in `up`."""

    down: Tensor  # [R, in]
    up: Tensor  # [out, R]


class MixedLinear(nn.Module):
    """A linear layer of which each row of the batch sees the change by its own adapter."""

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.base = base
        self.changes: dict[str, LowRank] = {}
        self._down: Tensor | None = None  # [rows, in, R]
        self._up: Tensor | None = None  # [rows, R, out]

    def choose(self, rows: Sequence[str | None]) -> None:
        """Lay beside each row the change by its adapter; lower ranks, and rows without one, are filled with zeros."""
        found = [self.changes.get(name) if name is not None else None for name in rows]
        some = next((change for change in found if change is not None), None)
        if some is None:
            self._down = self._up = None
            return
        rank = max(len(change.down) for change in found if change is not None)
        down = some.down.new_zeros(len(rows), some.down.shape[1], rank)
        up = some.up.new_zeros(len(rows), rank, len(some.up))
        for row, change in enumerate(found):
            if change is not None:
                down[row, :, : len(change.down)] = change.down.T
                up[row, : len(change.down)] = change.up.T
        self._down, self._up = down, up

    def forward(self, x: Tensor) -> Tensor:
        """x: [rows, T, in]. Returns [rows, T, out]."""
        out: Tensor = self.base(x)
        if self._down is None or self._up is None:
            return out
        if x.dim() != 3 or len(x) != len(self._down):
            raise ModelError(MIXES_ROWS)
        return torch.baddbmm(out, torch.bmm(x, self._down), self._up)


class Adapters:
    """The adapters of one model. Replaces the adapted linear layers in place, once."""

    def __init__(self, model: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        self._model = model
        self._device = device
        self._dtype = dtype
        self._layers: dict[str, MixedLinear] = {}
        self._names: set[str] = set()
        self._rows: tuple[str | None, ...] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str, folder: Path) -> None:
        """Read a PEFT LoRA folder. Raises ModelError if it is missing, of another kind, or made for another model."""
        changes = read_lora(folder)
        for path, change in changes.items():
            self._check(path, change, folder)
        for path, change in changes.items():
            layer = self._layers.get(path) or self._adapt(path)
            layer.changes[name] = LowRank(
                change.down.to(self._device, self._dtype), change.up.to(self._device, self._dtype)
            )
        self._names.add(name)
        self._rows = None

    def remove(self, name: str) -> None:
        """Forget an adapter; one that is not there is no error."""
        for layer in self._layers.values():
            layer.changes.pop(name, None)
        self._names.discard(name)
        self._rows = None

    def choose(self, rows: Sequence[str | None]) -> None:
        """Which adapter each row of the batches to come takes; None takes the bare model."""
        if tuple(rows) != self._rows:
            for layer in self._layers.values():
                layer.choose(rows)
            self._rows = tuple(rows)

    def _check(self, path: str, change: LowRank, folder: Path) -> None:
        try:
            layer: Any = self._layers.get(path) or self._model.get_submodule(path)
        except AttributeError:
            raise ModelError(
                f"the adapter in {folder.name} does not fit the base model: it has no layer {path}"
            ) from None
        base = layer.base if isinstance(layer, MixedLinear) else layer
        shape = getattr(base, "weight", torch.empty(0)).shape
        wanted = {(len(change.up), change.down.shape[1]), (change.down.shape[1], len(change.up))}
        if tuple(shape) not in wanted:
            raise ModelError(
                f"the adapter in {folder.name} does not fit the base model: "
                f"layer {path} has the shape {tuple(shape)} there"
            )

    def _adapt(self, path: str) -> MixedLinear:
        parent, _, name = path.rpartition(".")
        layer = MixedLinear(self._model.get_submodule(path))
        setattr(self._model.get_submodule(parent), name, layer)
        self._layers[path] = layer
        return layer


_WEIGHT = re.compile(r"^base_model\.model\.(?P<path>.+)\.lora_(?P<side>[AB])\.weight$")


def read_lora(folder: Path) -> dict[str, LowRank]:
    """The changes by layer path of an adapter folder as PEFT saves it.

    Plain LoRA on linear layers, rsLoRA and per-layer ranks and alphas included. Raises ModelError for anything else.
    """
    try:
        config: dict[str, Any] = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        weights = load_file(folder / "adapter_model.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(
            f"no readable adapter in {folder}: adapter_config.json and adapter_model.safetensors are needed"
        ) from error
    if not isinstance(config, dict):
        raise ModelError(
            f"the adapter in {folder.name} is broken: adapter_config.json is no object"
        )
    if config.get("peft_type") != "LORA" or config.get("use_dora") or config.get("lora_bias"):
        raise ModelError(f"the adapter in {folder.name} is not plain LoRA; merge it into its model")
    sides: dict[str, dict[str, Tensor]] = {}
    for key, weight in weights.items():
        if not torch.isfinite(weight).all():
            raise ModelError(f"the adapter in {folder.name} is broken: {key} is not finite")
        match = _WEIGHT.match(key)
        if match is None:
            raise ModelError(
                f"the adapter in {folder.name} changes more than linear layers ({key}); merge it into its model"
            )
        sides.setdefault(match["path"], {})[match["side"]] = weight
    try:
        return {path: _low_rank(path, side, config) for path, side in sides.items()}
    except (LookupError, TypeError, ValueError, ArithmeticError, re.error) as error:
        raise ModelError(
            f"the adapter in {folder.name} is broken: matrices or settings are missing, or do not belong together"
        ) from error


def _low_rank(path: str, side: dict[str, Tensor], config: dict[str, Any]) -> LowRank:
    down, up = side["A"].float(), side["B"].float()
    if down.dim() != 2 or up.dim() != 2 or len(down) != up.shape[1]:
        raise ValueError("the two matrices do not belong together")
    return LowRank(down, up * _scaling(path, len(down), config))


def _scaling(path: str, rank: int, config: dict[str, Any]) -> float:
    alpha = config["lora_alpha"]
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", path):
            alpha = value
            break
    return float(alpha) / (rank**0.5 if config.get("use_rslora") else rank)
