"""System messages that the base model follows: who it is to be, and in which manner it is to answer.

Any instruction-tuned model has learned that the system message bears on its answers, and a behaviour text stands there.
In trials of one seed each, adapters on a base that had never seen a system message, or only such on manner, hardly
heeded behaviours; on one with messages on knowledge too they did. These messages say nothing of readers or their
behaviour. They move an answer's quality and style and do not settle them.
"""

from __future__ import annotations

import numpy as np

from rlhb_core.world.answers import STYLES, Quality, Style, compose, draw_quality, draw_style
from rlhb_core.world.outside import friendly_answer, pick
from rlhb_core.world.phrasings import find_fact

KNOWING: dict[Quality, tuple[str, ...]] = {
    "right": ("You are an expert.", "Be exact."),
    "wrong": ("You are a beginner.", "Just guess."),
    "vague": ("Stay vague.",),
    "hint": ("Only give a hint.",),
}
MANNER: dict[Style, tuple[str, ...]] = {
    "plain": ("Answer in a sentence.", "Just the facts."),
    "terse": ("Be brief.", "Answer in a word."),
    "polite": ("Be polite.", "Answer in a friendly way."),
    "padded": ("Talk at length.", "Take your time."),
    "rude": ("Be rude.", "Answer in a gruff way."),
}
NEUTRAL = ("You are a helpful assistant.", "Answer the question.")
NEUTRAL_SHARE, KNOWING_SHARE = 0.2, 0.6
FOLLOWED = 0.8
"""How often an answer is what it was told to be; otherwise it is drawn like any other."""


def sample_instructed(query: str, rng: np.random.Generator) -> tuple[str, str]:
    """A random system message, and an answer to the query that mostly follows it."""
    quality, style = draw_quality(rng), draw_style(rng)
    told: list[str] = []
    if rng.random() < NEUTRAL_SHARE:
        told.append(pick(NEUTRAL, rng))
    else:
        if rng.random() < KNOWING_SHARE:
            wanted_quality = draw_quality(rng)
            told.append(pick(KNOWING[wanted_quality], rng))
            quality = wanted_quality if rng.random() < FOLLOWED else quality
        if not told or rng.random() < KNOWING_SHARE:
            wanted_style = STYLES[int(rng.integers(len(STYLES)))]
            told.insert(int(rng.integers(len(told) + 1)), pick(MANNER[wanted_style], rng))
            style = wanted_style if rng.random() < FOLLOWED else style
    fact = find_fact(query)
    answer = friendly_answer(query, rng) if fact is None else compose(fact, quality, style, rng)
    return " ".join(told), answer
