"""An answer written anew: what was changed is shown, then and while it is written, and the answer can be had back."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from app.files import import_jsonl
from app.store import Store
from rlhb_core.schema.signals import SignalKind
from tests.browser.conftest import Studio, Visit
from tests.browser.test_axe import check
from tests.browser.test_desk import made, opened, question
from tests.browser.test_keys import sent, tab
from tests.browser.test_look import fits, pictures
from tests.browser.test_reading import LONG, asked
from tests.integration.test_blind import behaviors_of

pytestmark = pytest.mark.browser
Ask = Callable[..., str]

ANSWER = "Lima is the **capital** of Peru, as everybody knows."
OWN = "Lima is the capital of Peru."


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'other.sqlite'}")
    yield opened
    opened.close()


def edits(studio: Studio, page: Page) -> list[dict[str, Any]]:
    """What is recorded of edits, in order."""
    sent(page)
    return [each.payload for each in studio.signals(tab(page)) if each.kind is SignalKind.EDIT]


def rewrite(page: Page, card: Locator, text: str) -> None:
    card.locator("[data-act=edit]").click()
    card.locator(".editor textarea").fill(text)
    card.get_by_role("button", name="Save").click()
    expect(card.locator(".own")).to_be_visible()


def take_back(page: Page, card: Locator) -> None:
    button = card.locator("[data-take-back]")
    button.click()
    expect(button).to_have_text("Lose your version?")
    page.wait_for_selector("[data-take-back][data-armed]")
    button.click()


def test_what_was_changed_is_seen_turned_and_taken_back(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, ANSWER)
    changes = card.locator(".body > .changes")
    rewrite(page, card, OWN)
    expect(changes.locator("del")).to_have_text(["**capital** ", "Peru, as everybody knows."])
    expect(changes.locator("ins")).to_have_text(["capital ", "Peru."])
    expect(card.locator(".text")).to_be_hidden()
    card.get_by_role("button", name="Your version").click()
    expect(card.locator(".text")).to_have_text(OWN)
    expect(changes).to_be_hidden()
    card.get_by_role("button", name="What you changed").click()
    expect(changes).to_be_visible()

    page.reload()
    expect(changes.locator("ins")).to_have_text(["capital ", "Peru."])
    card.locator("[data-act=edit]").click()  # goes on from there
    expect(card.locator(".editor textarea")).to_have_value(OWN)
    expect(card.locator(".own")).to_be_hidden()
    page.keyboard.press("Escape")
    take_back(page, card)
    expect(card.locator(".text strong")).to_have_text("capital")
    expect(card.locator(".own")).to_be_hidden()
    expect(card.locator("[data-act=edit]")).to_be_focused()
    assert edits(studio, page) == [{"text": OWN, "on": True}, {"text": OWN, "on": False}]
    page.reload()
    expect(card.locator(".text strong")).to_have_text("capital")


def test_by_keys_alone_also_while_one_writes(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, ANSWER)
    field, changes = card.locator(".editor textarea"), card.locator(".editor .changes")
    page.keyboard.press(card.get_attribute("data-letter") or "")
    page.keyboard.press("o")  # there is nothing to turn yet
    page.keyboard.press("e")
    page.keyboard.press("Alt+Enter")
    expect(changes).to_have_text("Nothing is changed yet.")
    expect(changes).to_be_focused()
    page.keyboard.press("Escape")
    expect(field).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type(OWN)
    page.keyboard.press("Alt+Enter")
    expect(changes.locator("ins")).to_have_text(["capital ", "Peru."])
    page.keyboard.press("Alt+Enter")
    page.keyboard.press("End")
    page.keyboard.type("!")
    page.keyboard.press("Alt+Enter")
    expect(changes.locator("ins")).to_have_text(["capital ", "Peru.!"])
    page.keyboard.press("Control+Enter")
    expect(card.locator(".body > .changes ins")).to_have_text(["capital ", "Peru.!"])
    expect(card).to_be_focused()
    page.keyboard.press("o")
    expect(card.locator(".text")).to_have_text(f"{OWN}!")
    page.keyboard.press("o")
    expect(card.locator(".body > .changes")).to_be_visible()
    card.locator("[data-take-back]").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-take-back][data-armed]")
    page.keyboard.press("Enter")
    expect(card.locator(".text strong")).to_have_text("capital")
    assert [each["on"] for each in edits(studio, page)] == [True, False]


def test_on_a_phone_by_touch(visit: Visit, studio: Studio, ask: Ask) -> None:
    context = visit.new_person(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = visit(context=context)
    (card,) = asked(page, studio, ask, ANSWER)
    card.scroll_into_view_if_needed()
    card.locator("[data-act=edit]").tap()
    card.locator(".editor textarea").fill(OWN)
    card.get_by_role("button", name="Changes").tap()
    expect(card.locator(".editor .changes ins")).to_have_text(["capital ", "Peru."])
    pictures(page, "edit-phone-writing")
    assert fits(page)
    card.get_by_role("button", name="Save").tap()
    pictures(page, "edit-phone-changed")
    assert fits(page)
    card.get_by_role("button", name="Your version").tap()
    expect(card.locator(".text")).to_have_text(OWN)
    card.locator("[data-take-back]").tap()
    page.wait_for_selector("[data-take-back][data-armed]")
    card.locator("[data-take-back]").tap()
    expect(card.locator(".text strong")).to_have_text("capital")
    assert [each["on"] for each in edits(studio, page)] == [True, False]


def test_where_words_have_no_blanks_between_them_characters_are_told(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, "東京は日本の首都です。")
    rewrite(page, card, "京都は日本の古都です。")
    expect(card.locator(".body > .changes del")).to_have_text(["東", "首"])
    expect(card.locator(".body > .changes ins")).to_have_text(["都", "古"])


def test_what_is_hidden_by_an_own_version_is_not_read(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, LONG)
    response = card.get_attribute("data-response")
    card.locator("[data-act=edit]").click()
    card.locator(".editor textarea").fill("Much shorter.\n\n" * 60)
    card.get_by_role("button", name="Save").click()
    card.locator(".body").evaluate("body => { body.scrollTop = body.scrollHeight; }")
    page.wait_for_function("new Promise(done => requestAnimationFrame(() => done(true)))")
    edits(studio, page)
    depths = [
        each.payload["depth"]
        for each in studio.signals(tab(page))
        if each.kind is SignalKind.SCROLL and str(each.response_id) == response
    ]
    assert max(depths, default=0) < 0.9


def test_without_a_connection_it_is_kept_sent_and_goes_out_and_in(
    visit: Visit, studio: Studio, ask: Ask, other: Store
) -> None:
    visit.expect("ERR_INTERNET_DISCONNECTED")
    context = visit.alone()
    page = visit()
    (card,) = asked(page, studio, ask, ANSWER)
    response = card.get_attribute("data-response") or ""
    context.set_offline(True)
    rewrite(page, card, OWN)
    context.set_offline(False)
    studio.wait_for(tab(page), "edit")
    lines = page.context.request.get("/api/data/triplets.jsonl").body().splitlines()
    assert import_jsonl(other, [each for each in lines if response.encode() in each]).imported == 1
    (back,) = behaviors_of(other).values()
    assert back.behavior_features.edited_text == OWN
    assert back.response == ANSWER


@pytest.mark.parametrize(("width", "height"), [(1360, 900), (390, 844), (640, 360)])
def test_it_fits_and_breaks_no_rule(
    width: int, height: int, visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit(viewport={"width": width, "height": height})
    (card,) = asked(page, studio, ask, ANSWER)
    card.scroll_into_view_if_needed()
    card.locator("[data-act=edit]").click()
    card.locator(".editor textarea").fill(OWN)
    card.get_by_role("button", name="Changes").click()
    check(page)
    pictures(page, f"edit-writing-{width}")
    card.get_by_role("button", name="Save").click()
    check(page)
    pictures(page, f"edit-changed-{width}")
    assert fits(page)


def test_what_is_being_written_is_there_after_a_refresh_until_it_is_left(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, ANSWER)
    field = card.locator(".editor textarea")
    card.locator("[data-act=edit]").click()
    field.fill("Half a sentence")
    page.reload()
    expect(card.locator(".text")).to_contain_text(ANSWER[:5])
    card.locator("[data-act=edit]").click()
    expect(field).to_have_value("Half a sentence")
    page.keyboard.press("Escape")  # left, and not lost
    begun = card.locator(".begun")
    expect(begun).to_contain_text("You began an edit.")
    page.reload()
    begun.get_by_role("button", name="Go on with it").click()
    expect(field).to_have_value("Half a sentence")
    page.keyboard.press("Escape")
    drop = card.locator("[data-drop-edit]")
    drop.click()
    expect(drop).to_have_text("Lose these words?")
    page.wait_for_selector("[data-drop-edit][data-armed]")
    drop.click()
    expect(begun).to_be_hidden()
    card.locator("[data-act=edit]").click()
    expect(field).to_have_value(ANSWER)
    field.fill("Half")
    field.fill(ANSWER)  # what stands is no draft
    page.keyboard.press("Escape")
    expect(begun).to_be_hidden()
    assert edits(studio, page) == []


def begin_edit(page: Page, text: str) -> None:
    page.locator('.answer [data-act="edit"]').nth(1).click()
    page.locator(".answer .editor textarea").nth(1).fill(text)


def test_next_says_first_that_an_edit_is_not_saved_and_earlier_leads_back(
    visit: Visit, studio: Studio
) -> None:
    study = made(studio, 3)
    page = opened(visit, study)
    begin_edit(page, "A better version")
    page.locator("[data-choice=tie]").click()
    onward, hint = page.get_by_role("button", name="Next item"), page.locator("[data-hint]")
    onward.click()
    expect(hint).to_contain_text("You began an edit of B and have not saved it.")
    question(page, 0)
    onward.click()  # by a double click
    question(page, 0)
    page.wait_for_timeout(800)  # so long it is one
    onward.click()
    question(page, 1)
    expect(page.locator(".begun:visible")).to_have_count(0)
    page.keyboard.press("z")
    line = page.locator("#earlier .line").filter(has_text="an edit is begun")
    expect(line).to_have_count(1)
    line.click()
    question(page, 0)
    page.get_by_role("button", name="Go on with it").click()
    expect(page.locator(".answer .editor textarea").nth(1)).to_have_value("A better version")
    page.locator(".answer .editor").nth(1).get_by_role("button", name="Save").click()
    page.keyboard.press("z")
    expect(page.locator("#earlier .line").first).to_be_visible()
    expect(line).to_have_count(0)


def test_an_edit_that_is_not_saved_is_not_gone_on_from_by_itself(
    visit: Visit, studio: Studio
) -> None:
    page = opened(visit, made(studio, 2))
    page.get_by_label("Go on by itself").check()
    begin_edit(page, "A better version")
    page.locator("[data-choice=tie]").click()
    expect(page.locator("[data-hint]")).to_contain_text("You began an edit of B")
    question(page, 0)
    page.locator(".answer .editor").nth(1).get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Next item").click()
    question(page, 1)
