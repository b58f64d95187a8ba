"""Warm-up of the generator: behaviour-conditioned likelihood on logged triplets.

Without it the adversarial stage hardly gets going; with it conditioning works. Errors and empty responses are not
imitated. Does not know rewards.
"""

import math
from typing import Any

import torch

from rlhb_core.data import Logged
from rlhb_core.generator import Tokens, by_length, collate, encode_prompt, encode_response, score
from rlhb_core.optimiser import adamw
from rlhb_core.session import POLICY, Metrics, Session

LOOK_EVERY = 25
LOOK_ROWS = 256


class WarmupStage:
    """Gradient steps of maximum likelihood on the policy adapter."""

    name = "warmup"
    cost = 0.25

    def __init__(self, session: Session) -> None:
        self._session = session
        self._trunk = session.trunk
        self._settings = session.config.warmup
        self.total = self._settings.steps
        self._rows = [row for row in session.split.train if row.whole]
        self._held_out = [row for row in session.split.held_out if row.whole][:LOOK_ROWS]
        self._weights = torch.tensor([row.weight for row in self._rows])
        self._parameters = self._trunk.parameters_of(POLICY)
        self._optimiser = adamw(self._parameters, self._settings.learning_rate, betas=(0.9, 0.99))

    def step(self, number: int) -> Metrics:
        """One gradient step."""
        for group in self._optimiser.param_groups:
            group["lr"] = rise_and_decay(self._settings.learning_rate, number, self.total)
        count = self._settings.batch
        chosen = torch.multinomial(self._weights, count, replacement=count > len(self._rows))
        self._optimiser.zero_grad()
        with self._trunk.using(POLICY):
            loss = self._losses([self._rows[i] for i in chosen.tolist()], learn=True)
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimiser.step()
        found = {"warmup/loss": loss}
        if number % LOOK_EVERY == 0 or number == self.total:
            with torch.no_grad(), self._trunk.using(POLICY):
                found["warmup/held_out_loss"] = self._losses(self._held_out, learn=False)
        return found

    def _losses(self, rows: list[Logged], learn: bool) -> float:
        """Cross-entropy per response token over all rows; gradients add up to those of the whole batch."""
        sampling = self._session.config.sampling
        prompts = [
            encode_prompt(self._trunk, row.query, row.behavior)[-sampling.max_prompt_tokens :]
            for row in rows
        ]
        responses = [
            encode_response(self._trunk, row.response, row.ended)[: sampling.max_new_tokens]
            for row in rows
        ]
        total, count = 0.0, sum(map(len, responses))
        sizes = [len(p) + len(r) for p, r in zip(prompts, responses, strict=True)]
        for chunk in by_length(sizes, self._settings.micro_batch):
            tokens: Tokens = collate(
                [prompts[i] for i in chunk], [responses[i] for i in chunk], self._trunk.device
            )
            loss = -score(self._trunk, tokens, sampling.temperature).logprobs.sum() / count
            if learn:
                loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item()
        return total

    def state(self) -> dict[str, Any]:
        """The optimiser."""
        return {"optimiser": self._optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        self._optimiser.load_state_dict(state["optimiser"])


def rise_and_decay(peak: float, number: int, total: int) -> float:
    """A learning rate: twenty steps up, then a cosine down to a tenth of the peak."""
    up = min(1.0, number / 20)
    return peak * up * (0.55 + 0.45 * math.cos(math.pi * number / total))
