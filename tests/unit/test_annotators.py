"""Simulated annotators: the same by seed, different from person to person, informative but noisy."""

from collections import Counter, defaultdict
from uuid import UUID

import numpy as np
import pytest

from rlhb_core.run.sections import DataSettings
from rlhb_core.schema.behaviors import (
    IMPLICIT_CLAUSES,
    Classes,
    classify,
    preferred_behavior,
    text_of,
)
from rlhb_core.schema.reading import Reading, summarise_person
from rlhb_core.schema.signals import Signal, check_signal
from rlhb_core.world import annotators, grade, sample_answer, sample_queries
from rlhb_core.world.annotators import Annotator, hidden_utility, population

PERU = "What is the capital of Peru?"
RIGHT, WRONG = "The capital of Peru is Lima.", "The capital of Peru is Quito."
PAGE = UUID(int=1)


def test_right_minus_wrong_is_three_and_manner_counts_less():
    assert hidden_utility(PERU, RIGHT) - hidden_utility(PERU, WRONG) == pytest.approx(3.0)
    polite = hidden_utility(PERU, f"Good question! {RIGHT}")
    rude = hidden_utility(PERU, f"{RIGHT} What a silly question.")
    vague = hidden_utility(PERU, "That is hard to say.")
    assert polite > hidden_utility(PERU, RIGHT) > rude > vague > hidden_utility(PERU, WRONG)
    assert hidden_utility(PERU, "Lima Lima qx") < hidden_utility(PERU, "Lima.")


def test_a_person_is_the_same_by_seed_and_differs_from_others():
    assert Annotator.from_seed(3, 5) == Annotator.from_seed(3, 5)
    people = population(0, 20)
    assert len(set(people)) == 20
    assert len({person.felt(PERU, RIGHT) for person in people}) == 20
    assert people[0].felt(PERU, RIGHT) == people[0].felt(PERU, RIGHT)


def test_acts_and_votes_repeat_by_seed():
    person = Annotator.from_seed(0, 0)
    first = [person.react(PERU, RIGHT, np.random.default_rng(i), position=1) for i in range(20)]
    assert first == [
        person.react(PERU, RIGHT, np.random.default_rng(i), position=1) for i in range(20)
    ]
    votes = [person.vote(PERU, [RIGHT, WRONG], np.random.default_rng(i)) for i in range(20)]
    assert votes == [person.vote(PERU, [RIGHT, WRONG], np.random.default_rng(i)) for i in range(20)]


@pytest.mark.parametrize("response", ["", "?", "\x00\ud800", "Lima. " * 3000])
def test_any_response_draws_signals_that_the_schema_takes(response):
    rng = np.random.default_rng(0)
    for person in population(1, 5):
        for signal in _signals(person.react(PERU, response, rng, position=2), UUID(int=9)):
            check_signal(signal, sent_ms=signal.at_ms)
        assert person.vote(PERU, [response, response], rng) in {0, 1, "tie", "all_bad"}


def test_a_vote_needs_something_to_vote_on():
    with pytest.raises(ValueError, match="nothing to vote on"):
        Annotator.from_seed(0, 0).vote(PERU, [], np.random.default_rng(0))


def test_people_choose_the_better_answer_and_can_call_all_bad():
    rng = np.random.default_rng(4)
    choices = Counter(person.vote(PERU, [WRONG, RIGHT], rng) for person in population(2, 200))
    assert choices[1] > 0.8 * 200
    bad = ["Quito. Now leave me alone.", "Bogota. What a silly question."]
    assert any(person.vote(PERU, bad, rng) == "all_bad" for person in population(2, 50))
    same = Counter(person.vote(PERU, [RIGHT, RIGHT], rng) for person in population(2, 200))
    assert same["tie"] > 0.1 * 200


def test_people_ask_again_when_even_the_best_answer_disappoints():
    rng = np.random.default_rng(5)
    people = population(3, 300)
    after_bad = sum(
        person.asks_again(PERU, [WRONG, "That is hard to say."], rng) for person in people
    )
    after_good = sum(person.asks_again(PERU, [WRONG, RIGHT], rng) for person in people)
    assert after_bad > 3 * after_good


def _signals(acts: list[annotators.Act], response_id: UUID) -> list[Signal]:
    common = {"query_id": PAGE, "response_id": response_id, "page_id": PAGE}
    return [
        Signal.model_validate(
            {**common, "kind": kind, "payload": payload, "at_ms": 10**9, "page_opened_ms": 0}
        )
        for kind, payload in acts
    ]


