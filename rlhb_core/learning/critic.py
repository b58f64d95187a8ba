"""The critic: what the reward to come is worth before each token of a response.

A small head on what the policy said while it wrote; it changes nothing of the policy. Does not know rewards.
"""

import torch
from torch import Tensor, nn

from rlhb_core.lm.generator import Measured

SO_FAR = 6
"""Numbers beside the hidden state that the critic is told of what has been written so far."""


def critic_inputs(old: Measured) -> Tensor:
    """What the critic sees before each token: the hidden state, and how surely all before it was written.

    A right and a wrong answer part at one token, where the policy hesitates: its probability tells more of the reward
    to come than the hidden state after it. Told are, of the tokens so far: the last one's log-probability and surprise
    (log-probability plus entropy), the least of either, the sum, the count. [B, R, H] -> [B, R, H + SO_FAR].
    """
    surprise = (old.logprobs + old.entropy) * old.mask
    count = old.mask.cumsum(1) / 10
    told = torch.stack(
        [
            old.logprobs,
            surprise,
            old.logprobs.cummin(1).values,
            surprise.cummin(1).values,
            old.logprobs.cumsum(1) / 5,
            count,
        ],
        dim=-1,
    )
    before = torch.nn.functional.pad(
        told[:, :-1], (0, 0, 1, 0)
    )  # nothing is written before the first token
    return torch.cat([old.hidden, before], dim=-1)


class ValueHead(nn.Module):
    """A value per response token."""

    def __init__(self, size: int, hidden: int = 128) -> None:
        super().__init__()
        self.inner = nn.Linear(size, hidden)
        self.out = nn.Linear(hidden, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, known: Tensor) -> Tensor:
        """What is known before each token [B, R, size] -> values [B, R]."""
        values: Tensor = self.out(torch.nn.functional.gelu(self.inner(known)))
        return values[:, :, 0]
