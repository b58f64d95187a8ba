"""Who may do what: the table of roles against the routes and events that the app has, each asked in every role."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid4

import gradio as gr
import pytest
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.routing import BaseRoute, Mount, Route
from starlette.testclient import TestClient
from starlette.types import Message

from app.doors.pages import ROUTES as OF_GRADIO
from app.doors.pages import Door
from app.people import (
    EVENTS,
    PAGES,
    ROUTES,
    NotAllowed,
    Principal,
    SignInFirst,
    least_for,
    simulated,
)
from app.store import Role, Via, accounts, people, sessions
from rlhb_core.schema.record import now_ms
from tests.scene import act, asked, best, someone
from tests.team import (
    Member,
    Team,
    doors,
    heard,
    made_member,
    made_session,
    made_token,
    press,
    running_team,
)

W, A, R, D = Role
HOUR_MS = 3_600_000
NOBODYS_ID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("data"), max_streams_per_person=1000) as team:
        team.first()
        yield team


# --- the table is that of the app -----------------------------------------------------------------


def routes_of(routes: list[BaseRoute], prefix: str = "") -> Iterator[str]:
    """Every route that the app would answer, whether its documentation names it or not."""
    for route in routes:
        if (included := getattr(route, "original_router", None)) is not None:
            yield from routes_of(included.routes, prefix + route.include_context.prefix)  # type: ignore[attr-defined]
        elif isinstance(route, APIRoute | Route):
            yield from (f"{each} {prefix}{route.path}" for each in sorted(route.methods or ()))
        else:
            assert isinstance(route, Mount), f"nobody has thought about {route!r}"
            if route.path == "/static":
                yield "GET /static/{file:path}"
            else:
                assert isinstance(route.app, Door), f"no door before {route.path}"


def test_every_route_of_the_app_is_in_the_table_and_none_else(team: Team) -> None:
    found = set(routes_of(team.app.routes)) - {"GET /static/kinds.js"}
    assert least_for("GET", "/static/kinds.js") is None
    redirects = {f"{method} {page}" for page in PAGES if page != "/" for method in ("GET", "HEAD")}
    assert redirects <= found
    found = {each for each in found - redirects if not each.startswith("HEAD ")}
    assert found == set(ROUTES)
    told = {
        f"{method.upper()} {path}"
        for path, methods in team.app.openapi()["paths"].items()
        for method in methods
    }
    assert told <= set(ROUTES)


def test_every_page_and_event_of_the_app_is_in_the_table_and_none_else(team: Team) -> None:
    found = {path or "/": door for path, door in doors(team.app).items()}
    assert set(found) == set(PAGES)
    events = {
        page: {each.name for each in door.events.values()}
        for page, door in found.items()
        if door.events
    }
    assert events == {page: set(names) for page, names in EVENTS.items()}


# --- everybody asks for everything ----------------------------------------------------------------


@dataclass(frozen=True)
class Somebody:
    """A kind of asker: which role they have, and how one of them is made."""

    who: str
    role: Role | None
    made: Callable[[Team], TestClient]
    is_somebody: bool = True
    """Or else a token of the command line, whose questions and acts would be nobody's."""


def _signed_in(role: Role, **fields: Any) -> Callable[[Team], TestClient]:
    return lambda team: team.showing(
        made_session(team.store, made_member(team.store, role), **fields)
    )


def _token(role: Role, owner: Role | None = None, **fields: Any) -> Callable[[Team], TestClient]:
    def made(team: Team) -> TestClient:
        account = made_member(team.store, owner) if owner else None
        return team.with_token(made_token(team.store, role, account, **fields))

    return made


def _deactivated(team: Team) -> TestClient:
    account = made_member(team.store, D, deactivated_ms=now_ms())
    return team.showing(made_session(team.store, account))


def _deactivated_token(team: Team) -> TestClient:
    account = made_member(team.store, D, deactivated_ms=now_ms())
    return team.with_token(made_token(team.store, D, account))


def _signed_out(team: Team) -> TestClient:
    account = made_member(team.store, D)
    browser = team.showing(made_session(team.store, account))
    with team.store.writing() as connection:
        sessions.end_all(connection, account.id)
    return browser


