"""One browser, several tabs, and people who come and go in it: what a page that was open before makes of it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit
from tests.browser.test_people_pages import (
    PASSWORD,
    STATUS_401,
    Guests,
    Team,
    fill_in,
    guests,
    kept,
    team,
    until,
)

pytestmark = pytest.mark.browser
Ask = Callable[..., str]

__all__ = ["guests", "team"]

REFUSED = ("status of 403", "error: Response", "Connection errored out")
"""What the browser and Gradio log about an event that is not taken."""
BRAZIL = "Which language do people speak in Brazil?"
PERU = "Which language do people speak in Peru?"


# --- somebody else ----------------------------------------------------------------------------------


@pytest.mark.parametrize("agrees", [True, False])
def test_asking_after_somebody_else_has_signed_in_loads_their_page(
    agrees: bool, team: Team, guests: Guests, ask: Ask
) -> None:
    guests.visit.expect(STATUS_401, *REFUSED)
    first, second = guests.named("Rita"), guests.named("Bob")
    guests.join(second, agrees=agrees).close()
    context = guests.join(first, agrees=agrees)
    page = guests.visit("/", context)
    ask(page, BRAZIL)
    guests.sign_in(context, second)
    page.locator(".query").fill(PERU)
    with page.expect_navigation():
        page.locator(".query").press("Control+Enter")
    expect(page.locator("[data-person-name]").first).to_have_text(second)
    page.wait_for_selector(".compare[data-live][data-phase=empty]")
    ask(page, PERU)


def test_while_the_page_says_that_one_is_signed_out_nothing_is_asked(
    team: Team, guests: Guests, ask: Ask
) -> None:
    guests.visit.expect(STATUS_401, *REFUSED)
    name = guests.named()
    context = guests.join(name)
    page = guests.visit("/", context)
    ask(page, BRAZIL)
    team.sign_out_everywhere(name)
    page.keyboard.press("1")
    expect(page.locator(".signed-out")).to_be_visible()
    joined: list[str] = []
    page.on("request", lambda request: joined.append(request.url))
    page.locator(".query").fill(PERU)
    page.locator(".query").press("Control+Enter")
    expect(page.locator(".trouble")).to_contain_text("You are signed out, so this was not asked")
    expect(page.locator(".query")).to_have_value(PERU)
    expect(page.locator(".compare")).to_have_attribute("data-phase", "voted")
    assert not [url for url in joined if "queue/join" in url]
    # and once they are back, beside it, the same press asks
    guests.sign_in(context, name)
    ask(page, PERU)
    expect(page.locator(".signed-out")).to_have_count(0)


# --- the same person again --------------------------------------------------------------------------


def test_a_vote_that_was_kept_arrives_before_its_comparison_is_shown_again(
    team: Team, guests: Guests, ask: Ask
) -> None:
    guests.visit.expect(STATUS_401)
    first, second = guests.named("Bob"), guests.named("Rita")
    guests.join(second).close()
    context = guests.join(first)
    page = guests.visit("/", context)
    query = ask(page, BRAZIL)
    guests.sign_in(context, second)
    page.keyboard.press("1")
    expect(page.locator(".signed-out")).to_be_visible()
    page.get_by_role("link", name="Sign in again").click()
    page.goto("/sign-in?next=%2F")
    fill_in(page, name=first, password=PASSWORD)
    seen: list[str] = []

    def slowly(route: Route) -> None:
        seen.append("sent")
        page.wait_for_timeout(1000)
        route.continue_()

    page.route("**/api/signals*", slowly)
    page.on(
        "request", lambda request: seen.append("asked") if "queue/join" in request.url else None
    )
    page.keyboard.press("Enter")
    page.wait_for_selector(".compare[data-phase=voted]")
    assert seen.index("sent") < seen.index("asked")
    page.unroute("**/api/signals*")
    votes = [each for each in team.studio.signals(query) if each.kind.value == "vote"]
    assert len(votes) == 1
    expect(page.locator(".vote [data-verb]")).to_have_text("Recorded:")
    until(lambda: not kept(page))


# --- what somebody was writing ----------------------------------------------------------------------


def _sign_out(page: Page) -> None:
    page.locator(".person").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("/sign-in")


def _sign_in(page: Page, name: str) -> None:
    fill_in(page, name=name, password=PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".compare[data-live]")
    expect(page.locator("[data-person-name]").first).to_have_text(name)
    page.wait_for_selector(".compare[data-phase=empty]")


def test_the_next_person_in_a_tab_does_not_see_what_the_last_one_wrote(guests: Guests) -> None:
    first, second = guests.named("Rita"), guests.named("Bob")
    guests.join(second).close()
    context = guests.join(first)
    page = guests.visit("/", context)
    page.locator(".query").fill(PERU)
    page.reload()
    page.wait_for_selector(".compare[data-live]")
    expect(page.locator(".query")).to_have_value(PERU)
    # another person's cookie, without a word to this tab: theirs is another draft
    guests.sign_in(context, second)
    page.reload()
    page.wait_for_selector(".compare[data-live][data-phase=empty]")
    expect(page.locator("[data-person-name]").first).to_have_text(second)
    expect(page.locator(".query")).to_have_value("")
    guests.sign_in(context, first)
    page.reload()
    page.wait_for_selector(".compare[data-live]")
    expect(page.locator(".query")).to_have_value(PERU)
    _sign_out(page)
    assert PERU not in page.evaluate("JSON.stringify(sessionStorage)")
    _sign_in(page, second)
    expect(page.locator(".query")).to_have_value("")


def test_what_is_erased_is_no_more_in_the_box(guests: Guests, ask: Ask) -> None:
    page = guests.visit("/", guests.join(guests.named()))
    ask(page, BRAZIL)
    page.goto("/you")
    page.locator("[data-erase-records]").click()
    page.get_by_role("button", name="Erase it").click()
    expect(page.get_by_text("Everything of you is erased.")).to_be_visible()
    page.goto("/")
    page.wait_for_selector(".compare[data-live][data-phase=empty]")
    expect(page.locator(".query")).to_have_value("")
    assert BRAZIL not in page.evaluate("JSON.stringify(sessionStorage)")


def test_alone_a_draft_comes_back_until_it_is_erased(visit: Visit, ask: Ask) -> None:
    visit.expect("status of 422")  # a page that is left says so of a comparison that is erased
    page = visit()
    ask(page, BRAZIL)
    page.locator(".query").fill(PERU)
    page.reload()
    page.wait_for_selector(".compare[data-live]")
    expect(page.locator(".query")).to_have_value(PERU)
    page.locator(".person").click()
    page.locator("[data-erase]").click()
    with page.expect_navigation():
        page.locator("[data-erase][data-armed]").click()
    page.wait_for_selector(".compare[data-live][data-phase=empty]")
    expect(page.locator(".query")).to_have_value("")


def test_a_page_that_the_browser_kept_leads_to_signing_in(team: Team, guests: Guests) -> None:
    guests.visit.expect(STATUS_401)
    name = guests.named()
    page = guests.visit("/", guests.join(name))
    team.sign_out_everywhere(name)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    page.wait_for_url("/sign-in?next=/")


# --- tabs tell each other ---------------------------------------------------------------------------


def test_pausing_in_one_tab_shows_in_the_other(guests: Guests) -> None:
    context = guests.join(guests.named())
    page, other = guests.visit("/", context), guests.visit("/you", context)
    says = page.locator("[data-recording-says]").first
    expect(says).to_have_text(re.compile("^Recording how"))
    other.locator("[data-recording-toggle]").first.click()
    expect(says).to_have_text("Recording paused")
    other.locator("[data-recording-toggle]").first.click()
    expect(says).to_have_text(re.compile("^Recording how"))
    name = guests.named("Renamed")
    other.locator("[data-name-form] [name=name]").fill(name)
    other.get_by_role("button", name="Save").click()
    expect(page.locator("[data-person-name]").first).to_have_text(name)


def test_signing_out_and_in_shows_in_the_other_tab(guests: Guests) -> None:
    guests.visit.expect(STATUS_401)
    first, second = guests.named("Rita"), guests.named("Bob")
    guests.join(second).close()
    context = guests.join(first)
    page, other = guests.visit("/", context), guests.visit("/", context)
    _sign_out(other)
    expect(page.locator(".signed-out")).to_be_visible()
    _sign_in(other, first)
    expect(page.locator(".signed-out")).to_have_count(0)
    _sign_out(other)
    expect(page.locator(".signed-out")).to_be_visible()
    _sign_in(other, second)
    expect(page.locator("[data-person-name]").first).to_have_text(second)
    expect(page.locator(".signed-out")).to_have_count(0)
