"""The whole story, headless, on simulated annotators: collect, train three arms, judge, draw, report, export.

The same parts as the pages: the app itself, its API, its store, its training processes. Nothing is trained on the
hidden utility by which the versions are measured at the end. Does not know how a part works: it only tells them when.
"""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from rich.progress import Progress

from app.commands import bars, console, follow_run
from app.crowd import Collected, collect, within
from app.files import EXPORTS, DataFilter, write_lines
from app.main import create_app
from app.people import OPERATOR
from app.runs import Choice
from app.settings import Settings
from app.store import versions
from rlhb_core.errors import RunError
from rlhb_core.figures.report import Chapter, Story, write_report
from rlhb_core.run.folder import RunDir
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import ModelVersion, Run, RunStatus, Source

log = logging.getLogger(__name__)

Overrides = Mapping[Arm, Mapping[str, Any]]
"""Settings changed from an arm's recipe."""

_SMALLER = {"ppo.rollouts": 192, "ppo.minibatch": 48, "evaluation.samples": 600}
_SHORTER = {
    **_SMALLER,
    "warmup.steps": 120,
    "ppo.iterations": 30,
    "ppo.likelihood_batch": 32,
    "evaluation.judge_rollouts": 900,
    "evaluation.judge_seeds": 1,
    "evaluation.reading_seeds": 0,
}
SHORT: Overrides = {
    Arm.RLHF: {**_SMALLER, "ppo.iterations": 50},
    Arm.RLHB: _SHORTER,
    Arm.RLHF_RLHB: _SHORTER,
}
"""A little less than the recipes, so that the whole story takes two cores no more than a quarter of an hour."""


@dataclass
class Demo:
    """One demonstration under way."""

    app: FastAPI
    out: Path
    overrides: Overrides
    progress: Progress
    rounds: list[tuple[str, Collected]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    async def collect(self, who: str, queries: int, people: int, seed: int) -> None:
        """Simulated annotators use what is served now."""
        task = self.progress.add_task(f"Collecting on {who}", total=queries)
        async with within(self.app, OPERATOR) as reached:
            found = await collect(
                reached,
                queries,
                people,
                seed,
                progress=lambda done, _: self.progress.update(task, completed=done),
            )
        self.rounds.append((who, found))

    async def train(self, *arms: Arm) -> list[ModelVersion]:
        """Train these arms side by side, each a process of its own; returns their versions.

        Raises RunError if one of them does not come to its end.
        """
        training = self.app.state.training
        started = []
        for arm in arms:
            choice = Choice(
                arm=arm,
                sources=frozenset({Source.SIMULATED}),
                overrides=self.overrides.get(arm, {}),
            )
            started.append(await asyncio.to_thread(training.start, choice))
        ended = await asyncio.gather(
            *(asyncio.to_thread(follow_run, training, run, self.progress) for run in started)
        )
        for run in ended:
            if run.status is not RunStatus.DONE:
                raise RunError(
                    f"{run.arm.label} {run.status}: {run.error or 'see ' + run.folder + '/log.txt'}"
                )
        self.runs += ended
        with self.app.state.store.reading() as connection:
            return [
                next(v for v in versions.all(connection) if v.run_id == run.id) for run in ended
            ]

    def serve(self, *served: ModelVersion) -> None:
        """From now on these versions answer."""
        with self.app.state.store.writing() as connection:
            versions.deploy(connection, [version.id for version in served], note="demo")


def run_demo(
    out: Path,
    queries: int = 3000,
    seed: int = 0,
    people: int = 40,
    overrides: Overrides = SHORT,
) -> Path:
    """Run the story into a new folder; returns the path of its report.

    `queries`: per round of collecting. If `out` exists, the next free name beside it is taken, nothing is overwritten.
    """
    out = _free(out)
    settings = Settings(
        data_dir=out / "data",
        database_url=f"sqlite:///{(out / 'data' / 'rlhb.sqlite').resolve()}",
        base_model="embedded",
        max_runs=2,
        threads=1,
    )
    (out / "data").mkdir(parents=True)
    began = time.monotonic()
    with bars(console) as progress:
        demo = Demo(create_app(settings), out, overrides, progress)
        asyncio.run(_tell(demo, queries, seed, people))
    minutes = (time.monotonic() - began) / 60
    report = _write_up(demo, minutes, seed, people)
    console.print(f"{minutes:.1f} minutes")
    return report


async def _tell(demo: Demo, queries: int, seed: int, people: int) -> None:
    """Collect on SFT, train RLHF and RLHB; deploy RLHF, collect on it, train RLHF+RLHB; put all into Compare.

    RLHF+RLHB learns from both logs: answers of RLHF alone are too much alike to tell from them who likes what.
    """
    app = demo.app
    async with app.router.lifespan_context(app):
        with app.state.store.reading() as connection:
            sft = next(v for v in versions.all(connection) if v.arm is Arm.SFT)
        demo.serve(sft)
        await demo.collect("SFT", queries, people, seed)
        rlhf, rlhb = await demo.train(Arm.RLHF, Arm.RLHB)
        demo.serve(rlhf)
        await demo.collect("RLHF", queries, people, seed + 1)
        (both,) = await demo.train(Arm.RLHF_RLHB)
        demo.serve(sft, rlhf, rlhb, both)
        await asyncio.to_thread(_export, demo)


def _export(demo: Demo) -> None:
    chosen = DataFilter(sources=frozenset({Source.SIMULATED}))
    for kind, blocks in EXPORTS.items():
        write_lines(demo.out / "export" / f"{kind}.jsonl", blocks(demo.app.state.store, chosen))


def _write_up(demo: Demo, minutes: float, seed: int, people: int) -> Path:
    """report.html, results.json beside it, and the curves of every run."""
    story = Story(
        rounds=[
            (who, {"queries": c.queries, "responses": c.responses, "signals": c.signals, "votes": c.votes})
            for who, c in demo.rounds
        ],
        chapters=[Chapter(run.arm, RunDir(Path(run.folder)), run.data) for run in demo.runs],
        minutes=minutes,
        seed=seed,
        people=people,
        export=demo.out / "export",
    )  # fmt: skip
    results = story.results()
    (demo.out / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return write_report(story, demo.out)


def _free(out: Path) -> Path:
    """The folder itself if nothing is there yet, otherwise the next free name beside it."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return out
    number = 2
    while (other := out.with_name(f"{out.name}-{number}")).exists():
        number += 1
    log.info("%s is there already; this one goes into %s", out, other)
    return other
