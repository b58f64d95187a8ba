"""`rlhb reproduce`: all seeds, one after the other, then the report."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from rlhb_core.errors import BadConfig, RunError
from rlhb_core.reproduction.page import write_report
from rlhb_core.reproduction.records import (
    left,
    read_seed,
    read_seeds,
    refuse_others,
    write_seed,
)
from rlhb_core.reproduction.runner import go_through
from rlhb_core.reproduction.tasks import plan
from rlhb_core.schema.arms import ARMS
from rlhb_core.schema.record import read_jsonl
from rlhb_core.schema.records import SAME_ANSWER, Comparison, Source
from rlhb_core.teachers import missing
from rlhb_core.verdict.paired import compare_paired

log = logging.getLogger(__name__)


def reproduce(
    out: Path,
    work: Path,
    seeds: Iterable[int] = range(3),
    workers: int = 2,
    *,
    ablation_seeds: int = 1,
    png: bool = True,
    votes: Path | None = None,
    rehearsal: bool = False,
) -> Path:
    """Go through all seeds and write the report into `out`; what is done already is kept. Returns the page.

    `work` takes logs and runs, several hundred megabytes a seed; `out` the records of the seeds and the report. What a
    record has as it would be done now is not done again, with or without its folder in `work`. The first
    `ablation_seeds` seeds do the ablations too; a rehearsal does everything in small. Raises BadConfig if TRL is
    missing, and RunError if tasks failed, after everything else is written, or if `work` holds runs of other settings.
    """
    for arm in ARMS:
        if sentence := missing(arm):
            raise BadConfig(sentence)
    people = between_arms(read_jsonl(votes, Comparison)) if votes else None
    broken: dict[str, str] = {}
    everything = plan(True, rehearsal)  # a record keeps what it has of it, wanted today or not
    for position, seed in enumerate(seeds):
        tasks = plan(position < ablation_seeds, rehearsal)
        file = out / "seeds" / f"seed-{seed}.json"
        record = read_seed(file, rehearsal)
        todo = left(record, seed, tasks)
        if not todo:
            log.info("seed %d is done already: %s", seed, file)
            continue
        folder = work / f"seed-{seed}"
        refuse_others(folder, seed, everything)
        clock = Minutes(folder, record["minutes"] if record else 0.0)
        try:
            failed = go_through(
                folder, seed, todo, workers, rehearsal=rehearsal, on_done=clock.note
            )
        finally:
            clock.note()
        broken |= {f"seed {seed}, {name}": words for name, words in failed.items()}
        write_seed(file, folder, seed, everything, clock.total, rehearsal)
        write_report(read_seeds(out / "seeds"), out, png=False, people=people)
    page = write_report(read_seeds(out / "seeds"), out, png, people)
    if broken:
        lines = "; ".join(f"{name}: {words}" for name, words in broken.items())
        raise RunError(
            f"{page} is written, but some tasks failed ({lines}). The same command tries them again."
        )
    return page


class Minutes:
    """Minutes spent on a seed, those before an interruption included,
    and those that are recorded of an earlier folder.
    """

    def __init__(self, folder: Path, recorded: float = 0.0) -> None:
        self._file = folder / "minutes"
        self._before = float(self._file.read_text()) if self._file.exists() else recorded
        self._started = time.monotonic()

    @property
    def total(self) -> float:
        """All minutes up to now."""
        return self._before + (time.monotonic() - self._started) / 60

    def note(self) -> None:
        """Write them down for the next time."""
        self._file.write_text(f"{self.total:.2f}")


def between_arms(votes: Iterable[Comparison]) -> Mapping[str, Any]:
    """Win, tie and loss between model versions by the votes of real people: "A against B" -> comparison.

    One choice among three is one vote on each pair in which the chosen version stands; pairs of which neither was
    chosen say nothing; a ranking is one on each pair. Ties are ties of all, and versions that gave the chosen answer
    alike are tied; all bad says nothing about who is better. Votes given with names in view are left out.
    """
    points: dict[str, list[float]] = defaultdict(list)
    for vote in votes:
        if vote.source is not Source.REAL or vote.unblinded:
            continue
        placed = [
            (name, place)
            for place, names in enumerate(vote.model_versions)
            for name in names.split(SAME_ANSWER)
        ]
        for (first, a), (second, b) in combinations(placed, 2):
            if first == second:
                continue
            names, sign = (
                (f"{first} against {second}", 1.0)
                if first < second
                else (f"{second} against {first}", -1.0)
            )
            if vote.places is not None:
                higher, lower = vote.places[a], vote.places[b]
                points[names].append(sign * ((higher < lower) - (higher > lower)))
            elif vote.choice == "tie" or (a == b == vote.best):
                points[names].append(0.0)
            elif vote.best in (a, b):
                points[names].append(sign if vote.best == a else -sign)
    return {
        names: compare_paired(found, [0.0] * len(found)) for names, found in sorted(points.items())
    }
