"""Fresh judges: how well a discriminator that nobody trained against tells a policy's answers from logged ones.

Three kinds. The projection: D's own form on the same frozen features. The reading judge: the same with a whole copy of
the base model finetuned below it, so that it can see what frozen features do not carry. The words: a linear score that
shares nothing with D. The first two learn from the logged rows who did what (`pairing_loss`) before they see any
generated answer, which is what makes them strong: of few generated answers alone a judge learns little.

Every policy is judged anew by every seed. Real and generated side share no query and behaviour. A judge learns from
rows of training queries; those by which it is stopped and calibrated, and those on which it is tested, are of held-out
queries, each of their own: on queries that the policy was trained on, its answers are closer to the logged ones than
anywhere else. How a judge is trained and tested is `judge_training.py`. Knows neither rewards nor verdicts.
"""

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rlhb_core.learning.session import ORIGIN, Session, seeded
from rlhb_core.lm.scorers import Discriminator, Written
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.run.data import Logged, Pair, is_held_out, sides
from rlhb_core.verdict.judge_training import (
    Parts,
    Projection,
    Reading,
    Shown,
    Teaching,
    Texts,
    WordJudge,
    accuracy_of,
    hashed,
    learn_pairing,
)

DROPOUT = 0.3
STOPPING = 1 / 3
"""Share of the held-out queries whose rows say when to stop."""
READING_ROWS = 500
"""Rows of either side on which the reading judge, which is slow, is tested."""
LARGE = 50_000_000
"""Parameters from which on a base model is finetuned as a judge only if that is asked for."""


class JudgedRows(NamedTuple):
    """Logged rows of the real side, and those of which a policy answers query and behaviour."""

    real: Parts[list[Logged]]
    asked: Parts[list[Logged]]


def judged_rows(session: Session) -> JudgedRows:
    """The rows of a run's fresh judges, the same for every policy and seed."""
    count, seed = session.config.evaluation.judge_rollouts, session.config.seed + 1000
    known = whole(session)
    stopping, tested = parted(session.split.held_out)
    drawn = [
        sides(known, int(0.4 * count), seed),
        sides(stopping or known, int(0.2 * count), seed),
        sides(tested, int(0.4 * count), seed),
    ]
    return JudgedRows(*(Parts(*side) for side in zip(*drawn, strict=True)))


def whole(session: Session) -> list[Logged]:
    """The logged training rows that a discriminator learns from."""
    return [row for row in session.split.train if row.whole]


def parted(held_out: Sequence[Logged]) -> tuple[list[Logged], list[Logged]]:
    """Held-out rows that say when to stop, and those of other queries to test on.

    All are for testing if there are so few queries that one of the two would have no row on some side.
    """
    parts: tuple[list[Logged], list[Logged]] = ([], [])
    for row in held_out:
        parts[not is_held_out(f"fresh judges: {row.query}", STOPPING)].append(row)
    if all(sides(part, 1, seed=0)[0] for part in parts):
        return parts
    return [], list(held_out)


