"""RLHB: the discriminator, its pretraining, and the reward that it gives while it learns beside the generator.

D(q, r, b) is a projection on frozen features. Logged triplets are real; rollouts, part of them replayed, are
generated; logged (q, r) with another behaviour are the third, mismatched kind: before the adversarial stage D learns
from them who did what, in it only their ranking below the true behaviour. The reward is the bounded logit, centred
over other responses under the same behaviour, unless the settings say otherwise.
Does not know how the policy is updated (`learning/ppo.py`), nor when a run may be called converged
(`verdict/convergence.py`).
"""

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rlhb_core.learning.best_of_n import Scorer
from rlhb_core.learning.losses import (
    adversarial_loss,
    mismatch_loss,
    pairing_loss,
    relativistic_loss,
)
from rlhb_core.learning.ppo import PpoStage, Scores
from rlhb_core.learning.rollout import Rollouts
from rlhb_core.learning.session import ORIGIN, Metrics, Session
from rlhb_core.lm.scorers import Discriminator, auc
from rlhb_core.run.data import Logged, Pair, draw, sides
from rlhb_core.teachers.discriminator.evidence import Discriminated, DiscriminatorEvidence
from rlhb_core.teachers.discriminator.settings import DiscriminatorSettings
from rlhb_core.verdict.calibration import balanced_accuracy, calibrated
from rlhb_core.verdict.judge_training import Shown

STEPS_AT_ONCE = 10
"""Gradient steps in one step of the pretraining stage."""
LOOK_ROWS = 2048
"""Held-out logged triplets behind the curves."""
PERMUTED_ROWS = 16_384
"""About so many of the triplets with another row's behaviour are looked at: all would be millions."""
WATCH_ITERATIONS = 8
"""Iterations whose held-out rollouts the discriminator is looked at on, for steady figures."""
REPLAY_SIZE = 2000
"""Generated triplets kept for replay, the newest: about five iterations of the recipes."""
REWARD_CLIP = 2.5
"""Bound on the discriminator's logit in the reward: an odd answer that D is sure about must not outweigh all others."""
WEIGHT_DECAY = 0.01
"""Of the discriminator's head, AdamW's usual one: label smoothing and dropout hold it back already."""


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


def origin_triplets(session: Session, rows: Sequence[Logged]) -> Triplets:
    """Rollouts of the version that the run started from, asked as it was when it was deployed;
    the behaviours are those of the rows.
    """
    rollouts = session.answers(ORIGIN, session.as_deployed([row.query for row in rows]))
    return generated_triplets(session, rollouts, [row.behavior for row in rows])


