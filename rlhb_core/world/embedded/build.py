"""Trains the base generator from scratch: `python -m rlhb_core.world.embedded.build --out DIR [--seed 0] [--threads
2]`.

Tokenizer, Llama-architecture model, training on sampled question-answer pairs of the world, evaluation, model card.
Seeded: the same seed on the same machine with the same thread count gives the same model.
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from rlhb_core.schema.prompts import messages
from rlhb_core.world import FACTS
from rlhb_core.world.embedded.corpus import Example, behavior_sentences, examples
from rlhb_core.world.embedded.measure import evaluate, write_card
from rlhb_core.world.embedded.tokenizer import train_tokenizer

log = logging.getLogger(__name__)

IGNORED = -100


@dataclass(frozen=True)
class Recipe:
    """How the base model is trained. Defaults are those of the shipped model."""

    pairs: int = 240_000
    batch: int = 64
    learning_rate: float = 3e-3
    warmup_steps: int = 100
    weight_decay: float = 0.01
    hidden: int = 160
    layers: int = 4
    heads: int = 4
    intermediate: int = 448


def build(
    out: Path, seed: int = 0, threads: int = 2, recipe: Recipe | None = None, measured: int = 1000
) -> None:
    """Train, evaluate and save the base generator with its tokenizer and model card into `out`.

    `measured`: questions per evaluation.
    """
    recipe = recipe or Recipe()
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    corpus = list(examples(rng, recipe.pairs))
    spoken = (text for example in corpus[:30_000] for text in example if text)
    tokenizer = train_tokenizer(chain(spoken, behavior_sentences(rng, 3_000)))
    model = new_model(recipe, tokenizer)
    log.info("%d parameters, vocabulary %d", model.num_parameters(), len(tokenizer))
    start = time.perf_counter()
    encoded = encode(corpus, tokenizer)
    train(model, encoded, recipe, rng)
    spread_unseen(model, {token for ids, _ in encoded for token in ids}, seed)
    minutes = (time.perf_counter() - start) / 60
    save(model, tokenizer, out)
    stored = LlamaForCausalLM.from_pretrained(
        out
    )  # as others will load it: half-precision weights, fp32 arithmetic
    shares = evaluate(stored, tokenizer, n=measured)
    figures = {
        "seed": seed,
        "facts": len(FACTS),
        "parameters": model.num_parameters(),
        "vocabulary": len(tokenizer),
        "training": {"pairs": recipe.pairs, "threads": threads, "minutes": round(minutes, 1)},
        "shares": shares,
    }
    write_card(out, figures)
    for name, figure in shares.items():
        log.info("%s: %s", name, figure)


def new_model(recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> LlamaForCausalLM:
    """An untrained Llama of the recipe's size with tied embeddings."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden,
        intermediate_size=recipe.intermediate,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.04,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


Encoded = tuple[list[int], int]
"""Token ids of prompt and answer with its end, and the length of the prompt."""


def encode(corpus: list[Example], tokenizer: PreTrainedTokenizerFast) -> list[Encoded]:
    """Token ids of every example as the chat template writes it."""
    prompts = [
        str(
            tokenizer.apply_chat_template(
                messages(example.query, example.system), tokenize=False, add_generation_prompt=True
            )
        )
        for example in corpus
    ]
    answers = [example.answer + str(tokenizer.eos_token) for example in corpus]
    return [
        (prompt + answer, len(prompt))
        for prompt, answer in zip(
            tokenizer(prompts)["input_ids"], tokenizer(answers)["input_ids"], strict=True
        )
    ]


