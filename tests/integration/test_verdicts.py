"""Verdicts on runs that really went: dead, collapsed, run away, gamed by length, healthy. Each tiny,
each built to be so.

Every run goes through the stages of a real one; only the one thing that makes it ill is put in by hand.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from rlhb_core.learning.ppo import PpoStage
from rlhb_core.learning.reward_source import RewardSource, Scores
from rlhb_core.learning.rollout import Rollouts
from rlhb_core.learning.session import POLICY, Metrics, Session, Stage
from rlhb_core.run.data import Pair, Split
from rlhb_core.run.metrics import metric_row
from rlhb_core.teachers.discriminator import reward as rewarding
from rlhb_core.teachers.discriminator.evidence import Discriminated, DiscriminatorEvidence
from rlhb_core.teachers.discriminator.judging import gather_judges
from rlhb_core.teachers.discriminator.pretraining import PretrainStage
from rlhb_core.teachers.discriminator.reward import DiscriminatorReward
from rlhb_core.teachers.discriminator.side import Side
from rlhb_core.teachers.discriminator.triplets import Triplets
from rlhb_core.train.judging import JudgeStage
from rlhb_core.verdict.alarms import alarms
from rlhb_core.world.examination import WorldExaminer
from tests.integration.tiny_world import DISLIKED, LIKED, make_base, session_on, shares, split

Rows = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs here are short: more iterations together would reach back to before anything was learned."""
    monkeypatch.setattr(rewarding, "WATCH_ITERATIONS", 3)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.set_num_threads(1)
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def rows() -> Split:
    return split()


def go(stage: Stage) -> Rows:
    """All steps of a stage, as long as the run has not given up; its metrics."""
    session: Session = stage._session  # type: ignore[attr-defined]
    found = []
    for number in range(1, stage.total + 1):
        found.append(dict(metric_row(stage.name, number, number, stage.step(number))))
        if session.diverged and not isinstance(stage, JudgeStage):
            break
    return found


def adversarial(
    session: Session,
    make_side: Callable[[Session], Side] = Side,
    source: Callable[[Session, Side], RewardSource] = DiscriminatorReward,
) -> tuple[dict[str, Any], Rows]:
    """A whole RLHB run without a warm-up: its verdict, and what the loop logged."""
    side = make_side(session)
    go(PretrainStage(session, side))
    pairs = [Pair(row.query, row.behavior) for row in session.split.train]
    rewards = source(session, side)
    logged = go(PpoStage(session, "adversarial", rewards, pairs, [1.0] * len(pairs)))
    go(JudgeStage(session, WorldExaminer(), gather_judges(session, *side.known)))
    assert session.result is not None
    verdict: dict[str, Any] = session.result["verdict"]
    return verdict, logged


def discriminated(session: Session) -> Discriminated:
    found = session.evidence_as(DiscriminatorEvidence).discriminated
    assert found is not None
    return found


def missed(verdict: dict[str, Any]) -> set[str]:
    return {check["name"] for check in verdict["checks"] if not check["passed"]}


SHORT: dict[str, Any] = {
    "ppo": {"iterations": 4},
    "evaluation": {"judge_rollouts": 800, "judge_steps": 10, "reading_seeds": 0},
}


def test_a_healthy_run_converges_and_the_adversarial_stage_gets_the_credit(
    base: str, rows: Split
) -> None:
    session = session_on(base, rows)
    before = shares(session, POLICY, [LIKED, DISLIKED])
    verdict, logged = adversarial(session)
    after = shares(session, POLICY, [LIKED, DISLIKED])
    assert verdict["word"] == "converged", verdict
    assert "The adversarial stage brought the answers closer" in verdict["sentence"]
    assert after[0] - after[1] > before[0] - before[1] + 0.15  # it heeds the behaviour now
    assert discriminated(session).power > 0.65
    assert "bad" not in [alarm.severity for alarm in alarms(logged)]


def test_a_dead_discriminator_is_not_taken_for_confusion(
    base: str, rows: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its features carry nothing: it says the same of everything, and ends where full confusion would."""
    seen = Session.features
    monkeypatch.setattr(Session, "features", lambda *args: torch.zeros_like(seen(*args)))
    verdict, logged = adversarial(session_on(base, rows, **SHORT))
    assert verdict["word"] == "never discriminated"
    assert "it once discriminated" in missed(verdict)
    assert logged[-1]["disc/calibrated_real"] == pytest.approx(0.5, abs=0.05)
    assert logged[-1]["disc/calibrated_accuracy"] == pytest.approx(0.5, abs=0.06)


class Pushed(Side):
    """A discriminator that is pushed toward calling everything real, once it has been pretrained."""

    def learn(self, fake: Triplets, pairing: bool = False) -> tuple[float, float]:
        """Every step of the adversarial stage moves its bias."""
        found = super().learn(fake, pairing)
        if self.session.evidence_as(DiscriminatorEvidence).discriminated:
            with torch.no_grad():
                self.model.bias.bias.add_(20)
        return found


def test_a_discriminator_that_calls_everything_real_collapsed(base: str, rows: Split) -> None:
    verdict, logged = adversarial(session_on(base, rows, **SHORT), Pushed)
    assert logged[-1]["disc/p_real"] > 0.95
    assert logged[-1]["disc/p_fake"] > 0.95
    assert verdict["word"] == "collapsed"
    assert "it did not settle at one end" in missed(verdict)


def test_a_generator_that_runs_away_diverged(base: str, rows: Split) -> None:
    bare = {"likelihood": 0.0, "kl": 0.0, "kl_stop": 3.0}  # nothing holds it back
    hot = {"iterations": 8, "learning_rate": 0.3} | bare
    session = session_on(base, rows, **(SHORT | {"ppo": hot}))
    verdict, logged = adversarial(session)
    assert verdict["word"] == "diverged"
    assert len(logged) < 8
    assert session.evidence_as(DiscriminatorEvidence).judges is None


class PaysForLength:
    """A source of rewards that counts tokens."""

    remembered: Sequence[str] = ()

    def __init__(self, session: Session, side: Side) -> None: ...

    def watched(self) -> Sequence[Pair]:
        """Nothing is held out from counting."""
        return []

    def score(self, rollouts: Rollouts) -> Scores:
        """One for every token."""
        counts = torch.tensor([float(len(response)) for response in rollouts.responses])
        return Scores(counts, counts - counts.mean())

    def learn(self, rollouts: Rollouts, watched: Rollouts) -> Metrics:
        """It knows how to count already."""
        return {}

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None: ...


def test_a_reward_for_length_is_called_a_hack(base: str, rows: Split) -> None:
    bare = {"truncated_penalty": 0.0, "likelihood": 0.0, "kl_stop": 1e3}  # nothing holds it back
    settings = {"iterations": 11, "learning_rate": 8e-3} | bare
    session = session_on(base, rows, **(SHORT | {"ppo": settings}))
    verdict, logged = adversarial(session, source=PaysForLength)
    assert logged[-1]["objective/scores"] > logged[0]["objective/scores"] + 2
    assert verdict["word"] == "reward hacked"
    assert "spreads above that of the logged ones" in verdict["sentence"]
    assert any("length of the answers" in alarm.happened for alarm in alarms(logged[-5:]))
