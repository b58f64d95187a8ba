"""The Results page: what people prefer and how sure that is, whether they agree, what sways them, what they do.

Layout only: `static/results.js` fills the page from /api/results.
"""

import gradio as gr
from fastapi import FastAPI

from app.ui.shell import Page, page


def build(app: FastAPI) -> Page:
    """The page's blocks."""
    with page(
        "Results",
        "results",
        lead="Which answers people prefer and how sure that is, whether they agree, what sways them, and what they do.",
        styles=("runs", "results"),
    ) as blocks:
        gr.HTML(
            "",
            elem_id="results-page",
            apply_default_css=False,
            js_on_load="import('/static/results.js').then((module) => module.start(element));",
        )
    return blocks
