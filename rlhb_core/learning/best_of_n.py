"""Best-of-n: of several responses to a query the one that a scorer likes most; a policy without any training.

Does not know what scores.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rlhb_core.errors import BadConfig
from rlhb_core.learning.rollout import Rollouts
from rlhb_core.learning.session import Session
from rlhb_core.run.data import Pair

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
