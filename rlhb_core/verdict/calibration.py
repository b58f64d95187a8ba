"""Calibration of a discriminator's logits on held-out rows: sigma(a logit + b), each kind of row weighing one half.

A discriminator that replays old fakes leans to one side: its raw mean drifts below 0.5 on logged and on generated rows
alike, although it tells them apart no better. Two numbers fitted on held-out rows take the lean out (Platt scaling,
Platt 1999), and what is left of the distance from 0.5 is what it can tell. A discriminator that has it the wrong way
round (a < 0) still tells the two kinds apart, and is shown to.
Knows logits only: neither models nor rows.
"""

from typing import NamedTuple

import torch
from torch import Tensor

STEPS = 20
"""Newton steps: more than it ever takes."""


class Calibration(NamedTuple):
    """sigma(slope x logit + offset)."""

    slope: float = 1.0
    offset: float = 0.0

    def apply(self, logits: Tensor) -> Tensor:
        """Logits [N] -> probabilities [N] that a row is real."""
        return torch.sigmoid(self.slope * logits.double() + self.offset)


def fit(real: Tensor, fake: Tensor, ridge: float = 1.0) -> Calibration:
    """Class-balanced logistic regression on logits [N] and [M], by damped Newton steps; deterministic.

    `ridge` pulls toward slope 1 and offset 0 with the weight of about so many rows, so that few rows change little and
    none nothing.
    """
    inputs = torch.cat([real, fake]).double()
    inputs = torch.stack([inputs, torch.ones_like(inputs)], dim=1)  # [N + M, 2]
    wanted = torch.cat([torch.ones(len(real)), torch.zeros(len(fake))]).to(inputs)
    half = len(inputs) / 2  # what either kind weighs in all
    weights = torch.cat(
        [torch.full((len(kind),), half / max(1, len(kind))) for kind in (real, fake)]
    ).to(inputs)
    start = torch.tensor([1.0, 0.0]).to(inputs)

    def loss(at: Tensor) -> Tensor:
        logits = inputs @ at
        rows = torch.nn.functional.softplus(logits) - wanted * logits
        return (weights * rows).sum() + 0.5 * ridge * ((at - start) ** 2).sum()

    found = start
    for _ in range(STEPS):
        output = torch.sigmoid(inputs @ found)
        gradient = inputs.T @ (weights * (output - wanted)) + ridge * (found - start)
        curvature = inputs.T @ (inputs * (weights * output * (1 - output))[:, None])
        step = torch.linalg.solve(curvature + ridge * torch.eye(2).to(inputs), gradient)
        now = loss(found)
        while loss(found - step) > now and step.abs().max() > 1e-9:
            step = step / 2
        found = found - step
        if step.abs().max() < 1e-9:
            break
    slope, offset = found.tolist()
    return Calibration(slope, offset)


def calibrated(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities [N] and [M] of logits [N] and [M], cross-fitted: each half by what was fitted on the other half.

    Halves are rows of even and of odd number, so that no row has a say in its own calibration.
    """
    found = torch.zeros(len(real)).double(), torch.zeros(len(fake)).double()
    for half in (0, 1):
        fitted = fit(real[1 - half :: 2], fake[1 - half :: 2])
        for kind, logits in zip(found, (real, fake), strict=True):
            kind[half::2] = fitted.apply(logits[half::2]).cpu()
    return found


def balanced_accuracy(on_real: Tensor, on_fake: Tensor, threshold: float = 0.0) -> float:
    """Mean of the shares of real rows above the threshold and of generated rows at or below it."""
    right = (on_real > threshold).float().mean() + (on_fake <= threshold).float().mean()
    return float(right / 2)
