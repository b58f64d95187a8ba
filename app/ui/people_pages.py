"""The pages of people: Sign in, Join, You, People, Audit. Layout only; `static/people/` fills them from the API."""

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from app.ui.plain import plain_page


def add_people_pages(app: FastAPI) -> None:
    """Serve them, where there are accounts."""
    if not app.state.settings.team:
        return

    def page(path: str, title: str, active: str) -> None:
        def shown(request: Request) -> HTMLResponse:
            who = request.state.principal
            return plain_page(title, f"<h1>{title}</h1>", who, active=active)

        app.add_api_route(path, shown, include_in_schema=False)

    for path, title, active in (
        ("/sign-in", "Sign in", ""),
        ("/join", "Join", ""),
        ("/you", "You", ""),
        ("/people", "People", "people"),
        ("/audit", "Audit", "audit"),
    ):
        page(path, title, active)
