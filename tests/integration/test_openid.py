"""Signing in by OpenID Connect, against a real provider: whoever comes back rightly is in, everybody else is not.

The provider is an HTTP server of its own (`oidc-provider-mock`); the browser is driven as a person would: to the
provider, through its form, and back.
"""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from itsdangerous import URLSafeTimedSerializer
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.testclient import TestClient

from app.people.openid import BEGIN_AGAIN
from app.store import AuditKind, Role, accounts, audit, invitations
from tests.server import NOBODY, free_port
from tests.team_app import ORIGIN, browser, founded, link, team_app

SESSION = "__Host-rlhb_session"
KEPT = "__Host-rlhb_openid"
CLIENT: dict[str, Any] = {"openid_client_id": "rlhb", "openid_client_secret": "of this app"}
LONG = "".join(map(chr, random.Random(0).choices(range(0x4E00, 0x9FFF), k=1_990)))
"""Of an address that does not fit into a cookie."""
PAGE = {"accept": "text/html,application/xhtml+xml"}


@contextmanager
def running_provider(*options: str) -> Iterator[str]:
    """The address of a provider, for as long as the block lasts."""
    port = free_port()
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "oidc_provider_mock",
        "-p",
        str(port),
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            until = time.monotonic() + 60
            while not _answers(address):
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.05)
            yield address
        finally:
            process.terminate()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/.well-known/openid-configuration").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with running_provider("--require-nonce", "true") as address:
        yield address


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, provider: str) -> FastAPI:
    folder = tmp_path_factory.mktemp("app")
    return team_app(folder, openid_issuer=provider, newcomer_role="annotator", **CLIENT)


@pytest.fixture(scope="module")
def admin(app: FastAPI) -> TestClient:
    return founded(app)


def knows(provider: str, sub: str, **claims: str) -> str:
    """Tell the provider of somebody."""
    assert httpx.put(f"{provider}/users/{sub}", json=claims).status_code == 204
    return sub


def leave(there: TestClient, **body: str) -> str:
    """Press the button; the provider's address."""
    answer = there.post("/api/openid", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["address"])


def agree(address: str, sub: str, **form: str) -> str:
    """Fill in the provider's form; where it sends the browser back to."""
    assert "Authorize Client" in httpx.get(address).text
    answer = httpx.post(address, data={"sub": sub} | form)
    assert answer.status_code == 302, answer.text
    back = answer.headers["location"]
    assert back.startswith(f"{ORIGIN}/api/openid/back?")
    return str(back)


def come_in(app: FastAPI, sub: str, **body: str) -> tuple[TestClient, Any]:
    """All of it, in a new browser."""
    there = browser(app)
    return there, there.get(agree(leave(there, **body), sub))


def is_in(there: TestClient) -> bool:
    return there.get("/api/me").status_code == 200


def show(there: TestClient, name: str, value: str) -> None:
    """Put a cookie into a browser, instead of the one that it has."""
    if name in there.cookies:
        there.cookies.delete(name)
    there.cookies.set(name, value)


def refused(answer: Any, status: int, sentence: str) -> None:
    """It is refused with this sentence, and nobody has come in."""
    assert (answer.status_code, answer.json()["detail"]) == (status, sentence)
    assert SESSION not in answer.cookies


# --- coming in ------------------------------------------------------------------------------------


