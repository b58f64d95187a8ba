"""Working through a study in a real browser: one key after the vote key, nothing lost, nothing told too early."""

import itertools
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.store import (
    Assignment,
    Item,
    NewItem,
    Plan,
    Prepared,
    Study,
    StudyStatus,
    items,
    studies,
    versions,
)
from app.store.study_tables import ASSIGNMENT
from app.store.tables import to_record
from rlhb_core.schema.signals import SignalKind
from tests.browser.conftest import Studio, Visit
from tests.browser.test_axe import check
from tests.browser.test_runs_pages import picture

pytestmark = pytest.mark.browser
_numbers = itertools.count(1)


def made(studio: Studio, count: int, answers: int = 3, guidelines: str = "", **plan: Any) -> Study:
    """An open study whose items bring so many answers each; with 0 the versions in Compare write them."""
    with studio.store.writing() as connection:
        name = f"Desk {next(_numbers)}"
        study = studies.add(
            connection, Study(name=name, status=StudyStatus.OPEN, plan=Plan(**plan))
        )
        if guidelines:
            study = studies.set_guidelines(connection, study.id, guidelines)
        new = []
        for number in range(count):
            item = Item(study_id=study.id, number=0, text=f"Question {number} of {name}?")
            came = [
                Prepared(
                    item_id=item.id,
                    version_id=versions.known_as(connection, f"model {place}"),
                    came_with_item=True,
                    text=f"Answer **{place}** to {number}.",
                )
                for place in range(answers)
            ]
            new.append(NewItem(item, came))
        items.add(connection, new)
    return study


def given(studio: Studio, study: Study) -> list[Assignment]:
    """All that was given in a study, in the order in which it was; each test has one person."""
    statement = ASSIGNMENT.select().where(ASSIGNMENT.c.study_id == study.id)
    with studio.store.reading() as connection:
        rows = connection.execute(statement.order_by(ASSIGNMENT.c.number)).mappings()
        return [to_record(row, Assignment) for row in rows]


def opened(visit: Visit, study: Study, **looks: Any) -> Page:
    page = visit(f"/?study={study.id}", **looks)
    page.wait_for_selector(".compare[data-live][data-phase=open]")
    return page


def question(page: Page, number: int) -> None:
    expect(page.locator(".question .words")).to_have_text(re.compile(rf"^Question {number} "))


def test_thirty_items_by_keyboard_one_key_each_after_the_vote_key(
    visit: Visit, studio: Studio
) -> None:
    study = made(studio, 30)
    page = opened(visit, study)
    keys = 0
    for number in range(30):
        question(page, number)
        expect(page.locator("[data-desk-far]")).to_have_text(f"{number} of 30 done")
        page.keyboard.press(str(number % 3 + 1))
        page.wait_for_selector(".compare[data-phase=voted]")
        page.keyboard.press("Enter")
        keys += 2
    expect(page.get_by_text("You have done all that there was for you here.")).to_be_visible()
    assert keys == 60
    done = given(studio, study)
    assert len(done) == 30
    assert all(each.state == "done" and each.counted for each in done)
    assert all(studio.kinds(str(each.query_id)).count(SignalKind.VOTE) == 1 for each in done)


def test_thirty_items_on_a_phone(visit: Visit, studio: Studio) -> None:
    study = made(studio, 30)
    page = opened(visit, study, viewport={"width": 390, "height": 780})
    for number in range(30):
        question(page, number)
        page.get_by_role("button", name=re.compile("^[ABC]")).locator("visible=true").filter(
            has=page.locator("b")
        ).nth(number % 3).click()
        page.get_by_role("button", name="Next item").click()
    expect(page.get_by_text("You have done all that there was for you here.")).to_be_visible()
    assert {each.state for each in given(studio, study)} == {"done"}


def test_names_stay_hidden_after_the_vote(visit: Visit, studio: Studio) -> None:
    page = opened(visit, made(studio, 1))
    page.keyboard.press("1")
    page.wait_for_selector(".compare[data-phase=voted]")
    expect(page.get_by_text("Recorded:")).to_be_visible()
    expect(page.locator(".answer.revealed")).to_have_count(0)
    expect(page.locator("main")).not_to_contain_text("model 0")


