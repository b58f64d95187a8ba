"""The Compare page as a person uses it: asking, reading, choosing, coming back."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Error, Page, Request, Route, expect

from rlhb_core.schema.signals import SignalKind
from tests.browser.conftest import THREE, Studio, Visit
from tests.browser.model_server import CUT, MARKUP, SLOW_TEXT

pytestmark = pytest.mark.browser
Ask = Callable[..., str]

CAPITAL = "What is the capital of Peru?"
OWN_WORDS = "Eight, as my daughter counted them."
"""No version writes this by itself; an edit that changes nothing is none."""


def answers(page: Page) -> list[str]:
    return page.locator(".answer .text").all_inner_texts()


def names(page: Page) -> list[str]:
    return page.locator(".answer .name").all_inner_texts()


def test_a_first_visit_says_what_to_do(visit: Visit) -> None:
    page = visit()
    expect(page.locator(".query")).to_be_in_viewport()
    expect(page.locator(".chip").first).to_be_in_viewport()
    expect(page.get_by_text("Ask something above, or pick one of the samples.")).to_be_visible()
    expect(page.get_by_text("Recording how you read and react")).to_be_visible()
    expect(page.locator(".vote")).to_be_hidden()
    expect(page.locator(".query")).to_be_focused()
    expect(page.locator("footer")).to_be_hidden()


def test_a_blank_query_is_not_asked_and_a_long_word_stays_in_its_box(visit: Visit) -> None:
    page = visit()
    page.fill(".query", "   ")
    page.keyboard.press("Enter")
    expect(page.locator(".query")).to_have_value("")  # so that the placeholder shows what to do
    expect(page.locator(".query")).to_be_focused()
    expect(page.get_by_text("Ask something above, or pick one of the samples.")).to_be_visible()
    page.fill(".query", "x" * 3_000)
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide
    expect(page.get_by_role("button", name="Ask")).to_be_in_viewport(ratio=1)


def test_light_and_dark_follow_the_system_until_chosen(visit: Visit) -> None:
    page = visit(scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.locator("body")).not_to_have_class("dark")


def test_ask_read_react_vote_reveal_undo(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    query_id = ask(page, CAPITAL)
    assert all(answers(page))
    expect(page.locator("[data-person-today]")).to_have_text("1 today")
    page.locator('.answer [data-act="copy"]').first.click()
    page.locator('.answer [data-act="like"]').nth(1).click()
    expect(page.locator('.answer [data-act="like"]').nth(1)).to_have_attribute(
        "aria-pressed", "true"
    )
    assert page.evaluate("navigator.clipboard.readText()") == answers(page)[0]

    page.get_by_role("button", name="B is best").click()
    expect(page.locator(".answer.revealed")).to_have_count(3)
    assert sorted(names(page)) == sorted(THREE)
    expect(page.get_by_text("Recorded: B is best")).to_be_visible()
    expect(page.locator(".answer.chosen .choice")).to_have_text("your choice")
    expect(page.get_by_text("Simulated: the story of", exact=False)).to_have_count(3)
    page.get_by_role("button", name="clear", exact=True).click()

    page.get_by_role("button", name=re.compile("^Undo")).click()
    expect(page.locator(".answer.revealed")).to_have_count(0)
    expect(page.get_by_role("button", name="Tie")).to_be_visible()
    page.get_by_role("button", name="Tie").click()
    expect(page.locator(".answer.revealed")).to_have_count(3)

    recorded = studio.wait_for(query_id, "copy", "like", "vote", "shown", "scroll")
    votes = [signal.payload for signal in recorded if signal.kind is SignalKind.VOTE]
    assert [vote["choice"] for vote in votes] == ["best", "withdrawn", "tie"]
    assert not votes[0]["early"]
    shown = [signal.payload["position"] for signal in recorded if signal.kind is SignalKind.SHOWN]
    assert sorted(shown) == [0, 1, 2]


def test_three_seconds_of_reading_are_recorded_as_three_seconds(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    time_reading(page)
    query_id = ask(page, CAPITAL)
    page.wait_for_timeout(3_000)
    page.keyboard.press("1")
    read = time_read(page)
    page.wait_for_selector(".answer.revealed")
    page.wait_for_timeout(1_000)  # reading the names is no longer reading blind, and is not counted
    page.keyboard.press("n")
    page.evaluate("import('/static/signals.js').then(({ outbox }) => outbox.flush())")
    assert_recorded(page, studio, query_id, read)
    assert min(least for least, _ in read) > 3_000


def test_a_busy_page_loses_no_reading(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    cdp = page.context.new_cdp_session(page)
    cdp.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.evaluate(
        """() => setInterval(() => {
          const until = performance.now() + 300;
          while (performance.now() < until);
        }, 350)"""
    )
    time_reading(page)
    query_id = ask(page, CAPITAL)
    page.wait_for_timeout(3_000)
    page.keyboard.press("1")
    read = time_read(page)
    cdp.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    page.wait_for_selector(".answer.revealed")
    assert_recorded(page, studio, query_id, read)
    assert min(least for least, _ in read) > 3_000


def test_reading_counts_from_before_the_page_knows_whether_it_is_recorded(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit.context.new_page()
    held = Held(page, "**/api/me")
    page.goto("/")
    page.wait_for_selector(".compare[data-live]")
    time_reading(page)
    query_id = ask(page, CAPITAL)
    page.wait_for_timeout(1_500)
    held.let_go()
    expect(page.locator("[data-person-today]")).to_have_text("1 today")
    page.keyboard.press("1")
    read = time_read(page)
    assert_recorded(page, studio, query_id, read)
    assert {"shown", "scroll"} <= set(studio.kinds(query_id))

    page.get_by_role("button", name="pause", exact=True).click()
    expect(page.get_by_text("Recording paused")).to_be_visible()
    held.hold()
    page.reload()
    page.wait_for_selector(".compare[data-live]")
    query_id = ask(page, "What does a giraffe eat?")
    page.wait_for_timeout(500)
    held.let_go()
    expect(page.get_by_text("Recording paused")).to_be_visible()
    page.keyboard.press("1")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    assert studio.kinds(query_id) == ["vote"]


class Held:
    """Requests to an address wait, while they are held."""

    def __init__(self, page: Page, address: str) -> None:
        self.waiting: list[Route] | None = []
        page.route(address, self._asked)

    def _asked(self, route: Route) -> None:
        if self.waiting is None:
            route.continue_()
        else:
            self.waiting.append(route)

    def hold(self) -> None:
        self.waiting = []

    def let_go(self) -> None:
        waiting, self.waiting = self.waiting or [], None
        for route in waiting:
            route.continue_()


def time_reading(page: Page) -> None:
    """Have the page note by its own clock, for each answer, when it certainly could and when it perhaps could be read.

    An answer can be read from somewhere between the last frame without it and the end of the task that brought it,
    until somewhere within the task that takes the vote. On a busy machine these tasks are long.
    """
    page.evaluate(
        """() => {
          const texts = [...document.querySelectorAll('.answer .text')];
          window.absent = texts.map(() => performance.now());
          window.began = [];
          const frame = () => {
            texts.forEach((text, place) => { if (!text.textContent) window.absent[place] = performance.now(); });
            if (!window.voted) requestAnimationFrame(frame);
          };
          frame();
          texts.forEach((text, place) => new MutationObserver(() => {
            if (text.textContent) window.began[place] ??= performance.now();
          }).observe(text, { childList: true, characterData: true, subtree: true }));
          const vote = (name) => (event) => { if (event.key === '1') window[name] ??= performance.now(); };
          addEventListener('keydown', vote('voted'), true);
          addEventListener('keydown', vote('after'));
        }"""
    )


def time_read(page: Page) -> list[tuple[float, float]]:
    """At least and at most how many milliseconds each answer could be read before the vote, leftmost first."""
    page.wait_for_function("window.after")
    found: list[list[float]] = page.evaluate(
        "window.began.map((began, place) => [window.voted - began, window.after - window.absent[place]])"
    )
    return [(least, most) for least, most in found]


def assert_recorded(
    page: Page, studio: Studio, query_id: str, read: list[tuple[float, float]]
) -> None:
    recorded = time_recorded(page, studio, query_id)
    assert len(recorded) == len(read) == 3
    for ms, (least, most) in zip(recorded, read, strict=True):
        assert least - 5 <= ms <= most + 5, (recorded, read)  # each signal is rounded


def time_recorded(page: Page, studio: Studio, query_id: str) -> list[int]:
    """The milliseconds that were recorded, leftmost first."""
    page.evaluate("import('/static/signals.js').then(({ outbox }) => outbox.flush())")
    dwelt = dict.fromkeys(ids(page), 0)
    for signal in studio.wait_for(query_id, "dwell", "vote"):
        if signal.kind is SignalKind.DWELL:
            dwelt[str(signal.response_id)] += signal.payload["ms"]
    return list(dwelt.values())


def body_of(request: Request) -> str:
    try:
        response = request.response()
        return response.body().decode(errors="replace") if response else ""
    except Error:  # nothing is kept of a stream or a beacon
        return ""


def ids(page: Page) -> list[str]:
    found: list[str] = page.locator(".answer").evaluate_all(
        "all => all.map(one => one.dataset.response)"
    )
    return found


def test_names_are_nowhere_before_the_vote(visit: Visit, ask: Ask) -> None:
    # What comes as a stream is not kept by the browser's network log, but every event of it is parsed.
    visit.alone().add_init_script(
        "window.parsed = []; const parse = JSON.parse;JSON.parse = (text, ...rest) => { "
        "window.parsed.push(String(text)); return parse(text, ...rest); };"
    )
    page = visit()
    finished: list[Request] = []
    page.on("requestfinished", lambda request: finished.append(request))
    ask(page, "Which planet from the sun is Saturn?")
    page.wait_for_timeout(300)
    streamed = "".join(page.evaluate("window.parsed"))
    assert ids(page)[0] in streamed  # the harness does see the answers pass
    seen = page.content() + streamed + "".join(body_of(request) for request in finished)
    for name in THREE:
        assert name not in seen
    page.keyboard.press("t")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    assert all(name in page.content() for name in THREE)


def test_keys_are_enough(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    page.keyboard.type("how many legs does a spider have")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".compare:not(:has(.answer[aria-busy=true]))[data-phase=open]")
    query_id = page.evaluate("JSON.parse(sessionStorage.getItem('rlhb.tab')).queryId")
    expect(page.locator("[data-says]")).to_contain_text("All answers are complete")
    page.keyboard.press("b")
    page.keyboard.press("d")
    expect(page.locator('.answer [data-act="dislike"]').nth(1)).to_have_attribute(
        "aria-pressed", "true"
    )
    page.keyboard.press("e")
    page.keyboard.press("Control+A")
    page.keyboard.type(OWN_WORDS)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".answer .text").nth(1)).to_have_text(OWN_WORDS)
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("x")
    expect(page.locator(".result .said")).to_contain_text("All bad")
    page.keyboard.press("u")
    expect(page.locator(".choices")).to_be_visible()
    page.keyboard.press("3")
    expect(page.locator(".result .said")).to_contain_text("C is best")
    page.keyboard.press("n")
    expect(page.locator(".query")).to_be_focused()
    recorded = studio.wait_for(query_id, "dislike", "edit", "vote")
    edit = next(signal for signal in recorded if signal.kind is SignalKind.EDIT)
    assert edit.payload == {"text": OWN_WORDS, "on": True}


def test_an_edit_is_taken_back_by_writing_what_stood_there(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    query_id = ask(page, CAPITAL)
    written = answers(page)[0]

    def rewrite(text: str) -> None:
        page.keyboard.press("a")
        page.keyboard.press("e")
        page.keyboard.press("Control+A")
        page.keyboard.type(text)
        page.keyboard.press("Control+Enter")
        expect(page.locator(".answer .text").first).to_have_text(text)

    rewrite(OWN_WORDS)
    expect(page.locator(".answer.edited")).to_have_count(1)
    page.keyboard.press("e")
    for nothing in ("Delete", "Space"):
        page.keyboard.press("Control+A")
        page.keyboard.press(nothing)
        page.keyboard.press("Control+Enter")
        expect(page.locator(".answer.editing")).to_have_count(1)  # there is something to mend
    expect(page.locator("[data-says]")).to_contain_text("An answer needs words.")
    page.keyboard.press("Escape")
    expect(page.locator(".answer .text").first).to_have_text(OWN_WORDS)
    rewrite(written)
    expect(page.locator(".answer.edited")).to_have_count(0)
    rewrite(written)  # nothing has changed, and nothing is recorded
    page.wait_for_function(
        "import('/static/signals.js').then(({ outbox }) => outbox.waiting === 0)"
    )
    recorded = studio.wait_for(query_id, "edit")
    edits = [signal.payload for signal in recorded if signal.kind is SignalKind.EDIT]
    assert edits == [{"text": OWN_WORDS, "on": True}, {"text": written, "on": False}]
    page.reload()
    page.wait_for_selector(".answer[data-status=done]")
    assert answers(page)[0] == written
    expect(page.locator(".answer.edited")).to_have_count(0)


def test_every_control_is_reached_by_tab_and_has_a_name(visit: Visit, ask: Ask) -> None:
    page = visit()
    ask(page, CAPITAL)
    page.locator(".query").focus()
    reached: set[str] = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(e => e.getAttribute('aria-label') || e.innerText.trim())(document.activeElement)"
            ).split("\n")[0]
        )
    for control in (
        "Ask",
        "Like",
        "Dislike",
        "Copy",
        "Edit",
        "More",
        "A is best",
        "Tie",
        "All bad",
        "Skip",
    ):
        assert any(name.startswith(control) for name in reached), (control, reached)
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, textarea, input')].filter(e => e.checkVisibility() &&"
        " !(e.innerText.trim() || e.getAttribute('aria-label'))).map(e => e.outerHTML)"
    )
    assert nameless == []


def test_a_refresh_in_mid_stream_goes_on_and_a_vote_may_come_early(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    studio.serve("Sloth Slow", *THREE[:2])
    page = visit()
    query_id = ask(page, "Say a lot.", complete=False)
    slow = page.locator(".answer .text").filter(has_text="word1")
    expect(slow).to_contain_text("word3")
    page.reload()
    expect(slow).to_contain_text("word6")
    assert page.locator(".query").input_value() == "Say a lot."
    assert ids(page)[0]
    page.keyboard.press("1")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    expect(page.locator(".result .early")).to_be_visible()
    expect(page.get_by_text(SLOW_TEXT)).to_be_visible()
    page.reload()
    expect(page.locator(".answer.revealed")).to_have_count(3)
    expect(page.locator(".result .said")).to_contain_text("A is best")
    assert "Sloth Slow" in names(page)
    recorded = studio.wait_for(query_id, "vote")
    assert next(s for s in recorded if s.kind is SignalKind.VOTE).payload["early"]
    assert "abandon" not in studio.kinds(query_id)  # at first not complete, then voted on


def test_a_failing_arm_does_not_block_the_others(visit: Visit, studio: Studio, ask: Ask) -> None:
    studio.serve("Dodo Broken", *THREE[:2])
    page = visit()
    ask(page, CAPITAL)
    failed = page.locator(".answer[data-status=failed]")
    expect(failed).to_have_count(1)
    expect(failed.locator(".note")).to_contain_text("The others are not affected")
    expect(page.locator(".answer[data-status=done]")).to_have_count(2)
    page.keyboard.press("t")
    expect(page.locator(".answer.revealed")).to_have_count(3)


def test_what_a_model_writes_is_read_as_markdown_and_no_markup(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    studio.serve("Parrot Markup")
    page = visit()
    ask(page, "Write <b>markup</b>.")
    text = page.locator(".answer .text").first
    expect(text.locator("p").first).to_have_text(MARKUP.split("\n")[0])
    expect(text.locator("li")).to_have_text(["first", "second ${value} {{this}}"])
    expect(text.locator("b, img")).to_have_count(0)
    assert page.evaluate("window.hacked") is None
    page.keyboard.press("v")
    expect(text).to_have_text(MARKUP, use_inner_text=True)
    page.reload()
    expect(text).to_have_text(MARKUP, use_inner_text=True)  # as it was left
    page.get_by_role("button", name="Raw").click()
    expect(text.locator("li")).to_have_count(2)


def test_each_paragraph_runs_the_way_of_its_letters(visit: Visit, studio: Studio, ask: Ask) -> None:
    """Whether the first letter of a paragraph stands at the right edge of its box or at the left."""
    edges = """(text) => {
      const box = text.getBoundingClientRect();
      const range = document.createRange();
      const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
      const ways = [];
      while (walker.nextNode()) {
        range.setStart(walker.currentNode, 0);
        range.setEnd(walker.currentNode, 1);
        const letter = range.getBoundingClientRect();
        ways.push(letter.right > box.right - 3 ? 'right' : letter.left < box.left + 3 ? 'left' : 'between');
      }
      return ways;
    }"""
    studio.serve("Camel Hebrew", *THREE[:2])
    page = visit()
    ask(page, "מהי בירת פרו?")
    assert page.locator(".query").evaluate("query => getComputedStyle(query).direction") == "rtl"
    hebrew = page.locator(".answer .text").filter(has_text="הבירה")
    assert hebrew.evaluate(edges) == ["right", "left"]
    place = answers(page).index(hebrew.inner_text())
    page.keyboard.press("abc"[place])
    page.keyboard.press("e")
    field = page.locator(".editor textarea:visible")
    assert field.evaluate("field => getComputedStyle(field).direction") == "rtl"
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    comment = page.locator(f"#more-{place} [name=text]")
    comment.fill("קצר מדי")
    assert comment.evaluate("field => getComputedStyle(field).direction") == "rtl"
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    other = visit("/data/")
    triplet = other.locator(".triplet").first  # the first of all, not of these
    for words in ("asked", "answered", "behaved"):
        expect(triplet.locator(f".{words}")).to_have_attribute("dir", "auto")


def test_an_answer_cut_at_the_limit_says_so_and_goes_on(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    studio.serve("Newt Cut", *THREE[:2])
    page = visit()
    ask(page, CAPITAL)
    cut = page.locator(".answer[data-status=cut]")
    expect(cut.locator(".state")).to_have_text("cut short")
    expect(cut.locator(".note")).to_have_text(re.compile(r"^Cut at \d+ tokens\.$"))
    expect(page.get_by_role("button", name="Continue")).to_have_count(1)
    place = answers(page).index(CUT[0])
    before = ids(page)
    page.keyboard.press("abc"[place])
    page.keyboard.press("g")
    panel = page.locator(".answer").nth(place)
    expect(panel.locator(".text")).to_have_text("".join(CUT))
    expect(panel).to_have_attribute("data-status", "done")
    expect(panel).to_be_focused()
    expect(page.get_by_role("button", name="Continue")).to_have_count(0)
    assert ids(page) == before  # the same answer, in the same place
    page.keyboard.press(str(place + 1))
    expect(page.locator(".answer.revealed")).to_have_count(3)

    ask(page, "What does a giraffe eat?")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".answer[data-status=done]")).to_have_count(3)
    ask(page, "How many legs does a spider have?")
    page.keyboard.press("t")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    go_on = page.get_by_role("button", name="Continue")
    expect(go_on).to_have_count(0)  # it was judged as it stands
    page.keyboard.press("u")
    expect(page.locator(".answer.revealed")).to_have_count(0)
    expect(go_on).to_have_count(0)  # nor is it blind any more
    page.keyboard.press("abc"[answers(page).index(CUT[0])])
    page.keyboard.press("g")
    assert answers(page).count(CUT[0]) == 1


def test_share_report_comment_and_regenerate(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    query_id = ask(page, CAPITAL)
    first = page.locator(".answer").first
    old = ids(page)[0]
    first.get_by_role("button", name="More").click()
    first.get_by_role("button", name="Share").click()
    more = first.locator("[data-more]")
    expect(more).to_contain_text("Copied")
    expect(more).to_contain_text("More")
    first.get_by_role("button", name="More").click()
    first.get_by_role("button", name="Report").click()
    expect(more).to_contain_text("Reported")
    more.click()
    expect(first.get_by_role("button", name="Take the report back")).to_have_attribute(
        "aria-pressed", "true"
    )
    first.get_by_role("textbox", name="Comment on answer A").fill("a bit curt")
    page.keyboard.press("Enter")
    expect(more).to_contain_text("Saved")
    studio.wait_for(query_id, "share", "flag", "critique")
    assert CAPITAL in page.evaluate("navigator.clipboard.readText()")
    more.click()
    first.get_by_role("button", name="Regenerate").click()
    page.wait_for_function(
        "old => document.querySelector('.answer').dataset.response !== old", arg=old
    )
    page.wait_for_selector(".compare:not(:has(.answer[aria-busy=true]))")
    studio.wait_for(query_id, "regenerate")
    assert answers(page)[0]


def test_the_next_query_says_what_it_is_to_the_one_before(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    first = ask(page, "What is the capital of Peru?")
    second = ask(page, "peru capital?")
    third = ask(page, "and which language do they speak in Peru?")
    recorded = studio.wait_for(first, "reformulate", "abandon")
    step = next(signal for signal in recorded if signal.kind is SignalKind.REFORMULATE)
    assert step.payload == {"to_query": second}
    recorded = studio.wait_for(second, "follow_up", "abandon")
    step = next(signal for signal in recorded if signal.kind is SignalKind.FOLLOW_UP)
    assert step.payload == {"to_query": third}
    kind = page.evaluate(
        """async (pairs) => {
          const { sequelKind } = await import('/static/compare/sequel.js');
          return pairs.map(([before, after, gapMs]) => sequelKind(before, after, { gapMs }));
        }""",
        [
            ["What is the capital of Peru?", "Which city is the capital of Peru?", 0],
            ["How many moons has Mars?", "How many moons has Jupiter?", 0],
            ["How many moons has Mars?", "why?", 0],
            ["What is the capital of Peru?", "What does a giraffe eat?", 0],
            ["What is the capital of Peru?", "What is the capital of Peru?", 0],
            ["What is the capital of Peru?", "capital of Peru", 3_600_000],
        ],
    )
    assert kind == ["reformulate", "follow_up", "follow_up", None, "reformulate", None]
