"""The honest verdict on a run: a pure function of the evidence stored with it.

Every check behind it carries its value, its bar and a sentence. An adversarial run is judged in `convergence.py`, any
other one in `improvement.py`. Knows no models: the evidence is gathered in `judging.py`.
"""

import math

from rlhb_core.arms import ARMS, Teacher
from rlhb_core.checks import WORDS, Check, Evidence, Verdict
from rlhb_core.convergence import judge_convergence
from rlhb_core.improvement import judge_improvement
from rlhb_core.records import Arm


def judge_run(arm: Arm, evidence: Evidence, kl_stop: float = math.inf) -> Verdict:
    """The verdict on a run of this arm."""
    if "diverged" in evidence:
        sentence = f"{WORDS['diverged']} {str(evidence['diverged']).capitalize()}."
        check = Check("stayed near its start", None, f"KL at most {kl_stop:g}", False, sentence)
        return Verdict("diverged", sentence, [check])
    teacher = ARMS[arm].teacher
    if teacher is Teacher.DISCRIMINATOR:
        return judge_convergence(evidence)
    return judge_improvement(evidence, teacher)
