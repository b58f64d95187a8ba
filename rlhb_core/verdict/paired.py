"""Is one policy better than another? Paired scores -> win, tie and loss with bootstrap intervals.

Knows nothing of models or worlds (`world/examination.py`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


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