def test_a_refresh_and_another_tab_show_the_same_item(visit: Visit, studio: Studio) -> None:
    study = made(studio, 3)
    page = opened(visit, study)
    question(page, 0)
    page.reload()
    question(page, 0)
    other = opened(visit, study)
    question(other, 0)
    page.keyboard.press("2")
    page.wait_for_selector(".compare[data-phase=voted]")
    page.keyboard.press("n")
    question(page, 1)
    # asked to go on, the other tab learns that its item is done
    other.bring_to_front()
    other.keyboard.press("n")
    question(other, 1)
    assert len(given(studio, study)) == 3  # two done or in view, and the next one reserved


def test_what_is_not_done_stays_and_is_said_so(visit: Visit, studio: Studio) -> None:
    page = opened(visit, made(studio, 2))
    question(page, 0)
    page.keyboard.press("n")
    expect(page.get_by_text("This one is not done yet: choose, or skip it.")).to_be_visible()
    question(page, 0)
    page.keyboard.press("s")
    page.wait_for_selector(".compare[data-phase=voted]")
    page.keyboard.press("n")
    question(page, 1)
    expect(page.get_by_text("This one is not done yet")).to_be_hidden()


def test_a_vote_can_be_undone_before_one_goes_on(visit: Visit, studio: Studio) -> None:
    study = made(studio, 2)
    page = opened(visit, study)
    page.keyboard.press("1")
    page.wait_for_selector(".compare[data-phase=voted]")
    page.keyboard.press("u")
    page.wait_for_selector(".compare[data-phase=open]")
    page.keyboard.press("n")
    expect(page.get_by_text("This one is not done yet")).to_be_visible()
    page.keyboard.press("3")
    page.wait_for_selector(".compare[data-phase=voted]")
    page.keyboard.press("n")
    question(page, 1)


def test_without_a_connection_nothing_is_lost_and_it_goes_on_afterwards(
    visit: Visit, studio: Studio
) -> None:
    visit.expect("ERR_INTERNET_DISCONNECTED")
    context = visit.alone()
    study = made(studio, 2)
    page = opened(visit, study)
    context.set_offline(True)
    page.keyboard.press("1")
    page.keyboard.press("n")
    expect(page.get_by_text("Saved here, will be sent.")).to_be_visible()
    context.set_offline(False)
    question(page, 1)
    assert given(studio, study)[0].state == "done"


def test_answers_that_versions_write_are_there_when_one_goes_on(
    visit: Visit, studio: Studio
) -> None:
    page = opened(visit, made(studio, 2, answers=0))
    page.wait_for_selector(".compare:not(:has(.answer[aria-busy=true]))")
    page.keyboard.press("1")
    page.wait_for_selector(".compare[data-phase=voted]")
    page.keyboard.press("n")
    question(page, 1)
    expect(page.locator(".answer:not([hidden]) .text:not(:empty)")).to_have_count(3)


def test_two_answers_are_two_cards(visit: Visit, studio: Studio) -> None:
    page = opened(visit, made(studio, 1, answers=2))
    expect(page.locator(".answer:visible")).to_have_count(2)
    expect(page.locator("[data-choice=best]:visible")).to_have_count(2)
    page.keyboard.press("3")  # there is none
    expect(page.locator(".compare")).to_have_attribute("data-phase", "open")
    page.keyboard.press("2")
    page.wait_for_selector(".compare[data-phase=voted]")


def test_a_key_for_an_answer_that_is_not_there_says_so(visit: Visit, studio: Studio) -> None:
    study = made(studio, 1, answers=2)
    page = opened(visit, study)
    page.keyboard.press("3")
    expect(page.get_by_text("There is no answer C to choose, or not yet.")).to_be_visible()
    page.keyboard.press("2")
    expect(page.get_by_text("There is no answer C")).to_have_count(0)
    expect(page.locator(".result .said")).to_contain_text("B is best")


def test_guidelines_of_the_study_are_a_key_away(visit: Visit, studio: Studio) -> None:
    page = visit(f"/?study={made(studio, 1, guidelines='Judge the **moons** only.').id}")
    page.get_by_role("button", name="Begin").click()
    question(page, 0)
    page.keyboard.press("h")
    expect(page.locator("#guidelines strong")).to_have_text("moons")
    page.keyboard.press("Escape")
    expect(page.locator("#guidelines")).to_be_hidden()
    page.get_by_role("button", name="Guidelines").click()
    expect(page.locator("#guidelines")).to_be_visible()


