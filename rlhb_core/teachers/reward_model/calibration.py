"""How well a reward model foresees: accuracy, calibration error and temperature, on pairs of a better response and a
worse one; correlation with ratings. Pure tensor functions; a margin is the score of the better one minus that of the
worse one, in logits.
"""

import torch
from torch import Tensor

COLDEST, HOTTEST = 0.05, 20.0
"""Bounds of a temperature; at the hottest the scores say nothing."""


def calibration_error(margins: Tensor, temperature: float = 1.0, bins: int = 10) -> float:
    """Expected calibration error (arXiv 1706.04599): how far off, on average, the model is about being right.

    margins: [P]. Its confidence in the response that it ranks higher is sigmoid(|margin| / temperature), from one half
    to 1 in `bins` bins; equal scores are half right. 0 without pairs.
    """
    if not margins.numel():
        return 0.0
    confidence = torch.sigmoid(margins.abs() / temperature)
    right = (margins > 0).double() + 0.5 * (margins == 0)
    places = ((confidence - 0.5) * 2 * bins).long().clamp(max=bins - 1)
    gaps = torch.zeros(bins, dtype=torch.double, device=margins.device)
    gaps.index_add_(0, places, right - confidence.double())
    return float(gaps.abs().sum() / len(margins))


def fit_temperature(margins: Tensor, steps: int = 60) -> float:
    """The temperature under which the choices are likeliest: the mean of softplus(-margin / T) is least.

    margins: [P]. The loss is convex in 1 / T, so its slope is bisected. 1 without pairs.
    """
    if not margins.numel():
        return 1.0
    low, high = 1 / HOTTEST, 1 / COLDEST  # of 1 / T
    for _ in range(steps):
        middle = (low * high) ** 0.5
        slope = -float((margins * torch.sigmoid(-middle * margins)).double().mean())
        low, high = (middle, high) if slope < 0 else (low, middle)
    return 1 / low


def pair_accuracy(margins: Tensor) -> float:
    """Share of pairs that are ranked right, ties half; 0.5 without pairs. margins: [P]."""
    right = (margins > 0).double() + 0.5 * (margins == 0)
    return float(right.mean()) if margins.numel() else 0.5


MOST_COMPARED = 2_000
"""Ratings that are compared with each other: four million pairs at most."""


def rated_pairs(scores: Tensor, ratings: Tensor) -> Tensor:
    """Score of the answer that was rated higher minus that of the other, of all pairs rated differently.

    scores, ratings: [N] -> [P]. Of many only the first `MOST_COMPARED` are compared.
    """
    scores, ratings = scores[:MOST_COMPARED], ratings[:MOST_COMPARED]
    return (scores[:, None] - scores[None])[ratings[:, None] > ratings[None]]


def correlation(one: Tensor, other: Tensor) -> float:
    """Pearson's, of [N] and [N]; 0 where either is the same throughout."""
    one, other = (values.double() - values.double().mean() for values in (one, other))
    spread = float(one.norm() * other.norm())
    return float(one @ other) / spread if spread > 1e-12 else 0.0
