"""How a fresh judge is made and tested: the forms that a judge can have, what it learns from, when it is stopped.

A judge turns rows into logits, real above generated. Whatever its form, it is trained alike: steps on both sides, looks
at rows of other queries to keep the best of it, calibrated on these, and tested on held-out rows.
Does not know which rows these are, nor who wrote the answers (`judges.py`).
"""

import copy
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn

from rlhb_core.learning.losses import adversarial_loss, pairing_loss
from rlhb_core.lm.generator import by_length, collate, encode_prompt, encode_response, score
from rlhb_core.lm.scorers import Behaviors, Discriminator, Written, pooled
from rlhb_core.lm.trunk import Trunk
from rlhb_core.run.config import RunConfig
from rlhb_core.verdict.calibration import balanced_accuracy, calibrated, fit
from rlhb_core.verdict.words import Words, WordScorer, words_of


class Texts(NamedTuple):
    """Triplets as they read."""

    responses: list[Written]
    names: list[str]  # the behaviour texts

    def rows(self, index: Tensor) -> "Texts":
        """The rows named by `index`."""
        chosen = index.tolist()
        return Texts([self.responses[i] for i in chosen], [self.names[i] for i in chosen])


class Hashed(NamedTuple):
    """Triplets as hashed words."""

    words: list[Words]
    names: list[str]

    def rows(self, index: Tensor) -> "Hashed":
        """The rows named by `index`."""
        chosen = index.tolist()
        return Hashed([self.words[i] for i in chosen], [self.names[i] for i in chosen])


def hashed(texts: Texts) -> Hashed:
    """Their words."""
    words = [
        words_of(response.query, response.text, name)
        for response, name in zip(texts.responses, texts.names, strict=True)
    ]
    return Hashed(words, texts.names)


class Shown(NamedTuple):
    """Triplets as a projection sees them."""

    features: Tensor  # [N, F]
    behaviors: Tensor  # [N, L] token ids, -1 where there is none
    names: list[str]

    def rows(self, index: Tensor) -> "Shown":
        """The rows named by `index`."""
        names = [self.names[i] for i in index.tolist()]
        return Shown(self.features[index], self.behaviors[index], names)


class Rows(Protocol):
    """Rows as some judge takes them."""

    @property
    def names(self) -> list[str]: ...

    def rows(self, index: Tensor) -> Self: ...


T = TypeVar("T")
R = TypeVar("R", bound=Rows)


class Parts(NamedTuple, Generic[T]):
    """One side, real or generated: what is learned from, what says when to stop, and what is tested on."""

    train: T
    stopping: T
    test: T


# --- forms ----------------------------------------------------------------------------------------


class Projection(nn.Module):
    """D's own form on frozen features."""

    def __init__(self, head: Discriminator) -> None:
        super().__init__()
        self.head = head

    def forward(self, rows: Shown) -> Tensor:
        """Logits [N]."""
        logits: Tensor = self.head(rows.features, rows.behaviors)
        return logits


class Reading(nn.Module):
    """A projection whose features move: the whole model below them is finetuned with it."""

    def __init__(
        self, head: Discriminator, trunk: Trunk, behaviors: Behaviors, config: RunConfig
    ) -> None:
        super().__init__()
        self.head, self.model = head, trunk.model
        self.model.requires_grad_(True)
        self._trunk, self._behaviors, self._sampling = trunk, behaviors, config.sampling

    def forward(self, rows: Texts) -> Tensor:
        """Logits [N]."""
        sampling = self._sampling
        prompts = [
            encode_prompt(self._trunk, r.query, most=sampling.max_prompt_tokens)
            for r in rows.responses
        ]
        answers = [
            encode_response(self._trunk, r.text, r.ended)[: sampling.max_new_tokens + 1]
            for r in rows.responses
        ]
        order, found = [], []
        sizes = [len(p) + len(a) for p, a in zip(prompts, answers, strict=True)]
        for chunk in by_length(sizes, max(8, sampling.batch // 4)):
            tokens = collate(
                [prompts[i] for i in chunk], [answers[i] for i in chunk], self._trunk.device
            )
            found.append(pooled(score(self._trunk, tokens), tokens.response_mask))
            order += chunk
        features = torch.cat(found)[torch.tensor(order).argsort()]  # back in the order of the rows
        logits: Tensor = self.head(features, self._behaviors.encode(rows.names))
        return logits


class WordJudge(nn.Module):
    """A linear score of words, alone and crossed with query and behaviour."""

    def __init__(self) -> None:
        super().__init__()
        self.scorer = WordScorer()

    def forward(self, rows: Hashed) -> Tensor:
        """Logits [N]."""
        logits: Tensor = self.scorer(rows.words)
        return logits


# --- training -------------------------------------------------------------------------------------


def learn_pairing(
    head: Discriminator, rows: Shown, weights: Tensor, steps: int, batch: int = 256
) -> None:
    """Teach a projection who did what, on logged rows drawn by their weights [N]."""
    optimiser = torch.optim.AdamW(head.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.1, steps)
    head.train()
    for _ in range(steps):
        drawn = rows.rows(torch.multinomial(weights, batch, replacement=True))
        loss = pairing_loss(head.crossed(drawn.features, drawn.behaviors))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    head.eval()


class Teaching(NamedTuple):
    """How a judge is trained."""

    steps: int
    batch: int  # rows of either side per step
    looks: int  # how often it is looked at, to keep the best of it


def accuracy_of(
    judge: nn.Module,
    real: Parts[R],
    fake: Parts[R],
    teaching: Teaching,
    optimiser: torch.optim.Optimizer,
) -> float:
    """Train a judge to tell real from generated rows; its balanced accuracy on the rows for testing.

    What it knew before it is trained counts as a look too: a judge that training makes worse stays as it was.
    """
    best, kept = _loss(judge, real.stopping, fake.stopping), copy.deepcopy(judge.state_dict())
    every = max(1, teaching.steps // teaching.looks)
    for step in range(1, teaching.steps + 1):
        judge.train()
        on_real, on_fake = (judge(_drawn(side.train, teaching.batch)) for side in (real, fake))
        loss = adversarial_loss(on_real, on_fake, 0.05)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
        optimiser.step()
        if step % every == 0:
            found = _loss(judge, real.stopping, fake.stopping)
            if found < best:
                best, kept = found, copy.deepcopy(judge.state_dict())
    judge.load_state_dict(kept)
    fitted = fit(*_logits(judge, real.stopping, fake.stopping))
    on_real, on_fake = _logits(judge, real.test, fake.test)
    return balanced_accuracy(fitted.apply(on_real), fitted.apply(on_fake), 0.5)


def _drawn(rows: R, count: int) -> R:
    return rows.rows(torch.randint(len(rows.names), (count,)))


@torch.no_grad()
def _logits(judge: nn.Module, real: R, fake: R) -> tuple[Tensor, Tensor]:
    judge.eval()
    return judge(real), judge(fake)


def _loss(judge: nn.Module, real: R, fake: R) -> float:
    """Calibrated cross-entropy: how well it tells them apart, not where its zero lies."""
    on_real, on_fake = calibrated(*_logits(judge, real, fake))
    return float(-(on_real.log().mean() + (1 - on_fake).log().mean()) / 2)
