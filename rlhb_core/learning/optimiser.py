"""AdamW as the stages use it for adapters and critic: one fused kernel per step where the weights are on a GPU."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch.autograd.graph import increment_version
from torch.nn import Parameter


def adamw(
    parameters: Iterable[Parameter],
    learning_rate: float,
    betas: tuple[float, float] = (0.9, 0.999),
    fused: bool | None = None,
) -> torch.optim.AdamW:
    """AdamW without weight decay; `fused` None: if the weights are on a GPU."""
    weights = list(parameters)
    optimiser = torch.optim.AdamW(
        weights,
        lr=learning_rate,
        betas=betas,
        weight_decay=0.0,
        fused=weights[0].is_cuda if fused is None else fused,
    )

    def changed(*_: Any) -> None:
        """A fused step does not say that it changed the weights; merged layers go by their versions."""
        increment_version(weights)

    optimiser.register_step_post_hook(changed)
    return optimiser


def rise_and_decay(peak: float, number: int, total: int) -> float:
    """A learning rate: twenty steps up, then a cosine down to a tenth of the peak."""
    up = min(1.0, number / 20)
    return peak * up * (0.55 + 0.45 * math.cos(math.pi * number / total))