def test_a_newcomer_becomes_an_account_and_comes_back_as_the_same(app: FastAPI, provider: str):
    sub = knows(provider, "grace", preferred_username="grace", email="grace@example.org")
    there = browser(app)
    address = leave(there, next="/data?kind=votes")
    asked = parse_qs(urlsplit(address).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["code_challenge"][0]
    assert asked["nonce"][0]
    assert asked["redirect_uri"] == [f"{ORIGIN}/api/openid/back"]
    answer = there.get(agree(address, sub))
    assert (answer.status_code, answer.headers["location"]) == (303, "/data?kind=votes")
    cookies = answer.headers.get_list("set-cookie")
    session = next(each for each in cookies if each.startswith(f"{SESSION}="))
    assert all(part in session for part in ("; Secure", "; HttpOnly", "; Path=/", "SameSite=Lax"))
    assert "Domain" not in session
    assert KEPT not in there.cookies  # what was remembered on the way is taken away
    me = there.get("/api/me").json()
    assert (me["display_name"], me["role"], me["account"]) == ("grace", "annotator", True)

    again, _ = come_in(app, sub)
    assert again.get("/api/me").json()["id"] == me["id"]
    with app.state.store.reading() as connection:
        account = accounts.by_subject(connection, f"openid:{provider}|grace")
        assert account is not None
        assert account.password is None
        kinds = [line.kind for line in audit.newest(connection, account_id=account.id)]
    assert kinds == [AuditKind.SIGN_IN, AuditKind.JOIN]


def test_two_of_one_name_are_told_apart_by_a_number(app: FastAPI, provider: str):
    for number in (1, 2, 3):
        knows(provider, f"same-{number}", name="Alex Doe")
    names = [
        come_in(app, f"same-{number}")[0].get("/api/me").json()["display_name"]
        for number in (1, 2, 3)
    ]
    assert names == ["Alex Doe", "Alex Doe 2", "Alex Doe 3"]


@pytest.mark.parametrize("name", ["", " ", "x" * 300, "a\u202eb", "\u0000", "<script>x</script>"])
def test_whatever_name_a_provider_tells_it_is_one_of_ours(
    app: FastAPI, provider: str, name: str
) -> None:
    there, answer = come_in(app, knows(provider, "odd", preferred_username=name))
    assert answer.status_code == 303
    shown = there.get("/api/me").json()["display_name"]
    assert 0 < len(shown) <= 40
    assert shown.isprintable()


def test_no_newcomer_without_an_invitation_where_none_is_wanted(tmp_path: Path, provider: str):
    app = team_app(tmp_path, openid_issuer=provider, **CLIENT)
    there, answer = come_in(app, "stranger")
    refused(answer, 403, "you have no account here yet; ask an administrator for an invitation")
    assert not is_in(there)

    secret = link(app, Role.RESEARCHER, uses=1)
    invited, answer = come_in(app, "invited", link=secret)
    assert answer.status_code == 303
    assert invited.get("/api/me").json()["role"] == "researcher"
    with app.state.store.reading() as connection:
        assert not invitations.open(connection)  # used up
    _, answer = come_in(app, "another", link=secret)
    refused(answer, 410, "this link has been used or is too old; ask for a new one")
    assert is_in(come_in(app, "invited")[0])  # without a link, from now on


def test_a_link_that_sets_a_password_makes_no_account(app: FastAPI, admin: TestClient):
    me = next(each for each in admin.get("/api/people").json() if each["me"])
    path = admin.post(f"/api/people/{me['id']}/reset").json()["path"]
    _, answer = come_in(app, "clever", link=path.partition("#")[2])
    refused(answer, 410, "this link has been used or is too old; ask for a new one")


def test_whoever_is_deactivated_stays_outside(app: FastAPI, admin: TestClient):
    there, _ = come_in(app, "gone")
    account = next(each for each in admin.get("/api/people").json() if each["name"] == "gone")
    assert admin.patch(f"/api/people/{account['id']}", json={"active": False}).status_code == 204
    assert not is_in(there)
    _, answer = come_in(app, "gone")
    refused(answer, 403, "this account is deactivated; ask an administrator")


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        "/" + LONG,
    ],
)
def test_the_way_back_stays_inside(app: FastAPI, provider: str, wanted: str):
    _, answer = come_in(app, "walker", next=wanted)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_the_session_that_a_browser_had_is_over(app: FastAPI, provider: str):
    there, _ = come_in(app, "first")
    before = there.cookies[SESSION]
    there.get(agree(leave(there), "second"))
    assert there.cookies[SESSION] != before
    thief = browser(app)
    show(thief, SESSION, before)
    assert not is_in(thief)


# --- refused ------------------------------------------------------------------------------------------


