"""The generator: one frozen causal LM trunk that carries model versions as LoRA adapters.

Holds loading, adapters (PEFT format), prompts and responses as tokens, and log-probabilities of responses. Rows are
padded on the left, masks are explicit, and position ids come from the mask, so that sampling (`sampling.py`) and
re-scoring see the same positions. Does not know rewards or losses.
"""

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, cast

import torch
from jinja2 import TemplateError
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from rlhb_core.errors import ModelError
from rlhb_core.lm import bases
from rlhb_core.lm.low_rank import with_merged_layers
from rlhb_core.schema.prompts import Message, messages, without_system

log = logging.getLogger(__name__)


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


# --- prompts and responses as tokens --------------------------------------------------------------


def encode_prompt(trunk: Trunk, query: str, behavior: str | None = None) -> list[int]:
    """Token ids of the prompt that asks `query`, conditioned on a behaviour text if one is given."""
    tokenizer = trunk.tokenizer
    if tokenizer.chat_template is None:
        head = f"{behavior}\n" if behavior else ""
        ids: list[int] = tokenizer(f"{head}{query}\n")["input_ids"]
        return ids
    chat = messages(query, behavior)
    if behavior is not None and not _takes_system(tokenizer):
        chat = without_system(chat)
    return cast(
        list[int], tokenizer(_render(tokenizer, chat), add_special_tokens=False)["input_ids"]
    )


def encode_response(trunk: Trunk, response: str, ended: bool = True) -> list[int]:
    """Token ids of a response as text; the end token closes it unless it was cut off."""
    ids: list[int] = trunk.tokenizer(response, add_special_tokens=False)["input_ids"]
    return [*ids, cast(int, trunk.tokenizer.eos_token_id)] if ended else ids


def decode_responses(trunk: Trunk, responses: Sequence[Sequence[int]]) -> list[str]:
    """The texts of sampled responses, without special tokens."""
    if not responses:
        return []  # the tokenizer makes an empty text of no rows
    return [
        text.strip()
        for text in trunk.tokenizer.batch_decode(
            [list(ids) for ids in responses],
            skip_special_tokens=True,
            clean_up_tokenization_spaces=False,
        )
    ]


@lru_cache(maxsize=8)
def _takes_system(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the chat template has a place for the system message: some refuse it, some drop it."""
    try:
        return "behavior-probe" in _render(tokenizer, messages("query", "behavior-probe"))
    except TemplateError:
        return False


def _render(tokenizer: PreTrainedTokenizerBase, chat: list[Message]) -> str:
    return str(tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))


class Tokens(NamedTuple):
    """Prompts and responses as one batch: [padding | prompt, response], ends aligned on the right."""

    ids: Tensor  # [B, T]
    mask: Tensor  # [B, T], 1 where a token is real
    response_mask: Tensor  # [B, R], of the last R columns: 1.0 where a response token is real (the end token counts)

    @property
    def response_ids(self) -> Tensor:
        """[B, R]."""
        return self.ids[:, -self.response_mask.shape[1] :]


def collate(
    prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]], device: torch.device
) -> Tokens:
    """Put B prompts and responses into one batch. No mask is ever inferred from the padding id."""
    longest = max(1, *map(len, responses))
    rows = [[*prompt, *response] for prompt, response in zip(prompts, responses, strict=True)]
    width = max(longest + 1, *map(len, rows))
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    response_mask = torch.zeros(len(rows), longest)
    for index, (row, response) in enumerate(zip(rows, responses, strict=True)):
        ids[index, width - len(row) :] = torch.tensor(row)
        mask[index, width - len(row) :] = 1
        response_mask[index, longest - len(response) :] = 1
    return Tokens(*(_moved(tensor, device) for tensor in (ids, mask, response_mask)))


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    """On the device; a GPU fetches it while the CPU goes on."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def positions(mask: Tensor) -> Tensor:
    """Position ids [B, T] that count real tokens only."""
    return (mask.cumsum(1) - 1).clamp(min=0)


# --- log-probabilities ----------------------------------------------------------------------------


class Scored(NamedTuple):
    """What one forward pass says about B responses, aligned as in `Tokens`."""

    logprobs: Tensor  # [B, R], of the response tokens at the sampling temperature; 0 under the mask
    hidden: (
        Tensor  # [B, R + 1, H], last hidden states: before each response token, and after the last
    )
    logits: Tensor  # [B, R, V], divided by the temperature


class Measured(NamedTuple):
    """What a policy says about B responses, token by token from the left; 0 under the mask."""

    logprobs: Tensor  # [B, R]
    mask: Tensor  # [B, R]
    entropy: Tensor  # [B, R]
    hidden: Tensor  # [B, R, H], before each response token


def unmeasured(trunk: Trunk, count: int, longest: int, full: bool = True) -> Measured:
    """Zeros for so many responses; without `full` the hidden states have no width."""
    width = trunk.model.config.get_text_config().hidden_size if full else 0
    sizes = ((), (), (), (width,))
    return Measured(*(torch.zeros(count, longest, *s, device=trunk.device) for s in sizes))


def from_left(sizes: Sequence[int], longest: int) -> Tensor:
    """The mask [B, longest] of responses of these sizes, from the left: 1.0 where a token is real."""
    return (torch.arange(longest) < torch.tensor(sizes)[:, None]).float()


def log_probabilities(logits: Tensor) -> Tensor:
    """[..., V] -> [..., V], for sampling and for scoring alike.

    Not `log_softmax`: its sums in float32 drift by 7e-6 a token at a vocabulary of 49,000 and by 3e-5 at 262,000, so
    that one formula for writing and another one for scoring would make long answers look as if the policy had moved.
    """
    return logits - torch.logsumexp(logits, dim=-1, keepdim=True)


def of_tokens(logits: Tensor, ids: Tensor) -> Tensor:
    """What `log_probabilities` says of the tokens `ids`, without keeping it of all others. [..., V], [...] -> [...]."""
    chosen = torch.gather(logits, -1, ids[..., None])[..., 0]
    return chosen - torch.logsumexp(logits, dim=-1)


def score(trunk: Trunk, tokens: Tokens, temperature: float = 1.0) -> Scored:
    """Log-probabilities of the responses under the adapter in use, over response positions only."""
    length = tokens.response_mask.shape[1]
    out = trunk.model(
        input_ids=tokens.ids,
        attention_mask=tokens.mask,
        position_ids=positions(tokens.mask),
        use_cache=False,
        output_hidden_states=True,
        logits_to_keep=length + 1,
    )
    logits = out.logits[:, :-1].float() / temperature  # [B, R, V]
    logprobs = of_tokens(logits, tokens.response_ids) * tokens.response_mask
    hidden = out.hidden_states[-1][:, -(length + 1) :].float()
    return Scored(logprobs, hidden, logits)


def by_length(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Indices in chunks of at most `size`, rows of similar length together: little padding. Deterministic."""
    order = sorted(range(len(lengths)), key=lambda index: lengths[index])
    return [order[start : start + size] for start in range(0, len(order), size)]
