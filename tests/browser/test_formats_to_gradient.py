"""Every format from the keys that were pressed to the gradient.

Recorded by the page, exported over the API, read into an empty store, made training rows, learned from; what was said
should rise has risen.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.files import comparison_lines, import_jsonl, triplet_lines, write_lines
from app.store import (
    Item,
    NewItem,
    Plan,
    Prepared,
    Store,
    Study,
    StudyStatus,
    items,
    studies,
    versions,
)
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.record import read_jsonl
from rlhb_core.schema.records import Comparison, Triplet
from rlhb_core.teachers.classifier import stage as classifier
from rlhb_core.teachers.reward_model import stage as reward_model
from tests.browser.conftest import Studio, Visit
from tests.browser.test_desk import given
from tests.browser.test_formats import entered
from tests.browser.test_keys import sent
from tests.integration.test_export_import import EVERYTHING
from tests.integration.test_formats_to_gradient import (
    BAD,
    FAIR,
    GOOD,
    STAGES,
    Format,
    foresight,
    leads,
    likelihoods,
    session_of,
    told_behavior,
)

pytestmark = pytest.mark.browser

ITEMS = 26
ASPECTS = [{"name": "clear"}, {"name": "kind"}]
RATED = {GOOD: "52", FAIR: "44", BAD: "15"}
"""As clear and as kind."""


def filled(studio: Studio, name: str, **plan: Any) -> Study:
    """An open study whose answers are as good as their texts say, in places by lot."""
    with studio.store.writing() as connection:
        study = studies.add(
            connection, Study(name=name, status=StudyStatus.OPEN, plan=Plan(**plan))
        )
        for number in range(ITEMS):
            item = Item(study_id=study.id, number=0, text=f"What is {number} plus 0?")
            came = [
                Prepared(
                    item_id=item.id,
                    version_id=versions.known_as(connection, f"model {place}"),
                    came_with_item=True,
                    text=text.format(n=number),
                )
                for place, text in enumerate((GOOD, FAIR, BAD))
            ]
            items.add(connection, [NewItem(item, came)])
    return study


def where(page: Page, number: int) -> dict[str, int]:
    """Which text stands where, once the item of this number is in view."""
    expect(page.locator(".question .words")).to_have_text(f"What is {number} plus 0?")
    shown = [each.inner_text().strip() for each in page.locator(".answer .text").all()]
    return {text: shown.index(text.format(n=number)) for text in (GOOD, FAIR, BAD)}


def votes_with_strength(page: Page, places: dict[str, int], number: int) -> None:
    page.keyboard.press(str(places[GOOD] + 1))
    page.keyboard.press("3" if number % 2 else "1")


def says_all_else(page: Page, places: dict[str, int], number: int) -> None:
    for text in (GOOD, FAIR, BAD):
        page.keyboard.press(str(places[text] + 1))
    by_place = sorted(places, key=lambda text: places[text])
    for key in "".join(RATED[text] for text in by_place):
        page.keyboard.press(key)
    for text in by_place:
        page.keyboard.press("d" if text == BAD else "l")
    page.get_by_role("button", name=f"wrong, answer {'ABC'[places[BAD]]}").click()


STUDIES: dict[str, tuple[dict[str, Any], Callable[[Page, dict[str, int], int], None]]] = {
    "votes": ({"formats": ["best", "strength"]}, votes_with_strength),
    "all else": (
        {"formats": ["ranking", "ratings", "binary", "critique"], "aspects": ASPECTS},
        says_all_else,
    ),
}
FORMATS = {
    "best, with strength": (
        "votes",
        Format(Arm.RLHF, lambda *_: [], leads((GOOD, FAIR), (GOOD, BAD)), {"reward_model.margin": 1.0}),
    ),
    "ranking": ("all else", Format(Arm.RLHF, lambda *_: [], leads((GOOD, FAIR), (FAIR, BAD)))),
    "ratings": (
        "all else",
        Format(
            Arm.RLHF,
            lambda *_: [],
            foresight,
            {"reward_model.aspects": {"clear": 1.0, "kind": 0.5}},
        ),
    ),
    "good or bad": ("all else", Format(Arm.KTO, lambda *_: [], likelihoods(good=1, bad=-1))),
    "in words": (
        "all else",
        Format(Arm.RLHBC, lambda *_: [], told_behavior, {"data.clauses": ("commented",)}),
    ),
}  # fmt: skip
"""The study that asks for it; what learns of it, and what should rise. Nothing is made here but by keys."""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'other.sqlite'}")
    yield opened
    opened.close()


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("name", STUDIES)
def test_what_was_pressed_moves_the_model_the_way_it_was_said(
    name: str,
    visit: Visit,
    studio: Studio,
    other: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan, say = STUDIES[name]
    study = filled(studio, f"To the gradient: {name}", **plan)
    page = entered(visit, study)
    for number in range(ITEMS):
        say(page, where(page, number), number)
        expect(page.locator(".lacking")).to_have_text("All is said.")
        page.keyboard.press("n")
    expect(page.get_by_text("You have done all that there was for you here.")).to_be_visible()
    sent(page)
    done = given(studio, study)
    assert [each.state for each in done] == ["done"] * ITEMS

    mine = {str(each.query_id) for each in done}
    exported = page.context.request.get("/api/data/triplets.jsonl").body().splitlines()
    lines = [line for line in exported if any(each.encode() in line for each in mine)]
    assert import_jsonl(other, lines).imported == 3 * ITEMS
    write_lines(tmp_path / "triplets.jsonl", triplet_lines(other, EVERYTHING))
    write_lines(tmp_path / "comparisons.jsonl", comparison_lines(other, EVERYTHING))
    rows = (
        list(read_jsonl(tmp_path / "triplets.jsonl", Triplet)),
        list(read_jsonl(tmp_path / "comparisons.jsonl", Comparison)),
    )
    for module in (reward_model, classifier):
        monkeypatch.setattr(module, "STEPS_AT_ONCE", 1)
    for format, (asked_in, wanted) in FORMATS.items():
        if asked_in != name:
            continue
        session = session_of(wanted.arm, wanted.settings, None, *rows)
        if name == "votes":
            assert {vote.strength for vote in session.split.train_votes} == {1, 3}
        stage = STAGES[wanted.arm](session)
        before = wanted.measure(session)
        stage.step(1)
        after = wanted.measure(session)
        for each, value in after.items():
            assert value > before[each], (format, each)