def test_a_way_back_works_once(app: FastAPI, provider: str):
    there = browser(app)
    back = agree(leave(there), "u-1")
    kept = there.cookies[KEPT]
    assert there.get(back).status_code == 303
    again = browser(app)
    show(again, KEPT, kept)
    refused(
        again.get(back), 403,
        "the provider refused: this sign-in has been used already or took too long; begin again",
    )  # fmt: skip
    refused(there.get(back), 403, BEGIN_AGAIN)  # and here the cookie is gone


def test_a_way_back_is_for_the_browser_that_left(app: FastAPI, provider: str):
    there, another = browser(app), browser(app)
    back = agree(leave(there), "u-1")
    refused(browser(app).get(back), 403, BEGIN_AGAIN)  # no cookie
    leave(another)
    refused(another.get(back), 403, BEGIN_AGAIN)  # its own cookie, from another start
    show(another, KEPT, there.cookies[KEPT][:-2] + "xx")
    refused(another.get(back), 403, BEGIN_AGAIN)
    assert not is_in(another)
    assert there.get(back).status_code == 303


@pytest.mark.parametrize("change", [{"state": "made-up"}, {"state": ""}, {"code": "made-up"}])
def test_what_comes_back_changed_is_refused(app: FastAPI, provider: str, change: dict[str, str]):
    there = browser(app)
    back = urlsplit(agree(leave(there), "u-1"))
    query = {name: value[0] for name, value in parse_qs(back.query).items()} | change
    answer = there.get(f"{back.path}?{urlencode(query)}")
    assert answer.status_code == 403
    assert "begin again" in answer.json()["detail"]
    assert not is_in(there)


def test_a_sign_in_has_ten_minutes(
    app: FastAPI, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = browser(app)
    back = agree(leave(there), "u-1")
    late = time.time() + 601
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: late)
    refused(there.get(back), 403, BEGIN_AGAIN)


def test_a_cookie_that_another_server_signed_is_none(app: FastAPI, provider: str):
    there = browser(app)
    back = agree(leave(there), "u-1")
    kept = URLSafeTimedSerializer("x" * 32, salt="rlhb.openid").dumps(
        {"session": {}, "link": "", "next": "/"}
    )
    show(there, KEPT, kept)
    refused(there.get(back), 403, BEGIN_AGAIN)


def test_whoever_does_not_agree_is_told_so_in_our_words(app: FastAPI, provider: str):
    there = browser(app)
    back = agree(leave(there), "u-1", action="deny")
    refused(
        there.get(back), 403,
        "the provider refused: you did not agree there, or it does not let you in",
    )  # fmt: skip


def test_a_person_sees_a_page_and_no_text_of_the_address(app: FastAPI, provider: str):
    there = browser(app)
    leave(there)
    said = "<script>alert(1)</script> call 555-0100"
    query = urlencode({"error": said, "error_description": said})
    answer = there.get(f"/api/openid/back?{query}", headers=PAGE)
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")
    assert "The provider refused: begin again, or tell an administrator." in answer.text
    assert 'href="/sign-in"' in answer.text
    assert "555-0100" not in answer.text
    assert "'unsafe-eval'" not in answer.headers["content-security-policy"]
    answer = browser(app).get("/api/openid/back", headers=PAGE)
    assert (answer.status_code, BEGIN_AGAIN[1:] in answer.text) == (403, True)


@pytest.mark.parametrize(("secret", "status"), [("right", 303), ("wrong", 403)])
def test_the_app_has_to_show_its_secret(tmp_path: Path, secret: str, status: int):
    with running_provider("--require-registration", "true") as address:
        client = httpx.post(
            f"{address}/oauth2/clients", json={"redirect_uris": [f"{ORIGIN}/api/openid/back"]}
        ).json()
        shown = client["client_secret"] if secret == "right" else secret
        app = team_app(
            tmp_path, openid_issuer=address, newcomer_role="annotator",
            openid_client_id=client["client_id"], openid_client_secret=shown,
        )  # fmt: skip
        there, answer = come_in(app, "u-1")
    assert answer.status_code == status
    assert is_in(there) is (secret == "right")
    if status == 403:
        told = "it does not know this server's id and secret; tell an administrator"
        refused(answer, 403, f"the provider refused: {told}")


