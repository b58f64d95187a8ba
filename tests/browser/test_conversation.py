"""Conversations in the browser: a question goes on or stands alone, with what went before it there to read."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from app.store import FREE, Plan, Threads, queries, studies
from rlhb_core.schema.reading import summarise
from rlhb_core.schema.records import Query
from tests.browser.conftest import EMBEDDED, Studio, Visit
from tests.browser.test_axe import check
from tests.browser.test_edit_diff import rewrite
from tests.browser.test_keys import sent
from tests.browser.test_look import SIZES

pytestmark = pytest.mark.browser
Ask = Callable[..., str]

CAPITAL = "What is the capital of Peru?"


def asked(studio: Studio, query_id: str) -> Query:
    with studio.store.reading() as connection:
        return queries.get(connection, UUID(query_id))


def go_on(page: Page) -> None:
    """Have further questions go on."""
    button = page.locator(".going-on button")
    expect(button).to_be_visible()
    if button.get_attribute("aria-pressed") == "false":
        page.keyboard.press("f")
    expect(button).to_have_attribute("aria-pressed", "true")


def vote_for(page: Page, key: str) -> str:
    """Vote, and wait until it stands; the answer that was chosen."""
    page.keyboard.press(key)
    expect(page.locator(".answer.revealed").first).to_be_visible()
    return page.locator(".answer").nth(int(key) - 1).locator(":scope .body > .text").inner_text()


def test_a_question_goes_on_with_the_answer_that_was_chosen(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    first = ask(page, CAPITAL)
    line, thread = page.locator(".going-on"), page.locator(".compare > .thread")
    expect(line).to_contain_text("stands alone")
    expect(thread).to_be_hidden()
    go_on(page)
    expect(line).to_contain_text("goes on from A")
    words = vote_for(page, "2")
    expect(line).to_contain_text("goes on from B")
    second = ask(page, "And how old is it?")
    query = asked(studio, second)
    assert (str(query.follows), query.turn) == (first, 2)
    assert [each.content for each in query.history] == [CAPITAL, words]
    expect(thread).to_contain_text(f"1 turn before: {CAPITAL}")
    thread.locator("summary").click()
    expect(thread.locator(".said")).to_have_text(words)

    page.reload()
    expect(thread).to_contain_text("1 turn before")
    expect(line).to_contain_text("goes on from A")
    third = ask(page, "Why there?")
    assert asked(studio, third).turn == 3
    expect(thread).to_contain_text("2 turns before")

    page.keyboard.press("f")
    expect(line).to_contain_text("stands alone")
    alone = asked(studio, ask(page, "Why is the sky blue?"))
    assert (alone.follows, alone.turn, alone.history) == (None, 1, [])
    expect(thread).to_be_hidden()

    go_on(page)  # but what is picked begins afresh
    page.locator(".query").focus()
    page.locator(".chip").first.click()
    expect(page.locator(".question")).to_be_hidden()
    page.wait_for_function(
        "(before) => JSON.parse(sessionStorage.getItem('rlhb.tab')).queryId !== before",
        arg=str(alone.id),
    )
    picked = page.evaluate("JSON.parse(sessionStorage.getItem('rlhb.tab')).queryId")
    assert asked(studio, picked).follows is None


def test_an_edit_is_gone_on_with_even_if_it_was_made_just_now(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    ask(page, CAPITAL)
    go_on(page)
    page.keyboard.press("c")
    page.keyboard.press("e")
    page.keyboard.press("Control+A")
    page.keyboard.type("Lima, where else.")
    page.keyboard.press("Control+Enter")
    vote_for(page, "3")
    second = ask(page, "And of Chile?")
    assert asked(studio, second).history[1].content == "Lima, where else."


def test_what_a_question_is_to_the_one_before_can_be_corrected(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    first = ask(page, CAPITAL)
    step = page.locator(".sequel")
    expect(step).to_be_hidden()
    second = ask(page, "Which city is the capital of Peru?")
    studio.wait_for(first, "reformulate")
    pressed = step.locator('[aria-pressed="true"]')
    expect(pressed).to_have_text("asks again")
    step.get_by_role("button", name="goes further").click()
    expect(pressed).to_have_text("goes further")
    sent(page)

    def behaviour() -> tuple[bool, bool]:
        found = summarise(UUID(int=0), studio.wait_for(first, "follow_up"))
        return found.asked_again, found.asked_further

    assert behaviour() == (False, True)
    step.get_by_role("button", name="is new").click()
    expect(pressed).to_have_text("is new")
    sent(page)
    assert behaviour() == (False, False)
    assert all(
        signal.payload["to_query"] == second
        for signal in studio.signals(first)
        if signal.kind in ("follow_up", "reformulate")
    )


@pytest.fixture
def own_threads(studio: Studio) -> Iterator[None]:
    """Free questions in which each version goes on with its own answers."""

    def plan(threads: Threads) -> None:
        with studio.store.writing() as connection:
            studies.change(connection, FREE, plan=Plan(threads=threads))

    plan(Threads.OWN)
    yield
    plan(Threads.CHOSEN)


def test_a_researcher_says_what_free_questions_go_on_with(visit: Visit, studio: Studio) -> None:
    page = visit("/studies")
    choice = page.get_by_label("A further one goes on with")

    def threads() -> Threads:
        with studio.store.reading() as connection:
            return studies.get(connection, FREE).plan.threads

    for wanted in (Threads.OWN, Threads.CHOSEN):
        choice.select_option(wanted)
        page.get_by_role("button", name="Save it").click()
        expect(page.get_by_text("Saved. Conversations that have begun")).to_be_visible()
        assert threads() is wanted
        page.reload()
        expect(choice).to_have_value(wanted)


@pytest.mark.usefixtures("own_threads")
def test_each_version_has_a_thread_of_its_own_and_no_name(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    ask(page, CAPITAL)
    go_on(page)
    expect(page.locator(".going-on")).to_contain_text("each with its own answer")
    said = set(page.locator(".answer .body > .text").all_inner_texts())
    page.keyboard.press("1")
    expect(page.locator(".result")).to_be_visible()
    ask(page, "And how old is it?")
    own = page.locator(".answer .thread.of-version")
    expect(own).to_have_count(3)
    for number in range(3):
        expect(own.nth(number)).to_contain_text(f"1 turn before: {CAPITAL}")
        own.nth(number).locator("summary").click()
    assert set(page.locator(".answer .thread.of-version .said").all_inner_texts()) == said
    expect(page.locator(".compare > .thread")).to_be_hidden()
    expect(page.locator(".answer.revealed")).to_have_count(0)


def test_what_a_model_was_not_given_is_said(visit: Visit, studio: Studio, ask: Ask) -> None:
    studio.serve(*EMBEDDED)
    page = visit()
    ask(page, CAPITAL)
    go_on(page)
    said = page.locator(".left-out")
    expect(said).to_be_hidden()
    ask(page, "What is the capital of Chile?")
    expect(said).to_contain_text("The first turn was left out for one model at least")
    page.keyboard.press("x")
    expect(page.locator(".answer.revealed").first).to_be_visible()
    expect(said).to_have_text(
        "The first turn was left out: it did not fit, or the model takes each question by itself."
    )


@pytest.mark.parametrize("size", SIZES)
def test_axe_has_nothing_to_say_of_a_conversation(
    size: str, visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit(viewport=SIZES[size])
    ask(page, CAPITAL)
    for question in ("And how old is it?", "Why there? " * 30, "Really?"):
        go_on(page)
        ask(page, question)
    expect(page.locator(".compare > .thread")).to_contain_text("3 turns before")
    check(page)
    page.locator(".compare > .thread summary").click()
    check(page)
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0, "nothing is wider than the window"


FURTHER, AGAIN, NEW = "follow_up", "reformulate", None
PAIRS = [
    (CAPITAL, "Which city is the capital of Peru?", False, AGAIN),
    (CAPITAL, "capital Peru?", False, AGAIN),
    (CAPITAL, "what is the capital of peru", False, AGAIN),
    (CAPITAL, "No, I meant the country in South America.", False, AGAIN),
    (CAPITAL, "I said the capital, not the largest city.", True, AGAIN),
    (CAPITAL, "What is the capital of Peru in South America?", False, AGAIN),
    ("Who discovered helium?", "Which scientist discovered helium?", False, AGAIN),
    ("Give me a recipe with eggs", "In other words, what can I cook with eggs?", True, AGAIN),
    (CAPITAL, "And of Chile?", False, FURTHER),
    (CAPITAL, "Why is Lima the capital of Peru?", False, FURTHER),
    (CAPITAL, "How did it become the capital of Peru?", True, FURTHER),
    (CAPITAL, "How many people live in the capital of Peru?", False, FURTHER),
    ("How many moons has Mars?", "How many moons has Jupiter?", False, FURTHER),
    ("How many moons has Mars?", "Who discovered them?", False, FURTHER),
    ("How many moons has Mars?", "Are you sure?", False, FURTHER),
    ("How many moons has Mars?", "why?", False, FURTHER),
    (CAPITAL, "Chile?", True, FURTHER),
    (CAPITAL, "Go on", True, FURTHER),
    (CAPITAL, "Tell me more.", True, FURTHER),
    (CAPITAL, "Chile?", False, NEW),
    (CAPITAL, "What does a giraffe eat?", False, NEW),
    (CAPITAL, "What does a giraffe eat?", True, NEW),
    ("Suggest three dinners from rice.", "How does a bill become a law?", False, NEW),
]


def test_what_a_question_is_to_the_one_before_is_told_by_what_it_says(visit: Visit) -> None:
    found = visit().evaluate(
        """async (pairs) => {
          const { sequelKind } = await import('/static/compare/sequel.js');
          return pairs.map(([before, after, goesOn]) => sequelKind(before, after, { goesOn }));
        }""",
        [list(pair[:3]) for pair in PAIRS],
    )
    assert [(*pair[:3], kind) for pair, kind in zip(PAIRS, found, strict=True)] == PAIRS


def test_a_question_goes_on_with_an_own_version_where_nothing_was_chosen(
    visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit()
    ask(page, CAPITAL)
    go_on(page)
    expect(page.locator(".going-on")).to_contain_text("goes on from A")
    rewrite(page, page.locator(".answer").nth(1), "Lima, since 1821.")
    expect(page.locator(".going-on")).to_contain_text("goes on from B")
    query = asked(studio, ask(page, "And how old is it?"))
    assert [each.content for each in query.history] == [CAPITAL, "Lima, since 1821."]
