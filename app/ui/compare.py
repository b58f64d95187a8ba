"""The Compare page: three answers side by side, names hidden until the vote.

Holds the handlers that stream snapshots of a comparison to the page (its HTML: `compare_layout.py`). What happens there
(drawing snapshots, votes, acts, tracking, keys) is in `static/compare/`; votes and acts come back as signals through
`/api/signals`. Does not know how answers are made (`app/comparing/`).
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import gradio as gr
from fastapi import FastAPI

from app.comparing import Comparing
from app.store import Store, queries
from app.ui.compare_layout import layout
from app.ui.shell import Page, entered, page
from rlhb_core.errors import RlhbError
from rlhb_core.schema.records import EMBEDDED, Query

log = logging.getLogger(__name__)

FAILED = "Something went wrong in the server; its log says what. Try once more."


# The names in quotation marks are the events that Python listens to.
_ON_LOAD = """
const send = (name) => (data) => trigger(name, data);
import("/static/compare/main.js").then(({ mount }) => mount(element.querySelector(".compare"), {
  watch: (callback) => watch("value", () => callback(props.value)),
  ask: send("ask"), restore: send("restore"), regenerate: send("regenerate"), carryOn: send("carry_on"),
}));
"""


def build(app: FastAPI) -> Page:
    """The page; its handlers use `app.state.comparing` and `app.state.store`."""
    embedded = app.state.settings.base_model == EMBEDDED
    with page(
        "Compare",
        "compare",
        heading="Which answer would you rather have?",
        lead="Ask something: three versions answer at once, names hidden. Read as you normally would, then choose.",
        styles=("compare", "answer", "formats", "thread"),
    ) as blocks:
        stage = gr.HTML(
            html_template=layout(embedded),
            js_on_load=_ON_LOAD,
            apply_default_css=False,
            elem_id="stage",
        )
        handlers = Handlers(app)
        for name in ("ask", "restore", "regenerate", "carry_on"):
            getattr(stage, name)(
                getattr(handlers, name),
                outputs=stage,
                show_progress="hidden",
                trigger_mode="multiple",
                concurrency_limit=None,
                api_visibility="private",
            )
    return blocks


class Handlers:
    """The events of the page. Each yields {"token", "view", "error"}; the token is the browser's, to match them."""

    def __init__(self, app: FastAPI) -> None:
        self.comparing: Comparing = app.state.comparing
        self.store: Store = app.state.store

    async def ask(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[dict[str, Any]]:
        """Ask a query and follow its answers."""
        data, person_id = event._data, entered(request, "/", "ask").recorded()
        try:
            before = (_uuid(data.get(name)) for name in ("previous", "follows", "from_response"))
            query_id = await self.comparing.ask(person_id, str(data["text"]), *before)
            async for snapshot in self._follow(data["token"], query_id, person_id):
                yield snapshot
        except RlhbError as error:
            yield _snapshot(data["token"], error=str(error))
        except Exception:
            log.exception("a query could not be asked")
            yield _snapshot(data["token"], error=FAILED)

    async def restore(
        self, event: gr.EventData, request: gr.Request
    ) -> AsyncIterator[dict[str, Any]]:
        """Follow what this tab showed before a refresh, or the comparison the person left open."""
        data, person_id = event._data, entered(request, "/", "restore").recorded()
        query_id = _uuid(data.get("query_id")) or await self._left_open(person_id)
        if query_id is None:
            yield _snapshot(data["token"])
            return
        try:
            async for snapshot in self._follow(data["token"], query_id, person_id):
                yield snapshot
        except RlhbError:  # erased since, or another person's: begin afresh
            yield _snapshot(data["token"])

    async def regenerate(
        self, event: gr.EventData, request: gr.Request
    ) -> AsyncIterator[dict[str, Any]]:
        """Have one answer written anew and follow it."""
        data, person_id = event._data, entered(request, "/", "regenerate").recorded()
        query_id, response_id = UUID(data["query_id"]), UUID(data["response_id"])
        try:
            await self.comparing.regenerate(response_id, person_id)
            async for snapshot in self._follow(data["token"], query_id, person_id):
                yield snapshot
        except RlhbError as error:
            yield _snapshot(data["token"], error=str(error))
        except Exception:
            log.exception("an answer could not be regenerated")
            yield _snapshot(data["token"], error=FAILED)

    async def carry_on(
        self, event: gr.EventData, request: gr.Request
    ) -> AsyncIterator[dict[str, Any]]:
        """Have an answer that was cut go on where it stands, and follow it."""
        data, person_id = event._data, entered(request, "/", "carry_on").recorded()
        query_id, response_id = UUID(data["query_id"]), UUID(data["response_id"])
        try:
            await self.comparing.carry_on(response_id, person_id)
            async for snapshot in self._follow(data["token"], query_id, person_id):
                yield snapshot
        except RlhbError as error:
            yield _snapshot(data["token"], error=str(error))
        except Exception:
            log.exception("an answer could not be continued")
            yield _snapshot(data["token"], error=FAILED)

    async def _follow(
        self, token: str, query_id: UUID, person_id: UUID
    ) -> AsyncIterator[dict[str, Any]]:
        async for view in self.comparing.follow(query_id, person_id):
            yield _snapshot(token, view.model_dump(mode="json"))

    async def _left_open(self, person_id: UUID) -> UUID | None:
        latest = await asyncio.to_thread(self._latest, person_id)
        if latest is None:
            return None
        view = await self.comparing.view(latest.id, person_id)
        return None if view.vote.choice else latest.id

    def _latest(self, person_id: UUID) -> Query | None:
        with self.store.reading() as connection:
            return queries.latest_of(connection, person_id)


def _snapshot(token: str, view: dict[str, Any] | None = None, error: str = "") -> dict[str, Any]:
    # The token as text: what goes out here passes Gradio, which takes some objects for files of this machine.
    return {"token": str(token), "view": view, "error": error}


def _uuid(value: object) -> UUID | None:
    return UUID(str(value)) if value else None
