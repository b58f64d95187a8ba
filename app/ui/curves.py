"""The Curves page: how a run went, in words and curves, live while it goes on.

Layout only: `static/curves.js` fills the page from /api/runs and updates the plots in place, so that a zoom stays.
(Gradio's own plot component replaces its element on every update.)
"""

import gradio as gr
from fastapi import FastAPI

from app.ui.shell import Page, page


def build(app: FastAPI) -> Page:
    """The page's blocks."""
    with page(
        "Curves",
        "curves",
        lead="How a run went: the verdict in words first, then the curves that it rests on.",
        styles=("runs",),
    ) as blocks:
        gr.HTML(
            "",
            elem_id="curves-page",
            apply_default_css=False,
            js_on_load="import('/static/curves.js').then((module) => module.start(element));",
        )
    return blocks
