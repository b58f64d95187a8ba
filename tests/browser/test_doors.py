"""Every page runs under the policy that it is sent with, and no other site can hold it in a frame."""

import http.server
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Studio, Visit

pytestmark = pytest.mark.browser

LISTEN = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""


@pytest.fixture
def watched(visit: Visit) -> Iterator[BrowserContext]:
    """A person whose every page keeps what the policy forbade."""
    visit.alone().add_init_script(LISTEN)
    yield visit.context
    for page in visit.context.pages:
        assert page.evaluate("window.violations") == []


def test_compare_runs_under_its_policy(
    visit: Visit, watched: BrowserContext, ask: Callable[..., str]
) -> None:
    page = visit("/")
    ask(page, "What is the capital of Peru?")
    page.locator(".answer [data-act=like]").first.click()
    page.locator("[data-choice=best]").first.click()
    expect(page.locator(".result")).to_be_visible()
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate(  # the listener does hear what is forbidden
        """() => new Promise((resolve) => {
          document.addEventListener("securitypolicyviolation", () => resolve(window.violations.splice(0).length));
          fetch("http://127.0.0.1:9/").catch(() => {});
        })"""
    )
    visit.expect("http://127.0.0.1:9/", "Refused to connect", "Content Security Policy")
    visit.requests = [url for url in visit.requests if ":9/" not in url]


def test_runs_and_data_run_under_their_policy(visit: Visit, watched: BrowserContext) -> None:
    page = visit("/runs/")
    page.get_by_label("simulated", exact=True).check()
    page.get_by_text("Settings of the run").click()
    page.get_by_text("RLHB · generator").click()
    expect(page.get_by_label("KL weight")).to_have_attribute("placeholder", re.compile("0.05"))
    page.locator("#recipe input").click()
    page.keyboard.press("Escape")
    page = visit("/data/")
    page.get_by_label("simulated", exact=True).check()
    expect(page.locator("#found .plan")).to_be_visible()
    page = visit("/curves/")
    expect(page.locator("#curves-page")).not_to_be_empty()
    page = visit("/docs")
    expect(page.get_by_role("heading", name="RLHB Studio: the API")).to_be_visible()
    expect(page.get_by_text("POST /api/data/import")).to_be_visible()


@contextmanager
def another_site(text: str) -> Iterator[str]:
    """A page of another origin."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("path", ["/", "/runs/", "/curves/", "/data/", "/docs", "/static/kit.js"])
def test_another_site_cannot_frame_a_page(path: str, visit: Visit, studio: Studio) -> None:
    visit.expect("frame-ancestors", "X-Frame-Options", "Content Security Policy")
    page: Page = visit.context.new_page()
    with another_site(
        f'<h1>Another site</h1><iframe src="{studio.address}{path}"></iframe>'
    ) as url:
        with page.expect_event("requestfailed", lambda request: path in request.url):
            page.goto(url)
        expect(page.get_by_role("heading", name="Another site")).to_be_visible()
        [_, framed] = page.frames
        assert "RLHB" not in framed.content()
