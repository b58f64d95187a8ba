"""Training runs: start, follow, stop and resume them; register the version that comes of one.

A run is a process of its own whose folder is the contract (`rlhb_core.run.folder`); the store holds one row about it.
`sync` carries what the folder says into that row, so it does not matter which server started the run, or whether one
was there when it ended; of several servers on one store, one starts a run and one writes down how it ended. Does not
know how training works, nor which versions are served (`deploying.py`).
"""

import logging
import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4, uuid5

from app.data_folder import check_room
from app.files import comparison_lines, triplet_lines
from app.runs.erasure import forget_in_run, holds
from app.runs.processes import Processes
from app.runs.proposal import Choice, Proposal, propose
from app.settings import Settings
from app.store import Connection, Store, Unavailable, runs, signals, versions
from rlhb_core.errors import NotEnoughData, RunError
from rlhb_core.run.folder import ON_REQUEST, Progress, RunDir
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import ModelVersion, Run, RunStatus

log = logging.getLogger(__name__)

RESUMABLE = frozenset({RunStatus.STOPPED, RunStatus.INTERRUPTED, RunStatus.FAILED})
GOING = frozenset({RunStatus.QUEUED, RunStatus.RUNNING})
ERASED = (
    "Ended because someone had their data erased that it learned from. Resume goes on with what is left, "
    "from the beginning if its checkpoint held their words."
)
SAYS_WHY = frozenset({RunStatus.FAILED, RunStatus.STOPPED})
SYNC_S = 1.0
"""Seconds between two looks at the folders."""


class QueueFull(RunError):
    """So many runs wait already that one more is refused."""


