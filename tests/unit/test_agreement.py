"""Agreement beyond chance: published values, other people's library, and what is not defined."""

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlhb_core.results import agreement, alpha, cohen, fleiss

NAN = float("nan")
KRIPPENDORFF = [  # Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), C: four observers, twelve units
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]
FLEISS = [  # Fleiss (1971): fourteen judges, ten subjects, five categories
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def units(rows: list[list[float]]) -> list[dict[str, float]]:
    """Of people by items, what each said of each item."""
    table = np.array(rows, dtype=float)
    return [
        {str(who): float(value) for who, value in enumerate(column) if not np.isnan(value)}
        for column in table.T
    ]


@pytest.mark.parametrize(
    ("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_as_krippendorff_published_it(level, value):
    found = alpha(units(KRIPPENDORFF), level)
    assert found.value == pytest.approx(value, abs=5e-4)
    assert found.n == 11  # one unit was judged by one observer only
    assert found.judgements == 40


def test_fleiss_as_published():
    items = [
        {
            f"{category}-{n}": float(category)
            for category, many in enumerate(row)
            for n in range(many)
        }
        for row in FLEISS
    ]
    assert fleiss(items).value == pytest.approx(0.210, abs=5e-4)
    assert fleiss(items).n == 10


def test_cohen_by_hand():
    # yes and yes 20, yes and no 5, no and yes 10, no and no 15: (0.7 - 0.5) / (1 - 0.5)
    said = [(1, 1)] * 20 + [(1, 0)] * 5 + [(0, 1)] * 10 + [(0, 0)] * 15
    items = [{"a": float(a), "b": float(b)} for a, b in said]
    assert cohen(items, "a", "b").value == pytest.approx(0.4)
    assert agreement(items).value == pytest.approx(0.7)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([1.0, 2.0, 3.0, 5.0, NAN]), min_size=6, max_size=6),
        min_size=2,
        max_size=5,
    ),
    st.sampled_from(["nominal", "ordinal", "interval"]),
)
def test_alpha_as_the_library_says(rows, level):
    found = alpha(units(rows), level)
    table = np.array(rows, dtype=float)
    shared = table[:, (~np.isnan(table)).sum(0) > 1]
    if found.value is None:
        assert found.why
        assert len(set(shared[~np.isnan(shared)].tolist())) < 2
        return
    theirs = krippendorff.alpha(reliability_data=table, level_of_measurement=level)
    assert found.value == pytest.approx(theirs, abs=1e-9)


def test_what_is_not_defined_is_explained_and_never_one():
    same = [{"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 1.0}]
    for found in (alpha(same), cohen(same, "a", "b"), fleiss(same)):
        assert found.value is None
        assert "always said the same" in found.why
    assert agreement(same).value == 1.0  # the bare share is one, and that is no claim beyond chance
    for found in (alpha([]), fleiss([{"a": 1.0}]), agreement([{"a": 1.0}])):
        assert found.value is None
        assert "no item was judged by two" in found.why
    assert "both judged" in cohen([{"a": 1.0}], "a", "b").why
