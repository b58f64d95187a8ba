"""How the pages look: what can be measured about a layout,
and with RLHB_PICTURES=1 screenshots in tests/screenshots/.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import THREE, Studio, Visit

pytestmark = pytest.mark.browser
Ask = Callable[..., str]

FOLDER = Path(__file__).parent.parent / "screenshots"
PICTURES = os.environ.get("RLHB_PICTURES") == "1"
SIZES: dict[str, ViewportSize] = {
    "wide": {"width": 1360, "height": 900},
    "narrow": {"width": 390, "height": 844},
}


def pictures(page: Page, name: str) -> None:
    """The page as it stands, light and dark, for people to look at; if they are wanted, since each takes a while."""
    if not PICTURES:
        return
    FOLDER.mkdir(exist_ok=True)
    for scheme in ("dark", "light"):
        page.evaluate(
            """(scheme) => {
              localStorage.setItem('rlhb.theme', scheme);
              dispatchEvent(new StorageEvent('storage', { key: 'rlhb.theme' }));
            }""",
            scheme,
        )
        page.screenshot(path=FOLDER / f"{name}-{scheme}.png", animations="disabled")


def fits(page: Page) -> bool:
    fits: bool = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return fits


@pytest.mark.parametrize("size", SIZES)
def test_the_compare_page(size: str, visit: Visit, studio: Studio, ask: Ask) -> None:
    studio.serve("Turtle Steady", *THREE[1:])
    page = visit(viewport=SIZES[size])
    pictures(page, f"compare-1-first-visit-{size}")
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
    pictures(page, f"compare-2-writing-{size}")
    page.wait_for_selector(".compare:not(:has(.answer[aria-busy=true]))")
    page.locator('[data-act="like"]').first.click()
    pictures(page, f"compare-3-complete-{size}")
    assert fits(page)
    # a card that grows moves its acts; up to here people do not mind (web.dev: cumulative layout shift)
    assert page.evaluate("window.shift") < 0.1
    expect(page.locator(".choices")).to_be_in_viewport(ratio=0.99)
    heights = page.locator(".answer").evaluate_all("all => all.map(one => one.offsetHeight)")
    assert len(set(heights)) == 1
    page.locator('[data-choice="best"]').nth(1).click()
    page.wait_for_selector(".answer.revealed")
    expect(page.locator(".answer.chosen")).to_be_in_viewport(ratio=0.5)
    pictures(page, f"compare-4-revealed-{size}")
    expect(page.locator(".result")).to_be_in_viewport(ratio=0.99)
    page.locator(".person").click()
    pictures(page, f"compare-5-own-data-{size}")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Plug in a real one").click()
    pictures(page, f"compare-6-plug-in-{size}")


STATES = {
    "two-the-same": ("Owl Echo", "Magpie Echo", THREE[1]),
    "all-the-same": ("Owl Echo",),
    "not-all-answered": ("Dodo Broken", "Mole Nothing", THREE[2]),
    "right-to-left": ("Camel Hebrew", *THREE[1:]),
    "cut": ("Newt Cut", *THREE[1:]),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", STATES)
def test_the_compare_page_with_special_answers(
    state: str, size: str, visit: Visit, studio: Studio, ask: Ask
) -> None:
    studio.serve(*STATES[state])
    page = visit(viewport=SIZES[size])
    ask(page, "Which language do people speak in Brazil?")
    pictures(page, f"compare-7-{state}-{size}")
    assert fits(page)
    expect(page.locator(".choices")).to_be_in_viewport(ratio=0.99)
    page.locator("[data-choice=best]:visible:enabled").first.click()
    page.wait_for_selector(".answer.revealed")
    pictures(page, f"compare-8-{state}-voted-{size}")
    assert fits(page)
    page.keyboard.press("u")
    expect(page.locator(".vote .hint")).to_be_in_viewport(ratio=0.99)
    pictures(page, f"compare-9-{state}-undone-{size}")


@pytest.mark.parametrize("size", SIZES)
def test_the_other_pages(size: str, visit: Visit) -> None:
    for name in ("runs", "curves", "results", "data"):
        page = visit(f"/{name}/", viewport=SIZES[size])
        page.locator("h1").wait_for()
        expect(page.locator("nav [aria-current]")).to_have_text(name.capitalize())
        page.wait_for_timeout(200)
        pictures(page, f"{name}-{size}")
        assert fits(page)
        page.close()


@pytest.mark.parametrize(("width", "columns"), [(1280, 3), (390, 1)])
def test_the_main_settings_of_a_run_fill_the_width(
    width: int, columns: int, visit: Visit, studio: Studio
) -> None:
    page = visit("/runs/", viewport={"width": width, "height": 900})
    page.get_by_text("Settings of the run").click()
    other = page.get_by_label("Any other setting").bounding_box()
    edges = "all => all.map(one => [one.getBoundingClientRect().left, one.getBoundingClientRect().right])"
    boxes = page.locator(".main-settings input, .main-settings textarea").evaluate_all(edges)
    assert other is not None
    assert len(boxes) == 6
    assert len({left for left, _ in boxes}) == columns
    assert max(right for _, right in boxes) == pytest.approx(other["x"] + other["width"], abs=2)
