"""What a study asks of a comparison, in a real browser: every format by mouse, by keys alone and on a phone.

Each time the signals are in the store, and the item is done, by what was pressed and nothing else.
"""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from app.store import AssignmentState, Prepared, Study, items
from rlhb_core.schema.signals import KINDS, Signal, SignalKind
from tests.browser.conftest import THREE, Studio, Visit
from tests.browser.test_axe import check
from tests.browser.test_desk import given, made, opened, question
from tests.browser.test_keys import sent
from tests.browser.test_runs_pages import picture

pytestmark = pytest.mark.browser

WORDS = ["not at all", "hardly", "partly", "mostly", "entirely"]
ASPECTS = [{"name": "clear", "anchors": WORDS}, {"name": "kind", "weight": 0.5}]
ALL: dict[str, Any] = {
    "formats": ["best", "strength", "ranking", "ratings", "binary", "critique"],
    "aspects": ASPECTS,
    "reasons": ["right", "rude"],
}
PHONE: dict[str, Any] = {"width": 390, "height": 844}
SIZES = {"wide": (1360, 900), "narrow": (390, 844), "zoomed": (640, 360)}


def entered(visit: Visit, study: Study, **looks: Any) -> Page:
    page = visit(f"/?study={study.id}", **looks)
    page.wait_for_selector(".compare[data-live]:is([data-phase=open], [data-phase=voted])")
    return page


def on_phone(visit: Visit, study: Study) -> Page:
    """A phone: fingers, a narrow window, another person."""
    context = visit.new_person(viewport=PHONE, has_touch=True, is_mobile=True)
    page = visit(f"/?study={study.id}", context=context)
    page.wait_for_selector(".compare[data-live]:is([data-phase=open], [data-phase=voted])")
    return page


def said(studio: Studio, study: Study, page: Page, number: int = 0) -> list[Signal]:
    """What was said on purpose of the item of this number, once the server has it, as it stands: the last of each."""
    sent(page)
    last: dict[tuple[Any, ...], Signal] = {}
    for signal in studio.signals(str(given(studio, study)[number].query_id)):
        if KINDS[signal.kind].explicit:
            what = "outcome" if KINDS[signal.kind].decides else signal.kind
            key = (what, signal.response_id, signal.payload.get("aspect"))
            last.pop(key, None)
            last[key] = signal
    return list(last.values())


def outcome(studio: Studio, study: Study, page: Page, number: int = 0) -> dict[str, Any]:
    """The payload of the vote or ranking that counts, with letters for answers."""
    (found,) = [each for each in said(studio, study, page, number) if KINDS[each.kind].decides]
    told: dict[str, Any] = lettered(page, found.payload)
    return told


def lettered(page: Page, payload: Any) -> Any:
    """The same with the letters of answers in place of their ids."""
    ids = {
        panel.get_attribute("data-response"): panel.get_attribute("data-letter")
        for panel in page.locator(".answer").all()
    }
    if isinstance(payload, list):
        return [lettered(page, each) for each in payload]
    if isinstance(payload, dict):
        return {name: lettered(page, each) for name, each in payload.items() if each is not None}
    return ids.get(payload, payload)


def about(page: Page, signals: list[Signal], kind: str) -> list[tuple[Any, dict[str, Any]]]:
    """What the signals of a kind say, each with the letter of its answer, by letter."""
    found = [
        (lettered(page, str(each.response_id)), each.payload)
        for each in signals
        if each.kind == kind
    ]
    return sorted(found, key=lambda each: (each[0], str(each[1])))


def state(studio: Studio, study: Study, page: Page) -> AssignmentState:
    sent(page)
    return given(studio, study)[0].state


def done(studio: Studio, study: Study, page: Page, number: int = 0) -> None:
    """The page lets go on, and so the server says that the item is done."""
    expect(page.locator(".lacking")).to_have_text("All is said.")
    page.get_by_role("button", name="Next item").click()
    question(page, number + 1)
    assert given(studio, study)[number].state == "done"


def chip(page: Page, letter: str) -> Locator:
    return page.locator(".of-order [data-chip]").filter(has_text=re.compile(f"^{letter}"))


def places(page: Page) -> list[str]:
    """What the order looks like: "A", "BC" ..."""
    found = page.locator(".places .place").all()
    return [re.sub(r"[^ABC]", "", each.inner_text()) for each in found]


def points(page: Page, aspect: str, letter: str) -> Locator:
    return page.get_by_role("radiogroup", name=f"{aspect}, answer {letter}")


# --- strength ---------------------------------------------------------------------------------------


