"""Going back to earlier comparisons: seen again as they stand, chosen anew, the older choice kept."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from rlhb_core.schema.signals import SignalKind
from tests.browser.conftest import Studio, Visit
from tests.browser.test_axe import check
from tests.browser.test_desk import given, made, question
from tests.browser.test_desk import opened as opened_study
from tests.browser.test_keys import sent, tab
from tests.browser.test_look import fits, pictures

pytestmark = pytest.mark.browser
Ask = Callable[..., str]

SAID = ".compare[data-phase=voted] .result .said b"
FIRST, SECOND, THIRD = (
    "What is the capital of Peru?",
    "Which planet is the largest?",
    "How many legs has a spider?",
)


def votes(studio: Studio, page: Page, query_id: str) -> list[tuple[str, bool]]:
    """What was chosen, and whether names were known, in order."""
    sent(page)
    return [
        (each.payload["choice"], each.unblinded)
        for each in studio.signals(query_id)
        if each.kind is SignalKind.VOTE
    ]


def lines(page: Page) -> Any:
    return page.locator("#earlier .line")


def voted(page: Page, key: str) -> None:
    page.keyboard.press(key)
    page.wait_for_selector(".compare[data-phase=voted]")
    expect(page.locator(".answer.revealed")).to_have_count(3)


def named(page: Page, choice: str) -> None:
    """What is recorded is this, and that names were known."""
    expect(page.locator(SAID)).to_have_text(choice)
    expect(page.locator(".result .named")).to_be_visible()


def test_own_questions_are_listed_seen_again_and_chosen_anew(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    first = ask(page, FIRST)
    voted(page, "1")
    ask(page, SECOND)
    ask(page, THIRD)
    page.get_by_role("button", name="Earlier").click()
    expect(lines(page).locator(".asked")).to_have_text([THIRD, SECOND, FIRST])
    expect(lines(page).locator(".said")).to_contain_text(
        ["Nothing chosen", "Nothing chosen", "A was best"]
    )
    expect(lines(page).first).to_have_attribute("aria-current", "true")
    lines(page).filter(has_text=FIRST).click()
    expect(page.locator(SAID)).to_have_text("A is best")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    expect(page.locator(".query")).to_have_value(FIRST)
    assert tab(page) == first

    page.get_by_role("button", name="Change").click()
    expect(page.locator(".kept")).to_contain_text(
        "You said: A is best. That stands until you choose"
    )
    expect(page.locator(".answer.revealed")).to_have_count(0)
    page.get_by_role("button", name="Leave it so").click()
    expect(page.locator(".answer.revealed")).to_have_count(3)
    assert votes(studio, page, first) == [("best", False)]

    page.get_by_role("button", name="Change").click()
    expect(page.locator(".hint")).to_contain_text("You have seen the names")
    page.locator("[data-choice=tie]").click()
    named(page, "Tie")
    assert votes(studio, page, first) == [("best", False), ("tie", True)]

    page.reload()
    named(page, "Tie")
    page.keyboard.press("z")
    expect(lines(page).last).to_contain_text("Tie, with the names known")


def test_by_keys_alone(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    first = ask(page, FIRST)
    voted(page, "1")
    second = ask(page, SECOND)
    page.keyboard.press("z")
    expect(lines(page).first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")  # there is none further down
    expect(lines(page).nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(SAID)).to_have_text("A is best")
    page.keyboard.press("u")
    expect(page.locator(".kept")).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator(".kept")).to_be_hidden()
    page.keyboard.press("u")
    page.keyboard.press("x")
    expect(page.locator(SAID)).to_have_text("All bad")
    assert votes(studio, page, first) == [("best", False), ("all_bad", True)]
    page.keyboard.press("z")
    expect(lines(page).first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_selector(".compare[data-phase=open]")
    voted(page, "2")
    assert votes(studio, page, second) == [("best", False)]  # of this one the names were not known
    page.keyboard.press("z")
    page.keyboard.press("z")
    expect(page.locator("#earlier")).to_be_hidden()


def test_what_was_left_is_left_no_more(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    first = ask(page, FIRST)
    ask(page, SECOND)
    ask(page, THIRD)
    studio.wait_for(first, "abandon")
    page.get_by_role("button", name="Earlier").click()
    lines(page).filter(has_text=FIRST).click()
    expect(page.locator(".query")).to_have_value(FIRST)
    sent(page)
    left = [each.payload for each in studio.signals(first) if each.kind is SignalKind.ABANDON]
    assert left == [{}, {"on": False}]


def test_a_question_that_is_being_written_stays(visit: Visit, ask: Ask) -> None:
    page = visit()
    ask(page, FIRST)
    ask(page, SECOND)
    page.locator(".query").fill("Something else by now")
    page.locator(".query").blur()
    page.get_by_role("button", name="Earlier").click()
    lines(page).filter(has_text=FIRST).click()
    expect(page.locator(".question .words")).to_have_text(FIRST)
    expect(page.locator(".query")).to_have_value("Something else by now")


def test_in_a_study_a_choice_is_changed_and_one_goes_on_where_one_was(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    ask(visit(), FIRST)  # of no study, so in no list of one
    study = made(studio, 4)
    page = opened_study(visit, study)
    for number in range(2):
        question(page, number)
        page.keyboard.press("1")
        page.wait_for_selector(".compare[data-phase=voted]")
        page.keyboard.press("n")
    question(page, 2)
    before = given(studio, study)
    page.keyboard.press("z")
    expect(lines(page)).to_have_count(3)
    expect(lines(page).locator(".said")).to_contain_text(
        ["Nothing chosen", "A was best", "A was best"]
    )
    lines(page).last.click()
    question(page, 0)
    expect(page.locator(".answer.revealed")).to_have_count(0)
    page.keyboard.press("u")
    page.keyboard.press("2")
    expect(page.locator(SAID)).to_have_text("B is best")
    assert votes(studio, page, str(before[0].query_id)) == [("best", False)] * 2
    page.keyboard.press("n")
    question(page, 2)
    expect(page.locator("[data-desk-far]")).to_have_text("2 of 4 done")
    now = given(studio, study)
    assert [(each.state, each.counted) for each in now[:2]] == [("done", True)] * 2
    assert now[0].ended_ms == before[0].ended_ms


def test_what_was_gone_back_to_is_marked_with_the_way_back(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = opened_study(visit, made(studio, 3))
    marked = page.get_by_text("This is an earlier item")
    for number in range(2):
        question(page, number)
        page.keyboard.press("1")
        page.wait_for_selector(".compare[data-phase=voted]")
        page.keyboard.press("n")
    question(page, 2)
    for way in ("n", "click"):
        page.keyboard.press("z")
        lines(page).last.click()
        question(page, 0)
        expect(marked).to_be_visible()
        check(page, "[data-of-earlier]")
        back = page.get_by_role("button", name="Back to the present one")
        back.click() if way == "click" else page.keyboard.press(way)
        question(page, 2)
        expect(marked).to_be_hidden()
    # of one's own questions
    page = visit()
    ask(page, FIRST)
    ask(page, SECOND)
    marked = page.get_by_text("This is an earlier question")
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    lines(page).last.click()
    expect(marked).to_be_visible()
    page.get_by_role("button", name="Back to the present one").click()
    expect(page.locator(".query")).to_have_value(SECOND)
    expect(marked).to_be_hidden()
    page.keyboard.press("z")
    lines(page).last.click()
    expect(marked).to_be_visible()
    ask(page, "Which moons does Mars have?")
    expect(marked).to_be_hidden()


def test_from_the_end_of_a_study_one_goes_back_and_to_the_end_again(
    visit: Visit, studio: Studio
) -> None:
    page = opened_study(visit, made(studio, 1))
    page.keyboard.press("1")
    page.wait_for_selector(".compare[data-phase=voted]")
    page.keyboard.press("n")
    expect(page.get_by_text("That was all for now")).to_be_visible()
    page.keyboard.press("z")
    expect(lines(page).first).to_be_focused()
    page.keyboard.press("Enter")
    question(page, 0)
    expect(page.get_by_text("That was all for now")).to_be_hidden()
    page.keyboard.press("u")
    page.keyboard.press("t")
    expect(page.locator(SAID)).to_have_text("Tie")
    page.keyboard.press("n")
    expect(page.get_by_text("That was all for now")).to_be_visible()


def test_on_a_phone_by_touch(visit: Visit, studio: Studio, ask: Ask) -> None:
    context = visit.new_person(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = visit(context=context)
    first = ask(page, FIRST)
    page.locator("[data-choice=best]").first.tap()
    expect(page.locator(".answer.revealed")).to_have_count(3)
    ask(page, SECOND)
    page.get_by_role("button", name="Earlier").tap()
    expect(lines(page)).to_have_count(2)
    pictures(page, "earlier-phone")
    lines(page).last.tap()
    page.get_by_role("button", name="Change").tap()
    expect(page.locator(".kept")).to_be_in_viewport(ratio=0.99)
    pictures(page, "earlier-phone-change")
    assert fits(page)
    page.locator("[data-choice=best]").nth(1).tap()
    expect(page.locator(SAID)).to_have_text("B is best")
    assert votes(studio, page, first) == [("best", False), ("best", True)]


def test_without_a_connection_it_says_so(visit: Visit, ask: Ask) -> None:
    visit.expect("ERR_INTERNET_DISCONNECTED")
    context = visit.alone()
    page = visit()
    page.get_by_role("button", name="Earlier").click()
    expect(page.get_by_text("Nothing yet. What you compare is listed here.")).to_be_visible()
    page.keyboard.press("Escape")
    ask(page, FIRST)
    context.set_offline(True)
    page.keyboard.press("z")
    expect(page.locator("#earlier [data-told]")).to_have_text(
        "The server cannot be reached just now."
    )
    context.set_offline(False)


@pytest.mark.parametrize(("width", "height"), [(1360, 900), (390, 844), (640, 360)])
def test_it_fits_and_breaks_no_rule(width: int, height: int, visit: Visit, ask: Ask) -> None:
    page = visit(viewport={"width": width, "height": height})
    ask(page, FIRST)
    voted(page, "1")
    ask(page, f"{SECOND} {'And why is that so? ' * 20}")
    ask(page, THIRD)
    page.locator(".answer").first.focus()
    page.keyboard.press("z")
    expect(lines(page)).to_have_count(3)
    expect(page.locator("#earlier")).to_be_in_viewport(ratio=0.99)
    check(page, "#earlier")
    pictures(page, f"earlier-list-{width}")
    lines(page).last.click()
    expect(page.locator(SAID)).to_have_text("A is best")
    page.keyboard.press("u")
    expect(page.locator(".kept")).to_be_visible()
    check(page)
    pictures(page, f"earlier-change-{width}")
    assert fits(page)
