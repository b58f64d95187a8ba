"""Rollouts and updates of random-weight Llamas of 0.135, 0.5, 1.5 and 7 billion parameters on a GPU.

Tokens/s of rollout and update, their model FLOPs utilisation, and peak memory, ours against what TRL's PPO is made of:
`transformers.generate`, an adapter of PEFT with logits over the whole sequence, and a value model of its own.
"""

import gc
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoModelForCausalLM, AutoModelForTokenClassification

from rlhb_core.learning.critic import ValueHead
from rlhb_core.learning.losses import policy_loss
from rlhb_core.learning.optimiser import adamw
from rlhb_core.learning.rollout import Rollouts, lengths, measure, roll_out, token_batch
from rlhb_core.lm.generator import by_length, collate, encode_prompt, score
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.run.data import Pair
from rlhb_core.run.sections import SamplingSettings
from tests.bench.work import ALPHA, RANK, SHAPE, words, write_model

SIZES: dict[str, dict[str, int]] = {
    "135M": {
        "vocab_size": 49_152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
        "num_attention_heads": 9, "num_key_value_heads": 3,
    },
    "0.5B": {
        "vocab_size": 32_000, "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 28,
        "num_attention_heads": 16, "num_key_value_heads": 16,
    },
    "1.5B": {
        "vocab_size": 32_000, "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28,
        "num_attention_heads": 16, "num_key_value_heads": 16,
    },
    "7B": {
        "vocab_size": 32_000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 32,
    },
}  # fmt: skip
PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L4": 121e12, "4090": 165e12}
"""Dense bfloat16 operations per second, by a part of the device's name (data sheets of the maker)."""


class Load(NamedTuple):
    """How much is done."""

    rollouts: int = 256
    prompt_tokens: int = 64
    new_tokens: int = 128
    micro_batch: int = 32


LOADS = {"135M": Load(), "0.5B": Load(), "1.5B": Load(), "7B": Load(rollouts=64, micro_batch=8)}


class Piece(NamedTuple):
    """One measured piece of work."""

    tokens_s: float
    flops_s: float
    peak_gb: float


class Side(NamedTuple):
    """One way of doing it."""

    pieces: dict[str, Callable[[], int]]
    """Each returns its tokens."""
    parameters: int
    """Of the policy's base model."""


def measured(work: Callable[[], int], flops_per_token: float, device: torch.device) -> Piece:
    """Time the second of two runs of `work`, which returns its tokens."""
    work()
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    began = time.perf_counter()
    tokens = work()
    if cuda:
        torch.cuda.synchronize()
    rate = tokens / (time.perf_counter() - began)
    return Piece(
        rate, rate * flops_per_token, torch.cuda.max_memory_allocated() / 1e9 if cuda else 0
    )


def ours(folder: str, pairs: list[Pair], load: Load, device: str, dtype: str) -> Side:
    """Rollout and update as the PPO loop does them: adapter and value head on one frozen trunk."""
    trunk = load_trunk(folder, device, dtype)
    size = sum(p.numel() for p in trunk.model.parameters())
    trunk.add_adapter("policy", RANK, ALPHA)
    critic = ValueHead(trunk.model.config.hidden_size).to(trunk.device)
    weights = trunk.parameters_of("policy")
    optimisers = [adamw(weights, 1e-5), adamw(critic.parameters(), 1e-5)]
    settings = SamplingSettings(max_new_tokens=load.new_tokens, batch=load.rollouts)
    kept: list[Rollouts] = []

    def rollout() -> int:
        with trunk.using("policy"):
            kept[:] = [roll_out(trunk, pairs, settings)]
        return sum(map(len, kept[0].responses))

    def update() -> int:
        rollouts = kept[0]
        with trunk.using("policy"):
            old = measure(trunk, rollouts, 1.0, load.micro_batch)
            for rows in by_length(lengths(rollouts), load.micro_batch):
                tokens = token_batch(trunk, rollouts, rows)
                real, mask = tokens.response_mask.bool(), old.mask[rows].bool()
                new = score(trunk, tokens).logprobs[real]
                ones = torch.ones_like(new)
                loss = policy_loss(new, old.logprobs[rows][mask], ones, ones, 0.2).loss
                value = (critic(old.hidden[rows]) * old.mask[rows]).square().sum()
                ((loss + value) / len(pairs)).backward()
            _step(optimisers)
        return sum(lengths(rollouts))

    return Side({"rollout": rollout, "update": update}, size)


