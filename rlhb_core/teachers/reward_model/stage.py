"""The reward model of RLHF: heads on frozen features, trained on votes and ratings, and the reward made of them.

Votes are Bradley-Terry with ties and all-bad as outcomes of their own (`losses.choice_loss`); ratings of an aspect are
votes between two answers to the same query. Does not know PPO.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rlhb_core.learning.losses import choice_loss
from rlhb_core.learning.session import Metrics, Session
from rlhb_core.lm.scorers import RewardHead, Written
from rlhb_core.run.votes import Voted
from rlhb_core.teachers.reward_model import NAME, OnVotes, Ranked, RewardModelEvidence
from rlhb_core.teachers.reward_model.calibration import calibration_error, fit_temperature
from rlhb_core.teachers.reward_model.ratings import ratings
from rlhb_core.teachers.reward_model.settings import RewardModelSettings

STEPS_AT_ONCE = 10
"""Gradient steps in one step of the stage."""
WEIGHT_DECAY = 0.05
"""Of the heads: there are few votes for many features."""
VARIANCE_WEIGHT = 0.5
"""Weight of the heads' variance in a variance-penalised score, the middle of those tried in arXiv 2310.02743."""


class Votes(NamedTuple):
    """Votes as tensors; shorter rows are padded and `shown` says where a response stands."""

    features: Tensor  # [N, n, F]
    shown: Tensor  # [N, n]
    outcomes: Tensor  # [N]
    weights: Tensor  # [N]
    strengths: Tensor  # [N], of the preference, 0 where it was not told

    def rows(self, index: Tensor | slice) -> "Votes":
        """The votes named by `index`."""
        return Votes(*(column[index] for column in self))


def vote_tensors(session: Session, votes: Sequence[Voted]) -> Votes:
    """Features of all responses voted on."""
    flat = session.features(
        [Written(vote.query, text) for vote in votes for text in vote.responses]
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
        torch.tensor([float(vote.strength) for vote in votes], device=device),
    )


def pair_margins(scores: Tensor, votes: Votes) -> Tensor:
    """Score of the chosen response minus that of each other one, of all votes for a best. scores: [N, n] -> [P]."""
    decided = votes.outcomes >= 0
    scores, shown, best = scores[decided], votes.shown[decided], votes.outcomes[decided]
    chosen = scores.gather(1, best[:, None])
    other = (shown > 0) & (torch.arange(scores.shape[1], device=scores.device) != best[:, None])
    return (chosen - scores)[other]


def pair_accuracy(margins: Tensor) -> float:
    """Share of pairs that are ranked right, ties half; 0.5 without pairs. margins: [P]."""
    right = (margins > 0).double() + 0.5 * (margins == 0)
    return float(right.mean()) if margins.numel() else 0.5


def combined(scores: Tensor, how: str) -> Tensor:
    """One score of several heads (arXiv 2310.02743): mean, lowest, or mean minus weighted variance. [M, N] -> [N]."""
    if how == "lowest":
        return scores.amin(0)
    if how == "variance_penalised":
        return scores.mean(0) - VARIANCE_WEIGHT * scores.var(0, correction=0)
    return scores.mean(0)


class RewardModel(torch.nn.Module):
    """One or several heads of different seeds, their scores made one and standardised over logged responses."""

    def __init__(self, features: int, settings: RewardModelSettings) -> None:
        super().__init__()
        self._settings = settings
        self.members = torch.nn.ModuleList(
            RewardHead(features, len(settings.aspects)) for _ in range(settings.members)
        )
        self.register_buffer("weights", torch.tensor([1.0, *settings.aspects.values()]))
        self.register_buffer("centres", torch.zeros(settings.members, 1))
        self.register_buffer("centre", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))
        self.weights: Tensor  # of votes and of each aspect
        self.centres: Tensor  # mean score of each head: votes fix only differences within a query
        self.centre: Tensor
        self.spread: Tensor

    def aspects(self, features: Tensor) -> Tensor:
        """[N, F] -> mean scores [N, 1 + aspects] over the heads."""
        return torch.stack([member(features) for member in self.members]).mean(0)

    def raw(self, features: Tensor) -> Tensor:
        """[N, F] -> [N], in logits of a vote."""
        scores = torch.stack([member(features) @ self.weights for member in self.members])
        return combined(scores - self.centres, self._settings.score)

    def forward(self, features: Tensor) -> Tensor:
        """[N, F] -> [N]: mean 0 and spread 1 over the logged responses."""
        return (self.raw(features) - self.centre) / self.spread

    @torch.no_grad()
    def fit(self, logged: Tensor) -> None:
        """Take centres and spread from the features of the logged responses, [N, F]."""
        scores = torch.stack([member(logged) @ self.weights for member in self.members])
        self.centres.copy_(scores.mean(1, keepdim=True))
        raw = self.raw(logged)
        self.centre.copy_(raw.mean())
        self.spread.copy_(raw.std().clamp(min=1e-3))


