"""A PPO stage on a tiny model with random weights, for looking at one thing at a time."""

from collections.abc import Sequence
from typing import Any

import torch

from rlhb_core.learning.ppo import PpoStage
from rlhb_core.learning.reward_source import RewardSource, Scores
from rlhb_core.learning.rollout import Rollouts
from rlhb_core.learning.session import Metrics, Session, seed_all
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.run.data import Logged, Pair, Split
from rlhb_core.run.recipe import load_recipe

LOGGED = [Logged(f"w{number} w{number + 1}", "w3", "") for number in range(1, 8)]
ROWS = Split(LOGGED, LOGGED, [], [], None)


class Indifferent:
    """A source of rewards that gives everything the same."""

    remembered: Sequence[str] = ()

    def watched(self) -> Sequence[Pair]:
        return []

    def score(self, rollouts: Rollouts) -> Scores:
        nothing = torch.zeros(len(rollouts.texts))
        return Scores(nothing, nothing)

    def learn(self, rollouts: Rollouts, watched: Rollouts) -> Metrics:
        return {}

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None: ...


def stage_on(
    base: str,
    source: RewardSource | None = None,
    weights: Sequence[float] | None = None,
    longest: int = 12,
    **ppo: Any,
) -> tuple[Session, PpoStage]:
    """The stage and its session; `ppo`: its settings, else small ones."""
    rollouts = ppo.get("rollouts", 8)
    usual = {"iterations": 4, "minibatch": rollouts, "micro_batch": 4, "critic_warmup": 0}
    changes: dict[str, Any] = {
        "base": base,
        "device": "cpu",
        "adapter": {"rank": 2, "alpha": 4},
        "sampling": {"max_new_tokens": longest, "batch": 64},
        "ppo": usual | {"rollouts": rollouts, "rise": 1} | ppo,
    }
    config = load_recipe("rlhf", changes)
    torch.set_num_threads(1)
    seed_all(0)
    session = Session(config, ROWS, load_trunk(base, "cpu"))
    pairs = [Pair(row.query, None) for row in LOGGED]
    chances = weights or [1.0] * len(pairs)
    return session, PpoStage(session, "ppo", source or Indifferent(), pairs, chances)
