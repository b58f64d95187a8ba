"""Reading answers: what is quoted of them, what stays while they grow, what they may and may not do, long ones."""

import json
from collections.abc import Callable
from statistics import median

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import MIRRORS, THREE, Studio, Visit
from tests.browser.model_server import PAGES, asking_for
from tests.browser.test_axe import check
from tests.browser.test_look import pictures

pytestmark = pytest.mark.browser
Ask = Callable[..., str]

ANSWER = (
    "# A *title*\n\nSome **bold** and 🙂 plain words, \\*escaped* and `code`.\n\n- first\n- second with $x^2$ in it\n\n"
    "```python\ndef f():\n    return 1\n```\n\n---\n\nThe [last](https://example.org/there?a=b) words."
)
LONG = "\n\n".join(
    f"Paragraph {number} of a long answer, with words and more words." for number in range(60)
)

SELECT = """(text, [from, to]) => {
  const places = (words, isEnd) => {
    const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const at = walker.currentNode.data.indexOf(words);
      if (at >= 0) return [walker.currentNode, at + (isEnd ? words.length : 0)];
    }
    throw new Error('not there: ' + words);
  };
  getSelection().setBaseAndExtent(...places(from, false), ...places(to, true));
}"""
"""Select from the first of some words to the last of others."""
RANGE = """(text) => import('/static/compare/source.js').then(
  ({ sourceRange, sourceText }) => [sourceRange(getSelection(), text), sourceText(getSelection(), text)])"""


def asked(page: Page, studio: Studio, ask: Ask, *answers: str) -> list[Locator]:
    """The cards of these answers on the page, in their order here."""
    studio.serve(*MIRRORS)
    texts = [*answers, "one of the others", "another one"][:3]
    ask(page, asking_for(*texts))
    responses = page.evaluate(
        """async () => {
          const { queryId } = JSON.parse(sessionStorage.getItem('rlhb.tab'));
          const view = await (await fetch('/api/comparisons/' + queryId)).json();
          return view.panels.map((panel) => panel.text);
        }"""
    )
    return [
        page.locator(".answer").nth(responses.index(answer.strip()))
        for answer in texts[: len(answers)]
    ]


# --- quoting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "quoted"),
    [
        ("plain", "words", "plain words"),
        ("ain wo", "ain wo", "ain wo"),
        ("🙂", "pla", "🙂 pla"),
        (
            "Some ",
            ".",
            "Some **bold** and 🙂 plain words, \\*escaped* and `code`.",
        ),  # a whole block
        ("ld", "and", "ld** and"),
        (" plain", "escaped", " plain words, \\*escaped"),
        ("*escaped", "cod", "\\*escaped* and `cod"),
        ("title", "title", "title"),
        ("A ", "title", "# A *title*"),
        ("second", "x", "second with $x^2$"),  # a formula comes whole
        ("first", "second", "first\n- second"),
        ("():", "return", "():\n    return"),
        ("def", "1", "def f():\n    return 1"),  # code by itself, without its fence
        ("title", "Some ", "title*\n\nSome "),
        ("bold", "The ", ANSWER[ANSWER.index("bold") : ANSWER.index("[last]")]),
        ("A ", " words.", ANSWER),
    ],
)
def test_what_is_selected_is_quoted_as_it_was_written(
    first: str, last: str, quoted: str, visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, ANSWER)
    text = card.locator(".text")
    text.evaluate(SELECT, [first, last])
    (begin, end), said = text.evaluate(RANGE)
    assert said == quoted
    assert ANSWER[begin:end] == quoted  # in code points, as the server counts
    page.keyboard.press("Control+C")
    assert page.evaluate("navigator.clipboard.readText()") == quoted


def test_nothing_selected_is_nothing_quoted_and_raw_text_is_quoted_as_it_stands(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, ANSWER)
    text = card.locator(".text")
    assert text.evaluate(RANGE) == [None, ""]
    page.keyboard.press("v")
    text.evaluate(SELECT, ["**bold", "$x^2"])
    expected = ANSWER[ANSWER.index("**bold") : ANSWER.index("$ in it")]
    (begin, end), said = text.evaluate(RANGE)
    assert said == expected == ANSWER[begin:end]