def _revoked_token(team: Team) -> TestClient:
    program = _token(D, D)(team)
    with team.store.writing() as connection:
        (newest, *_) = sessions.tokens(connection)
        sessions.revoke(connection, newest.id)
    return program


def _removed(team: Team) -> TestClient:
    account = made_member(team.store, D)
    browser = team.showing(made_session(team.store, account))
    with team.store.writing() as connection:
        accounts.delete(connection, account.id)
    return browser


def _names_a_person(team: Team) -> TestClient:
    browser = team.browser()
    account = made_member(team.store, D)
    cookie = team.app.state.people.identities.cookie_for(account.person_id)
    browser.cookies.set("rlhb_person", cookie)
    return browser


def _token_and_session(team: Team) -> TestClient:
    """A token counts alone, so that what a script may do is seen in its token."""
    browser = _signed_in(D)(team)
    browser.headers["authorization"] = "Bearer " + made_token(team.store, A)
    return browser


def _headers(**headers: str) -> Callable[[Team], TestClient]:
    def made(team: Team) -> TestClient:
        browser = team.browser()
        browser.headers.update({name.replace("_", "-"): each for name, each in headers.items()})
        return browser

    return made


LONG_AGO = now_ms() - 31 * 24 * HOUR_MS
EVERYBODY = (
    Somebody("nobody", None, lambda team: team.browser()),
    Somebody("a worker", W, _signed_in(W)),
    Somebody("an annotator", A, _signed_in(A)),
    Somebody("another annotator", A, _signed_in(A)),
    Somebody("a researcher", R, _signed_in(R)),
    Somebody("an administrator", D, _signed_in(D)),
    Somebody("an administrator, signed out", None, _signed_out),
    Somebody("an administrator, away too long", None,
             _signed_in(D, created_ms=now_ms() - 73 * HOUR_MS, seen_ms=now_ms() - 73 * HOUR_MS)),
    Somebody("an administrator, signed in for too long", None, _signed_in(D, created_ms=LONG_AGO)),
    Somebody("an administrator, deactivated", None, _deactivated),
    Somebody("an administrator, removed", None, _removed),
    Somebody("an administrator's person's cookie alone", None, _names_a_person),
    Somebody("an annotator's token", A, _token(A, A)),
    Somebody("a researcher's token", R, _token(R, R)),
    Somebody("an administrator's token", D, _token(D, D)),
    Somebody("an administrator's token for less", A, _token(A, D)),
    Somebody("a token for more than its owner may now", A, _token(D, A)),
    Somebody("an operator's token", D, _token(D), is_somebody=False),
    Somebody("an operator's token for annotators", A, _token(A), is_somebody=False),
    Somebody("a token that was revoked", None, _revoked_token),
    Somebody("a token that is over", None, _token(D, D, expires_ms=now_ms() - 1)),
    Somebody("a token of a deactivated account", None, _deactivated_token),
    Somebody("a token beside a session", A, _token_and_session, is_somebody=False),
    Somebody("a session as a token", None,
             lambda team: team.with_token(made_session(team.store, made_member(team.store, D)))),
    Somebody("a token as a session", None, lambda team: team.showing(made_token(team.store, D))),
    Somebody("a proxy's word that nobody asked for", None,
             _headers(x_forwarded_user="Ada", x_rlhb_proxy_secret="", x_rlhb_principal="Ada")),
    Somebody("a simulated person's word", None, _headers(x_rlhb_simulated="Ada")),
)  # fmt: skip

ENDS_SESSIONS = ("POST /api/sign-out", "DELETE /api/sessions")
"""Only these do something when asked like this."""


def filled(path: str) -> str:
    """An address of this kind, of what is not there."""
    path = path.replace("{file:path}", "kit.js").replace("{kind}", "triplets")
    path = path.replace("{about}", "question")
    path = path.replace("{part}", "ranking").replace("{table}", "ranking")
    for name in (
        "session",
        "query",
        "response",
        "run",
        "token",
        "version",
        "account",
        "invitation",
        "study",
        "person",
    ):
        path = path.replace(f"{{{name}_id}}", NOBODYS_ID)
    assert "{" not in path
    return path


