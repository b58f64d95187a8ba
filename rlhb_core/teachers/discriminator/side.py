"""The discriminator's side of RLHB: one gradient step on logged and generated triplets, and a look at held-out ones.

D(q, r, b) is a projection on frozen features. Logged triplets are real, rollouts are generated; logged (q, r) with
another behaviour are the third, mismatched kind: D learns from them who did what, or only their ranking below the true
behaviour. Does not know in which stage it learns (`pretraining.py`, `reward.py`).
"""

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from rlhb_core.learning.losses import (
    adversarial_loss,
    mismatch_loss,
    pairing_loss,
    relativistic_loss,
)
from rlhb_core.learning.session import Metrics, Session
from rlhb_core.lm.scorers import Discriminator, auc
from rlhb_core.run.data import sides
from rlhb_core.teachers.discriminator.settings import DiscriminatorSettings
from rlhb_core.teachers.discriminator.triplets import Triplets, logged_triplets
from rlhb_core.verdict.calibration import balanced_accuracy, calibrated
from rlhb_core.verdict.judge_training import Shown

LOOK_ROWS = 2048
"""Held-out logged triplets behind the curves."""
PERMUTED_ROWS = 16_384
"""About so many of the triplets with another row's behaviour are looked at: all would be millions."""
WEIGHT_DECAY = 0.01
"""Of the discriminator's head, AdamW's usual one: label smoothing and dropout hold it back already."""


def swapped(names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """A permutation of rows under which behaviours change, and which rows got another text. [N], [N] bool."""
    order = torch.randperm(len(names))
    changed = [names[i] != names[j] for i, j in enumerate(order.tolist())]
    return order, torch.tensor(changed, dtype=torch.bool)


def differing(names: Sequence[str]) -> Tensor:
    """Which rows have different behaviour texts: [N, N] bool."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    ids = torch.tensor([numbers[name] for name in names])
    return ids[:, None] != ids[None, :]


class Side:
    """The discriminator with its optimiser and the logged triplets: what both RLHB stages work on."""

    def __init__(self, session: Session) -> None:
        settings = session.config.section(DiscriminatorSettings)
        self.session = session
        self.settings = settings
        train = [row for row in session.split.train if row.whole]
        self.real = logged_triplets(session, train)
        shown, self.asked = sides(session.split.held_out, LOOK_ROWS, session.config.seed)
        self.held_out = logged_triplets(session, shown)
        pairs = differing(self.held_out.names).nonzero()  # [pairs, 2]: rows of unlike behaviours
        self._permuted = pairs[:: max(1, len(pairs) // PERMUTED_ROWS)].to(session.trunk.device)
        self.weights = torch.tensor([row.weight for row in train])
        self._partners: dict[tuple[str, str], list[int]] = defaultdict(list)
        for index, row in enumerate(train):
            self._partners[row.query, row.behavior].append(index)
        vocabulary = len(session.trunk.tokenizer)
        self.model = Discriminator.fitted(self.real.features, vocabulary, settings.dropout)
        session.heads["discriminator"] = self.model
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(),
            lr=settings.learning_rate,
            betas=(0.5, 0.99),
            weight_decay=WEIGHT_DECAY,
        )

    @property
    def known(self) -> tuple[Shown, Tensor]:
        """The logged triplets, and their weights, as fresh judges learn from them."""
        return Shown(self.real.features, self.real.behaviors, self.real.names), self.weights

    def draw_real(self, count: int) -> Triplets:
        """Logged triplets by their weights."""
        repeat = count > len(self.weights)
        return self.real.rows(torch.multinomial(self.weights, count, replacement=repeat))

    def partners(self, fake: Triplets) -> Triplets:
        """A logged triplet with the query and the behaviour of each generated one."""
        found = [
            self._partners[key][int(torch.randint(len(self._partners[key]), ()))]
            for key in zip(fake.queries, fake.names, strict=True)
        ]
        return self.real.rows(torch.tensor(found))

    def learn(self, fake: Triplets, pairing: bool = False) -> tuple[float, float]:
        """One gradient step on generated triplets and logged ones; loss and gradient norm.

        What of behaviours is learned beside that: who did what (`pairing`), or only the ranking of the true behaviour
        above another one, which leaves the level of the output to the generated triplets.
        """
        relativistic = self.settings.loss == "relativistic"
        real = self.partners(fake) if relativistic else self.draw_real(self.settings.batch)
        self.model.train()
        crossed = self.model.crossed(real.features, real.behaviors)  # [response, behaviour]
        on_real = crossed.diagonal()
        on_fake = self.model(fake.features, fake.behaviors)
        tell = relativistic_loss if relativistic else adversarial_loss
        loss = tell(on_real, on_fake, self.settings.smoothing)
        if self.settings.mismatch and pairing:
            loss = loss + pairing_loss(crossed)
        elif self.settings.mismatch:
            order, changed = swapped(real.names)
            other = crossed[torch.arange(len(order)), order]
            if changed.any():
                ranked = mismatch_loss(on_real[changed], other[changed])
                loss = loss + self.settings.mismatch * ranked
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        return loss.item(), norm.item()

    @torch.no_grad()
    def look(self, fake: Triplets) -> Metrics:
        """The discriminator on held-out triplets: logged, generated, and logged with every other behaviour."""
        self.model.eval()
        real = self.held_out
        on_fake = self.model(fake.features, fake.behaviors)
        crossed = self.model.crossed(real.features, real.behaviors)  # [response, behaviour]
        on_real = crossed.diagonal()
        acc_real = float((on_real > 0).float().mean())
        acc_fake = float((on_fake <= 0).float().mean())
        p_real, p_fake = calibrated(on_real, on_fake)
        found = {
            "disc/p_real": float(torch.sigmoid(on_real).mean()),
            "disc/p_fake": float(torch.sigmoid(on_fake).mean()),
            "disc/calibrated_real": float(p_real.mean()),
            "disc/calibrated_fake": float(p_fake.mean()),
            "disc/calibrated_accuracy": balanced_accuracy(p_real, p_fake, 0.5),
            "disc/acc_real": acc_real,
            "disc/acc_fake": acc_fake,
            "disc/accuracy": (acc_real + acc_fake) / 2,
            "disc/length_auc": auc(real.lengths, fake.lengths),
        }
        if len(self._permuted):  # otherwise everybody did the same, and nothing can be said
            rows, others = self._permuted.unbind(1)
            on_permuted = crossed[rows, others]
            lead = on_real[rows] - on_permuted
            power = balanced_accuracy(*calibrated(on_real, on_permuted), 0.5)
            found |= {"disc/swap_auc": auc(lead, torch.zeros(1).to(lead)), "disc/power": power}
        return found
