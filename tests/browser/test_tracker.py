"""Nothing that a person did is lost or told twice: outbox, tabs, lost connections, closing, pausing, erasing."""

import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from uuid import UUID

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, Route, expect

from app.store import queries
from app.store.tables import QUERY
from rlhb_core.schema.signals import SignalKind
from tests.browser.conftest import LAST_WORDS, MIRRORS, THREE, Studio, Visit
from tests.browser.model_server import asking_for

pytestmark = pytest.mark.browser
Ask = Callable[..., str]

CAPITAL = "What is the capital of Peru?"


def in_outboxes(page: Page) -> int:
    count: int = page.evaluate(
        "Object.keys(localStorage).filter(key => key.startsWith('rlhb.outbox.'))"
        ".flatMap(key => JSON.parse(localStorage[key])).length"
    )
    return count


def hide(page: Page, hidden: bool) -> None:
    """As if the tab were put behind another; headless Chromium never does so by itself."""
    page.evaluate(
        """(hidden) => {
          const get = () => hidden ? 'hidden' : 'visible';
          Object.defineProperty(document, 'visibilityState', { configurable: true, get });
          document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )


def test_time_in_a_hidden_tab_is_not_reading(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    page.evaluate("window.began = performance.now()")
    query_id = ask(page, CAPITAL)
    hide(page, True)
    hidden_for = 1_500
    page.wait_for_timeout(hidden_for)
    hide(page, False)
    page.keyboard.press("s")
    waited = page.evaluate("performance.now() - window.began")
    recorded = studio.wait_for(query_id, "vote")
    dwelt = Counter[str]()
    for signal in recorded:
        if signal.kind is SignalKind.DWELL:
            dwelt[str(signal.response_id)] += signal.payload["ms"]
    assert max(dwelt.values()) < waited - hidden_for + 200


def test_time_without_a_move_for_half_a_minute_is_not_reading(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit.alone().new_page()
    page.clock.install()
    page.goto("/")
    page.wait_for_selector(".compare[data-live]")
    query_id = ask(page, CAPITAL)
    page.clock.fast_forward(120_000)
    page.clock.run_for(6_000)
    page.keyboard.press("s")
    page.clock.run_for(2_000)
    recorded = studio.wait_for(query_id, "vote", "dwell")
    dwelt = Counter[str]()
    for signal in recorded:
        if signal.kind is SignalKind.DWELL:
            dwelt[str(signal.response_id)] += signal.payload["ms"]
    assert len(dwelt) == 3
    assert all(29_000 < ms < 33_000 for ms in dwelt.values()), dwelt


def test_reading_goes_on_at_once_when_an_idle_person_stirs(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit.alone().new_page()
    page.clock.install()
    page.goto("/")
    page.wait_for_selector(".compare[data-live]")
    query_id = ask(page, CAPITAL)
    page.mouse.move(300, 300)
    page.clock.fast_forward(60_000)
    page.mouse.move(400, 300)
    page.clock.fast_forward(3_000)
    page.keyboard.press("s")
    page.clock.run_for(2_000)
    dwelt = Counter[str]()
    for signal in studio.wait_for(query_id, "vote", "dwell"):
        if signal.kind is SignalKind.DWELL:
            dwelt[str(signal.response_id)] += signal.payload["ms"]
    assert all(32_500 < ms < 35_000 for ms in dwelt.values()), dwelt


def test_an_answer_longer_than_many_windows_is_read_too(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    studio.serve("Whale Long", *THREE[:2])
    page = visit(viewport={"width": 390, "height": 500})
    query_id = ask(page, CAPITAL)
    texts = page.locator(".answer .text").all_inner_texts()
    place = next(place for place, text in enumerate(texts) if text.startswith("word0"))
    panel = page.locator(".answer").nth(place)
    page.locator(".pager button").nth((place + 2) % 3).click()
    expect(panel).not_to_be_in_viewport(ratio=0.1)
    page.locator(".pager button").nth(place).click()
    expect(page.locator(".pager button").nth(place)).to_have_attribute("aria-current", "true")
    hide(page, True)  # what was read before is told
    hide(page, False)
    before = page.evaluate("Date.now()")
    page.wait_for_timeout(1_500)
    page.keyboard.press("s")
    response_id = panel.get_attribute("data-response")
    dwelt = [
        signal.payload["ms"]
        for signal in studio.wait_for(query_id, "vote")
        if signal.kind is SignalKind.DWELL
        and str(signal.response_id) == response_id
        and signal.at_ms > before
    ]
    assert sum(dwelt) > 1_300


@pytest.mark.parametrize("is_raw", [False, True])
@pytest.mark.parametrize("height", [500, 640])
def test_depth_is_how_far_the_answer_was_really_seen(
    height: int, is_raw: bool, visit: Visit, studio: Studio, ask: Ask
) -> None:
    """In a window of 640 pixels the answer scrolls in itself, in one of 500 with the page."""
    studio.serve(*MIRRORS)
    page = visit(viewport={"width": 1000, "height": height})
    answer = "\n\n".join(
        "Words and more words, so that it takes a while to read." for _ in range(16)
    )
    query_id = ask(page, asking_for(answer, answer, answer))
    if is_raw:
        page.keyboard.press("v")

    def depths() -> list[float]:
        recorded = studio.wait_for(query_id, "scroll")
        return [s.payload["depth"] for s in recorded if s.kind is SignalKind.SCROLL]

    assert max(depths()) < 0.9
    page.mouse.move(500, height / 2)
    end = "document.querySelector('.answer .text').getBoundingClientRect().bottom - innerHeight"
    page.mouse.wheel(0, page.evaluate(end) + (160 if height == 500 else 400))
    page.wait_for_function(f"{end} < -100")
    page.wait_for_timeout(300)
    page.keyboard.press("s")
    studio.wait_for(query_id, "vote")
    assert Counter(depths())[1] == 1  # three times the same answer, shown as one


def test_depth_is_the_share_of_what_was_written_and_thoughts_are_not_the_answer(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    studio.serve(*MIRRORS)
    page = visit(viewport={"width": 1360, "height": 800})
    words = "word " * 60
    answer = (
        f"<think>\n{words * 9}\n</think>\n\n{words}\n\n```\n{'x = 1;' * 300}\n```\n\n{words * 9}"
    )
    ask(page, asking_for(answer, "short", "shorter"))
    depth = page.locator(".answer").filter(has=page.locator(".thoughts")).locator(".text")
    share = """async (text, unfold) => {
      const { depthOf } = await import('/static/compare/seen.js');
      text.querySelector('details').open = unfold;
      return depthOf(text, text.querySelector('.code').getBoundingClientRect().bottom);
    }"""
    down_to_the_code = (len(words) - 1 + 300 * 6 + 8) / (
        len(words) - 1 + 300 * 6 + 8 + 9 * len(words) - 1
    )
    for unfold in (False, True):
        assert depth.evaluate(share, unfold) == pytest.approx(down_to_the_code, abs=0.01)


def test_selecting_and_copying_by_hand_are_recorded(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    query_id = ask(page, CAPITAL)
    page.locator(".answer .text").first.evaluate("text => getSelection().selectAllChildren(text)")
    length = len(page.locator(".answer .text").first.inner_text())
    page.keyboard.press("Control+C")
    assert len(page.evaluate("navigator.clipboard.readText()")) == length
    recorded = studio.wait_for(query_id, "select", "copy")
    chars = {
        s.kind: s.payload["chars"]
        for s in recorded
        if s.kind in (SignalKind.SELECT, SignalKind.COPY)
    }
    assert chars == {SignalKind.SELECT: length, SignalKind.COPY: length}


def test_a_tab_closed_at_once_loses_nothing(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    query_id = ask(page, CAPITAL)
    for letter in "abc":
        page.keyboard.press(letter)
        page.keyboard.press("l")
    page.keyboard.press("2")
    page.close()
    recorded = studio.wait_for(query_id, "like", "vote", "dwell", "shown")
    kinds = Counter(signal.kind for signal in recorded)
    assert kinds[SignalKind.LIKE] == 3
    assert kinds[SignalKind.VOTE] == 1


def test_leaving_without_a_vote_is_recorded_and_a_refresh_is_not_leaving(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    def left(times: int) -> list[bool]:
        until = time.monotonic() + 8
        while studio.kinds(query_id).count("abandon") < times and time.monotonic() < until:
            time.sleep(0.05)
        recorded = studio.signals(query_id)
        return [s.payload.get("on", True) for s in recorded if s.kind is SignalKind.ABANDON]

    def reload_by_the_button() -> None:
        page.reload()  # of which the page is told nothing beforehand

    def reload_by_itself() -> None:
        page.evaluate("location.reload()")
        page.wait_for_function("performance.getEntriesByType('navigation')[0].type === 'reload'")

    def go_and_come_back() -> None:
        page.goto("/runs/")
        page.go_back()

    page = visit()
    query_id = ask(page, CAPITAL)
    for times, away in enumerate((reload_by_the_button, reload_by_itself, go_and_come_back), 1):
        away()
        expect(page.locator(".answer[data-status=done]")).to_have_count(3)
        assert left(2 * times) == [True, False] * times
    page.close()
    assert left(7)[-1]
    page = visit()  # another tab: what was left open comes back
    expect(page.locator(".answer[data-status=done]")).to_have_count(3)
    assert page.locator(".query").input_value() == CAPITAL


def test_two_tabs_do_not_get_in_each_others_way(visit: Visit, studio: Studio, ask: Ask) -> None:
    one, two = visit(), visit()
    first = ask(one, CAPITAL)
    second = ask(two, "What does a giraffe eat?")
    assert first != second
    for page in (one, two):
        page.keyboard.press("a")
        page.keyboard.press("l")
    one.keyboard.press("1")
    two.keyboard.press("t")
    for page in (one, two):
        expect(page.locator(".answer.revealed")).to_have_count(3)
    votes = [studio.wait_for(query_id, "like", "vote")[-1] for query_id in (first, second)]
    assert votes
    one.reload()
    expect(one.locator(".result .said")).to_contain_text("A is best")
    assert one.locator(".query").input_value() == CAPITAL


def test_offline_is_said_calmly_and_made_good(visit: Visit, studio: Studio, ask: Ask) -> None:
    visit.alone()
    page = visit()
    query_id = ask(page, CAPITAL)
    visit.expect("ERR_INTERNET_DISCONNECTED", *LAST_WORDS)
    visit.context.set_offline(True)
    page.keyboard.press("a")
    page.keyboard.press("l")
    page.keyboard.press("1")
    expect(page.get_by_text("Saved here, will be sent.")).to_be_visible()
    expect(
        page.get_by_text("No connection. What you do is saved here and will be sent.")
    ).to_be_visible()
    assert in_outboxes(page) >= 2
    page.locator(".query").fill("What does a giraffe eat?")
    page.locator(".query").press("Enter")
    expect(page.get_by_text("this was not asked")).to_be_visible()
    expect(page.locator(".result .said")).to_contain_text("A is best")
    assert "vote" not in studio.kinds(query_id)
    visit.context.set_offline(False)
    expect(page.locator(".answer.revealed")).to_have_count(3)
    expect(page.get_by_text("No connection.", exact=False)).to_be_hidden()
    recorded = studio.wait_for(query_id, "like", "vote")
    assert Counter(signal.kind for signal in recorded)[SignalKind.VOTE] == 1


def test_a_server_that_is_back_is_told_at_once_and_undo_outlives_the_wait(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    visit.alone()
    page = visit()
    query_id = ask(page, CAPITAL)
    visit.expect("Failed to load resource")
    page.clock.install()
    page.route("**/api/signals", lambda route: route.fulfill(status=503, json={"detail": "away"}))
    page.keyboard.press("1")
    expect(page.get_by_text("Saved here, will be sent.")).to_be_visible()
    page.clock.run_for(60_000)
    undo = page.locator("[data-undo]")
    expect(undo).to_be_visible()
    expect(undo).not_to_contain_text(" s)")
    page.unroute("**/api/signals")
    page.keyboard.press("a")
    page.keyboard.press("l")
    expect(page.locator(".answer.revealed")).to_have_count(3, timeout=4_000)
    expect(undo).to_contain_text(re.compile(r"Undo \((10|9|8|7|6) s\)"))
    page.keyboard.press("u")
    expect(page.locator(".answer.revealed")).to_have_count(0)
    recorded = studio.wait_for(query_id, "like", "vote")
    assert Counter(signal.kind for signal in recorded)[SignalKind.LIKE] == 1


def test_a_question_that_was_given_up_comes_onto_the_page_after_all(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    visit.alone().clock.install()
    page = visit()
    before = ask(page, CAPITAL)
    question = f"What does a giraffe eat? ({before[:8]})"
    slow = page.get_by_text("The answers are slow to start.", exact=False)
    database = studio.store.engine.url.database or ""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # nothing can be stored meanwhile
        page.locator(".query").fill(question)
        page.locator(".query").press("Control+Enter")
        for _ in range(100):
            page.clock.run_for(1_000)
            page.wait_for_timeout(50)  # what is asked meanwhile is answered in real time
            if slow.is_visible():
                break
        expect(slow).to_be_visible()
    page.wait_for_function(
        "old => JSON.parse(sessionStorage.getItem('rlhb.tab')).queryId !== old", arg=before
    )
    expect(slow).to_be_hidden()
    page.wait_for_selector(".compare:not(:has(.answer[aria-busy=true]))")
    assert page.locator(".query").input_value() in ("", question)
    query_id = page.evaluate("JSON.parse(sessionStorage.getItem('rlhb.tab')).queryId")
    page.keyboard.press("2")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    studio.wait_for(query_id, "vote")
    with studio.store.reading() as connection:
        person_id = queries.get(connection, UUID(query_id)).person_id
        asked = [each.text for each in queries.of_person(connection, person_id)]
    assert asked.count(question) == 1


def test_a_page_that_dies_offline_leaves_its_outbox_to_the_next(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    visit.alone()
    page = visit()
    query_id = ask(page, CAPITAL)
    visit.expect("ERR_INTERNET_DISCONNECTED", *LAST_WORDS)
    visit.context.set_offline(True)
    page.keyboard.press("3")
    expect(page.get_by_text("Saved here, will be sent.")).to_be_visible()
    page.close()
    visit.context.set_offline(False)
    other = visit("/")
    studio.wait_for(query_id, "vote")
    other.wait_for_function(
        "() => !Object.keys(localStorage).some(key => key.startsWith('rlhb.outbox.') && "
        "localStorage[key].includes('\"vote\"'))"
    )


def test_a_refused_signal_does_not_hold_back_the_others(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    query_id = ask(page, CAPITAL)
    visit.expect("422")
    outcome = page.evaluate(
        """async (queryId) => {
          const { record, page } = await import('/static/signals.js');
          const responseId = document.querySelector('.answer').dataset.response;
          const sent = [record('like', queryId, responseId, { on: true }), record('like', queryId, null, {}),
                        record('flag', queryId, responseId, { reason: 'r', on: true })];
          return (await Promise.allSettled(sent)).map(({ status }) => status);
        }""",
        query_id,
    )
    assert outcome == ["fulfilled", "rejected", "fulfilled"]
    assert {"like", "flag"} <= set(studio.kinds(query_id))
    assert in_outboxes(page) == 0


def test_paused_means_that_reading_is_not_recorded(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    page.get_by_role("button", name="pause", exact=True).click()
    expect(page.get_by_text("Recording paused")).to_be_visible()
    query_id = ask(page, CAPITAL)
    page.wait_for_timeout(700)
    first = page.locator(".answer").first
    first.locator('[data-act="copy"]').click()
    first.locator("[data-more]").click()
    first.get_by_role("button", name="Regenerate").click()  # said on purpose, like the vote
    studio.wait_for(query_id, "regenerate")
    page.wait_for_selector(".compare:not(:has(.answer[aria-busy=true]))")
    page.keyboard.press("t")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    assert set(studio.kinds(query_id)) == {"regenerate", "vote"}
    page.get_by_role("button", name="resume", exact=True).click()
    expect(page.get_by_text("Recording how you read and react")).to_be_visible()
    query_id = ask(page, "What does a giraffe eat?")
    page.keyboard.press("s")
    studio.wait_for(query_id, "shown", "dwell", "vote")


def test_what_was_done_before_a_pause_is_recorded(visit: Visit, studio: Studio, ask: Ask) -> None:
    visit.alone()
    page = visit()
    first = ask(page, CAPITAL)
    page.keyboard.press("1")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    ask(page, "And what is its largest city?")
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.get_by_role("button", name="pause", exact=True).click()
    assert "follow_up" in studio.kinds(first), "it would have waited for three seconds"
    with studio.store.reading() as connection:
        recorded = sa.select(QUERY.c.recorded).where(QUERY.c.id == UUID(first))
        assert connection.execute(recorded).scalar_one() is True


def test_who_pauses_and_resumes_at_once_is_recorded(visit: Visit, ask: Ask) -> None:
    held: list[Route] = []
    visit.alone().route("**/api/signals", lambda route: held.append(route))
    page = visit()
    ask(page, CAPITAL)
    page.locator('.answer [data-act="like"]').first.click()
    page.get_by_role("button", name="pause", exact=True).click()
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.get_by_role("button", name="resume", exact=True).click()
    assert held, "the pause waits for what was done before it"
    for route in held:
        route.continue_()
    page.wait_for_timeout(3_500)  # its patience
    assert page.request.get("/api/me").json()["recording"] is True
    expect(page.get_by_role("button", name="pause", exact=True)).to_be_visible()


def test_a_name_the_own_data_and_erasing_it(visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit()
    query_id = ask(page, CAPITAL)
    page.keyboard.press("1")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    page.locator(".person").click()
    page.get_by_role("textbox", name="Your name").fill("Ada")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("[data-person-name]")).to_have_text("Ada")
    expect(page.locator("[data-person-today]")).to_have_text("1 today")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download my data").click()
    lines = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    assert query_id in {line["id"] for line in lines if line["type"] == "query"}
    page.get_by_role("button", name="Erase my data").dblclick()  # is one press
    sure = page.get_by_role("button", name="Yes, erase everything of mine")
    expect(sure).to_have_attribute("data-armed", "")
    assert studio.signals(query_id)
    sure.click()
    expect(page.locator("[data-person-today]")).to_have_text("0 today")
    expect(page.locator(".compare")).to_have_attribute("data-phase", "empty")
    assert studio.signals(query_id) == []