class Training:
    """The training runs of a store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self._processes = Processes()
        self._turn = threading.Lock()
        # data for a run is being written, or someone is being forgotten in it: never both
        self._freezing = threading.RLock()
        self._closing = threading.Event()
        self._follower: threading.Thread | None = None

    # --- what a person asks for -----------------------------------------------------------------------

    def propose(self, choice: Choice) -> Proposal:
        """What the run would have to work with, and whether that is enough."""
        return propose(self.store, self.settings, choice)

    def start(self, choice: Choice) -> Run:
        """Freeze the data, make the run's folder and start it, or queue it behind the others.

        Raises NotEnoughData with the proposal's sentence if it cannot start, QueueFull if too many wait already.
        """
        check_room(self.settings)
        with self._freezing:
            return self._start(choice)

    def _start(self, choice: Choice) -> Run:
        with self.store.reading() as connection:
            _check_queue(connection, self.settings.max_queued_runs)
        proposal = self.propose(choice)
        if not proposal.enough or proposal.config is None or proposal.parent is None:
            raise NotEnoughData(proposal.sentence)
        run_id = uuid4()
        folder = self.settings.runs_dir / _folder_name(choice.arm, run_id)
        # before the export: it holds at least all up to here
        with self.store.reading() as connection:
            until = {"data_until_ms": signals.newest_ms(connection)}
        RunDir.create(
            folder,
            proposal.config.model_copy(update=until),
            triplet_lines(self.store, choice.data),
            comparison_lines(self.store, choice.data),
        )
        run = Run(
            id=run_id,
            arm=choice.arm,
            recipe=proposal.config.recipe,
            folder=str(folder),
            parent_id=proposal.parent.id,
            data=proposal.data[:400],
        )
        with self.store.writing() as connection:
            runs.add(connection, run)
        self.sync()
        return self.get(run_id)

    def stop(self, run_id: UUID) -> Run:
        """Ask a run to write a checkpoint and stop; a queued one stops at once. Raises RunError if it has ended."""
        with self._turn, self.store.writing() as connection:
            run = runs.get(connection, run_id)
            if run.status not in GOING:
                raise RunError(f"the run has already ended: it is {run.status}")
            RunDir(Path(run.folder)).request_stop()
            if run.status is RunStatus.QUEUED:
                runs.update(connection, _ended(run, RunStatus.STOPPED), was=RunStatus.QUEUED)
            return runs.get(connection, run_id)

    def resume(self, run_id: UUID) -> Run:
        """Continue a run from its last checkpoint. Raises RunError if it goes on or is done."""
        with self._turn, self.store.writing() as connection:
            run = runs.get(connection, run_id)
            if run.status not in RESUMABLE:
                raise RunError(
                    f"only a run that broke off can be resumed; this one is {run.status}"
                )
            check_room(self.settings)
            _check_queue(connection, self.settings.max_queued_runs)
            RunDir(Path(run.folder)).withdraw_stop()
            again = {"status": RunStatus.QUEUED, "pid": None, "error": "", "ended_ms": None}
            runs.update(connection, run.model_copy(update=again), was=run.status)
        self.sync()
        return self.get(run_id)

    def get(self, run_id: UUID) -> Run:
        """The run as it stands in the store. Raises UnknownReference."""
        with self.store.reading() as connection:
            return runs.get(connection, run_id)

    def progress(self, run: Run) -> Progress | None:
        """Where a run stands, or None before its first step."""
        return RunDir(Path(run.folder)).progress()

    def log_tail(self, run: Run, after: int = 0, most: int = 64_000) -> tuple[str, int]:
        """(text, position to ask for next): what the log holds from `after` on, at most the last `most` bytes."""
        try:
            with RunDir(Path(run.folder)).log.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(after if after <= size else 0, size - most))
                return file.read().decode(errors="replace"), size
        except FileNotFoundError:
            return "", 0

    def forget(self, person_id: UUID) -> None:
        """Take a person out of the folder of every run. What was trained on them stays as it is.

        A run that is training on their data is ended first; it can be resumed, and then goes on without them.
        """
        with self._freezing, self._turn:
            with self.store.reading() as connection:
                going = {
                    Path(run.folder): run for run in runs.all(connection) if run.pid is not None
                }
            for folder in self.settings.runs_dir.glob("*/"):
                if not holds(folder, person_id):
                    continue
                if (run := going.get(folder)) is not None and run.status is RunStatus.RUNNING:
                    self._end(run)
                forget_in_run(folder, person_id)

    def _end(self, run: Run) -> None:
        """End a run's process at once, and say why."""
        assert run.pid is not None
        self._processes.kill(run.pid, Path(run.folder))
        with self.store.writing() as connection:
            ended = _ended(run, RunStatus.INTERRUPTED).model_copy(update={"error": ERASED})
            runs.update(connection, ended, was=RunStatus.RUNNING)

    # --- following ------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Keep the store up to date with the folders from now on, in the background."""
        if self._follower is None:
            self._follower = threading.Thread(target=self._follow, name="runs", daemon=True)
            self._follower.start()

    def close(self) -> None:
        """Stop following. Training processes go on; the next server finds them again."""
        self._closing.set()
        if self._follower is not None:
            self._follower.join()
            self._follower = None
        self._processes.close()

    def _follow(self) -> None:
        while not self._closing.is_set():
            try:
                self.sync()
            except Unavailable as error:
                log.warning("the training runs cannot be followed; trying again: %s", error)
            except Exception:
                log.exception("following the training runs failed; trying again")
            self._closing.wait(SYNC_S)

    def sync(self) -> None:
        """Carry what the folders say into the store, then start queued runs while there is room."""
        with self._turn:
            with self.store.reading() as connection:
                going = [run for run in runs.all(connection) if run.status in GOING]
            for run in going:
                if run.status is RunStatus.RUNNING:
                    self._look_at(run)
            if any(run.status is RunStatus.QUEUED for run in going):
                self._start_queued()

    def _look_at(self, run: Run) -> None:
        """If the process is gone, what it left behind says how the run ended."""
        folder = RunDir(Path(run.folder))
        if run.pid is not None and self._processes.alive(run.pid, folder.path):
            folder.follow()
            return
        status = folder.state()
        if status in GOING:
            status = RunStatus.INTERRUPTED
        try:
            message = folder.message()
            if status is RunStatus.DONE:
                folder.result(), folder.config()
        except RunError as error:
            status, message = RunStatus.FAILED, str(error)
        with self.store.writing() as connection:
            ended = _ended(run, status, message)
            if not runs.update(connection, ended, was=RunStatus.RUNNING):
                return  # another server was quicker
            if status is RunStatus.DONE:
                register(connection, ended)
        log.info("run %s: %s", run.id, status)

    def _start_queued(self) -> None:
        with self.store.writing() as connection:
            stored = runs.all(connection)
            room = self.settings.max_runs - sum(r.status is RunStatus.RUNNING for r in stored)
            waiting = [run for run in reversed(stored) if run.status is RunStatus.QUEUED]
            for run in waiting[: max(room, 0)]:
                run = run.model_copy(update={"status": RunStatus.RUNNING})
                if not runs.update(connection, run, was=RunStatus.QUEUED):
                    return  # another server starts runs too: look again how much room there is
                pid = self._process_for(RunDir(Path(run.folder)))
                run = run.model_copy(update={"pid": pid})
                runs.update(connection, run, was=RunStatus.RUNNING)

    def _process_for(self, folder: RunDir) -> int:
        """A process that trains on the folder: a new one, unless a server that died had just started one."""
        state = folder.state()
        if state is RunStatus.RUNNING:
            pid = int((folder.path / "pid").read_text())
            if self._processes.alive(pid, folder.path):
                return pid
        folder.follow()
        return self._processes.spawn(
            folder.path,
            threads=self.settings.threads,
            resume=state is not RunStatus.QUEUED,
            unwatched_s=60 * self.settings.unwatched_run_minutes,
        )


