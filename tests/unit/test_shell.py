"""The frame around every page."""

import asyncio
import tomllib
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from app.main import STATIC
from app.people import OPERATOR
from app.ui.assets import Static
from app.ui.shell import NAV, mount, page


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    # Built inside a running loop: outside of one, Gradio makes loops of its own and never closes them.
    with TestClient(asyncio.run(built())) as client:
        yield client


async def built() -> FastAPI:
    app = FastAPI()

    class Alone:
        """Says of everybody that they are alone here."""

        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("state", {})["principal"] = OPERATOR
            await self.app(scope, receive, send)

    app.add_middleware(Alone)
    app.mount("/static", Static(directory=STATIC))
    with page("Runs <1>", "runs", lead="To & fro.", styles=("compare",)) as blocks:
        gr.Markdown("hello")
    mount(app, blocks, "/runs")
    return app


def test_the_frame_is_in_the_html_itself(client: TestClient) -> None:
    text = client.get("/runs/", headers={"accept-encoding": "br, gzip"}).text
    assert text.index('<header class="site">') < text.index("<gradio-app")
    assert '<a href="/runs/" aria-current=page>Runs</a>' in text
    assert text.count("aria-current=page") == 1
    assert "<title>Runs &lt;1&gt; · RLHB Studio</title>" in text
    assert text.index("/static/gradio.css") < text.index("/static/compare.css")
    for _, path, label in NAV:
        assert f'<a href="{path}"' in text
        assert label in text


def test_a_page_is_made_once_and_sent_in_a_few_bytes_to_whoever_has_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.get("/runs/")
    monkeypatch.setattr("app.ui.shell.Framed.__call__", None)  # Gradio is not asked again
    again = client.get("/runs/")
    assert (again.status_code, again.text) == (200, first.text)
    assert again.headers["content-type"] == first.headers["content-type"]
    known = client.get("/runs/", headers={"if-none-match": first.headers["etag"]})
    assert (known.status_code, known.text) == (304, "")
    stale = client.get("/runs/", headers={"if-none-match": '"of-yesterday"'})
    assert stale.text == first.text


def test_a_kept_page_holds_the_address_by_which_it_was_asked_for(client: TestClient) -> None:
    here, there = (
        client.get("/runs/", headers={"host": host}).text for host in ("localhost:1", "localhost:2")
    )
    assert "http://localhost:1/runs" in here
    assert "http://localhost:2/runs" in there
    assert client.get("/runs/?run=1").text.count("<gradio-app") == 1


def test_a_page_that_nobody_uses_is_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio's queue as it comes wakes the event loop a thousand times a second, for every page."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def counted(seconds: float, result: object = None) -> object:
        pauses.append(seconds)
        return await sleep(seconds, result)

    async def idle() -> None:
        app = await built()
        async with app.router.lifespan_context(app):
            monkeypatch.setattr("gradio.queueing.asyncio.sleep", counted)
            await sleep(0.2)
            monkeypatch.undo()

    asyncio.run(idle())
    assert pauses
    assert min(pauses) >= 0.02


def test_a_page_is_found_without_its_last_stroke_too(client: TestClient) -> None:
    moved = client.get("/runs?run=1", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (307, "/runs/?run=1")


def test_what_a_page_links_to_exists_here(client: TestClient) -> None:
    text = client.get("/runs/").text
    head = text[: text.index("<header")]
    for leftover in (
        "raw.githubusercontent.com",
        "https://gradio.app",
        "manifest.json",
        "iframeResizer.content",
    ):
        assert leftover not in head
    for part in (
        "tokens.css",
        "shell.css",
        "shell.js",
        "fonts/inter.woff2",
        "fonts/source-serif-4.woff2",
    ):
        assert f"/static/{part}" in head
        answer = client.get(f"/static/{part}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"
    etag = client.get("/static/shell.js").headers["etag"]
    assert client.get("/static/shell.js", headers={"if-none-match": etag}).status_code == 304


def test_of_gradio_only_what_the_page_uses_is_there(client: TestClient) -> None:
    for path in ("config", "gradio_api/info", "gradio_api/upload", "gradio_api/file=/etc/passwd"):
        refused = client.get(f"/runs/{path}")
        assert (refused.status_code, refused.json()) == (404, {"detail": "there is nothing here"})
    assert "--body-background-fill: var(--paper)" in client.get("/runs/theme.css").text


def test_an_input_that_nobody_thought_about_keeps_the_app_from_starting() -> None:
    async def build() -> None:
        with page("Data", "data") as blocks:
            file = gr.File()
            file.change(str, file, None)
        mount(FastAPI(), blocks, "/data")

    with pytest.raises(TypeError, match="no door for a File"):
        asyncio.run(build())


def test_a_page_must_be_in_the_navigation() -> None:
    with pytest.raises(ValueError, match="no page of the navigation"), page("Else", "else"):
        pass


def test_an_installed_package_brings_the_files_of_the_pages() -> None:
    root = Path(__file__).resolve().parent.parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["app"]
    shipped = {path.resolve() for each in patterns for path in (root / "app").glob(each)}
    assert root / "app" in STATIC.parents
    assert shipped >= {path.resolve() for path in (root / "static").rglob("*")}
