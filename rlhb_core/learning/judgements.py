"""Judgements of people as tensors: votes, rankings and edits, how likely scores make them, and how scores rank them.

Does not know where scores come from.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rlhb_core.learning.losses import choice_loss
from rlhb_core.run.votes import Voted


class Judgements(NamedTuple):
    """N judgements of up to n responses; shorter rows are padded and `shown` says where a response stands."""

    shown: Tensor  # [N, n]
    outcomes: Tensor  # [N]
    weights: Tensor  # [N]
    strengths: Tensor  # [N], of the preference, 0 where it was not told
    places: (
        Tensor  # [N, n], of rankings and edits from 1; 0 for votes, and where no response stands
    )
    tieable: Tensor  # [N], whether a tie could be said

    @classmethod
    def of(cls, votes: Sequence[Voted], device: torch.device) -> "Judgements":
        """These judgements."""
        most = max((len(vote.responses) for vote in votes), default=2)
        shown = torch.zeros(len(votes), most)
        places = torch.zeros(len(votes), most, dtype=torch.long)
        for row, vote in enumerate(votes):
            shown[row, : len(vote.responses)] = 1
            if vote.places is not None:
                places[row, : len(vote.places)] = torch.tensor(vote.places)
        return cls(
            shown.to(device),
            torch.tensor([vote.outcome for vote in votes], device=device),
            torch.tensor([vote.weight for vote in votes], device=device),
            torch.tensor([float(vote.strength) for vote in votes], device=device),
            places.to(device),
            torch.tensor([not vote.edit for vote in votes], dtype=torch.bool, device=device),
        )

    def rows(self, index: Tensor | slice) -> "Judgements":
        """Those named by `index`."""
        return Judgements(*(column[index] for column in self))

    def loss(self, scores: Tensor, tie: Tensor, all_bad: Tensor, margin: float = 0.0) -> Tensor:
        """Their weighted mean negative log-likelihood under scores [N, n] (`choice_loss`).

        tie, all_bad: scalars; margin: logits by which a chosen response must lead, per point of strength.
        """
        if not bool(self.tieable.all()):
            tie = torch.where(self.tieable, tie, torch.full_like(tie, -torch.inf))
        margins = margin * self.strengths
        return choice_loss(
            scores, self.shown, self.outcomes, tie, all_bad, self.weights, margins, self.places
        )

    def margins(self, scores: Tensor) -> Tensor:
        """Score of the better response minus that of the worse one, of all pairs that they tell: [N, n] -> [P]."""
        index = torch.arange(scores.shape[1], device=scores.device)
        best = torch.where(index == self.outcomes[:, None], 1, 2)
        voted = torch.where(self.outcomes[:, None] >= 0, best, 0) * (self.shown > 0)
        places = torch.where(self.places.any(1, keepdim=True), self.places, voted)
        told = (places[:, :, None] > 0) & (places[:, :, None] < places[:, None, :])
        return (scores[:, :, None] - scores[:, None, :])[told]
