"""The reward of RLHB: what a discriminator says of rollouts while it learns from them, part of them replayed.

It is the bounded logit, centred over other responses under the same behaviour, unless the settings say otherwise.
Does not know how the policy is updated (`learning/ppo.py`), nor when a run may be called converged (`convergence.py`).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from rlhb_core.learning.best_of_n import Scorer
from rlhb_core.learning.ppo import PpoStage
from rlhb_core.learning.reward_source import Scores
from rlhb_core.learning.rollout import Rollouts
from rlhb_core.learning.session import Metrics, Session
from rlhb_core.lm.scorers import Discriminator
from rlhb_core.run.data import Pair
from rlhb_core.teachers.discriminator.settings import DiscriminatorSettings
from rlhb_core.teachers.discriminator.side import Side
from rlhb_core.teachers.discriminator.triplets import Triplets, generated_triplets, joined

WATCH_ITERATIONS = 8
"""Iterations whose held-out rollouts the discriminator is looked at on, for steady figures."""
REPLAY_SIZE = 2000
"""Generated triplets kept for replay, the newest: about five iterations of the recipes."""
REWARD_CLIP = 2.5
"""Bound on the discriminator's logit in the reward: an odd answer that D is sure about must not outweigh all others."""


def centred(logits: Tensor) -> Tensor:
    """Each logit minus the mean of the other responses' under the same behaviour: [N, N] -> [N].

    logits: [response, behaviour], so that a behaviour which D finds real whatever the response gives no reward.
    """
    own = logits.diagonal()
    others = (logits.sum(0) - own) / max(1, len(logits) - 1)
    return own - others


REWARDS: dict[str, Callable[[Tensor], Tensor]] = {
    "logit": centred,
    "log_d": lambda logits: torch.nn.functional.logsigmoid(logits.diagonal()),
    "minus_log_one_minus_d": lambda logits: torch.nn.functional.softplus(logits.diagonal()),
}
"""What of D is the reward: bounded logits [response, behaviour] -> [response]."""


class DiscriminatorReward:
    """The source of rewards of RLHB: a discriminator that learns beside the generator."""

    remembered = (
        "disc/p_real",
        "disc/p_fake",
        "disc/calibrated_real",
        "disc/calibrated_fake",
        "disc/calibrated_accuracy",
    )

    def __init__(self, session: Session, side: Side) -> None:
        self._session, self._side = session, side
        self._settings = session.config.section(DiscriminatorSettings)
        for group in side.optimiser.param_groups:
            group["lr"] = self._settings.online_learning_rate
        self._replay: Triplets | None = None
        self._fresh: Triplets | None = None  # the present rollouts, between score and learn
        self._watched: list[Triplets] = []  # held-out rollouts of the last iterations, newest last
        self._held_out = [Pair(row.query, row.behavior) for row in side.asked]

    def watched(self) -> Sequence[Pair]:
        """A few held-out pairs beside those of the logged rows that D is looked at on, drawn anew every time."""
        count = min(self._session.config.evaluation.watch, len(self._held_out))
        drawn = torch.randperm(len(self._held_out))[:count]
        return [self._held_out[i] for i in drawn.tolist()]

    @torch.no_grad()
    def score(self, rollouts: Rollouts) -> Scores:
        """D's logit, and what of it the settings take as reward."""
        self._fresh = self._triplets(rollouts)
        model = self._side.model
        model.eval()
        logits = model.crossed(self._fresh.features, self._fresh.behaviors)  # [response, behaviour]
        bounded = logits.clamp(-REWARD_CLIP, REWARD_CLIP)
        return Scores(logits.diagonal(), REWARDS[self._settings.reward](bounded))

    def learn(self, rollouts: Rollouts, watched: Rollouts) -> Metrics:
        """Look at held-out triplets, then learn from this iteration's rollouts and replayed ones."""
        fresh = self._fresh
        assert fresh is not None, "score comes before learn"
        found = self._side.look(self._to_look_at(watched) if watched.pairs else fresh)
        losses, norms = [], []
        for _ in range(self._settings.steps):
            fake = self._draw_fake(fresh)
            loss, norm = self._side.learn(fake)
            losses.append(loss)
            norms.append(norm)
        self._remember(fresh)
        if losses:
            found |= {
                "disc/loss": sum(losses) / len(losses),
                "disc/grad_norm": sum(norms) / len(norms),
            }
        return found

    def _to_look_at(self, watched: Rollouts) -> Triplets:
        """The watched rollouts of the last iterations: those of one alone are too few for a steady figure."""
        self._watched.append(self._triplets(watched))
        del self._watched[:-WATCH_ITERATIONS]
        return functools.reduce(joined, self._watched)

    def _triplets(self, rollouts: Rollouts) -> Triplets:
        return generated_triplets(
            self._session, rollouts, [pair.behavior or "" for pair in rollouts.pairs]
        )

    def _draw_fake(self, fresh: Triplets) -> Triplets:
        replayed = 0 if self._replay is None else int(self._settings.replay * self._settings.batch)
        drawn = fresh.rows(torch.randint(len(fresh.names), (self._settings.batch - replayed,)))
        if self._replay is None or not replayed:
            return drawn
        old = self._replay.rows(torch.randint(len(self._replay.names), (replayed,)))
        return joined(drawn, old)

    def _remember(self, fresh: Triplets) -> None:
        kept = fresh if self._replay is None else joined(self._replay, fresh)
        first = max(0, len(kept.names) - REPLAY_SIZE)
        self._replay = kept.rows(torch.arange(first, len(kept.names)))

    def state(self) -> dict[str, Any]:
        """Optimiser, replay buffer, and the rollouts that D is looked at on."""
        return {
            "optimiser": self._side.optimiser.state_dict(),
            "replay": self._replay,
            "watched": self._watched,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        self._side.optimiser.load_state_dict(state["optimiser"])
        self._replay = state["replay"]
        self._watched = state["watched"]


def adversarial(session: Session, side: Side) -> PpoStage:
    """PPO on the discriminator's reward, on the logged queries and behaviours by their weights."""
    train = session.split.train
    return PpoStage(
        session,
        "adversarial",
        DiscriminatorReward(session, side),
        [Pair(row.query, row.behavior) for row in train],
        [row.weight for row in train],
    )


def by_discriminator(session: Session, behavior: str) -> Scorer:
    """How real the discriminator finds each response with this behaviour, whatever it was drawn for."""
    model = session.heads["discriminator"].eval()
    assert isinstance(model, Discriminator)

    @torch.no_grad()
    def scores(rollouts: Rollouts) -> Tensor:
        behaviors = session.behaviors.encode([behavior])
        return model.crossed(session.features(rollouts.seen()), behaviors)[:, 0]

    return scores
