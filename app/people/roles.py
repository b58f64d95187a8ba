"""Who may do what: one table of every route, page and event with the role that it takes at least.

What stands in no line is for administrators only. Alone on loopback everybody is one, so that nothing is refused there.
Knows routes by their addresses; a test holds the table against those that the app has.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from starlette.routing import compile_path

from app.store import Role

ANYONE = None
"""Whoever comes, signed in or not."""
Least = Role | None

_WORKER, _ANNOTATOR, _RESEARCHER, _ADMINISTRATOR = Role

ROUTES: Mapping[str, Least] = {
    # what stands before the door
    "GET /api/health": ANYONE,
    "GET /static/{file:path}": ANYONE,
    "GET /sign-in": ANYONE,
    "GET /join": ANYONE,
    "POST /api/sign-in": ANYONE,
    "POST /api/join": ANYONE,
    "POST /api/join/look": ANYONE,
    "GET /work": ANYONE,
    "POST /api/work": ANYONE,
    "POST /api/openid": ANYONE,
    "GET /api/openid/back": ANYONE,
    # oneself
    "GET /you": _WORKER,
    "GET /docs": _ANNOTATOR,
    "GET /openapi.json": _ANNOTATOR,
    "POST /api/sign-out": _WORKER,
    "GET /api/sessions": _WORKER,
    "DELETE /api/sessions": _WORKER,
    "DELETE /api/sessions/{session_id}": _WORKER,
    "GET /api/me": _WORKER,
    "PATCH /api/me": _WORKER,
    "PUT /api/me/password": _ANNOTATOR,
    "GET /api/me/data": _WORKER,
    "POST /api/me/erase": _WORKER,
    "GET /api/me/consent": _WORKER,
    "POST /api/me/consent": _WORKER,
    "GET /api/me/drafts": _WORKER,
    "PUT /api/me/drafts/{about}": _WORKER,
    # asking and voting
    "POST /api/signals": _WORKER,
    "POST /api/comparisons": _ANNOTATOR,
    "GET /api/comparisons": _WORKER,
    "GET /api/comparisons/{query_id}": _WORKER,
    "GET /api/comparisons/{query_id}/thread": _WORKER,
    "POST /api/responses/{response_id}/regenerate": _WORKER,
    "POST /api/responses/{response_id}/continue": _WORKER,
    "GET /studies": _WORKER,
    "GET /api/studies": _WORKER,
    "POST /api/studies/{study_id}/next": _WORKER,
    "GET /api/studies/{study_id}/guidelines": _WORKER,
    # research
    "GET /studies/{study_id}": _RESEARCHER,
    "POST /api/studies": _RESEARCHER,
    "GET /api/studies/{study_id}": _RESEARCHER,
    "PATCH /api/studies/{study_id}": _RESEARCHER,
    "GET /api/studies/{study_id}/items": _RESEARCHER,
    "PATCH /api/studies/{study_id}/items": _RESEARCHER,
    "POST /api/studies/{study_id}/items/file": _RESEARCHER,
    "POST /api/studies/{study_id}/items/from-store": _RESEARCHER,
    "POST /api/studies/{study_id}/links": _RESEARCHER,
    "GET /api/studies/{study_id}/care": _RESEARCHER,
    "PATCH /api/studies/{study_id}/care/{person_id}": _RESEARCHER,
    "GET /api/runs": _RESEARCHER,
    "POST /api/runs": _RESEARCHER,
    "POST /api/runs/plan": _RESEARCHER,
    "GET /api/runs/{run_id}": _RESEARCHER,
    "POST /api/runs/{run_id}/stop": _RESEARCHER,
    "POST /api/runs/{run_id}/resume": _RESEARCHER,
    "GET /api/runs/{run_id}/log": _RESEARCHER,
    "GET /api/runs/{run_id}/figures": _RESEARCHER,
    "GET /api/versions": _RESEARCHER,
    "GET /api/plotly.js": _RESEARCHER,
    "GET /api/data/summary": _RESEARCHER,
    "GET /api/data/{kind}.jsonl": _RESEARCHER,
    "POST /api/data/import": _RESEARCHER,
    "GET /api/results": _RESEARCHER,
    "GET /api/results/{part}": _RESEARCHER,
    "GET /api/results/report.html": _RESEARCHER,
    "GET /api/results/tables/{table}.csv": _RESEARCHER,
    "GET /api/tokens": _RESEARCHER,
    "POST /api/tokens": _RESEARCHER,
    "DELETE /api/tokens/{token_id}": _RESEARCHER,
    # what concerns everybody
    "POST /api/versions/{version_id}/serve": _ADMINISTRATOR,
    "POST /api/versions/{version_id}/unserve": _ADMINISTRATOR,
    "POST /api/deployments/rollback": _ADMINISTRATOR,
    "GET /people": _ADMINISTRATOR,
    "GET /audit": _ADMINISTRATOR,
    "GET /api/people": _ADMINISTRATOR,
    "PATCH /api/people/{account_id}": _ADMINISTRATOR,
    "POST /api/people/{account_id}/reset": _ADMINISTRATOR,
    "DELETE /api/people/{account_id}/sessions": _ADMINISTRATOR,
    "POST /api/people/{account_id}/erase": _ADMINISTRATOR,
    "GET /api/invitations": _ADMINISTRATOR,
    "POST /api/invitations": _ADMINISTRATOR,
    "DELETE /api/invitations/{invitation_id}": _ADMINISTRATOR,
    "GET /api/audit": _ADMINISTRATOR,
    "GET /api/audit.jsonl": _ADMINISTRATOR,
}
"""Method and address. HEAD is as GET."""

PAGES: Mapping[str, Least] = {
    "/runs": _RESEARCHER,
    "/curves": _RESEARCHER,
    "/results": _RESEARCHER,
    "/data": _RESEARCHER,
    "/": _WORKER,
}
"""Gradio's pages, with those of Gradio's routes below them that `app/doors/pages.py` lets in."""

EVENTS: Mapping[str, Mapping[str, Least]] = {
    "/": {
        "ask": _ANNOTATOR,
        "restore": _WORKER,
        "regenerate": _WORKER,
        "carry_on": _WORKER,
    },
    "/runs": {
        "look": _RESEARCHER,
        "look_once_done": _RESEARCHER,
        "offer": _RESEARCHER,
        "of_recipe": _RESEARCHER,
        "start": _RESEARCHER,
        "let_them_ask": _RESEARCHER,
    },
    "/data": {
        "count": _RESEARCHER,
        "count_anew": _RESEARCHER,
        "show": _RESEARCHER,
    },
}
"""What a Gradio page may ask of Python, by the page and the name of the handler."""


class _Pattern(NamedTuple):
    method: str
    path: re.Pattern[str]
    least: Least


def _patterns() -> Iterator[_Pattern]:
    for line, least in ROUTES.items():
        method, _, path = line.partition(" ")
        if "{" in path:
            yield _Pattern(method, compile_path(path)[0], least)


_PATTERNS = tuple(_patterns())


def least_for(method: str, path: str) -> Least:
    """The role that a request takes at least."""
    method = "GET" if method == "HEAD" else method
    if (line := f"{method} {path}") in ROUTES:
        return ROUTES[line]
    for pattern in _PATTERNS:
        if pattern.method == method and pattern.path.fullmatch(path):
            return pattern.least
    if path.startswith("/api/"):
        return Role.ADMINISTRATOR
    page = next((page for page in PAGES if page != "/" and f"{path}/".startswith(f"{page}/")), "/")
    return PAGES[page]


def least_for_event(page: str, name: str) -> Least:
    """The role that an event of a page takes at least."""
    return EVENTS.get(page.rstrip("/") or "/", {}).get(name, Role.ADMINISTRATOR)
