"""Signs of care: figures by hand and by a reference, and that people who read raise no doubt."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from app.honesty import Said, Signs, Work, signs_of
from app.honesty.share import share
from app.honesty.signs import ONE_IN, Kind

READ = Work(Said.BEST, seconds=30.0, characters=900, place=0, sides=3)


def kinds(signs: Signs) -> set[Kind]:
    return {doubt.kind for doubt in signs.doubts}


def reading(
    rng: random.Random, count: int, sides: int = 3, gold: float = 0.9, same: float = 0.85
) -> list[Work]:
    """Somebody who reads: at their own pace, each time anew; by what the answers say, wherever those stand."""
    return [
        Work(
            rng.choices((Said.BEST, Said.TIE, Said.ALL_BAD), (0.8, 0.15, 0.05))[0],
            seconds=rng.lognormvariate(math.log(25), 0.5),
            characters=rng.randrange(200, 2_000),
            place=rng.randrange(sides),
            sides=sides,
            right=rng.random() < gold if n % 10 == 3 else None,
            same=rng.random() < same if n % 10 == 7 else None,
        )
        for n in range(count)
    ]


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_are_wilsons(numbers: tuple[int, int]):
    count, of = numbers
    reference = binomtest(count, of).proportion_ci(method="wilson")
    found = share(count, of)
    assert found.low == pytest.approx(reference.low, abs=1e-12)
    assert found.high == pytest.approx(reference.high, abs=1e-12)


def test_of_nothing_there_is_no_share():
    nothing = share(0, 0)
    assert (nothing.count, nothing.of, nothing.low, nothing.high) == (0, 0, None, None)
    signs = signs_of([])
    assert (signs.done, signs.seconds, signs.doubts) == (0, None, [])


def test_people_who_read_raise_no_doubt():
    """1,000 people of 60 comparisons each: of six rules with a chance of at most 1 in 1,000, few ever speak."""
    rng = random.Random(11)
    doubtful = sum(bool(signs_of(reading(rng, 60)).doubts) for _ in range(1_000))
    assert doubtful <= 15


@pytest.mark.parametrize("sides", [2, 3])
def test_chance_alone_puts_hardly_anybody_on_one_side(sides: int):
    rng = random.Random(5)
    people = [reading(rng, 40, sides) for _ in range(1_500)]
    found = sum(Kind.ONE_SIDE in kinds(signs_of(each)) for each in people)
    assert found / len(people) <= ONE_IN + 4 * math.sqrt(ONE_IN / len(people))


def test_always_the_left_one_is_told_with_what_would_be_usual():
    signs = signs_of([READ] * 9 + [Work(Said.BEST, 28.0, 900, place=2, sides=3)])
    assert (signs.left.count, signs.left.of) == (9, 10)
    # P(X >= 9), X ~ B(10, 1/3): (10 * 2 + 1) / 3^10 = 0.00036; any of three sides: 0.00107, not seldom enough
    assert Kind.ONE_SIDE not in kinds(signs)
    signs = signs_of([READ] * 10 + [Work(Said.BEST, 28.0, 900, place=2, sides=3)])
    # (11 * 2 + 1) / 3^11 * 3 = 0.00039
    sentence = next(doubt.sentence for doubt in signs.doubts if doubt.kind is Kind.ONE_SIDE)
    assert sentence == "Chose the left answer 10 of 11 times; who reads chooses it about 4 times."


def test_the_right_one_is_told_by_its_name_and_sides_are_not_mixed():
    right = [Work(Said.BEST, 28.0 + n, 900, place=1, sides=2) for n in range(14)]
    among_three = [Work(Said.BEST, 20.0 + n, 900, place=n % 3, sides=3) for n in range(30)]
    (doubt,) = signs_of(right + among_three).doubts
    assert doubt.sentence.startswith("Chose the right answer 14 of 14 times")


def test_faster_than_anybody_reads():
    fast = Work(Said.BEST, seconds=8.9, characters=900)
    slow = Work(Said.BEST, seconds=9.0, characters=900)
    assert kinds(signs_of([fast] * 6 + [slow] * 4)) == {Kind.TOO_FAST}
    assert kinds(signs_of([fast] * 5 + [slow] * 5)) == set()
    assert kinds(signs_of([fast] * 9)) == set(), "few say nothing"
    assert signs_of([fast] * 3 + [slow]).too_fast.words == "3 of 4"


def test_as_even_as_a_clock():
    rng = random.Random(1)
    clock = [Work(None, 30 + rng.uniform(-1, 1), 900) for _ in range(20)]
    assert kinds(signs_of(clock)) == {Kind.TOO_EVEN}
    assert kinds(signs_of(clock[:19])) == set()
    assert signs_of(clock).seconds == pytest.approx(30, abs=1)


def test_always_a_tie_or_all_bad():
    ties = [Work(Said.TIE, 10.0 + n, 300) for n in range(20)]
    assert kinds(signs_of(ties)) == {Kind.ALWAYS_THE_SAME}
    bad = [Work(Said.ALL_BAD, 10.0 + n, 300) for n in range(20)]
    assert "all are bad" in signs_of(bad).doubts[0].sentence
    best = [Work(Said.BEST, 10.0 + n, 300) for n in range(20)]
    assert kinds(signs_of(best)) == set(), "which one is best is another each time"


def test_known_best_answers_that_are_missed():
    def found(right: int, of: int) -> Signs:
        return signs_of([Work(Said.BEST, 30.0 + n, 300, right=n < right) for n in range(of)])

    assert kinds(found(1, 4)) == {Kind.GOLD}  # at most 0.6994, by Wilson
    assert found(1, 4).gold.high == pytest.approx(0.6994, abs=1e-4)
    assert kinds(found(2, 4)) == set()
    assert found(1, 4).doubts[0].sentence == "Found the known best answer 1 of 4 times."


def test_saying_something_else_of_the_same():
    works = [Work(Said.BEST, 30.0 + n, 300, same=n < 3) for n in range(10)]
    signs = signs_of(works)
    assert kinds(signs) == {Kind.UNLIKE_BEFORE}
    assert signs.doubts[0].sentence == "Said the same 3 of 10 times when something came again."
