"""A team's app in this process, and browsers of people who come to it by https, as if a proxy had passed them on."""

from pathlib import Path

from fastapi import FastAPI
from starlette.testclient import TestClient

from app.main import create_app
from app.people import OPERATOR, first_link, invite
from app.settings import Settings
from app.store import Role

ORIGIN = "https://label.example.org"
PASSWORD = "a good long password"


def team_app(folder: Path, database_url: str = "", **settings: object) -> FastAPI:
    """The app; nothing answers there."""
    chosen = {"public_url": ORIGIN, "behind_proxy": True} | settings
    return create_app(
        Settings(team=True, data_dir=folder, database_url=database_url, **chosen)  # type: ignore[arg-type]
    )


def browser(app: FastAPI, **headers: str) -> TestClient:
    """A browser with cookies of its own, which follows nobody."""
    return TestClient(app, base_url=ORIGIN, headers=headers, follow_redirects=False)


def link(app: FastAPI, role: Role = Role.ANNOTATOR, uses: int = 1) -> str:
    """The secret of an invitation."""
    with app.state.store.writing() as connection:
        return invite(connection, OPERATOR, role, uses).secret


def joined(app: FastAPI, name: str, role: Role = Role.ANNOTATOR) -> TestClient:
    """A browser of somebody who has joined by an invitation."""
    found = browser(app)
    body = {"link": link(app, role), "name": name, "password": PASSWORD}
    answer = found.post("/api/join", json=body)
    assert answer.status_code == 201, answer.text
    return found


def founded(app: FastAPI) -> TestClient:
    """The browser of the first administrator."""
    given = first_link(app.state.store)
    assert given is not None
    found = browser(app)
    body = {"link": given.secret, "name": "Ada", "password": PASSWORD}
    assert found.post("/api/join", json=body).status_code == 201
    return found
