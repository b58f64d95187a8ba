"""A choice is between different answers that were given, by someone who does not know who wrote them."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from rlhb_core.schema.signals import SignalKind
from tests.browser.conftest import THREE, Studio, Visit
from tests.browser.model_server import ECHO

pytestmark = pytest.mark.browser
Ask = Callable[..., str]

CAPITAL = "What is the capital of Peru?"
PASSIVE = {SignalKind.SHOWN, SignalKind.DWELL, SignalKind.SCROLL, SignalKind.SELECT}


def places(page: Page, text: str) -> list[int]:
    """Where an answer stands, shown or folded, leftmost first."""
    texts: list[str] = page.locator(".answer .text").evaluate_all(
        "all => all.map(one => one.textContent)"
    )
    return [place for place, each in enumerate(texts) if each.startswith(text)]


def ids(page: Page) -> list[str]:
    found: list[str] = page.locator(".answer").evaluate_all(
        "all => all.map(one => one.dataset.response)"
    )
    return found


def votes(studio: Studio, query_id: str, count: int) -> list[dict[str, object]]:
    """The votes on a query, once there are so many."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        found = [s.payload for s in studio.signals(query_id) if s.kind is SignalKind.VOTE]
        if len(found) >= count:
            return found
        time.sleep(0.05)
    raise AssertionError(f"recorded are {found}")


# --- names ------------------------------------------------------------------------------------------