def test_guidelines_come_before_the_first_item_and_when_others_hold(
    visit: Visit, studio: Studio
) -> None:
    study = made(studio, 4, guidelines="Judge the **moons** only.")
    page = visit(f"/?study={study.id}")
    briefing = page.get_by_role("region", name="Before you begin")
    expect(briefing.locator("strong")).to_have_text("moons")
    expect(page.locator(".arms")).to_be_hidden()
    check(page, ".briefing")
    picture(page, "desk-guidelines")
    page.keyboard.press("1")  # nothing is there to choose from
    page.reload()
    expect(page.get_by_role("button", name="Begin")).to_be_focused()
    page.keyboard.press("Enter")
    question(page, 0)
    expect(briefing).to_be_hidden()
    page.reload()  # begun is begun
    question(page, 0)
    page.keyboard.press("1")
    page.wait_for_selector(".compare[data-phase=voted]")
    page.keyboard.press("n")
    question(page, 1)
    with studio.store.writing() as connection:
        studies.set_guidelines(connection, study.id, "Judge the **suns** too.")
    page.keyboard.press("s")
    page.keyboard.press("n")
    changed = page.get_by_role("region", name="The guidelines have changed")
    expect(changed.locator("strong")).to_have_text("suns")
    changed.get_by_role("button", name="Go on").click()
    question(page, 2)
    page.keyboard.press("2")
    page.keyboard.press("n")
    question(page, 3)
    assert [(each.state, each.guidelines) for each in given(studio, study)] == [
        ("done", 1), ("skipped", 1), ("done", 2), ("shown", 2),
    ]  # fmt: skip
    other = visit(f"/?study={study.id}")  # whoever has worked by them is not shown them first
    question(other, 3)


def test_what_was_skipped_is_told_beside_what_is_done_and_in_the_same_words(
    visit: Visit, studio: Studio
) -> None:
    study = made(studio, 4)
    page = opened(visit, study)
    for number, key in enumerate("1s2s"):
        question(page, number)
        page.keyboard.press(key)
        page.wait_for_selector(".compare[data-phase=voted]")
        page.keyboard.press("n")
    expect(page.get_by_text("That was all for now")).to_be_visible()
    expect(page.locator("[data-desk-far]")).to_have_text("2 of 4 done, 2 skipped")
    page.get_by_role("link", name="All studies").click()
    offer = page.locator(".offers li").filter(has_text=study.name)
    expect(offer.locator(".how-far span")).to_have_text("2 of 4 done, 2 skipped")
    assert offer.locator("progress").evaluate("bar => bar.value === bar.max")


def test_why_an_item_is_skipped_is_a_digit_that_its_button_shows(
    visit: Visit, studio: Studio
) -> None:
    study = made(studio, 1)
    page = opened(visit, study)
    page.keyboard.press("1")
    page.wait_for_selector(".compare[data-phase=voted]")
    expect(page.locator(".why kbd")).to_have_count(0)  # a vote is not explained by digits
    page.keyboard.press("2")
    page.keyboard.press("u")
    page.keyboard.press("s")
    expect(page.locator(".why .chip")).to_have_text([re.compile(f"{n}$") for n in range(1, 5)])
    page.keyboard.press("2")
    why = page.get_by_role("button", name="unclear question")
    expect(why).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("9")
    page.keyboard.press("n")
    expect(page.get_by_text("That was all for now")).to_be_visible()
    (only,) = given(studio, study)
    votes = [
        each.payload for each in studio.signals(str(only.query_id)) if each.kind is SignalKind.VOTE
    ]
    assert votes[-1] == {**votes[-1], "choice": "skip", "reason": "unclear question"}
    assert SignalKind.CRITIQUE not in studio.kinds(str(only.query_id))


@pytest.mark.parametrize("width", [1360, 390])
def test_a_long_question_unfolds_to_its_end(width: int, visit: Visit, studio: Studio) -> None:
    long = " ".join(f"Sentence {number} of a long question." for number in range(60))
    study = made(studio, 0)
    with studio.store.writing() as connection:
        items.add(connection, [NewItem(Item(study_id=study.id, number=0, text=long))])
    page = opened(visit, study, viewport={"width": width, "height": 844})
    button = page.locator(".question button")
    button.click()
    words = page.locator(".question .words")
    picture(page, f"desk-question-{width}")
    if width == 390:  # the page scrolls, and nothing is cut
        assert words.evaluate("each => each.scrollHeight <= each.clientHeight")
    else:  # it scrolls in itself, with a shade that says so
        assert "linear-gradient" in words.evaluate("e => getComputedStyle(e).backgroundImage")
    expect(page.locator(".arms")).to_be_visible()
    button.click()
    expect(words).to_have_css("-webkit-line-clamp", "2")


