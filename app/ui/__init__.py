"""Gradio pages: layout and handlers, one file a page; `mount_pages` puts them on the app."""

from fastapi import FastAPI

from app.ui.compare import build as build_compare
from app.ui.curves import build as build_curves
from app.ui.data import build as build_data
from app.ui.runs import build as build_runs
from app.ui.shell import mount


def mount_pages(app: FastAPI) -> None:
    """Mount every page. Compare comes last: it sits at the root and takes what nobody else took."""
    mount(app, build_runs(app), "/runs")
    mount(app, build_curves(app), "/curves")
    mount(app, build_data(app), "/data")
    mount(app, build_compare(app), "/")
