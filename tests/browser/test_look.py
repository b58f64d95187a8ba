"""How the pages look: screenshots to look at (in tests/screenshots/), and what can be measured about a layout."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import EMBEDDED, Studio, Visit

pytestmark = pytest.mark.browser
Ask = Callable[..., str]

FOLDER = Path(__file__).parent.parent / "screenshots"
SIZES = {"wide": {"width": 1360, "height": 900}, "narrow": {"width": 390, "height": 844}}


def picture(page: Page, name: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


def fits(page: Page) -> bool:
    fits: bool = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return fits


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_compare_page(scheme: str, size: str, visit: Visit, studio: Studio, ask: Ask) -> None:
    studio.serve("Turtle Steady", *EMBEDDED[1:])
    person = visit.new_person(viewport=SIZES[size], color_scheme=scheme)
    page = visit(context=person)
    name = f"compare-{size}-{scheme}"
    expect(page.locator("html")).to_have_attribute("data-theme", scheme)
    picture(page, f"{name}-1-first-visit")
    assert fits(page)
    ask(page, "Which language do people speak in Brazil?", complete=False)
    page.evaluate(
        """() => {
          window.shift = 0;
          new PerformanceObserver((list) => list.getEntries().forEach((entry) => { window.shift += entry.value; }))
            .observe({ type: 'layout-shift' });
        }"""
    )
    page.get_by_text("word5", exact=False).wait_for()
    picture(page, f"{name}-2-writing")
    page.wait_for_selector(".compare:not(:has(.answer[aria-busy=true]))")
    page.locator('[data-act="like"]').first.click()
    picture(page, f"{name}-3-complete")
    assert fits(page)
    assert page.evaluate("window.shift") < 0.05
    expect(page.locator(".choices")).to_be_in_viewport(ratio=0.99)
    heights = page.locator(".answer").evaluate_all("all => all.map(one => one.offsetHeight)")
    assert len(set(heights)) == 1
    page.locator('[data-choice="best"]').nth(1).click()
    page.wait_for_selector(".answer.revealed")
    picture(page, f"{name}-4-revealed")
    expect(page.locator(".result")).to_be_in_viewport(ratio=0.99)
    if size == "wide":
        page.locator(".person").click()
        picture(page, f"{name}-5-own-data")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Plug in a real one").click()
        picture(page, f"{name}-6-plug-in")
    person.close()


@pytest.mark.parametrize(
    ("size", "scheme"), [("wide", "light"), ("wide", "dark"), ("narrow", "light")]
)
def test_the_other_pages(size: str, scheme: str, visit: Visit) -> None:
    person = visit.new_person(viewport=SIZES[size], color_scheme=scheme)
    for name in ("runs", "curves", "data"):
        page = visit(f"/{name}/", context=person)
        page.locator("h1").wait_for()
        page.wait_for_timeout(200)
        picture(page, f"{name}-{size}-{scheme}")
        assert fits(page)
        page.close()
    person.close()
