"""A teacher from outside the package: it rewards short answers. All that it needs to be offered, trained,
judged and drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rlhb_core import teachers
from rlhb_core.run.plots import Plot
from rlhb_core.schema import arms
from rlhb_core.schema.evidence import Evidence
from rlhb_core.teachers.teacher import PPO, Plan, PlannedStage, Teacher
from rlhb_core.verdict.checks import Check, Verdict

if TYPE_CHECKING:
    from rlhb_core.learning.reward_source import Scores
    from rlhb_core.learning.rollout import Rollouts
    from rlhb_core.learning.session import Metrics, Session
    from rlhb_core.run.data import Pair


class ShorterEvidence(Evidence):
    """What the verdict stands on."""

    words: float | None = None


class Shortness:
    """The source of rewards."""

    remembered: Sequence[str] = ()

    def watched(self) -> Sequence[Pair]:
        """Nothing."""
        return []

    def score(self, rollouts: Rollouts) -> Scores:
        """Fewer words are better."""
        import torch

        from rlhb_core.learning.reward_source import Scores

        words = torch.tensor([float(len(text.split())) for text in rollouts.texts])
        self._words = float(words.mean())
        return Scores(-words, words.mean() - words)

    def learn(self, rollouts: Rollouts, watched: Rollouts) -> Metrics:
        """It does not learn, but says what it saw."""
        return {"shorter/words": self._words}

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing."""


def _plan(session: Session) -> Plan:
    from rlhb_core.learning.ppo import PpoStage
    from rlhb_core.learning.session import POLICY
    from rlhb_core.run.data import Pair

    pairs = [Pair(query, None) for query in session.split.queries]

    def gather() -> None:
        texts = session.answers(POLICY, pairs[:16]).texts
        words = sum(len(text.split()) for text in texts) / len(texts)
        session.evidence_as(ShorterEvidence).words = words

    weights = [1.0] * len(pairs)
    stage = PlannedStage(
        "shortening", lambda: PpoStage(session, "shortening", Shortness(), pairs, weights)
    )
    return Plan([stage], lambda: {"words": gather})


def _judge(evidence: Evidence) -> Verdict:
    assert isinstance(evidence, ShorterEvidence)
    words = evidence.words
    sentence = "Nothing was counted." if words is None else f"An answer has {words:.1f} words."
    check = Check(
        "answers are short", words, "at most 5", words is not None and words <= 5, sentence
    )
    return Verdict("improved" if check.passed else "no gain", sentence, [check])


TEACHER = Teacher(
    name="shorter",
    stages={"shortening": PPO._replace(label="shortening")},
    plan=_plan,
    evidence=ShorterEvidence,
    judge=_judge,
    sections={},
    metrics=[("shorter/words", "Mean words of a rollout.", "words", "words")],
    plots=[Plot("shorter-words", "Words", {"shorter/words": "words"}, rank=5)],
)


def install() -> arms.Arm:
    """Register the teacher, and an arm that it teaches."""
    teachers.register(TEACHER)
    return arms.add(
        "shorter",
        arms.Facts("reward for short answers", "shorter", votes=False, start=arms.Arm.SFT),
    )