@pytest.fixture(scope="module")
def log() -> list[tuple[str, str, Classes]]:
    """Query, response and the classes of the behaviour that it drew: 24 people, 6,000 answers of the SFT mixture."""
    rng = np.random.default_rng(6)
    people = population(0, 24)
    readings: dict[int, list[Reading]] = defaultdict(list)
    texts: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for number, query in enumerate(sample_queries(rng, 6_000, held_out=False)):
        who, response = int(rng.integers(len(people))), sample_answer(query, rng)
        signals = _signals(people[who].react(query, response, rng), UUID(int=number + 10))
        readings[who].append(Reading(UUID(int=number + 10), len(response), signals))
        texts[who].append((query, response))
    return [
        (query, response, classify(features))
        for who, found in readings.items()
        for (query, response), features in zip(texts[who], summarise_person(found), strict=True)
    ]


def test_rates_are_those_of_people(log):
    share = {
        name: sum(classes[clause] == value for _, _, classes in log) / len(log)
        for name, clause, value in (
            ("like", "reaction", 1),
            ("dislike", "reaction", 2),
            ("copy", "copied", 1),
            ("share", "shared", 1),
            ("asked_again", "asked_again", 1),
        )
    }
    for name, expected in annotators.MEASURED["rates"].items():
        assert share[name] == pytest.approx(expected, abs=0.02), (name, share)


def test_utility_of_the_mixture_is_centred(log):
    utilities = [hidden_utility(query, response) for query, response, _ in log]
    assert abs(np.mean(utilities)) < 0.15


def test_the_preferred_behavior_is_rare_but_learnable(log):
    texts = [text_of(classes, IMPLICIT_CLAUSES) for _, _, classes in log]
    preferred = preferred_behavior(texts, DataSettings().preferred_share)
    assert "liked it" in preferred
    assert 0.01 <= texts.count(preferred) / len(texts) <= 0.06


def test_votes_can_be_foreseen_from_the_true_utility_only_so_far():
    """The ceiling of any reward model's pairwise accuracy."""
    rng = np.random.default_rng(7)
    people = population(0, 24)
    agree = []
    for query in sample_queries(rng, 3_000):
        pair = [sample_answer(query, rng), sample_answer(query, rng)]
        utilities = [hidden_utility(query, response) for response in pair]
        choice = people[int(rng.integers(24))].vote(query, pair, rng)
        if isinstance(choice, int) and utilities[0] != utilities[1]:
            agree.append(utilities[choice] > utilities[1 - choice])
    assert np.mean(agree) == pytest.approx(annotators.MEASURED["ceilings"]["vote"], abs=0.025)


def test_behaviors_can_be_matched_to_responses_only_so_far(log):
    """The ceiling of a discriminator: behaviour as it was against that of another response, from the grade alone."""
    rng = np.random.default_rng(8)
    rows = [(_traits(query, response), _acts(classes)) for query, response, classes in log]
    order = rng.permutation(len(rows))
    fit, test = [rows[i] for i in order[:4_000]], [rows[i] for i in order[4_000:]]
    joint = Counter((traits, act) for traits, acts in fit for act in acts)
    traits_count = Counter(traits for traits, _ in fit)
    act_count = Counter(act for _, acts in fit for act in acts)

    def log_ratio(traits: tuple[object, ...], acts: tuple[tuple[str, object], ...]) -> float:
        total = 0.0
        for act in acts:
            prior = (act_count[act] + 1) / (len(fit) + 1)
            seen = (joint[traits, act] + 4 * prior) / (traits_count[traits] + 4)
            total += np.log(seen / prior)
        return total

    others = np.roll(np.arange(len(test)), 1)
    real = np.mean([log_ratio(traits, acts) > 0 for traits, acts in test])
    swapped = np.mean([log_ratio(test[i][0], test[j][1]) <= 0 for i, j in enumerate(others)])
    accuracy = (real + swapped) / 2
    assert accuracy == pytest.approx(annotators.MEASURED["ceilings"]["matched"], abs=0.025)


def _traits(query: str, response: str) -> tuple[object, ...]:
    found = grade(query, response)
    return (found.verdict, found.complete, found.polite, found.rude, found.padded)


def _acts(classes: Classes) -> tuple[tuple[str, object], ...]:
    return (
        ("reaction, copied", (classes["reaction"], classes["copied"])),
        ("asked again", classes["asked_again"]),
        ("dwell", classes["dwell"]),
        ("shared", classes["shared"]),
    )
