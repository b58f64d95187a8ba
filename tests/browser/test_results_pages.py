"""The Results page as a researcher uses it: choose, read, look, take every table and figure and the report away."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from app.store import people
from rlhb_core.schema.records import Source
from tests.browser.conftest import Studio, Visit
from tests.browser.test_axe import check
from tests.browser.test_look import SIZES
from tests.browser.test_runs_pages import picture
from tests.integration.test_results import copies_the_best, story
from tests.scene import someone

pytestmark = pytest.mark.browser
PATIENCE_MS = 60_000
MOST = 6


@pytest.fixture(scope="module")
def chosen(studio: Studio) -> None:
    """Six imported people chose, one question after the other: data that no other page makes."""
    with studio.store.writing() as connection:
        persons = [someone(connection, source=Source.IMPORTED) for _ in range(MOST)]
    for number, person in enumerate(persons):
        story(studio.store, person, number % 2, 1, 1, acts=copies_the_best)
        story(
            studio.store, person, 0, 0, 1, "tie", answers=("A longer answer than that.", "Short.")
        )


def results(visit: Visit, query: str = "?source=imported", **options: Any) -> Page:
    page = visit(f"/results/{query}", **options)
    for part in ("ranking", "agreement", "biases", "acts"):
        body = page.locator(f'[data-part="{part}"] .found:not([aria-busy])')
        expect(body).to_be_visible(timeout=PATIENCE_MS)
    return page


@pytest.mark.parametrize("size", SIZES)
def test_all_of_it_is_told_in_words_figures_and_tables(
    size: str, chosen: None, visit: Visit
) -> None:
    page = results(visit, viewport=SIZES[size])
    expect(
        page.get_by_text("stands first").or_(page.get_by_text("People prefer")).first
    ).to_be_visible()
    for name in ("ranking", "matrix", "bias-place", "acts", "foresees"):
        panel = page.locator(f'[data-figure="{name}"]')
        expect(panel.locator(".main-svg").first).to_be_visible(timeout=PATIENCE_MS)
    for table in ("ranking", "pairs", "matrix", "measures", "biases", "done"):
        page.locator(f'[data-table="{table}"] summary').click()
        expect(page.locator(f'[data-table="{table}"] tbody tr').first).to_be_visible()
    rows = page.locator('[data-table="biases"] tbody tr').filter(has_text="How long it is").count()
    expect(page.locator('[data-figure="bias-length"] .ytick')).to_have_count(
        rows
    )  # each with its name
    tick = page.get_by_label("imported")
    assert (
        tick.evaluate("each => getComputedStyle(each).appearance") == "auto"
    )  # else it is not seen
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(page, f"results-{size}")
    check(page)


def test_every_table_is_what_is_on_the_page(chosen: None, visit: Visit, tmp_path: Path) -> None:
    page = results(visit)
    tables = page.locator("[data-table]")
    for table in tables.all():
        name = str(table.get_attribute("data-table"))
        table.locator("summary").click()
        with page.expect_download() as download:
            table.get_by_role("link", name="CSV").click()
        file = tmp_path / f"{name}.csv"
        download.value.save_as(file)
        lines = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
        assert len(lines) == table.locator("tbody tr").count() > 0, name
        shown = table.locator("tbody tr").first.inner_text()
        first = next(iter(lines[0].values()))
        assert first in shown or name == "biases", name
    assert tables.count() >= 8


def test_figures_are_taken_away_as_svg_and_png(chosen: None, visit: Visit) -> None:
    page = results(visit)
    panel = page.locator('[data-figure="ranking"]')
    expect(panel.locator(".main-svg").first).to_be_visible(timeout=PATIENCE_MS)
    beginnings = {}
    for kind in ("SVG", "PNG"):
        with page.expect_download() as download:
            panel.get_by_role("button", name=kind).click()
        beginnings[kind] = Path(download.value.path()).read_bytes()[:5]
    assert beginnings == {"SVG": b"<svg ", "PNG": b"\x89PNG\r"}


def test_the_report_is_a_page_of_its_own(chosen: None, visit: Visit, tmp_path: Path) -> None:
    page = results(visit)
    with page.expect_download() as download:
        page.get_by_role("link", name="Report").click()
    file = tmp_path / "results.html"
    download.value.save_as(file)
    alone = page.context.browser.new_page()  # type: ignore[union-attr]
    alone.goto(file.as_uri())
    expect(alone.get_by_role("heading", name="Which answers do people prefer")).to_be_visible()
    expect(alone.locator("#ranking .main-svg").first).to_be_visible(timeout=PATIENCE_MS)
    assert json.loads(alone.locator("#manifest").inner_text())["data"] == "imported data"
    alone.close()


def test_what_is_chosen_changes_it_and_stands_in_the_address(
    chosen: None, visit: Visit, studio: Studio
) -> None:
    visit.expect("status of 422")  # nothing to hold against
    page = results(visit)
    ranking = page.locator('[data-part="ranking"]')
    expect(ranking.get_by_text(f"{7 * MOST} comparisons of {MOST} people;")).to_be_visible()
    page.get_by_label("Held fixed", exact=True).select_option("length")
    expect(ranking.locator('[data-table="weights"]')).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_label("Held fixed", exact=True).select_option("")
    page.get_by_label("Against", exact=True).select_option("SFT")
    page.locator('[data-table="ranking"] summary').click()
    row = page.locator('[data-table="ranking"] tbody tr').filter(has_text=re.compile("^SFT"))
    expect(row).to_contain_text("1,000", timeout=PATIENCE_MS)
    page.get_by_label("Ties", exact=True).select_option("davidson")
    expect(
        ranking.get_by_text("No ranking").or_(ranking.locator("[data-figure=ranking]")).first
    ).to_be_visible()
    page.get_by_label("Before", exact=True).fill("2020-01-01")
    expect(ranking.get_by_text("no comparison").first).to_be_visible(timeout=PATIENCE_MS)
    assert "anchor=SFT" in page.url
    assert "until=2020-01-01" in page.url
    page.get_by_label("Against", exact=True).select_option("")
    expect(ranking.get_by_text("Nobody has chosen")).to_be_visible(timeout=PATIENCE_MS)
    page.reload()
    expect(page.get_by_label("Before", exact=True)).to_have_value("2020-01-01")
    expect(page.get_by_label("imported")).to_be_checked()
    expect(page.get_by_label("Ties", exact=True)).to_have_value("davidson")


def test_the_kinds_of_data_that_are_told_of_are_ticked(chosen: None, visit: Visit) -> None:
    """Where the address names none, the server takes real data, or else what there is."""

    def only_imported(route: Route) -> None:
        told = route.fetch(url=f"{route.request.url}&source=imported").json()
        route.fulfill(json=told)

    page = visit()
    page.route("**/api/results/ranking?*", only_imported)
    page.goto("/results/")
    expect(page.get_by_label("imported")).to_be_checked(timeout=PATIENCE_MS)
    expect(page.get_by_label("real")).not_to_be_checked()
    page.get_by_label("Held fixed", exact=True).select_option("length")
    page.wait_for_url("**/results/?source=imported&control=length")


def test_people_who_are_left_out_are_gone_at_once(
    chosen: None, visit: Visit, studio: Studio
) -> None:
    page = results(visit)
    ranking = page.locator('[data-part="ranking"]')
    expect(ranking.get_by_text(f"of {MOST} people;")).to_be_visible()
    with studio.store.writing() as connection:
        more = someone(connection, source=Source.IMPORTED)
    story(studio.store, more, 1)
    page.reload()
    expect(ranking.get_by_text(f"of {MOST + 1} people;")).to_be_visible(timeout=PATIENCE_MS)
    with studio.store.writing() as connection:
        people.set_excluded(connection, more.id, True)
    page.reload()
    expect(ranking.get_by_text(f"of {MOST} people;")).to_be_visible(timeout=PATIENCE_MS)


def test_a_new_theme_draws_them_anew(chosen: None, visit: Visit) -> None:
    page = results(visit)
    text = page.locator('[data-figure="ranking"] .xtick text').first
    expect(text).to_be_visible(timeout=PATIENCE_MS)
    before = text.evaluate("each => getComputedStyle(each).fill")
    page.get_by_role("button", name="Switch between light and dark").click()
    page.wait_for_function(
        "before => getComputedStyle(document.querySelector('[data-figure=ranking] .xtick text')).fill !== before",
        arg=before,
    )
