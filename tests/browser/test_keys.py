"""Keys do what they say wherever one is, no key too many takes a vote back, and Escape leads out of everything."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from rlhb_core.schema.signals import SignalKind
from tests.browser.conftest import Studio, Visit

pytestmark = pytest.mark.browser
Ask = Callable[..., str]

CAPITAL = "What is the capital of Peru?"


def choices(studio: Studio, query_id: str) -> list[str]:
    return [s.payload["choice"] for s in studio.signals(query_id) if s.kind is SignalKind.VOTE]


def sent(page: Page) -> None:
    """Wait until the server has all that was done."""
    page.wait_for_function(
        "import('/static/signals.js').then(({ outbox }) => outbox.flush().then(() => outbox.waiting === 0))"
    )


def tab(page: Page) -> str:
    query_id: str = page.evaluate("JSON.parse(sessionStorage.getItem('rlhb.tab')).queryId")
    return query_id


TOO_MANY = (
    ("1", "Enter"),
    ("1", "Space"),
    ("1", "Enter", "Enter", "Enter"),
    ("1", "Space", "Space", "Space"),
    ("1", "1", "Enter", "Space"),
    ("t", "Enter"),
)


def test_a_key_too_many_takes_no_vote_back(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    for number, keys in enumerate(TOO_MANY):
        text = f"{number}: {CAPITAL}"
        query_id = ask(page, text)
        for key in keys:
            page.keyboard.press(key)
        # ready for the next one, with the last one as it was
        expect(page.locator(".query")).to_be_focused()
        assert page.locator(".query").input_value() == text
        sent(page)
        assert choices(studio, query_id) == ["best" if keys[0] == "1" else "tie"], keys
        assert tab(page) == query_id, keys
        expect(page.locator(".answer.revealed")).to_have_count(3)


def test_a_key_held_too_long_takes_no_vote_back(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    for key in ("1", "Enter", "Space"):
        query_id = ask(page, f"{key}: {CAPITAL}")
        if key != "1":
            page.locator('[data-choice="best"]').first.focus()
        for _ in range(6):
            page.keyboard.down(key)
        page.keyboard.up(key)
        expect(page.locator(".answer.revealed")).to_have_count(3)
        for _ in range(6):
            page.keyboard.down("Enter")
        page.keyboard.up("Enter")
        sent(page)
        assert choices(studio, query_id) == ["best"], key
        assert tab(page) == query_id, key


def test_a_double_click_takes_no_vote_back(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    for button in range(6):
        query_id = ask(page, f"{button}: {CAPITAL}")
        box = page.locator("[data-choice]").nth(button).bounding_box()
        assert box is not None
        # wherever on the button: another one will stand there
        page.mouse.dblclick(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2, delay=5)
        expect(page.locator(".answer.revealed")).to_have_count(3)
        sent(page)
        assert len(choices(studio, query_id)) == 1, button
        assert "critique" not in studio.kinds(query_id), button


def test_where_one_writes_letters_are_letters_and_undo_is_ctrl_z(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    query_id = ask(page, CAPITAL)
    page.keyboard.press("1")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    undo = page.locator("[data-undo] kbd:visible")
    expect(undo).to_have_text("U")
    page.keyboard.press("n")
    expect(undo).to_have_text("Ctrl Z")
    page.keyboard.press("Control+z")
    expect(page.locator(".choices")).to_be_visible()
    assert page.locator(".query").input_value() == CAPITAL
    page.keyboard.press("2")  # the keys vote again
    expect(page.locator(".answer.revealed")).to_have_count(3)
    page.keyboard.press("n")
    page.keyboard.type("uranium")
    assert page.locator(".query").input_value() == "uranium"
    sent(page)
    assert choices(studio, query_id) == ["best", "withdrawn", "best"]
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    expect(page.locator(".choices")).to_be_visible()
    assert page.locator(".query").input_value() == "uranium"
    sent(page)
    assert choices(studio, query_id) == ["best", "withdrawn", "best", "withdrawn"]


def test_after_undo_enter_votes_for_nobody(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    query_id = ask(page, CAPITAL)
    page.keyboard.press("2")
    page.keyboard.press("u")
    expect(page.locator(".answer").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    sent(page)
    assert choices(studio, query_id) == ["best", "withdrawn"]
    page.keyboard.press("l")  # and what is pressed there is about that answer
    expect(page.locator('.answer [data-act="like"]').nth(1)).to_have_attribute(
        "aria-pressed", "true"
    )


def test_asking_the_same_again_takes_more_than_an_enter_too_many(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    query_id = ask(page, CAPITAL)
    page.keyboard.press("1")
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    expect(page.get_by_text("press Ask to ask this one again")).to_be_visible()
    page.keyboard.press("Control+Enter")
    page.wait_for_function("old => !sessionStorage.getItem('rlhb.tab').includes(old)", arg=query_id)
    expect(page.get_by_text("press Ask to ask this one again")).to_be_hidden()


def test_a_key_held_down_counts_once(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    query_id = ask(page, CAPITAL)
    page.keyboard.press("a")
    for _ in range(5):
        page.keyboard.down("l")
    page.keyboard.up("l")
    sent(page)
    assert studio.kinds(query_id).count("like") == 1


def test_keys_work_while_a_menu_is_open(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    query_id = ask(page, CAPITAL)
    menu = page.locator("#more-1")
    page.keyboard.press("b")
    page.keyboard.press("m")
    expect(menu).to_be_visible()
    page.keyboard.press("m")
    expect(menu).to_be_hidden()
    expect(page.locator(".answer").nth(1)).to_be_focused()
    page.keyboard.press("m")
    expect(menu).to_be_visible()
    page.keyboard.press("l")
    expect(menu).to_be_hidden()
    expect(page.locator('.answer [data-act="like"]').nth(1)).to_have_attribute(
        "aria-pressed", "true"
    )
    page.keyboard.press("m")
    page.locator("#more-1 [name=text]").click()
    page.keyboard.type("x1")  # letters here are a comment
    expect(page.locator("#more-1 [name=text]")).to_have_value("x1")
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    expect(menu).to_be_visible()
    page.keyboard.press("?")
    expect(menu).to_be_hidden()
    expect(page.locator("#keys")).to_be_visible()
    expect(page.locator("#keys")).to_contain_text("go on, where it was cut")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("?")
    page.keyboard.press("2")
    expect(page.locator("#keys")).to_be_hidden()
    expect(page.locator(".result .said")).to_contain_text("B is best")
    sent(page)
    assert choices(studio, query_id) == ["best"]


PLACES = {
    "query, from an answer": ("a", "/", ".answer >> nth=0"),
    "editor, from an answer": ("a", "e", ".answer >> nth=0"),
    "menu, from an answer": ("a", "m", ".answer >> nth=0"),
    "keys, from an answer": ("c", "?", ".answer >> nth=2"),
}


def test_escape_leads_back_by_key(visit: Visit, ask: Ask) -> None:
    page = visit()
    ask(page, CAPITAL)
    for place, (first, second, back) in PLACES.items():
        page.keyboard.press(first)
        page.keyboard.press(second)
        page.keyboard.press("Escape")
        expect(page.locator(back), place).to_be_focused()
        assert page.locator(".editor:visible, :popover-open").count() == 0, place


BUTTONS = {
    "editor": ('.answer [data-act="edit"] >> nth=1', ".editor textarea:visible"),
    "comment": (".answer [data-more] >> nth=1", "#more-1 [name=text]"),
    "name": (".person", "[data-person-form] input"),
    "guidelines": ("[popovertarget=guidelines]:not(.closes)", None),
    "plug-in": ("[popovertarget=plug-in]", None),
}


def test_escape_leads_back_to_the_button(visit: Visit, ask: Ask) -> None:
    page = visit()
    ask(page, CAPITAL)
    for place, (button, field) in BUTTONS.items():
        page.locator(button).focus()
        page.keyboard.press("Enter")
        if field:
            page.locator(field).click()
            page.keyboard.type("words")
        page.keyboard.press("Escape")
        expect(page.locator(button), place).to_be_focused()
        assert page.locator(".editor:visible, :popover-open").count() == 0, place


def test_escape_leaves_the_question_although_nothing_had_the_focus(visit: Visit, ask: Ask) -> None:
    page = visit()
    ask(page, CAPITAL)
    page.locator(".query").click()
    page.keyboard.press("Escape")
    expect(page.locator(".query")).not_to_be_focused()
    page.keyboard.press("3")
    expect(page.locator(".result .said")).to_contain_text("C is best")


def test_a_surprise_is_asked_by_button_or_key_and_none_comes_twice(visit: Visit) -> None:
    page = visit()
    surprises = json.loads(page.locator(".composer").get_attribute("data-surprises") or "[]")
    asked: list[str] = []
    for _ in range(6):
        if asked:
            page.locator(".answer").first.focus()
            page.keyboard.press("y")
        else:
            page.get_by_role("button", name="Surprise me").click()
        expect(page.locator(".query")).not_to_have_value(asked[-1] if asked else "")
        page.wait_for_selector(".compare[data-phase=open]:not(:has(.answer[aria-busy=true]))")
        asked.append(page.locator(".query").input_value())
    assert len(set(asked)) == 6
    assert set(asked) <= set(surprises)


def test_the_key_that_opens_what_differs_closes_it(visit: Visit, ask: Ask) -> None:
    page = visit()
    ask(page, "Which language do people speak in Brazil?")
    page.keyboard.press("Escape")
    dialog = page.get_by_role("dialog", name="What differs")
    for closing in ("w", "Escape"):
        page.keyboard.press("w")
        expect(dialog).to_be_visible()
        page.keyboard.press(closing)
        expect(dialog).to_be_hidden()


@pytest.mark.parametrize("opened_by", ["key", "button"])
def test_the_list_of_keys_scrolls_by_keys_at_once(opened_by: str, visit: Visit) -> None:
    page = visit(viewport={"width": 1360, "height": 620})
    if opened_by == "button":
        page.get_by_role("button", name="Keys").click()
    else:
        page.locator(".query").press("Escape")
        page.keyboard.press("?")
    keys = page.locator("#keys")
    expect(keys).to_be_visible()
    expect(page.get_by_role("button", name="Change a key")).to_be_in_viewport(ratio=1)
    page.keyboard.press("End")
    page.wait_for_function("document.getElementById('keys').scrollTop > 100")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    if opened_by == "button":
        expect(page.get_by_role("button", name="Keys")).to_be_focused()
