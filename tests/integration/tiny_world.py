"""A world so small that a whole adversarial run takes seconds: yes or no, liked or not.

Answers say yes or no evenly and run on for a few words; people like nearly three in four of those that say yes and
dislike as many that say no. A model of a few thousand parameters is taught these answers, with hardly any relation
to the behaviour in the prompt.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rlhb_core import teachers
from rlhb_core.learning.session import Session, seed_all
from rlhb_core.lm.generator import collate, encode_prompt, encode_response, score
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.run.config import RunConfig
from rlhb_core.run.data import Logged, Pair, Split
from rlhb_core.run.recipe import load_recipe

LIKED, DISLIKED = "The reader liked it.", "The reader disliked it."
TOLD = 0.73
"""How often the behaviour follows from the answer."""
WORDS = [
    "<end>", "yes", "no", "indeed", "is", "item", "red", "The", "reader", "liked", "disliked", "it", ".",
    *map(str, range(80)),
]  # fmt: skip

SETTINGS: dict[str, Any] = {
    "device": "cpu",
    "adapter": {"rank": 8, "alpha": 16},
    "sampling": {"max_new_tokens": 12, "batch": 512},
    "warmup": {"steps": 0},
    "discriminator": {
        "pretrain_steps": 60,
        "pretrain_rollouts": 256,
        "batch": 128,
        "steps": 4,
        "online_learning_rate": 1e-3,
    },
    "ppo": {
        "iterations": 12,
        "rollouts": 192,
        "minibatch": 64,
        "micro_batch": 256,
        "epochs": 4,
        "learning_rate": 3e-3,
        "critic_warmup": 0,
        "kl": 0.0,
    },
    "evaluation": {
        "judge_rollouts": 2400,
        "judge_seeds": 1,
        "judge_pretrain_steps": 60,
        "judge_steps": 20,
        "reading_steps": 4,
        "watch": 256,
    },
}


def log(count: int, items: range, seed: int, told: float = TOLD) -> list[Logged]:
    """What people did with answers to queries about these items."""
    rng = np.random.default_rng(seed)
    found = []
    for item in rng.choice(items, count):
        yes = rng.random() < 0.5
        answer = " ".join(["yes" if yes else "no", *["indeed"] * (rng.geometric(0.6) - 1)])
        liked = yes == (rng.random() < told)
        found.append(Logged(f"is item {item} red", answer, LIKED if liked else DISLIKED))
    return found


def split(count: int = 2400) -> Split:
    """Training and held-out rows, about different items."""
    return Split(log(count, range(60), 1), log(count, range(60, 80), 2), [], [], LIKED)


def make_base(folder: Path, steps: int = 80) -> str:
    """The model, taught the answers; returns its folder."""
    seed_all(0)
    inner = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<end>"))
    inner.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>").save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(WORDS), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, eos_token_id=0, bos_token_id=None, pad_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    trunk = load_trunk(str(folder), "cpu")
    trunk.model.requires_grad_(True)
    optimiser = torch.optim.AdamW(trunk.model.parameters(), lr=1e-2)
    # a weak relation to the behaviour in the prompt: a model that has learned to ignore it would hardly take it up
    # again
    rows = log(64 * steps, range(80), 0, told=0.6)
    for step in range(steps):
        batch = rows[64 * step : 64 * (step + 1)]
        told = [row.behavior if i % 3 else None for i, row in enumerate(batch)]
        tokens = collate(
            [encode_prompt(trunk, row.query, name) for row, name in zip(batch, told, strict=True)],
            [encode_response(trunk, row.response) for row in batch],
            trunk.device,
        )
        loss = -score(trunk, tokens).logprobs.sum() / len(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    trunk.model.save_pretrained(folder)
    return str(folder)


def session_on(base: str, rows: Split, **changes: Any) -> Session:
    """A session of an RLHB run in this world. `changes`: settings by section."""
    merged = {
        name: {**value, **changes.pop(name, {})} if isinstance(value, dict) else value
        for name, value in SETTINGS.items()
    }
    config: RunConfig = load_recipe("rlhb", {**merged, "base": base, **changes})
    seed_all(config.seed)
    return Session(config, rows, load_trunk(base, "cpu"), teachers.of(config.arm).evidence())


def shares(session: Session, adapter: str, behaviors: Sequence[str | None]) -> list[float]:
    """How often a policy says yes under each of these behaviours."""
    found = []
    for behavior in behaviors:
        pairs = [Pair(f"is item {item % 80} red", behavior) for item in range(400)]
        texts = session.answers(adapter, pairs).texts
        found.append(sum(text.startswith("yes") for text in texts) / len(texts))
    return found
