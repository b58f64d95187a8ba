"""The discriminator before the adversarial stage: who did what, and logged triplets against rollouts of the start.

Does not know the reward that comes of it (`reward.py`).
"""

from typing import Any

import torch

from rlhb_core.learning.session import Metrics, Session
from rlhb_core.run.data import draw
from rlhb_core.teachers.discriminator.evidence import Discriminated, DiscriminatorEvidence
from rlhb_core.teachers.discriminator.settings import DiscriminatorSettings
from rlhb_core.teachers.discriminator.side import Side
from rlhb_core.teachers.discriminator.triplets import Triplets, origin_triplets

STEPS_AT_ONCE = 10
"""Gradient steps in one step of the pretraining stage."""


class PretrainStage:
    """Who did what, and logged triplets against rollouts of the start, before the adversarial stage."""

    name = "discriminator"

    def __init__(self, session: Session, side: Side) -> None:
        self._session, self._side = session, side
        self._settings = session.config.section(DiscriminatorSettings)
        self.total = -(-self._settings.pretrain_steps // STEPS_AT_ONCE)
        self._fake: Triplets | None = None
        self._look: Triplets | None = None

    def step(self, number: int) -> Metrics:
        """Ten gradient steps, then a look at held-out triplets."""
        fake, held_out = self._rollouts()
        losses, norms = [], []
        for _ in range(STEPS_AT_ONCE):
            drawn = fake.rows(torch.randint(len(fake.names), (self._settings.batch,)))
            loss, norm = self._side.learn(drawn, pairing=True)
            losses.append(loss)
            norms.append(norm)
        found = self._side.look(held_out)
        if number == self.total:
            self._session.evidence_as(DiscriminatorEvidence).discriminated = Discriminated(
                accuracy=found["disc/calibrated_accuracy"],
                power=found.get("disc/power", 0.5),
                swap_auc=found.get("disc/swap_auc", 0.5),
                rows=len(self._side.held_out.names) + len(held_out.names),
            )
        return found | {
            "disc/loss": sum(losses) / len(losses),
            "disc/grad_norm": sum(norms) / len(norms),
        }

    def _rollouts(self) -> tuple[Triplets, Triplets]:
        if self._fake is None or self._look is None:
            train = [row for row in self._session.split.train if row.whole]
            drawn = draw(train, self._settings.pretrain_rollouts, self._session.config.seed)
            self._fake = origin_triplets(self._session, drawn)
            self._look = origin_triplets(self._session, self._side.asked)
        return self._fake, self._look

    def state(self) -> dict[str, Any]:
        """Optimiser and rollouts."""
        return {
            "optimiser": self._side.optimiser.state_dict(),
            "fake": self._fake,
            "look": self._look,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        self._side.optimiser.load_state_dict(state["optimiser"])
        self._fake, self._look = state["fake"], state["look"]
