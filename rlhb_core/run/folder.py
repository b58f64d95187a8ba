"""The folder of a run: the whole contract between a training process and whoever watches it.

```
config.json            the RunConfig          data/triplets.jsonl, data/comparisons.jsonl   frozen input
metrics.jsonl          one row per step       progress.json   stage, step, total, seconds left
samples.jsonl          answers on the way: one row per checkpoint and held-out query
log.txt                the process's log      checkpoint/     one atomic checkpoint
version/               the trained adapter    result.json     evaluation and verdict
answers.json           what was answered in the evaluation, if there was one
pid                    the training process   stop            ask it to stop (any content)
followed               touched while a server or a command looks after the run
done.json | failed.json | stopped.json        how it ended
```

Knows files only: nothing of models, and nothing of the database that the data came from.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict

from pydantic import ValidationError

from rlhb_core.errors import RunError
from rlhb_core.run.config import RunConfig, config_type
from rlhb_core.run.metrics import Row, metric_row
from rlhb_core.run.retired import otherwise, without_retired
from rlhb_core.schema.record import Record, describe, now_ms, read_jsonl
from rlhb_core.schema.records import Comparison, RunStatus, Triplet


class Progress(TypedDict):
    """Where a run stands."""

    stage: str
    step: int
    total: int
    share: float
    seconds_left: float | None
    updated_ms: int


ON_REQUEST = "stopped on request; it can be resumed"
"""What the ending of a run says that somebody stopped."""

_ENDINGS = {
    "done.json": RunStatus.DONE,
    "failed.json": RunStatus.FAILED,
    "stopped.json": RunStatus.STOPPED,
}


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a reader, or a kill, sees the old file or the new one and nothing between."""
    new = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    new.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(path)


