"""Pages of other origins against a server where somebody is signed in: a real browser carries its real cookies there.

Two attackers: another site (localhost against 127.0.0.1), and another port of the same host, which a browser takes for
the same site, so that SameSite=Lax lets cookies through and only the server can refuse.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from app.people.secrets import digest, new
from app.store import Account, Role, Session, Store, accounts, audit, invitations, people, sessions
from rlhb_core.schema.records import Person
from tests.server import ServerProcess

pytestmark = pytest.mark.browser

ATTEMPTS = """
const target = "{target}";
const tell = (what) => (document.title = what);
const form = (path, body, method = "POST") => {{
  const made = document.createElement("form");
  made.method = method; made.action = target + path; made.enctype = "text/plain"; made.target = "into";
  const [name, value] = body.split("=");
  const field = document.createElement("input"); field.name = name; field.value = value;
  made.append(field); document.body.append(made); made.submit();
}};
const frame = document.createElement("iframe"); frame.name = "into"; document.body.append(frame);
(async () => {{
  // a body of JSON out of a form: its name begins the object, its value ends it
  form("/api/me/erase", '{{"confirm": true, "account": true, "x": "=" }}');
  await new Promise((done) => setTimeout(done, 300));
  form("/api/invitations", '{{"role": "administrator", "uses": 9, "x": "=" }}');
  await new Promise((done) => setTimeout(done, 300));
  const read = [];
  for (const [method, path, body] of [
    ["POST", "/api/me/erase", '{{"confirm": true}}'], ["POST", "/api/invitations", '{{"role": "administrator"}}'],
    ["POST", "/api/sign-out", "{{}}"], ["POST", "/api/sign-in", '{{"name": "mallory", "password": "of mallory"}}'],
    ["POST", "/api/tokens", '{{"name": "x"}}'], ["GET", "/api/me", undefined], ["GET", "/api/people", undefined],
    ["GET", "/api/data/triplets.jsonl", undefined], ["DELETE", "/api/sessions", undefined],
    ["PATCH", "/api/me", '{{"display_name": "owned"}}'],
  ]) {{
    for (const mode of ["no-cors", "cors"]) {{
      try {{
        const headers = {{ "Content-Type": "text/plain" }};
        const answer = await fetch(target + path, {{ method, body, mode, credentials: "include", headers }});
        const text = await answer.text();
        if (text) read.push(method + " " + path);
      }} catch {{ /* refused by the browser */ }}
    }}
  }}
  navigator.sendBeacon(target + "/api/sign-out", "{{}}");
  // framed, so that somebody could be led to press what they do not see
  const window_ = document.createElement("iframe"); window_.src = target + "/you";
  const framed = new Promise((done) => {{ window_.onload = done; setTimeout(done, 3000); }});
  document.body.append(window_);
  await framed;
  let inside = "";
  try {{ inside = window_.contentDocument?.body?.innerText ?? ""; }} catch {{ /* another origin's */ }}
  const opened = window.open(target + "/you");
  await new Promise((done) => setTimeout(done, 500));
  let through = "closed to us";
  try {{ through = opened.document.title || "closed to us"; }} catch {{ /* another origin's */ }}
  tell(JSON.stringify({{ read, inside, through }}));
}})();
"""


@contextmanager
def attacker(target: str) -> Iterator[int]:
    """A site that tries everything against the target; gives its port."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<!doctype html><title>…</title><body><script>{ATTEMPTS.format(target=target)}</script>"
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *told: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    made = ServerProcess(tmp_path_factory.mktemp("team"), models=False)
    made.environment |= {"RLHB_TEAM": "true", "RLHB_INSECURE_HTTP": "true"}
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_another_origin_does_and_reads_nothing_in_somebodys_name(
    server: ServerProcess, browser: Browser, host: str
) -> None:
    store = Store.open(f"sqlite:///{server.data_dir / 'rlhb.sqlite'}")
    secret, name = new(), f"Ada of {host}"
    with store.writing() as connection:
        person = people.ensure(connection, Person(display_name=name))
        account = Account(name=name, role=Role.ADMINISTRATOR, person_id=person.id)
        accounts.add(connection, account, name.lower())
        sessions.add(connection, Session(digest=digest(secret), account_id=account.id))
    before = _state(store, account)
    target = f"http://127.0.0.1:{server.port}"
    context = browser.new_context()
    context.add_cookies(
        [
            {
                "name": "rlhb_session",
                "value": secret,
                "url": target,
                "sameSite": "Lax",
                "httpOnly": True,
            }
        ]
    )
    try:
        assert context.request.get(f"{target}/api/me").json()["display_name"] == name
        with attacker(target) as port:
            found = _visit(context, f"http://{host}:{port}/")
        assert found == {"read": [], "inside": "", "through": "closed to us"}
        assert context.request.get(f"{target}/api/me").json()["display_name"] == name
        assert _state(store, account) == before
    finally:
        context.close()
        store.close()


def _visit(context: BrowserContext, address: str) -> object:
    page: Page = context.new_page()
    page.goto(address)
    page.wait_for_function("document.title.startsWith('{')")
    return page.evaluate("JSON.parse(document.title)")


def _state(store: Store, account: Account) -> tuple[object, ...]:
    """What the attacks would change."""
    with store.reading() as connection:
        return (
            accounts.find(connection, account.id) is not None,
            people.find(connection, account.person_id),
            len(sessions.of_account(connection, account.id)),
            len(invitations.open(connection)),
            len(sessions.tokens(connection)),
            len(audit.newest(connection)),
        )


def test_a_stranger_cannot_be_signed_in_as_somebody_else(
    server: ServerProcess, browser: Browser
) -> None:
    """Nor by a form: the cookie of an attacker's account would record what its victim does."""
    target = f"http://127.0.0.1:{server.port}"
    context = browser.new_context()
    try:
        with attacker(target) as port:
            _visit(context, f"http://127.0.0.1:{port}/{uuid4()}")
        assert [each for each in context.cookies(target) if "session" in each.get("name", "")] == []
    finally:
        context.close()
