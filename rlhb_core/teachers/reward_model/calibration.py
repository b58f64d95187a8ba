"""Whether a reward model's probabilities are true: calibration error and temperature, on pairs of one chosen response
and one other. Pure tensor functions; a margin is the score of the chosen one minus that of the other, in logits.
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
