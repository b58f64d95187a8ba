"""Warm-up of the generator: behaviour-conditioned likelihood on logged triplets.

Without it the adversarial stage hardly gets going; with it conditioning works. Knows neither the loss itself
(`learning/likelihood.py`) nor rewards.
"""

from typing import Any

import torch

from rlhb_core.learning.likelihood import Likelihood
from rlhb_core.learning.optimiser import adamw, rise_and_decay
from rlhb_core.learning.session import POLICY, Metrics, Session
from rlhb_core.teachers.discriminator.settings import WarmupSettings

LOOK_EVERY = 25
LOOK_ROWS = 256


class WarmupStage:
    """Gradient steps of maximum likelihood on the policy adapter."""

    name = "warmup"

    def __init__(self, session: Session) -> None:
        self._trunk = session.trunk
        self._settings = session.config.section(WarmupSettings)
        self.total = self._settings.steps
        self._likelihood = Likelihood(session, self._settings.micro_batch)
        self._held_out = [row for row in session.split.held_out if row.whole][:LOOK_ROWS]
        self._parameters = self._trunk.parameters_of(POLICY)
        self._optimiser = adamw(self._parameters, self._settings.learning_rate, betas=(0.9, 0.99))

    def step(self, number: int) -> Metrics:
        """One gradient step."""
        for group in self._optimiser.param_groups:
            group["lr"] = rise_and_decay(self._settings.learning_rate, number, self.total)
        rows = self._likelihood.draw(self._settings.batch)
        self._optimiser.zero_grad()
        with self._trunk.using(POLICY):
            loss = self._likelihood.learn(rows)
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimiser.step()
        found = {"warmup/loss": loss}
        if number % LOOK_EVERY == 0 or number == self.total:
            with self._trunk.using(POLICY):
                found["warmup/held_out_loss"] = self._likelihood.look(self._held_out)
        return found

    def state(self) -> dict[str, Any]:
        """The optimiser."""
        return {"optimiser": self._optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        self._optimiser.load_state_dict(state["optimiser"])
