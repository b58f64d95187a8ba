"""The last stage of a run: gathers the evidence, has the answers examined, then asks for the verdict.

Does not know what the evidence is: each teacher gathers its own.
"""

from typing import Any

from rlhb_core import teachers
from rlhb_core.learning.samples import answers_at_the_end
from rlhb_core.learning.session import Metrics, Session
from rlhb_core.teachers.teacher import Gathering
from rlhb_core.train.examiner import Examiner

VERDICT = "verdict"


class JudgeStage:
    """Gathers the evidence, one part at a time, then states the verdict."""

    name = teachers.JUDGING

    def __init__(self, session: Session, examiner: Examiner, gathering: Gathering) -> None:
        self._session = session
        self._examiner = examiner
        self._gathering = gathering
        self._todo = [*gathering, VERDICT]
        self.total = len(self._todo)

    def step(self, number: int) -> Metrics:
        """One part of the evidence."""
        part = self._todo[number - 1]
        if part == VERDICT:
            self._session.result = self._result()
        elif not self._session.diverged:  # otherwise there is nothing to judge
            self._gathering[part]()
        return {}

    def _result(self) -> dict[str, Any]:
        session = self._session
        config = session.config
        examined = None if session.diverged else self._examiner.examine(session)
        verdict = teachers.judge_run(config.arm, session.evidence, config.ppo.kl_stop)
        return {
            "arm": config.arm.value,
            "condition": session.split.condition,
            "verdict": verdict.as_json(),
            "evaluation": examined and examined.figures,
            "answers": examined and examined.answers,
            "samples": answers_at_the_end(session),
            "evidence": session.evidence.stored(),
        }

    def state(self) -> dict[str, Any]:
        """Everything is in the session."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to take up."""