def peers(folder: str, pairs: list[Pair], load: Load, device: str, dtype: str) -> Side:
    """The same from what TRL's PPO uses."""
    to: dict[str, Any] = {"dtype": getattr(torch, dtype), "device_map": device}
    base: Any = AutoModelForCausalLM.from_pretrained(folder, **to)
    size = sum(p.numel() for p in base.parameters())
    texts = load_trunk(folder, "cpu", dtype)
    prompts = [encode_prompt(texts, pair.query, None) for pair in pairs]
    batch = collate(prompts, [[] for _ in prompts], torch.device(device))
    config = LoraConfig(
        r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    policy: Any = get_peft_model(base, config)
    critic: Any = AutoModelForTokenClassification.from_pretrained(folder, num_labels=1, **to)
    weights = [p for p in (*policy.parameters(), *critic.parameters()) if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=1e-5, fused=device == "cuda")
    width = batch.ids.shape[1]
    kept: list[Tensor] = []

    def rollout() -> int:
        with torch.no_grad():
            kept[:] = [
                policy.generate(
                    input_ids=batch.ids, attention_mask=batch.mask, do_sample=True, top_k=0,
                    max_new_tokens=load.new_tokens, min_new_tokens=load.new_tokens, pad_token_id=0,
                )
            ]  # fmt: skip
        return int(kept[0][:, width:].numel())

    def logprobs(rows: Tensor, mask: Tensor) -> Tensor:
        logits = policy(input_ids=rows, attention_mask=mask).logits[:, width - 1 : -1].float()
        return -F.cross_entropy(logits.flatten(0, 1), rows[:, width:].flatten(), reduction="none")

    def update() -> int:
        mask = F.pad(batch.mask, (0, load.new_tokens), value=1)
        parts = [
            (kept[0][i : i + load.micro_batch], mask[i : i + load.micro_batch])
            for i in range(0, len(mask), load.micro_batch)
        ]
        with torch.no_grad():
            old = [logprobs(*part) for part in parts]
        for part, before in zip(parts, old, strict=True):
            new = logprobs(*part)
            ones = torch.ones_like(new)
            loss = policy_loss(new, before, ones, ones, 0.2).loss
            value = critic(input_ids=part[0], attention_mask=part[1]).logits
            value = value[:, width - 1 : -1].float().square().sum()
            ((loss + value) / len(mask)).backward()
        _step([optimiser])
        return int(mask.sum())

    return Side({"rollout": rollout, "update": update}, size)


def _step(optimisers: list[torch.optim.AdamW]) -> None:
    for optimiser in optimisers:
        optimiser.step()
        optimiser.zero_grad()


def compare(
    shape: dict[str, int], load: Load, device: str, dtype: str
) -> dict[str, dict[str, Piece]]:
    """Ours and the peers', piece by piece; each has the memory to itself."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        write_model(
            Path(folder),
            SHAPE | {"max_position_embeddings": 1024} | shape,
            device,
            getattr(torch, dtype),
        )
        rng = random.Random(0)
        pairs = [Pair(words(rng, load.prompt_tokens), None) for _ in range(load.rollouts)]
        for side, made in (("TRL's parts", peers), ("ours", ours)):
            pieces, size = made(folder, pairs, load, device, dtype)
            # old log-probabilities (2 N), forward (2 N) and backward through frozen weights (2 N)
            flops = {"rollout": 2.0 * size, "update": 6.0 * size}
            found[side] = {
                name: measured(work, flops[name], torch.device(device))
                for name, work in pieces.items()
            }
            del pieces
            gc.collect()
    return found
