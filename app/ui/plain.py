"""Pages of our own HTML in the same frame, for what needs no Gradio: signing in, oneself, people, audit, studies.

They run no code that is made of text, so that their policy is stricter; `static/<name>.js` fills them from the API.
"""

from html import escape

from starlette.responses import HTMLResponse

from app.doors.headers import CSP, policy_of_plain
from app.people import Principal
from app.ui.shell import SITE, head_of, header_of


def plain_page(
    title: str,
    body: str,
    who: Principal,
    *,
    active: str = "",
    script: str = "shell",
    styles: tuple[str, ...] = ("people",),
    status: int = 200,
) -> HTMLResponse:
    """A page with this body, as HTML. Whoever is not signed in sees it without the header's own parts."""
    header = header_of(active, who) if who.role is not None else _BARE
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{head_of(f'{title} · {SITE}', styles, script)}</head>"
        f'<body>{header}<main class="plain-page">{body}</main></body></html>'
    )
    headers = {CSP: policy_of_plain(text), "cache-control": "no-store"}
    return HTMLResponse(text, status_code=status, headers=headers)


def refused_page(who: Principal, why: str, status: int = 403) -> HTMLResponse:
    """Instead of a page that is for others, or for whoever has come in."""
    title = "This page is not yours" if who.role is not None else "You are not signed in"
    path, then = ("/", "Back to Compare") if who.role is not None else ("/sign-in", "Sign in")
    body = (
        f"<h1>{title}</h1><p>{escape(why[0].upper() + why[1:])}.</p>"
        f'<p><a class="button" href="{path}">{then}</a></p>'
    )
    return plain_page(title, body, who, status=status)


_BARE = f"""
<header class="site"><a class="mark" href="/" aria-label="{SITE}, start page">RLHB <b>Studio</b></a>
  <div class="right"><button type="button" class="theme" data-theme-switch aria-label="Switch between light and dark">
      <svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.5" aria-hidden="true">
        <circle cx="10" cy="10" r="7.2"/><path d="M10 2.8a7.2 7.2 0 0 1 0 14.4z" fill="currentColor" stroke="none"/></svg></button></div></header>
<div id="page" tabindex="-1"></div>
"""
