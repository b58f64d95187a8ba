"""Triplets as a discriminator sees them: made of logged rows and of rollouts, joined and drawn from.

Does not know the discriminator, nor what is learned from them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rlhb_core.learning.rollout import Rollouts
from rlhb_core.learning.session import ORIGIN, Session
from rlhb_core.run.data import Logged


class Triplets(NamedTuple):
    """Triplets as a discriminator sees them."""

    features: Tensor  # [N, F]
    behaviors: Tensor  # [N, L] token ids, -1 where there is none
    queries: list[str]
    names: list[str]  # the behaviour texts
    lengths: Tensor  # [N], characters of the response

    def rows(self, index: Tensor) -> "Triplets":
        """The rows named by `index`."""
        return Triplets(
            self.features[index],
            self.behaviors[index],
            [self.queries[i] for i in index.tolist()],
            [self.names[i] for i in index.tolist()],
            self.lengths[index],
        )


def logged_triplets(session: Session, rows: Sequence[Logged]) -> Triplets:
    """Logged rows as triplets."""
    names = [row.behavior for row in rows]
    lengths = torch.tensor([float(len(row.response)) for row in rows])
    return Triplets(
        session.logged_features(rows),
        session.behaviors.encode(names),
        [row.query for row in rows],
        names,
        lengths,
    )


def generated_triplets(session: Session, rollouts: Rollouts, behaviors: Sequence[str]) -> Triplets:
    """Rollouts as triplets with these behaviours."""
    lengths = torch.tensor([float(len(text)) for text in rollouts.texts])
    return Triplets(
        session.features(rollouts.seen()),
        session.behaviors.encode(behaviors),
        [pair.query for pair in rollouts.pairs],
        list(behaviors),
        lengths,
    )


def joined(first: Triplets, second: Triplets) -> Triplets:
    """Both, one after the other."""
    width = max(first.behaviors.shape[1], second.behaviors.shape[1])
    padded = [
        torch.nn.functional.pad(part.behaviors, (0, width - part.behaviors.shape[1]), value=-1)
        for part in (first, second)
    ]
    return Triplets(
        torch.cat([first.features, second.features]),
        torch.cat(padded),
        first.queries + second.queries,
        first.names + second.names,
        torch.cat([first.lengths, second.lengths]),
    )


def origin_triplets(session: Session, rows: Sequence[Logged]) -> Triplets:
    """Rollouts of the version that the run started from, asked as it was when it was deployed;
    the behaviours are those of the rows.
    """
    rollouts = session.answers(ORIGIN, session.as_deployed([row.query for row in rows]))
    return generated_triplets(session, rollouts, [row.behavior for row in rows])
