"""The Data page: how much is recorded, what a filter lets through, download it, import what was recorded elsewhere.

Layout and handlers; the downloads are links to /api/data with the same filter, and the import is a form that
`static/bring.js` sends there. Holds no rules of its own: what a line looks like is `app.files`.
"""

import itertools
from collections.abc import Callable, Coroutine, Mapping
from contextlib import closing
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import urlencode

import gradio as gr
from fastapi import FastAPI

from app.doors.heavy import Heavy
from app.files import DataFilter, amounts, compared, start_of, taken, triplet_lines
from app.people import note_alone
from app.runs import parse_since
from app.store import AuditKind, Store, summary
from app.ui import counts
from app.ui.shell import Page, entered, page
from rlhb_core.errors import RlhbError
from rlhb_core.schema.arms import Arm, every_arm
from rlhb_core.schema.history import turns_of
from rlhb_core.schema.records import Source, Triplet

PREVIEWED = 6
"""Triplets shown on the page."""

MOST_COMPARED = 5_000
"""Votes up to which the page counts how many of them give a comparison; beyond, that would take too long."""

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
    "completions": ("TRL completions", "prompt, completion: answers to imitate, chosen or corrected, for TRL's SFT."),
}  # fmt: skip

# Our own form: Gradio's would let any file in, and look at it before we do. Until its script is there it could only
# lose what was chosen, so the button waits for that.
_BRING = """
<form class="bring">
  <input type="file" name="files" id="files" multiple required accept=".json,.jsonl,.ndjson,.csv,.toml"
    aria-label="Files to import">
  <button class="button" id="look-first" name="dry" disabled>Look first</button>
  <button class="button" id="import" disabled>Import</button>
  <div id="imported" role="status"></div>
</form>
"""

# The name in quotation marks is the event that Python listens to.
_ON_LOAD = """
import("/static/bring.js").then(({ start }) => start(element.querySelector("form"), () => trigger("imported")));
"""
LATEST_MS = 253_370_764_800_000
"""The year 9999, beyond which a stored time is none."""

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
        lead="Everything that was recorded, ready to take away as JSON lines, with what went before each question.",
        styles=("runs",),
    ) as blocks:
        cards = gr.HTML(elem_id="counts", apply_default_css=False)
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
                    [(arm.label, arm.value) for arm in every_arm()],
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
                "<h2>Import</h2><p>Triplets as they are downloaded here; what is known by itself (battles, "
                "preferences, conversations, Argilla, Label Studio, UltraFeedback); or any table together with a "
                "mapping (TOML) that names its columns. <em>Look first</em> says what would happen and stores "
                "nothing. Bad lines are named and do not stop the rest.</p>",
                apply_default_css=False,
            )
            bring = gr.HTML(html_template=_BRING, js_on_load=_ON_LOAD, apply_default_css=False)

        choice: list[Any] = [sources, since, arms, people]
        heavy: Heavy = app.state.heavy
        show = _shower(store)
        blocks.load(_counter(heavy, store), None, cards, show_progress="hidden")
        gr.on([blocks.load, *(each.change for each in choice)], show, choice, found,
              show_progress="hidden", trigger_mode="always_last")  # fmt: skip
        bring.imported(_counter_anew(heavy, store), None, cards, show_progress="hidden")
        bring.imported(show, choice, found, show_progress="hidden")
    return blocks


# --- handlers -----------------------------------------------------------------------------------------


def _counter(heavy: Heavy, store: Store) -> Callable[[gr.Request], Coroutine[Any, Any, str]]:
    async def count(request: gr.Request) -> str:
        """How much there is of each source, as cards: as it was a moment ago."""
        entered(request, "/data", "count")
        return _cards(await heavy.shared(summary.up_to_date, store))

    return count


def _counter_anew(heavy: Heavy, store: Store) -> Callable[[gr.Request], Coroutine[Any, Any, str]]:
    async def count_anew(request: gr.Request) -> str:
        """The same, as it is now."""
        entered(request, "/data", "count_anew")
        return _cards(await heavy.do(summary.up_to_date, store))

    return count_anew


def _cards(found: Mapping[Source, summary.Counts]) -> str:
    return f'<div class="cards">{"".join(_card(source, found[source]) for source in Source)}</div>'


