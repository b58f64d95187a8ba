"""The generator: one frozen causal LM trunk that carries model versions as LoRA adapters.

Holds loading, adapters (PEFT format), prompts and responses as tokens, sampling, and log-probabilities of
responses. Prompts are padded on the left and responses on the right, masks are explicit, and position ids come
from the mask, so that sampling and re-scoring see the same positions. Does not know rewards or losses.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from jinja2 import TemplateError
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from rlhb_core import embedded
from rlhb_core.config import EMBEDDED
from rlhb_core.errors import ModelError
from rlhb_core.prompts import Message, messages, without_system

log = logging.getLogger(__name__)


@dataclass
class Trunk:
    """A loaded base model, frozen, with any number of LoRA adapters injected into it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    device: torch.device
    dtype: torch.dtype
    adapters: PeftModel | None = None

    # --- adapters ---------------------------------------------------------------------------------

    def add_adapter(self, name: str, rank: int, alpha: float) -> None:
        """A new adapter on all linear layers that changes nothing yet (its output matrix is zero)."""
        config = LoraConfig(
            r=rank,
            lora_alpha=alpha,
            lora_dropout=0.0,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        )
        if self.adapters is None:
            self.adapters = get_peft_model(self.model, config, adapter_name=name)
        else:
            self.adapters.add_adapter(name, config)

    def load_adapter(self, name: str, folder: Path) -> None:
        """An adapter from its folder, frozen. Raises ModelError, in a sentence."""
        if not (folder / "adapter_config.json").is_file():
            raise ModelError(f"{folder} holds no adapter: adapter_config.json is missing")
        try:
            if self.adapters is None:
                self.adapters = PeftModel.from_pretrained(self.model, folder, adapter_name=name)
            else:
                self.adapters.load_adapter(folder, adapter_name=name)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise ModelError(
                f"the adapter in {folder} does not fit this base model: {_first_line(error)}"
            ) from error
        self.model.requires_grad_(False)

    def save_adapter(self, name: str, folder: Path) -> None:
        """Write one adapter in PEFT format, in half precision."""
        from safetensors.torch import load_file, save_file

        assert self.adapters is not None
        self.adapters.save_pretrained(folder, selected_adapters=[name], save_embedding_layers=False)
        inner = folder / name  # PEFT puts every adapter but "default" into a folder of its own
        for file in inner.iterdir():
            file.replace(folder / file.name)
        inner.rmdir()
        (folder / "README.md").unlink(missing_ok=True)
        weights = load_file(folder / "adapter_model.safetensors")
        save_file(
            {key: tensor.half().contiguous() for key, tensor in weights.items()},
            folder / "adapter_model.safetensors",
            metadata={"format": "pt"},
        )

    def adapter_state(self, name: str) -> dict[str, Tensor]:
        """The weights of one adapter, by parameter name with the adapter's own name taken out."""
        return {
            key.replace(f".{name}.", "."): value.detach()
            for key, value in self.model.named_parameters()
            if f".{name}." in key
        }

    def set_adapter_state(self, name: str, state: dict[str, Tensor]) -> None:
        """Overwrite the weights of one adapter with those of `adapter_state`."""
        with torch.no_grad():
            for key, value in self.model.named_parameters():
                if f".{name}." in key:
                    value.copy_(state[key.replace(f".{name}.", ".")])

    def parameters_of(self, name: str) -> list[torch.nn.Parameter]:
        """The trainable parameters of one adapter, in a fixed order."""
        return [value for key, value in self.model.named_parameters() if f".{name}." in key]

    @contextmanager
    def using(self, name: str | None) -> Iterator[None]:
        """Within this block the trunk answers as this adapter; None is the base model itself."""
        if self.adapters is None:
            if name is not None:
                raise ModelError(f"no adapter {name!r} is loaded")
            yield
        elif name is None:
            with self.adapters.disable_adapter():
                yield
        else:
            before = self.adapters.active_adapter
            self.adapters.set_adapter(name)
            try:
                yield
            finally:
                self.adapters.set_adapter(before)


def load_trunk(base: str, device: str = "auto", dtype: str = "auto") -> Trunk:
    """Load a base model by folder, hub name, or 'embedded', in evaluation mode and frozen.

    `device` and `dtype` are chosen by what the machine has when 'auto'. Raises ModelError saying what to do.
    """
    where = str(embedded.base_path()) if base == EMBEDDED else base
    place = _device(device)
    precision = _dtype(dtype, place)
    try:
        tokenizer = AutoTokenizer.from_pretrained(where)
        model = AutoModelForCausalLM.from_pretrained(where, dtype=precision)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"the base model {base!r} cannot be loaded: {_first_line(error)} "
            "Give a folder with a transformers model, a hub name that this machine can reach, or 'embedded'."
        ) from error
    if tokenizer.eos_token_id is None:
        raise ModelError(
            f"the tokenizer of {base!r} has no end-of-text token, so answers could never end"
        )
    model.to(place)
    model.eval()
    model.requires_grad_(False)
    return Trunk(model, tokenizer, place, precision)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"device {name!r} cannot be used here: {_first_line(error)}") from error
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        capable = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if capable else torch.float32
    return cast(torch.dtype, getattr(torch, name))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") + "." if lines else type(error).__name__ + "."
