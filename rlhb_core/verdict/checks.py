"""What every verdict is made of: checks with value, bar and sentence, the words of a verdict,
and how to measure against chance.

Knows no teacher: each has a rule of its own, most by `improvement.py`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rlhb_core.run.plots import LENGTH_DRIFT
from rlhb_core.schema.evidence import Evidence

LAST_PART = 5
"""The ending of a run is its last fifth."""
ROWS_FLOOR = 30
"""Fewer rows than these say nothing."""
DISTINCT_FLOOR = 0.3
"""Share of the start's diversity below which the responses have collapsed."""

WORDS = {
    "converged": "It once discriminated, ends confused, fresh judges agree, and the adversarial stage did it.",
    "not converged yet": "The discriminator, or a fresh judge, still tells generated answers from logged ones, "
    "or nothing shows that the adversarial stage made the difference.",
    "never discriminated": "The discriminator could not tell logged from generated triplets to begin with: "
    "its 0.5 means nothing.",
    "collapsed": "The discriminator or the answers gave way: what it says means nothing any more.",
    "diverged": "The policy ran away from its start and the run was stopped.",
    "improved": "A judge that did not supply the reward prefers the new answers.",
    "no gain": "No judge outside the reward shows a gain.",
    "reward hacked": "The reward rose while judges that did not supply it saw no gain: the reward was gamed.",
}
"""Every verdict and what it means."""


@dataclass(frozen=True)
class Check:
    """One condition: what was measured, against what, and what it means."""

    name: str
    value: float | None
    bar: str
    passed: bool
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """The verdict in a word, its reason in a sentence, and the checks behind it."""

    word: str
    sentence: str
    checks: list[Check] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As stored in result.json."""
        return asdict(self)


def conclude(word: str, reason: str, checks: list[Check]) -> Verdict:
    """The verdict of this word: what it means, then the reason for it here."""
    return Verdict(word, f"{WORDS[word]} {reason}", checks)


def standard_error(rows: int) -> float:
    """Of an accuracy near one half over so many rows."""
    return 0.5 / math.sqrt(max(1, rows))


def told_apart(accuracy: float) -> float:
    """What a judge tells apart, whichever way round it has it: one that is wrong too often knows something too."""
    return 0.5 + abs(accuracy - 0.5)


def above(bar: float, rows: int) -> str:
    """The bar in words. It follows from the number of rows: without any there is none."""
    return f"above {bar:.3f}" if rows else "not measured"


def ending(history: Sequence[Mapping[str, float]]) -> Sequence[Mapping[str, float]]:
    """The last fifth of the iterations, at least one."""
    return history[-max(1, len(history) // LAST_PART) :] if history else []


def mean(values: Sequence[float]) -> float | None:
    """None of nothing."""
    return sum(values) / len(values) if values else None


def gamed_by_length(evidence: Evidence, unmoved: str) -> str:
    """Says so if the reward rose while the answers' length ran far beyond the logged ones'; empty otherwise.

    `unmoved`: which judges saw nothing of it, as the end of the sentence.
    """
    history = [row for row in evidence.history if "length_drift" in row]
    last = ending(history)
    drift = mean([row["length_drift"] for row in last])
    first = mean([row["scores"] for row in history[: max(1, len(history) // LAST_PART)]])
    score = mean([row["scores"] for row in last])
    if drift is None or first is None or score is None:
        return ""
    if abs(drift) <= LENGTH_DRIFT or score <= first:
        return ""
    return (
        f"The score of the answers rose from {first:.2f} to {score:.2f} while their mean length went {abs(drift):.1f} "
        f"spreads {'above' if drift > 0 else 'below'} that of the logged ones, and {unmoved}."
    )
