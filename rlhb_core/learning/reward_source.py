"""Where the reward of the PPO loop comes from, as the loop sees it. Does not know who scores, nor how."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from torch import Tensor

from rlhb_core.learning.rollout import Rollouts
from rlhb_core.learning.session import Metrics
from rlhb_core.run.data import Pair


class Scores(NamedTuple):
    """What a source of rewards says about B rollouts."""

    raw: Tensor  # [B], as it is reported
    reward: Tensor  # [B], as it is trained on: centred, bounded


class RewardSource(Protocol):
    """Where the reward comes from."""

    @property
    def remembered(self) -> Sequence[str]:
        """Metrics of its own that the verdict needs of every iteration."""
        ...

    def watched(self) -> Sequence[Pair]:
        """Held-out pairs for the policy, as it would be served, to answer beside the training ones;
        never trained on.
        """
        ...

    def score(self, rollouts: Rollouts) -> Scores:
        """Score rollouts, before `learn`."""
        ...

    def learn(self, rollouts: Rollouts, watched: Rollouts) -> Metrics:
        """Learn from an iteration's rollouts, if it learns at all."""
        ...

    def state(self) -> dict[str, Any]:
        """What it must keep besides the session's heads."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        ...