def test_strength_by_mouse(visit: Visit, studio: Studio) -> None:
    study = made(studio, 2, formats=["best", "strength"])
    page = entered(visit, study)
    expect(page.get_by_role("button", name="slightly better")).to_be_hidden()
    page.get_by_role("button", name="B is best").click()
    expect(page.locator(".lacking")).to_have_text("Still to say: how much better B is.")
    assert state(studio, study, page) == "shown"
    page.get_by_role("button", name="Next item").click()
    expect(page.get_by_role("button", name="slightly better")).to_be_focused()
    for strength, name in enumerate(("slightly", "clearly", "much"), 1):
        page.get_by_role("button", name=f"{name} better").click()
        wanted = {"choice": "best", "best": "B", "early": False, "strength": strength}
        assert outcome(studio, study, page) == wanted
    expect(page.get_by_role("button", name="much better")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.get_by_role("button", name="A is best")).to_be_visible()
    assert given(studio, study)[0].state == "done"


def test_strength_takes_one_more_key_and_undo_takes_it_along(visit: Visit, studio: Studio) -> None:
    study = made(studio, 2, formats=["best", "strength"])
    page = entered(visit, study)
    page.keyboard.press("1")
    page.keyboard.press("3")
    assert outcome(studio, study, page)["strength"] == 3
    page.keyboard.press("u")
    expect(page.get_by_role("button", name="A is best")).to_be_visible()
    assert outcome(studio, study, page)["choice"] == "withdrawn"
    assert state(studio, study, page) == "shown"
    page.keyboard.press("t")
    expect(page.locator(".lacking")).to_have_text("All is said.")
    expect(page.locator(".strength")).to_be_hidden()
    page.keyboard.press("u")
    page.keyboard.press("2")
    page.keyboard.press("1")
    assert outcome(studio, study, page)["strength"] == 1
    page.keyboard.press("Enter")
    question(page, 1)
    assert given(studio, study)[0].state == "done"


def test_a_second_tap_on_the_vote_says_nothing_of_how_much_better(
    visit: Visit, studio: Studio
) -> None:
    study = made(studio, 2, formats=["best", "strength"])
    page = on_phone(visit, study)
    vote, slightly = page.locator("[data-position='0']"), page.locator(".of-three button").first
    vote.tap()
    box = slightly.bounding_box()
    assert box
    page.locator("body").press("u")
    expect(slightly).to_be_hidden()
    vote.tap()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.get_by_text("That was not recorded: how much better")).to_be_visible()
    expect(slightly).to_have_attribute("aria-pressed", "false")
    slightly.tap()  # once it is seen
    assert outcome(studio, study, page)["strength"] == 1
    expect(page.get_by_text("That was not recorded")).to_be_hidden()


def test_enter_twice_after_a_vote_says_nothing_of_how_much_better(
    visit: Visit, studio: Studio
) -> None:
    study = made(studio, 2, formats=["best", "strength"])
    page = entered(visit, study)
    page.keyboard.press("3")
    slightly = page.get_by_role("button", name="slightly better")
    slightly.evaluate("button => button.addEventListener('focus', () => button.click())")
    page.keyboard.press("Enter")  # leads there, and the second one is there with it
    expect(page.get_by_text("That was not recorded: how much better")).to_be_visible()
    assert "strength" not in outcome(studio, study, page)
    page.keyboard.press("2")
    assert outcome(studio, study, page)["strength"] == 2


def test_backspace_after_points_takes_nothing_back(visit: Visit, studio: Studio) -> None:
    study = made(studio, 1, formats=["best", "ratings"], aspects=ASPECTS[:1])
    page = entered(visit, study)
    for key in ("1", "4", "Backspace"):
        page.keyboard.press(key)
    expect(page.get_by_text("Other points take another digit")).to_be_visible()
    assert outcome(studio, study, page)["choice"] == "best"


def test_digits_say_what_they_do_and_a_key_leads_back_to_the_vote(
    visit: Visit, studio: Studio
) -> None:
    study = made(studio, 1, formats=["best", "strength", "ratings"], aspects=ASPECTS[:1])
    page = entered(visit, study)
    current = page.locator(".asked [data-current]:visible")
    expect(page.locator(".choices kbd").first).to_be_visible()
    expect(current).to_have_count(0)
    page.keyboard.press("1")
    expect(current).to_have_class(re.compile("strength"))
    expect(page.locator(".of-three kbd")).to_have_text(["1", "2", "3"])
    page.keyboard.press("2")
    expect(page.locator(".of-three kbd:visible")).to_have_count(0)
    page.locator(".question").focus()
    expect(page.locator(".cell[data-current]")).to_have_count(1)  # which a digit rates now
    strength = page.locator(".of-three [aria-pressed=true]")
    expect(strength).to_contain_text("clearly better")
    page.keyboard.press("Backspace")  # takes back what was said last, and nothing else
    expect(strength).to_have_count(0)
    expect(page.locator(".result .said")).to_contain_text("A is best")
    assert "strength" not in outcome(studio, study, page)
    for back in ("Backspace", "u"):
        page.keyboard.press(back)
        expect(page.locator(".choices")).to_be_visible()
        page.keyboard.press("3")
        expect(page.locator(".result .said")).to_contain_text("C is best")
    assert outcome(studio, study, page)["best"] == "C"