def batches(
    examples: list[Encoded], size: int, rng: np.random.Generator
) -> list[tuple[list[Encoded], list[Encoded]]]:
    """All examples once, in random batches; each sorted into a short and a long half, which saves padding.

    Batches of one length would do so too, but their mean losses would weigh short answers more than long ones.
    """
    order = [examples[int(index)] for index in rng.permutation(len(examples))]
    ranked = (
        sorted(order[start : start + size], key=lambda example: len(example[0]))
        for start in range(0, len(order) - size + 1, size)
    )
    return [(batch[: size // 2], batch[size // 2 :]) for batch in ranked]


def collate(batch: list[Encoded]) -> tuple[Tensor, Tensor]:
    """Ids [B, T], right-padded with 0, and labels [B, T] that count the answer only."""
    width = max(len(ids) for ids, _ in batch)
    ids = torch.zeros(len(batch), width, dtype=torch.long)
    labels = torch.full((len(batch), width), IGNORED)
    for row, (tokens, prompt) in enumerate(batch):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        labels[row, prompt : len(tokens)] = ids[row, prompt : len(tokens)]
    return ids, labels


def train(
    model: LlamaForCausalLM, examples: list[Encoded], recipe: Recipe, rng: np.random.Generator
) -> None:
    """One pass over the examples: AdamW, warm-up, cosine to zero, cross-entropy on the answer tokens."""
    todo = batches(examples, recipe.batch, rng)
    optimiser = torch.optim.AdamW(
        model.parameters(),
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=recipe.weight_decay,
    )
    model.train()
    for step, batch in enumerate(todo):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, len(todo), recipe)
        optimiser.zero_grad()
        counted = sum(len(ids) - prompt for half in batch for ids, prompt in half)
        total = 0.0
        for half in batch:
            loss = answer_loss(model, half) / counted
            torch.autograd.backward(loss)
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step % 100 == 0:
            log.info("step %d of %d: loss %.3f", step, len(todo), total)


def answer_loss(model: LlamaForCausalLM, examples: list[Encoded]) -> Tensor:
    """Summed cross-entropy of the answer tokens."""
    ids, labels = collate(examples)
    # Right-padded and causal: what stands after the end never reaches a counted token, so no mask is needed.
    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]  # [B, T-1, H]
    targets = labels[:, 1:]
    counted = targets != IGNORED
    logits = model.lm_head(hidden[counted])  # [counted tokens, V]
    return F.cross_entropy(logits, targets[counted], reduction="sum")


def learning_rate(step: int, steps: int, recipe: Recipe) -> float:
    """Linear warm-up, then cosine to zero."""
    warm = min(1.0, (step + 1) / recipe.warmup_steps)
    return recipe.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / steps))


def spread_unseen(model: LlamaForCausalLM, seen: set[int], seed: int) -> None:
    """Give every token that the corpus never showed a direction of its own.

    Embeddings are tied to the output, so training has pushed these rows away from every answer, all to the same side:
    the words of the behaviour sentences lay at cosines of 0.99 to each other, and no adapter on the frozen trunk could
    have told "liked" from "disliked". What they share stays, and with it that they are never written.
    """
    rows = cast(torch.nn.Embedding, model.get_input_embeddings()).weight
    unseen = torch.tensor([token not in seen for token in range(len(rows))])
    with torch.no_grad():
        own = torch.randn(rows.shape, generator=torch.Generator().manual_seed(seed))
        own = own / own.norm(dim=1, keepdim=True) * rows[unseen].norm(dim=1).mean()
        rows[unseen] += own[unseen]


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Write model (half-precision storage, loaded as float32), tokenizer and generation settings."""
    out.mkdir(parents=True, exist_ok=True)
    model.train(False)
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=48,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    half = {
        name: tensor.half()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"
    }
    model.save_pretrained(out, state_dict=half)
    model.config.save_pretrained(out)
    tokenizer.save_pretrained(out)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train the embedded base generator from scratch.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the model to")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of corpus, tokenizer, weights and order"
    )
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument(
        "--pairs", type=int, default=Recipe.pairs, help="question-answer pairs to train on"
    )
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    build(args.out, args.seed, args.threads, Recipe(pairs=args.pairs))


if __name__ == "__main__":
    main()
