"""Fresh judges of a run's policies, as part of the evidence. What a fresh judge is stands in `verdict/judges.py`."""

from torch import Tensor

from rlhb_core.learning.session import ORIGIN, POLICY, START, Session
from rlhb_core.teachers.discriminator.evidence import DiscriminatorEvidence, Judged, Judges
from rlhb_core.teachers.teacher import Gathering
from rlhb_core.verdict.judge_training import Shown
from rlhb_core.verdict.judges import FreshJudges

POLICIES = {"origin": ORIGIN, "before": START, "after": POLICY}
"""The policies that are judged: as the run found it, before the PPO loop, at the end."""


def gather_judges(session: Session, known: Shown, weights: Tensor) -> Gathering:
    """One part for each policy."""
    judges = FreshJudges(session, known, weights)

    def judge(part: str) -> None:
        found = Judged.model_validate(judges.judge(POLICIES[part]))
        evidence = session.evidence_as(DiscriminatorEvidence)
        evidence.judges = (evidence.judges or Judges()).model_copy(update={part: found})

    return {part: (lambda part=part: judge(part)) for part in POLICIES}  # type: ignore[misc]