def test_a_digit_that_comes_after_the_key_for_next_changes_nothing(
    visit: Visit, studio: Studio
) -> None:
    visit.alone()
    study = made(studio, 2, formats=["best", "strength"])
    page = entered(visit, study)
    held: list[Route] = []
    page.route("**/next", lambda route: held.append(route))
    page.keyboard.press("1")
    page.keyboard.press("2")
    expect(page.locator(".lacking")).to_have_text("All is said.")
    with page.expect_request("**/next"):
        page.keyboard.press("n")
    page.keyboard.press("3")  # meant for the next one, which is still on its way
    expect(page.get_by_text("That was not recorded: the next item was still on")).to_be_visible()
    expect(page.get_by_role("button", name="clearly better")).to_have_attribute(
        "aria-pressed", "true"
    )
    held[0].continue_()
    question(page, 1)
    assert outcome(studio, study, page)["strength"] == 2


def test_thirty_votes_with_strength_by_keys(visit: Visit, studio: Studio) -> None:
    study = made(studio, 30, formats=["best", "strength"])
    page = entered(visit, study)
    for number in range(30):
        question(page, number)
        page.keyboard.press(str(number % 3 + 1))
        page.keyboard.press(str(number % 3 + 1))
        page.keyboard.press("Enter")
    expect(page.get_by_text("You have done all that there was for you here.")).to_be_visible()
    assert [each.state for each in given(studio, study)] == ["done"] * 30


# --- ranking ----------------------------------------------------------------------------------------


def test_a_ranking_by_clicks_and_its_buttons(visit: Visit, studio: Studio) -> None:
    study = made(studio, 2, formats=["ranking"])
    page = entered(visit, study)
    expect(page.get_by_role("button", name="A is best")).to_be_hidden()
    expect(page.locator(".lacking")).to_have_text("Still to say: the order of the answers.")
    for letter in "CAB":
        chip(page, letter).click()
    assert places(page) == ["C", "A", "B"]
    assert outcome(studio, study, page) == {"order": [["C"], ["A"], ["B"]]}
    page.get_by_role("button", name="Same place").click()
    assert places(page) == ["C", "AB"]
    assert outcome(studio, study, page) == {"order": [["C"], ["A", "B"]]}
    page.get_by_role("button", name="Same place").click()
    assert places(page) == ["C", "A", "B"]
    page.get_by_role("button", name="Take back").click()
    assert outcome(studio, study, page)["choice"] == "withdrawn"
    assert state(studio, study, page) == "shown"
    expect(page.locator(".lacking")).to_have_text("Still to say: the place of B.")
    page.get_by_role("button", name="All bad").click()
    expect(page.locator(".lacking")).to_have_text("All is said.")
    expect(page.locator(".ranking")).to_be_hidden()
    assert outcome(studio, study, page)["choice"] == "all_bad"
    page.get_by_role("button", name="Undo").click()
    for letter in "BCA":
        chip(page, letter).click()
    chip(page, "C").click()  # gives its place back
    assert places(page) == ["B", "A"]
    chip(page, "C").click()
    assert outcome(studio, study, page) == {"order": [["B"], ["A"], ["C"]]}
    done(studio, study, page)


