"""Workers of a benchmark take turns whatever libraries print,
and a worker that fails is named rather than waited for.
"""

import pytest

from tests.bench.turns import alternate

NOISY = "tests.bench.noisy_worker"


def test_what_a_worker_prints_is_no_word_of_its_own() -> None:
    found = alternate([[NOISY, "prints"], [NOISY, "prints"]], turns=3)
    assert [used.units for used in found] == [7, 7]
    assert all(used.cpu_s >= 0 for used in found)


def test_a_worker_that_ends_is_named_with_what_it_printed() -> None:
    with pytest.raises(
        RuntimeError, match=r"noisy_worker ends` ended by itself(.|\n)*no such model"
    ):
        alternate([[NOISY, "prints"], [NOISY, "ends"]])


def test_a_worker_that_says_nothing_is_not_waited_for() -> None:
    with pytest.raises(RuntimeError, match="noisy_worker hangs` said nothing for 2 s"):
        alternate([[NOISY, "hangs"]], patience_s=2)
