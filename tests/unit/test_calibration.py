"""Calibration of logits: by hand, and what it may and may not take away."""

import math

import pytest
import torch

from rlhb_core.verdict.calibration import Calibration, balanced_accuracy, calibrated, fit


def test_a_fit_by_hand() -> None:
    # of the rows at +1 three in four are real, of those at -1 one in four: odds of 3 and of 1 / 3
    real = torch.tensor([1.0, 1.0, 1.0, -1.0]).repeat(50)
    found = fit(real, -real, ridge=0.0)
    assert found.slope == pytest.approx(math.log(3))
    assert found.offset == pytest.approx(0.0, abs=1e-9)
    assert found.apply(torch.tensor([1.0, -1.0])).tolist() == pytest.approx([0.75, 0.25])


def test_either_kind_weighs_one_half() -> None:
    real, fake = torch.tensor([2.0, 1.0, -1.0]), torch.tensor([-2.0, 1.0, -1.0])
    even, more = fit(real, fake, ridge=0.0), fit(real, fake.repeat(10), ridge=0.0)
    assert list(even) == pytest.approx(list(more), abs=1e-6)


def test_a_lean_is_taken_out() -> None:
    """Raw means of 0.2 and 0.3 on logged and generated rows look like no confusion; only the lean does."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4000, generator=generator) * 0.3 - 1.1
    assert torch.sigmoid(logits).mean() < 0.26
    real, fake = calibrated(logits[0], logits[1])
    assert float(real.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(fake.mean()) == pytest.approx(0.5, abs=0.01)
    assert balanced_accuracy(real, fake, 0.5) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_difference_stays_whichever_way_round(side: float) -> None:
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(2, 2000, generator=generator)
    real, fake = calibrated(noise[0] + side - 3, noise[1] - side - 3)
    # normal around +1 and -1 of spread 1: the threshold in the middle is right in Phi(1) of cases
    assert balanced_accuracy(real, fake, 0.5) == pytest.approx(0.841, abs=0.02)
    assert float(real.mean()) > 0.7
    assert float(fake.mean()) < 0.3


def test_few_rows_change_little_and_none_nothing() -> None:
    none = torch.tensor([])
    assert fit(none, none) == Calibration(1.0, 0.0)
    assert fit(torch.tensor([0.5]), none).slope == pytest.approx(1.0, abs=0.1)
    real, fake = calibrated(none, torch.tensor([0.3]))
    assert len(real) == 0
    assert fake.tolist() == pytest.approx([torch.sigmoid(torch.tensor(0.3)).item()])


def test_no_row_has_a_say_in_its_own_calibration() -> None:
    generator = torch.Generator().manual_seed(2)
    real, fake = torch.randn(2, 9, generator=generator)
    changed = real.clone()
    changed[4] += 3.0
    before, after = calibrated(real, fake), calibrated(changed, fake)
    # row 4 is of the even half: the other rows of that half were fitted without it
    assert after[0][[0, 2, 6, 8]].tolist() == before[0][[0, 2, 6, 8]].tolist()
    assert after[1][::2].tolist() == before[1][::2].tolist()
    assert after[0][1::2].tolist() != before[0][1::2].tolist()


def test_logits_far_out_are_no_trouble() -> None:
    found = fit(torch.tensor([80.0, 90.0, -70.0]), torch.tensor([-90.0, -60.0, 75.0]))
    assert math.isfinite(found.slope)
    assert 0 < found.apply(torch.tensor([80.0])).item() <= 1


@pytest.mark.parametrize(
    ("real", "fake", "expected"),
    [
        ([1.0, 2.0], [-1.0, -2.0], 1.0),
        ([-1.0, -2.0], [1.0, 2.0], 0.0),
        ([1.0, 1.0, 1.0, -1.0], [-1.0, 1.0], (0.75 + 0.5) / 2),  # each kind weighs one half
        ([5.0] * 9, [5.0], 0.5),  # who calls everything real is right half of the time
        ([0.0, 0.0], [0.0], 0.5),  # and so is who cannot tell
    ],
)
def test_balanced_accuracy_by_hand(real: list[float], fake: list[float], expected: float) -> None:
    found = balanced_accuracy(torch.tensor(real), torch.tensor(fake))
    assert found == pytest.approx(expected)
