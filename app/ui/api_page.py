"""/docs: the API as a plain page, made from the app's own OpenAPI. It runs no script and calls nobody."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from app.ui.shell import ICON

STYLES = ("tokens", "shell")


def add_api_page(app: FastAPI) -> None:
    """Serve the page at /docs."""

    def docs() -> HTMLResponse:
        return HTMLResponse(page_of(app.openapi()))

    app.add_api_route("/docs", docs, include_in_schema=False)


def page_of(api: Mapping[str, Any]) -> str:
    """The page for an OpenAPI description."""
    title = escape(f"{api['info']['title']}: the API")
    sheets = "".join(f'<link rel="stylesheet" href="/static/{name}.css">' for name in STYLES)
    routes = "".join(
        _route(method, path, told)
        for path, methods in api["paths"].items()
        for method, told in methods.items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<link rel="icon" href="{ICON}">{sheets}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<style>main { max-width: 78ch; margin: 40px auto; padding: 0 20px; font: 15px/1.5 var(--font); }"
        " section { border-top: 1px solid var(--line); padding: 14px 0; } h2 { margin: 0; font-size: 15px; }"
        " dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 8px 0 0; }"
        " dd { margin: 0; } </style></head>"
        f"<body><main><h1>{title}</h1><p>Version {escape(api['info']['version'])}. For programs: "
        '<a href="/openapi.json">openapi.json</a>. A cookie says who asks, or a token in '
        "<code>Authorization: Bearer</code>; errors are "
        f'<code>{{"detail": "a sentence"}}</code>.</p>{routes}</main></body></html>'
    )


def _route(method: str, path: str, told: Mapping[str, Any]) -> str:
    given = "".join(
        f"<dt><code>{escape(name)}</code></dt><dd>{escape(sentence)}</dd>"
        for name, sentence in _given(told)
    )
    words = escape(told.get("description") or told.get("summary", ""))
    return (
        f"<section><h2><code>{escape(method.upper())} {escape(path)}</code></h2><p>{words}</p>"
        f"{f'<dl>{given}</dl>' if given else ''}</section>"
    )


def _given(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, sentence) of what a route is given: parameters, and the record in its body."""
    for each in told.get("parameters", []):
        yield each["name"], each.get("description", f"in the {each['in']}")
    for kind, body in told.get("requestBody", {}).get("content", {}).items():
        yield "body", body["schema"].get("$ref", kind).rpartition("/")[2]
