"""The pages of people in team mode.

Every button is pressed, and what comes of it is seen on the page and in the store.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Locator, Page, expect

from app.people import OPERATOR, invite
from app.store import Account, Role, accounts, audit, people, sessions
from tests.browser.conftest import THREE, Studio, Visit, serving
from tests.browser.test_axe import check
from tests.browser.test_look import SIZES, fits, pictures

pytestmark = pytest.mark.browser
Ask = Callable[..., str]

PASSWORD = "correct horse battery"
NASTY = "<img src=x onerror=alert(1)>"
PASSIVE = {"shown", "dwell", "scroll", "select", "copy"}
STATUS_401 = "status of 401"
_numbers = count(1)


class Team:
    """The server with accounts, and how people come to it."""

    def __init__(self, studio: Studio, log: Path) -> None:
        self.studio = studio
        self.store = studio.store
        self.log = log

    @property
    def first_link(self) -> str:
        """As it was printed at the start."""
        found = re.search(r"http\S+/join#\S+", self.log.read_text())
        assert found is not None
        return found.group()

    def link(self, role: str = "annotator", uses: int = 1, hours: float = 24) -> str:
        with self.store.writing() as connection:
            return invite(connection, OPERATOR, Role(role), uses, hours).path

    def account(self, name: str) -> Account | None:
        with self.store.reading() as connection:
            return next((each for each in accounts.all(connection) if each.name == name), None)

    def present(self, name: str) -> Account:
        found = self.account(name)
        assert found is not None
        return found

    def sign_out_everywhere(self, name: str) -> None:
        with self.store.writing() as connection:
            sessions.end_all(connection, self.present(name).id)

    def sessions(self, name: str) -> int:
        with self.store.reading() as connection:
            return len(sessions.of_account(connection, self.present(name).id))

    def recording(self, name: str) -> bool:
        with self.store.reading() as connection:
            found = people.find(connection, self.present(name).person_id)
        return bool(found and found.recording)

    def noted(self) -> list[str]:
        """Kinds of the newest lines of the audit log."""
        with self.store.reading() as connection:
            return [line.kind.value for line in audit.newest(connection, 5)]


class Guests:
    """Opens pages as people who have joined; each in a browser profile of their own."""

    def __init__(self, visit: Visit, team: Team) -> None:
        self.visit = visit
        self.team = team

    def named(self, word: str = "Guest") -> str:
        return f"{word} {next(_numbers)}"

    def stranger(self, **options: object) -> BrowserContext:
        return self.visit.new_person(**options)

    def join(
        self, name: str, role: str = "annotator", *, agrees: bool | None = True, **options: object
    ) -> BrowserContext:
        """A profile that is signed in as a new account. agrees: to being recorded; None: not answered yet."""
        context = self.stranger(**options)
        self.post(context, "/api/join", link=self.team.link(role).partition("#")[2], name=name,
                  password=PASSWORD)  # fmt: skip
        if agrees is not None:
            version = context.request.get("/api/me/consent").json()["version"]
            self.post(context, "/api/me/consent", version=version, agreed=agrees)
        return context

    def sign_in(self, context: BrowserContext, name: str) -> None:
        self.post(context, "/api/sign-in", name=name, password=PASSWORD)

    def post(self, context: BrowserContext, path: str, **body: Any) -> Any:
        answer = context.request.post(path, data=body)
        assert answer.ok, answer.text()
        return answer.json()


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    environment = {
        "RLHB_ENGINE_URL": "http://127.0.0.1:9",
        "RLHB_OPENID_ISSUER": "http://127.0.0.1:9",
        "RLHB_OPENID_CLIENT_ID": "studio",
        "RLHB_OPENID_CLIENT_SECRET": "of the studio",
        "RLHB_OPENID_NAME": "Example <University>",
    }
    with serving(folder, "--team", "--insecure-http", **environment) as studio:
        studio.serve(*THREE)
        yield Team(studio, folder / "server.log")


@pytest.fixture
def guests(browser: Browser, team: Team) -> Iterator[Guests]:
    visit = Visit(browser, team.studio, browser.new_context(base_url=team.studio.address))
    before = set(browser.contexts)
    yield Guests(visit, team)
    for context in set(browser.contexts) - before | {visit.context}:
        context.close()
    visit.check()


def kept(page: Page) -> list[dict[str, Any]]:
    """What waits in the outboxes of this browser, with the name of each."""
    found: list[dict[str, Any]] = page.evaluate(
        "Object.keys(localStorage).filter(key => key.startsWith('rlhb.outbox.'))"
        ".flatMap(key => JSON.parse(localStorage[key]).map(each => ({...each, box: key})))"
    )
    return found


def until(look: Callable[[], object], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=name)


def fill_in(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        page.locator(f"form:visible [name={name}]").fill(value)


# --- coming in ------------------------------------------------------------------------------------


def test_the_first_administrator_joins_by_keyboard_alone(team: Team, guests: Guests) -> None:
    link = team.first_link
    page = guests.visit(link, guests.stranger())
    expect(page.get_by_text("You are invited as an administrator")).to_be_visible()
    assert page.evaluate("location.href + history.length") == f"{team.studio.address}/join2"
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("Ada First")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("/")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert team.present("Ada First").role is Role.ADMINISTRATOR
    page.keyboard.press("Escape")
    expect(page.locator("[data-person-name]").first).to_have_text("Ada First")
    page.locator(".person").click()
    expect(page.get_by_text("Signed in as administrator.")).to_be_visible()

    guests.visit.expect("status of 410")
    page = guests.visit(link, guests.stranger())
    expect(page.get_by_text("This link has been used, or is too old.")).to_be_visible()
    expect(page.get_by_label("Password")).to_be_hidden()


def test_joining_says_what_is_wrong_and_takes_a_better_try(team: Team, guests: Guests) -> None:
    guests.visit.expect("status of 422", "status of 409")
    taken, name = guests.named(), guests.named()
    guests.join(taken)
    page = guests.visit(team.link("researcher"), guests.stranger())
    expect(page.get_by_text("You are invited as a researcher")).to_be_visible()
    assert page.get_by_label("Password").get_attribute("autocomplete") == "new-password"
    fill_in(page, name=name, password="aaaaaaaaaaaa")
    page.get_by_role("button", name="Join", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("too easy to guess"))
    fill_in(page, name=taken, password=PASSWORD)
    page.get_by_role("button", name="Join", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("."))
    fill_in(page, name=name, password=PASSWORD)
    page.get_by_role("button", name="Join", exact=True).click()
    page.wait_for_url("/")
    assert team.present(name).role is Role.RESEARCHER


def test_join_without_a_link_says_so(guests: Guests) -> None:
    page = guests.visit("/join", guests.stranger())
    expect(page.get_by_text("This address has none")).to_be_visible()


def test_signing_in_by_keyboard_alone(team: Team, guests: Guests) -> None:
    name = guests.named()
    guests.join(name).close()
    guests.visit.expect(STATUS_401)
    page = guests.visit("/you?from=here", guests.stranger())
    assert page.url.endswith("/sign-in?next=/you%3Ffrom%3Dhere")
    field, secret = page.get_by_label("Name"), page.get_by_label("Password")
    expect(field).to_be_focused()
    assert field.get_attribute("autocomplete") == "username"
    assert secret.get_attribute("autocomplete") == "current-password"
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type("not the password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    expect(secret).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("/you?from=here")
    expect(page.locator("[data-name-form] [name=name]")).to_have_value(name)


def test_who_guesses_is_told_to_wait(guests: Guests) -> None:
    guests.visit.expect(STATUS_401, "status of 429")
    page = guests.visit("/sign-in", guests.stranger())
    for _ in range(8):
        fill_in(page, name="Nobody at all", password="guess guess guess")
        with page.expect_response("/api/sign-in") as answer:
            page.get_by_role("button", name="Sign in", exact=True).click()
        if answer.value.status == 429:
            break
    assert answer.value.headers["retry-after"]
    expect(page.get_by_role("alert")).to_have_text(
        re.compile(r"Too many tries; wait (a second|\d+ seconds),")
    )


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example/x",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/.//evil.example/",
        "http:evil.example",
        "data:text/html,x",
    ],
)
def test_signing_in_leads_nowhere_else(wanted: str, team: Team, guests: Guests) -> None:
    name = guests.named()
    guests.join(name).close()
    guests.visit.expect("status of 404")
    page = guests.stranger().new_page()
    page.on("dialog", _no_dialog)
    page.goto("/sign-in")
    page.goto("/sign-in?" + page.evaluate("next => String(new URLSearchParams({ next }))", wanted))
    fill_in(page, name=name, password=PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/sign-in" not in url)
    assert page.url.startswith(f"{team.studio.address}/")


def _no_dialog(dialog: Dialog) -> None:
    dialog.dismiss()
    raise AssertionError(dialog.message)


def test_signing_in_by_a_provider(team: Team, guests: Guests) -> None:
    guests.visit.expect("status of 502")
    page = guests.visit("/sign-in?next=/you", guests.stranger())
    button = page.get_by_role("button", name="Sign in with Example <University>")
    button.click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("The provider does not answer"))
    asked = _answered_by(page, "/join")
    button.click()
    page.wait_for_url("/join")
    assert asked == [{"next": "/you", "link": ""}]

    guests.visit.expect("status of 403")
    page = guests.visit("/api/openid/back?code=1&state=2", guests.stranger())
    expect(page.get_by_role("main")).to_contain_text("This sign-in took too long")

    link = team.link()
    page = guests.visit(link, guests.stranger())
    asked = _answered_by(page, "/sign-in")
    page.get_by_role("button", name="Join with Example <University>").click()
    page.wait_for_url("/sign-in")
    assert asked == [{"next": "/", "link": link.partition("#")[2]}]


def _answered_by(page: Page, address: str) -> list[Any]:
    """What is asked of /api/openid, which answers with this address."""
    asked: list[Any] = []

    def answer(route: Any) -> None:
        asked.append(route.request.post_data_json)
        route.fulfill(json={"address": address})

    page.route("**/api/openid", answer)
    return asked


# --- going out ------------------------------------------------------------------------------------


def test_signing_out_sends_first_what_was_done(team: Team, guests: Guests, ask: Ask) -> None:
    page = guests.visit("/", guests.join(guests.named()))
    query = ask(page, "Which language do people speak in Brazil?")
    page.keyboard.press("1")
    page.locator(".person").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("/sign-in")
    team.studio.wait_for(query, "vote", "shown")
    assert not kept(page)
    page.goto("/")
    assert "/sign-in" in page.url


def test_signing_out_sends_what_pages_before_have_left(
    team: Team, guests: Guests, ask: Ask
) -> None:
    guests.visit.expect("ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "Connection errored out")
    context = guests.join(guests.named())
    page = guests.visit("/", context)
    query = ask(page, "Which language do people speak in Brazil?")
    context.set_offline(True)
    page.keyboard.press("1")
    until(lambda: "vote" in {each["kind"] for each in kept(page)})
    page.close()
    context.set_offline(False)
    page = guests.visit("/you", context)
    assert "vote" not in team.studio.kinds(query)
    page.locator(".person").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("/sign-in")
    team.studio.wait_for(query, "vote")
    assert not kept(page)


# --- what waits, while nobody is signed in ----------------------------------------------------------


def test_what_was_done_signed_out_is_kept_and_sent_after_signing_in(
    team: Team, guests: Guests, ask: Ask
) -> None:
    guests.visit.expect(STATUS_401)
    name = guests.named()
    page = guests.visit("/", guests.join(name))
    query = ask(page, "Which language do people speak in Brazil?")
    team.sign_out_everywhere(name)
    page.keyboard.press("1")
    notice = page.get_by_role("alert").filter(
        has_text="You are signed out. What you did is kept here."
    )
    expect(notice).to_be_visible()
    check(page, ".signed-out")
    assert "vote" in {each["kind"] for each in kept(page)}
    assert "vote" not in team.studio.kinds(query)
    page.get_by_role("link", name="Sign in again").click()
    page.wait_for_url("/sign-in?next=%2F")
    fill_in(page, name=name, password=PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("/")
    team.studio.wait_for(query, "vote")
    page.wait_for_selector(".compare[data-live]")
    until(lambda: not kept(page))


def test_a_page_goes_on_where_its_person_has_signed_in_again_beside_it(
    team: Team, guests: Guests, ask: Ask
) -> None:
    guests.visit.expect(STATUS_401)
    name = guests.named()
    context = guests.join(name)
    page = guests.visit("/", context)
    query = ask(page, "Which language do people speak in Brazil?")
    team.sign_out_everywhere(name)
    page.keyboard.press("1")
    expect(page.locator(".signed-out")).to_be_visible()
    guests.sign_in(context, name)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".signed-out")).to_have_count(0)
    team.studio.wait_for(query, "vote")
    until(lambda: not kept(page))


def test_asking_while_signed_out_says_so(team: Team, guests: Guests) -> None:
    guests.visit.expect(STATUS_401, "error: Response", "Connection errored out")
    name = guests.named()
    page = guests.visit("/", guests.join(name))
    team.sign_out_everywhere(name)
    page.locator(".query").fill("Which language do people speak in Brazil?")
    page.locator(".query").press("Control+Enter")
    expect(page.locator(".trouble")).to_have_text(
        re.compile("You are signed out, so this was not asked")
    )
    expect(page.get_by_role("link", name="Sign in again")).to_be_visible()
    expect(page.locator(".query")).to_have_value("Which language do people speak in Brazil?")


def test_nobody_sends_what_somebody_else_did(team: Team, guests: Guests, ask: Ask) -> None:
    guests.visit.expect(STATUS_401)
    first, second = guests.named("First"), guests.named("Second")
    guests.join(second).close()
    context = guests.join(first)
    page = guests.visit("/", context)
    query = ask(page, "Which language do people speak in Brazil?")
    # somebody else signs in beside the open page
    guests.sign_in(context, second)
    page.keyboard.press("1")
    expect(page.locator(".signed-out")).to_be_visible()
    assert "vote" in {each["kind"] for each in kept(page)}
    with page.expect_navigation():
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    # and goes on here, on pages of their own
    expect(page.locator("[data-person-name]").first).to_have_text(second)
    page.keyboard.press("Escape")
    other = guests.visit("/", context)
    other.wait_for_timeout(1500)
    mine = str(team.present(first).person_id)
    assert {each["box"].split(".")[2] for each in kept(other) if each["kind"] == "vote"} == {mine}
    assert "vote" not in team.studio.kinds(query)
    guests.sign_in(context, first)
    guests.visit("/", context)
    team.studio.wait_for(query, "vote")


# --- consent --------------------------------------------------------------------------------------


def test_consent_is_asked_for_before_anything_is_noticed_in_passing(
    team: Team, guests: Guests, ask: Ask
) -> None:
    name = guests.named()
    context = guests.join(name, "researcher", agrees=None)
    page = guests.visit("/", context)
    dialog = page.get_by_role("dialog", name="May we record how you read?")
    expect(dialog).to_be_visible()
    expect(dialog).to_be_focused()
    expect(dialog.get_by_role("heading", name="Before you begin")).to_be_visible()
    check(page, ".consent")
    page.keyboard.press("Enter")  # answers nothing
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    query = ask(page, "Which language do people speak in Brazil?")
    page.wait_for_timeout(1000)
    page.keyboard.press("1")
    team.studio.wait_for(query, "vote")
    assert not PASSIVE & set(team.studio.kinds(query))
    page.locator("[data-recording-toggle]").first.click()  # "resume" is the question
    expect(dialog).to_be_visible()
    page.keyboard.press("1")  # keys of the page behind do nothing
    page.keyboard.press("Escape")
    assert not team.recording(name)

    for path in ("/you", "/runs/", "/"):
        page = guests.visit(path, context)
        expect(page.get_by_role("dialog", name="May we record how you read?")).to_be_visible()
    page.get_by_role("button", name="Yes, record how I read").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("[data-recording-says]").first).to_have_text(re.compile("^Recording how"))
    assert team.recording(name)
    query = ask(page, "Which language do people speak in Peru?")
    team.studio.wait_for(query, "shown")
    assert guests.visit("/you", context).get_by_role("dialog").count() == 0


def test_no_is_an_answer_too(team: Team, guests: Guests, ask: Ask) -> None:
    name = guests.named()
    context = guests.join(name, agrees=None)
    page = guests.visit("/", context)
    dialog = page.get_by_role("dialog", name="May we record how you read?")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="No, only what I say")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(page.locator(".query")).to_be_focused()
    query = ask(page, "Which language do people speak in Brazil?")
    page.keyboard.press("2")
    team.studio.wait_for(query, "vote")
    assert not PASSIVE & set(team.studio.kinds(query))
    assert not team.recording(name)
    page = guests.visit("/you", context)
    expect(page.get_by_text("you answered “no, only what I say”")).to_be_visible()
    dialog = page.get_by_role("dialog", name="May we record how you read?")
    expect(dialog).to_have_count(0)
    page.locator("[data-recording-toggle]").first.click()  # "resume" is the question again
    expect(dialog).to_contain_text("So far you have said no.")
    page.keyboard.press("Escape")
    assert not team.recording(name)
    page.locator("[data-recording-toggle]").first.click()
    dialog.get_by_role("button", name="Yes, record how I read").click()
    expect(page.get_by_text("you answered “yes, record how I read”")).to_be_visible()
    assert team.recording(name)


def test_on_a_phone_all_of_it_can_be_read_and_put_off(team: Team, guests: Guests) -> None:
    name = guests.named()
    page = guests.visit("/", guests.join(name, agrees=None), viewport={"width": 390, "height": 640})
    dialog = page.get_by_role("dialog", name="May we record how you read?")
    expect(dialog).to_contain_text("What you ask and choose is stored.")
    assert dialog.evaluate("it => it.scrollHeight > it.clientHeight")  # it is all of one piece
    assert dialog.locator(".text").evaluate("it => it.scrollHeight <= it.clientHeight + 1")
    for words in ("You can change your mind at any time", "What you ask and choose is stored."):
        dialog.get_by_text(words).scroll_into_view_if_needed()
        expect(dialog.get_by_text(words)).to_be_in_viewport()
    check(page, ".consent")
    dialog.get_by_role("button", name="Decide later").click()
    expect(dialog).to_have_count(0)
    assert page.evaluate("document.activeElement !== document.body")
    assert page.request.get("/api/me").json()["asked"]
    assert not team.recording(name)


def test_a_text_that_has_changed_meanwhile_is_said(guests: Guests) -> None:
    guests.visit.expect("status of 409")
    context = guests.join(guests.named(), agrees=None)
    page = guests.visit("/you", context)
    page.route("**/api/me/consent", lambda route: route.fallback(
        post_data=json.dumps({"version": "another", "agreed": True})
    ) if route.request.method == "POST" else route.fallback())  # fmt: skip
    page.get_by_role("button", name="Yes, record how I read").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("The text has changed"))
    expect(page.get_by_role("dialog")).to_be_visible()


# --- You ------------------------------------------------------------------------------------------


def test_name_and_password(team: Team, guests: Guests) -> None:
    guests.visit.expect(STATUS_401, "status of 409")
    name, new, taken = guests.named(), guests.named("Renamed"), guests.named("Taken")
    guests.join(taken).close()
    context = guests.join(name)
    page = guests.visit("/you", context)
    expect(page.locator("[data-name-form] [name=name]")).to_have_value(name)
    page.locator("[data-name-form] [name=name]").fill(taken)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-name-form] ~ .said")).to_have_text(re.compile("."))
    page.locator("[data-name-form] [name=name]").fill(new)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(f"Saved. From now on you sign in as {new}.")).to_be_visible()
    expect(page.locator("[data-person-name]").first).to_have_text(new)
    assert team.account(name) is None

    page.get_by_label("Present password").fill("not the password")
    page.get_by_label("New password").fill("another horse battery")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("The present password is wrong.")).to_be_visible()
    expect(page.locator(".signed-out")).to_have_count(0)
    elsewhere = guests.stranger()
    guests.sign_in(elsewhere, new)
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Changed. You are signed in here only.")).to_be_visible()
    assert elsewhere.request.get("/api/me").status == 401
    guests.post(elsewhere, "/api/sign-in", name=new, password="another horse battery")


def test_sessions(team: Team, guests: Guests) -> None:
    name = guests.named()
    context, other, third = guests.join(name), guests.stranger(), guests.stranger()
    guests.sign_in(other, name)
    page = guests.visit("/you", context)
    here = page.get_by_role("table", name="Sessions").get_by_role("row").filter(has_text="this one")
    expect(here).to_have_count(1)
    page.get_by_role("button", name="End: sign out").click()
    expect(page.get_by_role("button", name="End: sign out")).to_have_count(0)
    assert other.request.get("/api/me").status == 401
    expect(page.get_by_text("That session has ended.")).to_be_visible()
    expect(page.get_by_role("heading", name="Where you are signed in")).to_be_focused()
    guests.sign_in(third, name)
    page.get_by_role("button", name="Sign out everywhere").click()
    page.wait_for_url("/sign-in")
    assert team.sessions(name) == 0


def test_tokens(team: Team, guests: Guests) -> None:
    page = guests.visit("/you", guests.join(guests.named(), "researcher"))
    assert page.locator("[data-token-form] [name=role] option").all_inner_texts() == [
        "annotator",
        "researcher",
    ]
    expect(page.get_by_text("There is none yet.")).to_be_visible()
    page.get_by_label("What it is for").fill("my notebook")
    page.get_by_label("Ends after").select_option("never")
    page.get_by_role("button", name="Make a token").click()
    secret = page.get_by_label("The token")
    expect(secret).to_have_value(re.compile("^rlhb_"))
    token = secret.input_value()
    page.locator(".once").get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == token
    bearer = {"Authorization": f"Bearer {token}"}
    script = guests.stranger()
    assert script.request.get("/api/me", headers=bearer).json()["role"] == "researcher"
    page.reload()
    expect(row(page, "my notebook")).to_contain_text("never")
    expect(row(page, "my notebook")).not_to_contain_text("not yet")
    expect(page.get_by_label("The token")).to_have_count(0)
    page.get_by_role("button", name="Take back my notebook").click()
    expect(page.get_by_text("There is none yet.")).to_be_visible()
    assert script.request.get("/api/me", headers=bearer).status == 401


def test_annotators_have_no_tokens(guests: Guests) -> None:
    page = guests.visit("/you", guests.join(guests.named()))
    expect(page.get_by_role("heading", name="Your data", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Tokens")).to_have_count(0)


def test_recording_consent_and_download(team: Team, guests: Guests) -> None:
    name = guests.named()
    page = guests.visit("/you", guests.join(name))
    data = page.get_by_role("region", name="Your data")
    expect(data).to_contain_text("you answered “yes, record how I read”")
    data.get_by_role("button", name="Pause recording").click()
    until(lambda: not team.recording(name))
    data.get_by_role("button", name="Resume recording").click()
    until(lambda: team.recording(name))
    data.get_by_role("button", name="Read what you were asked").click()
    dialog = page.get_by_role("dialog", name="May we record how you read?")
    expect(dialog).to_contain_text("So far you have said yes.")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    data.get_by_role("button", name="Read what you were asked").click()
    page.get_by_role("button", name="No, only what I say").click()
    expect(data).to_contain_text("you answered “no, only what I say”")
    assert not team.recording(name)
    with page.expect_download() as download:
        data.get_by_role("link", name="Download my data").click()
    assert name in Path(download.value.path()).read_text()


def test_erasing_data_and_then_the_account(team: Team, guests: Guests, ask: Ask) -> None:
    name = guests.named()
    guests.join(guests.named("Boss"), "administrator").close()  # without one, nobody may go
    context = guests.join(name)
    page = guests.visit("/", context)
    query = ask(page, "Which language do people speak in Brazil?")
    page.keyboard.press("1")
    team.studio.wait_for(query, "vote")
    page.close()
    page = guests.visit("/you", context)
    erase = page.get_by_role("button", name="Erase my data", exact=True)
    erase.dblclick()
    sure = page.get_by_role("dialog", name="Erase all that you did here?")
    sure.get_by_role("button", name="Leave it").click()
    expect(erase).to_be_focused()
    assert team.studio.kinds(query)
    erase.click()
    sure.get_by_role("button", name="Erase it").click()
    expect(page.get_by_text("Everything of you is erased.")).to_be_visible()
    assert not team.studio.kinds(query)
    expect(page.get_by_role("dialog", name="May we record how you read?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(erase).to_be_focused()
    page.get_by_role("button", name="Erase my data and my account").click()
    sure = page.get_by_role("dialog", name="Erase all that you did, and your account?")
    sure.get_by_role("button", name="Erase it").click()
    page.wait_for_url("/sign-in")
    expect(page.get_by_text("Everything of you is erased.")).to_be_visible()
    assert team.account(name) is None


# --- People ---------------------------------------------------------------------------------------


def test_roles(team: Team, guests: Guests) -> None:
    boss, name = guests.named("Boss"), guests.named()
    guests.join(guests.named("Boss"), "administrator").close()  # without one, nobody may step down
    context = guests.join(name)
    page = guests.visit("/people", guests.join(boss, "administrator"))
    expect(row(page, boss)).to_contain_text("you")
    expect(row(page, name)).to_contain_text("active, 1 signed in")
    role = page.get_by_label(f"Role of {name}", exact=True)
    change = page.get_by_role("button", name=f"Change the role of {name}", exact=True)
    role.focus()
    page.keyboard.press("ArrowDown")
    expect(role).to_have_value("researcher")
    expect(change).to_be_visible()
    expect(page.get_by_text(f"Press Change to make {name} researcher")).to_be_visible()
    page.keyboard.press("Escape")
    expect(role).to_have_value("annotator")
    expect(change).to_be_hidden()
    assert team.present(name).role is Role.ANNOTATOR
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{name} is researcher now.")).to_be_visible()
    expect(role).to_be_focused()
    assert team.present(name).role is Role.RESEARCHER
    assert context.request.get("/api/me").json()["role"] == "researcher"
    own = page.get_by_label(f"Role of {boss}", exact=True)
    own.select_option("annotator")
    page.get_by_role("button", name=f"Change the role of {boss}", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Leave it").click()
    expect(own).to_have_value("administrator")
    expect(own).to_be_focused()
    own.select_option("annotator")
    page.get_by_role("button", name=f"Change the role of {boss}", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Change it").click()
    page.wait_for_url("/")
    assert team.present(boss).role is Role.ANNOTATOR
    expect(page.get_by_role("link", name="People")).to_have_count(0)
    guests.visit.expect("status of 403")
    page = guests.visit("/people", page.context)
    expect(page.get_by_role("heading", name="This page is not yours")).to_be_visible()


def test_the_last_administrator_stays(team: Team, guests: Guests) -> None:
    guests.visit.expect("status of 409")
    page = guests.visit("/people", guests.join(guests.named("Boss"), "administrator"))
    page.route("**/api/people/*", lambda route: route.fulfill(
        status=409, json={"detail": "this is the last administrator; make somebody else one first"}
    ))  # fmt: skip
    own = page.get_by_role("row").filter(has_text="you").get_by_role("combobox")
    own.select_option("annotator")
    page.get_by_role("button", name="Change the role of").click()
    page.get_by_role("button", name="Change it").click()
    expect(
        page.get_by_text("This is the last administrator; make somebody else one first.")
    ).to_be_visible()
    expect(own).to_have_value("administrator")


def test_what_can_be_done_about_somebody(team: Team, guests: Guests, ask: Ask) -> None:
    name = guests.named()
    context = guests.join(name)
    annotating = guests.visit("/", context)
    ask(annotating, "Which language do people speak in Brazil?")
    annotating.close()
    page = guests.visit("/people", guests.join(guests.named("Boss"), "administrator"))
    expect(row(page, name).locator(".num")).to_have_text("1")
    manage = page.get_by_role("button", name=f"Manage {name}", exact=True)
    dialog = page.get_by_role("dialog", name=f"Manage {name}")

    manage.click()
    dialog.get_by_role("button", name="Password link").click()
    link = dialog.get_by_label("The link").input_value()
    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link
    check(page, ".manage")
    other = guests.visit(link, guests.stranger())
    expect(other.get_by_role("heading", name="A new password")).to_be_visible()
    expect(other.get_by_label("Name")).to_be_hidden()
    fill_in(other, password="set anew by a link")
    other.get_by_role("button", name="Set password").click()
    other.wait_for_url("/")
    assert context.request.get("/api/me").status == 401
    other.wait_for_selector(".compare[data-live]")
    other.close()

    dialog.get_by_label("Groups, with commas between").fill("Doctors, , Night shift")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("The groups are saved.")).to_be_visible()
    assert team.present(name).groups == ["Doctors", "Night shift"]
    dialog.get_by_role("button", name="Sign out everywhere").click()
    expect(dialog.get_by_text("1 session has ended.")).to_be_visible()
    assert team.sessions(name) == 0
    dialog.get_by_role("button", name="Deactivate").click()
    expect(dialog).to_have_count(0)
    expect(row(page, name)).to_contain_text("deactivated")
    assert not team.present(name).active
    assert (
        context.request.post(
            "/api/sign-in", data={"name": name, "password": "set anew by a link"}
        ).status
        == 403
    )
    manage.click()
    dialog.get_by_role("button", name="Let in again").click()
    expect(row(page, name)).to_contain_text("active")
    expect(manage).to_be_focused()
    assert team.present(name).active

    manage.click()
    dialog.get_by_role("button", name="Erase records", exact=True).click()
    sure = page.get_by_role("dialog", name=f"Erase what {name} did?")
    sure.get_by_role("button", name="Leave it").click()
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Erase records", exact=True).click()
    sure.get_by_role("button", name="Erase it").click()
    expect(dialog.get_by_text("Erased.")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(row(page, name).locator(".num")).to_have_text("0")
    assert team.account(name) is not None

    manage.click()
    dialog.get_by_role("button", name="Erase records and account").click()
    page.get_by_role("dialog", name=f"Erase {name}").get_by_role("button", name="Erase it").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("Erased.")).to_be_visible()
    expect(row(page, name)).to_have_count(0)
    assert team.account(name) is None


def test_invitations(team: Team, guests: Guests) -> None:
    page = guests.visit("/people", guests.join(guests.named("Boss"), "administrator"))
    page.locator("[data-invite] [name=role]").select_option("researcher")
    page.get_by_label("For how many people").fill("2")
    page.get_by_label("Good for").select_option("a week")
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("The link").input_value()
    assert link.startswith(f"{team.studio.address}/join#")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link
    opened = (
        page.get_by_role("table", name="Open invitations")
        .get_by_role("row")
        .filter(has_text="2 times")
    )
    expect(opened).to_contain_text("researcher")
    name = guests.named()
    other = guests.visit(link, guests.stranger())
    fill_in(other, name=name, password=PASSWORD)
    other.get_by_role("button", name="Join", exact=True).click()
    other.wait_for_url("/")
    assert team.present(name).role is Role.RESEARCHER
    page.reload()
    mine = (
        page.get_by_role("table", name="Open invitations")
        .get_by_role("row")
        .filter(has_text="researcher")
    )
    expect(mine.first).to_contain_text("once")
    before = mine.count()
    mine.first.get_by_role("button", name="Withdraw the invitation as researcher").click()
    expect(mine).to_have_count(before - 1)
    page.get_by_label("For how many people").fill("3")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_label("The link")).to_be_visible()
    expect(page.get_by_role("button", name="Make a link")).to_be_focused()
    expect(page.get_by_text("Withdrawn. Nobody can join by it any more.")).to_have_count(0)
    page.get_by_role("row").filter(has_text="3 times").get_by_role("button").click()
    expect(page.get_by_text("Withdrawn. Nobody can join by it any more.")).to_be_visible()
    expect(page.get_by_label("The link")).to_have_count(0)
    guests.visit.expect("status of 410")
    other = guests.visit(link, guests.stranger())
    expect(other.get_by_text("This link has been used, or is too old.")).to_be_visible()


# --- Audit ----------------------------------------------------------------------------------------


def test_the_audit_log(team: Team, guests: Guests) -> None:
    boss = guests.named("Boss")
    context = guests.join(boss, "administrator")
    for _ in range(60):
        team.link()
    page = guests.visit("/audit", context)
    lines = page.get_by_role("table", name="What happened").locator("tbody").get_by_role("row")
    expect(lines).to_have_count(50)
    expect(lines.first).to_contain_text("Invited somebody as annotator (invitation ")
    expect(lines.first).to_contain_text("a command")
    page.get_by_role("button", name="Older").click()
    until(lambda: lines.count() > 50)
    with team.store.reading() as connection:
        known = len(audit.newest(connection, 500))
    assert lines.count() == min(known, 100)
    page.get_by_label("Show").select_option("join")
    expect(lines.first).to_contain_text(f"{boss}")
    expect(lines.first).to_contain_text("Joined as administrator by a link")
    expect(lines.first).to_contain_text("127.0.0.1")
    for kind in page.get_by_label("Show").locator("option").all():
        page.get_by_label("Show").select_option(kind.get_attribute("value"))
        expect(page.locator("[data-lines] > *")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all of it").click()
    assert boss in Path(download.value.path()).read_text()


def test_every_kind_of_line_is_a_sentence(guests: Guests) -> None:
    page = guests.visit("/audit", guests.join(guests.named("Boss"), "administrator"))
    told = page.evaluate(
        """async () => {
          const { happened } = await import("/static/people/happened.js");
          const id = "12345678-aaaa-bbbb-cccc-000000000000";
          const lines = [
            ["sign_in", { by: "password" }], ["sign_in_failed", { why: "password" }], ["sign_out", {}],
            ["sign_out", { sessions: 2 }], ["invite", { role: "researcher", uses: 3, invitation: id }],
            ["invite", { withdrawn: id }], ["join", { role: "annotator", by: "provider" }],
            ["password", { by: "administrator" }], ["password", { by: "oneself" }],
            ["role", { before: "annotator", after: "researcher" }], ["activation", { active: false }],
            ["activation", { active: true }], ["token", { made: id, role: "researcher" }], ["token", { revoked: id }],
            ["export", { what: "triplets", data: "all data" }], ["import", { imported: 1, skipped: 2, failed: 3 }],
            ["erasure", { records: true }], ["erasure", { account: true }], ["run", { started: id, arm: "RLHF" }],
            ["run", { stopped: id, arm: "RLHF" }], ["compare", { put_in: id, override: true }],
            ["compare", { taken_out: id }], ["compare", { back_to: [id, id] }],
            ["settings", { changed: { port: ["1", "2"], cookie_secret: "changed" } }], ["settings", { changed: ["a"] }],
          ];
          const text = (kind, what) => {
            const holder = document.createElement("p");
            holder.append(...[happened({ kind, what, about: "Ann" })].flat(Infinity));
            return holder.textContent;
          };
          return lines.map(([kind, what]) => text(kind, what));
        }"""
    )
    assert told == [
        "Signed in by password.",
        "Could not sign in as Ann: name or password was wrong.",
        "Signed out.",
        "Signed Ann out of 2 sessions.",
        "Invited 3 people as researcher (invitation 12345678).",
        "Withdrew invitation 12345678.",
        "Joined as annotator by the provider.",
        "Made a password link for Ann.",
        "Set a new password.",
        "Made Ann researcher, who was annotator before.",
        "Deactivated Ann.",
        "Let Ann in again.",
        "Made token 12345678, as researcher.",
        "Took token 12345678 back.",
        "Exported triplets: all data.",
        "Imported 1 line; 2 skipped, 3 failed.",
        "Erased the records of Ann.",
        "Erased the account of Ann.",
        "Started a run of RLHF (12345678).",
        "Stopped a run of RLHF (12345678).",
        "Put into Compare: version 12345678, against its verdict.",
        "Took out of Compare: version 12345678.",
        "Went back to: version 12345678, version 12345678.",
        "Started with other settings: port from “1” to “2”, cookie_secret.",
        "Started for the first time, with 1 setting noted.",
    ]


# --- roles on the other pages -----------------------------------------------------------------------


def test_what_is_compared_is_for_administrators(guests: Guests) -> None:
    page = guests.visit("/runs/", guests.join(guests.named(), "researcher"))
    button = page.get_by_role("button", name="Take out").first
    expect(button).to_be_disabled()
    expect(button).to_have_attribute("title", "Administrators decide what is compared.")
    page = guests.visit("/runs/", guests.join(guests.named("Boss"), "administrator"))
    expect(page.get_by_role("button", name="Take out").first).to_be_enabled()


@pytest.mark.parametrize(("role", "sees"), [("annotator", False), ("researcher", True)])
def test_what_concerns_the_server_is_not_said_to_annotators(
    role: str, sees: bool, guests: Guests
) -> None:
    page = guests.visit("/", guests.join(guests.named(), role))
    page.wait_for_selector(".compare[data-live]")
    expect(page.get_by_role("button", name="Guidelines")).to_be_visible()
    expect(page.locator("[popovertarget=plug-in]")).to_be_visible(visible=sees)
    notice = page.locator("[data-one-version]")
    notice.evaluate("it => (it.hidden = false)")
    expect(notice).to_be_visible()
    expect(notice.get_by_role("link", name="Runs page")).to_be_visible(visible=sees)


# --- how they look --------------------------------------------------------------------------------


def _busy(page: Page, path: str) -> None:
    """The page with something in it."""
    if path == "/you":
        page.get_by_label("What it is for").fill("my notebook")
        page.get_by_role("button", name="Make a token").click()
        page.locator(".once").wait_for()
    elif path == "/people":
        page.get_by_role("button", name="Make a link").click()
        page.locator(".once").wait_for()
        page.get_by_role("table", name="Open invitations").wait_for()
    elif path == "/audit":
        page.locator("[data-lines] table").wait_for()


@pytest.mark.parametrize("size", SIZES)
def test_every_page_can_be_used_by_everybody(size: str, team: Team, guests: Guests) -> None:
    """Axe has nothing to say, wide and narrow, light and dark; and no name is ever markup."""
    nasty = f"{NASTY[:-1]} {next(_numbers)}>"
    outside = guests.stranger()
    inside = guests.join(nasty, "administrator")
    guests.visit.expect("status of 403")
    for path, context in (
        ("/sign-in", outside),
        (team.link(), outside),
        ("/you", inside),
        ("/people", inside),
        ("/audit", inside),
        ("/people", guests.join(guests.named())),
    ):
        page = guests.visit(path, context, viewport=SIZES[size])
        page.on("dialog", _no_dialog)
        page.locator("h1").wait_for()
        if context is inside:
            _busy(page, path)
            expect(page.locator("[data-person-name]").first).to_have_text(nasty)
            assert nasty in page.locator("main").inner_text() or path == "/you"
            assert page.locator("img").count() == 0
        elif path.startswith("/join"):
            page.get_by_label("Password").wait_for()
        pictures(page, f"people-{path.partition('#')[0].strip('/')}-{size}")
        assert fits(page)
        check(page)
        page.close()
    page = guests.visit("/", inside, viewport=SIZES[size])
    page.on("dialog", _no_dialog)
    expect(page.locator("[data-person-name]").first).to_have_text(nasty)
    page.locator(".person").click()
    check(page, ":popover-open")


@pytest.mark.parametrize("path", ["/sign-in", "/join", "/you", "/people", "/audit"])
def test_their_policy_lets_no_text_become_code(path: str, guests: Guests) -> None:
    answer = guests.join(guests.named("Boss"), "administrator").request.get(path)
    assert "unsafe-eval" not in answer.headers["content-security-policy"]
    assert not re.search(r"\son\w+=", answer.text())


def test_without_accounts_they_are_not_there(visit: Visit) -> None:
    for path in ("/sign-in", "/you", "/people", "/audit"):
        assert visit.context.request.get(path).status == 404
