"""The whole app described as OpenAPI, Gradio's doors included, and how schemathesis presses on it.

Used by a short test and by a longer benchmark. Whatever is sent, nothing may be answered with 5xx, and a refusal is a
sentence.
"""

import asyncio
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck
from requests.exceptions import InvalidHeader, InvalidURL
from schemathesis.core.result import Ok

from app.main import create_app
from app.settings import Settings

PAGES = ("", "/runs", "/curves", "/data")
SECONDS = 20
"""Longest answer."""


def description(data_dir: Path, team: bool = False) -> dict[str, Any]:
    """Every route of the app, those that its own description leaves out too."""

    async def built() -> dict[str, Any]:
        settings = Settings(data_dir=data_dir, team=team, insecure_http=team)
        return create_app(settings).openapi()

    found = deepcopy(asyncio.run(built()))
    for page in PAGES:
        found["paths"] |= {
            f"{page}/": _get(),
            f"{page}/assets/{{name}}": _get("name"),
            f"{page}/theme.css": _get(),
            f"{page}/gradio_api/app_id": _get(),
            f"{page}/gradio_api/queue/join": {"post": _event()},
            f"{page}/gradio_api/queue/data": _get(query="session_hash"),
            f"{page}/gradio_api/{{rest}}": _get("rest"),
            f"{page}/{{rest}}": _get("rest"),
        }
    found["paths"] |= {
        "/docs": _get(),
        "/openapi.json": _get(),
        "/api/plotly.js": _get(),
        "/static/{file}": _get("file"),
        "/api/{rest}": _get("rest"),
    }
    if team:
        found["paths"] |= {page: _get() for page in ("/you", "/people", "/audit", "/join")}
        found["paths"] |= {"/sign-in": _get(query="next"), "/api/openid/back": _get(query="state")}
    return found


def _get(path: str = "", query: str = "") -> dict[str, Any]:
    places = (("path", path), ("query", query))
    return {
        "get": {
            "parameters": [
                {"name": name, "in": place, "required": True, "schema": {"type": "string"}}
                for place, name in places
                if name
            ],
            "responses": {"200": {"description": "It is there."}},
        }
    }


def _event() -> dict[str, Any]:
    value = {
        "anyOf": [
            {"type": "string"},
            {"type": "number"},
            {"type": "boolean"},
            {"type": "null"},
            {"type": "array", "items": {"type": "string"}},
            {"type": "object"},
        ]
    }
    body = {
        "type": "object",
        "properties": {
            "fn_index": {"type": "integer", "minimum": 0, "maximum": 12},
            "session_hash": {"type": "string", "pattern": "^[a-z0-9]{1,12}$"},
            "data": {"type": "array", "items": value, "maxItems": 12},
            "event_data": value,
            "trigger_id": {"type": "integer"},
        },
        "required": ["fn_index", "session_hash", "data"],
    }
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": {"description": "It is queued."}},
    }


def press(
    address: str, described: dict[str, Any], examples: int, cookie: str = "", token: str = ""
) -> list[str]:
    """Send so many requests to every operation; what was answered as it must not be, one line each."""
    faults: list[str] = []
    with requests.Session() as session:
        if cookie:
            session.headers["Cookie"] = cookie
        if token:
            session.headers["Authorization"] = f"Bearer {token}"
        for operation in _operations(described):
            _press_one(operation, address, session, examples, faults)
    return faults


def _operations(described: dict[str, Any]) -> Iterator[Any]:
    for result in schemathesis.openapi.from_dict(described).get_all_operations():
        assert isinstance(result, Ok), result
        yield result.ok()


def _press_one(
    operation: Any, address: str, session: requests.Session, examples: int, faults: list[str]
) -> None:
    strategy = operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    strategy |= operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples < 50,
        suppress_health_check=list(HealthCheck),
        phases=(hypothesis.Phase.generate,),
    )
    @hypothesis.given(strategy)
    def send(case: Any) -> None:
        if not cookie_of(session):
            session.cookies.clear()
        try:
            request = session.prepare_request(
                requests.Request(**case.as_transport_kwargs(base_url=address))
            )
        except (InvalidHeader, InvalidURL, UnicodeError, ValueError):
            return  # no client could send this
        with session.send(request, timeout=SECONDS, stream=True) as answer:
            what = f"{request.method} {request.url} {request.body!r:.300}: {answer.status_code}"
            if answer.status_code >= 500:
                faults.append(what)
            elif answer.status_code >= 400 and not _sentence(answer):
                faults.append(f"{what} without a sentence")

    send()


def _sentence(answer: requests.Response) -> bool:
    """Whether a refusal says why: a JSON answer does by its detail; answers to HEAD have no body."""
    if answer.request.method == "HEAD" or answer.headers["content-type"].startswith("text/"):
        return True
    return bool(answer.json()["detail"])


def cookie_of(session: requests.Session) -> str:
    """The cookie that every request carries, if one is set."""
    return str(session.headers.get("Cookie", ""))
