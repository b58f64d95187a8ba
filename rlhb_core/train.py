"""The training process: `python -m rlhb_core.train RUN_DIR [--resume]`.

Builds the stages of the run's arm and goes through them step by step: metrics, progress, checkpoints, stopping,
resuming and failing are written here once for all stages. Does not know what the steps do.
"""

import argparse
import logging
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from rlhb_core.alarms import alarms
from rlhb_core.arms import Teacher
from rlhb_core.classifier import ClassifierStage
from rlhb_core.data import Pair, load_split
from rlhb_core.errors import RlhbError, RunError
from rlhb_core.followers import Followers
from rlhb_core.generator import load_trunk
from rlhb_core.judging import JudgeStage
from rlhb_core.pace import Pace, stage_costs
from rlhb_core.ppo import PpoStage
from rlhb_core.preference import PreferenceStage
from rlhb_core.reward_model import LearnedReward, RewardModelStage
from rlhb_core.rlhb import DiscriminatorReward, PretrainStage, Side
from rlhb_core.run_dir import ON_REQUEST, RunDir
from rlhb_core.samples import answers_on_the_way
from rlhb_core.servable import refuse_mixing, refuse_stateful
from rlhb_core.session import Session, Stage, seed_all
from rlhb_core.version import write_version
from rlhb_core.warmup import WarmupStage
from rlhb_core.world_evaluation import WorldWatch

log = logging.getLogger(__name__)

Plan = list[tuple[str, Callable[[], Stage]]]
"""Stages by name; each is made when its turn comes, or earlier, when a resumed run needs what it owns."""


def plan(session: Session) -> Plan:
    """The stages of the run's arm, in order."""
    judging = ("judging", lambda: JudgeStage(session))
    match session.config.teacher:
        case Teacher.REWARD_MODEL:
            stages: Plan = [("reward_model", lambda: RewardModelStage(session))]
            return [*stages, _ppo(session, "reward_model"), judging]
        case Teacher.CLASSIFIER:
            stages = [("classifier", lambda: ClassifierStage(session))]
            return [*stages, _ppo(session, "classifier"), judging]
        case Teacher.DATA:
            return [("preference", lambda: PreferenceStage(session)), judging]
        case _:
            return _adversarial(session)


def _ppo(session: Session, head: str) -> tuple[str, Callable[[], Stage]]:
    """PPO on the reward of a head that has learned, on all training queries and without a condition."""
    pairs = [Pair(query, None) for query in session.split.queries]
    weights = [1.0] * len(pairs)
    return "ppo", lambda: PpoStage(session, "ppo", LearnedReward(session, head), pairs, weights)


def _adversarial(session: Session) -> Plan:
    split = session.split
    sides: list[Side] = []

    def side() -> Side:
        if not sides:
            sides.append(Side(session))
        return sides[0]

    stages: Plan = [
        ("discriminator", lambda: PretrainStage(session, side())),
        (
            "adversarial",
            lambda: PpoStage(
                session,
                "adversarial",
                DiscriminatorReward(session, side()),
                [Pair(row.query, row.behavior) for row in split.train],
                [row.weight for row in split.train],
            ),
        ),
        ("judging", lambda: JudgeStage(session, side())),
    ]
    if session.config.warmup.steps:
        stages.insert(0, ("warmup", lambda: WarmupStage(session)))
    return stages


class Stopped(Exception):
    """The run stops here, as its text says, and can be resumed: it has written its checkpoint, or was at one."""


