"""One real server process and one real browser for all browser tests; a fresh person for each.

The server is what `rlhb serve` starts, on a database of its own, with the embedded model. Beside the embedded versions
there are some that speak from `model_server`; a test chooses with `studio.serve(...)`. `visit` opens a page and,
after the test, checks what must hold in every test: no error in the console, no request to anywhere else.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)

from app.store import Connection, Store, signals, versions
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import ModelVersion, Serving
from rlhb_core.schema.signals import Signal
from tests.browser.model_server import model_server

PATIENCE_MS = 30_000
"""What is waited for may take long on a busy machine."""
expect.set_options(timeout=PATIENCE_MS)

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
)
EMBEDDED = ("Quokka One", "Marmot Two", "Gecko Three")
"""Names of embedded versions that nothing else on a page is called."""
THREE = ("Otter Able", "Heron Brisk", "Lemur Calm")
"""Versions that answer at once and never the same as another: what is behind a query unless a test says otherwise."""
SPOKEN = {
    "Sloth Slow": "slow",
    "Turtle Steady": "steady",
    "Crane Held": "held",
    "Dodo Broken": "broken",
    "Parrot Markup": "markup",
    "Owl Echo": "echo",
    "Magpie Echo": "echo",
    "Tapir Drawl": "drawl",
    "Camel Hebrew": "hebrew",
    "Mole Nothing": "nothing",
    "Newt Cut": "cut",
    "Koala Late": "late",
    "Whale Long": "long",
    "Stork Pages": "pages",
    "Ibis First": "mirror-0",
    "Ibis Second": "mirror-1",
    "Ibis Third": "mirror-2",
}
"""Further ones, with what `model_server` calls them."""
MIRRORS = ("Ibis First", "Ibis Second", "Ibis Third")
"""Versions that answer what a question says, as `model_server.asking_for` puts it."""
LAST_WORDS = ("AbortError", "Connection errored out", "Unexpected client exception")
"""What Gradio's client logs about a stream that is cut:
one more change may reach a client that has let go the value.
"""


class Studio:
    """The running server, seen from outside and through its database."""

    def __init__(self, address: str, store: Store, process: "subprocess.Popen[bytes]") -> None:
        self.address = address
        self.store = store
        self.process = process

    def serve(self, *names: str) -> None:
        """Put these versions, and no others, behind the next queries."""
        with self.store.writing() as connection:
            found = [versions.by_name(connection, name) for name in names]
            versions.deploy(connection, [version.id for version in found if version], note="test")

    def signals(self, query_id: str) -> list[Signal]:
        """What is recorded about a query, in order."""
        with self.store.reading() as connection:
            return signals.of_query(connection, UUID(query_id))

    def kinds(self, query_id: str) -> list[str]:
        """The kinds of what is recorded about a query, in order."""
        return [signal.kind.value for signal in self.signals(query_id)]

    def wait_for(self, query_id: str, *kinds: str, seconds: float = 20) -> list[Signal]:
        """Wait until signals of these kinds are recorded about a query."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if set(kinds) <= set(self.kinds(query_id)):
                return self.signals(query_id)
            time.sleep(0.05)
        raise AssertionError(f"recorded are {self.kinds(query_id)}, missing one of {kinds}")


@pytest.fixture(scope="package")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with serving(tmp_path_factory.mktemp("studio")) as studio:
        yield studio