class RewardModelStage:
    """Gradient steps of all members on the votes, and the ratings, of the training part."""

    name = NAME

    def __init__(self, session: Session) -> None:
        self._session = session
        self._settings = session.config.section(RewardModelSettings)
        self.total = -(-self._settings.steps // STEPS_AT_ONCE)
        rated = ratings(session.config, session.split)
        self._aspects = list(rated)
        # one table of votes per column of scores: the first by people's votes, then one per aspect
        self._train = [
            vote_tensors(session, votes)
            for votes in (session.split.train_votes, *(train for train, _ in rated.values()))
        ]
        self._held_out = [
            vote_tensors(session, votes)
            for votes in (
                session.split.held_out_votes,
                *(held_out for _, held_out in rated.values()),
            )
        ]
        votes = self._train[0]
        self._seen = votes.features[votes.shown > 0]
        device = session.trunk.device
        self._model = RewardModel(self._seen.shape[1], self._settings).to(device)
        for member in self._model.members:
            member.standardise.fit(self._seen)  # type: ignore[operator, union-attr]
        session.heads[NAME] = self._model
        self._optimiser = torch.optim.AdamW(
            self._model.parameters(),
            lr=self._settings.learning_rate,
            weight_decay=WEIGHT_DECAY,
        )

    def step(self, number: int) -> Metrics:
        """Ten gradient steps, then a look at the held-out votes."""
        self._model.train()
        losses = []
        for _ in range(STEPS_AT_ONCE):
            self._optimiser.zero_grad()
            loss = torch.zeros((), device=self._seen.device)
            for member in self._model.members:
                for column, votes in enumerate(self._train):
                    count = min(self._settings.batch, len(votes.outcomes))
                    rows = votes.rows(torch.randperm(len(votes.outcomes))[:count])
                    part = self._loss(member, rows, column, self._settings.margin)
                    loss = loss + part
                    if column == 0:
                        losses.append(part.item())
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimiser.step()
        self._model.eval()
        self._model.fit(self._seen)
        found = self._look()
        if number == self.total:
            self._finish(found)
        return {"reward_model/loss": sum(losses) / len(losses)} | found

    def _loss(
        self, member: torch.nn.Module, votes: Votes, column: int, margin: float = 0.0
    ) -> Tensor:
        assert isinstance(member, RewardHead)
        scores = member(votes.features.flatten(0, 1))[:, column].view(votes.shown.shape)
        # nobody says of two ratings that both are bad
        all_bad = member.all_bad if column == 0 else torch.full_like(member.all_bad, -torch.inf)
        return choice_loss(
            scores, votes.shown, votes.outcomes, member.tie[column], all_bad, votes.weights,
            margin * votes.strengths,
        )  # fmt: skip

    @torch.no_grad()
    def _look(self) -> Metrics:
        """Held-out loss, accuracy and calibration; the temperature is fitted on every second vote."""
        votes = self._held_out[0]
        held_out = [float(self._loss(member, votes, 0)) for member in self._model.members]
        fitted, measured = (self._margins(votes.rows(slice(start, None, 2))) for start in (0, 1))
        temperature = fit_temperature(fitted)
        found = {
            "reward_model/held_out_loss": sum(held_out) / len(held_out),
            "reward_model/accuracy": pair_accuracy(self._margins(votes)),
            "reward_model/calibration_error": calibration_error(measured),
            "reward_model/calibrated_error": calibration_error(measured, temperature),
            "reward_model/temperature": temperature,
        }
        if len(self._held_out) > 1:
            rated = [
                pair_accuracy(self._aspect_margins(column))
                for column in range(1, len(self._held_out))
            ]
            found["reward_model/aspect_accuracy"] = sum(rated) / len(rated)
        return found

    def _margins(self, votes: Votes) -> Tensor:
        scores = self._model.raw(votes.features.flatten(0, 1))
        return pair_margins(scores.view(votes.shown.shape), votes)

    def _aspect_margins(self, column: int) -> Tensor:
        votes = self._held_out[column]
        scores = self._model.aspects(votes.features.flatten(0, 1))[:, column]
        return pair_margins(scores.view(votes.shown.shape), votes)

    @torch.no_grad()
    def _finish(self, found: Metrics) -> None:
        names = ("accuracy", "calibration_error", "calibrated_error", "temperature")
        evidence = self._session.evidence_as(RewardModelEvidence)
        aspects = {}
        for column, aspect in enumerate(self._aspects, start=1):
            margins = self._aspect_margins(column)
            aspects[aspect] = Ranked(accuracy=pair_accuracy(margins), pairs=margins.numel())
        evidence.reward_model = OnVotes(
            **{name: found[f"reward_model/{name}"] for name in names},
            pairs=self._margins(self._held_out[0]).numel(),
            aspects=aspects,
        )

    def state(self) -> dict[str, Any]:
        """The optimiser; the heads belong to the session."""
        return {"optimiser": self._optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        self._optimiser.load_state_dict(state["optimiser"])


@torch.no_grad()
def foreseen(session: Session, votes: Sequence[Voted]) -> dict[str, Any]:
    """How well the trained model foresees votes."""
    model = session.heads[NAME].eval()
    assert isinstance(model, RewardModel)
    found = vote_tensors(session, votes)
    scores = model.raw(found.features.flatten(0, 1)).view(found.shown.shape)
    margins = pair_margins(scores, found)
    return {"accuracy": pair_accuracy(margins), "pairs": margins.numel()}