def test_the_end_has_the_code_and_looks_again(visit: Visit, studio: Studio) -> None:
    study = made(studio, 1, completion_code="MARS-17")
    page = opened(visit, study)
    page.keyboard.press("1")
    page.wait_for_selector(".compare[data-phase=voted]")
    page.keyboard.press("n")
    expect(page.get_by_text("MARS-17")).to_be_visible()
    expect(page.locator(".vote")).to_be_hidden()
    with studio.store.writing() as connection:
        items.add(connection, [NewItem(Item(study_id=study.id, number=0, text="One more?"))])
    page.get_by_role("button", name="Look again").click()
    expect(page.locator(".question .words")).to_have_text("One more?")
    page.get_by_role("link", name="Leave it for now").click()
    expect(page.get_by_role("heading", name="Studies")).to_be_visible()


def test_a_study_that_rests_says_so(visit: Visit, studio: Studio) -> None:
    study = made(studio, 1)
    with studio.store.writing() as connection:
        studies.change(connection, study.id, status=StudyStatus.PAUSED)
    visit.expect("status of 409")
    page = visit(f"/?study={study.id}")
    expect(page.get_by_role("alert").filter(has_text="rests just now")).to_be_visible()


def test_free_questions_go_on_beside_it(visit: Visit, studio: Studio, ask: Any) -> None:
    study = made(studio, 1)
    opened(visit, study)
    page = visit()
    page.wait_for_selector(
        ".compare[data-live][data-phase=empty]"
    )  # the item is not brought back here
    ask(page, "Which language do people speak in Brazil?")
    page = opened(visit, study)
    question(page, 0)


@pytest.mark.parametrize(("width", "height"), [(1360, 860), (390, 780), (640, 360)])
def test_it_fits_and_breaks_no_rule(width: int, height: int, visit: Visit, studio: Studio) -> None:
    page = opened(visit, made(studio, 2), viewport={"width": width, "height": height})
    picture(page, f"desk-open-{width}")
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("1")
    page.wait_for_selector(".compare[data-phase=voted]")
    picture(page, f"desk-voted-{width}")
    check(page)
    page.keyboard.press("n")
    question(page, 1)
    page.keyboard.press("1")
    page.wait_for_selector(".compare[data-phase=voted]")
    page.keyboard.press("n")
    expect(page.get_by_text("That was all for now")).to_be_visible()
    picture(page, f"desk-end-{width}")
    check(page)


def test_the_next_item_comes_by_itself_where_that_is_wished(visit: Visit, studio: Studio) -> None:
    visit.alone()
    study = made(studio, 4)
    page = opened(visit, study)
    page.get_by_label("Go on by itself").check()
    page.keyboard.press("1")
    question(page, 1)
    page.keyboard.press("2")
    page.keyboard.press("u")  # taken back in time: it waits
    expect(page.locator(".choices")).to_be_visible()
    page.keyboard.press("t")
    question(page, 2)
    page.reload()
    page.wait_for_selector(".compare[data-live][data-phase=open]")
    expect(page.get_by_label("Go on by itself")).to_be_checked()
    page.keyboard.press("s")  # whoever passes it over may say why
    page.get_by_role("button", name="cannot judge").click()
    page.keyboard.press("n")
    question(page, 3)
    page.get_by_label("Go on by itself").uncheck()
    page.keyboard.press("3")
    page.wait_for_selector(".compare[data-phase=voted]")
    expect(page.get_by_text("Recorded:")).to_be_visible()
    page.wait_for_timeout(1_500)  # longer than it would take
    question(page, 3)
    states = [each.state for each in given(studio, study)]
    assert states == ["done", "done", "skipped", "done"]


def test_why_an_item_is_passed_over_is_kept_with_it(visit: Visit, studio: Studio) -> None:
    study = made(studio, 2)
    page = opened(visit, study)
    page.keyboard.press("s")
    page.get_by_role("button", name="unclear question").click()
    why = page.get_by_role("button", name="cannot judge")
    why.click()
    expect(why).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="unclear question")).to_have_attribute(
        "aria-pressed", "false"
    )
    check(page, ".vote")
    page.keyboard.press("n")
    question(page, 1)
    (first, _) = given(studio, study)
    votes = [
        each.payload for each in studio.signals(str(first.query_id)) if each.kind is SignalKind.VOTE
    ]
    assert [each.get("reason", "") for each in votes] == ["", "unclear question", "cannot judge"]
    assert {each["choice"] for each in votes} == {"skip"}
    assert SignalKind.CRITIQUE not in studio.kinds(str(first.query_id))


