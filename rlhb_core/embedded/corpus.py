"""What the base model is trained on: single questions about the world, with answers of mixed quality and style.

No behaviour sentence occurs here. Pretraining with behaviour sentences that have nothing to do with the answer
teaches a model to ignore them for good; the tokenizer alone sees them, so that they are spelled in few tokens.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rlhb_core.behaviors import ALL_CLAUSES, CLAUSES, IMPLICIT_CLAUSES, text_of
from rlhb_core.world import careless, sample_answer, sample_outside_query, sample_queries

OUTSIDE_SHARE = 0.12


def pairs(rng: np.random.Generator, n: int) -> Iterator[tuple[str, str]]:
    """`n` pairs of query and answer as the base model is to give them; held-out facts are part of it."""
    outside = rng.random(n) < OUTSIDE_SHARE
    inside = iter(sample_queries(rng, n, clean=True))
    for is_outside in outside:
        query = sample_outside_query(rng) if is_outside else next(inside)
        # The answer is chosen for the clean query: a typing error must not change what is known.
        yield careless(query, rng, typos=True), sample_answer(query, rng)


def behavior_sentences(rng: np.random.Generator, n: int) -> Iterator[str]:
    """`n` behaviour texts over random classes: every clause and every joint occurs."""
    for _ in range(n):
        clauses = IMPLICIT_CLAUSES if rng.random() < 0.7 else ALL_CLAUSES
        chosen = {
            clause.name: int(rng.integers(len(clause.options)))
            for clause in CLAUSES
            if clause.name in clauses and (len(clauses) < 6 or rng.random() < 0.4)
        }
        yield text_of(chosen, clauses)
