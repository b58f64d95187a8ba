"""Paired comparisons and their intervals on numbers worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlhb_core.verdict.paired import bootstrap, compare_paired

# --- paired scores --------------------------------------------------------------------------------


def test_wins_ties_and_losses_by_hand() -> None:
    found = compare_paired([3.0, 1.0, 2.0, 0.5], [1.0, 1.0, 5.0, 0.0])
    assert found["n"] == 4
    assert (found["win"], found["tie"], found["loss"]) == (0.5, 0.25, 0.25)
    assert found["win_rate"] == 0.625  # a tie is half a win
    assert found["mean_difference"] == pytest.approx((2.0 + 0.0 - 3.0 + 0.5) / 4)
    # means of four of the points 1, 0.5, 0 and 1 lie between 0 and 1, in steps of an eighth
    low, high = found["interval"]
    assert 0 <= low < 0.625 < high <= 1


def test_scores_closer_than_the_tie_are_tied() -> None:
    ours, theirs = [1.0, 1.0, 1.0, 1.0], [0.95, 1.05, 0.8, 1.3]
    found = compare_paired(ours, theirs, tie=0.1)
    assert (found["win"], found["tie"], found["loss"]) == (0.25, 0.5, 0.25)
    assert compare_paired(ours, theirs)["tie"] == 0


@pytest.mark.parametrize(("ours", "rate"), [(2.0, 1.0), (1.0, 0.5), (0.0, 0.0)])
def test_where_every_pair_agrees_the_interval_is_a_point(ours: float, rate: float) -> None:
    found = compare_paired([ours] * 30, [1.0] * 30, resamples=100)
    assert found["win_rate"] == rate
    assert found["interval"] == [rate, rate]


def test_the_interval_of_a_win_rate_is_that_of_the_normal_approximation() -> None:
    # 400 pairs, 240 won: the standard error is sqrt(0.6 * 0.4 / 400) = 0.0245
    found = compare_paired([1.0] * 240 + [0.0] * 160, [0.5] * 400, resamples=2000)
    half = 1.96 * math.sqrt(0.6 * 0.4 / 400)
    assert found["interval"] == pytest.approx([0.6 - half, 0.6 + half], abs=0.005)


def test_ties_make_the_interval_narrower() -> None:
    # 100 wins, 200 ties, 100 losses: the variance of a point is 0.125, without ties it is 0.25
    found = compare_paired([2.0] * 100 + [1.0] * 200 + [0.0] * 100, [1.0] * 400, resamples=2000)
    half = 1.96 * math.sqrt(0.125 / 400)
    assert found["interval"] == pytest.approx([0.5 - half, 0.5 + half], abs=0.005)


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=30),
)
def test_seen_from_the_other_side_wins_are_losses(pairs: list[tuple[int, int]]) -> None:
    ours, theirs = ([float(pair[i]) for pair in pairs] for i in (0, 1))
    there = compare_paired(ours, theirs, resamples=100)
    back = compare_paired(theirs, ours, resamples=100)
    assert there["win"] + there["tie"] + there["loss"] == pytest.approx(1)
    assert (there["win"], there["tie"]) == (back["loss"], back["tie"])
    assert there["win_rate"] == pytest.approx(1 - back["win_rate"])
    assert there["mean_difference"] == pytest.approx(-back["mean_difference"])
    assert there["interval"] == pytest.approx([1 - x for x in reversed(back["interval"])])


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([1.0], []), ([1.0, 2.0], [1.0])])
def test_scores_that_are_not_paired_are_refused(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(ValueError, match="same length and are not empty"):
        compare_paired(ours, theirs)


# --- intervals ------------------------------------------------------------------------------------


def test_the_bootstrap_of_a_mean_is_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(10.0, 3.0, size=500)
    found = bootstrap(lambda rows: float(values[rows].mean()), len(values), resamples=2000)
    half = 1.96 * values.std() / math.sqrt(len(values))
    expected = (values.mean() - half, values.mean() + half)
    assert found == pytest.approx(expected, abs=0.1 * half)


def test_the_bootstrap_of_a_median_is_that_of_order_statistics() -> None:
    # the classical 95 % interval of the median of 501 values: ranks (n +- 1.96 sqrt(n)) / 2, that is 229 and 273
    values = np.arange(501.0)
    low, high = bootstrap(lambda rows: float(np.median(values[rows])), 501, resamples=2000)
    assert low == pytest.approx(228, abs=6)
    assert high == pytest.approx(272, abs=6)


def test_the_bootstrap_repeats_by_seed() -> None:
    values = np.random.default_rng(2).normal(size=50)

    def interval(seed: int) -> tuple[float, float]:
        return bootstrap(lambda rows: float(values[rows].mean()), 50, resamples=200, seed=seed)

    assert interval(0) == interval(0) != interval(1)


def test_19_of_20_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        ours = rng.normal(0.3, 1.0, size=100)  # wins against 0 with probability 0.6179
        low, high = compare_paired(ours.tolist(), [0.0] * 100, resamples=200)["interval"]
        held += low <= 0.6179 <= high
    assert 0.89 <= held / 200 <= 0.99
