"""Marked passages in a real browser: by mouse, keys and touch; recorded, shown again, exported and read back."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from app.files import import_jsonl
from app.store import Store
from rlhb_core.schema.payloads import MAX_PIECES
from rlhb_core.schema.signals import Signal, SignalKind
from tests.browser.conftest import MIRRORS, Studio, Visit
from tests.browser.model_server import asking_for, held
from tests.browser.test_axe import check
from tests.browser.test_desk import given, made, question
from tests.browser.test_desk import opened as opened_study
from tests.browser.test_keys import sent, tab
from tests.browser.test_look import fits, pictures
from tests.browser.test_reading import ANSWER, LONG, SELECT, asked
from tests.integration.test_blind import behaviors_of

pytestmark = pytest.mark.browser
Ask = Callable[..., str]

HEBREW = "שלום לכם, **העיר** היא 🏙 גדולה. היא יפה."
JAPANESE = "東京は**日本**の首都です。🗼は有名です。"
CODE = "Try this:\n\n```python\nprint('🙂', 1)\nx = 2\n```\n\nThat is *all*."

BOXES = """(text, words) => {
  const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const at = walker.currentNode.data.indexOf(words);
    if (at < 0) continue;
    const range = document.createRange();
    range.setStart(walker.currentNode, at);
    range.setEnd(walker.currentNode, at + words.length);
    const { left, right, top, bottom } = range.getBoundingClientRect();
    return { left, right, middle: (top + bottom) / 2 };
  }
  throw new Error('not there: ' + words);
}"""
"""Where words stand on the page."""
SHOWN = """(quality) =>
  [...(CSS.highlights.get('passage-' + quality) ?? [])].map((range) => range.toString()).join('')"""
"""What is highlighted on the page."""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'other.sqlite'}")
    yield opened
    opened.close()


def drag(page: Page, text: Locator, words: str, *, right_to_left: bool = False) -> None:
    """Select words with the mouse."""
    box = text.evaluate(BOXES, words)
    begin, end = (box["right"], box["left"]) if right_to_left else (box["left"], box["right"])
    page.mouse.move(begin, box["middle"])
    page.mouse.down()
    page.mouse.move((begin + end) / 2, box["middle"])
    page.mouse.move(end, box["middle"])
    page.mouse.up()
    expect(marker(page)).to_be_visible()


def marks(studio: Studio, page: Page) -> list[Signal]:
    """All marks that are recorded about what stands on the page, in order."""
    sent(page)
    return [each for each in studio.signals(tab(page)) if each.kind is SignalKind.MARK]


def words(answer: str, mark: Signal) -> str:
    return answer[mark.payload["start"] : mark.payload["end"]]


def marker(page: Page) -> Locator:
    return page.locator(".marker")


def shown(page: Page, quality: str, expected: str) -> None:
    page.wait_for_function(
        f"([quality, words]) => ({SHOWN})(quality) === words", arg=[quality, expected]
    )


# --- by mouse -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "selected"),
    [
        (ANSWER, "plain words"),
        (ANSWER, "🙂 plain"),
        (HEBREW, "שלום לכם"),
        (HEBREW, "גדולה"),
        (JAPANESE, "首都です"),
        (CODE, "'🙂'"),
        (CODE, "Try this"),
    ],
)
def test_what_is_selected_is_what_is_marked(
    answer: str, selected: str, visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, answer)
    drag(page, card.locator(".text"), selected, right_to_left=answer is HEBREW)
    expect(marker(page).locator("[data-words]")).to_have_text(selected)
    marker(page).get_by_role("button", name="Bad").click()
    (mark,) = marks(studio, page)
    assert words(answer, mark) == selected
    assert mark.payload["quality"] == "bad"
    shown(page, "bad", selected)


def test_why_and_a_note_are_said_changed_seen_again_and_taken_off(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, ANSWER)
    text, entry = card.locator(".text"), card.locator(".marked [data-mark]")
    drag(page, text, "escaped")
    marker(page).get_by_role("button", name="Bad").click()
    marker(page).get_by_role("button", name="wrong").click()
    expect(marker(page).get_by_role("button", name="wrong")).to_have_attribute(
        "aria-pressed", "true"
    )
    marker(page).get_by_label("A note on these words").fill("No, it is not.")
    page.keyboard.press("Enter")
    expect(marker(page)).to_be_hidden()
    expect(entry).to_have_text("Bad: −escapedwrong")
    told = [each.payload for each in marks(studio, page)]
    assert len({each["mark"] for each in told}) == 1
    assert told[-1] | {"reason": "wrong", "note": "No, it is not.", "on": True} == told[-1]

    page.reload()
    expect(entry).to_have_text("Bad: −escapedwrong")
    shown(page, "bad", "escaped")
    page.keyboard.press("v")
    page.wait_for_selector(".answer .block.raw")
    shown(page, "bad", "escaped")
    page.keyboard.press("v")

    box = text.evaluate(BOXES, "escaped")  # a click on the words
    page.mouse.click((box["left"] + box["right"]) / 2, box["middle"])
    expect(marker(page).get_by_label("A note on these words")).to_have_value("No, it is not.")
    marker(page).get_by_role("button", name="Good").click()
    expect(marker(page).get_by_role("button", name="wrong")).to_have_count(0)  # of bad words
    page.keyboard.press("Escape")
    expect(entry).to_have_text("Good: +escaped")
    shown(page, "good", "escaped")
    shown(page, "bad", "")

    entry.click()
    marker(page).get_by_role("button", name="Take the mark off").click()
    expect(entry).to_have_count(0)
    expect(card).to_be_focused()
    shown(page, "good", "")
    last = marks(studio, page)[-1].payload
    assert (last["mark"], last["on"], last["quality"]) == (told[0]["mark"], False, "good")
    page.reload()
    page.wait_for_selector(".compare[data-phase=open]")
    expect(entry).to_have_count(0)


def test_the_same_words_again_are_the_same_mark(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, ANSWER)
    for quality in ("Bad", "Good"):
        drag(page, card.locator(".text"), "plain")
        marker(page).get_by_role("button", name=quality).click()
        page.keyboard.press("Escape")
        expect(marker(page)).to_be_hidden()
    assert len({each.payload["mark"] for each in marks(studio, page)}) == 1
    drag(page, card.locator(".text"), "escaped")
    marker(page).get_by_role("button", name="Bad").click()
    assert len({each.payload["mark"] for each in marks(studio, page)}) == 2
    shown(page, "good", "plain")
    shown(page, "bad", "escaped")


# --- by keys ------------------------------------------------------------------------------------------


def test_by_keys_alone_sentence_by_sentence_and_word_by_word(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    answer = "The 🙂 first one. The second one. The third one.\n\n- An item\n- Another item"
    (card,) = asked(page, studio, ask, answer)
    page.keyboard.press(card.get_attribute("data-letter") or "")
    page.keyboard.press("p")
    quote = page.get_by_role("slider")
    expect(quote).to_be_focused()
    expect(quote).to_have_attribute("aria-valuetext", "The 🙂 first one.")
    page.keyboard.press("ArrowDown")
    expect(quote).to_have_attribute("aria-valuetext", "The second one.")
    expect(quote).to_have_attribute("aria-valuenow", "2")
    expect(quote).to_have_attribute("aria-valuemax", "5")
    shown(page, "now", "The second one.")
    page.keyboard.press("Shift+ArrowRight")
    expect(quote).to_have_attribute("aria-valuetext", "The second one. The third one.")
    page.keyboard.press("-")
    expect(page.locator("[data-says]")).to_have_text(
        "Marked as bad: The second one. The third one."
    )
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(card).to_be_focused()

    page.keyboard.press("p")
    page.keyboard.press("p")  # word by word, from the first one on
    expect(quote).to_have_attribute("aria-valuetext", "The")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+End")
    page.keyboard.press("Shift+ArrowLeft")
    expect(quote).to_have_attribute("aria-valuetext", answer[4:-5])
    page.keyboard.press("Home")
    expect(quote).to_have_attribute("aria-valuetext", "The")
    page.keyboard.press("Enter")
    expect(marker(page).get_by_role("button", name="Good")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    bad, *good = marks(studio, page)
    assert words(answer, bad) == "The second one. The third one."
    assert (words(answer, good[-1]), good[-1].payload["reason"]) == ("The", "correct")
    expect(card.locator(".marked [data-mark]")).to_have_count(2)

    card.locator(".marked [data-mark]").nth(1).focus()
    page.keyboard.press("Enter")
    expect(quote).to_be_focused()
    page.keyboard.press("p")  # by sentences again
    page.keyboard.press("End")
    page.keyboard.press("Escape")
    changed = marks(studio, page)[-1]
    assert changed.payload["mark"] == bad.payload["mark"]
    assert words(answer, changed) == "Another item"


def test_a_selection_made_by_keys_is_marked_by_p(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, ANSWER)
    card.locator(".text").evaluate(SELECT, ["bold", "🙂"])
    expect(marker(page)).to_be_visible()
    expect(page.get_by_role("slider")).not_to_be_focused()
    page.keyboard.press("p")
    expect(page.get_by_role("slider")).to_be_focused()
    page.keyboard.press("+")
    (mark,) = marks(studio, page)
    assert words(ANSWER, mark) == "bold** and 🙂"


def test_where_nothing_can_be_marked_it_is_said(visit: Visit, studio: Studio, ask: Ask) -> None:
    studio.serve("Dodo Broken", *MIRRORS[:2])
    page = visit()
    ask(page, asking_for("One.", "Two."))
    broken = page.locator(".answer[data-status=failed]")
    broken.focus()
    page.keyboard.press("p")
    expect(page.locator("[data-says]")).to_contain_text("There are no words to mark in answer")
    expect(marker(page)).to_be_hidden()


# --- by touch -----------------------------------------------------------------------------------------


def test_on_a_phone_by_touch(visit: Visit, studio: Studio, ask: Ask) -> None:
    context = visit.new_person(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = visit(context=context)
    (card,) = asked(page, studio, ask, ANSWER)
    card.scroll_into_view_if_needed()
    card.locator(".text").evaluate(SELECT, ["plain", "words"])
    expect(marker(page)).to_be_visible()
    expect(marker(page)).to_be_in_viewport(ratio=0.99)
    pictures(page, "passages-touch-selected")
    marker(page).get_by_role("button", name="Bad").tap()
    marker(page).get_by_role("button", name="unclear").tap()
    pictures(page, "passages-touch-marked")
    assert fits(page)
    marker(page).get_by_role("button", name="Done").tap()
    expect(marker(page)).to_be_hidden()
    mark = marks(studio, page)[-1]
    assert (words(ANSWER, mark), mark.payload["reason"]) == ("plain words", "unclear")
    card.locator("[data-more]").tap()
    card.get_by_role("button", name="Mark words").tap()
    expect(marker(page).locator("[data-words]")).to_have_text("# A *title*")
    marker(page).get_by_role("button", name="Good").tap()
    marker(page).get_by_role("button", name="Done").tap()
    card.locator(".marked [data-mark]").nth(1).tap()
    expect(marker(page).locator("[data-words]")).to_have_text("plain words")
    pictures(page, "passages-touch-list")


# --- what else is going on ----------------------------------------------------------------------------


@pytest.fixture
def releasing() -> Iterator[Callable[[], None]]:
    """Has `Crane Held` stop in the middle of its answer until this is called, or the test ends."""
    held.clear()
    yield held.set
    held.set()


def test_while_others_are_written_and_of_one_that_is(
    visit: Visit, studio: Studio, ask: Ask, releasing: Callable[[], None]
) -> None:
    studio.serve("Crane Held", *MIRRORS[:2])
    page = visit()
    ask(page, asking_for("Plain words here.", "Other words here."), complete=False)
    written = page.locator(".answer").filter(has_text="words here.").first
    writing = page.locator(".answer[data-status=writing]")
    drag(page, writing.locator(".text"), "word1")
    expect(marker(page).locator("[data-why-not]")).to_have_text(
        "This answer is still being written. Its words can be marked once it is complete."
    )
    releasing()
    page.wait_for_selector(".compare:not(:has(.answer[aria-busy=true]))")
    expect(
        marker(page).get_by_role("button", name="Bad")
    ).to_be_visible()  # of what is still selected
    page.keyboard.press("Escape")
    drag(page, written.locator(".text"), "words")
    marker(page).get_by_role("button", name="Good").click()
    (mark,) = marks(studio, page)
    assert str(mark.response_id) == written.get_attribute("data-response")


def test_marks_stay_while_another_answer_grows(
    visit: Visit, studio: Studio, ask: Ask, releasing: Callable[[], None]
) -> None:
    studio.serve("Crane Held", *MIRRORS[:2])
    page = visit()
    ask(page, asking_for("Plain words here.", "Other words here."), complete=False)
    card = page.locator(".answer[data-status=done]").first
    said = (card.locator(".text").text_content() or "").split()[0]
    drag(page, card.locator(".text"), said)
    page.keyboard.press("+")
    expect(page.locator(".answer[data-status=writing]")).to_have_count(1)
    shown(page, "good", said)
    releasing()
    page.wait_for_selector(".compare:not(:has(.answer[aria-busy=true]))")
    shown(page, "good", said)
    expect(marker(page)).to_be_visible()


def test_of_an_own_version_nothing_is_marked_and_its_answer_keeps_its_marks(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, "Plain words here.")
    drag(page, card.locator(".text"), "Plain")
    page.keyboard.press("-")
    page.keyboard.press("Escape")
    card.locator("[data-act=edit]").click()
    card.locator(".editor textarea").fill("Quite other words.")
    page.keyboard.press("Control+Enter")
    shown(page, "bad", "")
    card.get_by_role("button", name="Your version").click()
    drag(page, card.locator(".text"), "other")
    expect(marker(page)).to_contain_text("These are your words.")
    page.keyboard.press("Escape")
    expect(card.locator(".marked [data-mark]")).to_have_count(1)
    card.locator("[data-take-back]").click()
    page.wait_for_selector("[data-take-back][data-armed]")
    card.locator("[data-take-back]").click()
    shown(page, "bad", "Plain")
    assert len(marks(studio, page)) == 1


def test_of_equal_answers_the_one_that_is_shown_is_marked_and_all_marks_are_seen(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    asked(page, studio, ask, "Same words.", "Same words.", "Same words.")
    card = page.locator(".answer:not([hidden])")
    expect(card).to_have_count(1)
    drag(page, card.locator(".text"), "Same")
    page.keyboard.press("+")
    page.keyboard.press("Escape")
    (mark,) = marks(studio, page)
    assert str(mark.response_id) == card.get_attribute("data-response")
    folded = page.locator(".answer[hidden]").first.get_attribute("data-response")
    page.evaluate(
        """([response, start, end]) => import('/static/signals.js').then(({ record }) => record('mark',
          JSON.parse(sessionStorage.getItem('rlhb.tab')).queryId, response,
          { mark: crypto.randomUUID(), start, end, quality: 'bad', reason: '', note: '', on: true }))""",
        [folded, 5, 10],
    )  # as it was made before the two were known to be the same
    page.reload()
    expect(card.locator(".marked [data-mark]")).to_have_count(2)
    shown(page, "bad", "words")
    card.locator("[data-quality=bad]").click()
    marker(page).get_by_role("button", name="Take the mark off").click()
    off = marks(studio, page)[-1]
    assert (str(off.response_id), off.payload["on"]) == (folded, False)


def test_after_the_vote_a_mark_says_that_names_were_known(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, ANSWER)
    drag(page, card.locator(".text"), "plain")
    page.keyboard.press("+")
    page.keyboard.press("1")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    drag(page, card.locator(".text"), "escaped")
    page.keyboard.press("-")
    assert [each.unblinded for each in marks(studio, page)] == [False, True]


def test_without_a_connection_it_is_kept_and_sent(visit: Visit, studio: Studio, ask: Ask) -> None:
    visit.expect("ERR_INTERNET_DISCONNECTED")
    context = visit.alone()
    page = visit()
    (card,) = asked(page, studio, ask, ANSWER)
    context.set_offline(True)
    drag(page, card.locator(".text"), "plain")
    page.keyboard.press("-")
    shown(page, "bad", "plain")
    context.set_offline(False)
    studio.wait_for(tab(page), "mark")
    (mark,) = marks(studio, page)
    assert words(ANSWER, mark) == "plain"


def test_one_that_is_refused_is_taken_away_and_said(visit: Visit, studio: Studio, ask: Ask) -> None:
    visit.expect("status of 422")
    page = visit()
    (card,) = asked(page, studio, ask, ANSWER)
    page.evaluate(
        """async ([response, most]) => {
          const { record } = await import('/static/signals.js');
          const { queryId } = JSON.parse(sessionStorage.getItem('rlhb.tab'));
          const off = { start: 0, end: 1, quality: 'bad', reason: '', note: '', on: false };
          const made = () => record('mark', queryId, response, { ...off, mark: crypto.randomUUID() });
          await Promise.all(Array.from({ length: most }, made));
        }""",
        [card.get_attribute("data-response"), MAX_PIECES],
    )
    drag(page, card.locator(".text"), "plain")
    page.keyboard.press("-")
    expect(page.locator("[data-says]")).to_contain_text("one answer takes at most 100 of these")
    expect(card.locator(".marked [data-mark]")).to_have_count(0)


def test_a_long_answer_is_marked_where_one_reads_it(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, LONG)
    card.locator(".body").evaluate("body => { body.scrollTop = body.scrollHeight / 2; }")
    page.keyboard.press(card.get_attribute("data-letter") or "")
    page.keyboard.press("p")
    page.keyboard.press("ArrowDown")
    quote = page.get_by_role("slider").get_attribute("aria-valuetext") or ""
    number = int(quote.split()[1])
    assert 20 < number < 40
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    expect(page.get_by_role("slider")).to_have_attribute(
        "aria-valuetext", quote.replace(str(number), str(number + 8))
    )
    line = card.locator("p").filter(has_text=f"Paragraph {number + 8} ")
    expect(line).to_be_in_viewport(ratio=0.99)


# --- in a study, out and in again, and how it looks ---------------------------------------------------


def test_a_study_that_asks_for_passages_says_so_and_has_its_reasons(
    visit: Visit, studio: Studio
) -> None:
    study = made(studio, 1, formats=["best", "passages", "edit"])
    page = opened_study(visit, study)
    expect(page.locator("[data-asked-too]")).to_have_text(
        "Select words of an answer, or press P in it, and say whether they are good or bad. "
        "Write an answer as it should be with Edit, or E."
    )
    pictures(page, "passages-study")

    page = opened_study(
        visit, made(studio, 1, formats=["best", "passages"], reasons=["made up", "too long"])
    )
    page.keyboard.press("a")
    page.keyboard.press("p")
    page.keyboard.press("-")
    expect(marker(page).locator("[data-reason]")).to_have_text(["made up1", "too long2"])
    page.keyboard.press("2")  # which its reason shows, and no vote
    too_long = marker(page).get_by_role("button", name="too long")
    expect(too_long).to_have_attribute("aria-pressed", "true")
    expect(too_long.locator("kbd")).to_be_visible()
    expect(page.locator(".choices")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".marked .reason")).to_contain_text("too long")
    plain = opened_study(visit, made(studio, 1))
    expect(plain.locator("[data-asked-too]")).to_be_hidden()


@pytest.mark.parametrize("asked_for", ["passages", "edit"])
def test_a_study_that_asks_for_nothing_else_is_worked_through(
    asked_for: str, visit: Visit, studio: Studio
) -> None:
    study = made(studio, 3, answers=2, formats=[asked_for])
    page = opened_study(visit, study)
    for number in range(2):
        question(page, number)
        expect(page.locator(".choices")).to_be_hidden()
        page.get_by_role("button", name="Next item").click()
        expect(page.locator(".lacking")).to_have_text("Say what there is to say, or skip it.")
        page.keyboard.press("b")
        if asked_for == "passages":
            page.keyboard.press("p")
            page.keyboard.press("+")
            page.keyboard.press("Escape")
        else:
            page.keyboard.press("e")
            page.keyboard.type("Better. ")
            page.keyboard.press("Control+Enter")
        expect(page.locator(".lacking")).to_have_text("All is said.")
        page.keyboard.press("n")
    question(page, 2)
    page.keyboard.press("s")
    page.wait_for_selector(".compare[data-phase=voted]")
    page.keyboard.press("n")
    expect(page.get_by_text("You have done all that there was for you here.")).to_be_visible()
    assert [each.state for each in given(studio, study)] == ["done", "done", "skipped"]


def test_what_was_marked_goes_out_and_comes_in_again(
    visit: Visit, studio: Studio, ask: Ask, other: Store
) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, ANSWER)
    drag(page, card.locator(".text"), "🙂 plain")
    page.keyboard.press("-")
    marker(page).get_by_role("button", name="wrong").click()
    page.keyboard.press("Escape")
    (*_, mark) = marks(studio, page)
    lines = page.context.request.get("/api/data/triplets.jsonl").body().splitlines()
    mine = [line for line in lines if str(mark.response_id).encode() in line]
    assert import_jsonl(other, mine).imported == 1
    assert mark.response_id is not None
    (passage,) = behaviors_of(other)[mark.response_id].behavior_features.marks
    assert (passage.words, passage.quality, passage.reason) == ("🙂 plain", "bad", "wrong")
    assert ANSWER[passage.start : passage.end] == "🙂 plain"


@pytest.mark.parametrize(("width", "height"), [(1360, 900), (390, 844), (640, 360)])
def test_it_fits_and_breaks_no_rule(
    width: int, height: int, visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit(viewport={"width": width, "height": height})
    (card,) = asked(page, studio, ask, ANSWER)
    card.scroll_into_view_if_needed()
    page.keyboard.press(card.get_attribute("data-letter") or "")
    page.keyboard.press("p")
    check(page, ".marker")
    page.keyboard.press("ArrowDown")
    pictures(page, f"passages-keys-{width}")
    page.keyboard.press("+")
    page.keyboard.press("Escape")
    card.locator(".text").evaluate(SELECT, ["last", "last"])
    expect(marker(page)).to_be_visible()
    page.keyboard.press("-")
    marker(page).get_by_role("button", name="wrong").click()
    expect(marker(page)).to_be_in_viewport(ratio=0.99)
    box, sheet = card.locator(".text").evaluate(BOXES, "last"), marker(page).bounding_box()
    assert sheet is not None
    assert not sheet["y"] < box["middle"] < sheet["y"] + sheet["height"], "it covers the words"
    pictures(page, f"passages-marking-{width}")
    check(page)
    page.keyboard.press("Escape")
    pictures(page, f"passages-marked-{width}")
    check(page)
    assert fits(page)
