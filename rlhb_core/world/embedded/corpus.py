"""What the base model is trained on: single questions about the world, with answers of mixed quality and style.

Some stand under a system message that the answer mostly follows, so that the model learns to heed one. No behaviour
sentence occurs here. Pretraining with behaviour sentences that have nothing to do with the answer teaches a model to
ignore them for good; the tokenizer alone sees them, so that they are spelled in few tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from rlhb_core.schema.behaviors import ALL_CLAUSES, IMPLICIT_CLAUSES, text_of
from rlhb_core.schema.features import CLAUSES
from rlhb_core.world import (
    careless,
    sample_answer,
    sample_instructed,
    sample_outside_query,
    sample_queries,
)

OUTSIDE_SHARE = 0.12
INSTRUCTED_SHARE = 0.35


class Example(NamedTuple):
    """One question as it is asked, with the system message above it if there is one, and the answer to give."""

    system: str | None
    query: str
    answer: str


def examples(rng: np.random.Generator, n: int) -> Iterator[Example]:
    """`n` examples of how the base model is to answer; held-out facts are part of them."""
    outside = rng.random(n) < OUTSIDE_SHARE
    inside = iter(sample_queries(rng, n, clean=True))
    for is_outside in outside:
        query = sample_outside_query(rng) if is_outside else next(inside)
        # The answer is chosen for the clean query: a typing error must not change what is known.
        asked = careless(query, rng, typos=True)
        if rng.random() < INSTRUCTED_SHARE:
            system, answer = sample_instructed(query, rng)
            yield Example(system, asked, answer)
        else:
            yield Example(None, asked, sample_answer(query, rng))


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
