"""The cookie names a person; other sites, other hosts and forged cookies do not."""

import stat
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from app.api.errors import explained
from app.people import COOKIE, Identities, People, PeopleDoor, load_secret
from app.settings import Settings
from app.store import Store
from app.ui import refused_page

SECRET = "a secret that is long enough for cookies"
IDENTITIES = Identities(SECRET)


@pytest.fixture
def client(sqlite_store: Store, tmp_path: Path):
    app = FastAPI()
    part = People(sqlite_store, Settings(data_dir=tmp_path, cookie_secret=SECRET))

    @app.api_route("/who", methods=["GET", "POST"])
    def who(request: Request) -> str:
        return str(request.state.person_id)

    app.add_middleware(PeopleDoor, people=part, explain=explained, refused_page=refused_page)
    return TestClient(app, base_url="http://127.0.0.1:7860")


def test_a_new_browser_gets_a_person_and_keeps_it(client):
    first = client.get("/who")
    assert UUID(first.json())
    assert "HttpOnly" in first.headers["set-cookie"]
    assert "SameSite=Lax" in first.headers["set-cookie"]
    again = client.get("/who")
    assert again.json() == first.json()
    assert "set-cookie" not in again.headers


def test_a_forged_cookie_is_a_stranger(client):
    victim = uuid4()
    for forged in (str(victim), f"{victim}.AAAA", Identities("other").cookie_for(victim), '"'):
        client.cookies.set(COOKIE, forged)
        assert client.get("/who").json() != str(victim)
        client.cookies.clear()
    client.cookies.set(COOKIE, IDENTITIES.cookie_for(victim))
    assert client.get("/who").json() == str(victim)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
    ],
)
def test_other_sites_cannot_act(client, headers):
    assert client.post("/who", headers=headers).status_code == 403
    assert client.get("/who", headers=headers).status_code == 200


def test_own_pages_and_scripts_can_act(client):
    assert client.post("/who").status_code == 200
    own = {"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:7860"}
    assert client.post("/who", headers=own).status_code == 200


def test_a_foreign_host_name_is_refused(client):
    """A site that points its own name at 127.0.0.1 must not be able to read."""
    assert client.get("/who", headers={"host": "evil.example:7860"}).status_code == 403
    for host in ("[::1]evil.example", "127.0.0.1.evil.example", "127.0.0.1:80@evil.example", "["):
        assert client.get("/who", headers={"host": host}).status_code == 403
    for host in ("localhost:7860", "[::1]:7860", "127.0.0.1"):
        assert client.get("/who", headers={"host": host}).status_code == 200


def test_the_secret_is_made_once_and_kept_private(tmp_path: Path):
    secret = load_secret(tmp_path / "new")
    assert len(secret) >= 32
    assert load_secret(tmp_path / "new") == secret
    mode = (tmp_path / "new" / "cookie-secret").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_only_loopback_unless_told(monkeypatch):
    with pytest.raises(ValueError, match="RLHB_ALLOW_REMOTE"):
        Settings(host="0.0.0.0")
    assert Settings(host="0.0.0.0", allow_remote=True).host == "0.0.0.0"
    monkeypatch.setenv("RLHB_PORT", "9000")
    assert Settings().port == 9000


def test_the_database_password_is_not_shown():
    settings = Settings(database_url="postgresql://me:s3cret@localhost/x")
    assert "s3cret" not in repr(settings)
    assert "s3cret" in settings.database


def test_every_setting_has_its_sentence():
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
