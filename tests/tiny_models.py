"""Tiny models of other architectures with random weights, as folders that transformers loads."""

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    MambaConfig,
    OPTConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen3MoeConfig,
    set_seed,
)

WORDS = 64


def make(folder: Path, kind: str, words: int = WORDS, end: str | None = "<end>") -> str:
    """A model of this kind whose vocabulary has so many words; returns its folder."""
    vocabulary = {"<end>": 0, **{f"w{number}": number for number in range(1, words)}}
    inner = Tokenizer(WordLevel(vocabulary, unk_token="<end>"))
    inner.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=end).save_pretrained(folder)
    set_seed(0)
    AutoModelForCausalLM.from_config(_config(kind, words)).save_pretrained(folder)
    return str(folder)


def _config(kind: str, words: int) -> PreTrainedConfig:
    ends: dict[str, Any] = {
        "vocab_size": words,
        "eos_token_id": 0,
        "bos_token_id": None,
        "pad_token_id": None,
    }
    match kind:
        case "llama":
            return LlamaConfig(
                hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
                **ends,
            )  # fmt: skip
        case "opt":
            return OPTConfig(
                hidden_size=32, ffn_dim=64, num_hidden_layers=2, num_attention_heads=2,
                word_embed_proj_dim=32, max_position_embeddings=128, **(ends | {"pad_token_id": 1}),
            )  # fmt: skip
        case "qwen3_moe":
            return Qwen3MoeConfig(
                hidden_size=32, intermediate_size=64, moe_intermediate_size=16, num_hidden_layers=2,
                num_attention_heads=2, num_key_value_heads=2, num_experts=4,
                num_experts_per_tok=2, **ends,
            )  # fmt: skip
        case "mamba":
            return MambaConfig(
                hidden_size=32, state_size=8, num_hidden_layers=2, **(ends | {"pad_token_id": 0})
            )
    raise ValueError(kind)
