"""LoRA layers that compute with one merged matrix, forward and backward.

W + s B A is formed once per change of the weights; a forward pass then costs what the base model costs, and a backward
pass leaves out the gradient of the merged matrix, which nobody needs. Only in float32: in half precision a small change
would be lost in the rounding of W, so there PEFT's own two products stay. Rollouts take some three quarters of the time
that they take with PEFT's layer, a minibatch forward and backward five sixths (`tests/bench/bench_lora.py`). For one
adapter at a time; rows with different ones are served by `adapters.py`. Does not know names of layers or files.
"""

from typing import Any, cast

import torch
from peft import LoraConfig
from peft.tuners import lora
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


def with_merged_layers(config: LoraConfig) -> LoraConfig:
    """The config, with `MergedLinear` in the place of PEFT's layer for linear layers."""
    config._register_custom_module({torch.nn.Linear: MergedLinear})
    return config


class MergedLinear(lora.Linear):
    """PEFT's LoRA layer for a linear layer, with one adapter at a time."""

    _merged: Tensor | None = None  # [out, in]
    _merged_from: tuple[object, ...] = ()

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """x: [..., in]. Returns [..., out]."""
        base = cast(torch.nn.Linear, self.base_layer)
        if self.disable_adapters or base.weight.dtype is not torch.float32:
            return super().forward(x, *args, **kwargs)
        (name,) = self.active_adapters
        down = cast(Tensor, self.lora_A[name].weight)
        up = cast(Tensor, self.lora_B[name].weight)
        merged = self._merge(base.weight, name, down, up)
        if not torch.is_grad_enabled():
            return F.linear(x, merged, base.bias)
        product = _Product.apply(x, merged, base.bias, down, up, self.scaling[name])  # type: ignore[no-untyped-call]
        return cast(Tensor, product)

    def _merge(self, weight: Tensor, name: str, down: Tensor, up: Tensor) -> Tensor:
        """W + s B A; kept until another adapter is chosen or its weights change."""
        of = (name, down._version, up._version)
        if self._merged is None or self._merged_from != of:
            with torch.no_grad():
                self._merged = torch.addmm(weight, up, down, alpha=self.scaling[name])
            self._merged_from = of
        return self._merged


class _Product(torch.autograd.Function):
    """x (W + s B A)' + bias, with gradients for x, A and B."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, merged: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, s: float
    ) -> Tensor:
        ctx.save_for_backward(x, merged, down, up)
        ctx.s = s
        return F.linear(x, merged, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, merged, down, up = ctx.saved_tensors
        rows = grad.flatten(0, -2)  # [N, out]
        scaled = ctx.s * (rows @ up)  # [N, R]
        inputs = x.flatten(0, -2)  # [N, in]
        return (
            grad @ merged if ctx.needs_input_grad[0] else None,
            None,
            None,
            scaled.T @ inputs if ctx.needs_input_grad[3] else None,
            rows.T @ (ctx.s * (inputs @ down.T)) if ctx.needs_input_grad[4] else None,
            None,
        )
