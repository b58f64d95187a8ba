"""Length drift and distinct n-grams by hand."""

import pytest

from rlhb_core.learning.diagnostics import Lengths, distinct, length_drift, lengths_of


def test_length_drift_by_hand() -> None:
    logged = lengths_of([[1] * 4, [1] * 8])
    assert logged == Lengths(6.0, 2.0)
    assert length_drift([[1] * 9, [1] * 11], logged) == pytest.approx(2.0)
    assert length_drift([[1] * 3], logged) == pytest.approx(-1.5)


def test_answers_of_one_length_have_a_spread_of_one_token() -> None:
    assert lengths_of([[1, 2], [3, 4]]) == Lengths(2.0, 1.0)


def test_distinct_by_hand() -> None:
    responses = [[1, 2, 1, 2], [1, 2]]
    assert distinct(responses, 1) == pytest.approx(2 / 6)
    assert distinct(responses, 2) == pytest.approx(2 / 4)  # 12, 21, 12 and 12
    assert distinct([[1, 1, 1, 1]], 2) == pytest.approx(1 / 3)
    assert distinct([[], [5]], 2) == 0.0