class FreshJudges:
    """The judges of a run, with what they learn from its logged rows before any policy is judged."""

    def __init__(self, session: Session, known: Shown, weights: Tensor) -> None:
        """`known`: the logged training rows, `weights` [N] how often each is drawn."""
        self._session, self._known, self._weights = session, known, weights
        self._settings = session.config.evaluation
        self._seed = session.config.seed + 1000
        self._rows = judged_rows(session)

    def judge(self, adapter: str) -> dict[str, Any]:
        """Held-out accuracy of each kind of judge on a policy: the mean over its seeds; every seed's; test rows."""
        with seeded(self._seed):  # the same draws for every policy
            fake = Parts(*(_answers(self._session, adapter, rows) for rows in self._rows.asked))
        triplets = Parts(*(self._shown(part) for part in fake))
        found = {
            "projection": [self._projection(triplets, seed) for seed in self._seeds],
            "reading": [self._reading(fake, seed) for seed in self._reading_seeds],
            "words": [self._words(fake, seed) for seed in self._seeds],
        }
        seeds = {kind: each for kind, each in found.items() if each}
        means: dict[str, Any] = {kind: sum(each) / len(each) for kind, each in seeds.items()}
        return means | {"seeds": seeds, "rows": len(self._real.test.names) + len(fake.test.names)}

    @property
    def _seeds(self) -> range:
        return range(self._seed, self._seed + self._settings.judge_seeds)

    @property
    def _reading_seeds(self) -> range:
        count = self._settings.reading_seeds
        if count is None:
            size = sum(one.numel() for one in self._session.trunk.model.parameters())
            count = 0 if size > LARGE else 1
        return self._seeds[:count]

    # --- what is the same for all policies ------------------------------------------------------------

    @cached_property
    def _real(self) -> Parts[Texts]:
        return Parts(*(_logged(rows) for rows in self._rows.real))

    @cached_property
    def _real_shown(self) -> Parts[Shown]:
        return Parts(*(self._shown(part) for part in self._real))

    def _shown(self, texts: Texts) -> Shown:
        session = self._session
        return Shown(
            session.features(texts.responses), session.behaviors.encode(texts.names), texts.names
        )

    @cached_property
    def _heads(self) -> dict[int, Discriminator]:
        """By seed: a projection that has learned from the logged training rows who did what."""
        vocabulary = len(self._session.trunk.tokenizer)
        heads = {}
        for seed in self._seeds:
            with seeded(seed):
                heads[seed] = Discriminator.fitted(self._known.features, vocabulary, DROPOUT)
                learn_pairing(
                    heads[seed], self._known, self._weights, self._settings.judge_pretrain_steps
                )
        return heads

    # --- the judges -----------------------------------------------------------------------------------

    def _projection(self, fake: Parts[Shown], seed: int) -> float:
        judge = Projection(copy.deepcopy(self._heads[seed]))
        optimiser = torch.optim.AdamW(judge.parameters(), lr=1e-4, weight_decay=0.05)
        teaching = Teaching(self._settings.judge_steps, batch=256, looks=20)
        with seeded(seed):
            return accuracy_of(judge, self._real_shown, fake, teaching, optimiser)

    def _reading(self, fake: Parts[Texts], seed: int) -> float:
        config = self._session.config
        trunk = load_trunk(config.base, str(self._session.trunk.device), "float32")
        judge = Reading(copy.deepcopy(self._heads[seed]), trunk, self._session.behaviors, config)
        optimiser = torch.optim.AdamW(judge.parameters(), lr=1e-4, weight_decay=0.05)
        teaching = Teaching(self._settings.reading_steps, batch=64, looks=4)
        with seeded(seed):
            return accuracy_of(judge, _fewer(self._real), _fewer(fake), teaching, optimiser)

    def _words(self, fake: Parts[Texts], seed: int) -> float:
        judge = WordJudge()
        optimiser = torch.optim.Adagrad(judge.parameters(), lr=0.1)
        teaching = Teaching(self._settings.judge_steps, batch=256, looks=10)
        real, generated = (Parts(*map(hashed, side)) for side in (self._real, fake))
        with seeded(seed):
            return accuracy_of(judge, real, generated, teaching, optimiser)


def _fewer(side: Parts[Texts]) -> Parts[Texts]:
    test = side.test.rows(torch.arange(min(READING_ROWS, len(side.test.names))))
    return side._replace(test=test)


def _logged(rows: Sequence[Logged]) -> Texts:
    responses = [Written(row.query, row.response, row.ended) for row in rows]
    return Texts(responses, [row.behavior for row in rows])


def _answers(session: Session, adapter: str, rows: Sequence[Logged]) -> Texts:
    """A policy's answers to the rows' queries and behaviours; the origin is asked as it was when it was deployed."""
    if adapter == ORIGIN:
        pairs = session.as_deployed([row.query for row in rows])
    else:
        pairs = [Pair(row.query, row.behavior) for row in rows]
    return Texts(session.answers(adapter, pairs).seen(), [row.behavior for row in rows])
