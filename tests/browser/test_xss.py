"""A hundred ways of writing a script, as names, questions, answers, comments and addresses: none of them runs.

They are put into the database as they are, so that nothing rests on what the doors refuse. Whatever ran would open a
dialog; whatever loaded would ask another host.
"""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect

from app.people.secrets import digest, new
from app.store import (
    Account,
    AuditEntry,
    AuditKind,
    Role,
    Session,
    Store,
    Token,
    Via,
    accounts,
    audit,
    people,
    sessions,
    signals,
)
from rlhb_core.schema.records import Person
from tests.integration.test_consent import PAYLOADS
from tests.scene import act, asked, best
from tests.server import ServerProcess

pytestmark = pytest.mark.browser

TEXT = "\n".join(PAYLOADS).replace("\0", "")


LIVE = """() => {
  const runs = ({ name, value }) => name.startsWith("on") && value.includes("alert");
  const loads = ({ name, value }) => /^(src|href|srcset|srcdoc|action|formaction|data|style)$/.test(name)
    && /evil\\.example|^\\s*(javascript|vbscript|data:text)/i.test(value);
  const all = [...document.querySelectorAll("*")].flatMap((each) => [...each.attributes]);
  return all.filter((each) => runs(each) || loads(each)).map(({ name, value }) => name + "=" + value);
}"""
"""Attributes of the page that would do what was written."""


class Victim:
    """An administrator with a signed-in browser that watches what happens to it."""

    def __init__(self, browser: Browser, server: ServerProcess, store: Store) -> None:
        self.at = f"http://127.0.0.1:{server.port}"
        self.store = store
        self.faults: list[str] = []
        secret = new()
        with store.writing() as connection:
            self.person = people.ensure(connection, Person(display_name="Ada", recording=False))
            self.account = Account(name="Ada", role=Role.ADMINISTRATOR, person_id=self.person.id)
            accounts.add(connection, self.account, "ada")
            sessions.add(connection, Session(digest=digest(secret), account_id=self.account.id))
        self.context: BrowserContext = browser.new_context(viewport={"width": 1280, "height": 900})
        self.context.add_cookies([{"name": "rlhb_session", "value": secret, "url": self.at}])
        asking = self.context.request.get(f"{self.at}/api/me/consent").json()
        answer = {"version": asking["version"], "agreed": True}
        assert self.context.request.post(f"{self.at}/api/me/consent", data=answer).ok

    def opens(self, path: str) -> Page:
        """A page, watched."""
        page = self.context.new_page()
        page.on("dialog", lambda dialog: self._ran(path, dialog))
        page.on("request", lambda request: self._asked(path, request.url))
        page.goto(self.at + path)
        return page

    def _ran(self, path: str, dialog: Dialog) -> None:
        self.faults.append(f"{path}: ran {dialog.message}")
        dialog.dismiss()

    def _asked(self, path: str, url: str) -> None:
        if not url.startswith((self.at, "data:", "blob:")):
            self.faults.append(f"{path}: asked {url}")

    def is_unharmed(self, page: Page) -> None:
        """Nothing of what was written became part of the page."""
        page.wait_for_timeout(300)  # what runs by itself has run by then
        assert page.evaluate(LIVE) == []
        assert self.faults == []


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Victim]:
    server = ServerProcess(tmp_path_factory.mktemp("team"), models=False)
    server.environment |= {"RLHB_TEAM": "true", "RLHB_INSECURE_HTTP": "true"}
    try:
        server.start()
        store = Store.open(f"sqlite:///{server.data_dir / 'rlhb.sqlite'}")
        made = Victim(browser, server, store)
        yield made
        made.context.close()
        store.close()
    finally:
        server.kill()


def test_as_a_question_and_as_answers(victim: Victim) -> None:
    with victim.store.writing() as connection:
        query, answers = asked(
            connection, victim.person, TEXT, tuple(f"{place}\n{TEXT}" for place in "123")
        )
    page = victim.opens("/")
    for place in range(3):
        expect(page.locator(".answer .text").nth(place)).to_contain_text(PAYLOADS[0])
    victim.is_unharmed(page)
    page.keyboard.press("1")
    expect(page.locator(".result")).to_be_visible()
    victim.is_unharmed(page)
    with victim.store.writing() as connection:
        signals.record(
            connection,
            victim.person.id,
            [act("critique", query, answers[0], text=TEXT[:1_900]), best(query, answers[1])],
        )
    page = victim.opens("/data/")
    expect(page.locator("#found")).to_contain_text(PAYLOADS[0])
    victim.is_unharmed(page)


def test_as_names_of_people_tokens_and_in_the_log(victim: Victim) -> None:
    with victim.store.writing() as connection:
        for number, payload in enumerate(PAYLOADS):
            name = payload.replace("\0", "")[:40]
            account = Account(name=name, role=Role.ANNOTATOR, person_id=uuid4())
            accounts.add(connection, account, f"payload {number}")
            token = Token(
                digest=digest(new()), name=name, role=Role.RESEARCHER, account_id=victim.account.id
            )
            sessions.add_token(connection, token)
            line = AuditEntry(
                kind=AuditKind.EXPORT, via=Via.SESSION, account_id=account.id, about_id=account.id,
                what={"what": payload.replace("\0", ""), "data": payload.replace("\0", "")},
            )  # fmt: skip
            audit.add(connection, line)
    for path, holds in (("/people", "main"), ("/you", "main"), ("/audit", "main")):
        page = victim.opens(path)
        expect(page.locator(holds)).to_contain_text(PAYLOADS[0][:40])
        victim.is_unharmed(page)
    with victim.store.writing() as connection:
        accounts.change(connection, victim.account.id, name=PAYLOADS[0][:40])
        people.rename(connection, victim.person.id, PAYLOADS[0][:40])
    for path in ("/", "/runs/", "/curves/", "/data/", "/people", "/audit", "/you"):
        page = victim.opens(path)
        expect(page.locator("[data-person-name]").first).to_have_text(PAYLOADS[0][:40])
        victim.is_unharmed(page)


def test_in_addresses(victim: Victim) -> None:
    script = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
    for path in (
        f"/sign-in?next={script}", f"/sign-in?next=javascript:alert(1)&refused={script}", f"/join#{script}",
        f"/runs/?run={script}", f"/curves/?run={script}#{script}", f"/data/?x={script}", f"/?query={script}#{script}",
        f"/{script}", f"/api/{script}", f"/docs?{script}", f"/api/audit?kind={script}",
        f"/api/openid/back?error={script}",
    ):  # fmt: skip
        page = victim.opens(path)
        victim.is_unharmed(page)
        page.close()
