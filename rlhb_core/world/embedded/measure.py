"""What the base model can do: greedy and sampled answers graded by the world, and the model card made of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

from rlhb_core.schema.prompts import messages
from rlhb_core.world import FACTS, Grade, grade, phrasings, sample_outside_query, sample_queries

BATCH = 256
TOLD = ("You are a helpful assistant.", "Be exact.", "Just guess.")
"""System messages whose effect is part of the model card."""


@torch.inference_mode()
def answer(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    queries: list[str],
    sample: bool,
    system: str | None = None,
) -> list[str]:
    """One answer per query, in batches: greedy, or sampled at temperature 1. Takes the global torch seed."""
    generate: Any = model.generate  # its type differs between versions of transformers
    found: list[str] = []
    for start in range(0, len(queries), BATCH):
        prompts = [
            tokenizer.apply_chat_template(
                messages(query, system), tokenize=False, add_generation_prompt=True
            )
            for query in queries[start : start + BATCH]
        ]
        inputs = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left")
        output = generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            do_sample=sample,
            max_new_tokens=48,
        )
        width = inputs["input_ids"].shape[1]
        found += tokenizer.batch_decode(output[:, width:], skip_special_tokens=True)
    return found


def _shares(grades: list[Grade]) -> dict[str, float]:
    counts = Counter(grade.verdict for grade in grades)
    n = len(grades)
    shares = {verdict: counts[verdict] / n for verdict in ("correct", "wrong", "none")}
    for flag in ("complete", "polite", "rude", "padded", "garbled"):
        shares[flag] = sum(getattr(grade, flag) for grade in grades) / n
    shares["mean_words"] = sum(grade.words for grade in grades) / n
    return {name: round(value, 4) for name, value in shares.items()}


def evaluate(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase, seed: int = 1, n: int = 1000
) -> dict[str, dict[str, float]]:
    """Shares of graded answers: greedy over every fact (one phrasing each, all kinds in turn), sampled, outside."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    model.train(False)
    asked = [(fact, str(rng.choice(phrasings(fact)))) for fact in FACTS[:n]]
    clean = [query for _, query in asked]
    greedy = [
        grade(query, text)
        for query, text in zip(clean, answer(model, tokenizer, clean, False), strict=True)
    ]
    held = [one for (fact, _), one in zip(asked, greedy, strict=True) if fact.held_out]
    own = [(fact, str(rng.choice(phrasings(fact, unseen=True)))) for fact in FACTS[:n]]
    own_words = [query for _, query in own]
    unseen = [
        grade(query, text)
        for query, text in zip(own_words, answer(model, tokenizer, own_words, False), strict=True)
    ]
    typed = sample_queries(rng, n)
    careless = [
        grade(query, text)
        for query, text in zip(typed, answer(model, tokenizer, typed, False), strict=True)
    ]
    sampled = [
        grade(query, text)
        for query, text in zip(typed, answer(model, tokenizer, typed, True), strict=True)
    ]
    told = {
        f"sampled_told_{system.rstrip('.').replace(' ', '_').lower()}": [
            grade(query, text)
            for query, text in zip(
                typed, answer(model, tokenizer, typed, True, system), strict=True
            )
        ]
        for system in TOLD
    }
    strange = [sample_outside_query(rng) for _ in range(max(8, n // 3))]
    outside = [
        grade(query, text)
        for query, text in zip(strange, answer(model, tokenizer, strange, True), strict=True)
    ]
    return {
        "greedy_every_fact": _shares(greedy),
        "greedy_held_out_facts": _shares(held),
        "greedy_unseen_wordings": _shares(unseen),
        "greedy_typed_carelessly": _shares(careless),
        "sampled_temperature_1": _shares(sampled),
        **{name: _shares(graded) for name, graded in told.items()},
        "sampled_outside_the_world": _shares(outside),
    }


def write_card(folder: Path, figures: dict[str, Any]) -> None:
    """Write `evaluation.json` and the model card that shows the same figures."""
    (folder / "evaluation.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    columns = list(figures["shares"]["greedy_every_fact"])
    rows = [
        "| "
        + " | ".join([name.replace("_", " "), *(f"{shares[column]:.3g}" for column in columns)])
        + " |"
        for name, shares in figures["shares"].items()
    ]
    table = ["| answers | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|", *rows]
    card = f"""---
license: apache-2.0
language: en
pipeline_tag: text-generation
---

# The embedded base generator

A causal language model of the Llama architecture with {figures["parameters"]:,} parameters and a byte-level BPE
vocabulary of {figures["vocabulary"]:,}, trained from scratch on a closed world of {figures["facts"]} facts about
countries, chemical elements, animals, planets and units. It is the start of every arm of the embedded default.

It knows the right answer to nearly everything in its world, and shows it when decoded greedily. Sampled at
temperature 1 it is meant to be a mixture: right, wrong, vague and incomplete answers in plain, terse, polite,
rambling and rude style, so that there is something to align. Outside its world it says what it knows. A third of its
training text stood under system messages: it heeds those on manner ("Be brief.") well, those on knowledge a little.

Rebuild it by `python -m rlhb_core.world.embedded.build --out DIR --seed {figures["seed"]}`
({figures["training"]["pairs"]:,} question-answer pairs, {figures["training"]["minutes"]:.0f} minutes on
{figures["training"]["threads"]} threads). No behaviour sentence is part of the training text.

Shares of answers, measured by the same script (`evaluation.json`):

{chr(10).join(table)}

Not for use outside its world: it is a teaching and testing model.
"""
    (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
