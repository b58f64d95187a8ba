"""The report of the reproduction: report.html, one PNG a picture, results.json and its numbers as a table, numbers.md.

Everything on the page is read from the records of the seeds; `notes.md` beside this file tells, in words,
what did not work.
"""

from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from statistics import fmean
from typing import Any

from rlhb_core.figures.page import draw_pictures, part, render, section, table
from rlhb_core.reproduction.drawing import label
from rlhb_core.reproduction.pictures import pictures
from rlhb_core.reproduction.records import SeedRecord
from rlhb_core.reproduction.results import INTERVALS, as_markdown, as_rows, interval, results
from rlhb_core.run.folder import write_json


def write_report(
    seeds: Sequence[SeedRecord], out: Path, png: bool, people: Mapping[str, Any] | None = None
) -> Path:
    """Write the report of these seeds into `out`; returns the page. `people`: real votes between arms,
    if there are any.
    """
    out.mkdir(parents=True, exist_ok=True)
    found = results(seeds)
    write_json(out / "results.json", found)
    (out / "numbers.md").write_text(as_markdown(found), "utf-8")
    drawn = pictures(seeds)
    body = "".join(
        (
            _opening(seeds),
            _bars(found),
            _arms(seeds),
            _people(people),
            part("Pictures") + f'<div class="grid">{"".join(map(section, drawn))}</div>',
            _verdicts(seeds),
            _samples(seeds),
            _notes(),
        )
    )
    subtitle = (
        "All arms and baselines on the same simulated logs, judged blind on facts that nobody was ever asked about in "
        "training, by a hidden utility that no arm was trained on."
    )
    page = out / "report.html"
    page.write_text(
        render("The paper's results, on the embedded world", subtitle, body, drawn), "utf-8"
    )
    if png:
        draw_pictures(drawn, out)
    return page


def _opening(seeds: Sequence[SeedRecord]) -> str:
    minutes = ", ".join(f"{record['minutes']:.0f}" for record in seeds)
    names = ", ".join(str(record["seed"]) for record in seeds)
    rehearsed = any(record["rehearsal"] for record in seeds)
    return (
        '<p><span class="badge">Everything here is simulated</span> '
        f'<span class="badge">seeds {escape(names)}</span> '
        f'<span class="badge">{escape(minutes)} minutes</span></p>'
        + (
            "<p>This is a rehearsal: everything ran, nothing was learned, the numbers mean nothing.</p>"
            if rehearsed
            else ""
        )
        + "<p>Made by <code>rlhb reproduce</code> on the small model that is shipped with the package.</p>"
    )


def _bars(found: Mapping[str, Any]) -> str:
    rows = [rest for _, *rest in as_rows(found)]
    return (
        part("The numbers")
        + f"<p>{INTERVALS}</p>"
        + table(("what", "mean", "seeds", "bar", ""), rows)
    )


def _arms(seeds: Sequence[SeedRecord]) -> str:
    tables = [record["table"] for record in seeds if "table" in record]
    if not tables:
        return ""
    names = [name for name in tables[0]["policies"] if all(name in t["policies"] for t in tables)]
    rows = []
    for name in names:
        shares = [each["policies"][name] for each in tables]

        def mean(key: str, shares: Sequence[Mapping[str, float]] = shares) -> float:
            return fmean(each[key] for each in shares)

        against = [t["by_utility"][f"{name} | sft"] for t in tables] if name != "sft" else []
        voted = [t["by_votes"][f"{name} | sft"] for t in tables] if name != "sft" else []
        rows.append(
            (
                label(name),
                _rate(against),
                _rate(voted),
                f"{mean('utility'):.2f}",
                f"{mean('correct'):.0%}",
                f"{mean('garbled'):.0%}",
                f"{mean('polite'):.0%}",
                f"{mean('words'):.1f}",
                f"{mean('distinct_2'):.2f}",
            )
        )
    return (
        part("Every arm and baseline")
        + "<p>As each version is served, sampled at temperature 1. Best of n draws n answers of SFT and keeps the one "
        "that the named scorer likes best. The likelihood warm-up is the baseline that RLHB has to beat.</p>"
        + table(
            ("version", "win rate against SFT", "the same by votes", "utility", "right", "garbled", "polite",
             "words", "distinct-2"),
            rows,
        )
    )  # fmt: skip


def _rate(found: Sequence[Mapping[str, Any]]) -> str:
    if not found:
        return ""
    values = [float(each["win_rate"]) for each in found]
    bounds = interval(values) or found[0]["interval"]
    return f"{fmean(values):.3f} [{bounds[0]:.3f}, {bounds[1]:.3f}]"


def _people(people: Mapping[str, Any] | None) -> str:
    if not people:
        return (
            part("By people")
            + "<p>No votes of people were given. <code>rlhb reproduce --votes FILE</code> takes them from "
            "<code>rlhb export comparisons</code>.</p>"
        )
    rows = [
        (
            pair,
            f"{one['win']:.0%} / {one['tie']:.0%} / {one['loss']:.0%}",
            _rate([one]),
            str(one["n"]),
        )
        for pair, one in people.items()
    ]
    return part("By people") + table(("arms", "win / tie / loss", "win rate", "votes"), rows)


def _verdicts(seeds: Sequence[SeedRecord]) -> str:
    rows = [
        (run["sentence"], str(record["seed"]), run["verdict"]["word"], run["verdict"]["sentence"])
        for record in seeds
        for run in record["runs"].values()
    ]
    return part("Verdicts") + table(("run", "seed", "verdict", "why"), rows)


def _samples(seeds: Sequence[SeedRecord]) -> str:
    rows = [
        (run["sentence"], one["query"], one["before"], one["after"])
        for run in (seeds[0]["runs"].values() if seeds else ())
        if run["group"] == "arms"
        for one in run["samples"][:2]
    ]
    return part("Some answers") + table(("run", "query", "before", "after"), rows)


def _notes() -> str:
    text = (resources.files("rlhb_core") / "reproduction" / "notes.md").read_text("utf-8")
    items = [line[2:] for line in text.splitlines() if line.startswith("* ")]
    return (
        part("What did not work")
        + "<ul>"
        + "".join(f"<li>{escape(one)}</li>" for one in items)
        + "</ul>"
    )
