"""Signing in by a header: the proxy's word counts with its secret, and only then."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.people import OPERATOR, set_active
from app.store import AuditKind, Role, accounts, audit
from tests.team_app import ORIGIN, PASSWORD, browser, founded, joined, link, team_app

SECRET = "the proxy's own secret, thirty-two characters or more"
TOLD = {"proxy_user_header": "X-Forwarded-User", "proxy_secret": SECRET}
NOT_INVITED = "you have no account here yet; ask an administrator for an invitation"


def by_proxy(user: str, secret: str = SECRET) -> dict[str, str]:
    return {"X-Forwarded-User": user, "X-RLHB-Proxy-Secret": secret}


def name_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["display_name"])


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return team_app(tmp_path_factory.mktemp("app"), newcomer_role="annotator", **TOLD)


@pytest.fixture(scope="module")
def invited_only(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return team_app(tmp_path_factory.mktemp("invited"), **TOLD)


@pytest.fixture(scope="module")
def by_password(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return team_app(tmp_path_factory.mktemp("password"), newcomer_role="annotator")


@pytest.fixture
def there(app: FastAPI) -> TestClient:
    return browser(app)


def test_whoever_the_proxy_knows_is_in_and_stays_the_same(app: FastAPI, there: TestClient):
    me = there.get("/api/me", headers=by_proxy("grace@example.org")).json()
    assert (me["display_name"], me["role"]) == ("grace@example.org", "annotator")
    assert browser(app).get("/api/me", headers=by_proxy("grace@example.org")).json() == me
    assert there.get("/api/runs", headers=by_proxy("grace@example.org")).status_code == 403
    assert not there.cookies  # the proxy says it each time
    assert there.get("/api/me").status_code == 401
    with app.state.store.reading() as connection:
        account = accounts.by_subject(connection, "proxy:grace@example.org")
        assert account is not None
        (line,) = audit.newest(connection, account_id=account.id)
    assert (line.kind, line.what["by"]) == (AuditKind.JOIN, "proxy")


@pytest.mark.parametrize(
    "headers",
    [
        by_proxy("mallory", "a secret that is wrong, of thirty-two characters"),
        by_proxy("mallory", SECRET[:-1]),
        by_proxy("mallory", f"{SECRET}x"),
        by_proxy("mallory", SECRET.upper()),
        by_proxy("mallory", ""),
        {"X-Forwarded-User": "mallory"},
        {"X-RLHB-Proxy-Secret": SECRET},
        by_proxy(""),
        by_proxy("   "),
        by_proxy("m" * 201),
        {"Remote-User": "mallory", "X-RLHB-Proxy-Secret": SECRET},
        {"X_Forwarded_User": "mallory", "X-RLHB-Proxy-Secret": SECRET},
    ],
)
def test_nobody_is_anybody_without_the_secret_or_without_a_name(
    app: FastAPI, there: TestClient, headers: dict[str, str]
) -> None:
    answer = there.get("/api/me", headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (401, "sign in first")
    with app.state.store.reading() as connection:
        assert not [each for each in accounts.all(connection) if each.name.startswith("m")]


def test_of_two_names_neither_is_believed(there: TestClient):
    """One may be what a browser has sent, and a proxy that adds instead of setting has let through."""
    doubled = [*by_proxy("mallory").items(), ("X-Forwarded-User", "grace@example.org")]
    assert there.get("/api/me", headers=doubled).status_code == 401


def test_the_header_says_nothing_where_it_is_not_set_up(by_password: FastAPI):
    for secret in ("", SECRET):
        answer = browser(by_password).get("/api/me", headers=by_proxy("mallory", secret))
        assert answer.status_code == 401


def test_a_newcomer_is_told_that_they_are_not_invited(invited_only: FastAPI):
    there = browser(invited_only, **by_proxy("stranger"))
    answer = there.get("/api/me")
    assert (answer.status_code, answer.json()["detail"]) == (403, NOT_INVITED)
    page = there.get("/", headers={"accept": "text/html"})
    assert page.status_code == 403
    assert f"Y{NOT_INVITED[1:]}." in page.text
    with invited_only.state.store.reading() as connection:
        assert accounts.by_subject(connection, "proxy:stranger") is None


def test_an_invitation_lets_them_in_all_the_same(invited_only: FastAPI):
    there = browser(invited_only, **by_proxy("late"))
    for path in ("/api/health", "/static/api.js", "/sign-in", "/join"):
        assert there.get(path).status_code == 200
    body = {"link": link(invited_only, Role.RESEARCHER), "name": "Late", "password": PASSWORD}
    assert there.post("/api/join", json=body).status_code == 201
    assert name_of(there.get("/api/me")) == "Late"


def test_a_session_counts_before_the_header(app: FastAPI):
    there = joined(app, "Hedy")
    assert name_of(there.get("/api/me", headers=by_proxy("someone else"))) == "Hedy"
    assert name_of(there.get("/api/me")) == "Hedy"
    assert there.post("/api/sign-out").status_code == 204
    assert name_of(there.get("/api/me", headers=by_proxy("someone else"))) == "someone else"


def test_whoever_is_deactivated_stays_outside(app: FastAPI, there: TestClient):
    founded(app)
    assert name_of(there.get("/api/me", headers=by_proxy("gone"))) == "gone"
    with app.state.store.writing() as connection:
        account = accounts.by_subject(connection, "proxy:gone")
        assert account is not None
        set_active(connection, OPERATOR, account.id, False)
    assert there.get("/api/me", headers=by_proxy("gone")).status_code == 401
    assert browser(app).post("/api/signals", headers=by_proxy("gone")).status_code == 401


def test_a_name_that_somebody_has_gets_a_number(app: FastAPI, there: TestClient):
    joined(app, "Emmy")
    assert name_of(there.get("/api/me", headers=by_proxy("Emmy"))) == "Emmy 2"
    assert name_of(there.get("/api/me", headers=by_proxy("EMMY"))) == "EMMY 3"


def test_other_sites_act_for_nobody(there: TestClient):
    """The proxy would add its headers to those requests, too."""
    for foreign in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        answer = there.patch(
            "/api/me", json={"display_name": "x"}, headers=by_proxy("grace@example.org") | foreign
        )
        assert answer.status_code == 403


@pytest.fixture
def shared(tmp_path: Path, database_url: str) -> Iterator[FastAPI]:
    app = team_app(tmp_path, database_url, newcomer_role="annotator", **TOLD)
    yield app
    app.state.store.close()


def test_twenty_first_requests_at_once_make_one_account(shared: FastAPI):
    told = asyncio.run(ask_at_once(shared, ["grace"] * 20))
    assert {answer.status_code for answer in told} == {200}
    assert len({answer.json()["id"] for answer in told}) == 1

    # twenty people whose names differ in case only
    users = [f"{'a' * each}{'A' * (20 - each)}" for each in range(20)]
    told = asyncio.run(ask_at_once(shared, users))
    assert {answer.status_code for answer in told} == {200}
    assert len({answer.json()["id"] for answer in told}) == 20
    with shared.state.store.reading() as connection:
        assert len(accounts.all(connection)) == 21
        assert len(audit.newest(connection, kind=AuditKind.JOIN)) == 21


async def ask_at_once(app: FastAPI, users: list[str]) -> list[httpx.Response]:
    """Each of them, in a browser without any cookie."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as there:
        return await asyncio.gather(*(there.get("/api/me", headers=by_proxy(u)) for u in users))
