"""What somebody writes and does not send stands on their next page too; here that is another tab."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.conftest import Studio, Visit
from tests.browser.test_desk import made

pytestmark = pytest.mark.browser

QUESTION = "What is the capital of Peru, and why"


def is_kept(answer: Response) -> bool:
    return answer.request.method == "PUT" and "/api/me/drafts/" in answer.url and answer.ok


def opened(visit: Visit, path: str, first: Page | None = None) -> Page:
    page = visit(path, context=first.context) if first else visit(path)
    page.wait_for_selector(".compare[data-live]:is([data-phase=empty], [data-phase=open])")
    return page


def drafts(page: Page) -> list[str]:
    found: list[dict[str, str]] = page.request.get("/api/me/drafts").json()
    return [each["text"] for each in found]


def test_a_question_goes_on_elsewhere_until_it_is_asked(
    visit: Visit, ask: Callable[..., str]
) -> None:
    first = opened(visit, "/")
    with first.expect_response(is_kept):
        first.locator(".query").fill(QUESTION)
    second = opened(visit, "/", first)
    expect(second.locator(".query")).to_have_value(QUESTION)
    with second.expect_response(is_kept):
        ask(second, f"{QUESTION}?")
    assert drafts(second) == []


def test_words_are_kept_by_whoever_leaves_in_the_middle(visit: Visit) -> None:
    first = opened(visit, "/")
    first.locator(".query").press_sequentially("Half a quest")
    first.goto("/studies")  # sent as the page goes, and there before what the next one asks
    second = opened(visit, "/", first)
    expect(second.locator(".query")).to_have_value("Half a quest")


def test_versions_and_words_on_answers_go_on_elsewhere(visit: Visit, studio: Studio) -> None:
    study = made(studio, 1, formats=["best", "critique"])
    first = opened(visit, f"/?study={study.id}")
    with first.expect_response(is_kept):
        first.get_by_label("In words, answer B").press_sequentially("Half a thought")
    first.get_by_label("In words, answer B").evaluate("field => field.blur = () => {}")
    first.locator(".answer").first.hover()
    first.locator('.answer [data-act="edit"]').first.click()
    with first.expect_response(lambda answer: is_kept(answer) and "/edit." in answer.url):
        first.locator(".answer .editor textarea").first.fill("A better version")
    second = opened(visit, f"/?study={study.id}", first)
    second.get_by_role("button", name="Go on with it").click()
    field = second.locator(".answer .editor textarea").first
    expect(field).to_have_value("A better version")
    field.press("Escape")
    drop = second.get_by_role("button", name="Drop it")
    drop.click()
    second.wait_for_selector("[data-drop-edit][data-armed]")
    with second.expect_response(is_kept):
        second.locator("[data-drop-edit]").first.click()  # given up
    assert "A better version" not in drafts(second)
    second.locator('.answer [data-act="edit"]').first.click()
    expect(field).not_to_have_value("A better version")
    second.get_by_role("button", name="Close").first.click()
