"""Pages: layout and handlers, one file a page, and the files that they load; `mount_pages` puts them on the app.

Knows no SQL and no tensors; what a page does is a call to another room, the same one that the API makes.

Holds what the rest of the app may use; the rest of this folder is private.
"""

import asyncio

from fastapi import FastAPI

from app.ui.api_page import add_api_page
from app.ui.assets import Static, kinds
from app.ui.compare import build as build_compare
from app.ui.curves import build as build_curves
from app.ui.data import build as build_data
from app.ui.people_pages import add_people_pages
from app.ui.plain import refused_page
from app.ui.results import build as build_results
from app.ui.runs import build as build_runs
from app.ui.shell import mount
from app.ui.studies import add_study_pages

__all__ = [
    "Static",
    "add_api_page",
    "add_people_pages",
    "add_study_pages",
    "kinds",
    "mount_pages",
    "refused_page",
]


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
    mount(app, build_results(app), "/results")
    mount(app, build_data(app), "/data")
    mount(app, build_compare(app), "/")
