"""Several LoRA adapters on one model, mixed row by row within a batch.

Holds the layer that adds to each row of a batch the low-rank change of the adapter chosen for that row (or none), and
the reading of adapter folders in PEFT's format. Does not know tokens, prompts or decoding.

PEFT's own mixed batches run every adapter by itself over its rows: three rows with three adapters cost 1.8 times one row
on a small model. Here the chosen adapters lie side by side in one matrix and a mask keeps to each row its own part, so
that a step has the same number of operations for any number of adapters.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from rlhb_core.errors import ModelError


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
        self._down: Tensor | None = None  # [sum R, in]
        self._up: Tensor | None = None  # [out, sum R]
        self._others: Tensor | None = None  # [rows, 1, sum R], True where the part is another row's

    def join(self, names: Sequence[str]) -> None:
        """Lay the changes by these adapters side by side; those that leave this layer alone are skipped."""
        found = [self.changes[name] for name in names if name in self.changes]
        self._down = torch.cat([change.down for change in found]) if found else None
        self._up = torch.cat([change.up for change in found], dim=1) if found else None

    def ranks(self, names: Sequence[str]) -> tuple[int, ...]:
        """Rank of the change by each of these adapters, 0 where there is none."""
        return tuple(len(self.changes[name].down) if name in self.changes else 0 for name in names)

    def hide(self, others: Tensor) -> None:
        """Which parts do not belong to which row: [rows, 1, sum R]."""
        self._others = others

    def forward(self, x: Tensor) -> Tensor:
        """x: [rows, T, in]. Returns [rows, T, out]."""
        out: Tensor = self.base(x)
        if self._down is None or self._up is None or self._others is None:
            return out
        if x.dim() != 3:
            raise ModelError(
                "this model mixes the rows of a batch before an adapted layer, so adapters cannot be "
                "told apart in it; merge each adapter into its own model folder and serve those"
            )
        # filled, not multiplied by 0: what is infinite for one row must not reach another
        inner = F.linear(x, self._down).masked_fill_(self._others, 0.0)  # [rows, T, sum R]
        return out.add_(F.linear(inner, self._up))


class Adapters:
    """The adapters of one model. Replaces the adapted linear layers in place, once."""

    def __init__(self, model: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        self._model = model
        self._device = device
        self._dtype = dtype
        self._layers: dict[str, MixedLinear] = {}
        self._names: set[str] = set()
        self._joined: tuple[str, ...] = ()

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
        self._joined = ()

    def remove(self, name: str) -> None:
        """Forget an adapter; one that is not there is no error."""
        for layer in self._layers.values():
            layer.changes.pop(name, None)
        self._names.discard(name)
        self._joined = ()

    def choose(self, rows: Sequence[str | None]) -> None:
        """Which adapter each row of the batches to come takes; None takes the bare model."""
        used = tuple(sorted({name for name in rows if name is not None}))
        if used != self._joined or not used:
            for layer in self._layers.values():
                layer.join(used)
            self._joined = used
        others = torch.ones(len(rows), 1, len(used), dtype=torch.bool)
        for row, name in enumerate(rows):
            if name is not None:
                others[row, 0, used.index(name)] = False
        masks: dict[tuple[int, ...], Tensor] = {}  # layers of the same ranks share one
        for layer in self._layers.values():
            ranks = layer.ranks(used)
            if ranks not in masks:
                mask = others.repeat_interleave(torch.tensor(ranks, dtype=torch.long), dim=2)
                masks[ranks] = mask.to(self._device)
            layer.hide(masks[ranks])

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
    except (OSError, ValueError) as error:
        raise ModelError(
            f"no readable adapter in {folder}: adapter_config.json and adapter_model.safetensors are needed"
        ) from error
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
    return {
        path: LowRank(side["A"].float(), side["B"].float() * _scaling(path, len(side["A"]), config))
        for path, side in sides.items()
    }


def _scaling(path: str, rank: int, config: dict[str, Any]) -> float:
    alpha = config["lora_alpha"]
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", path):
            alpha = value
            break
    return float(alpha) / (rank**0.5 if config.get("use_rslora") else rank)