def test_a_ranking_by_keys(visit: Visit, studio: Studio) -> None:
    study = made(studio, 2, formats=["ranking"])
    page = entered(visit, study)
    page.keyboard.press("n")
    expect(chip(page, "A")).to_be_focused()  # it is said what is missing
    for key in ("2", "3", "t", "1"):
        page.keyboard.press(key)
    assert places(page) == ["BC", "A"]
    expect(page.locator("[data-says]")).to_have_text(
        re.compile("B and C share the first place; A is second|All is said")
    )
    assert outcome(studio, study, page) == {"order": [["B", "C"], ["A"]]}
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    assert places(page) == ["B"]
    page.keyboard.press("1")
    page.keyboard.press("3")
    chip(page, "C").focus()
    page.keyboard.press("ArrowLeft")
    assert places(page) == ["B", "AC"]
    expect(chip(page, "C")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    assert places(page) == ["B", "C", "A"]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert places(page) == ["B", "A", "C"]
    page.keyboard.press("u")  # all of it
    assert places(page) == []
    for key in "312":
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    question(page, 1)
    assert given(studio, study)[0].state == "done"
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    expect(page.get_by_text("That was all for now")).to_be_visible()
    assert given(studio, study)[1].state == "skipped"


def drag(page: Page, letter: str, to: Locator, share: float) -> None:
    """With the mouse, to a share of the width of something."""
    start, end = chip(page, letter).bounding_box(), to.bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    y = end["y"] + end["height"] / 2
    page.mouse.move(end["x"] + end["width"] * share + 1, y, steps=4)
    page.mouse.move(end["x"] + end["width"] * share, y)
    page.mouse.up()


def test_a_ranking_is_dragged(visit: Visit, studio: Studio) -> None:
    study = made(studio, 1, formats=["ranking"])
    page = entered(visit, study)
    drag(page, "B", page.locator(".of-order"), 0.6)
    assert places(page) == ["B"]
    drag(page, "A", page.locator(".place"), 0.05)
    assert places(page) == ["A", "B"]
    drag(page, "C", page.locator(".place").nth(1), 0.5)
    assert places(page) == ["A", "BC"]
    assert outcome(studio, study, page) == {"order": [["A"], ["B", "C"]]}
    drag(page, "B", page.locator(".place").nth(0), 0.02)
    assert places(page) == ["B", "A", "C"]
    drag(page, "B", page.locator(".place").nth(2), 0.98)
    assert places(page) == ["A", "C", "B"]
    drag(page, "A", page.locator(".question"), 0.5)  # dropped nowhere
    assert places(page) == ["A", "C", "B"]
    assert outcome(studio, study, page) == {"order": [["A"], ["C"], ["B"]]}


# --- each answer alone --------------------------------------------------------------------------------


def test_ratings_by_mouse(visit: Visit, studio: Studio) -> None:
    study = made(studio, 2, formats=["ratings"], aspects=ASPECTS)
    page = entered(visit, study)
    missing = page.locator(".lacking")
    expect(missing).to_have_text("Still to say: ratings of A; ratings of B; and 1 more.")
    for letter, value in zip("ABC", (5, 1, 3), strict=True):
        for aspect in ("clear", "kind"):
            points(page, aspect, letter).get_by_text(str(value), exact=True).click()
    expect(page.locator(".of-answer").nth(0)).to_contain_text("entirely")
    expect(page.get_by_role("radio", name="5, entirely").first).to_be_checked()
    points(page, "clear", "B").get_by_text("2", exact=True).click()
    rated = about(page, said(studio, study, page), "rate")
    assert rated == [
        ("A", {"aspect": "clear", "value": 5}),
        ("A", {"aspect": "kind", "value": 5}),
        ("B", {"aspect": "clear", "value": 2}),
        ("B", {"aspect": "kind", "value": 1}),
        ("C", {"aspect": "clear", "value": 3}),
        ("C", {"aspect": "kind", "value": 3}),
    ]
    done(studio, study, page)


def test_ratings_by_keys_are_one_key_each(visit: Visit, studio: Studio) -> None:
    study = made(studio, 3, formats=["ratings"], aspects=ASPECTS)
    page = entered(visit, study)
    for key in "43521":
        page.keyboard.press(key)
    expect(page.locator(".lacking")).to_have_text("Still to say: ratings of C in kind.")
    page.keyboard.press("a")
    page.keyboard.press("n")
    expect(points(page, "kind", "C").get_by_role("radio").first).to_be_focused()
    page.keyboard.press("5")
    expect(page.get_by_role("button", name="Next item")).to_be_focused()
    rated = [
        (letter, each["aspect"], each["value"])
        for letter, each in about(page, said(studio, study, page), "rate")
    ]
    assert rated == [
        ("A", "clear", 4),
        ("A", "kind", 3),
        ("B", "clear", 5),
        ("B", "kind", 2),
        ("C", "clear", 1),
        ("C", "kind", 5),
    ]
    page.keyboard.press("Enter")
    question(page, 1)
    assert given(studio, study)[0].state == "done"
    # of the answer that one reads, and by arrows
    page.keyboard.press("b")
    page.keyboard.press("4")
    page.keyboard.press("ArrowRight")
    expect(points(page, "clear", "B").get_by_role("radio", name="4, mostly")).to_be_checked()
    page.keyboard.press("ArrowRight")
    assert about(page, said(studio, study, page, 1), "rate")[0][0] == "B"
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    question(page, 2)
    assert given(studio, study)[1].state == "skipped"


def test_good_or_bad_by_mouse(visit: Visit, studio: Studio) -> None:
    study = made(studio, 2, formats=["binary"])
    page = entered(visit, study)
    page.get_by_role("button", name="Good (answer A)").click()
    page.get_by_role("button", name="Bad (answer B)").click()
    expect(page.locator(".lacking")).to_have_text("Still to say: whether C is good or bad.")
    # the same marks as on the answers' own cards, which are called so here
    card = page.locator(".answer").nth(2)
    expect(page.locator(".answer .acts").nth(0).get_by_text("Good")).to_have_attribute(
        "aria-pressed", "true"
    )
    card.get_by_role("button", name="Bad").click()
    expect(page.get_by_role("button", name="Bad (answer C)")).to_have_attribute(
        "aria-pressed", "true"
    )
    signals = said(studio, study, page)
    assert [letter for letter, _ in about(page, signals, "like")] == ["A"]
    assert [letter for letter, _ in about(page, signals, "dislike")] == ["B", "C"]
    page.get_by_role("button", name="Bad (answer C)").click()  # taken back
    expect(page.locator(".lacking")).to_have_text("Still to say: whether C is good or bad.")
    assert state(studio, study, page) == "shown"
    page.get_by_role("button", name="Good (answer C)").click()
    done(studio, study, page)


def test_good_or_bad_is_one_key_each(visit: Visit, studio: Studio) -> None:
    study = made(studio, 2, formats=["binary"])
    page = entered(visit, study)
    for key in "ldl":
        page.keyboard.press(key)
    signals = said(studio, study, page)
    assert [letter for letter, _ in about(page, signals, "like")] == ["A", "C"]
    assert [letter for letter, _ in about(page, signals, "dislike")] == ["B"]
    page.keyboard.press("Enter")
    question(page, 1)
    page.keyboard.press("c")
    page.keyboard.press("d")
    expect(page.get_by_role("button", name="Bad (answer C)")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_in_words_by_mouse_and_keys(visit: Visit, studio: Studio) -> None:
    study = made(studio, 2, formats=["critique"], reasons=["right", "rude"])
    page = entered(visit, study)
    expect(page.locator(".lacking")).to_have_text("Say what there is to say, or skip it.")
    page.get_by_role("button", name="rude, answer B").click()
    page.get_by_role("button", name="right, answer B").click()
    page.get_by_role("button", name="rude, answer B").click()
    page.keyboard.press("a")
    page.keyboard.press("i")
    line = page.get_by_label("In words, answer A")
    expect(line).to_be_focused()
    page.keyboard.type("It is 1 short")
    column = page.locator(".of-answer").first
    expect(column).to_contain_text("Not saved yet")
    page.keyboard.press("Enter")
    expect(column).to_contain_text("Saved")
    found = about(page, said(studio, study, page), "critique")
    assert found == [
        ("A", {"text": "It is 1 short", "tags": []}),
        ("B", {"text": "", "tags": ["right"]}),
    ]
    page.keyboard.press("Enter")
    question(page, 1)
    assert given(studio, study)[0].state == "done"


def test_what_is_being_written_survives_a_refresh(visit: Visit, studio: Studio) -> None:
    study = made(studio, 1, formats=["best", "critique"])
    page = entered(visit, study)
    page.keyboard.press("i")
    page.keyboard.type("Half a thought")
    page.reload()  # it is saved as one leaves
    expect(page.get_by_label("In words, answer A")).to_have_value("Half a thought")
    page.keyboard.press("i")
    page.keyboard.press("End")
    page.keyboard.type(", and a draft")
    draft = page.evaluate("({ ...sessionStorage })")
    assert "Half a thought, and a draft" in draft.values()
    page.get_by_role("link", name="Leave it for now").focus()
    found = about(page, said(studio, study, page), "critique")
    assert found == [("A", {"text": "Half a thought, and a draft", "tags": []})]
    assert "Half a thought, and a draft" not in page.evaluate("({ ...sessionStorage })").values()


def test_words_and_a_comment_elsewhere_are_one(visit: Visit, studio: Studio) -> None:
    study = made(studio, 1, formats=["critique"])
    page = entered(visit, study)
    page.get_by_role("button", name="wrong, answer A").click()
    page.locator(".answer").first.get_by_role("button", name="More").click()
    page.get_by_label("Comment on answer A").fill("From the menu")
    page.keyboard.press("Enter")
    expect(page.get_by_label("In words, answer A")).to_have_value("From the menu")
    found = about(page, said(studio, study, page), "critique")
    assert found == [("A", {"text": "From the menu", "tags": ["wrong"]})]


def test_reasons_have_digits_and_none_is_out_of_sight(visit: Visit, studio: Studio) -> None:
    reasons = ["right", "rude", "much too long", "beside the point", "not in my language", "sixth"]
    study = made(studio, 1, formats=["best", "critique"], reasons=reasons)
    page = entered(visit, study)
    expect(page.locator(".reasons kbd:visible")).to_have_count(0)
    assert page.locator(".reasons").first.evaluate("row => row.scrollWidth <= row.clientWidth")
    page.keyboard.press("b")
    page.keyboard.press("i")
    page.keyboard.type("2 of 3")  # where one writes, digits are digits
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="right, answer B")).to_be_focused()
    expect(page.locator(".reasons kbd:visible")).to_have_text(["1", "2", "3", "4", "5", "6"])
    page.keyboard.press("6")
    page.keyboard.press("2")
    page.keyboard.press("2")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("In words, answer B")).to_be_focused()
    found = about(page, said(studio, study, page), "critique")
    assert found == [("B", {"text": "2 of 3", "tags": ["sixth"]})]
    expect(page.locator(".choices")).to_be_visible()  # none of them was a vote
    page.locator(".of-answer").first.get_by_role("button", name="sixth").click()
    expect(page.get_by_role("button", name="sixth, answer A")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_what_points_mean_is_there_before_one_is_chosen(visit: Visit, studio: Studio) -> None:
    study = made(studio, 1, formats=["ratings"], aspects=ASPECTS)
    page = entered(visit, study)
    scale = page.locator(".rating").first
    told = scale.locator(".at-point")
    expect(scale.locator(".ends")).to_have_text("1 not at all, 5 entirely")
    expect(page.locator(".rating .ends").nth(1)).to_have_text("1 worst, 5 best")
    points(page, "clear", "A").get_by_text("4", exact=True).hover()
    expect(told).to_have_text("mostly")
    page.locator(".question").hover()
    expect(told).to_have_text("")
    page.get_by_role("radio", name="1, not at all").first.focus()
    page.keyboard.press("ArrowRight")  # it is chosen, and has the focus
    expect(told).to_have_text("hardly")
    points(page, "clear", "A").get_by_text("5", exact=True).hover()
    expect(told).to_have_text("entirely")
    expect(scale.locator(".ends")).to_be_visible()


# --- all at once --------------------------------------------------------------------------------------


def test_all_at_once_by_keys_alone(visit: Visit, studio: Studio) -> None:
    study = made(studio, 2, **ALL)
    page = entered(visit, study)
    for key in ("2", "3", "1", "3", "4", "4", "5", "5", "1", "2", "l", "l", "d", "i"):
        page.keyboard.press(key)
    page.keyboard.type("Fine")
    page.keyboard.press("Enter")
    signals = said(studio, study, page)
    kinds = [each.kind for each in signals]
    assert kinds.count(SignalKind.RATE) == 6
    assert (kinds.count(SignalKind.LIKE), kinds.count(SignalKind.DISLIKE)) == (2, 1)
    assert outcome(studio, study, page) == {"order": [["B"], ["A"], ["C"]]}
    votes = [
        each.payload
        for each in studio.signals(str(given(studio, study)[0].query_id))
        if each.kind is SignalKind.VOTE
    ]
    assert lettered(page, votes[-1])["best"] == "B"
    assert votes[-1]["strength"] == 3
    page.keyboard.press("Enter")
    question(page, 1)
    assert given(studio, study)[0].state == "done"


def test_a_refresh_brings_all_of_it_back(visit: Visit, studio: Studio) -> None:
    study = made(studio, 2, **ALL)
    page = entered(visit, study)
    for key in ("2", "3", "1", "3", "4", "4", "5", "5", "1", "a", "l", "b", "d", "c", "l"):
        page.keyboard.press(key)
    page.get_by_role("button", name="rude, answer C").click()
    page.get_by_label("In words, answer B").fill("Not left yet")
    told = page.locator(".lacking").inner_text()
    assert told == "Still to say: ratings of C in kind."
    page.reload()
    expect(page.locator(".result .said")).to_contain_text("B is best")
    expect(page.get_by_role("button", name="much better")).to_have_attribute("aria-pressed", "true")
    assert places(page) == ["B", "A", "C"]
    for aspect, letter, value in (("clear", "A", 4), ("kind", "B", 5), ("clear", "C", 1)):
        expect(points(page, aspect, letter).locator(f"[value='{value}']")).to_be_checked()
    expect(page.get_by_role("button", name="Bad (answer B)")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.get_by_role("button", name="rude, answer C")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.get_by_label("In words, answer B")).to_have_value("Not left yet")
    expect(page.locator(".lacking")).to_have_text(told)
    page.get_by_role("button", name="clearly better").click()  # still to be changed
    page.keyboard.press("5")
    done(studio, study, page)


def test_a_tie_is_a_ranking_of_one_place_and_skipping_is_possible_at_any_time(
    visit: Visit, studio: Studio
) -> None:
    study = made(studio, 2, formats=["best", "strength", "ranking", "binary"])
    page = entered(visit, study)
    page.keyboard.press("t")
    assert places(page) == ["ABC"]
    assert outcome(studio, study, page) == {"order": [["A", "B", "C"]]}
    expect(page.get_by_role("button", name="Same place")).to_be_disabled()
    page.keyboard.press("u")
    expect(page.locator(".ranking")).to_be_hidden()  # the best one first
    assert outcome(studio, study, page)["choice"] == "withdrawn"
    page.keyboard.press("1")
    page.keyboard.press("1")
    assert places(page) == ["A"]
    page.get_by_role("button", name="Skip").click()
    expect(page.locator(".lacking")).to_have_text("Skipped.")
    expect(page.locator(".alone")).to_be_hidden()
    assert outcome(studio, study, page)["choice"] == "skip"
    page.get_by_role("button", name="Undo").click()
    page.keyboard.press("2")
    expect(page.locator(".result .said")).to_contain_text("B is best")
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    question(page, 1)
    assert given(studio, study)[0].state == "skipped"


def test_without_a_connection_nothing_is_lost(visit: Visit, studio: Studio) -> None:
    visit.expect("ERR_INTERNET_DISCONNECTED")
    context = visit.alone()
    study = made(studio, 2, formats=["ranking", "ratings", "binary"], aspects=ASPECTS[:1])
    page = entered(visit, study)
    context.set_offline(True)
    for key in ("3", "1", "2", "4", "4", "4", "l", "d", "d"):
        page.keyboard.press(key)
    expect(page.locator(".lacking")).to_have_text("All is said.")
    page.keyboard.press("n")
    expect(page.get_by_text("What you do is saved here and will be sent.")).to_be_visible()
    context.set_offline(False)
    question(page, 1)
    assert given(studio, study)[0].state == "done"


# --- on a phone ---------------------------------------------------------------------------------------


def test_all_at_once_on_a_phone(visit: Visit, studio: Studio) -> None:
    study = made(studio, 2, **ALL)
    page = on_phone(visit, study)
    page.get_by_role("button", name=re.compile("^C")).filter(has=page.locator("b")).tap()
    page.get_by_role("button", name="Open", exact=True).tap()
    page.get_by_role("button", name="clearly better").tap()
    chip(page, "B").tap()
    chip(page, "A").tap()
    page.get_by_role("button", name="Same place").tap()
    assert places(page) == ["C", "BA"]
    for letter in "ABC":
        page.locator(".pager").get_by_role("button", name=letter, exact=True).tap()
        expect(page.locator(".of-answer:visible .who")).to_have_text(letter)
        points(page, "clear", letter).get_by_text("4", exact=True).tap()
        points(page, "kind", letter).get_by_text("2", exact=True).tap()
        page.get_by_role("button", name=f"Bad (answer {letter})").tap()
        page.get_by_role("button", name=f"rude, answer {letter}").tap()
    signals = said(studio, study, page)
    assert len(about(page, signals, "rate")) == 6
    assert [payload["tags"] for _, payload in about(page, signals, "critique")] == [["rude"]] * 3
    assert outcome(studio, study, page) == {"order": [["C"], ["B", "A"]]}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    done(studio, study, page)


def test_a_card_that_asks_for_much_leaves_the_answers_the_room_on_a_phone(
    visit: Visit, studio: Studio
) -> None:
    study = made(studio, 2, **ALL)
    page = on_phone(visit, study)
    card, steps = page.locator(".vote .card"), page.locator(".asked .steps")
    height = "each => each.getBoundingClientRect().height / innerHeight"
    expect(steps).to_be_hidden()
    assert card.evaluate(height) < 0.2
    expect(page.locator(".lacking")).to_contain_text("Still to say: which answer is best")
    page.locator(".lacking").tap()
    expect(steps).to_be_visible()
    expect(page.get_by_role("button", name="Fold")).to_have_attribute("aria-expanded", "true")
    page.locator("[data-choice=best]").first.tap()
    assert card.evaluate(height) <= 0.5
    page.get_by_role("button", name="rude, answer A").scroll_into_view_if_needed()
    expect(page.get_by_role("button", name="rude, answer A")).to_be_in_viewport(ratio=1)
    check(page, ".vote")
    page.get_by_role("button", name="Fold").tap()
    expect(steps).to_be_hidden()
    page.get_by_role("button", name="Next item").tap()  # leads to what is missing
    expect(page.get_by_role("button", name="slightly better")).to_be_focused()


def test_next_brings_what_is_missing_into_view_on_a_phone(visit: Visit, studio: Studio) -> None:
    study = made(studio, 1, formats=["ratings"], aspects=ASPECTS[:1])
    page = on_phone(visit, study)
    points(page, "clear", "A").get_by_text("4", exact=True).tap()
    page.get_by_role("button", name="Next item").tap()
    expect(page.locator(".of-answer:visible .who")).to_have_text("B")
    expect(page.locator(".pager [aria-current=true]")).to_have_text("B")


@pytest.mark.parametrize("asked", ["ratings", "binary", "ranking"])
def test_each_alone_on_a_phone(asked: str, visit: Visit, studio: Studio) -> None:
    study = made(studio, 2, formats=[asked], aspects=ASPECTS[:1])
    page = on_phone(visit, study)
    for letter in "ABC":
        if asked == "ranking":
            chip(page, letter).tap()
            continue
        page.locator(".pager").get_by_role("button", name=letter, exact=True).tap()
        if asked == "ratings":
            points(page, "clear", letter).get_by_text("3", exact=True).tap()
        else:
            page.get_by_role("button", name=f"Good (answer {letter})").tap()
    done(studio, study, page)


def test_a_chip_is_dragged_by_a_finger(visit: Visit, studio: Studio) -> None:
    study = made(studio, 1, formats=["ranking"])
    page = on_phone(visit, study)
    for letter in "ABC":
        chip(page, letter).tap()
    touch = page.context.new_cdp_session(page)

    def finger(kind: str, box: Any, share: float) -> None:
        at = {"x": box["x"] + box["width"] * share, "y": box["y"] + box["height"] / 2}
        points = [] if kind == "touchEnd" else [at]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    start, end = chip(page, "C").bounding_box(), page.locator(".place").first.bounding_box()
    finger("touchStart", start, 0.5)
    for share in (0.8, 0.4, 0.05):
        finger("touchMove", end, share)
    finger("touchEnd", end, 0.05)
    assert places(page) == ["C", "A", "B"]
    assert outcome(studio, study, page) == {"order": [["C"], ["A"], ["B"]]}


# --- what is the same, what failed --------------------------------------------------------------------


def test_what_is_said_of_equal_answers_is_said_once(visit: Visit, studio: Studio) -> None:
    study = made(
        studio, 1, answers=0, formats=["ranking", "ratings", "binary"], aspects=ASPECTS[:1]
    )
    studio.serve("Owl Echo", "Magpie Echo", THREE[0])
    page = entered(visit, study)
    expect(page.locator(".answer:visible")).to_have_count(2)
    expect(page.locator(".of-answer")).to_have_count(2)
    expect(page.locator(".of-order [data-chip]")).to_have_count(2)
    for place in (1, 0):
        page.locator(".pool [data-chip]").nth(place).click()
    for key in ("5", "2", "l", "d"):
        page.keyboard.press(key)
    expect(page.locator(".lacking")).to_have_text("All is said.")
    assert state(studio, study, page) == "done"
    assert studio.kinds(str(given(studio, study)[0].query_id)).count("rate") == 2


def test_of_an_answer_that_failed_nothing_is_to_be_said(visit: Visit, studio: Studio) -> None:
    study = made(studio, 1, answers=0, formats=["ranking", "binary"])
    studio.serve("Dodo Broken", "Mole Nothing", THREE[0])
    page = entered(visit, study)
    page.wait_for_selector(".compare:not(:has(.answer[aria-busy=true]))")
    expect(page.locator(".of-order [data-chip]")).to_have_count(1)  # that can win
    expect(page.locator(".of-answer")).to_have_count(2)  # one has said nothing, which is bad
    page.locator(".of-order [data-chip]").click()
    page.keyboard.press("l")
    page.keyboard.press("d")
    expect(page.locator(".lacking")).to_have_text("All is said.")
    assert state(studio, study, page) == "done"


# --- how it looks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_it_fits_and_breaks_no_rule(size: str, visit: Visit, studio: Studio) -> None:
    width, height = SIZES[size]
    page = entered(visit, made(studio, 2, **ALL), viewport={"width": width, "height": height})
    picture(page, f"formats-open-{size}")
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for key in ("2", "3", "1", "3", "4", "4", "l"):
        page.keyboard.press(key)
    page.locator("[data-tag=rude]").first.dispatch_event("click")
    picture(page, f"formats-half-{size}")
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("asked", ["strength", "ranking", "ratings", "binary", "critique"])
def test_each_alone_fits(asked: str, visit: Visit, studio: Studio) -> None:
    formats = ["best", "strength"] if asked == "strength" else [asked]
    study = made(studio, 2, formats=formats, aspects=ASPECTS)
    page = entered(visit, study)
    if asked == "strength":
        page.keyboard.press("1")
    picture(page, f"formats-{asked}")
    check(page)


def test_of_equal_answers_the_strength_is_that_of_a_vote(visit: Visit, studio: Studio) -> None:
    study = made(studio, 1, answers=2, formats=["best", "strength"])
    with studio.store.writing() as connection:
        (item,) = items.of_study(connection, study.id)
        first = items.prepared(connection, item.id)[0]
        same = Prepared(
            item_id=item.id,
            version_id=first.version_id,
            nth=1,
            came_with_item=True,
            text=first.text,
        )
        assert items.prepare(connection, same)
    page = opened(visit, study)
    page.wait_for_selector('.arms[data-shown="2"]')
    merged = page.locator(".answer:visible").filter(has=page.locator(".badge >> nth=1"))
    expect(merged).to_have_count(1)
    letter = merged.locator(".badge").first.inner_text()
    page.keyboard.press(str("ABC".index(letter) + 1))
    expect(page.locator(".step.strength .what")).to_have_text(re.compile("^[ABC] and [ABC] are$"))
    page.keyboard.press("3")
    expect(page.locator(".lacking")).to_have_text("All is said.")
    page.keyboard.press("n")
    expect(page.get_by_text("You have done all that there was for you here.")).to_be_visible()
    (only,) = given(studio, study)
    said = [each for each in studio.signals(str(only.query_id)) if each.kind in ("vote", "rank")]
    assert [each.kind for each in said] == ["vote", "vote"], "nobody was asked for a ranking"
    assert said[-1].payload["strength"] == 3


def test_the_same_place_said_between_two_is_shared(visit: Visit, studio: Studio) -> None:
    study = made(studio, 1, formats=["ranking"])
    page = opened(visit, study)
    for key in ("2", "t", "1", "3"):
        page.keyboard.press(key)
    expect(page.locator(".lacking")).to_have_text("All is said.")
    page.keyboard.press("n")
    expect(page.get_by_text("You have done all that there was for you here.")).to_be_visible()
    (only,) = given(studio, study)
    rank = [s for s in studio.signals(str(only.query_id)) if s.kind == "rank"][-1]
    assert [len(place) for place in rank.payload["order"]] == [2, 1]
