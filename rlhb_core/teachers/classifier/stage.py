"""RLHBC: a classifier of the behaviour that a response draws, and the reward made of it.

One head per clause of the behaviour text on a shared body, on frozen features of (query, response). The reward is the
log-probability of the preferred behaviour, summed over the clauses. Does not know PPO, and the policy that is trained
on the reward is not conditioned on any behaviour.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlhb_core.errors import BadConfig, BadRecord
from rlhb_core.learning.session import Metrics, Session
from rlhb_core.lm.scorers import Standardise
from rlhb_core.run.data import Logged
from rlhb_core.schema.behaviors import Classes, parse, preferred_behavior
from rlhb_core.schema.features import CLAUSES
from rlhb_core.teachers.classifier import NAME, ClassifierEvidence, OnBehaviors
from rlhb_core.teachers.classifier.settings import ClassifierSettings

STEPS_AT_ONCE = 10
"""Gradient steps in one step of the stage."""
SIZES = {clause.name: len(clause.options) for clause in CLAUSES}
"""Number of classes of each clause."""
WEIGHT_DECAY, DROPOUT = 0.05, 0.1
"""Both against learning a few hundred people's behaviours by heart; the classes' shares matter more than either."""


class Observed(NamedTuple):
    """Logged responses with what they drew."""

    features: Tensor  # [N, F]
    classes: Tensor  # [N, C], one column per clause
    weights: Tensor  # [N]


def observed(session: Session, rows: Sequence[Logged]) -> Observed:
    """Features and classes of logged rows, for the clauses of `data.clauses`."""
    features = session.logged_features(rows)
    told = [parse(row.behavior) for row in rows]
    classes = [[one[name] for name in session.config.data.clauses] for one in told]
    return Observed(
        features,
        torch.tensor(classes, device=features.device),
        torch.tensor([row.weight for row in rows], device=features.device),
    )


class BehaviorClassifier(nn.Module):
    """Classes of each clause from features; as a reward, how likely the preferred behaviour is."""

    def __init__(
        self, features: int, preferred: Classes, dropout: float, hidden: int = 192
    ) -> None:
        """`preferred`: the class to reward of every clause that is classified."""
        super().__init__()
        self.preferred = preferred
        self.standardise = Standardise(features)
        self.body = nn.Sequential(nn.Linear(features, hidden), nn.GELU(), nn.Dropout(dropout))
        self.heads = nn.ModuleList(nn.Linear(hidden, SIZES[name]) for name in preferred)
        self.register_buffer("centre", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))
        self.centre: Tensor
        self.spread: Tensor

    def logprobs(self, features: Tensor) -> list[Tensor]:
        """[N, F] -> log-probabilities [N, classes] of each clause."""
        inner = self.body(self.standardise(features))
        return [torch.log_softmax(head(inner), dim=-1) for head in self.heads]

    def raw(self, features: Tensor) -> Tensor:
        """[N, F] -> log-probability [N] of the preferred behaviour, clauses independent given the response."""
        clauses = zip(self.logprobs(features), self.preferred.values(), strict=True)
        return torch.stack([logs[:, wanted] for logs, wanted in clauses]).sum(0)

    def forward(self, features: Tensor) -> Tensor:
        """[N, F] -> [N]: mean 0 and spread 1 over the logged responses."""
        return (self.raw(features) - self.centre) / self.spread


def clause_losses(logprobs: Sequence[Tensor], classes: Tensor) -> Tensor:
    """Cross-entropies of N rows, one column per clause: [N, classes] each, and [N, C] -> [N, C]."""
    columns = zip(logprobs, classes.T, strict=True)
    return torch.stack([F.nll_loss(logs, told, reduction="none") for logs, told in columns], dim=1)


def shares(rows: Observed, sizes: Sequence[int]) -> list[Tensor]:
    """Weighted share of each class, one more row of every class added so that none is impossible;
    per clause [classes].
    """
    found = []
    for told, size in zip(rows.classes.T, sizes, strict=True):
        counts = torch.ones(size, device=told.device).index_add(0, told, rows.weights)
        found.append(counts / counts.sum())
    return found


class ClassifierStage:
    """Gradient steps on the behaviours of the training part."""

    name = NAME

    def __init__(self, session: Session) -> None:
        self._session = session
        self._settings = session.config.section(ClassifierSettings)
        self.total = -(-self._settings.steps // STEPS_AT_ONCE)
        train, held_out = (
            [row for row in part if row.whole]
            for part in (session.split.train, session.split.held_out)
        )
        self._train, self._held_out = observed(session, train), observed(session, held_out)
        self._preferred = preferred_text(session)
        preferred = parse(self._preferred)
        self._model = BehaviorClassifier(
            self._train.features.shape[1],
            {name: preferred[name] for name in session.config.data.clauses},
            DROPOUT,
        ).to(session.trunk.device)
        self._model.standardise.fit(self._train.features)
        self._shares = shares(self._train, [SIZES[name] for name in self._model.preferred])
        session.heads[NAME] = self._model
        self._optimiser = torch.optim.AdamW(
            self._model.parameters(),
            lr=self._settings.learning_rate,
            weight_decay=WEIGHT_DECAY,
        )

    def step(self, number: int) -> Metrics:
        """Ten gradient steps, then a look at the held-out behaviours."""
        self._model.train()
        losses = []
        count = min(self._settings.batch, len(self._train.weights))
        for _ in range(STEPS_AT_ONCE):
            drawn = torch.randperm(len(self._train.weights))[:count]
            rows = Observed(*(column[drawn] for column in self._train))
            loss = clause_losses(self._model.logprobs(rows.features), rows.classes).sum(1)
            loss = (loss * rows.weights).sum() / rows.weights.sum()
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimiser.step()
            losses.append(loss.item())
        self._model.eval()
        found = self._look()
        if number == self.total:
            self._finish(found)
        return {"classifier/loss": sum(losses) / len(losses)} | metrics_of(found)

    @torch.no_grad()
    def _look(self) -> dict[str, Any]:
        """Held-out cross-entropy and accuracy, whole and by clause,
        beside what the shares of the classes alone give.
        """
        rows = self._held_out
        logs = self._model.logprobs(rows.features)
        losses = clause_losses(logs, rows.classes)  # [N, C]
        blind = clause_losses([s.log().expand(len(losses), -1) for s in self._shares], rows.classes)
        right = torch.stack([one.argmax(1) for one in logs], dim=1) == rows.classes
        frequent = torch.stack([one.argmax() for one in self._shares]) == rows.classes
        columns = (losses, blind, right.float(), frequent.float())
        names = ("cross_entropy", "of_shares", "accuracy", "majority")
        means = {name: column.mean(0).tolist() for name, column in zip(names, columns, strict=True)}
        gained = (blind - losses).sum(1)
        return {
            "clauses": {
                clause: {name: means[name][place] for name in names}
                for place, clause in enumerate(self._model.preferred)
            },
            "gained": float(gained.mean()),
            "error": float(gained.std()) / len(gained) ** 0.5 if len(gained) > 1 else 0.0,
            "rows": len(gained),
        }

    @torch.no_grad()
    def _finish(self, found: Mapping[str, Any]) -> None:
        seen = self._model.raw(self._train.features)
        self._model.centre.copy_(seen.mean())
        self._model.spread.copy_(seen.std().clamp(min=1e-3))
        learned = OnBehaviors.model_validate({**found, "preferred": self._preferred})
        self._session.evidence_as(ClassifierEvidence).classifier = learned

    def state(self) -> dict[str, Any]:
        """The optimiser; the model belongs to the session."""
        return {"optimiser": self._optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        self._optimiser.load_state_dict(state["optimiser"])


def preferred_text(session: Session) -> str:
    """The behaviour to reward: `data.condition`, or the most frequent of the most preferred ones. Raises BadConfig."""
    wanted, split = session.config.data.condition, session.split
    if not wanted:
        rows = [*split.train, *split.held_out]
        share = session.config.data.preferred_share
        return preferred_behavior((row.behavior for row in rows), share)
    try:
        parse(wanted)
    except BadRecord as error:
        raise BadConfig(f"data.condition: {error}") from None
    return wanted


def metrics_of(found: Mapping[str, Any]) -> Metrics:
    """What a look found, by the names of the metrics."""
    clauses: Mapping[str, Mapping[str, float]] = found["clauses"]

    def every(name: str) -> list[float]:
        return [one[name] for one in clauses.values()]

    return {
        "classifier/held_out_loss": sum(every("cross_entropy")),
        "classifier/shares_loss": sum(every("of_shares")),
        "classifier/accuracy": sum(every("accuracy")) / len(clauses),
        "classifier/majority": sum(every("majority")) / len(clauses),
        **{f"classifier/held_out_loss/{n}": one["cross_entropy"] for n, one in clauses.items()},
        **{f"classifier/accuracy/{name}": one["accuracy"] for name, one in clauses.items()},
    }
