"""Whether a version that is trained on a base model could be served, decided before anything is trained.

Holds the sentences with which serving refuses a model, which models are known to be refused by their config alone, and
the probe of a loaded one: two rows through the adapted layers. Imports no torch; does not know what a run trains.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rlhb_core.errors import ModelError

if TYPE_CHECKING:
    from rlhb_core.lm.trunk import Trunk

MIXES_ROWS = (
    "this model mixes the rows of a batch before an adapted layer, so adapters cannot be "
    "told apart in it; merge each adapter into its own model folder and serve those"
)
KEEPS_STATE = (
    "keeps a state instead of a cache, and rows of unlike lengths would "
    "disturb each other in it; serve it by a model server and give its address instead"
)

MIXING = frozenset({"opt", "qwen2_moe", "qwen3_moe", "mixtral", "olmoe"})
"""Kinds of models, as `config.json` names them, whose feed-forward layers see all rows as one."""
STATEFUL = frozenset({"mamba", "mamba2", "falcon_mamba", "jamba", "rwkv", "recurrent_gemma"})
"""Kinds of models that keep a state."""


def refusal_by_config(base: str) -> str:
    """Why a version trained on this folder could not be served, as far as its config tells; else empty."""
    try:
        config = json.loads((Path(base) / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return ""  # a hub name, or nothing that could be loaded: the run says so
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind in MIXING:
        return _sentence(base, MIXES_ROWS)
    if kind in STATEFUL:
        return _sentence(base, f"{kind} {KEEPS_STATE}")
    return ""


def refuse_stateful(trunk: "Trunk") -> None:
    """Raise ModelError for a model without a cache of keys and values. It could not even take an adapter."""
    if getattr(trunk.model, "_is_stateful", False):
        raise ModelError(_sentence(trunk.base, f"{type(trunk.model).__name__} {KEEPS_STATE}"))


def refuse_mixing(trunk: "Trunk") -> None:
    """Raise ModelError if an adapted layer does not see a batch row by row. The trunk wears an adapter."""
    import torch

    mixed: list[str] = []

    def look(name: str, x: object) -> None:
        if not (isinstance(x, torch.Tensor) and x.dim() == 3 and len(x) == 2):
            mixed.append(name)

    hooks = [
        layer.register_forward_pre_hook(lambda _, inputs, name=name: look(name, inputs[0]))
        for name, layer in trunk.model.named_modules()
        if hasattr(layer, "lora_A")
    ]
    try:
        with torch.no_grad():
            trunk.model(input_ids=torch.zeros(2, 3, dtype=torch.long, device=trunk.device))
    finally:
        for hook in hooks:
            hook.remove()
    if mixed:
        raise ModelError(_sentence(trunk.base, MIXES_ROWS))


def _sentence(base: str, why: str) -> str:
    name = Path(base).name or base
    return f"a version trained on {name} could not be served: {why}"