def test_a_selection_across_answers_is_left_to_the_browser(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    asked(page, studio, ask, "**One**", "**Two**", "**Three**")
    page.evaluate(
        """() => {
          const texts = document.querySelectorAll('.answer .text');
          getSelection().setBaseAndExtent(texts[0], 0, texts[1], 1);
        }"""
    )
    page.keyboard.press("Control+C")
    assert "**" not in page.evaluate("navigator.clipboard.readText()")


# --- growing ----------------------------------------------------------------------------------------


def test_what_is_closed_stays_and_only_what_is_open_travels(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    visit.alone().add_init_script(
        "window.parsed = []; const parse = JSON.parse; JSON.parse = (text, ...rest) => { "
        "window.parsed.push(String(text)); return parse(text, ...rest); };"
    )
    studio.serve("Stork Pages", *THREE[:2])
    page = visit()
    ask(page, "Say a lot.", complete=False)
    text = page.locator(".answer .text").filter(has_text="word1.0")
    expect(text).to_contain_text("word3.1")
    text.evaluate(
        """(text) => {
          window.first = text.querySelector('.block p');
          const words = window.first.lastChild;
          getSelection().setBaseAndExtent(words, 1, words, 8);
        }"""
    )
    page.wait_for_selector(".compare:not(:has(.answer[aria-busy=true]))")
    assert text.evaluate("text => text.querySelector('.block p') === window.first")
    assert page.evaluate("getSelection().toString()") == "word1.0"
    expect(text.locator(".block")).to_have_count(8)
    expect(text.locator("strong")).to_have_count(8)
    streamed = [line for line in page.evaluate("window.parsed") if "process_generating" in line]
    assert len(streamed) > 5  # a busy machine sends several words at once
    closed = [line for line in streamed if "word2.11" in line and "<p" in line]
    assert 1 <= len(closed) <= 6, len(closed)  # while it was the last, and never after
    # what is closed does not travel again; a busy machine sends several blocks at once, seldom
    assert median(len(line) for line in streamed[len(streamed) // 2 : -1]) < len(PAGES)


def test_thoughts_are_folded_away_and_stay_as_they_are_left(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    thinking, only = (
        "<think>\nHm, **well**.\n\n- so\n</think>\n\nYes.",
        "<think>\nNothing but thoughts",
    )
    card, other = asked(page, studio, ask, thinking, only)
    details = card.locator("details.thoughts")
    expect(details).to_have_js_property("open", False)
    expect(card.get_by_text("Hm,")).to_be_hidden()
    details.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(card.locator("strong")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    expect(details).to_have_js_property("open", True)
    expect(other.locator("details.thoughts")).to_have_js_property("open", True)


# --- inside -----------------------------------------------------------------------------------------


def test_a_link_is_opened_after_a_question_that_shows_all_of_it(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    visit.alone()
    page = visit()
    (card,) = asked(page, studio, ask, ANSWER)
    link = card.locator("[data-address]")
    assert link.get_attribute("href") is None
    dialog = page.locator(".leads-out")
    for how in (lambda: link.click(), lambda: link.press("Enter")):
        how()
        expect(dialog).to_be_visible()
        expect(dialog.locator("[data-whole]")).to_have_text("https://example.org/there?a=b")
        expect(dialog.get_by_text("Open example.org?")).to_be_visible()
        check(page, ".leads-out")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
    expect(link).to_be_focused()
    link.click()
    opener = dialog.locator("[data-open]")
    assert opener.get_attribute("rel") == "noopener noreferrer"
    page.context.route("https://example.org/**", lambda route: route.fulfill(body="there"))
    with page.context.expect_page() as opened:
        opener.click()
    opened.value.wait_for_load_state()
    assert opened.value.url == "https://example.org/there?a=b"
    assert opened.value.evaluate("window.opener === null && document.referrer === ''")
    expect(dialog).to_be_hidden()


def test_code_is_copied_by_itself(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    (card,) = asked(page, studio, ask, ANSWER)
    expect(card.locator("figcaption")).to_have_text("python")
    card.locator("[data-copy-code]").click()
    expect(card.locator("[data-copy-code]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "def f():\n    return 1"
    card.locator('[data-act="copy"]').click()
    assert page.evaluate("navigator.clipboard.readText()") == ANSWER


# --- long answers -----------------------------------------------------------------------------------

VIEWS = {"wide": (1360, 900), "low": (1280, 640), "phone": (390, 844)}


def in_view(page: Page, *where: str) -> None:
    for each in where:
        expect(page.locator(each).first).to_be_in_viewport(ratio=0.99)


@pytest.mark.parametrize("view", VIEWS)
def test_all_that_is_needed_stays_in_view_however_far_one_has_read(
    view: str, visit: Visit, studio: Studio, ask: Ask
) -> None:
    width, height = VIEWS[view]
    page = visit(viewport={"width": width, "height": height})
    cards = asked(
        page, studio, ask, f"One.\n\n{LONG}", f"Two.\n\n{LONG}\n\n{LONG}", f"Three.\n\n{LONG}"
    )
    page.locator(".query").fill("Something else by now")
    page.locator(".query").blur()
    needed = (".question .words", ".answer .badge", ".answer .acts", ".vote .choices", ".switches")
    in_view(page, *needed)
    box = cards[0].locator(".body").bounding_box()
    assert box is not None
    assert box["height"] > 150
    for share in (0.5, 1):
        cards[0].locator(".body").evaluate(
            "(body, share) => { body.scrollTop = share * body.scrollHeight; }", share
        )
        in_view(page, *needed)
        assert page.evaluate("scrollY") == 0
    vote, body = (
        page.locator(".vote .card").bounding_box(),
        cards[0].locator(".acts").bounding_box(),
    )
    assert vote
    assert body
    assert body["y"] + body["height"] <= vote["y"]


def test_short_answers_are_no_giant_cards(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit(viewport={"width": 1360, "height": 1200})
    ask(page, "What is the capital of Peru?")
    heights = page.locator(".answer").evaluate_all("all => all.map(one => one.offsetHeight)")
    assert set(heights) == {320}


def tops(page: Page) -> list[float]:
    """How far down each answer is, as a share of its way."""
    found: list[float] = page.locator(".answer .body").evaluate_all(
        "all => all.map(one => one.scrollTop / (one.scrollHeight - one.clientHeight))"
    )
    return found


def scrolled(page: Page, card: Locator, by: int) -> None:
    card.locator(".body").hover()
    page.mouse.wheel(0, by)


def test_answers_scroll_together_until_told_otherwise(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    cards = asked(
        page, studio, ask, f"One.\n\n{LONG}", f"Two.\n\n{LONG}\n\n{LONG}", f"Three.\n\n{LONG}"
    )
    for by, card in ((700, cards[0]), (500, cards[1]), (-300, cards[2]), (90_000, cards[1])):
        before = tops(page)
        scrolled(page, card, by)
        page.wait_for_function(
            """(before) => {
              const now = [...document.querySelectorAll('.answer .body')].map(
                (one) => one.scrollTop / (one.scrollHeight - one.clientHeight));
              return now.every((each, place) => Math.abs(each - before[place]) > 0.01)
                && Math.max(...now) - Math.min(...now) < 0.01;
            }""",
            arg=before,
        )
    frame = "new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then)))"
    page.evaluate(frame)  # the answers that follow are told of in the next one
    page.evaluate(
        "window.moved = 0; addEventListener('scroll', () => { window.moved += 1; }, true);"
    )
    page.wait_for_timeout(400)  # nothing moves by itself
    assert page.evaluate("window.moved") == 0
    page.keyboard.press("j")
    expect(page.locator("[data-switch=linked]")).to_have_attribute("aria-pressed", "false")
    scrolled(page, cards[0], -90_000)
    page.wait_for_function(
        "Math.min(...[...document.querySelectorAll('.body')].map((one) => one.scrollTop)) === 0"
    )
    assert sorted(round(each) for each in tops(page)) == [0, 1, 1]
    page.reload()
    expect(page.locator("[data-switch=linked]")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Scroll together").click()
    expect(page.locator("[data-switch=linked]")).to_have_attribute("aria-pressed", "true")


def test_an_answer_scrolls_by_the_keys_that_scroll_a_page(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    asked(page, studio, ask, f"One.\n\n{LONG}")
    page.keyboard.press("a")
    page.keyboard.press("j")
    page.keyboard.press("End")
    focused = "document.activeElement.querySelector('.body')"
    assert (
        page.evaluate(f"{focused}.scrollHeight - {focused}.clientHeight - {focused}.scrollTop") < 2
    )
    page.keyboard.press("Home")
    assert page.evaluate(f"{focused}.scrollTop") == 0


def test_a_long_question_is_clamped_and_unfolds(visit: Visit, ask: Ask) -> None:
    page = visit()
    ask(page, "Why is that so? " * 60)
    expect(page.locator(".question")).to_be_hidden()  # the composer shows it
    page.locator(".query").fill("And")
    page.locator(".query").blur()
    words = page.locator(".question .words")
    expect(words).to_be_visible()
    folded = words.evaluate("words => words.clientHeight")
    page.keyboard.press("q")
    assert words.evaluate("words => words.clientHeight") > folded
    in_view(page, ".vote .choices", ".answer .acts")
    page.get_by_role("button", name="less").click()
    assert words.evaluate("words => words.clientHeight") == folded


def test_at_twice_the_size_everything_is_in_reach_and_nothing_covered(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit(viewport={"width": 640, "height": 360})
    asked(page, studio, ask, f"One.\n\n{LONG}", f"Two.\n\n{LONG}", f"Three.\n\n{LONG}")
    for where in (
        ".answer .acts",
        ".vote .choices",
        ".foot",
        ".composer [type=submit]",
        ".switches",
    ):
        page.locator(where).first.scroll_into_view_if_needed()
        in_view(page, where)
    body, vote = (
        page.locator(".answer .body").first.bounding_box(),
        page.locator(".vote").bounding_box(),
    )
    assert body
    assert vote
    assert body["y"] + body["height"] <= vote["y"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_on_a_phone_one_sees_which_answer_one_reads(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit(viewport={"width": 390, "height": 844})
    asked(page, studio, ask, f"One.\n\n{LONG}", f"Two.\n\n{LONG}", f"Three.\n\n{LONG}")
    tabs = page.locator(".pager button")
    for place in (1, 2, 0):
        tabs.nth(place).click()
        expect(tabs.nth(place)).to_have_attribute("aria-current", "true")
        body = page.locator(".answer .body").nth(place)
        body.evaluate("body => { body.scrollTop = 900; }")
        in_view(page, ".pager", f".answer >> nth={place} >> .badge", ".vote .choices")


# --- what differs -----------------------------------------------------------------------------------


def test_what_differs_between_two_answers_is_shown_word_by_word(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    one, other = (
        "The capital of Peru is **Lima**, on the coast.",
        "The capital of Peru is Cusco, high on the coast.",
    )
    cards = asked(page, studio, ask, one, other, "No.")
    letters = [card.get_attribute("data-letter") or "" for card in cards]
    page.keyboard.press("w")
    dialog = page.locator(".differs")
    expect(dialog.locator("[data-pair]")).to_have_text(["A and B", "A and C", "B and C"])
    pair = " and ".join(sorted(letters[:2]))
    dialog.get_by_role("button", name=pair).click()
    expect(dialog.get_by_role("button", name=pair)).to_have_attribute("aria-pressed", "true")
    gone, come = (
        ("**Lima**,", "Cusco, high") if letters[0] < letters[1] else ("Cusco, high", "**Lima**,")
    )
    assert [each.strip() for each in dialog.locator(".difference del").all_inner_texts()] == [gone]
    assert [each.strip() for each in dialog.locator(".difference ins").all_inner_texts()] == [come]
    check(page, ".differs")
    pictures(page, "what-differs")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="What differs").click()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    page.keyboard.press("1")
    expect(page.locator(".answer.revealed")).to_have_count(3)


def test_nothing_differs_where_there_is_one_answer(visit: Visit, studio: Studio, ask: Ask) -> None:
    studio.serve("Owl Echo")
    page = visit()
    ask(page, "Say it.")
    expect(page.get_by_role("button", name="What differs")).to_be_disabled()


@pytest.fixture
def compared(visit: Visit) -> Callable[[str, str], list[dict[str, str]]]:
    page = visit()

    def compared(one: str, other: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = page.evaluate(
            "([one, other]) => import('/static/compare/words.js').then(({ differences }) => differences(one, other))",
            [one, other],
        )
        return found

    return compared


def test_the_words_of_both_texts_are_all_there_and_no_more_differs_than_must(
    compared: Callable[[str, str], list[dict[str, str]]],
) -> None:
    words = ["a", "b", "c", "d", "e", "f", "g"]
    for case in range(40):
        one = " ".join(words[(case * k) % 7] for k in range(1 + case % 9))
        other = " ".join(words[(case + k * k) % 7] for k in range(case % 11))
        parts = compared(one, other)
        of = {
            kind: " ".join(p["text"] for p in parts if p["kind"] in ("same", kind)).split()
            for kind in ("gone", "new")
        }
        assert of["gone"] == one.split()
        assert of["new"] == other.split()
        same = sum(len(p["text"].split()) for p in parts if p["kind"] == "same")
        assert same == common(one.split(), other.split())


def common(one: list[str], other: list[str]) -> int:
    """The length of the longest common subsequence, by its definition."""
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, left in enumerate(one):
        for j, right in enumerate(other):
            table[i + 1][j + 1] = (
                table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
            )
    return table[-1][-1]


def test_of_very_long_texts_the_first_4000_words_are_compared(
    compared: Callable[[str, str], list[dict[str, str]]],
) -> None:
    one = " ".join(f"w{n}" for n in range(5_000))
    other = " ".join(f"w{n * 7919 % 5_003}" for n in range(5_000))
    parts = compared(one, other)
    told = {
        kind: sum(len(p["text"].split()) for p in parts if p["kind"] != kind)
        for kind in ("gone", "new")
    }
    assert told == {"gone": 4_000, "new": 4_000}
    assert json.dumps(parts)


def test_the_new_keys_are_in_the_list(visit: Visit) -> None:
    page = visit()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    for words in (
        "raw, as they were written",
        "scroll together",
        "what differs",
        "the whole question",
    ):
        expect(page.locator("#keys")).to_contain_text(words)
