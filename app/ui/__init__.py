"""Gradio pages: layout and handlers, one file a page; `mount_pages` puts them on the app."""

import asyncio

from fastapi import FastAPI

from app.ui.compare import build as build_compare
from app.ui.curves import build as build_curves
from app.ui.data import build as build_data
from app.ui.runs import build as build_runs
from app.ui.shell import mount


def mount_pages(app: FastAPI) -> None:
    """Mount every page.

    Where no event loop runs, Gradio makes one for every lock it needs and never closes it: so they are built in one.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(_mount_in_loop(app))
    else:
        _mount(app)


async def _mount_in_loop(app: FastAPI) -> None:
    _mount(app)


def _mount(app: FastAPI) -> None:
    """Compare comes last: it sits at the root and takes what nobody else took."""
    mount(app, build_runs(app), "/runs")
    mount(app, build_curves(app), "/curves")
    mount(app, build_data(app), "/data")
    mount(app, build_compare(app), "/")
