"""What a teacher is: everything that is known of one source of rewards, in one place. Knows none of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rlhb_core.run.config import RunConfig
from rlhb_core.run.data import Split
from rlhb_core.run.plots import Plot
from rlhb_core.run.sections import Section
from rlhb_core.run.votes import Voted
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.evidence import Evidence
from rlhb_core.verdict.checks import Verdict

if TYPE_CHECKING:  # they load torch, and whoever only asks what there is must not wait for it
    from rlhb_core.learning.best_of_n import Scorer
    from rlhb_core.learning.session import Session, Stage


class StageFacts(NamedTuple):
    """What is known of a stage before it is made."""

    label: str
    """As people read it."""
    cost: Callable[[RunConfig], float]
    """Time that it takes, roughly, in iterations of PPO."""


PPO = StageFacts("PPO", lambda config: float(config.ppo.iterations))
"""The loop, for whichever teacher."""


class PlannedStage(NamedTuple):
    """A stage that is made when its turn comes, or earlier, when a resumed run needs the head that it owns."""

    name: str
    make: "Callable[[], Stage]"
    owns_head: bool = False


Gathering = Mapping[str, Callable[[], None]]
"""Parts of the evidence by name, in order; each puts what it finds into the session's evidence."""


class Plan(NamedTuple):
    """What a run of a teacher goes through."""

    stages: Sequence[PlannedStage]
    gathering: Callable[[], Gathering]
    """Made when all stages are done."""


def _nothing_lacks(_: Arm) -> str:
    return ""


def _enough(_: RunConfig, __: Split) -> None:
    return


def _keeps_nothing(_: "Session", __: Path) -> dict[str, Any]:
    return {}


def _no_scorer(_: "Session") -> "Scorer | None":
    return None


@dataclass(frozen=True)
class Teacher:
    """One source of rewards, or of losses. What loads torch is imported within its functions."""

    name: str
    stages: Mapping[str, StageFacts]
    """Its own, by name; the last one, which judges, is everybody's."""
    plan: "Callable[[Session], Plan]"
    evidence: type[Evidence]
    judge: Callable[[Evidence], Verdict]
    """The rule: a pure function of the evidence."""
    sections: Mapping[str, tuple[type[Section], str]]
    """Its settings by name, with a sentence each."""
    metrics: Sequence[tuple[str, ...]] = ()
    """Name, sentence, unit and, if it is watched, its short name (`run.metrics.Metric`)."""
    plots: Sequence[Plot] = ()
    check: Callable[[RunConfig, Split], None] = _enough
    """Raises NotEnoughData if rows are lacking that only this teacher needs."""
    missing: Callable[[Arm], str] = _nothing_lacks
    """What must be installed before an arm can be trained, as a sentence; empty if nothing."""
    scorer: "Callable[[Session], Scorer | None]" = _no_scorer
    """What a trained run can score answers with."""
    keep: "Callable[[Session, Path], dict[str, Any]]" = _keeps_nothing
    """Writes what of it belongs to the version into that one's folder; what the lineage says of it."""
    foresee: "Callable[[Session, Sequence[Voted]], dict[str, Any]] | None" = None
    """How well a trained run foresees votes; None if it has learned nothing that could."""
