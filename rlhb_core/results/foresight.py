"""How well what people do foresees what they choose: weights from some people, put to the choices of the others."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rlhb_core.results.logit import Picks, maximum, probabilities
from rlhb_core.results.shares import Share, share

FOLDS = 5
MOST = 10_000
"""Choices that are foreseen; of more of them so many, drawn by lot: no interval is wider than a hundredth then."""
RIDGE = 1.0
"""As if so much were known already: that no act says anything."""


class Foreseen(NamedTuple):
    """One comparison in which one answer was chosen."""

    person: str
    acts: Sequence[Sequence[float]]
    """What was done with each answer, [K, D]."""
    best: int
    """The answer that was chosen."""


def foresight(
    rows: Sequence[Foreseen], columns: Sequence[int], seed: int = 0
) -> tuple[Share, float]:
    """Share of choices that these columns foresee, and the share that chance foresees.

    Every choice is foreseen by weights from other people. Where acts say the same of several answers, it is foreseen in
    part.
    """
    if not rows:
        return share([], []), 0.0
    if len(rows) > MOST:
        drawn = np.random.default_rng(seed).choice(len(rows), MOST, replace=False)
        rows = [rows[at] for at in np.sort(drawn)]
    most = max(len(row.acts) for row in rows)
    x = np.zeros((len(rows), most, len(columns)))
    parts = np.zeros((len(rows), most))
    there = np.zeros((len(rows), most), dtype=bool)
    for n, row in enumerate(rows):
        for k, acts in enumerate(row.acts):
            x[n, k] = [acts[column] for column in columns]
            there[n, k] = True
        parts[n, row.best] = 1
    spread = x[there].std(0)
    picks = Picks(x / np.where(spread > 0, spread, 1.0), parts, there)
    persons = [row.person for row in rows]
    names, who = np.unique(np.array(persons), return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(names))[who] % min(FOLDS, len(names))
    hits = np.zeros(len(rows))
    for number in range(int(fold.max()) + 1):
        mine = fold == number
        if mine.all():  # one person alone: nobody else is there to learn from
            return share([], []), 0.0
        weights = maximum(picks.rows(~mine), RIDGE * np.eye(len(columns)))
        found = probabilities(picks.rows(mine), weights)
        best = np.isclose(found, found.max(1, keepdims=True)) & there[mine]
        hits[mine] = (best * parts[mine]).sum(1) / best.sum(1)
    return share(hits.tolist(), persons), float((1 / there.sum(1)).mean())
