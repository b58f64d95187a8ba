"""Words of a triplet or response as hashed features, and a linear score of them: a judge that shares nothing with D.

Knows no policies and no votes.
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

BUCKETS = 1 << 16

Words = list[int]
"""Hashed features of one triplet or response."""


def _hashed(parts: Iterator[str]) -> Words:
    return [
        int.from_bytes(hashlib.blake2b(part.encode(), digest_size=4).digest()) % BUCKETS
        for part in dict.fromkeys(parts)
    ]


def words_of(query: str, response: str, behavior: str = "") -> Words:
    """Words and pairs of words of the response, alone and crossed with the query's words and the behaviour's
    clauses.
    """
    return _hashed(_parts(query, response, behavior))


def _parts(query: str, response: str, behavior: str) -> Iterator[str]:
    words = response.lower().split()
    asked = [word.strip("?.,!") for word in query.lower().split() if len(word) > 3]
    clauses = behavior.removeprefix("The reader ").rstrip(".").replace(" and ", ", ").split(", ")
    length = f"length {len(words).bit_length()}"
    for gram in [length, *words, *(f"{a} {b}" for a, b in pairwise(words))]:
        yield gram
        yield from (f"{gram} | {clause}" for clause in clauses if clause)
    for word in words:
        yield from (f"{word} ? {other}" for other in asked)


class WordScorer(nn.Module):
    """A linear score of hashed words, at rest 0."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.EmbeddingBag(BUCKETS, 1, mode="sum", sparse=False)
        nn.init.zeros_(self.weights.weight)
        self.tie = nn.Parameter(torch.zeros(()))
        self.all_bad = nn.Parameter(torch.zeros(()))

    def forward(self, rows: Sequence[Words]) -> Tensor:
        """Scores [N]; longer rows do not count more."""
        flat = torch.tensor([bucket for row in rows for bucket in row], dtype=torch.long)
        sizes = torch.tensor([len(row) for row in rows])
        offsets = torch.cat([torch.zeros(1, dtype=torch.long), sizes.cumsum(0)[:-1]])
        scores: Tensor = self.weights(flat, offsets)[:, 0] / sizes.clamp(min=1).sqrt()
        return scores
