"""The reward model of RLHF: a head on frozen features, trained on votes, and the reward made of it.

Votes are Bradley-Terry with ties and all-bad as outcomes of their own (`losses.choice_loss`). Does not know PPO.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rlhb_core.data import Pair, Voted
from rlhb_core.losses import choice_loss
from rlhb_core.ppo import Scores
from rlhb_core.rollout import Rollouts
from rlhb_core.scorers import Response, RewardHead
from rlhb_core.session import Metrics, Session

STEPS_AT_ONCE = 10
"""Gradient steps in one step of the stage."""


class Votes(NamedTuple):
    """Votes as tensors; shorter rows are padded and `shown` says where a response stands."""

    features: Tensor  # [N, n, F]
    shown: Tensor  # [N, n]
    outcomes: Tensor  # [N]
    weights: Tensor  # [N]


def vote_tensors(session: Session, votes: Sequence[Voted]) -> Votes:
    """Features of all responses voted on."""
    flat = session.features(
        [Response(vote.query, text) for vote in votes for text in vote.responses]
    )
    most = max((len(vote.responses) for vote in votes), default=2)
    features = flat.new_zeros(len(votes), most, flat.shape[1])
    shown = flat.new_zeros(len(votes), most)
    start = 0
    for row, vote in enumerate(votes):
        count = len(vote.responses)
        features[row, :count] = flat[start : start + count]
        shown[row, :count] = 1
        start += count
    device = flat.device
    return Votes(
        features,
        shown,
        torch.tensor([vote.outcome for vote in votes], device=device),
        torch.tensor([vote.weight for vote in votes], device=device),
    )


def pair_accuracy(scores: Tensor, votes: Votes) -> tuple[float, int]:
    """Share of (chosen, other) pairs that the scores rank right, and the number of pairs. scores: [N, n]."""
    decided = votes.outcomes >= 0
    scores, shown, best = scores[decided], votes.shown[decided], votes.outcomes[decided]
    chosen = scores.gather(1, best[:, None])
    other = (shown > 0) & (torch.arange(scores.shape[1], device=scores.device) != best[:, None])
    right = ((chosen > scores) + 0.5 * (chosen == scores))[other]
    return (float(right.mean()) if right.numel() else 0.5), int(right.numel())


class RewardModel(torch.nn.Module):
    """One or several heads of different seeds; the reward is their mean, standardised over logged responses."""

    def __init__(self, features: int, members: int) -> None:
        super().__init__()
        self.members = torch.nn.ModuleList(RewardHead(features) for _ in range(members))
        self.register_buffer("centre", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))
        self.centre: Tensor
        self.spread: Tensor

    def raw(self, features: Tensor) -> Tensor:
        """[N, F] -> [N], in logits of a vote."""
        return torch.stack([member(features) for member in self.members]).mean(0)

    def forward(self, features: Tensor) -> Tensor:
        """[N, F] -> [N]: mean 0 and spread 1 over the logged responses."""
        return (self.raw(features) - self.centre) / self.spread


class RewardModelStage:
    """Gradient steps of all members on the votes of the training part."""

    name = "reward_model"
    cost = 0.1

    def __init__(self, session: Session) -> None:
        self._session = session
        self._settings = session.config.reward_model
        self.total = -(-self._settings.steps // STEPS_AT_ONCE)
        self._train = vote_tensors(session, session.split.train_votes)
        self._held_out = vote_tensors(session, session.split.held_out_votes)
        size = self._train.features.shape[-1]
        self._model = RewardModel(size, self._settings.members).to(session.trunk.device)
        seen = self._train.features[self._train.shown > 0]
        for member in self._model.members:
            member.standardise.fit(seen)  # type: ignore[operator, union-attr]
        session.heads["reward_model"] = self._model
        self._optimiser = torch.optim.AdamW(
            self._model.parameters(),
            lr=self._settings.learning_rate,
            weight_decay=self._settings.weight_decay,
        )

    def step(self, number: int) -> Metrics:
        """Ten gradient steps, then a look at the held-out votes."""
        self._model.train()
        losses = []
        count = min(self._settings.batch, len(self._train.outcomes))
        for _ in range(STEPS_AT_ONCE):
            self._optimiser.zero_grad()
            loss = torch.zeros((), device=self._train.features.device)
            for member in self._model.members:
                rows = torch.randperm(len(self._train.outcomes))[:count]
                loss = loss + self._loss(member, Votes(*(column[rows] for column in self._train)))
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimiser.step()
            losses.append(loss.item() / len(self._model.members))
        self._model.eval()
        with torch.no_grad():
            held_out = [float(self._loss(member, self._held_out)) for member in self._model.members]
            accuracy, pairs = pair_accuracy(self._scores(self._held_out), self._held_out)
        if number == self.total:
            self._finish(accuracy, pairs)
        return {
            "reward_model/loss": sum(losses) / len(losses),
            "reward_model/held_out_loss": sum(held_out) / len(held_out),
            "reward_model/accuracy": accuracy,
        }

    def _loss(self, member: torch.nn.Module, votes: Votes) -> Tensor:
        assert isinstance(member, RewardHead)
        scores = member(votes.features.flatten(0, 1)).view(votes.shown.shape)
        return choice_loss(
            scores, votes.shown, votes.outcomes, member.tie, member.all_bad, votes.weights
        )

    def _scores(self, votes: Votes) -> Tensor:
        return self._model.raw(votes.features.flatten(0, 1)).view(votes.shown.shape)

    def _finish(self, accuracy: float, pairs: int) -> None:
        with torch.no_grad():
            seen = self._scores(self._train)[self._train.shown > 0]
        self._model.centre.copy_(seen.mean())
        self._model.spread.copy_(seen.std().clamp(min=1e-3))
        self._session.evidence["reward_model"] = {"accuracy": accuracy, "pairs": pairs}

    def state(self) -> dict[str, Any]:
        """The optimiser; the heads belong to the session."""
        return {"optimiser": self._optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        self._optimiser.load_state_dict(state["optimiser"])


class LearnedReward:
    """The source of rewards of RLHF and RLHBC: a head that scores features, [N, F] -> [N], and no longer learns."""

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
