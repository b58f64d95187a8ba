"""The common work of PPO benchmarks: a small Llama with random weights, its tokenizer,
and prompts of 20 to 28 tokens.
"""

import random
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig

from rlhb_core.world import embedded

BATCH, MINI_BATCHES, EPOCHS, NEW_TOKENS = 64, 4, 2, 32
RANK, ALPHA = 32, 64
VOCABULARY = 2048
SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 256,
    "intermediate_size": 688,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "max_position_embeddings": 256,
    "tie_word_embeddings": False,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 1,
}
"""4.2 million parameters."""


def write_model(
    folder: Path,
    shape: dict[str, Any] = SHAPE,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> None:
    """Model and tokenizer: that of the embedded model, filled up with words `<i>` of one token each.

    The weights are drawn on the device and in the precision in which they are kept.
    """
    tokenizer = AutoTokenizer.from_pretrained(str(embedded.base_path()))
    tokenizer.add_tokens([f"<{i}>" for i in range(len(tokenizer), VOCABULARY)])
    tokenizer.save_pretrained(str(folder))
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(LlamaConfig(**shape), dtype=dtype)
    model.save_pretrained(str(folder))


def words(rng: random.Random, count: int) -> str:
    """A text of so many tokens."""
    return "".join(f"<{rng.randrange(1500, VOCABULARY)}>" for _ in range(count))


def queries(rng: random.Random, count: int, fewest: int = 17, most: int = 25) -> list[str]:
    """Texts whose prompts have 20 to 28 tokens, three of which are the chat template's."""
    return [words(rng, rng.randint(fewest, most)) for _ in range(count)]
