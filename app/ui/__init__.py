"""Gradio pages: layout and handlers, one file a page; `mount_pages` puts them on the app."""

from fastapi import FastAPI

from app.ui import compare, curves, data, runs
from app.ui.shell import mount


def mount_pages(app: FastAPI) -> None:
    """Mount every page. Compare comes last: it sits at the root and takes what nobody else took."""
    mount(app, runs.build(app), "/runs")
    mount(app, curves.build(app), "/curves")
    mount(app, data.build(app), "/data")
    mount(app, compare.build(app), "/")
