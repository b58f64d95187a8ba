"""What is concluded of any run, whoever taught it: whether it ran away. All else is the rule of its teacher."""

from rlhb_core.schema.evidence import Evidence
from rlhb_core.verdict.checks import WORDS, Check, Verdict


def ran_away(evidence: Evidence, kl_stop: float) -> Verdict | None:
    """The verdict on a run that was stopped as diverged; None for any other."""
    if not evidence.diverged:
        return None
    sentence = f"{WORDS['diverged']} {evidence.diverged.capitalize()}."
    check = Check("stayed near its start", None, f"KL at most {kl_stop:g}", False, sentence)
    return Verdict("diverged", sentence, [check])
