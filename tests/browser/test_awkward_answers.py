"""Sixty awkward answers on the real page: none runs or loads anything, each fits, and axe is content.

With RLHB_PICTURES=1 each leaves a screenshot in tests/screenshots/, for people to look at.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.awkward import ANSWERS
from tests.browser.conftest import MIRRORS, Studio, Visit
from tests.browser.model_server import asking_for
from tests.browser.test_axe import check
from tests.browser.test_look import SIZES, fits, pictures
from tests.browser.test_xss import LIVE

pytestmark = pytest.mark.browser
Ask = Callable[..., str]

NAMES = list(ANSWERS)
THREES = [tuple(NAMES[first : first + 3]) for first in range(0, len(NAMES), 3)]


def shown(page: Page, ask: Ask, names: tuple[str, ...]) -> None:
    """The answers of these names side by side, in any order."""
    texts = [ANSWERS[name] for name in names]
    ask(page, asking_for(*texts, *("nothing" for _ in range(3 - len(texts)))))
    page.wait_for_selector(".answer .block", state="attached")  # the first may be folded away


@pytest.mark.parametrize("names", THREES, ids="-".join)
@pytest.mark.parametrize("size", SIZES)
def test_nothing_runs_loads_or_bursts(
    names: tuple[str, ...], size: str, visit: Visit, studio: Studio, ask: Ask
) -> None:
    studio.serve(*MIRRORS)
    page = visit(viewport=SIZES[size])
    page.on("dialog", lambda dialog: pytest.fail(f"ran: {dialog.message}"))
    shown(page, ask, names)
    page.locator(".thoughts").evaluate_all("all => all.forEach(one => { one.open = true; })")
    page.keyboard.press("a")
    pictures(page, f"answers-{THREES.index(names):02}-{size}")
    assert fits(page)
    too_wide = "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length"
    assert page.locator(".answer .body").evaluate_all(too_wide) == 0
    assert page.evaluate("window.hacked") is None
    assert page.evaluate(LIVE) == []
    if size == "wide":
        check(page)
    page.keyboard.press("v")
    assert page.evaluate("window.hacked") is None
    assert page.evaluate(LIVE) == []
