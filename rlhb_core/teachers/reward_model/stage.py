"""How the reward model of RLHF (`model.py`) learns: its heads, on frozen features, from votes and from ratings.

Votes are Bradley-Terry with ties and all-bad as outcomes of their own, rankings Plackett-Luce (`losses.choice_loss`);
ratings of an aspect are foreseen by a head of their own (`losses.rating_loss`; regression on absolute ratings, as
HelpSteer, arXiv 2311.09528, and ArmoRM, arXiv 2406.12845, do it). Does not know PPO.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rlhb_core.learning.judgements import Judgements
from rlhb_core.learning.losses import rating_loss
from rlhb_core.learning.session import Metrics, Session
from rlhb_core.lm.scorers import RewardHead, Written
from rlhb_core.run.votes import Voted
from rlhb_core.teachers.reward_model import NAME, OnRatings, OnVotes, RewardModelEvidence
from rlhb_core.teachers.reward_model.calibration import (
    calibration_error,
    correlation,
    fit_temperature,
    pair_accuracy,
    rated_pairs,
)
from rlhb_core.teachers.reward_model.model import RewardModel
from rlhb_core.teachers.reward_model.ratings import Habits, Rated, ratings
from rlhb_core.teachers.reward_model.settings import RewardModelSettings

STEPS_AT_ONCE = 10
"""Gradient steps in one step of the stage."""
WEIGHT_DECAY = 0.05
"""Of the heads: there are few votes for many features."""


class Votes(NamedTuple):
    """Judgements with the features of the responses that they are about."""

    features: Tensor  # [N, n, F]
    judged: Judgements

    @classmethod
    def of(cls, session: Session, votes: Sequence[Voted]) -> "Votes":
        """These judgements."""
        flat = session.features(
            [Written(vote.query, text) for vote in votes for text in vote.responses]
        )
        judged = Judgements.of(votes, flat.device)
        features = flat.new_zeros(*judged.shown.shape, flat.shape[1])
        features[judged.shown > 0] = flat
        return cls(features, judged)

    def rows(self, index: Tensor | slice) -> "Votes":
        """Those named by `index`."""
        return Votes(self.features[index], self.judged.rows(index))

    def scored(self, scores: Tensor) -> Tensor:
        """Scores of all features one after the other, [N n], by judgement: [N, n]."""
        return scores.view(self.judged.shown.shape)


class Ratings(NamedTuple):
    """Rated responses; ratings are in spreads of what their person gives, NaN where there is none."""

    features: Tensor  # [N, F]
    told: Tensor  # [N, aspects]
    weights: Tensor  # [N]

    @classmethod
    def of(cls, session: Session, rows: Sequence[Rated], habits: Habits) -> "Ratings":
        """These rows, by habits that may have been learned from others."""
        features = session.features(
            [Written(each.query, each.response, each.ended) for each in rows]
        )
        told = [habits.standardised(each) for each in rows]
        weights = [each.weight for each in rows]
        device = features.device
        return cls(
            features, torch.tensor(told, device=device), torch.tensor(weights, device=device)
        )

    def drawn(self, count: int) -> "Ratings":
        """At most so many of them, any."""
        index = torch.randperm(len(self.weights))[:count]
        return Ratings(*(column[index] for column in self))


class RewardModelStage:
    """Gradient steps of all members on the votes, and the ratings, of the training part."""

    name = NAME

    def __init__(self, session: Session) -> None:
        self._session = session
        self._settings = session.config.section(RewardModelSettings)
        self.total = -(-self._settings.steps // STEPS_AT_ONCE)
        split = session.split
        self._train, self._held_out = (
            Votes.of(session, part) for part in (split.train_votes, split.held_out_votes)
        )
        self._seen = self._train.features[self._train.judged.shown > 0]
        self._rated: tuple[Ratings, Ratings] | None = None
        if self._settings.aspects:
            train, held_out = ratings(session.config, split)
            habits = Habits(train)
            self._rated = Ratings.of(session, train, habits), Ratings.of(session, held_out, habits)
            self._seen = torch.cat([self._seen, self._rated[0].features])
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
                count = min(self._settings.batch, len(self._train.features))
                rows = self._train.rows(torch.randperm(len(self._train.features))[:count])
                part = self._loss(member, rows, self._settings.margin)
                losses.append(part.item())
                loss = loss + part
                if self._rated is not None:
                    drawn = self._rated[0].drawn(self._settings.batch)
                    foreseen = member(drawn.features)[:, 1:]
                    loss = loss + rating_loss(foreseen, drawn.told, drawn.weights)
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimiser.step()
        self._model.eval()
        self._model.fit(self._seen)
        found = self._look()
        if number == self.total:
            self._finish(found)
        return {"reward_model/loss": sum(losses) / len(losses)} | found

    def _loss(self, member: torch.nn.Module, votes: Votes, margin: float = 0.0) -> Tensor:
        assert isinstance(member, RewardHead)
        scores = votes.scored(member(votes.features.flatten(0, 1))[:, 0])
        return votes.judged.loss(scores, member.tie[0], member.all_bad, margin)

    @torch.no_grad()
    def _look(self) -> Metrics:
        """Held-out loss, accuracy and calibration; the temperature is fitted on every second vote."""
        votes = self._held_out
        held_out = [float(self._loss(member, votes)) for member in self._model.members]
        fitted, measured = (
            margins(self._model, votes.rows(slice(start, None, 2))) for start in (0, 1)
        )
        temperature = fit_temperature(fitted)
        found = {
            "reward_model/held_out_loss": sum(held_out) / len(held_out),
            "reward_model/accuracy": pair_accuracy(margins(self._model, votes)),
            "reward_model/calibration_error": calibration_error(measured),
            "reward_model/calibrated_error": calibration_error(measured, temperature),
            "reward_model/temperature": temperature,
        }
        if on_ratings := list(self._on_ratings().values()):
            count = len(on_ratings)
            found["reward_model/aspect_accuracy"] = (
                sum(each.accuracy for each in on_ratings) / count
            )
            found["reward_model/aspect_correlation"] = (
                sum(each.correlation or 0.0 for each in on_ratings) / count
            )
        return found

    def _on_ratings(self) -> dict[str, OnRatings]:
        """How well each aspect is foreseen on held-out answers."""
        if self._rated is None:
            return {}
        rows = self._rated[1]
        scores = self._model.aspects(rows.features)[:, 1:]
        found = {}
        for aspect, foreseen, told in zip(
            self._settings.aspects, scores.T, rows.told.T, strict=True
        ):
            given = ~told.isnan()
            pairs = rated_pairs(foreseen[given], told[given])
            found[aspect] = OnRatings(
                accuracy=pair_accuracy(pairs),
                pairs=pairs.numel(),
                correlation=correlation(foreseen[given], told[given]),
                ratings=int(given.sum()),
            )
        return found

    @torch.no_grad()
    def _finish(self, found: Metrics) -> None:
        names = ("accuracy", "calibration_error", "calibrated_error", "temperature")
        evidence = self._session.evidence_as(RewardModelEvidence)
        evidence.reward_model = OnVotes(
            **{name: found[f"reward_model/{name}"] for name in names},
            pairs=sum(vote.counts for vote in self._session.split.held_out_votes),
            aspects=self._on_ratings(),
        )

    def state(self) -> dict[str, Any]:
        """The optimiser; the heads belong to the session."""
        return {"optimiser": self._optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        self._optimiser.load_state_dict(state["optimiser"])


def margins(model: RewardModel, votes: Votes) -> Tensor:
    """Score of the better response minus that of the worse one, of all pairs that the judgements tell: [P]."""
    return votes.judged.margins(votes.scored(model.raw(votes.features.flatten(0, 1))))


@torch.no_grad()
def foreseen(session: Session, votes: Sequence[Voted]) -> dict[str, Any]:
    """How well the trained model foresees votes."""
    model = session.heads[NAME].eval()
    assert isinstance(model, RewardModel)
    found = margins(model, Votes.of(session, votes))
    pairs = sum(vote.counts for vote in votes)
    return {"accuracy": pair_accuracy(found), "pairs": pairs}
