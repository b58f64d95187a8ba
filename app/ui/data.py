"""The Data page: how much is recorded, what a filter lets through, download it, import what was recorded elsewhere.

Layout and handlers; the downloads are links to /api/data with the same filter. Holds no rules of its own: what a line
looks like is `export.py`, what is taken back `importing.py`.
"""

import itertools
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import gradio as gr
from fastapi import FastAPI

from app.export import DataFilter, amounts, start_of, triplet_lines
from app.importing import ImportResult, import_file
from app.mapping import load_mapping
from app.planning import parse_since
from app.store import Store, summary
from app.ui.shell import Page, page
from rlhb_core.errors import BadRecord, RlhbError
from rlhb_core.records import Arm, Source, Triplet

PREVIEWED = 6
"""Triplets shown on the page."""

EXPLAINED = {
    Source.REAL: "People who used this server.",
    Source.SIMULATED: "Simulated annotators.",
    Source.IMPORTED: "Read from files.",
}

DOWNLOADS = {
    "triplets": ("Triplets", "Query, response, behaviour: what RLHB trains on. An import reads them back."),
    "comparisons": ("Comparisons", "Votes over the answers to one query: what the reward model trains on."),
    "preferences": ("TRL preferences", "prompt, chosen, rejected: for TRL's DPO and reward trainers."),
    "labels": ("TRL labels", "prompt, completion, label: for TRL's KTO trainer."),
}  # fmt: skip

WITH_PEOPLE = "Name the people by their ids"
WITH_PEOPLE_SENTENCE = (
    "Left out unless you ask for it: with ids, all that one person asked can be put together again."
)


def build(app: FastAPI) -> Page:
    """The page's blocks."""
    store: Store = app.state.store
    with page(
        "Data",
        "data",
        lead="Everything that was recorded, ready to take away as JSON lines.",
        styles=("runs",),
    ) as blocks:
        counts = gr.HTML(elem_id="counts", apply_default_css=False)
        with gr.Column(elem_id="take"):
            with gr.Row():
                sources = gr.CheckboxGroup(
                    [(source.value, source.value) for source in Source],
                    value=[Source.REAL.value],
                    label="Which data",
                    elem_id="data-sources",
                    scale=3,
                    min_width=320,
                )
                since = gr.Textbox(
                    label="Since",
                    placeholder="YYYY-MM-DD, or all",
                    max_lines=1,
                    scale=2,
                    min_width=160,
                )
                arms = gr.CheckboxGroup(
                    [(arm.label, arm.value) for arm in Arm],
                    label="Answers by",
                    info="None ticked: all.",
                    scale=4,
                    min_width=320,
                )
            people = gr.Checkbox(
                False, label=WITH_PEOPLE, info=WITH_PEOPLE_SENTENCE, elem_id="with-people"
            )
            found = gr.HTML(elem_id="found", apply_default_css=False)
        with gr.Column(elem_id="bring"):
            gr.HTML(
                "<h2>Import</h2><p>Triplets as JSON lines, as they are downloaded here; or CSV together with a mapping "
                "(TOML) that names its columns. Bad lines are named and do not stop the rest.</p>",
                apply_default_css=False,
            )
            files = gr.File(
                file_count="multiple",
                file_types=[".jsonl", ".csv", ".toml"],
                label="Files to import",
                show_label=False,
                height=120,
                elem_id="files",
            )
            take = gr.Button("Import", elem_id="import", scale=0)
            told = gr.HTML(elem_id="imported", apply_default_css=False)

        choice: list[Any] = [sources, since, arms, people]
        count = _counter(store)
        show = _shower(store)
        blocks.load(count, None, counts, show_progress="hidden")
        gr.on([blocks.load, *(each.change for each in choice)], show, choice, found,
              show_progress="hidden", trigger_mode="always_last")  # fmt: skip
        take.click(_taker(store), files, [told, files]).then(
            count, None, counts, show_progress="hidden"
        ).then(show, choice, found, show_progress="hidden")
    return blocks


# --- handlers -----------------------------------------------------------------------------------------


def _counter(store: Store) -> Callable[[], str]:
    def count() -> str:
        """How much there is of each source, as cards."""
        with store.reading() as session:
            found = summary.by_source(session)
        return (
            f'<div class="cards">{"".join(_card(source, found[source]) for source in Source)}</div>'
        )

    return count


def _card(source: Source, found: summary.Counts) -> str:
    numbers = (
        (found.queries, "queries"),
        (found.responses, "responses"),
        (found.signals, "signals"),
        (found.votes, "votes"),
        (found.people, "people"),
    )
    cells = "".join(f"<div><dt>{name}</dt><dd>{count:,}</dd></div>" for count, name in numbers)
    last = f"Last asked {_moment(found.last_ms)}." if found.last_ms else "Nothing yet."
    return (
        f'<section class="panel card" data-source="{source}"><h2>{source.capitalize()}</h2>'
        f"<p>{EXPLAINED[source]} {last}</p><dl>{cells}</dl></section>"
    )