def test_an_answer_that_says_whose_it_is_is_told_of(visit: Visit, studio: Studio) -> None:
    study = made(studio, 2, answers=2)
    with studio.store.writing() as connection:
        (first, _) = items.of_study(connection, study.id)
        telling = Prepared(
            item_id=first.id,
            version_id=versions.known_as(connection, "model 3"),
            came_with_item=True,
            text="I am ChatGPT, and I do not know.",
        )
        assert items.prepare(connection, telling)
    page = opened(visit, study)
    notice = page.get_by_text("An answer here says whose it is.")
    expect(notice).to_be_visible()
    check(page, "[data-says-names]")
    page.keyboard.press("1")
    page.wait_for_selector(".compare[data-phase=voted]")
    page.keyboard.press("Enter")
    question(page, 1)
    expect(notice).to_be_hidden()


def test_a_slash_goes_to_the_question_and_is_not_written(visit: Visit) -> None:
    page = visit()
    page.locator(".query").focus()
    page.keyboard.press("/")
    expect(page.locator(".query")).to_have_value("")
    page.keyboard.type("1/2?")
    expect(page.locator(".query")).to_have_value("1/2?")


@pytest.mark.parametrize("named", ["not-an-id", "../me", "00000000-0000-4000-8000-00000000abcd"])
def test_a_study_that_is_not_there_is_told_with_where_to_go_on(visit: Visit, named: str) -> None:
    visit.expect("status of 422" if len(named) < 36 else "status of 404")
    page = visit(f"/?study={named}")
    expect(page.get_by_role("heading", name="There is no such study")).to_be_visible()
    expect(page.locator(".finished p").first).to_contain_text("give you the right link")
    expect(page.locator(".composer")).to_be_hidden()
    expect(page.locator(".desk")).to_be_hidden()
    check(page)
    expect(page.get_by_role("link", name="All studies")).to_have_attribute("href", "/studies")
    page.get_by_role("link", name="Ask what you like").click()
    page.wait_for_selector(".compare[data-live][data-phase=empty]")
    expect(page.locator(".composer")).to_be_visible()


def test_the_page_of_a_study_that_is_not_there_is_a_page(visit: Visit) -> None:
    visit.expect("status of 404")
    page = visit("/studies/nonsense")
    expect(page.get_by_role("heading", name="There is no such study")).to_be_visible()
    check(page)
    page.get_by_role("link", name="All studies").click()
    page.wait_for_url("**/studies")


GUIDE = "| Say | Mean |\n| --- | --- |\n| best | most useful |\n\n- [x] Read all\n- [ ] Guess"


def test_guidelines_have_tables_and_tasks_and_close_on_a_phone(
    visit: Visit, studio: Studio
) -> None:
    study = made(studio, 1, guidelines=GUIDE)
    page = visit(f"/?study={study.id}", viewport={"width": 390, "height": 844})
    colour = "element => getComputedStyle(element).color"
    align = "element => getComputedStyle(element).textAlign"
    first = page.locator(".briefing [data-words]")
    expect(first.locator("li")).to_have_text(["\u2611 Read all", "\u2610 Guess"])
    assert first.locator("th").first.evaluate(align) == "start"
    as_first = first.locator("li").first.evaluate(colour)
    page.get_by_role("button", name="Begin").click()
    question(page, 0)
    page.keyboard.press("h")
    later = page.locator("#guidelines [data-words]")
    expect(later.locator("th")).to_have_count(2)
    assert later.locator("th").first.evaluate(align) == "start"
    assert later.locator("li").first.evaluate(colour) == as_first
    picture(page, "guidelines-phone")
    for name in ("guidelines", "earlier"):
        if name == "earlier":
            page.keyboard.press("z")
        popover = page.locator(f"#{name}")
        popover.get_by_role("button", name="Close").click()
        expect(popover).to_be_hidden()


@pytest.mark.parametrize("path", ["/work", "/you", "/people", "/audit", "/join", "/sign-in"])
def test_where_there_are_no_accounts_their_pages_say_so(visit: Visit, path: str) -> None:
    visit.expect("status of 404")
    page = visit(path)
    expect(page.get_by_role("heading", name="There are no accounts here")).to_be_visible()
    expect(page.get_by_text("each browser as somebody of its own")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Back to Compare").click()
    page.wait_for_selector(".compare[data-live]")
