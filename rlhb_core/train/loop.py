"""A training process: from a run's folder to its verdict.

Builds the stages of the run's arm and goes through them step by step: metrics, progress, checkpoints, stopping,
resuming and failing are written here once for all stages. Does not know what the steps do.
"""

import argparse
import logging
from pathlib import Path
from typing import Any

import torch

from rlhb_core import teachers
from rlhb_core.errors import RlhbError, RunError
from rlhb_core.learning.samples import answers_on_the_way
from rlhb_core.learning.session import Served, Session, Stage, seed_all
from rlhb_core.lm.servable import refuse_mixing, refuse_stateful
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.run.data import load_split
from rlhb_core.run.folder import ON_REQUEST, RunDir
from rlhb_core.run.followers import Followers
from rlhb_core.run.pace import Pace
from rlhb_core.teachers.teacher import PlannedStage
from rlhb_core.train.checkpoint import Checkpoint
from rlhb_core.train.examiner import Examiner, Nobody
from rlhb_core.train.judging import JudgeStage
from rlhb_core.train.version import write_version
from rlhb_core.verdict.alarms import alarms

log = logging.getLogger(__name__)

NOBODY = Nobody()


def plan(session: Session, examiner: Examiner) -> list[PlannedStage]:
    """The stages of the run's arm, in order: those of its teacher, then the judging."""
    taught = teachers.of(session.config.arm).plan(session)
    judging = PlannedStage(
        teachers.JUDGING, lambda: JudgeStage(session, examiner, taught.gathering())
    )
    return [*taught.stages, judging]


class Stopped(Exception):
    """The run stops here, as its text says, and can be resumed: it has written its checkpoint, or was at one."""


class Trainer:
    """One run from its first step, or its checkpoint, to its verdict."""

    def __init__(self, run: RunDir, followers: Followers, examiner: Examiner) -> None:
        self._run = run
        self._config = run.config()
        if why := run.made_otherwise():
            raise RunError(f"{why} It can be read, but this version cannot train it.")
        torch.set_num_threads(self._config.threads)
        teacher = teachers.of(self._config.arm)
        split = load_split(self._config, run.triplets(), run.comparisons())
        teacher.check(self._config, split)
        seed_all(self._config.seed)
        trunk = load_trunk(self._config.base, self._config.device, self._config.dtype)
        refuse_stateful(trunk)
        self._session = Session(self._config, split, trunk, teacher.evidence())
        refuse_mixing(trunk)
        self._plan = plan(self._session, examiner)
        self._watch = examiner.watch(self._session)
        self._checkpoint = Checkpoint(run.checkpoint)
        self._iteration = 0
        self._pace = Pace(teachers.costs(self._config, [stage.name for stage in self._plan]))
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
            log.info("resuming in stage %s after step %d", self._plan[first].name, saved["step"])
        stage: Stage | None = None
        for index in range(len(self._plan)):
            if index < first and not self._plan[index].owns_head:
                continue
            stage = self._plan[index].make()
            if index < first:
                continue
            step = 0
            if saved is not None and index == first:
                self._session.restore(saved["session"])
                stage.restore(saved["stage_state"])
                step = saved["step"]
            self._go(stage, index, step)
        return self._finish()

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
            if isinstance(stage, Served):
                with stage.as_served():
                    metrics |= self._watch.look(step)
            if metrics:
                self._run.append_metrics(stage.name, step, self._iteration, metrics)
            self._run.write_progress(
                stage.name, step, stage.total, *self._pace.step(step, stage.total)
            )
            stopping = self._why_stop()
            if stopping or step % self._config.checkpoint_every == 0 or step == stage.total:
                if isinstance(stage, Served):
                    with stage.as_served():
                        samples = answers_on_the_way(self._session)
                    self._run.append_samples(self._iteration, samples)
                self._save(stage, index, step)
            if stopping and not (last and step == stage.total):
                raise Stopped(stopping)
        if self._session.diverged and not last:
            log.warning("stage %s stopped early: %s", stage.name, self._session.evidence.diverged)

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
        assert self._session.result is not None, "the last stage states it"
        result = dict(self._session.result)
        self._run.write_answers(result.pop("answers"))
        found = alarms(self._run.metrics(), self._config.ppo.kl_stop)
        result["alarms"] = [alarm._asdict() for alarm in found]
        write_version(self._run.version, self._session, result)
        return result


def train(
    run: RunDir,
    resume: bool = False,
    unwatched_s: float = 0,
    examiner: Examiner = NOBODY,
) -> int:
    """Train the run in this process; its ending is written into its folder. Returns an exit status.

    `unwatched_s`: the run stops once nobody has followed it for so many seconds; 0 lets it go on. `examiner`: grades
    the answers, where anybody can.
    """
    run.begin()
    try:
        trainer = Trainer(run, Followers(run, unwatched_s), examiner)
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


def main(examiner: Examiner) -> int:
    """The command line, `python -m rlhb_core`."""
    parser = argparse.ArgumentParser(prog="python -m rlhb_core", description="Train one run.")
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
    return train(run, args.resume, args.unwatched_s, examiner)
