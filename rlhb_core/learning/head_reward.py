"""A head on frozen features as the source of rewards: it has learned before the PPO loop and learns no more."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rlhb_core.learning.best_of_n import Scorer
from rlhb_core.learning.ppo import PpoStage
from rlhb_core.learning.reward_source import Scores
from rlhb_core.learning.rollout import Rollouts
from rlhb_core.learning.session import Metrics, Session
from rlhb_core.run.data import Pair


class LearnedReward:
    """The source of rewards of RLHF and RLHBC: a head that scores features, [N, F] -> [N], and no longer learns."""

    remembered: Sequence[str] = ()

    def __init__(self, session: Session, head: str) -> None:
        self._session = session
        self._model = session.heads[head]

    def watched(self) -> Sequence[Pair]:
        """Nothing: the head does not change."""
        return []

    @torch.no_grad()
    def score(self, rollouts: Rollouts) -> Scores:
        """The standardised score, raw and as reward."""
        self._model.eval()
        scores = self._model(self._session.features(rollouts.seen()))
        return Scores(scores, scores)

    def learn(self, rollouts: Rollouts, watched: Rollouts) -> Metrics:
        """It does not learn."""
        return {}

    def state(self) -> dict[str, Any]:
        """Nothing of its own."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to take up."""


def ppo_on_head(session: Session, head: str) -> PpoStage:
    """PPO on its reward, on all training queries and without a condition."""
    pairs = [Pair(query, None) for query in session.split.queries]
    return PpoStage(session, "ppo", LearnedReward(session, head), pairs, [1.0] * len(pairs))


def by_head(session: Session, head: str) -> Scorer:
    """The scores of a head."""
    model = session.heads[head].eval()

    @torch.no_grad()
    def scores(rollouts: Rollouts) -> Tensor:
        found: Tensor = model(session.features(rollouts.seen()))
        return found

    return scores
