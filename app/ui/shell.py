"""What all pages share: the frame around a page, its look, and how it is mounted.

Holds the header with its navigation, recording line and personal popover, and the wrapper that puts this frame into the
HTML itself, so that it is painted before Gradio has loaded. Knows nothing of what a page shows, nor of the store: the
header's numbers are fetched by `static/me.js`.

A page is built and mounted like this:

    with page("Runs", "runs", lead="One sentence on what this page is for.") as blocks:
        ...
    mount(app, blocks, "/runs")
"""

import html
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.doors.headers import CSP, policy_of
from app.doors.pages import Door
from app.people import Principal, least_for, least_for_event
from app.store import Role
from app.ui.kept_pages import KeptPage
from app.ui.look import theme
from app.ui.queueing import calm

NAV = (
    ("compare", "/", "Compare"),
    ("studies", "/studies", "Studies"),
    ("runs", "/runs/", "Runs"),
    ("curves", "/curves/", "Curves"),
    ("results", "/results/", "Results"),
    ("data", "/data/", "Data"),
)
"""(key, path, label) of every page, in the order of the navigation."""
TEAM_NAV = (*NAV, ("people", "/people", "People"), ("audit", "/audit", "Audit"))
"""The same with accounts."""

STYLES = ("tokens", "shell", "gradio")
SITE = "RLHB Studio"


class Page(gr.Blocks):
    """The blocks of one page, with what the frame needs to know about it."""

    name: str
    active: str
    styles: tuple[str, ...]


def entered(request: gr.Request, path: str, handler: str) -> Principal:
    """Who asks this of Python, in an event of the page at `path`. Raises SignInFirst or NotAllowed.

    Every handler begins with it, whatever has been checked at the door.
    """
    assert request.request is not None  # gradio sets it for every event from a browser
    principal: Principal = request.request.state.principal
    principal.check(least_for_event(path, handler))
    return principal


@contextmanager
def page(
    title: str,
    active: str,
    *,
    heading: str | None = None,
    lead: str = "",
    styles: tuple[str, ...] = (),
) -> Iterator[Page]:
    """The blocks of a page; what is made inside the `with` stands under its heading.

    title: name in the browser's tab, and the heading unless `heading` says otherwise ("" leaves it out).
    active: key of the page in `NAV`. lead: one sentence under the heading, plain text.
    styles: names of further style sheets in `static/`, without ".css".
    """
    if active not in {key for key, _, _ in NAV}:
        raise ValueError(f"{active!r} is no page of the navigation; see NAV in shell.py")
    blocks = Page(title=f"{title} · {SITE}", analytics_enabled=False, fill_width=True)
    blocks.name, blocks.active, blocks.styles = title, active, styles
    with blocks:
        heading = title if heading is None else heading
        if heading:
            gr.HTML(
                f"<h1>{html.escape(heading)}</h1>"
                + (f"<p>{html.escape(lead)}</p>" if lead else ""),
                elem_id="page-heading",
                js_on_load=None,
                apply_default_css=False,
            )
        yield blocks


def mount(app: FastAPI, blocks: Page, path: str) -> None:
    """Serve a page of the app at `path`. Mount "/" last: it takes every path that nobody took before."""
    bare = path.rstrip("/")
    if bare:  # as a person types it; otherwise "/" would take it and know no such page

        async def to_page(request: Request) -> RedirectResponse:
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"{bare}/{query}")

        app.add_route(bare, to_page)
    gr.mount_gradio_app(
        app,
        blocks,
        path=path,
        theme=theme(),
        run_history=False,
        footer_links=[],
        show_error=True,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
    )
    route = app.router.routes[-1]
    assert isinstance(route, Mount)
    calm(blocks)
    head = head_of(f"{blocks.name} · {SITE}", blocks.styles)
    framed = Framed(route.app, path, head, lambda who: header_of(blocks.active, who))
    route.app = Door(KeptPage(framed, path), path, blocks)


# --- the frame ------------------------------------------------------------------------------------

# Runs before the first paint: the person's choice of light or dark, or else the system's.
_THEME_SCRIPT = (
    "(()=>{let t=null;try{t=localStorage.getItem('rlhb.theme')}catch{}"
    "document.documentElement.dataset.theme=t||(matchMedia('(prefers-color-scheme: dark)').matches?'dark':'light')})()"
)

ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Crect width='32' height='32' rx='9' fill='%230b6e6e'/%3E"
    "%3Cpath d='M8 9v14M16 13v10M24 9v14' stroke='%23fff' stroke-width='3' stroke-linecap='round'/%3E%3C/svg%3E"
)


def head_of(title: str, styles: tuple[str, ...] = (), script: str = "shell") -> str:
    """What stands in the head of a page."""
    fonts = "".join(
        f'<link rel="preload" href="/static/fonts/{name}.woff2" as="font" type="font/woff2" crossorigin>'
        for name in ("inter", "source-serif-4")
    )
    sheets = "".join(
        f'<link rel="stylesheet" href="/static/{name}.css">' for name in (*STYLES, *styles)
    )
    return (
        f"<title>{html.escape(title)}</title><script>{_THEME_SCRIPT}</script>"
        f'<link rel="icon" href="{ICON}">{fonts}{sheets}'
        f'<script type="module" src="/static/{script}.js"></script>'
    )


