"""No page breaks a rule of axe: light and dark, wide and narrow, before and after a vote, with everything opened.

All of its default rules are asked for, and the one that compares a visible label with the name that is read out.
"""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from rlhb_core.schema.records import Source
from tests.browser.conftest import THREE, Studio, Visit
from tests.browser.test_look import SIZES
from tests.browser.test_runs_pages import judged as judged
from tests.browser.test_runs_pages import log_some

pytestmark = pytest.mark.browser
Ask = Callable[..., str]

OPTIONS = {
    "resultTypes": ["violations"],
    "rules": {"label-content-name-mismatch": {"enabled": True}},
}
PATIENCE_MS = 60_000
"""A loaded machine takes its time for a page with ten plots."""
STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"
"""Colours on their way from light to dark are neither."""


COLOURS = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
"""The rules that look at colours: in nothing else does the dark page differ."""


def check(page: Page, part: str | None = None) -> None:
    """Axe has nothing to say of the page (or a part of it) as it stands, in light and in dark."""
    page.add_style_tag(content=STILL)
    found = []
    for scheme, options in (("light", OPTIONS), ("dark", COLOURS)):
        page.evaluate(
            """(scheme) => {
              localStorage.setItem('rlhb.theme', scheme);
              dispatchEvent(new StorageEvent('storage', { key: 'rlhb.theme' }));
            }""",
            scheme,
        )
        expect(page.locator("html")).to_have_attribute("data-theme", scheme)
        for rule in Axe().run(page, context=part, options=options).response["violations"]:
            for node in rule["nodes"]:
                found.append(
                    f"{scheme}: {rule['id']}: {node['html'][:200]}: {node['failureSummary'][:300]}"
                )
    assert not found, "\n".join(found)


@pytest.mark.parametrize("opener", ["guidelines", "keys"])
def test_what_is_longer_than_the_window_is_scrolled_by_keys(opener: str, visit: Visit) -> None:
    page = visit(viewport={"width": 390, "height": 420})
    page.locator(f"[popovertarget={opener}]:not(.closes)").last.click()
    found = page.locator(":popover-open")
    check(page, ":popover-open")
    assert found.evaluate("each => each.scrollHeight > each.clientHeight")
    found.focus()
    page.keyboard.press("End")
    page.wait_for_function("document.querySelector(':popover-open').scrollTop > 0")


@pytest.mark.parametrize("size", SIZES)
def test_the_compare_page(size: str, visit: Visit, studio: Studio, ask: Ask) -> None:
    page = visit(viewport=SIZES[size])
    check(page)
    ask(page, "Which language do people speak in Brazil?")
    page.locator('[data-act="like"]').first.click()
    page.locator('[data-act="dislike"]').nth(1).click()
    check(page)
    for button in (
        "[data-more] >> nth=0",
        ".person",
        "[popovertarget=guidelines]:not(.closes)",
        "[popovertarget=keys] >> nth=0",
    ):
        page.locator(button).click()
        page.wait_for_selector(":popover-open")
        check(page, ":popover-open")
        page.keyboard.press("Escape")
    page.keyboard.press("1")
    expect(page.locator(".answer.revealed")).to_have_count(3)
    page.get_by_role("button", name="clear", exact=True).click()
    check(page)
    page.keyboard.press("n")
    check(page)


@pytest.mark.parametrize("size", SIZES)
def test_answers_that_are_the_same_failed_or_edited(
    size: str, visit: Visit, studio: Studio, ask: Ask
) -> None:
    page = visit(viewport=SIZES[size])
    for served in (
        ("Owl Echo", "Magpie Echo", THREE[0]),
        ("Owl Echo",),
        ("Dodo Broken", "Mole Nothing", THREE[1]),
    ):
        studio.serve(*served)
        ask(page, "Which language do people speak in Brazil?")
        check(page)
        page.keyboard.press("x")
        expect(page.locator(".answer.revealed").first).to_be_visible()
        check(page)
    studio.serve(*THREE)
    ask(page, "Which language do people speak in Brazil?")
    page.keyboard.press("a")
    page.keyboard.press("e")
    check(page)


@pytest.mark.usefixtures("judged")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["runs", "curves", "data"])
def test_the_other_pages(name: str, size: str, visit: Visit, studio: Studio) -> None:
    log_some(studio, Source.REAL, 3)
    page = visit(f"/{name}/", viewport=SIZES[size])
    if name == "runs":
        page.locator(".run").first.wait_for()
        page.get_by_text("Settings of the run").click()
        page.get_by_label("Any other setting").wait_for()
    elif name == "curves":
        page.locator("[data-figure] .main-svg").first.wait_for(timeout=PATIENCE_MS)
    else:
        page.locator(".triplet").first.wait_for()
    check(page)
