"""Best-of-n: of several responses to a query the one that a scorer likes most; a policy without any training.

Scorers are a reward model, a classifier, or a discriminator asked about one behaviour. Does not train them.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rlhb_core.data import Pair
from rlhb_core.errors import BadConfig
from rlhb_core.rollout import Rollouts
from rlhb_core.scorers import Discriminator
from rlhb_core.session import Session

Scorer = Callable[[Rollouts], Tensor]
"""Scores [B] of rollouts; only their order within a query counts."""


def best_of_n(
    session: Session, pairs: Sequence[Pair], n: int, scorer: Scorer, adapter: str | None = None
) -> Rollouts:
    """The best of `n` responses to each pair, drawn from an adapter, or from the base model; of equals the first.

    Raises BadConfig if n is less than 1.
    """
    if n < 1:
        raise BadConfig(f"best of {n}: draw at least one response")
    asked = [pair for pair in pairs for _ in range(n)]
    drawn = session.answers_of_base(asked) if adapter is None else session.answers(adapter, asked)
    best = scorer(drawn).view(len(pairs), n).argmax(1).cpu()
    return drawn.rows((torch.arange(len(pairs)) * n + best).tolist())


def by_head(session: Session, head: str) -> Scorer:
    """The scores of a head of features, "reward_model" or "classifier"."""
    model = session.heads[head].eval()

    @torch.no_grad()
    def scores(rollouts: Rollouts) -> Tensor:
        found: Tensor = model(session.features(rollouts.seen()))
        return found

    return scores


def by_discriminator(session: Session, behavior: str) -> Scorer:
    """How real the discriminator finds each response with this behaviour, whatever it was drawn for."""
    model = session.heads["discriminator"].eval()
    assert isinstance(model, Discriminator)

    @torch.no_grad()
    def scores(rollouts: Rollouts) -> Tensor:
        behaviors = session.behaviors.encode([behavior])
        return model.crossed(session.features(rollouts.seen()), behaviors)[:, 0]

    return scores