def header_of(active: str, who: Principal) -> str:
    """The header as somebody of this role sees it: with the pages that are theirs."""
    links = "".join(
        f'<a href="{path}"{" aria-current=page" if key == active else ""}>{label}</a>'
        for key, path, label in (NAV if who.is_alone else TEAM_NAV)
        if who.may(least_for("GET", path)) and (path != "/" or who.may(Role.ANNOTATOR))
    )
    return f"""
<a class="skip-link" href="#page">Skip to the page</a>
<header class="site">
  <a class="mark" href="/" aria-label="{SITE}, start page">RLHB <b>Studio</b></a>
  <nav aria-label="Pages">{links}</nav>
  <div class="right">
    <span class="recording" data-recording><i aria-hidden="true"></i>
      <span data-recording-says>Recording<span class="wide-only"> how you read and react</span></span>
      <button type="button" data-recording-toggle>pause</button></span>
    <button type="button" class="person" popovertarget="person">
      <b data-person-name dir="auto">You</b><span data-person-today></span><span class="visually-hidden">: you and your data</span></button>
    <button type="button" class="theme" data-theme-switch aria-label="Switch between light and dark">
      <svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.5" aria-hidden="true">
        <circle cx="10" cy="10" r="7.2"/><path d="M10 2.8a7.2 7.2 0 0 1 0 14.4z" fill="currentColor" stroke="none"/></svg></button>
  </div>
</header>
{_ALONE if who.is_alone else _MEMBER.format(role=who.role)}
<div id="page" tabindex="-1"></div>
"""


_ALONE = """
<aside class="pop at-header" id="person" popover aria-labelledby="person-title">
  <h2 id="person-title">You and your data</h2>
  <p>No account is needed: this browser is you. A name is shown to yourself only.</p>
  <form class="row" data-person-form><input class="field" name="display_name" dir="auto" maxlength="80" autocomplete="off"
    placeholder="Your name" aria-label="Your name"><button class="button">Save</button></form>
  <h3>What is recorded</h3>
  <p>Your queries and votes; and, while recording is on, how you read each answer: when it came into view, for how
  long, how far, what you selected or copied, and whether you asked again. It stays in this server's own database and
  is used to train its models.</p>
  <div class="row"><button type="button" class="button" data-recording-toggle>Pause recording</button>
  <a class="button" href="/api/me/data" download>Download my data</a></div>
  <hr>
  <h3 style="margin-top:0">Erase</h3>
  <p>Removes every query, answer, vote and reaction of yours from this server, for good. Models that were already
  trained stay as they are.</p>
  <button type="button" class="button danger" data-erase>Erase my data</button>
  <p class="small" data-person-note role="status"></p>
</aside>
"""

_MEMBER = """
<aside class="pop at-header" id="person" popover aria-labelledby="person-title">
  <h2 id="person-title" data-person-name dir="auto">You</h2>
  <p data-person-role="{role}">Signed in as {role}.</p>
  <div class="row"><a class="button" href="/you">You and your data</a>
  <button type="button" class="button" data-sign-out>Sign out</button></div>
  <div class="row"><button type="button" class="button" data-recording-toggle>Pause recording</button></div>
  <p class="small" data-person-note role="status"></p>
</aside>
"""

# What Gradio's page links to although it is never needed here: social previews, a manifest, an iframe helper.
_LEFTOVERS = re.compile(
    r'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>\s*|<link rel="manifest"[^>]*>\s*'
    r"|<script>\s*\(\(\) => \{(?:(?!</script>).)*?iframeResizer(?:(?!</script>).)*</script>\s*",
    re.DOTALL,
)


class Framed:
    """A mounted Gradio app whose page carries our head and header; all its other answers pass untouched."""

    def __init__(
        self, app: ASGIApp, path: str, head: str, header: Callable[[Principal], str]
    ) -> None:
        self.app = app
        self.path = path.rstrip("/")
        self.head = head
        self.header = header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["path"].rstrip("/") == self.path
        if not is_page:
            await self.app(scope, receive, send)
            return
        plain = [(k, v) for k, v in scope["headers"] if k != b"accept-encoding"]
        start: dict[str, Any] = {}
        body = bytearray()

        async def reframe(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            content = bytes(body)
            if Headers(raw=start["headers"]).get("content-type", "").startswith("text/html"):
                text = self._framed(content.decode(), scope["state"]["principal"])
                MutableHeaders(raw=start["headers"])[CSP] = policy_of(text)
                content = text.encode()
            MutableHeaders(raw=start["headers"])["content-length"] = str(len(content))
            await send(dict(start))
            await send({"type": "http.response.body", "body": content})

        await self.app({**scope, "headers": plain}, receive, reframe)

    def _framed(self, text: str, who: Principal) -> str:
        text = _LEFTOVERS.sub("", text)
        text = text.replace("</head>", self.head + "</head>", 1)
        return text.replace("<gradio-app", self.header(who) + "<gradio-app", 1)