@contextmanager
def serving(data_dir: Path, *options: str, **environment: str) -> Iterator[Studio]:
    """A server of these options on a data folder of its own, which holds what it says as server.log."""
    port = _free_port()
    with model_server() as remote, (data_dir / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve", *options],
            env={
                **os.environ,
                "RLHB_DATA_DIR": str(data_dir),
                "RLHB_PORT": str(port),
                "RLHB_DATABASE_URL": "",
                "OMP_NUM_THREADS": "1",
                **environment,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            _await_health(address, process, data_dir / "server.log")
            store = Store.open(f"sqlite:///{data_dir / 'rlhb.sqlite'}")
            _add_versions(store, remote)
            yield Studio(address, store, process)
            store.close()
        finally:
            process.terminate()
            process.wait(timeout=20)


def _add_versions(store: Store, remote: str) -> None:
    with store.writing() as connection:
        base = versions.served(connection)[0].base
        for name, arm in zip(EMBEDDED, (Arm.SFT, Arm.RLHF, Arm.RLHF_RLHB), strict=True):
            trained_on = f"Simulated: the story of {name}."
            versions.add(
                connection, ModelVersion(name=name, arm=arm, base=base, trained_on=trained_on)
            )
        for name, arm in zip(THREE, (Arm.SFT, Arm.RLHF, Arm.RLHF_RLHB), strict=True):
            trained_on = f"Simulated: the story of {name}."
            _speak(connection, remote, name, name.split()[1].lower(), arm, trained_on)
        for name, model in SPOKEN.items():
            _speak(connection, remote, name, model, Arm.RLHB)


def _speak(
    connection: Connection, remote: str, name: str, model: str, arm: Arm, trained_on: str = ""
) -> None:
    base = f"{remote}#{model}"
    version = ModelVersion(
        name=name, arm=arm, serving=Serving.OPENAI, base=base, trained_on=trained_on
    )
    versions.add(connection, version)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_health(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until and process.poll() is None:
        with (
            suppress(OSError),
            urllib.request.urlopen(f"{address}/api/health", timeout=2) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.1)
    pytest.fail(f"the server did not come up:\n{log.read_text()[-3000:]}")


# Not for the whole session: while it runs, Playwright occupies this thread's event loop, and others need one.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        reason = "no Chromium or Chrome found: the browser tests cannot run"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(f"NOT RUN: {reason}")
    arguments = [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=arguments)
        yield running
        running.close()


def _profile(browser: Browser, studio: Studio, **options: object) -> BrowserContext:
    options = {"viewport": {"width": 1360, "height": 900}, **options}
    context = browser.new_context(base_url=studio.address, **options)  # type: ignore[arg-type]
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE_MS)
    return context


@pytest.fixture(scope="package")
def profile(browser: Browser, studio: Studio) -> BrowserContext:
    """The profile of most tests, one after the other: what it has loaded once, it need not load and compile again."""
    return _profile(browser, studio)


def _forget(profile: BrowserContext, studio: Studio) -> None:
    """Make the profile that of somebody new."""
    for page in profile.pages:
        page.close()
    profile.clear_cookies()
    page = profile.new_page()
    stored = {"origin": studio.address, "storageTypes": "all"}
    profile.new_cdp_session(page).send("Storage.clearDataForOrigin", stored)
    page.close()


class Visit:
    """Opens pages for one person and remembers what they asked of the network."""

    def __init__(self, browser: Browser, studio: Studio, profile: BrowserContext) -> None:
        self.browser = browser
        self.studio = studio
        self.context = profile
        self.trouble: list[str] = []
        self.requests: list[str] = []
        # a busy machine draws late, which is no fault of the page's
        self.expected: list[str] = ["was preloaded using link preload but not used"]

    def new_person(self, **options: object) -> BrowserContext:
        """A browser profile of its own, that is, another person."""
        return _profile(self.browser, self.studio, **options)

    def alone(self) -> BrowserContext:
        """From here on a profile that no other test uses, for what cannot be taken back: clocks, scripts,
        no network.
        """
        self.context = self.new_person()
        return self.context

    def __call__(
        self,
        path: str = "/",
        context: BrowserContext | None = None,
        viewport: ViewportSize | None = None,
        scheme: Literal["light", "dark"] | None = None,
    ) -> Page:
        page = (context or self.context).new_page()
        if viewport:
            page.set_viewport_size(viewport)
        if scheme:
            page.emulate_media(color_scheme=scheme)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.trouble.append(f"uncaught: {error}"))
        page.on("request", self._requested)
        page.goto(path)
        if path == "/":
            page.wait_for_selector(".compare[data-live]")
        return page

    def _requested(self, request: Request) -> None:
        """A page that is left cuts its streams, and says so."""
        if request.is_navigation_request() and request.frame.url not in ("", "about:blank"):
            self.expect(*LAST_WORDS)
        self.requests.append(request.url)

    def expect(self, *fragments: str) -> None:
        """Console errors with one of these fragments belong to this test (a lost connection, for instance)."""
        self.expected += fragments

    def _console(self, message: object) -> None:
        kind, text = message.type, message.text  # type: ignore[attr-defined]
        if kind in ("error", "warning"):
            self.trouble.append(f"{kind}: {text}")

    def check(self) -> None:
        """No errors, and nothing asked of anywhere else."""
        unexpected = [
            line for line in self.trouble if not any(part in line for part in self.expected)
        ]
        assert not unexpected, unexpected
        own = urlsplit(self.studio.address).netloc
        hosts = {
            urlsplit(url).netloc for url in self.requests if not url.startswith(("data:", "blob:"))
        }
        assert hosts <= {own}, f"requests went elsewhere: {hosts - {own}}"


@pytest.fixture
def visit(browser: Browser, studio: Studio, profile: BrowserContext) -> Iterator[Visit]:
    studio.serve(*THREE)
    visit = Visit(browser, studio, profile)
    yield visit
    for context in browser.contexts:
        if context is not profile:
            context.close()
    _forget(profile, studio)
    visit.check()


@pytest.fixture
def ask() -> Callable[..., str]:
    """ask(page, text) types a query, asks it, and waits for all answers; returns the query's id."""

    def ask(page: Page, text: str, *, complete: bool = True) -> str:
        before = page.evaluate("sessionStorage.getItem('rlhb.tab')")
        page.locator(".query").fill(text)
        page.locator(".query").press("Control+Enter")
        page.wait_for_function("old => sessionStorage.getItem('rlhb.tab') !== old", arg=before)
        if complete:
            page.wait_for_selector(".compare:not(:has(.answer[aria-busy=true]))")
        query_id: str = page.evaluate("JSON.parse(sessionStorage.getItem('rlhb.tab')).queryId")
        return query_id

    return ask
