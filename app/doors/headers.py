"""What every answer carries, errors and files included, so that a browser keeps other sites and foreign code out.

The policy allows this server only. What it has to allow beyond that, and why:

* `script-src 'unsafe-eval'`: Gradio makes functions of the templates and of the few lines of JavaScript that our pages
  give it (`new Function`), all of which come from this server.
* `style-src 'unsafe-inline'`: Gradio and plotly write their styles into the page while they run.
* `img-src data: blob:` : icons in style sheets; plotly's picture of a plot to save.

Inline scripts run only if the page's own answer names their hashes (`app/ui/shell.py`).
"""

import base64
import hashlib
import logging
import re
from collections.abc import Iterable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

FAILED = "something went wrong in the server; its log says what"
CSP = "content-security-policy"

COMMON = {
    CSP: "",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


def policy(script: str = "", *, evaluates: bool = False) -> str:
    """A content security policy. script: further sources of scripts; evaluates: whether text may become code."""
    more = f" {script}" if script else ""
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self'{more}" + " 'unsafe-eval'" * evaluates,
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-src 'none'",
            "frame-ancestors 'none'",
        )
    )


COMMON[CSP] = policy()
_RAW = [(name.encode(), value.encode()) for name, value in COMMON.items()]

NOT_KEPT = (b"cache-control", b"no-store")
"""What the API answers is somebody's own, unless the answer says otherwise."""
HSTS = (b"strict-transport-security", b"max-age=31536000")
"""Where people sign in over TLS: a browser that was here once never speaks plain http to this name again."""

_INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)


def policy_of(page: str) -> str:
    """The policy of a Gradio page: its inline scripts, as they stand, may run."""
    return policy(" ".join(_hashes(_INLINE.findall(page))), evaluates=True)


def policy_of_plain(page: str) -> str:
    """The policy of a page of our own: the same, and no text becomes code."""
    return policy(" ".join(_hashes(_INLINE.findall(page))))


def _hashes(scripts: Iterable[str]) -> Iterable[str]:
    for script in dict.fromkeys(scripts):
        digest = hashlib.sha256(script.encode()).digest()
        yield f"'sha256-{base64.b64encode(digest).decode()}'"


class Headers:
    """The outermost of all: adds the headers, and says in a sentence what nobody further in has caught."""

    def __init__(self, app: ASGIApp, only_https: bool = False) -> None:
        self.app = app
        self._raw = _RAW + ([HSTS] if only_https else [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                there = {name.lower() for name, _ in message["headers"]}
                raw = [*self._raw, NOT_KEPT] if scope["path"].startswith("/api/") else self._raw
                more = [pair for pair in raw if pair[0] not in there]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            await self.app(scope, receive, with_headers)
        except Exception:
            if started:
                raise
            log.exception("%s %s failed", scope["method"], scope["path"])
            await JSONResponse({"detail": FAILED}, status_code=500)(scope, receive, with_headers)
