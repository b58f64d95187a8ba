"""Where rewards come from. One module or folder per teacher; this is the register of them.

Training, judging, data, figures and pages go by it and by the table of arms, and branch on neither. Another package
registers a teacher of its own with `register` and `schema.arms.add`, and is then offered, trained, judged and drawn
like those that come with this one.
"""

from rlhb_core.errors import BadConfig
from rlhb_core.run.config import RunConfig, add_section
from rlhb_core.run.metrics import add_metrics
from rlhb_core.run.plots import add_plots
from rlhb_core.schema.arms import ARMS, Arm
from rlhb_core.schema.evidence import Evidence
from rlhb_core.teachers import classifier, discriminator, preference, reward_model
from rlhb_core.teachers.teacher import StageFacts, Teacher
from rlhb_core.verdict.checks import Verdict
from rlhb_core.verdict.conclusion import ran_away

JUDGING = "judging"
"""The last stage of every run."""

_TEACHERS: dict[str, Teacher] = {}
_STAGES: dict[str, StageFacts] = {JUDGING: StageFacts("judging", lambda _: 10.0)}


def register(teacher: Teacher) -> None:
    """Let arms be taught by this one, with its settings, metrics and plots."""
    _TEACHERS[teacher.name] = teacher
    _STAGES.update(teacher.stages)
    for name, section in teacher.sections.items():
        add_section(name, *section)
    add_metrics(*teacher.metrics)
    add_plots(*teacher.plots)


for _each in (reward_model, classifier, discriminator, preference):
    register(_each.TEACHER)


def of(arm: Arm) -> Teacher:
    """Who teaches this arm. Raises BadConfig if that is not installed here."""
    teacher = _TEACHERS.get(ARMS[arm].teacher) if arm in ARMS else None
    if teacher is None:
        raise BadConfig(_unknown(arm))
    return teacher


def missing(arm: Arm) -> str:
    """What must be installed before this arm can be trained, as a sentence; empty if nothing."""
    teacher = _TEACHERS.get(ARMS[arm].teacher)
    return teacher.missing(arm) if teacher else _unknown(arm)


def _unknown(arm: Arm) -> str:
    return f"nobody here can teach {arm.label}: the package that it came with is not installed"


def stage_label(name: str) -> str:
    """A stage as people read it."""
    return _STAGES[name].label if name in _STAGES else name


def costs(config: RunConfig, names: list[str]) -> dict[str, float]:
    """Time of these stages, roughly, in iterations of PPO."""
    return {name: _STAGES[name].cost(config) for name in names}


def judge_run(arm: Arm, evidence: Evidence, kl_stop: float) -> Verdict:
    """The verdict on a run of this arm: a pure function of the evidence stored with it."""
    return ran_away(evidence, kl_stop) or of(arm).judge(evidence)