class PretrainStage:
    """Who did what, and logged triplets against rollouts of the start, before the adversarial stage."""

    name = "discriminator"

    def __init__(self, session: Session, side: Side) -> None:
        self._session, self._side = session, side
        self._settings = session.config.section(DiscriminatorSettings)
        self.total = -(-self._settings.pretrain_steps // STEPS_AT_ONCE)
        self._fake: Triplets | None = None
        self._look: Triplets | None = None

    def step(self, number: int) -> Metrics:
        """Ten gradient steps, then a look at held-out triplets."""
        fake, held_out = self._rollouts()
        losses, norms = [], []
        for _ in range(STEPS_AT_ONCE):
            drawn = fake.rows(torch.randint(len(fake.names), (self._settings.batch,)))
            loss, norm = self._side.learn(drawn, pairing=True)
            losses.append(loss)
            norms.append(norm)
        found = self._side.look(held_out)
        if number == self.total:
            self._session.evidence_as(DiscriminatorEvidence).discriminated = Discriminated(
                accuracy=found["disc/calibrated_accuracy"],
                power=found.get("disc/power", 0.5),
                swap_auc=found.get("disc/swap_auc", 0.5),
                rows=len(self._side.held_out.names) + len(held_out.names),
            )
        return found | {
            "disc/loss": sum(losses) / len(losses),
            "disc/grad_norm": sum(norms) / len(norms),
        }

    def _rollouts(self) -> tuple[Triplets, Triplets]:
        if self._fake is None or self._look is None:
            train = [row for row in self._session.split.train if row.whole]
            drawn = draw(train, self._settings.pretrain_rollouts, self._session.config.seed)
            self._fake = origin_triplets(self._session, drawn)
            self._look = origin_triplets(self._session, self._side.asked)
        return self._fake, self._look

    def state(self) -> dict[str, Any]:
        """Optimiser and rollouts."""
        return {
            "optimiser": self._side.optimiser.state_dict(),
            "fake": self._fake,
            "look": self._look,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        self._side.optimiser.load_state_dict(state["optimiser"])
        self._fake, self._look = state["fake"], state["look"]


def centred(logits: Tensor) -> Tensor:
    """Each logit minus the mean of the other responses' under the same behaviour: [N, N] -> [N].

    logits: [response, behaviour], so that a behaviour which D finds real whatever the response gives no reward.
    """
    own = logits.diagonal()
    others = (logits.sum(0) - own) / max(1, len(logits) - 1)
    return own - others


REWARDS: dict[str, Callable[[Tensor], Tensor]] = {
    "logit": centred,
    "log_d": lambda logits: torch.nn.functional.logsigmoid(logits.diagonal()),
    "minus_log_one_minus_d": lambda logits: torch.nn.functional.softplus(logits.diagonal()),
}
"""What of D is the reward: bounded logits [response, behaviour] -> [response]."""


class DiscriminatorReward:
    """The source of rewards of RLHB: a discriminator that learns beside the generator."""

    remembered = (
        "disc/p_real",
        "disc/p_fake",
        "disc/calibrated_real",
        "disc/calibrated_fake",
        "disc/calibrated_accuracy",
    )

    def __init__(self, session: Session, side: Side) -> None:
        self._session, self._side = session, side
        self._settings = session.config.section(DiscriminatorSettings)
        for group in side.optimiser.param_groups:
            group["lr"] = self._settings.online_learning_rate
        self._replay: Triplets | None = None
        self._fresh: Triplets | None = None  # the present rollouts, between score and learn
        self._watched: list[Triplets] = []  # held-out rollouts of the last iterations, newest last
        self._held_out = [Pair(row.query, row.behavior) for row in side.asked]

    def watched(self) -> Sequence[Pair]:
        """A few held-out pairs beside those of the logged rows that D is looked at on, drawn anew every time."""
        count = min(self._session.config.evaluation.watch, len(self._held_out))
        drawn = torch.randperm(len(self._held_out))[:count]
        return [self._held_out[i] for i in drawn.tolist()]

    @torch.no_grad()
    def score(self, rollouts: Rollouts) -> Scores:
        """D's logit, and what of it the settings take as reward."""
        self._fresh = self._triplets(rollouts)
        model = self._side.model
        model.eval()
        logits = model.crossed(self._fresh.features, self._fresh.behaviors)  # [response, behaviour]
        bounded = logits.clamp(-REWARD_CLIP, REWARD_CLIP)
        return Scores(logits.diagonal(), REWARDS[self._settings.reward](bounded))

    def learn(self, rollouts: Rollouts, watched: Rollouts) -> Metrics:
        """Look at held-out triplets, then learn from this iteration's rollouts and replayed ones."""
        fresh = self._fresh
        assert fresh is not None, "score comes before learn"
        found = self._side.look(self._to_look_at(watched) if watched.pairs else fresh)
        losses, norms = [], []
        for _ in range(self._settings.steps):
            fake = self._draw_fake(fresh)
            loss, norm = self._side.learn(fake)
            losses.append(loss)
            norms.append(norm)
        self._remember(fresh)
        if losses:
            found |= {
                "disc/loss": sum(losses) / len(losses),
                "disc/grad_norm": sum(norms) / len(norms),
            }
        return found

    def _to_look_at(self, watched: Rollouts) -> Triplets:
        """The watched rollouts of the last iterations: those of one alone are too few for a steady figure."""
        self._watched.append(self._triplets(watched))
        del self._watched[:-WATCH_ITERATIONS]
        return functools.reduce(joined, self._watched)

    def _triplets(self, rollouts: Rollouts) -> Triplets:
        return generated_triplets(
            self._session, rollouts, [pair.behavior or "" for pair in rollouts.pairs]
        )

    def _draw_fake(self, fresh: Triplets) -> Triplets:
        replayed = 0 if self._replay is None else int(self._settings.replay * self._settings.batch)
        drawn = fresh.rows(torch.randint(len(fresh.names), (self._settings.batch - replayed,)))
        if self._replay is None or not replayed:
            return drawn
        old = self._replay.rows(torch.randint(len(self._replay.names), (replayed,)))
        return joined(drawn, old)

    def _remember(self, fresh: Triplets) -> None:
        kept = fresh if self._replay is None else joined(self._replay, fresh)
        first = max(0, len(kept.names) - REPLAY_SIZE)
        self._replay = kept.rows(torch.arange(first, len(kept.names)))

    def state(self) -> dict[str, Any]:
        """Optimiser, replay buffer, and the rollouts that D is looked at on."""
        return {
            "optimiser": self._side.optimiser.state_dict(),
            "replay": self._replay,
            "watched": self._watched,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        self._side.optimiser.load_state_dict(state["optimiser"])
        self._replay = state["replay"]
        self._watched = state["watched"]


def adversarial(session: Session, side: Side) -> PpoStage:
    """PPO on the discriminator's reward, on the logged queries and behaviours by their weights."""
    train = session.split.train
    return PpoStage(
        session,
        "adversarial",
        DiscriminatorReward(session, side),
        [Pair(row.query, row.behavior) for row in train],
        [row.weight for row in train],
    )


def by_discriminator(session: Session, behavior: str) -> Scorer:
    """How real the discriminator finds each response with this behaviour, whatever it was drawn for."""
    model = session.heads["discriminator"].eval()
    assert isinstance(model, Discriminator)

    @torch.no_grad()
    def scores(rollouts: Rollouts) -> Tensor:
        behaviors = session.behaviors.encode([behavior])
        return model.crossed(session.features(rollouts.seen()), behaviors)[:, 0]

    return scores