def test_what_is_done_after_the_reveal_says_so(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    query_id = ask(page, CAPITAL)
    page.locator(".answer .text").first.evaluate("text => getSelection().selectAllChildren(text)")
    page.keyboard.press("1")  # at once: what was selected is told before the names are
    expect(page.locator(".answer.revealed")).to_have_count(3)
    page.keyboard.press("b")
    page.keyboard.press("l")
    page.keyboard.press("u")
    expect(page.locator(".answer.revealed")).to_have_count(0)
    expect(page.get_by_text("You have seen the names")).to_be_visible()
    page.keyboard.press("2")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    expect(page.locator(".result .said")).to_contain_text("with the names known")
    votes(studio, query_id, 3)
    told = [(s.kind, s.unblinded) for s in studio.signals(query_id) if s.kind not in PASSIVE]
    assert told == [
        (SignalKind.VOTE, False),
        (SignalKind.LIKE, True),
        (SignalKind.VOTE, True),
        (SignalKind.VOTE, True),
    ]
    recorded = studio.wait_for(query_id, "select", "dwell", "scroll", "shown")
    first = next(s for s in recorded if s.kind is SignalKind.VOTE)
    for signal in recorded:
        if signal.kind in PASSIVE:
            assert signal.unblinded == (signal.at_ms > first.at_ms), signal
    blind = {s.kind for s in recorded if s.kind in PASSIVE and not s.unblinded}
    assert blind == PASSIVE


def test_a_clock_that_is_set_back_reverses_nothing(visit: Visit, studio: Studio, ask: Ask) -> None:
    visit.alone()
    page = visit()
    query_id = ask(page, CAPITAL)
    like = page.locator('.answer [data-act="like"]').first
    like.click()
    accent = "node => { node.style.color = 'var(--accent)'; return getComputedStyle(node).color; }"
    expect(like).to_have_css("color", page.locator(".compare .query").first.evaluate(accent))
    studio.wait_for(query_id, "like")
    page.evaluate("() => { const now = Date.now; Date.now = () => now() - 30_000; }")
    like.click()
    expect(like).to_have_attribute("aria-pressed", "false")
    until = time.monotonic() + 20
    while studio.kinds(query_id).count("like") < 2 and time.monotonic() < until:
        time.sleep(0.05)
    likes = [each for each in studio.signals(query_id) if each.kind is SignalKind.LIKE]
    assert [each.payload["on"] for each in likes] == [True, False]


def test_a_snapshot_from_before_the_vote_does_not_take_the_names_away(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    def listening(route: Route) -> None:
        """The page's own script, with its snapshots in reach."""
        script = route.fetch().text()
        begun = "gradio.watch((value) => this.#receive(value));"
        assert begun in script
        heard = "gradio.watch((value) => { window.heard = value; this.#receive(value); });"
        again = "window.again = () => this.#receive(window.heard);"
        route.fulfill(body=script.replace(begun, heard + again), content_type="text/javascript")

    visit.alone().route("**/static/compare/main.js", listening)
    page = visit()
    query_id = ask(page, CAPITAL)
    page.keyboard.press("t")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    assert page.evaluate("window.heard.view.panels.every(panel => !panel.revealed)")
    with page.expect_response(f"**/api/comparisons/{query_id}*"):
        page.evaluate("window.again()")  # as when it comes late
    expect(page.locator(".answer.revealed")).to_have_count(3)
    assert page.locator(".answer.revealed").count() == 3


def test_how_long_an_answer_took_is_said_after_the_vote_only(visit: Visit, ask: Ask) -> None:
    visit.alone().add_init_script(
        "window.parsed = []; const parse = JSON.parse;JSON.parse = (text, ...rest) => { "
        "window.parsed.push(String(text)); return parse(text, ...rest); };"
    )
    page = visit()
    ask(page, CAPITAL)
    streamed = "".join(page.evaluate("window.parsed"))
    assert '"duration_ms"' in streamed
    assert re.findall(r'"(?:duration|first_token)_ms":\s*\d', streamed) == []
    assert page.locator(".answer .state").all_inner_texts() == ["done"] * 3
    page.keyboard.press("t")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    for state in page.locator(".answer .state").all_inner_texts():
        assert re.fullmatch(r"done in \d+\.\d s", state)


# --- equal answers ----------------------------------------------------------------------------------


def test_equal_answers_are_one_answer(visit: Visit, studio: Studio, ask: Ask) -> None:
    studio.serve("Owl Echo", "Magpie Echo", THREE[0])
    page = visit()
    query_id = ask(page, CAPITAL)
    first, second = places(page, ECHO)
    letters = f"{'ABC'[first]} and {'ABC'[second]}"
    panel = page.locator(".answer").nth(first)
    expect(page.locator(".answer:visible")).to_have_count(2)
    expect(page.locator(".answer").nth(second)).to_be_hidden()
    expect(panel.locator(".state")).to_have_text(f"{letters} gave the same answer")
    expect(panel).to_have_attribute("aria-label", f"{letters} gave the same answer")
    expect(page.locator("[data-says]")).to_contain_text(f"{letters} gave the same answer.")
    expect(page.get_by_role("button", name=f"{letters} are best")).to_be_enabled()
    expect(page.locator('[data-choice="best"]:visible')).to_have_count(2)
    assert not any(name in page.content() for name in ("Owl Echo", "Magpie Echo"))
    expect(page.locator("[data-one-version]")).to_be_hidden()

    page.keyboard.press(str(second + 1))  # the letters stay what they were
    expect(page.locator(".result .said")).to_contain_text(f"{letters} are best")
    expect(panel).to_have_class(re.compile("chosen"))
    assert sorted(panel.locator(".name").all_inner_texts()) == ["Magpie Echo", "Owl Echo"]
    expect(panel.locator(".state")).to_have_text(
        re.compile(r"^the same answer in [\d.]+ and [\d.]+ s$")
    )
    assert votes(studio, query_id, 1)[0]["best"] == ids(page)[first]
    page.reload()
    expect(page.locator(".answer:visible")).to_have_count(2)
    expect(page.locator(".result .said")).to_contain_text(f"{letters} are best")


def test_a_fold_takes_the_selection_and_the_focus_along(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    studio.serve("Owl Echo", "Tapir Drawl", THREE[0])
    page = visit()
    query_id = ask(page, CAPITAL, complete=False)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.answer .text')].filter(t => t.textContent.startsWith('The same "
        "answer')).length === 2"
    )
    first, second = places(page, "The same answer")
    page.keyboard.press("abc"[second])
    page.locator(".answer .text").nth(second).evaluate(
        "text => { const words = text.querySelector('p').firstChild; "
        "getSelection().setBaseAndExtent(words, 4, words, 8); }"
    )
    expect(page.locator(".answer").nth(second)).to_be_hidden()
    assert page.evaluate("getSelection().toString()") == "same"
    texts = "[...document.querySelectorAll('.answer .text')]"
    assert page.evaluate(f"{texts}.findIndex(t => t.contains(getSelection().anchorNode))") == first
    expect(page.locator(".answer").nth(first)).to_be_focused()
    page.keyboard.press("l")
    page.keyboard.press("t")
    recorded = studio.wait_for(query_id, "select", "like", "vote")
    selected = [s for s in recorded if s.kind is SignalKind.SELECT]
    assert len(selected) == 1  # it is one selection, whichever panel it stands in
    assert (
        next(str(s.response_id) for s in recorded if s.kind is SignalKind.LIKE) == ids(page)[first]
    )


def test_an_answer_that_is_being_rewritten_is_not_folded_away(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    studio.serve("Owl Echo", "Tapir Drawl", THREE[0])
    page = visit()
    ask(page, CAPITAL, complete=False)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.answer .text')].filter(t => t.textContent.startsWith('The same "
        "answer')).length === 2"
    )
    _, second = places(page, "The same answer")
    page.keyboard.press("abc"[second])
    page.keyboard.press("e")
    page.keyboard.type("Mine")
    page.wait_for_selector(".compare:not(:has(.answer[aria-busy=true]))")
    expect(page.locator(".answer:visible")).to_have_count(3)
    page.keyboard.press("Escape")  # left as it was, it is the same
    expect(page.locator(".answer:visible")).to_have_count(2)


def test_three_equal_answers_by_one_version_say_both(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    studio.serve("Owl Echo")
    page = visit()
    query_id = ask(page, CAPITAL)
    expect(page.locator(".answer:visible")).to_have_count(1)
    expect(page.locator(".answer .state").first).to_have_text("All three gave the same answer")
    expect(
        page.get_by_text("All three are by the same version; put others into Compare")
    ).to_be_visible()
    expect(page.locator("[data-one-version] a")).to_have_attribute("href", "/runs/")
    expect(page.locator('[data-choice="best"]:visible')).to_have_text(re.compile("^Good"))
    expect(page.locator('[data-choice="tie"]')).to_be_disabled()
    page.keyboard.press("t")
    expect(page.locator(".refusal")).to_contain_text("only one answer")
    assert "vote" not in studio.kinds(query_id)
    assert "Owl Echo" not in page.content()
    page.keyboard.press("3")
    expect(page.locator(".result .said")).to_contain_text("Good")
    expect(page.locator(".answer:visible .name")).to_have_text(["Owl Echo"])
    assert votes(studio, query_id, 1)[0] == {"choice": "best", "best": ids(page)[0], "early": False}


# --- answers that cannot be chosen ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "why"),
    [("Dodo Broken", "could not answer"), ("Mole Nothing", "answered with nothing")],
)
def test_what_did_not_answer_cannot_be_chosen(
    version: str, why: str, visit: Visit, studio: Studio, ask: Ask
) -> None:
    studio.serve(version, *THREE[:2])
    page = visit()
    query_id = ask(page, CAPITAL)
    statuses = page.locator(".answer").evaluate_all("all => all.map(one => one.dataset.status)")
    place = next(place for place, status in enumerate(statuses) if status != "done")
    button = page.locator('[data-choice="best"]').nth(place)
    expect(button).to_be_disabled()
    expect(button).to_have_attribute("title", re.compile(why))
    expect(page.locator('[data-choice="best"]:enabled')).to_have_count(2)
    page.keyboard.press(str(place + 1))
    expect(page.locator(".refusal")).to_contain_text(
        f"{'ABC'[place]} {why}, so it cannot be chosen."
    )
    assert "vote" not in studio.kinds(query_id)
    page.keyboard.press("t")  # the others stand
    expect(page.locator(".answer.revealed")).to_have_count(3)
    expect(page.locator(".refusal")).to_be_hidden()


def test_where_none_answered_there_is_none_to_choose(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    studio.serve("Dodo Broken")
    page = visit()
    query_id = ask(page, CAPITAL)
    expect(page.locator(".answer .note").first).to_contain_text("This version could not answer.")
    expect(page.get_by_text("The others are not affected")).to_have_count(0)
    expect(page.locator("[data-choice]:enabled")).to_have_text(
        [re.compile("^All bad"), re.compile("^Skip")]
    )
    for key in "123t":
        page.keyboard.press(key)
    page.keyboard.press("x")
    expect(page.locator(".result .said")).to_contain_text("All bad")
    assert [vote["choice"] for vote in votes(studio, query_id, 1)] == ["all_bad"]


def test_what_has_not_said_a_word_yet_cannot_be_chosen(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    studio.serve("Koala Late", *THREE[:2])
    page = visit()
    ask(page, CAPITAL, complete=False)
    expect(page.locator(".answer[data-status=done]")).to_have_count(2)
    statuses = page.locator(".answer").evaluate_all("all => all.map(one => one.dataset.status)")
    place = statuses.index("waiting")
    page.keyboard.press(str(place + 1))
    expect(page.locator(".refusal")).to_contain_text("has not written anything yet")
    expect(page.locator('[data-choice="best"]').nth(place)).to_be_disabled()
    expect(page.locator(".answer[data-status=done]")).to_have_count(3)
    page.keyboard.press(str(place + 1))
    expect(page.locator(".result .said")).to_contain_text(f"{'ABC'[place]} is best")


# --- what the server says after a vote, late or not at all -----------------------------------------


LOOKS = re.compile(r"/api/comparisons/[0-9a-f-]+(\?.*)?$")
"""The addresses at which the page asks how a comparison stands."""


def test_what_comes_late_takes_nothing_back(visit: Visit, ask: Ask) -> None:
    """The look after an undo says that names are hidden; it may come after the one that shows them again."""
    page = visit()
    ask(page, CAPITAL)
    page.keyboard.press("1")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        response = route.fetch()
        if held:
            route.fulfill(response=response)
        else:
            held.append((route, response))

    page.route(LOOKS, hold)
    page.keyboard.press("u")
    until = time.monotonic() + 20
    while not held and time.monotonic() < until:
        page.wait_for_timeout(20)
    page.keyboard.press("2")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    expect(page.locator(".result .said")).to_contain_text("B is best")
    route, response = held[0]
    with page.expect_response(LOOKS):
        route.fulfill(response=response)
    page.wait_for_timeout(300)
    expect(page.locator(".answer.revealed")).to_have_count(3)


def test_names_are_shown_though_the_first_look_fails(visit: Visit, ask: Ask) -> None:
    page = visit()
    ask(page, CAPITAL)
    failed: list[Route] = []

    def fail_once(route: Route) -> None:
        if failed:
            route.continue_()
        else:
            failed.append(route)
            route.abort()

    visit.expect("ERR_FAILED")
    page.route(LOOKS, fail_once)
    page.keyboard.press("1")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    assert failed
