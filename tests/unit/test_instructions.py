"""System messages of the base model's training text: what they ask for is mostly what the answer is."""

import numpy as np
import pytest

from rlhb_core.world import KNOWS, grade, sample_instructed, sample_queries
from rlhb_core.world.instructions import KNOWING, MANNER, NEUTRAL

SENTENCES = {text for texts in (*KNOWING.values(), *MANNER.values(), NEUTRAL) for text in texts}


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    queries = sample_queries(rng, 6_000, clean=True)
    return [(query, *sample_instructed(query, rng)) for query in queries]


def share(drawn, told, trait):
    graded = [grade(query, answer) for query, system, answer in drawn if told in system]
    assert len(graded) > 50
    return np.mean([trait(one) for one in graded])


def test_a_message_is_one_or_two_known_sentences(drawn):
    for _, system, _ in drawn[:500]:
        told = [f"{part}." for part in system.rstrip(".").split(". ")]
        assert 1 <= len(told) <= 2
        assert set(told) <= SENTENCES


@pytest.mark.parametrize(
    ("told", "trait", "least", "most"),
    [
        ("Be exact.", lambda one: one.correct, 0.8, 0.97),
        ("Just guess.", lambda one: one.verdict == "wrong", 0.75, 0.95),
        ("Be polite.", lambda one: one.polite, 0.75, 0.95),
        ("Talk at length.", lambda one: one.padded, 0.75, 0.95),
        ("You are a helpful assistant.", lambda one: one.correct, 0.4, 0.6),
    ],
)
def test_an_answer_mostly_heeds_its_message(drawn, told, trait, least, most):
    assert least <= share(drawn, told, trait) <= most


def test_outside_the_world_the_answer_stays_friendly():
    rng = np.random.default_rng(1)
    answers = [sample_instructed("Who is the king of Spain?", rng)[1] for _ in range(50)]
    assert any(KNOWS in answer for answer in answers)
    assert not any("silly" in answer for answer in answers)
