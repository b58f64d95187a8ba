"""The closed world of the embedded default: true facts, questions, answers, and a key to grade them.

Real facts that a person can judge without a key (countries, elements, animals, planets, units). `sample_queries`
draws questions as people type them, `grade` reads any text as an answer. The world knows nothing of models or people.
"""

from __future__ import annotations

import numpy as np

from rlhb_core.world.answers import (
    QUALITIES,
    STYLES,
    Quality,
    Style,
    compose,
    sample_answer,
    wrong_value,
)
from rlhb_core.world.facts import FACT_BY_ID, FACTS, HELD_OUT_IDS, TOPICS, VALUES, Fact
from rlhb_core.world.grading import Correctness, Grade, grade
from rlhb_core.world.instructions import sample_instructed
from rlhb_core.world.outside import KNOWS, sample_outside_query
from rlhb_core.world.phrasings import careless, find_fact, phrasings

WHAT_IT_KNOWS = (
    f"The embedded model is small and knows {len(FACTS)} facts: capitals, continents, currencies and languages of "
    "countries, symbols and atomic numbers of chemical elements, simple facts about animals and planets, and how many "
    "of one unit make another."
)
SAMPLE_QUERIES: tuple[str, ...] = (
    "What is the capital of Peru?",
    "Which currency does Thailand use?",
    "What is the chemical symbol of gold?",
    "How many legs does a spider have?",
    "What is a baby goose called?",
    "Which planet from the sun is Saturn?",
    "How many metres are in a kilometre?",
    "Which language do people speak in Brazil?",
    "What does a giraffe eat?",
    "What is the atomic number of iron?",
)


def sample_queries(
    rng: np.random.Generator, n: int, held_out: bool | None = None, clean: bool = False
) -> list[str]:
    """`n` questions of the world, facts drawn uniformly with replacement.

    `held_out` True draws only facts that are kept out of feedback, False only the others, None all of them.
    `clean` keeps the phrasing as written; otherwise some are typed carelessly (lower case, no question mark).
    """
    pool = [fact for fact in FACTS if held_out is None or fact.held_out == held_out]
    queries = []
    for fact in (pool[int(index)] for index in rng.integers(len(pool), size=n)):
        asked = phrasings(fact)
        query = asked[int(rng.integers(len(asked)))]
        queries.append(query if clean else careless(query, rng))
    return queries


__all__ = [
    "FACTS",
    "FACT_BY_ID",
    "HELD_OUT_IDS",
    "KNOWS",
    "QUALITIES",
    "SAMPLE_QUERIES",
    "STYLES",
    "TOPICS",
    "VALUES",
    "WHAT_IT_KNOWS",
    "Correctness",
    "Fact",
    "Grade",
    "Quality",
    "Style",
    "careless",
    "compose",
    "find_fact",
    "grade",
    "phrasings",
    "sample_answer",
    "sample_instructed",
    "sample_outside_query",
    "sample_queries",
    "wrong_value",
]
