"""The closed world: true and unambiguous facts, found again from any phrasing, and graded in any form."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlhb_core.world import (
    FACT_BY_ID,
    FACTS,
    HELD_OUT_IDS,
    KNOWS,
    QUALITIES,
    SAMPLE_QUERIES,
    STYLES,
    TOPICS,
    VALUES,
    careless,
    compose,
    find_fact,
    grade,
    phrasings,
    sample_answer,
    sample_outside_query,
    sample_queries,
    wrong_value,
)
from rlhb_core.world.phrasings import normalise

PERU = "What is the capital of Peru?"


def test_facts_are_unique_and_well_formed():
    assert len(FACT_BY_ID) == len(FACTS) >= 400
    for fact in FACTS:
        assert fact.topic in TOPICS
        assert fact.answer == fact.answer.strip() != ""
        assert fact.answer.isascii()
        assert "|" not in fact.answer
        assert fact.answer != "-"


def test_every_kind_of_question_has_wrong_answers_to_choose_from():
    rng = np.random.default_rng(0)
    for fact in FACTS:
        value = wrong_value(fact, rng)
        assert value in VALUES[fact.topic, fact.attribute]
        assert value not in {fact.answer, fact.noun}


def test_numbers_and_capitals_that_one_knows_by_heart():
    answers = {fact.id: fact.answer for fact in FACTS}
    assert answers["country/france/capital"] == "Paris"
    assert answers["country/netherlands/capital"] == "Amsterdam"
    assert answers["element/gold/symbol"] == "Au"
    assert answers["element/iron/number"] == "26"
    assert answers["animal/spider/legs"] == "eight"
    assert answers["planet/earth/position"] == "third"
    assert answers["unit/mile/yards"] == "1760"


def test_atomic_numbers_rise_and_no_symbol_or_capital_occurs_twice():
    numbers = [int(fact.answer) for fact in FACTS if fact.attribute == "number"]
    assert numbers == sorted(numbers)
    for attribute in ("symbol", "number", "capital", "position", "next"):
        counts = Counter(fact.answer for fact in FACTS if fact.attribute == attribute)
        assert max(counts.values()) == 1, attribute


def test_a_fifth_of_every_kind_is_held_out():
    assert 0.18 <= len(HELD_OUT_IDS) / len(FACTS) <= 0.22
    kinds = Counter((fact.topic, fact.attribute) for fact in FACTS)
    held = Counter((fact.topic, fact.attribute) for fact in FACTS if fact.held_out)
    for kind, count in kinds.items():
        assert abs(held[kind] - 0.2 * count) <= 0.5


def test_no_two_facts_share_a_phrasing():
    asked = [normalise(question) for fact in FACTS for question in set(phrasings(fact))]
    owners = {normalise(question): fact.id for fact in FACTS for question in phrasings(fact)}
    for fact in FACTS:
        assert all(owners[normalise(question)] == fact.id for question in phrasings(fact))
    assert len(asked) > 4 * len(FACTS)


def test_unseen_wordings_are_no_phrasings_of_the_training():
    for fact in FACTS:
        asked = {normalise(question) for question in phrasings(fact)}
        assert not asked & {normalise(question) for question in phrasings(fact, unseen=True)}


def test_every_phrasing_finds_its_fact_however_carelessly_typed():
    rng = np.random.default_rng(1)
    for fact in FACTS:
        for question in phrasings(fact) + phrasings(fact, unseen=True):
            plain = question.lower().rstrip("?.")
            for typed in (question, plain, f"  {plain.upper()} ", careless(question, rng)):
                assert find_fact(typed) is fact, typed


@pytest.mark.parametrize(
    ("query", "identifier"),
    [
        ("capital of peru", "country/peru/capital"),
        ("Which city is Peru's capital?", "country/peru/capital"),
        ("whats the captial of peru", "country/peru/capital"),
        ("peru's money", "country/peru/currency"),
        ("i need to pay something in thailand, what with", "country/thailand/currency"),
        ("capital of the USA?", "country/united-states/capital"),
        ("language in holland", "country/netherlands/language"),
        ("Gold symbol", "element/gold/symbol"),
        ("atomic number of aluminum", "element/aluminium/number"),
        ("how many legs has a lobster got", "animal/lobster/legs"),
        ("how many moons has mars", "planet/mars/moons"),
        ("hi! is mercury a rocky planet or a gas giant?", "planet/mercury/type"),
        ("hi! mercury: solid, liquid or gas?", "element/mercury/state"),
        ("hi! atomic number of mercury", "element/mercury/number"),
        ("mercury symbol", "element/mercury/symbol"),
        ("mercury position from the sun", "planet/mercury/position"),
        ("how many cm in a meter", "unit/metre/centimetres"),
        ("how many minutes in an hour", "unit/hour/minutes"),
    ],
)
def test_free_wordings_find_the_fact(query, identifier):
    found = find_fact(query)
    assert found is not None
    assert found.id == identifier


@pytest.mark.parametrize(
    "query",
    ["", "?", "hello", "Who are you?", "capital of Atlantis", "Who is the president of Peru?", "Tell me about gold."],
)  # fmt: skip
def test_what_the_world_does_not_hold_is_not_found(query):
    assert find_fact(query) is None


def test_grade_reads_every_quality_and_style_of_every_fact():
    rng = np.random.default_rng(2)
    expected = {"right": "correct", "wrong": "wrong", "vague": "none", "hint": "none"}
    for fact in FACTS:
        questions = phrasings(fact)
        for quality in QUALITIES:
            for style in STYLES:
                query = careless(questions[int(rng.integers(len(questions)))], rng)
                answer = compose(fact, quality, style, rng)
                found = grade(query, answer)
                assert found.verdict == expected[quality], (query, answer)
                assert not found.garbled, answer
                assert found.polite == (style == "polite"), answer
                assert found.rude == (style == "rude"), answer
                assert found.padded == (style == "padded"), answer
                gives_value = quality in {"right", "wrong"}
                assert found.complete == (gives_value and style != "terse"), answer
                assert found.words == len(answer.split())


@pytest.mark.parametrize(
    ("response", "verdict", "garbled"),
    [
        ("lima", "correct", False),
        ("The capital of Peru is Lima!", "correct", False),
        ("It's Lima, of course.", "correct", True),
        ("The capital of Chile is Lima.", "wrong", False),
        ("The capital of Peru is Quito.", "wrong", False),
        ("Lima or Quito.", "wrong", True),
        ("The currency of Peru is the sol.", "wrong", False),
        ("The capital of Peru is Li", "none", True),
        ("The capital of Peru is Lima. The capital of Peru is Lima.", "correct", True),
        ("It depends on whom you ask.", "none", False),
        ("", "none", True),
    ],
)
def test_grade_of_free_texts(response, verdict, garbled):
    found = grade(PERU, response)
    assert (found.verdict, found.garbled) == (verdict, garbled)


def test_numbers_are_read_as_digits_or_words_but_not_out_of_other_phrases():
    legs = "How many legs does a spider have?"
    assert grade(legs, "8").verdict == "correct"
    assert grade(legs, "A spider has eight legs.").verdict == "correct"
    assert grade(legs, "There is a lot one could say about this.").verdict == "none"
    metres = "How many metres are in a kilometre?"
    assert grade(metres, "There are 1,000 metres in a kilometre.").verdict == "correct"
    assert grade(metres, "100.").verdict == "wrong"


def test_the_longest_value_counts():
    assert grade("What does a pig eat?", "A pig mainly eats plants and meat.").verdict == "correct"
    assert grade("What does a pig eat?", "A pig mainly eats plants.").verdict == "wrong"
    assert grade("What does a cow eat?", "Cows live on plants and meat.").verdict == "wrong"


def test_chemical_symbols_keep_their_case_and_are_not_words():
    assert grade("Symbol of helium?", "He.").verdict == "correct"
    assert grade("Symbol of helium?", "He thinks so.").verdict == "none"
    assert grade("Symbol of carbon?", "The symbol of carbon is Ca.").verdict == "wrong"


def test_brief_is_to_the_point_and_rambling_is_not():
    brief = grade(PERU, "The capital of Peru is Lima.")
    rambling = grade(
        PERU,
        "Before I answer, let me think about it for a moment. The capital of Peru is Lima. "
        "There would be much more to tell, of course.",
    )
    assert brief.to_the_point == 1.0
    assert rambling.to_the_point < 0.5


def test_outside_the_world_the_friendly_sentence_is_right_and_an_invented_fact_is_wrong():
    assert grade("hello", f"Hello! {KNOWS}").verdict == "correct"
    assert grade("Capital of Atlantis?", "The capital of Atlantis is Lima.").verdict == "wrong"
    assert grade("Capital of Atlantis?", "That is hard to say.").verdict == "none"


def test_answers_outside_the_world_are_well_formed_and_right():
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(500):
        query = sample_outside_query(rng)
        if find_fact(query) is not None:
            continue
        seen += 1
        found = grade(query, sample_answer(query, rng))
        assert found.correct
        assert not found.garbled
    assert seen > 480


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=400), st.text(max_size=400))
def test_any_text_is_graded_without_failing(query, response):
    found = grade(query, response)
    assert 0 <= found.to_the_point <= 1
    assert found.words >= 0


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_about_a_fact_is_graded_without_failing(response):
    grade(PERU, response)
    grade("Symbol of iron?", response)
    grade("How many days are in a week?", response)


def test_huge_texts_are_graded_too():
    assert grade(PERU, "Lima " * 100_000).garbled
    assert find_fact("x" * 1_000_000) is None


def test_sample_queries_repeat_by_seed_and_keep_held_out_facts_apart():
    first = sample_queries(np.random.default_rng(7), 300, held_out=True)
    assert first == sample_queries(np.random.default_rng(7), 300, held_out=True)
    for held_out in (True, False):
        for query in sample_queries(np.random.default_rng(8), 500, held_out=held_out):
            fact = find_fact(query)
            assert fact is not None
            assert fact.held_out is held_out


def test_sample_queries_of_the_page_are_answerable():
    assert len({query for query in SAMPLE_QUERIES if find_fact(query)}) == len(SAMPLE_QUERIES)