def _card(source: Source, found: summary.Counts) -> str:
    last = f"Last asked {_moment(found.last_ms)}." if found.last_ms else "Nothing yet."
    return (
        f'<section class="panel card" data-source="{source}"><h2>{source.capitalize()}</h2>'
        f"<p>{EXPLAINED[source]} {last}</p>{counts.numbers(found)}</section>"
    )


def _shower(store: Store) -> Callable[..., str]:
    def show(
        request: gr.Request, sources: list[str], since: str, arms: list[str], with_people: bool
    ) -> str:
        """What the filter lets through: how much, the links to take it away, the first triplets."""
        who = entered(request, "/data", "show")
        if not sources:
            return '<p class="plan missing">Tick at least one kind of data.</p>'
        try:
            day = parse_since(since)
            since_ms = None if day is None else start_of(day)
        except RlhbError as error:
            return f'<p class="plan missing">{escape(str(error))}</p>'
        chosen = DataFilter(
            sources=frozenset(Source(each) for each in sources),
            since_ms=since_ms,
            arms=frozenset(Arm(each) for each in arms),
            with_people=with_people,
        )
        query = [("source", each) for each in sorted(sources)] + [("arm", each) for each in arms]
        if day is not None:
            query.append(("since", day.isoformat()))
        if with_people:
            query.append(("with_people", "true"))
            note_alone(store, who, AuditKind.EXPORT, what="a preview", data=chosen.words())
        amount = amounts(store, chosen)
        sentence = f"{amount.in_words()}."
        few = amount.votes <= MOST_COMPARED
        rest = counts.left_out(
            taken(store, chosen), amount.votes, compared(store, chosen) if few else None
        )
        if not amount.triplets:
            return f'<p class="plan missing">{sentence} Widen the filter, or ask something on Compare.</p>{rest}'
        return f'<p class="plan enough">{sentence}</p>{rest}{_links(urlencode(query))}{_preview(store, chosen)}'

    return show


def _links(query: str) -> str:
    return '<div class="downloads">{}</div>'.format(
        "".join(
            f'<a class="button" href="/api/data/{kind}.jsonl?{query}" download title="{escape(sentence)}">{name}</a>'
            for kind, (name, sentence) in DOWNLOADS.items()
        )
    )


def _preview(store: Store, chosen: DataFilter) -> str:
    with closing(triplet_lines(store, chosen)) as blocks:
        lines = next(blocks, b"").splitlines()
    shown = [Triplet.model_validate_json(line) for line in itertools.islice(lines, PREVIEWED)]
    cards = "".join(_triplet(each) for each in shown)
    return f'<h2 class="preview-title">The first of them</h2><div class="triplets">{cards}</div>'


def _triplet(triplet: Triplet) -> str:
    arm = f'<i class="dot" data-arm="{triplet.arm.label}"></i>' if triplet.arm else ""
    meta = [triplet.model_version, triplet.source, _moment_of(triplet.asked_at)]
    if triplet.history:
        meta.append(_before(triplet))
    if triplet.outcome != "ok":
        meta.append(f"outcome: {triplet.outcome}")
    if triplet.person:
        meta.append(f"person {triplet.person[:8]}")
    answer = escape(triplet.response) or "<em>no text</em>"
    return (
        f'<article class="triplet"><p class="asked" dir="auto">{escape(triplet.query)}</p><p class="answered" '
        f'dir="auto">{answer}</p>'
        f'<p class="behaved" dir="auto">{escape(triplet.behavior_text)}</p>'
        f'<p class="meta">{arm}{escape(" · ".join(filter(None, meta)))}</p></article>'
    )


def _before(triplet: Triplet) -> str:
    count = turns_of(triplet.history)
    return (
        "after 1 turn"
        if count == 1
        else f"after {count} turns"
        if count
        else "after an instruction"
    )


def _moment(ms: int) -> str:
    if ms > LATEST_MS:  # nothing that a calendar holds
        return "at a time not known"
    return f"{datetime.fromtimestamp(ms / 1000, UTC).astimezone():%-d %b %Y, %H:%M}"


def _moment_of(text: str) -> str:
    return _moment(int(datetime.fromisoformat(text).timestamp() * 1000))