def _check_queue(connection: Connection, most: int) -> None:
    waiting = sum(run.status is RunStatus.QUEUED for run in runs.all(connection))
    if waiting >= most:
        raise QueueFull(
            f"{waiting:,} {'run waits' if waiting == 1 else 'runs wait'} for their turn already, the most that "
            f"max_queued_runs allows: "
            "stop one of them, or wait until one has begun"
        )


def register(connection: Connection, run: Run) -> ModelVersion:
    """The model version of a finished run, with its lineage; made on the first call, found on later ones."""
    version_id = uuid5(run.id, "version")
    known = versions.find(connection, version_id)
    if known is not None:
        return known
    folder = RunDir(Path(run.folder))
    result = folder.result() or {}
    parent = versions.get(connection, run.parent_id) if run.parent_id else None
    version = ModelVersion(
        id=version_id,
        name=_next_name(run.arm, [each.name for each in versions.all(connection)]),
        arm=run.arm,
        base=parent.base if parent else folder.config().base,
        adapter=str(folder.version),
        condition=result.get("condition"),
        parent_id=run.parent_id,
        run_id=run.id,
        trained_on=run.data,
        verdict=run.verdict,
    )
    return versions.add(connection, version)


def _next_name(arm: Arm, taken: list[str]) -> str:
    """The next free name, such as "RLHB v3": numbers go on from the highest one of the arm."""
    pattern = re.compile(rf"{re.escape(arm.label)} v(\d+)")
    numbers = [int(match[1]) for name in taken if (match := pattern.fullmatch(name))]
    return f"{arm.label} v{max(numbers, default=0) + 1}"


def _ended(run: Run, status: RunStatus, message: str = "") -> Run:
    return run.model_copy(
        update={
            "status": status,
            "pid": None,
            "ended_ms": now_ms(),
            "error": message[:2000] if status in SAYS_WHY and message != ON_REQUEST else "",
            "verdict": message[:40] if status is RunStatus.DONE else "",
        }
    )


def _folder_name(arm: Arm, run_id: UUID) -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{arm.value}-{run_id.hex[:8]}"
