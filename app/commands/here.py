"""What the subcommands do with the data folder that is here. Prints for people."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from uuid import UUID

from rich.console import Console
from rich.progress import Progress

from app import data_folder
from app.commands.progress import bars
from app.people import OPERATOR, note_alone
from app.runs import Training
from app.settings import Settings
from app.store import (
    FREE,
    AuditKind,
    Store,
    StoreError,
    UnknownReference,
    missing_wal,
    refuse_other_schema,
    runs,
    studies,
    verify,
)
from rlhb_core.errors import RunError
from rlhb_core.run.folder import RunDir
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import Run, RunStatus, Source

console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)  # paths as they are


@contextmanager
def opened(settings: Settings, must_exist: bool = False) -> Iterator[Store]:
    """The store, closed again at the end. Beside a live server of another release its schema is left alone.

    `must_exist`: for commands that only read, so that a mistyped folder is told of rather than made.
    """
    live = data_folder.live_beside(settings)
    if live or must_exist:
        looking = Store.look(settings.database)
        try:
            if live:
                refuse_other_schema(looking, str(live))
        finally:
            looking.close()
    store = Store.open(settings.database)
    try:
        yield store
    finally:
        store.close()


def train_and_follow(
    settings: Settings,
    *,
    arm: Arm | None,
    sources: Sequence[Source],
    since: str,
    recipe: str,
    parent: str,
    overrides: Sequence[str],
    resume: str,
    include_unblinded: bool = False,
) -> None:
    """Start or resume a run, show its progress until it ends, and say what came of it."""
    from app.runs import Choice, parse_overrides, parse_since
    from app.serving import register_base

    with opened(settings) as store:
        register_base(store, settings)
        training = Training(store, settings)
        if arm is None:
            run = training.resume(find_run(store, resume).id)
            note_alone(store, OPERATOR, AuditKind.RUN, resumed=str(run.id), arm=run.arm)
        else:
            choice = Choice(
                arm=arm,
                sources=frozenset(sources),
                since=parse_since(since),
                recipe=recipe,
                parent=parent,
                overrides=parse_overrides(overrides),
                include_unblinded=include_unblinded,
            )
            console.print(training.propose(choice).sentence)
            run = training.start(choice)
            note_alone(store, OPERATOR, AuditKind.RUN, started=str(run.id), arm=run.arm)
        try:
            with bars(console) as progress:
                run = follow_run(training, run, progress)
        except KeyboardInterrupt:
            training.stop(run.id)
            note_alone(store, OPERATOR, AuditKind.RUN, stopped=str(run.id), arm=run.arm)
            console.print(f"Stopping at the next step; go on with: rlhb train --resume {run.id}")
            raise SystemExit(130) from None
        finally:
            training.close()
        if run.status is not RunStatus.DONE:
            raise RunError(f"the run {run.status}: {run.error or 'see ' + run.folder + '/log.txt'}")
        console.print(f"Done: {run.verdict}. Curves: rlhb figures {run.id}")


def follow_run(training: Training, run: Run, progress: Progress) -> Run:
    """Show a run's progress until it has ended; returns it as it ended."""
    task = progress.add_task(run.arm.label, total=100)
    while run.status in (RunStatus.QUEUED, RunStatus.RUNNING):
        sleep(0.5)
        training.sync()
        run = training.get(run.id)
        at = training.progress(run)
        if run.status is RunStatus.QUEUED:
            progress.update(task, description=f"{run.arm.label}: waiting for its turn")
        elif at is None:
            progress.update(task, description=f"{run.arm.label}: loading the model")
        else:
            progress.update(
                task,
                description=f"{run.arm.label}: {at['stage']} {at['step']}/{at['total']}",
                completed=round(100 * at["share"]),
            )
    if run.status is RunStatus.DONE:
        progress.update(task, description=f"{run.arm.label}: {run.verdict}", completed=100)
    return run


def find_run(store: Store, name: str) -> Run:
    """A run by its id, the beginning of its id, or its folder. Raises RunError."""
    with store.reading() as connection:
        found = [
            run
            for run in runs.all(connection)
            if str(run.id).startswith(name) or Path(run.folder) == Path(name).resolve()
        ]
    if len(found) != 1:
        raise RunError(
            f"{len(found) or 'no'} runs match {name!r}; the Runs page and GET /api/runs list their ids"
        )
    return found[0]


def export_lines(
    settings: Settings,
    kind: str,
    out: Path | None,
    sources: Sequence[Source],
    since: str,
    with_people: bool,
    with_excluded: bool,
    include_unblinded: bool = False,
) -> None:
    """Write one of the exports to a file or to the screen."""
    from app.files import EXPORTS, DataFilter, amounts, write_lines

    chosen = DataFilter(
        sources=frozenset(sources),
        since_ms=since_ms(since),
        with_people=with_people,
        with_excluded=with_excluded,
        with_unblinded=include_unblinded,
    )
    with opened(settings, must_exist=True) as store:
        try:
            note_alone(store, OPERATOR, AuditKind.EXPORT, what=kind, data=chosen.words())
        except StoreError as error:  # a full disk is when exports are needed most
            console.print(f"This could not be noted in the audit log: {error}")
        blocks = EXPORTS[kind](store, chosen)
        if out is None:
            lines, where = 0, "standard output"
            for block in blocks:
                sys.stdout.buffer.write(block)
                lines += block.count(b"\n")
        else:
            store.refuse_own_file(out)
            lines, where = write_lines(out, blocks), str(out)
        if out is not None or not lines:  # what fills a pipe needs no words
            console.print(f"{lines:,} {kind} ({chosen.words()}) written to {where}")
        if not lines:
            for source in sorted(frozenset(Source) - chosen.sources):
                if count := amounts(store, DataFilter(sources=frozenset({source}))).triplets:
                    console.print(f"There are {count:,} {source} ones: --source {source}")