def test_a_provider_that_is_down_is_told(tmp_path: Path):
    settings: dict[str, Any] = {"openid_issuer": NOBODY, "newcomer_role": "annotator", **CLIENT}
    there = browser(team_app(tmp_path / "never", **settings))
    told = "the provider does not answer; try again later, or sign in another way"
    refused(there.post("/api/openid", json={}), 502, told)
    with running_provider() as settings["openid_issuer"]:
        there = browser(team_app(tmp_path / "later", **settings))
        back = agree(leave(there), "u-1")
    refused(there.get(back), 502, told)
    answer = there.get(back, headers=PAGE)
    assert (answer.status_code, f"T{told[1:]}." in answer.text) == (502, True)
    assert not is_in(there)


def test_where_no_provider_is_set_there_is_no_way(tmp_path: Path):
    there = browser(team_app(tmp_path))
    told = "no OpenID Connect provider is set (RLHB_OPENID_ISSUER)"
    refused(there.post("/api/openid", json={}), 404, told)
    refused(there.get("/api/openid/back"), 404, told)


# --- a provider that lies -------------------------------------------------------------------------


class Liar:
    """A provider whose tokens say whatever a test wants."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
        self.signs = self.key
        self.address = f"http://127.0.0.1:{free_port()}"
        self.nonce = ""
        self.changed: dict[str, Any] = {}
        self.asked: dict[str, list[str]] = {}

    def answer(self, path: str) -> dict[str, Any]:
        here = self.address
        if path == "/jwks":
            return {"keys": [self.key.as_dict(private=False)]}
        if path == "/token":
            now = int(time.time())
            claims: dict[str, Any] = {
                "iss": here, "aud": "rlhb", "sub": "u-1", "nonce": self.nonce,
                "iat": now, "exp": now + 60,
            }  # fmt: skip
            claims = {k: v for k, v in (claims | self.changed).items() if v is not None}
            token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.signs)
            return {"access_token": "x", "token_type": "Bearer", "id_token": token}
        ways = {"authorization": "/authorize", "token": "/token"}
        return {
            "issuer": here,
            "jwks_uri": f"{here}/jwks",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            **{f"{name}_endpoint": f"{here}{way}" for name, way in ways.items()},
        }


@contextmanager
def lying() -> Iterator[Liar]:
    liar = Liar()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            liar.asked = parse_qs(self.rfile.read(length).decode()) or liar.asked
            content = json.dumps(liar.answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    port = int(liar.address.rpartition(":")[2])
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield liar
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Liar, FastAPI]]:
    with lying() as liar:
        settings: dict[str, Any] = {"openid_issuer": liar.address, "newcomer_role": "annotator"}
        yield liar, team_app(tmp_path_factory.mktemp("told"), **settings, **CLIENT)


@pytest.mark.parametrize(
    ("lie", "status"),
    [
        ({}, 303),
        ({"iss": "https://evil.example"}, 403),
        ({"iss": None}, 403),
        ({"aud": "another app"}, 403),
        ({"aud": ["rlhb", "another app"], "azp": "another app"}, 403),
        ({"nonce": "of another sign-in"}, 403),
        ({"nonce": None}, 403),
        ({"exp": 1_000}, 403),
        ({"sub": None}, 403),
        ({"sub": ""}, 403),
        ({"sub": "x" * 401}, 403),
        ("another key", 403),
    ],
)
def test_a_token_is_believed_only_if_all_of_it_is_right(
    told: tuple[Liar, FastAPI], lie: Any, status: int
) -> None:
    liar, app = told
    there = browser(app)
    asked = parse_qs(urlsplit(leave(there)).query)
    liar.nonce, liar.asked = asked["nonce"][0], {}
    forged = lie == "another key"
    liar.signs = RSAKey.generate_key(2048, {"kid": "1"}) if forged else liar.key
    liar.changed = {} if forged else lie
    answer = there.get(f"/api/openid/back?code=x&state={asked['state'][0]}")
    assert liar.asked["code_verifier"][0]
    assert answer.status_code == status, answer.text
    assert is_in(there) is (status == 303)
    if status == 403:
        refused(answer, 403, "what the provider said is not right; begin again")