OF_SOMEBODY = {
    "GET /api/me/data",
    "GET /api/me/drafts",
    "PUT /api/me/drafts/{about}",
    "PATCH /api/me",
    "POST /api/me/consent",
    "POST /api/signals",
    "POST /api/comparisons",
    "GET /api/comparisons",
    "GET /api/comparisons/{query_id}",
    "GET /api/comparisons/{query_id}/thread",
    "POST /api/studies/{study_id}/next",
    "POST /api/responses/{response_id}/regenerate",
    "POST /api/responses/{response_id}/continue",
}
"""What is recorded, or was, of whoever asks."""


def judged(role: Role | None, least: Role | None, status: int) -> bool:
    """Whether this is what somebody of this role is answered."""
    if least is None or (role is not None and role.includes(least)):
        return status not in (401, 403)
    return status == (401 if role is None else 403)


@pytest.mark.parametrize("asker", EVERYBODY, ids=lambda each: each.who)
def test_every_route_asked_by(asker: Somebody, team: Team) -> None:
    client, wrong = asker.made(team), []
    for line, least in ROUTES.items():
        method, _, path = line.partition(" ")
        one = asker.made(team) if line in ENDS_SESSIONS else client
        body: dict[str, Any] = {} if method == "GET" else {"json": {"nothing": "of this kind"}}
        answer = one.request(method, filled(path), follow_redirects=False, **body)
        failed = answer.status_code >= 500
        if line in OF_SOMEBODY and not asker.is_somebody and answer.status_code in (403, 422):
            continue
        if failed or not judged(asker.role, least, answer.status_code):
            wrong.append((line, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("asker", EVERYBODY, ids=lambda each: each.who)
def test_every_page_asked_by(asker: Somebody, team: Team) -> None:
    client = asker.made(team)
    wrong: list[tuple[object, ...]] = []
    below = {
        "page": "/",
        "asset": "/assets/none.js",
        "theme": "/theme.css",
        "app": "/gradio_api/app_id",
        "event": "/gradio_api/queue/join",
        "answers": "/gradio_api/queue/data?session_hash=none",
    }
    for page, least in PAGES.items():
        for route in OF_GRADIO:
            path = page.rstrip("/") + below[route.name]
            for method in sorted(route.methods):
                body: dict[str, Any] = {"json": {}} if method == "POST" else {}
                answer = client.request(method, path, follow_redirects=False, **body)
                if not judged(asker.role, least, answer.status_code):
                    wrong.append((method, path, answer.status_code))
        answer = client.get(page, headers={"accept": "text/html"}, follow_redirects=False)
        said = (answer.status_code, answer.headers.get("location", ""))
        if asker.role is None:
            if said != (303, f"/sign-in?next={page}"):
                wrong.append(("browser", page, answer.status_code))
        elif not judged(asker.role, least, answer.status_code):
            wrong.append(("browser", page, answer.status_code))
    assert wrong == []


FORM: list[Any] = ["rlhb", [], None, None, None, *[None] * 7]
"""Of the Runs page, with no data chosen: nothing begins."""
PRESSED: dict[str, tuple[list[Any], dict[str, object] | None]] = {
    "ask": ([], {"token": "t", "text": ""}),
    "restore": ([], {"token": "t", "query_id": NOBODYS_ID}),
    "regenerate": ([], {"token": "t", "query_id": NOBODYS_ID, "response_id": NOBODYS_ID}),
    "carry_on": ([], {"token": "t", "query_id": NOBODYS_ID, "response_id": NOBODYS_ID}),
    "look": (FORM, None),
    "look_once_done": ([None, *FORM], None),
    "offer": (["rlhb"], None),
    "of_recipe": ([None], None),
    "start": (FORM, None),
    "let_them_ask": ([0], None),
    "count": ([], None),
    "count_anew": ([], None),
    "show": ([[], "", [], False], None),
}


@pytest.mark.parametrize("asker", EVERYBODY, ids=lambda each: each.who)
def test_every_event_pressed_by(asker: Somebody, team: Team) -> None:
    client, wrong = asker.made(team), []
    for page, events in EVENTS.items():
        for name, least in events.items():
            data, told = PRESSED[name]
            answer = press(client, page.rstrip("/"), name, data, told)
            allowed = judged(asker.role, least, answer.status_code)
            if not allowed or answer.status_code not in (200, 401, 403):
                wrong.append((page, name, answer.status_code))
    assert wrong == []


def test_an_event_of_a_page_takes_its_own_role_as_well(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotator, researcher = (_signed_in(role)(team) for role in (A, R))
    kept = {"look": R, "of_recipe": D}
    monkeypatch.setitem(EVENTS, "/runs", kept)
    monkeypatch.setitem(PAGES, "/runs", A)
    assert press(annotator, "/runs", "look", FORM).status_code == 403
    assert press(researcher, "/runs", "look", FORM).status_code == 200
    refused = press(researcher, "/runs", "of_recipe", [None])
    assert (refused.status_code, refused.json()["detail"]) == (
        403, "this is for administrators; you are signed in as a researcher"
    )  # fmt: skip
    assert press(researcher, "/runs", "offer", ["rlhb"]).status_code == 403  # in no line


# --- what no table names --------------------------------------------------------------------------

ODD_PATHS = (
    "/api", "/api/", "/api/none", "/api/me/", "/api/people/", "/api//people", "//api/people", "///api/people",
    "/API/people", "/Api/People", "/api/PEOPLE", "/api/people%20", "/api/people%00", "/api/people%0a",
    "/api/people.json", "/api/people%2f", "/api%2fpeople", "/%61pi/people", "/api/%70eople", "/api/me%2f..%2fpeople",
    "/static/%2e%2e/api/people", "/static/..%2fapi/people", "/static/../api/people", "/static/%2e%2e/%2e%2e/etc/passwd",
    "/api/health/../people", "/api/health/%2e%2e/people", "/sign-in/../people", "/sign-in/%2e%2e/people", "/sign-in/",
    "/join/", "/SIGN-IN", "/./people", "/%2e/people", "/people/", "/People", "/audit/", "/you/", "/docs/", "/redoc",
    "/openapi.json/", "/api/openid", "/api/openid/back/", "/runs/../data/", "/runs/%2e%2e/data/", "/RUNS/", "/runs//",
    "//runs/", "/gradio_api/info", "/gradio_api/upload", "/gradio_api/call/ask", "/config", "/login_check", "/file=x",
    "/gradio_api/file=/etc/passwd", "/runs/config", "/data/gradio_api/run/show", "/data/queue/join", "/favicon.ico",
    "/.env", "/manifest.json", "/monitoring", "/x\\..\\api\\people", "/api/people?x", "/?next=/people", "/audit.jsonl",
    "/api/data/..%2faudit.jsonl", "/api/data/none.jsonl", "/api/me/data/", "/api/versions/x/serve/", "/ａpi/people",
)  # fmt: skip
METHODS = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "Get",
)


def bare(team: Team, method: str, path: str, accept: str = "*/*") -> tuple[int, str]:
    """(status, where it sends them) for nobody who asks for exactly this, as it comes over the wire."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path.partition("?")[0]),
        "raw_path": path.partition("?")[0].encode(),
        "query_string": path.partition("?")[2].encode(),
        "headers": [(b"host", b"127.0.0.1:7860"), (b"accept", accept.encode())],
        "client": ("192.0.2.7", 50_000),
        "server": ("127.0.0.1", 7860),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    portal = team.operator.portal
    assert portal is not None
    portal.call(team.app, scope, receive, send)
    return sent[0]["status"], Headers(raw=sent[0]["headers"]).get("location", "")


@pytest.mark.parametrize("path", ODD_PATHS)
def test_nobody_gets_in_by_an_odd_address(path: str, team: Team) -> None:
    for method in METHODS:
        code, location = bare(team, method, path)
        if "%0" in path and code == 404:  # no browser writes that
            continue
        is_there = path == "/api/openid" and method == "POST"  # all others of these are not
        assert code == (422 if is_there else 404 if path.startswith("/static/") else 401) or (
            path.startswith("/static/") and method not in ("GET", "HEAD") and code == 401
        ), method
    code, location = bare(team, "GET", path, "text/html")
    assert code in (303, 401, 404)
    assert location.startswith("/sign-in?next=") == (code == 303)


def test_nobody_gets_in_by_an_odd_method(team: Team) -> None:
    """HEAD is as GET; all others at an address take an administrator, even where anybody may GET."""
    browser = team.browser()
    for line, least in ROUTES.items():
        method, _, path = line.partition(" ")
        taken = {one.partition(" ")[0] for one in ROUTES if one.endswith(f" {path}")}
        for other in METHODS:
            if other in taken or (other == "HEAD" and "GET" in taken):
                continue
            assert bare(team, other, filled(path)) == (401, ""), (other, path)
        if method == "GET":
            head = browser.head(filled(path), follow_redirects=False).status_code
            assert head in ((401,) if least else (200, 404, 405, 502)), (path, head)


@pytest.mark.parametrize(
    "header",
    ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url",
     "x-forwarded-path", "x-forwarded-prefix", "x-script-name", "forwarded", "x-forwarded-for", "x-real-ip"],
)  # fmt: skip
def test_nobody_gets_in_by_a_header(header: str, team: Team) -> None:
    browser = team.browser()
    for value in ("GET", "/api/health", "/sign-in", "/static/kit.js", "127.0.0.1", "for=127.0.0.1"):
        for method, path in (("GET", "/api/people"), ("POST", "/api/people"), ("GET", "/people")):
            answer = browser.request(method, path, headers={header: value}, follow_redirects=False)
            assert answer.status_code == 401
        let_in = browser.get("/api/health", headers={header: "/api/people"})
        assert let_in.json()["status"] == "ok"


@pytest.mark.parametrize(
    "shown",
    ["Bearer", "Bearer ", "Bearer null", "Bearer rlhb_", "Basic QWRhOg==", "bearer \t", "Bearer a b", "Token x"],
)  # fmt: skip
def test_nobody_gets_in_by_what_is_no_token(shown: str, team: Team) -> None:
    browser = team.browser()
    answer = browser.get("/api/me", headers={"authorization": shown})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json() == {"detail": "sign in first"}


def test_a_page_for_others_says_so_and_shows_the_way_back(team: Team) -> None:
    annotator = _signed_in(A)(team)
    for path in ("/runs/", "/people", "/audit", "/data"):
        answer = annotator.get(path, headers={"accept": "text/html"}, follow_redirects=False)
        assert answer.status_code == 403
        assert "you are signed in as an annotator" in answer.text
        assert 'href="/people"' not in answer.text
        assert 'href="/runs/"' not in answer.text


def test_a_page_names_only_pages_that_are_for_this_role(team: Team) -> None:
    for role, seen in ((A, []), (R, ["/runs/", "/data/"]), (D, ["/runs/", "/people", "/audit"])):
        text = _signed_in(role)(team).get("/").text
        for path in ("/runs/", "/data/", "/people", "/audit"):
            assert (f'<a href="{path}"' in text) == (
                role is D or path in seen
            ), (role, path)  # fmt: skip


# --- what is somebody else's ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def two(team: Team) -> tuple[Member, Member]:
    return team.member("Anna"), team.member("Ben")


def test_what_one_has_asked_is_nobody_elses(team: Team, two: tuple[Member, Member]) -> None:
    anna, ben = two
    query, answers = team.asked_by(anna)
    administrator = _signed_in(D)(team)
    for other in (ben.client, administrator):
        assert other.get(f"/api/comparisons/{query.id}").status_code == 403
        for verb in ("regenerate", "continue"):
            path = f"/api/responses/{answers[0].id}/{verb}"
            assert other.post(path).status_code == 403
        follow = other.post(
            "/api/comparisons", json={"text": "And Venus?", "previous": str(query.id)}
        )
        assert follow.status_code == 403
    assert anna.client.get(f"/api/comparisons/{query.id}").status_code == 200
    for told in (
        best(query, answers[1]),
        act("like", query, answers[0]),
        act("copy", query, answers[0], chars=3),
    ):
        refused = ben.reacts(told)
        assert refused.status_code == 422
        assert refused.json()["detail"][0]["id"] == str(told.id)
    assert anna.reacts(best(query, answers[1])).json() == {"received": 1, "new": 1}
    mine = ben.client.get("/api/me/data").text
    assert str(query.id) not in mine
    assert str(query.id) in anna.client.get("/api/me/data").text


def test_what_one_has_asked_is_nobody_elses_by_an_event(
    team: Team, two: tuple[Member, Member]
) -> None:
    anna, ben = two
    query, answers = team.asked_by(anna, "Why is the sky so very dark?")
    told = {"token": "t", "query_id": str(query.id), "response_id": str(answers[0].id)}
    for name in ("restore", "regenerate", "carry_on"):
        tab = uuid4().hex
        assert press(ben.client, "", name, act=told, tab=tab).status_code == 200
        said = heard(ben.client, "", tab)
        assert "sky so very dark" not in said
        assert "Phobos" not in said
    tab = uuid4().hex
    press(anna.client, "", "restore", act=told, tab=tab)
    assert "sky so very dark" in heard(anna.client, "", tab)


def test_a_tab_is_of_whoever_spoke_first(team: Team, two: tuple[Member, Member]) -> None:
    anna, ben = two
    tab = uuid4().hex
    assert press(anna.client, "", "restore", act={"token": "t"}, tab=tab).status_code == 200
    assert press(ben.client, "", "restore", act={"token": "t"}, tab=tab).status_code == 403
    listening = ben.client.get(f"/gradio_api/queue/data?session_hash={tab}")
    assert listening.status_code == 403
    assert "process_completed" in heard(anna.client, "", tab)


def test_sessions_and_tokens_are_ended_by_their_owners(
    team: Team, two: tuple[Member, Member]
) -> None:
    anna, ben = two
    (mine,) = anna.client.get("/api/sessions").json()
    assert ben.client.delete(f"/api/sessions/{mine['id']}").status_code == 404
    rita, rob = team.member("Rita", R), team.member("Rob", R)
    made = rita.client.post("/api/tokens", json={"name": "nightly"}).json()
    assert rob.client.get("/api/tokens").json() == []
    assert rob.client.delete(f"/api/tokens/{made['id']}").status_code == 404
    assert [each["name"] for each in rita.client.get("/api/tokens").json()] == ["nightly"]
    assert rita.client.get("/api/tokens").json()[0]["mine"]
    administrator = _signed_in(D)(team)
    seen = {each["id"]: each for each in administrator.get("/api/tokens").json()}
    assert (seen[made["id"]]["owner"], seen[made["id"]]["mine"]) == ("Rita", False)
    assert made["token"] not in administrator.get("/api/tokens").text
    assert administrator.delete(f"/api/tokens/{made['id']}").status_code == 204
    assert anna.client.get("/api/me").status_code == 200


def test_a_token_of_no_account_sees_and_takes_back_none(team: Team) -> None:
    """It is no administrator's only because it is nobody's."""
    rita = team.member("Regine", R)
    made = rita.client.post("/api/tokens", json={"name": "hers"}).json()
    program = _token(R)(team)
    assert program.get("/api/tokens").json() == []
    assert program.delete(f"/api/tokens/{made['id']}").status_code == 404
    assert team.with_token(made["token"]).get("/api/runs").status_code == 200


def test_nobody_gives_more_than_they_have(team: Team) -> None:
    rita = team.member("Rike", R)
    for role, status in (("annotator", 201), ("researcher", 201), ("administrator", 403)):
        made = rita.client.post("/api/tokens", json={"name": "t", "role": role})
        assert made.status_code == status
    token = rita.client.post("/api/tokens", json={"name": "t", "role": "researcher"}).json()[
        "token"
    ]
    program = team.with_token(token)
    assert program.get("/api/runs").status_code == 200
    assert program.post("/api/tokens", json={"name": "another"}).status_code == 403
    assert program.patch("/api/me", json={"display_name": "Else"}).status_code == 403
    change = {"current": rita.password, "password": "another-Long-0ne"}
    assert program.put("/api/me/password", json=change).status_code == 403
    assert program.post("/api/me/erase", json={"confirm": True, "account": True}).status_code == 403


# --- inside the handlers --------------------------------------------------------------------------


def asked_by_gradio(role: Role | None) -> gr.Request:
    """What a handler is handed for an event of somebody of this role."""
    via = Via.STRANGER if role is None else Via.SESSION
    state = {"principal": Principal(uuid4(), role, via)}
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "state": state}
    return gr.Request(Request(scope))


LESS = {W: (None,), A: (None, W), R: (None, W, A), D: (None, W, A, R)}


@pytest.mark.parametrize(
    ("page", "name"), [(page, name) for page, names in EVENTS.items() for name in names]
)
def test_a_handler_looks_for_itself(page: str, name: str, team: Team) -> None:
    door = doors(team.app)[page.rstrip("/")]
    numbers = [each.index for each in door.events.values() if each.name == name]
    least = EVENTS[page][name]
    assert numbers
    assert least is not None

    async def called(handler: Callable[..., Any], request: gr.Request) -> None:
        data, told = PRESSED[name]
        rest = {"event": gr.EventData(None, told)} if told is not None else {}
        found = handler(
            *[request, *data] if not rest else (), **rest | ({"request": request} if rest else {})
        )
        if inspect.isasyncgen(found):
            await anext(found)
        elif inspect.isawaitable(found):
            await found

    for number in numbers:
        handler = door.blocks.fns[number].fn
        assert handler is not None
        for role in LESS[least]:
            with pytest.raises(SignInFirst if role is None else NotAllowed):
                asyncio.run(called(handler, asked_by_gradio(role)))


# --- people that programs play --------------------------------------------------------------------


def test_only_researchers_play_people(team: Team) -> None:
    played = {"x-rlhb-simulated": "Sim of all"}
    for role, status in ((W, 403), (A, 403), (R, 200), (D, 200)):
        assert _signed_in(role)(team).get("/api/me", headers=played).status_code == status
        token = _token(role, role)(team)
        assert token.get("/api/me", headers=played).status_code == status
        mine = _token(role)(team)
        assert mine.get("/api/me", headers=played).status_code == status
    assert team.browser().get("/api/me", headers=played).status_code == 401
    refused = press(_signed_in(A)(team), "", "restore", act={"token": "t"})
    assert refused.status_code == 200  # as themselves, annotators may


def test_a_played_person_is_simulated_from_the_first_act(team: Team) -> None:
    played = {"x-rlhb-simulated": "Sim One"}
    rita = _signed_in(R)(team)
    me = rita.get("/api/me", headers=played).json()
    assert (me["source"], me["asked"], me["recording"]) == ("simulated", False, True)
    assert me["id"] != rita.get("/api/me").json()["id"]
    assert rita.get("/api/me").json()["source"] == "real"
    again = _token(R)(team).get("/api/me", headers=played).json()
    assert again["id"] == me["id"]  # one name is one person, whoever plays it
    other = rita.get("/api/me", headers={"x-rlhb-simulated": "Sim Two"}).json()
    assert other["id"] != me["id"]
    assert "set-cookie" not in rita.get("/api/me", headers=played).headers


def test_what_a_played_person_does_is_simulated_data(team: Team) -> None:
    played = {"x-rlhb-simulated": "Sim Three"}
    rita = _signed_in(R)(team)
    me = rita.get("/api/me", headers=played).json()
    with team.store.writing() as connection:
        query, answers = asked(connection, people.get(connection, UUID(me["id"])))
    told = {"sent_ms": now_ms(), "signals": [best(query, answers[0]).model_dump(mode="json")]}
    assert rita.post("/api/signals", json=told).status_code == 422  # as themselves it is another's
    assert rita.post("/api/signals", json=told, headers=played).json()["new"] == 1
    real, simulated_only = (
        rita.get(f"/api/data/triplets.jsonl?source={source}").text
        for source in ("real", "simulated")
    )
    assert str(query.id) not in real
    assert str(query.id) in simulated_only


def test_a_real_persons_id_is_played_by_nobody(team: Team) -> None:
    with team.store.writing() as connection:
        asked(connection, someone(connection, id=simulated("Real One")))
    rita = _signed_in(R)(team)
    answer = rita.get("/api/me", headers={"x-rlhb-simulated": "Real One"})
    assert answer.status_code == 409
    assert rita.patch("/api/me", json={"source": "simulated"}).status_code == 403


def test_whoever_erases_a_played_person_keeps_their_account(team: Team) -> None:
    rita = team.member("Renate", R)
    played = {"x-rlhb-simulated": "Sim Four"}
    rita.client.get("/api/me", headers=played)
    refused = rita.client.post(
        "/api/me/erase", json={"confirm": True, "account": True}, headers=played
    )
    assert (refused.status_code, refused.json()["detail"]) == (
        403,
        "a simulated person has no account to remove",
    )
    erased = rita.client.post("/api/me/erase", json={"confirm": True}, headers=played)
    assert erased.status_code == 200
    assert rita.client.get("/api/me", headers=played).json()["source"] == "simulated"
    assert rita.client.get("/api/me").json()["display_name"] == "Renate"
