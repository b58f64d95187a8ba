"""report.html: what a whole story (collect, train, judge) came to, for someone who has never seen the project.

Takes finished run folders and counts; every number on the page is read from them. Knows neither how the data was
collected nor the web app.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

from rlhb_core.figures.curves import Figure, figures
from rlhb_core.figures.page import part, render, section, table, verdict_block, write_html
from rlhb_core.run.folder import RunDir
from rlhb_core.schema.arms import Arm

SHOWN = ("discriminator-output", "discriminator-accuracy", "reward", "kl")
"""Figures on the report itself; the others are on the run's own page."""


@dataclass(frozen=True)
class Chapter:
    """One trained arm."""

    arm: Arm
    run: RunDir
    data: str


@dataclass(frozen=True)
class Story:
    """Everything that the report tells."""

    rounds: Sequence[tuple[str, Mapping[str, int]]]
    """Who answered, and how many queries, responses, signals and votes came of it."""
    chapters: Sequence[Chapter]
    minutes: float
    seed: int
    people: int
    export: Path

    def results(self) -> dict[str, Any]:
        """The numbers of the report, for programs: results.json."""
        return {
            "simulated": True,
            "seed": self.seed,
            "simulated_people": self.people,
            "minutes": round(self.minutes, 2),
            "rounds": [{"served": who, **counts} for who, counts in self.rounds],
            "arms": {chapter.arm.value: _numbers(chapter) for chapter in self.chapters},
        }


def write_report(story: Story, out: Path) -> Path:
    """Write `out`/report.html and the curves of every run beside it; returns the report's path."""
    drawn: list[Figure] = []
    parts = [_opening(story), _rounds(story), _table(story)]
    for chapter in story.chapters:
        curves = write_html(chapter.run, out / "curves" / chapter.arm.value)
        shown = [
            replace(figure, name=f"{chapter.arm.value}-{figure.name}")
            for figure in figures(chapter.run.metrics(), chapter.run.config().ppo.kl_stop)
            if figure.name in SHOWN
        ]
        drawn += shown
        parts.append(_chapter(chapter, shown, curves.relative_to(out)))
    parts += [_triplets(story), _files(out, story)]
    page = out / "report.html"
    subtitle = (
        "Simulated annotators asked, compared, reacted and voted; three arms were trained on what they did; "
        "each was measured by a utility that no arm was trained on."
    )
    page.write_text(
        render("From behaviours to better answers", subtitle, "".join(parts), drawn), "utf-8"
    )
    return page


def _numbers(chapter: Chapter) -> dict[str, Any]:
    result = chapter.run.result() or {}
    evaluation = result.get("evaluation") or {}
    conditions = evaluation.get("conditions") or {}
    return {
        "verdict": (result.get("verdict") or {}).get("word"),
        "verdict_sentence": (result.get("verdict") or {}).get("sentence"),
        "condition": result.get("condition"),
        "sft": evaluation.get("sft"),
        **conditions.get("served", {}),
        "least_preferred": conditions.get("least preferred"),
        "untrained": evaluation.get("untrained"),
        "data": chapter.data,
    }


# --- the parts of the page --------------------------------------------------------------------------


def _opening(story: Story) -> str:
    return (
        '<p><span class="badge">Everything here is simulated</span> '
        f'<span class="badge">{story.minutes:.1f} minutes</span> <span class="badge">seed {story.seed}</span></p>'
        "<p>The model behind it is the small one shipped with the package. It knows a few hundred facts and, when it "
        "is "
        "sampled, answers in all qualities: right, wrong, evasive, polite, rude. People are simulated by a hidden "
        "utility (right, complete, polite, to the point), each with a taste, a pace and errors of their own.</p>"
    )


def _rounds(story: Story) -> str:
    rows = [
        (who, *(f"{counts[kind]:,}" for kind in ("queries", "responses", "signals", "votes")))
        for who, counts in story.rounds
    ]
    return part("What was recorded") + table(
        ("answered by", "queries", "answers", "signals", "votes"), rows
    )