class RunDir:
    """One run's folder. Cheap to make; reads the disk anew on every call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.version = path / "version"
        self.checkpoint = path / "checkpoint"
        self.log = path / "log.txt"

    @classmethod
    def create(
        cls,
        path: Path,
        config: RunConfig,
        triplets: Iterable[Triplet | bytes] = (),
        comparisons: Iterable[Comparison | bytes] = (),
    ) -> "RunDir":
        """Make the folder and freeze settings and data in it. Raises RunError if it already holds a run.

        The data are records, or the lines of such in blocks of bytes.
        """
        run = cls(path)
        if (path / "config.json").exists():
            raise RunError(
                f"{path} already holds a run: choose another folder, or resume it with --resume"
            )
        (path / "data").mkdir(parents=True, exist_ok=True)
        _freeze(path / "data" / "triplets.jsonl", triplets)
        _freeze(path / "data" / "comparisons.jsonl", comparisons)
        write_json(
            path / "config.json", config.model_dump(mode="json")
        )  # last: a run exists once it has this
        return run

    # --- input ------------------------------------------------------------------------------------

    def config(self) -> RunConfig:
        """The settings that there still are. Raises RunError if there is no run here."""
        try:
            return config_type().model_validate_json(json.dumps(without_retired(self._settings())))
        except ValidationError as error:
            raise RunError(f"{self.path / 'config.json'}: {describe(error)}") from None

    def made_otherwise(self) -> str:
        """Why this version can read the run but not train it: it was made with a value that a retired setting no
        longer has. Empty if nothing stands in the way.
        """
        return otherwise(self._settings())

    def _settings(self) -> dict[str, Any]:
        found: dict[str, Any] | None = self._read("config.json")
        if found is None:
            raise RunError(f"{self.path} is no run folder: it has no config.json")
        return found

    def triplets(self) -> Iterator[Triplet]:
        """The frozen triplets."""
        return self._data("triplets.jsonl", Triplet)

    def comparisons(self) -> Iterator[Comparison]:
        """The frozen votes."""
        return self._data("comparisons.jsonl", Comparison)

    def _data(self, name: str, kind: type[Any]) -> Iterator[Any]:
        file = self.path / "data" / name
        return read_jsonl(file, kind) if file.exists() else iter(())

    # --- metrics and progress ---------------------------------------------------------------------

    def append_metrics(
        self, stage: str, step: int, iteration: int, values: Mapping[str, float]
    ) -> Row:
        """Add one row; the names must be in the metrics registry. Returns the row."""
        row = metric_row(stage, step, iteration, values)
        self._append("metrics.jsonl", [row])
        return row

    def metrics(self) -> list[Row]:
        """All rows so far."""
        return self._rows("metrics.jsonl")

    def append_samples(self, iteration: int, samples: Iterable[Mapping[str, object]]) -> None:
        """Add what the policy answers at this step of the whole run."""
        self._append("samples.jsonl", [{"iteration": iteration, **sample} for sample in samples])

    def samples(self) -> list[dict[str, Any]]:
        """All answers on the way so far: iteration, query, behavior, response."""
        return self._rows("samples.jsonl")

    def checkpoints(self) -> list[tuple[int, list[dict[str, Any]]]]:
        """The answers on the way by the step of the whole run, the newest step first."""
        rows = self.samples()
        steps = sorted({int(row["iteration"]) for row in rows}, reverse=True)
        return [(step, [row for row in rows if int(row["iteration"]) == step]) for step in steps]

    def cut(self, iteration: int) -> None:
        """Drop metrics and samples after this step of the whole run, before a resumed run writes them again."""
        for name in ("metrics.jsonl", "samples.jsonl"):
            kept = [row for row in self._rows(name) if int(row["iteration"]) <= iteration]
            file = self.path / f".{name}.tmp"
            file.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
            file.replace(self.path / name)

    def _append(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))

    def _rows(self, name: str) -> list[dict[str, Any]]:
        """A last line that is still being written is left out."""
        try:
            lines = (self.path / name).read_text(encoding="utf-8").splitlines(keepends=True)
        except FileNotFoundError:
            return []
        except (ValueError, OSError) as error:
            raise damaged(name, error) from None
        if lines and not lines[-1].endswith("\n"):
            lines.pop()
        return [_row(name, number, line) for number, line in enumerate(lines, start=1)]

    def write_progress(
        self, stage: str, step: int, total: int, share: float, seconds_left: float | None
    ) -> None:
        """Say where the run stands: step of total within the stage, share of the whole run that is done."""
        progress = Progress(
            stage=stage, step=step, total=total, share=round(share, 4),
            seconds_left=None if seconds_left is None else round(seconds_left, 1), updated_ms=now_ms(),
        )  # fmt: skip
        write_json(self.path / "progress.json", progress)

    def progress(self) -> Progress | None:
        """Where the run stands, or None before its first step."""
        found: Progress | None = self._read("progress.json")
        if found is not None and not _is_progress(found):
            raise damaged("progress.json", "a value is missing or of the wrong kind")
        return found

    # --- how it goes and ends ---------------------------------------------------------------------

    def begin(self) -> None:
        """The process that calls this is now the run's; what said that it had ended is taken away.

        Not so a request to stop: it may have come since the process was started. It goes when it is fulfilled, or when
        the run is to be resumed (`withdraw_stop`).
        """
        for name in (*_ENDINGS, "resumed"):
            (self.path / name).unlink(missing_ok=True)
        (self.path / "pid").write_text(str(os.getpid()), encoding="ascii")

    def request_stop(self) -> None:
        """Ask the training process to write a checkpoint and stop."""
        (self.path / "stop").touch()

    def withdraw_stop(self) -> None:
        """It is to go on after all; how it ended stands until its process begins."""
        (self.path / "stop").unlink(missing_ok=True)
        (self.path / "resumed").touch()

    def is_stopping(self) -> bool:
        """Whether it will not go on: somebody asked for a stop, or it has stopped and nobody asked it to go on."""
        has_stopped = (self.path / "stopped.json").exists() and not (self.path / "resumed").exists()
        return self.stop_requested() or has_stopped

    def stop_requested(self) -> bool:
        """Whether someone asked for a stop."""
        return (self.path / "stop").exists()

    def follow(self) -> None:
        """Say that somebody still looks after the run: a server, or a command that shows its progress."""
        (self.path / "followed").touch()

    def followed_ns(self) -> int:
        """When somebody last looked after the run, in nanoseconds since 1970; 0 if nobody ever has."""
        try:
            return (self.path / "followed").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def finish(self, result: Mapping[str, Any]) -> None:
        """The run is done: `result` holds evaluation and verdict."""
        write_json(self.path / "result.json", result)
        self._end("done.json", str(result.get("verdict", {}).get("word", "")))

    def write_answers(self, answers: Mapping[str, list[str]] | None) -> None:
        """Keep what each policy answered in the evaluation, for comparisons with the policies of other runs."""
        if answers:
            write_json(self.path / "answers.json", answers)

    def answers(self) -> dict[str, list[str]]:
        """What each policy answered in the evaluation; empty if there was none."""
        return self._read("answers.json") or {}

    def fail(self, sentence: str) -> None:
        """The run failed; `sentence` says why and what to do."""
        self._end("failed.json", sentence)

    def stopped(self, why: str = ON_REQUEST) -> None:
        """The run stopped and can be resumed; `why` says so."""
        self._end("stopped.json", why)

    def _end(self, name: str, message: str) -> None:
        write_json(self.path / name, {"message": message, "at_ms": now_ms()})
        for name in ("pid", "stop"):
            (self.path / name).unlink(missing_ok=True)

    def state(self) -> RunStatus:
        """How the run stands, from its folder alone. A process that vanished without an ending was interrupted."""
        for name, status in _ENDINGS.items():
            if (self.path / name).exists():
                return status
        try:
            pid = int((self.path / "pid").read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return RunStatus.QUEUED
        return RunStatus.RUNNING if _alive(pid) else RunStatus.INTERRUPTED

    def message(self) -> str:
        """What the ending says: the verdict, or why it failed or stopped; empty while it has not ended."""
        for name in _ENDINGS:
            if (ending := self._read(name)) is not None:
                return str(ending.get("message", ""))
        return ""

    def result(self) -> dict[str, Any] | None:
        """Evaluation and verdict, once there."""
        found: dict[str, Any] | None = self._read("result.json")
        return found

    def _read(self, name: str) -> Any:
        try:
            found = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (ValueError, OSError, RecursionError) as error:
            raise damaged(name, error) from None
        if not isinstance(found, dict):
            raise damaged(name, "it must hold {...}")
        return found


def damaged(name: str, why: object) -> RunError:
    """What is said of a file of a run that cannot be read; the rest of the run, and other runs, can."""
    reason = why.strerror if isinstance(why, OSError) else why
    return RunError(f"{name} of this run is damaged ({reason}); put it back from a copy")


def _row(name: str, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        int(row["iteration"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise damaged(name, f"line {number} is no row") from None
    return dict(row)


def _is_progress(found: Mapping[str, Any]) -> bool:
    numbers = (found.get("step"), found.get("total"), found.get("share"))
    left = found.get("seconds_left")
    return (
        isinstance(found.get("stage"), str)
        and all(isinstance(each, int | float) for each in numbers)
        and (left is None or isinstance(left, int | float))
    )


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _freeze(path: Path, rows: Iterable[Record | bytes]) -> None:
    with path.open("wb") as file:
        for row in rows:
            file.write(row if isinstance(row, bytes) else f"{row.model_dump_json()}\n".encode())