def _shower(store: Store) -> Callable[..., str]:
    def show(sources: list[str], since: str, arms: list[str], with_people: bool) -> str:
        """What the filter lets through: how much, the links to take it away, the first triplets."""
        if not sources:
            return '<p class="plan missing">Tick at least one kind of data.</p>'
        try:
            day = parse_since(since)
        except RlhbError as error:
            return f'<p class="plan missing">{escape(str(error))}</p>'
        chosen = DataFilter(
            sources=frozenset(Source(each) for each in sources),
            since_ms=None if day is None else start_of(day),
            arms=frozenset(Arm(each) for each in arms),
            with_people=with_people,
        )
        query = [("source", each) for each in sorted(sources)] + [("arm", each) for each in arms]
        if day is not None:
            query.append(("since", day.isoformat()))
        if with_people:
            query.append(("with_people", "true"))
        amount = amounts(store, chosen)
        sentence = (
            f"{amount.triplets:,} triplets and {amount.votes:,} votes from {amount.people:,} "
            f"{'person' if amount.people == 1 else 'people'}."
        )
        if not amount.triplets:
            return f'<p class="plan missing">{sentence} Widen the filter, or ask something on Compare.</p>'
        return f'<p class="plan enough">{sentence}</p>{_links(urlencode(query))}{_preview(store, chosen)}'

    return show


def _links(query: str) -> str:
    return '<div class="downloads">{}</div>'.format(
        "".join(
            f'<a class="button" href="/api/data/{kind}.jsonl?{query}" download title="{escape(sentence)}">{name}</a>'
            for kind, (name, sentence) in DOWNLOADS.items()
        )
    )


def _preview(store: Store, chosen: DataFilter) -> str:
    with closing(triplet_lines(store, chosen)) as blocks:  # type: ignore[type-var]
        lines = next(blocks, b"").splitlines()
    shown = [Triplet.model_validate_json(line) for line in itertools.islice(lines, PREVIEWED)]
    cards = "".join(_triplet(each) for each in shown)
    return f'<h2 class="preview-title">The first of them</h2><div class="triplets">{cards}</div>'


def _triplet(triplet: Triplet) -> str:
    arm = f'<i class="dot" data-arm="{triplet.arm.label}"></i>' if triplet.arm else ""
    meta = [triplet.model_version, triplet.source, _moment_of(triplet.asked_at)]
    if triplet.outcome != "ok":
        meta.append(f"outcome: {triplet.outcome}")
    if triplet.person:
        meta.append(f"person {triplet.person[:8]}")
    answer = escape(triplet.response) or "<em>no text</em>"
    return (
        f'<article class="triplet"><p class="asked" dir="auto">{escape(triplet.query)}</p><p class="answered" dir="auto">{answer}</p>'
        f'<p class="behaved" dir="auto">{escape(triplet.behavior_text)}</p>'
        f'<p class="meta">{arm}{escape(" · ".join(filter(None, meta)))}</p></article>'
    )


def _taker(store: Store) -> Callable[[list[str] | None], tuple[str, Any]]:
    def take(uploads: list[str] | None) -> tuple[str, Any]:
        """Import the uploaded files and say what came of it; the uploads are removed."""
        if not uploads:
            return '<p class="plan missing">Choose a file first.</p>', gr.update()
        paths = [Path(upload) for upload in uploads]
        try:
            with tempfile.TemporaryDirectory() as folder:
                together = [Path(shutil.copy(path, folder)) for path in paths]
                result = _import(store, together)
        except RlhbError as error:
            return f'<p class="plan missing">{escape(str(error))}</p>', gr.update()
        finally:
            for path in paths:
                path.unlink(missing_ok=True)
        return _result(result), gr.update(value=None)

    return take


def _import(store: Store, paths: list[Path]) -> ImportResult:
    """Import the one file among these; the others may be its mapping and the file that the mapping joins."""
    mapping = next((path for path in paths if path.suffix == ".toml"), None)
    joined = load_mapping(mapping).joined if mapping else None
    rest = [path for path in paths if path != mapping and not (joined and path.name == joined.file)]
    if len(rest) != 1:
        raise BadRecord(
            "choose one file to import, and for CSV its mapping and the file that the mapping joins"
        )
    return import_file(store, rest[0], mapping)


def _result(result: ImportResult) -> str:
    tone = "missing" if result.failed else "enough"
    errors = "".join(f"<li>{escape(str(error))}</li>" for error in result.errors[:50])
    more = f"<li>and {result.failed - 50:,} more</li>" if result.failed > 50 else ""
    listed = f'<ul class="bad-lines">{errors}{more}</ul>' if errors else ""
    return f'<p class="plan {tone}" role="status">{escape(result.words())}.</p>{listed}'


def _moment(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC).astimezone():%-d %b %Y, %H:%M}"


def _moment_of(text: str) -> str:
    return _moment(int(datetime.fromisoformat(text).timestamp() * 1000))
