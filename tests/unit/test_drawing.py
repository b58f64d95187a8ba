"""Which answers somebody is shown of an item: probabilities by hand, and what is drawn against what is said of it."""

import random
from collections import Counter
from uuid import UUID, uuid4

import pytest

from app.studies.drawing import Candidate, Duel, drawn, information, of_versions

A, B, C, D = (uuid4() for _ in range(4))


def test_all_are_shown_if_they_are_few():
    shown = drawn([Candidate(A), Candidate(B)], 3, random.Random(1))
    assert {each.version_id for each in shown} == {A, B}
    assert {each.probability for each in shown} == {1.0}


def test_evenly_each_takes_part_as_often_as_is_said_and_stands_anywhere():
    rng = random.Random(2)
    candidates = [Candidate(each) for each in (A, B, C, D)]
    places: Counter[tuple[UUID, int]] = Counter()
    for _ in range(4_000):
        shown = drawn(candidates, 3, rng)
        assert {each.probability for each in shown} == {0.75}
        places.update((each.version_id, place) for place, each in enumerate(shown))
    assert all(abs(count - 1_000) < 120 for count in places.values())


def test_information_by_hand():
    # with one win and one loss beforehand: deviation 0.5, and its standard error from 2 to 3 comparisons
    assert information(Duel(0, 0)) == pytest.approx(0.5 / 2**0.5 - 0.5 / 3**0.5)
    assert information(Duel(5, 5)) == pytest.approx(0.5 / 12**0.5 - 0.5 / 13**0.5)
    assert information(Duel(10, 0)) < information(Duel(5, 5)) < information(Duel(0, 0))


def test_what_least_is_known_of_is_drawn_most_and_as_often_as_is_said():
    def known(one: UUID, other: UUID) -> Duel:
        return Duel(50, 50) if {one, other} == {A, B} else Duel(0, 0)

    rng = random.Random(3)
    candidates = [Candidate(each) for each in (A, B, C)]
    pairs: Counter[frozenset[UUID]] = Counter()
    said: dict[UUID, float] = {}
    for _ in range(6_000):
        shown = drawn(candidates, 2, rng, known)
        pairs[frozenset(each.version_id for each in shown)] += 1
        said |= {each.version_id: each.probability for each in shown}
    assert pairs[frozenset((A, B))] < 700 < 2_400 < pairs[frozenset((A, C))]
    for version, probability in said.items():
        share = sum(count for pair, count in pairs.items() if version in pair) / 6_000
        assert share == pytest.approx(probability, abs=0.025)
    assert sum(said.values()) == pytest.approx(2)  # two take part in each


def test_two_answers_of_one_version_are_no_pair_to_learn_from():
    candidates = [Candidate(A, 0), Candidate(A, 1), Candidate(B, 0)]
    rng = random.Random(4)
    same = sum(
        {each.version_id for each in drawn(candidates, 2, rng, lambda *_: Duel(0, 0))} == {A}
        for _ in range(3_000)
    )
    assert same == pytest.approx(200, abs=60)  # its third of the fifth that is left to even chance


def test_too_few_versions_fill_the_page_as_evenly_as_can_be():
    assert of_versions([], 3) == []
    assert of_versions([A], 3) == [Candidate(A, 0), Candidate(A, 1), Candidate(A, 2)]
    assert Counter(each.version_id for each in of_versions([A, B], 3)) == {A: 2, B: 1}
    assert len(of_versions([A, B, C, D], 3)) == 4