def _table(story: Story) -> str:
    rows: list[Sequence[str]] = []
    for chapter in story.chapters:
        numbers = _numbers(chapter)
        if not rows and numbers["sft"]:
            rows.append(("SFT (the start)", "", "", *_shares(numbers["sft"]), ""))
        if numbers.get("against_sft") is None:
            rows.append(
                (chapter.arm.label, "not measured", "", "", "", "", "", str(numbers["verdict"]))
            )
            continue
        rows.append(_row(chapter.arm.label, numbers, str(numbers["verdict"])))
        if numbers["least_preferred"]:
            rows.append(_row("asked for the least preferred", numbers["least_preferred"], ""))
        if numbers["untrained"]:
            rows.append(_row("its start, asked for the preferred", numbers["untrained"], ""))
    return (
        part("What came of it")
        + "<p>Each version and SFT answer the same questions, sampled at temperature 1, about facts that nobody "
          "was ever asked about in training. Hidden utility decides; a tie is half a win; intervals are 95 %, by "
          "bootstrap. A version that learned from behaviours is served on the preferred one; what it answers "
          "when asked for the least preferred one, and what the text of the preferred one does before any "
          "training, stand below it.</p>"
        + table(
            ("version", "win rate against SFT", "win / tie / loss", "utility", "right", "garbled", "words", "verdict"),
            rows,
        )
    )  # fmt: skip


def _row(name: str, numbers: Mapping[str, Any], verdict: str) -> Sequence[str]:
    against = numbers["against_sft"]
    low, high = against["interval"]
    return (
        name,
        f"{against['win_rate']:.3f} [{low:.3f}, {high:.3f}]",
        f"{against['win']:.0%} / {against['tie']:.0%} / {against['loss']:.0%}",
        *_shares(numbers),
        verdict,
    )


def _shares(numbers: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return (
        f"{numbers['utility']:.2f}",
        f"{numbers['correct']:.0%}",
        f"{numbers['garbled']:.0%}",
        f"{numbers['words']:.1f}",
    )


def _chapter(chapter: Chapter, shown: Sequence[Figure], curves: Path) -> str:
    numbers = _numbers(chapter)
    condition = (
        f"<p>It is served on the preferred behaviour: “{escape(numbers['condition'])}”</p>"
        if numbers["condition"]
        else ""
    )
    least = numbers["least_preferred"]
    contrast = (
        f"<p>Asked for the least preferred behaviour instead (“{escape(least['behavior'])}”) its utility is "
        f"{least['utility']:.2f} where the preferred one gives {numbers['utility']:.2f}.</p>"
        if least
        else ""
    )
    return (
        part(chapter.arm.label)
        + f"<p>Trained on {escape(chapter.data)}.</p>{condition}{contrast}"
        + verdict_block(chapter.run)
        + f'<div class="grid">{"".join(map(section, shown))}</div>'
        + f'<p><a href="{curves.as_posix()}">All curves of this run</a></p>'
    )


def _triplets(story: Story, count: int = 6) -> str:
    rows = [
        (line["query"], line["response"], line["behavior_text"])
        for line in islice(_lines(story.export / "triplets.jsonl"), count)
    ]
    return (
        part("What a triplet looks like")
        + "<p>The first lines of the export: what was asked, what was answered, what the (simulated) reader did.</p>"
        + table(("query", "response", "behaviour"), rows)
    )


def _files(out: Path, story: Story) -> str:
    rows = [("report.html", "this page"), ("results.json", "its numbers, for programs")]
    rows += [
        (f"{story.export.relative_to(out)}/{file.name}", f"{_count(file):,} lines")
        for file in sorted(story.export.glob("*.jsonl"))
    ]
    rows += [
        (
            f"data/runs/{chapter.run.path.name}/",
            f"the run of {chapter.arm.label}: config, data, metrics, version",
        )
        for chapter in story.chapters
    ]
    rows.append(
        (
            "data/rlhb.sqlite",
            "the store; RLHB_DATA_DIR=<this folder>/data make run opens the app on it",
        )
    )
    return part("What lies in this folder") + table(("file", "what it is"), rows)  # fmt: skip


# --- small parts ------------------------------------------------------------------------------------


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    if file.exists():
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


def _count(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)
