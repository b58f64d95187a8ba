"""Merged LoRA layers: the same numbers and gradients as PEFT's own layers, and never stale."""

from itertools import pairwise

import pytest
import torch
from peft import LoraConfig
from peft.tuners import lora
from torch import Tensor, nn

from rlhb_core.learning.optimiser import adamw
from rlhb_core.lm.low_rank import MergedLinear


def layers(bias: bool, dtype: torch.dtype = torch.float32) -> tuple[lora.Linear, MergedLinear]:
    """PEFT's layer and ours with the same weights: two adapters of rank 2 on 5 inputs and 3 outputs."""
    torch.manual_seed(0)
    base = nn.Linear(5, 3, bias=bias, dtype=dtype).requires_grad_(False)
    config = LoraConfig(r=2, lora_alpha=3)
    plain = lora.Linear(base, "first", config, r=2, lora_alpha=3)
    merged = MergedLinear(base, "first", config, r=2, lora_alpha=3)
    for layer in (plain, merged):
        layer.update_layer("second", 2, lora_alpha=3, config=config)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in layer.parameters():
                if parameter.requires_grad:
                    parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return plain, merged


def gradients(layer: lora.Linear, x: Tensor) -> list[Tensor]:
    out: Tensor = layer(x)
    weights = torch.linspace(-1, 1, out.numel()).reshape(out.shape).to(out.dtype)
    changes = [p for name, p in layer.named_parameters() if "first" in name]
    return [out.detach(), *torch.autograd.grad((out * weights).sum(), [x, *changes])]


@pytest.mark.parametrize("bias", [True, False])
def test_output_and_gradients_are_those_of_the_plain_layer(bias: bool) -> None:
    plain, merged = layers(bias)
    x = torch.randn(2, 4, 5, requires_grad=True)
    for found, expected in zip(gradients(merged, x), gradients(plain, x), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_half_precision_keeps_the_two_products_of_the_plain_layer() -> None:
    plain, merged = layers(bias=False, dtype=torch.bfloat16)
    x = torch.randn(2, 4, 5, dtype=torch.bfloat16, requires_grad=True)
    for found, expected in zip(gradients(merged, x), gradients(plain, x), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("fused", [True, False])
def test_a_change_of_weights_or_of_adapter_is_seen_at_once(fused: bool) -> None:
    plain, merged = layers(bias=True)
    x = torch.randn(2, 4, 5)
    seen: list[Tensor] = []

    def compare() -> None:
        with torch.no_grad():
            seen.append(merged(x))
            torch.testing.assert_close(seen[-1], plain(x), atol=1e-5, rtol=1e-5)

    compare()
    for layer in (plain, merged):
        weights = [p for p in layer.parameters() if p.requires_grad]
        optimiser = adamw(weights, 0.1, fused=fused)
        layer(x).sum().backward()
        optimiser.step()
    compare()
    for name in ("second", "first"):
        plain.set_adapter(name)
        merged.set_adapter(name)
        compare()
    for layer in (plain, merged):
        layer.enable_adapters(False)
    compare()
    assert all(not torch.allclose(a, b) for a, b in pairwise(seen))
