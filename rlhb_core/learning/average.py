"""The running average of a policy's weights over the iterations of PPO, which is what is served in the end.

Averaged weights lose the noise of the last steps and keep what the steps have in common (Polyak and Juditsky 1992; for
generators beside a discriminator: arXiv 1806.04498). Does not know what the weights belong to.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


class Average:
    """An exponential moving average of parameters, from their first values on."""

    def __init__(self, parameters: Sequence[Tensor], decay: float) -> None:
        """`decay`: share of the average that a new value leaves; 0 keeps the newest values alone."""
        self._parameters = parameters
        self._decay = decay
        self._averages = [one.detach().clone() for one in parameters]

    @torch.no_grad()
    def take(self) -> None:
        """Take the present values in."""
        for average, one in zip(self._averages, self._parameters, strict=True):
            average.lerp_(one, 1 - self._decay)

    def put(self) -> None:
        """Put the averages where the parameters were."""
        _copy(self._averages, self._parameters)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within this block the averages stand where the parameters were."""
        newest = [one.detach().clone() for one in self._parameters]
        self.put()
        try:
            yield
        finally:
            _copy(newest, self._parameters)

    def state(self) -> list[Tensor]:
        """The averages."""
        return self._averages

    def restore(self, state: Sequence[Tensor]) -> None:
        """Take up a state."""
        _copy(state, self._averages)


@torch.no_grad()
def _copy(values: Sequence[Tensor], to: Sequence[Tensor]) -> None:
    for value, one in zip(values, to, strict=True):
        one.copy_(value)