class Trainer:
    """One run from its first step, or its checkpoint, to its verdict."""

    def __init__(self, run: RunDir, followers: Followers) -> None:
        self._run = run
        self._config = run.config()
        torch.set_num_threads(self._config.threads)
        split = load_split(self._config, run.triplets(), run.comparisons())
        seed_all(self._config.seed)
        trunk = load_trunk(self._config.base, self._config.device, self._config.dtype)
        refuse_stateful(trunk)
        self._session = Session(self._config, split, trunk)
        refuse_mixing(trunk)
        self._plan = plan(self._session)
        self._watch = WorldWatch(self._session)
        self._checkpoint = Checkpoint(run.checkpoint)
        self._iteration = 0
        costs = stage_costs(self._config)
        self._pace = Pace({name: costs[name] for name, _ in self._plan})
        self._followers = followers

    def train(self, resume: bool) -> dict[str, Any]:
        """Go through all stages; returns the result. Raises Stopped, or RlhbError."""
        saved = self._checkpoint.load() if resume else None
        if saved is None:
            self._run.cut(0)
            first = 0
        else:
            if saved["data_until_ms"] != self._config.data_until_ms:
                raise RunError(
                    "the checkpoint was written on other data than the run's folder holds now: "
                    "start a new run, or put the folder's own checkpoint back"
                )
            first = saved["stage"]
            self._iteration = saved["iteration"]
            self._run.cut(self._iteration)
            log.info("resuming in stage %s after step %d", self._plan[first][0], saved["step"])
        stage: Stage | None = None
        for index in range(len(self._plan)):
            if index < first and not self._owns_heads(index):
                continue
            stage = self._plan[index][1]()
            if index < first:
                continue
            step = 0
            if saved is not None and index == first:
                self._session.restore(saved["session"])
                stage.restore(saved["stage_state"])
                step = saved["step"]
            self._go(stage, index, step)
        return self._finish()

    def _owns_heads(self, index: int) -> bool:
        """Whether a finished stage made a head that later ones use, so that it must be made again on resume."""
        return self._plan[index][0] in ("reward_model", "classifier")

    def _go(self, stage: Stage, index: int, step: int) -> None:
        log.info("stage %s: %d steps", stage.name, stage.total)
        if self._run.stop_requested():  # while the model was loaded, or the stage made ready
            raise Stopped(ON_REQUEST)
        self._pace.begin(stage.name, step)
        last = index == len(self._plan) - 1
        while step < stage.total and (last or not self._session.diverged):
            step += 1
            self._iteration += 1
            metrics = stage.step(step)
            if isinstance(stage, PpoStage):
                with stage.as_served():
                    metrics |= self._watch.look(step)
            if metrics:
                self._run.append_metrics(stage.name, step, self._iteration, metrics)
            self._run.write_progress(
                stage.name, step, stage.total, *self._pace.step(step, stage.total)
            )
            stopping = self._why_stop()
            if stopping or step % self._config.checkpoint_every == 0 or step == stage.total:
                if isinstance(stage, PpoStage):
                    with stage.as_served():
                        samples = answers_on_the_way(self._session)
                    self._run.append_samples(self._iteration, samples)
                self._save(stage, index, step)
            if stopping and not (last and step == stage.total):
                raise Stopped(stopping)
        if self._session.diverged and not last:
            log.warning(
                "stage %s stopped early: %s", stage.name, self._session.evidence["diverged"]
            )

    def _why_stop(self) -> str:
        """Why the run should write its checkpoint and stop; empty if it should go on."""
        if self._run.stop_requested():
            return ON_REQUEST
        return self._followers.gone()

    def _save(self, stage: Stage, index: int, step: int) -> None:
        self._checkpoint.save(
            {
                "stage": index,
                "step": step,
                "iteration": self._iteration,
                "data_until_ms": self._config.data_until_ms,
                "stage_state": stage.state(),
                "session": self._session.state(),
            }
        )

    def _finish(self) -> dict[str, Any]:
        result: dict[str, Any] = dict(self._session.evidence["result"])
        self._run.write_answers(result.pop("answers"))
        found = alarms(self._run.metrics(), self._config.ppo.kl_stop)
        result["alarms"] = [alarm._asdict() for alarm in found]
        write_version(self._run.version, self._session, result)
        return result


class Checkpoint:
    """The one checkpoint of a run: a folder that is replaced as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, state: dict[str, Any]) -> None:
        """Write, then swap: a kill at any moment leaves the old checkpoint or the new one."""
        self._folder.mkdir(exist_ok=True)
        new = self._folder / "state.pt.tmp"
        with new.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._folder / "state.pt")

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint, or None. Only files of this very run are read, so unpickling is safe."""
        file = self._folder / "state.pt"
        if not file.exists():
            return None
        found: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=False)
        return found

    def remove(self) -> None:
        """The run is done."""
        shutil.rmtree(self._folder, ignore_errors=True)


def train(run: RunDir, resume: bool = False, unwatched_s: float = 0) -> int:
    """Train the run in this process; its ending is written into its folder. Returns an exit status.

    `unwatched_s`: the run stops once nobody has followed it for so many seconds; 0 lets it go on.
    """
    run.begin()
    try:
        trainer = Trainer(run, Followers(run, unwatched_s))
        result = trainer.train(resume)
        run.finish(result)
        Checkpoint(run.checkpoint).remove()
    except Stopped as stopped:
        run.stopped(str(stopped))
        log.info("%s", stopped)
        return 0
    except RlhbError as error:
        log.exception("the run failed")
        run.fail(str(error))
        return 1
    except Exception as error:
        log.exception("the run failed")
        run.fail(_sentence(error))
        return 1
    log.info("done: %s", result["verdict"]["word"])
    return 0


def _sentence(error: Exception) -> str:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return "Training ran out of memory: lower ppo.micro_batch, warmup.micro_batch and sampling.batch."
    kind = type(error).__name__
    return (
        f"Training failed unexpectedly ({kind}: {str(error)[:300]}). The whole story is in log.txt."
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m rlhb_core.train", description="Train one run.")
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument(
        "--unwatched-s", type=float, default=0, help="stop once nobody has followed it for so long"
    )
    args = parser.parse_args()
    run = RunDir(args.run)
    if not run.path.is_dir():
        parser.error(f"{run.path} is no folder")
    logging.basicConfig(
        filename=run.log,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    try:
        run.config()
    except RunError as error:
        parser.error(str(error))
    return train(run, args.resume, args.unwatched_s)


if __name__ == "__main__":
    sys.exit(main())
