"""Keys that somebody has changed do what they say, on every label and after a refresh; and the reminder to rest."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Studio, Visit
from tests.browser.test_axe import check

pytestmark = pytest.mark.browser
Ask = Callable[..., str]


def change(page: Page, *keys: str) -> None:
    """In the list of keys, by keys alone."""
    page.wait_for_selector(".compare[data-live]")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    page.get_by_role("button", name="Change a key").focus()
    page.keyboard.press("Enter")
    for key in keys:
        page.keyboard.press(key)


def says(page: Page, words: str) -> None:
    expect(page.locator("[data-rekey-says]")).to_have_text(words)


def test_two_keys_trade_places_on_every_label_and_stay_so(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    visit.alone()
    page = visit()
    query_id = ask(page, "What is the capital of Peru?")
    change(page, "l", "d")
    says(page, "D does now what L did, and L what D did.")
    check(page, ":popover-open")
    page.keyboard.press("Escape")
    like = page.locator('.answer [data-act="like"]').first
    expect(like.locator("kbd")).to_have_text("D")
    expect(like).to_have_attribute("aria-keyshortcuts", "D")
    page.keyboard.press("a")
    page.keyboard.press("d")
    expect(like).to_have_attribute("aria-pressed", "true")
    studio.wait_for(query_id, "like")
    page.reload()
    expect(like).to_have_attribute("aria-pressed", "true")
    expect(like.locator("kbd")).to_have_text("D")
    expect(page.locator('.answer [data-act="dislike"] kbd').first).to_have_text("L")
    page.keyboard.press("?")
    page.get_by_role("button", name="All as they were").click()
    says(page, "All keys are as they were.")
    expect(page.get_by_role("button", name="All as they were")).to_be_hidden()
    expect(like.locator("kbd")).to_have_text("L")


def test_a_free_key_takes_over_and_what_cannot_be_is_said(visit: Visit, ask: Ask) -> None:
    visit.alone()
    page = visit()
    ask(page, "What does a giraffe eat?")
    change(page, "F5", ";")
    says(page, "; does nothing here. Press one of the list, or Escape.")
    page.keyboard.press("1")
    says(page, "Now press the key that is to do what 1 does. Escape leaves it.")
    page.keyboard.press("Enter")
    says(page, "Only letters, digits and signs can be changed. Press another, or Escape.")
    page.keyboard.press("7")
    says(page, "7 does now what 1 did.")
    page.keyboard.press("?")  # closes the list
    expect(page.locator("#keys")).to_be_hidden()
    expect(page.locator('[data-choice="best"] kbd').first).to_have_text("7")
    page.keyboard.press("1")  # means nothing now
    expect(page.locator(".vote .result")).to_be_hidden()
    page.keyboard.press("7")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    change(page, "n", "Escape")
    says(page, "Left as it was.")
    expect(page.locator("#keys")).to_be_visible()


def test_another_tab_follows_and_nonsense_that_is_kept_is_let_go(visit: Visit) -> None:
    visit.alone()
    page, other = visit(), visit()
    change(page, "v", "p")
    expect(other.locator("[data-switch=raw] kbd")).to_have_text("P")
    for nonsense in ('{"v": "p"}', '{"v": 1}', "no", '{"vv": "vv"}', "[]", "null"):
        page.evaluate("kept => localStorage.setItem('rlhb.keys', kept)", nonsense)
        page.reload()
        expect(page.locator("[data-switch=raw] kbd")).to_have_text("V")


def test_whoever_works_without_a_break_is_reminded(visit: Visit) -> None:
    visit.alone()
    page = visit()
    page.clock.install()
    page.reload()
    page.wait_for_selector(".compare[data-live]")
    line = page.locator("[data-break]")

    def works(minutes: int) -> None:
        for _ in range(minutes):
            page.clock.fast_forward(60_000)
            page.keyboard.press("Shift")

    works(44)
    expect(line).to_be_hidden()
    works(1)
    expect(line).to_contain_text("You have worked for 45 minutes.")
    check(page, "[data-break]")
    page.get_by_role("button", name="Go on for now").click()
    works(14)
    expect(line).to_be_hidden()
    works(1)
    expect(line).to_contain_text("60 minutes")
    page.clock.fast_forward(6 * 60_000)  # a break
    page.keyboard.press("Shift")
    expect(line).to_be_hidden()
    works(45)
    page.get_by_role("button", name="Do not remind me").click()
    works(60)
    expect(line).to_be_hidden()
    page.reload()
    page.wait_for_selector(".compare[data-live]")
    works(50)
    expect(line).to_be_hidden()