def import_file(
    settings: Settings, file: Path, mapping: Path | None, encoding: str, dry: bool = False
) -> None:
    """Read a file into the store, or say what that would do; bad lines are named. Exit status 1 if nothing could be
    taken.
    """
    from app import files

    with opened(settings) as store:
        for each in filter(None, (file, mapping)):
            store.refuse_own_file(each)
        if not dry:
            note_alone(store, OPERATOR, AuditKind.IMPORT, begun=2 if mapping else 1)
        result = files.import_file(store, file, mapping, encoding, dry)
        if not dry:
            note_alone(
                store, OPERATOR, AuditKind.IMPORT,
                imported=result.imported, skipped=result.skipped, failed=result.failed,
            )  # fmt: skip
    for line in result.errors[:20]:
        console.print(str(line))
    if result.failed > 20:
        console.print(f"and {result.failed - 20} more bad {result.what}s")
    console.print(result.words())
    if result.failed and not (result.imported or result.skipped):
        raise SystemExit(1)


def bring_items(settings: Settings, study: str, path: Path, encoding: str) -> None:
    """Bring the questions of a file or a folder into a study. Exit status 1 if nothing could be taken."""
    from app.studies import fill_from_file

    with opened(settings, must_exist=True) as store:
        store.refuse_own_file(path)
        found = find_study(store, study)
        filled = fill_from_file(store, found, path, encoding)
        note_alone(store, OPERATOR, AuditKind.STUDY, study=str(found), changed=["items"])
    for number, message in filled.bad[:20]:
        console.print(f"line {number}: {message}")
    if filled.failed > 20:
        console.print(f"and {filled.failed - 20} more bad lines")
    console.print(filled.sentence)
    if filled.failed and not (filled.added or filled.known):
        raise SystemExit(1)


def find_study(store: Store, study: str) -> UUID:
    """A study by its name or its id. Raises UnknownReference with the names that there are."""
    with store.reading() as connection:
        there = {each.name: each.id for each in studies.all(connection) if each.id != FREE}
    by_id = {str(each): each for each in there.values()}
    found = there.get(study) or by_id.get(study)
    if found is None:
        names = ", ".join(sorted(there)) or "none yet; make one on the page Studies"
        raise UnknownReference(f"there is no study {study!r} here; there are: {names}")
    return found


def verify_store(settings: Settings) -> None:
    """Say what is wrong with the database, if anything is. Only looks, so that a live server does not notice."""
    live = data_folder.live_beside(settings)
    problems = list(missing_wal(settings.sqlite_file, str(live))) if live else []
    if not problems:  # opening it would make a new file in its place
        store = Store.look(settings.database)
        try:
            problems = verify(store)
        finally:
            store.close()
    for problem in problems:
        console.print(f"{problem.check}: {problem.message}")
    beside = f" (a server is live: {live})" if live else ""
    if not problems:
        console.print(f"The database is sound{beside}.")
        return
    console.print(
        f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'} found{beside}"
    )
    raise SystemExit(1)


def write_figures(settings: Settings, name: str, out: Path, png: bool) -> None:
    """The curves of a run as files."""
    from rlhb_core.figures.page import write_html, write_png

    folder = Path(name)
    if not (folder / "config.json").exists():
        with opened(settings, must_exist=True) as store:
            folder = Path(find_run(store, name).folder)
    run = RunDir(folder)
    console.print(f"written: {write_html(run, out)}")
    for path in write_png(run, out) if png else []:
        console.print(f"written: {path}")


def run_simulation(
    settings: Settings, queries: int, people: int, seed: int, server: str, token: str = ""
) -> None:
    """Simulated annotators use what is served now."""
    from app.crowd import collect, reach

    async def run() -> None:
        async with reach(settings, server, token) as reached:
            console.print(f"Through {reached.where}")
            with bars(console) as progress:
                task = progress.add_task("Simulated annotators", total=queries)
                found = await collect(
                    reached,
                    queries,
                    people,
                    seed,
                    progress=lambda done, _: progress.update(task, completed=done),
                )
        console.print(
            f"Stored as source = simulated: {found.queries:,} queries, {found.responses:,} responses, "
            f"{found.signals:,} signals, {found.votes:,} votes"
        )

    asyncio.run(run())


def run_engine(settings: Settings) -> None:
    """The model process of the base model, here and now, until interrupted. Raises BadConfig."""
    from app.engine.options import check_listen, options_of
    from app.engine.server import run

    check_listen(settings)
    console.print(f"answering for {settings.base_model} at {settings.engine_url}")
    run(options_of(settings, settings.base_model, settings.engine_url))


def since_ms(day: str) -> int | None:
    """The moment at which a day begins, in UTC; None for all."""
    from app.runs import parse_since

    found = parse_since(day)
    if found is None:
        return None
    return int(datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp() * 1000)
