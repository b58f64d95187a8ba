"""How the answers of an iteration look, whatever the reward: how diverse, and how long beside the logged ones.

Knows no rewards.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

import numpy as np


class Lengths(NamedTuple):
    """Mean and spread of the lengths of some responses, in tokens."""

    mean: float
    spread: float


def lengths_of(responses: Sequence[Sequence[int]]) -> Lengths:
    """Of token ids; the spread (standard deviation) is at least one token."""
    sizes = [len(response) for response in responses] or [0]
    return Lengths(float(np.mean(sizes)), max(1.0, float(np.std(sizes))))


def length_drift(responses: Sequence[Sequence[int]], logged: Lengths) -> float:
    """How far the mean length of the responses lies above that of the logged ones, in the logged ones' spread."""
    return (lengths_of(responses).mean - logged.mean) / logged.spread


def distinct(responses: Sequence[Sequence[Hashable]], size: int) -> float:
    """Distinct-n (arXiv 1510.03055): different runs of `size` tokens or words over all of them; 0 if there are none.

    It falls with the number of responses, so it is compared between equally many only.
    """
    grams = [gram for response in responses for gram in _runs(response, size)]
    return len(set(grams)) / max(1, len(grams))


def _runs(response: Sequence[Hashable], size: int) -> Iterator[tuple[Hashable, ...]]:
    return zip(*(response[start:] for start in range(size)), strict=False)
