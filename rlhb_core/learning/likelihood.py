"""Behaviour-conditioned likelihood of logged answers: what the warm-up learns, and a term beside PPO.

Errors and empty responses are not imitated. Does not know optimisers, rewards or schedules.
"""

import torch

from rlhb_core.learning.session import Session
from rlhb_core.lm.generator import Tokens, by_length, collate, encode_prompt, encode_response, score
from rlhb_core.run.data import Logged


class Likelihood:
    """Cross-entropy of logged answers given query and behaviour, under the adapter in use."""

    def __init__(self, session: Session, micro_batch: int) -> None:
        self._trunk = session.trunk
        self._sampling = session.config.sampling
        self._micro_batch = micro_batch
        self._rows = [row for row in session.split.train if row.whole]
        self._weights = torch.tensor([row.weight for row in self._rows])

    def draw(self, count: int) -> list[Logged]:
        """Logged training rows by their weights."""
        chosen = torch.multinomial(self._weights, count, replacement=count > len(self._rows))
        return [self._rows[i] for i in chosen.tolist()]

    def learn(self, rows: list[Logged], weight: float = 1.0) -> float:
        """Add the gradient of weight x loss over all rows, in micro-batches; the loss in nats per response token."""
        return self._losses(rows, weight)

    @torch.no_grad()
    def look(self, rows: list[Logged]) -> float:
        """The loss alone, in nats per response token."""
        return self._losses(rows, None)

    def _losses(self, rows: list[Logged], weight: float | None) -> float:
        prompts = [
            encode_prompt(self._trunk, row.query, row.behavior, self._sampling.max_prompt_tokens)
            for row in rows
        ]
        responses = [
            encode_response(self._trunk, row.response, row.ended)[: self._sampling.max_new_tokens]
            for row in rows
        ]
        total, count = 0.0, sum(map(len, responses))
        sizes = [len(p) + len(r) for p, r in zip(prompts, responses, strict=True)]
        for chunk in by_length(sizes, self._micro_batch):
            tokens: Tokens = collate(
                [prompts[i] for i in chunk], [responses[i] for i in chunk], self._trunk.device
            )
            loss = -score(self._trunk, tokens, self._sampling.temperature).logprobs.sum() / count
            if weight is not None:
                (weight * loss).backward()  # type: ignore[no-untyped-call]
            total += loss.item()
        return total
