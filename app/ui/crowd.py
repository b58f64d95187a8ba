"""The panel of the Runs page with which simulated annotators are let loose, for when no people have been there yet.

Layout and handler; what they do is `app.crowd`, through the same HTTP API as `rlhb simulate` and as people.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from html import escape

import gradio as gr
from fastapi import FastAPI

from app.crowd import Collected, collect, within
from app.ui.shell import entered
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
            # Bounds are told in place by the handler: the component's own would be a pop-up that soon goes away.
            count = gr.Number(300, label="Queries", precision=0, elem_id="crowd-queries")
            said = gr.HTML("", elem_id="crowd-said", apply_default_css=False)
            go = gr.Button("Let them ask", elem_id="crowd-go", scale=0)
    go.click(_runner(app), count, said, show_progress="hidden", concurrency_limit=1)
    return said


def _runner(app: FastAPI) -> Callable[[gr.Request, float | None], AsyncIterator[str]]:
    async def let_them_ask(request: gr.Request, count: float | None) -> AsyncIterator[str]:
        """Collect, telling how far it has come."""
        who = entered(request, "/runs", "let_them_ask")
        queries = int(count or 0)
        if not 1 <= queries <= MOST:
            yield _said(f"Choose between 1 and {MOST:,} queries.", "missing")
            return
        done = 0

        def note(now: int, _: int) -> None:
            nonlocal done
            done = now

        async def work_through() -> Collected:
            async with within(app, who) as reached:
                return await collect(reached, queries, seed=secrets.randbelow(2**31), progress=note)

        work = asyncio.create_task(work_through())
        try:
            while not work.done():
                yield _said(f"{done:,} of {queries:,} queries …", "going")
                await asyncio.wait([work], timeout=0.5)
            found = work.result()
        except RlhbError as error:
            sentence = str(error)
            yield _said(f"{sentence[0].upper()}{sentence[1:]}.", "missing")
            return
        finally:
            work.cancel()
        yield _said(
            f"{found.queries:,} queries, {found.responses:,} answers, {found.signals:,} signals and "
            f"{found.votes:,} votes are stored as simulated.",
            "enough",
        )

    return let_them_ask


def _said(sentence: str, tone: str) -> str:
    return f'<p class="plan {tone}" role="status">{escape(sentence)}</p>'
