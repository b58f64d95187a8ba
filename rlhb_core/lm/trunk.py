"""The trunk: one frozen causal LM that carries model versions as LoRA adapters.

Holds loading, and adapters in PEFT format. Does not know prompts, nor what is asked of it (`generator.py`).
"""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from rlhb_core.errors import ModelError
from rlhb_core.lm import bases
from rlhb_core.lm.low_rank import with_merged_layers


@dataclass
class Trunk:
    """A loaded base model, frozen, with any number of LoRA adapters injected into it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    device: torch.device
    dtype: torch.dtype
    adapters: PeftModel | None = None
    base: str = ""
    """The name it was loaded by; written into saved adapters."""

    # --- adapters ---------------------------------------------------------------------------------

    def add_adapter(self, name: str, rank: int, alpha: int) -> None:
        """A new adapter on all linear layers that changes nothing yet (its output matrix is zero)."""
        config = with_merged_layers(
            LoraConfig(
                r=rank,
                lora_alpha=alpha,
                lora_dropout=0.0,
                target_modules="all-linear",
                task_type="CAUSAL_LM",
            )
        )
        with _quiet():
            if self.adapters is None:
                self.adapters = cast(
                    PeftModel, get_peft_model(self.model, config, adapter_name=name)
                )
            else:
                self.adapters.add_adapter(name, config)

    def copy_adapter(self, source: str, name: str) -> None:
        """A second adapter with the weights that the first one has now; an existing one is overwritten."""
        assert self.adapters is not None
        if name not in self.adapters.peft_config:
            config = cast(LoraConfig, self.adapters.peft_config[source])
            self.add_adapter(name, config.r, config.lora_alpha)
        self.set_adapter_state(name, self.adapter_state(source))

    def load_adapter(self, name: str, folder: Path) -> None:
        """An adapter from its folder, frozen. Raises ModelError, in a sentence."""
        if not (folder / "adapter_config.json").is_file():
            raise ModelError(f"{folder} holds no adapter: adapter_config.json is missing")
        try:
            with _quiet():
                if self.adapters is None:
                    config = with_merged_layers(LoraConfig.from_pretrained(str(folder)))
                    self.adapters = PeftModel.from_pretrained(
                        self.model, folder, adapter_name=name, config=config
                    )
                else:
                    self.adapters.load_adapter(folder, adapter_name=name)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise ModelError(
                f"the adapter in {folder} does not fit this base model: {_first_line(error)}"
            ) from error
        self.model.requires_grad_(False)

    def save_adapter(self, name: str, folder: Path) -> None:
        """Write one adapter in PEFT format, in half precision."""
        assert self.adapters is not None
        self.adapters.save_pretrained(
            str(folder), selected_adapters=[name], save_embedding_layers=False
        )
        inner = folder / name  # PEFT puts every adapter but "default" into a folder of its own
        for file in inner.iterdir():
            file.replace(folder / file.name)
        inner.rmdir()
        (folder / "README.md").unlink(missing_ok=True)
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        config["base_model_name_or_path"] = self.base  # never a path that only this machine has
        (folder / "adapter_config.json").write_text(
            json.dumps(config, indent=2) + "\n", encoding="utf-8"
        )
        weights = load_file(folder / "adapter_model.safetensors")
        save_file(
            {key: tensor.half().contiguous() for key, tensor in weights.items()},
            folder / "adapter_model.safetensors",
            metadata={"format": "pt"},
        )
        (folder / "adapter_model.safetensors").chmod(0o644)

    def adapter_state(self, name: str) -> dict[str, Tensor]:
        """The weights of one adapter, by parameter name with the adapter's own name taken out."""
        return {
            key.replace(f".{name}.", "."): value.detach()
            for key, value in self.model.named_parameters()
            if "lora_" in key and f".{name}." in key
        }

    def set_adapter_state(self, name: str, state: dict[str, Tensor]) -> None:
        """Overwrite the weights of one adapter with those of `adapter_state`."""
        with torch.no_grad():
            for key, value in self.model.named_parameters():
                if "lora_" in key and f".{name}." in key:
                    value.copy_(state[key.replace(f".{name}.", ".")])

    def parameters_of(self, name: str) -> list[torch.nn.Parameter]:
        """The trainable parameters of one adapter, in a fixed order."""
        return [
            value
            for key, value in self.model.named_parameters()
            if "lora_" in key and f".{name}." in key
        ]

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
    where = bases.where(base)
    place = _device(device)
    precision = _dtype(dtype, place)
    try:
        with _without_bars():
            tokenizer = AutoTokenizer.from_pretrained(where)
            model = AutoModelForCausalLM.from_pretrained(where, dtype=precision)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"the base model {base!r} cannot be loaded: {_first_line(error)} "
            "Give a folder with a transformers model, a hub name that this machine can reach, or 'embedded'."
        ) from error
    if tokenizer.eos_token_id is None:
        raise ModelError(
            f"the tokenizer of {base!r} has no end-of-text token, so answers could never end: write the token "
            'that closes an answer into its tokenizer_config.json, as in "eos_token": "<|im_end|>"'
        )
    model.to(place)  # type: ignore[arg-type]
    model.eval()  # type: ignore[no-untyped-call]
    model.requires_grad_(False)
    return Trunk(model, tokenizer, place, precision, base=base)


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


@contextmanager
def _quiet() -> Iterator[None]:
    """PEFT 0.21 calls a property that transformers 5.23 has renamed; the old one still works."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
        yield


@contextmanager
def _without_bars() -> Iterator[None]:
    """Progress bars of transformers do not belong into a log; whoever uses us as a library keeps theirs."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") + "." if lines else type(error).__name__ + "."
