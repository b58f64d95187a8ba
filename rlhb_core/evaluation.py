"""Is one policy better than another? Paired scores -> win, tie and loss with bootstrap intervals.

The first half knows nothing of models or worlds. The second half measures the embedded world: held-out facts, answers
sampled at temperature 1, hidden utility of the simulated population, which no model is trained on.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rlhb_core.annotators import hidden_utility
from rlhb_core.behaviors import parse, preference_score
from rlhb_core.data import Logged, Pair
from rlhb_core.rollout import Rollouts
from rlhb_core.session import ORIGIN, POLICY, Session
from rlhb_core.world import grade, sample_queries

# --- any paired scores ----------------------------------------------------------------------------


def bootstrap(
    statistic: Callable[[np.ndarray], float], count: int, resamples: int, seed: int = 0
) -> tuple[float, float]:
    """A 95 % interval of a statistic of row indices, by resampling `count` rows."""
    rng = np.random.default_rng(seed)
    found = [statistic(rng.integers(count, size=count)) for _ in range(resamples)]
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def compare_paired(
    ours: Sequence[float], theirs: Sequence[float], resamples: int = 1000, tie: float = 1e-9
) -> dict[str, Any]:
    """Win, tie and loss of paired scores; a tie is half a win. Intervals by bootstrap over the pairs.

    Scores closer than `tie` are tied. Raises ValueError for lists of different lengths or empty ones.
    """
    if len(ours) != len(theirs) or not len(ours):
        raise ValueError("paired scores: both lists have the same length and are not empty")
    difference = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    points = np.where(difference > tie, 1.0, np.where(difference < -tie, 0.0, 0.5))
    low, high = bootstrap(lambda rows: float(points[rows].mean()), len(points), resamples)
    return {
        "n": len(points),
        "win": float((points == 1).mean()),
        "tie": float((points == 0.5).mean()),
        "loss": float((points == 0).mean()),
        "win_rate": float(points.mean()),
        "interval": [low, high],
        "mean_difference": float(difference.mean()),
    }


# --- the embedded world ---------------------------------------------------------------------------


def conditions(
    rows: Sequence[Logged], preferred: str | None, share: float = 0.01
) -> dict[str, str | None]:
    """The conditions under which a version is measured: as it is served, and on the least preferred behaviour."""
    if preferred is None:
        return {"served": None}
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.behavior] = counts.get(row.behavior, 0) + 1
    common = [text for text, count in counts.items() if count >= share * len(rows)] or list(counts)
    least = min(common, key=lambda text: (preference_score(parse(text)), -counts[text], text))
    return {"served": preferred, "least preferred": least}


def world_shares(rollouts: Rollouts) -> dict[str, float]:
    """Utility, shares of graded answers, and length."""
    grades = [grade(p.query, t) for p, t in zip(rollouts.pairs, rollouts.texts, strict=True)]
    utility = utilities(rollouts)
    return {
        "utility": float(np.mean(utility)),
        "correct": float(np.mean([one.correct for one in grades])),
        "garbled": float(np.mean([one.garbled for one in grades])),
        "polite": float(np.mean([one.polite for one in grades])),
        "words": float(np.mean([one.words for one in grades])),
    }


def utilities(rollouts: Rollouts) -> list[float]:
    """Hidden utility of each rollout."""
    return [hidden_utility(p.query, t) for p, t in zip(rollouts.pairs, rollouts.texts, strict=True)]


def evaluate_world(session: Session) -> dict[str, Any]:
    """The trained policy against the base model (SFT) and against its start, on held-out facts, paired by prompt."""
    settings = session.config.evaluation
    rng = np.random.default_rng(session.config.seed + 1)
    queries = sample_queries(rng, settings.samples, held_out=True)
    plain = [Pair(query, None) for query in queries]
    sft = session.answers_of_base(plain)
    found: dict[str, Any] = {
        "judge": "hidden utility of the simulated annotators, on facts held out of all feedback",
        "sft": world_shares(sft),
        "conditions": {},
    }
    baseline = utilities(sft)

    def against_sft(rollouts: Rollouts) -> dict[str, Any]:
        won = compare_paired(utilities(rollouts), baseline, settings.bootstrap)
        return {**world_shares(rollouts), "against_sft": won}

    if session.split.condition is not None:
        # what the behaviour text alone does to the model that the run found: not the run's merit
        conditioned = [Pair(query, session.split.condition) for query in queries]
        untrained = session.answers(ORIGIN, conditioned)
        found["untrained"] = against_sft(untrained)
    for name, behavior in conditions(session.split.train, session.split.condition).items():
        ours = session.answers(POLICY, [Pair(query, behavior) for query in queries])
        found["conditions"][name] = {
            "behavior": behavior,
            **against_sft(ours),
        }
        if name == "served" and session.config.start is not None:
            start = session.answers(ORIGIN, plain)
            found["start"] = world_shares(start)
            found["conditions"][name]["against_start"] = compare_paired(
                utilities(ours), utilities(start), settings.bootstrap
            )
    return found
