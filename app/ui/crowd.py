"""The panel of the Runs page with which simulated annotators are let loose, for when no people have been there yet.

Layout and handler; what they do is `app.simulate`, and all of it is stored as source = simulated.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from html import escape

import gradio as gr
from fastapi import FastAPI

from app.simulate import collect
from app.store import versions
from rlhb_core import embedded
from rlhb_core.errors import RlhbError

MOST = 5_000
"""Most queries in one go."""


def panel(app: FastAPI) -> gr.HTML:
    """Put the panel on the page; returns the line that says what came of it, so that the plan can follow."""
    with gr.Accordion(
        "No people yet? Let simulated annotators use it", open=False, elem_id="crowd"
    ):
        gr.HTML(
            "<p>Twenty simulated annotators put queries of the embedded world to the versions in Compare, read, react "
            "and vote, through the same API as people. All of it is stored as <i>simulated</i> and left out of "
            "training and export unless you tick that box.</p>",
            apply_default_css=False,
        )
        with gr.Row(elem_classes="start-row"):
            count = gr.Number(
                300, label="Queries", minimum=1, maximum=MOST, precision=0, elem_id="crowd-queries"
            )
            said = gr.HTML("", elem_id="crowd-said", apply_default_css=False)
            go = gr.Button("Let them ask", elem_id="crowd-go", scale=0)
    go.click(_runner(app), count, said, show_progress="hidden", concurrency_limit=1)
    return said


def _runner(app: FastAPI) -> Callable[[float | None], AsyncIterator[str]]:
    async def run(count: float | None) -> AsyncIterator[str]:
        """Collect, telling how far it has come."""
        queries = int(count or 0)
        if not 1 <= queries <= MOST:
            yield _said(f"Choose between 1 and {MOST:,} queries.", "missing")
            return
        if not _embedded_is_served(app):
            yield _said(
                "Simulated annotators can judge the embedded model only; it is not in Compare now.",
                "missing",
            )
            return
        done = 0

        def note(now: int, _: int) -> None:
            nonlocal done
            done = now

        work = asyncio.create_task(
            collect(app, queries, seed=secrets.randbelow(2**31), progress=note)
        )
        try:
            while not work.done():
                yield _said(f"{done:,} of {queries:,} queries …", "going")
                await asyncio.wait([work], timeout=0.5)
            found = work.result()
        except RlhbError as error:
            yield _said(str(error), "missing")
            return
        finally:
            work.cancel()
        yield _said(
            f"{found.queries:,} queries, {found.responses:,} answers, {found.signals:,} signals and "
            f"{found.votes:,} votes are stored as simulated.",
            "enough",
        )

    return run


def _embedded_is_served(app: FastAPI) -> bool:
    with app.state.store.reading() as session:
        bases = {version.base for version in versions.served(session)}
    return bases == {str(embedded.base_path())}


def _said(sentence: str, tone: str) -> str:
    return f'<p class="plan {tone}" role="status">{escape(sentence)}</p>'
