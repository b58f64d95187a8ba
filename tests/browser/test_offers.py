"""What a verdict lets a person do, which run is opened, and how the curves are laid out, in a real browser."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.store import runs, versions
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import ModelVersion, Run, RunStatus
from rlhb_core.verdict.checks import WORDS
from tests.browser.conftest import Studio, Visit
from tests.browser.pretended_run import log_rlhf_step
from tests.browser.test_runs_pages import add_run, picture, plot_of, run_folder, served

pytestmark = pytest.mark.browser

WON = {"win_rate": 0.583, "interval": [0.55, 0.616], "n": 1200}


def finished(studio: Studio, path: Path, word: str) -> tuple[Run, ModelVersion]:
    """A finished RLHF run with this verdict, and its version."""
    folder = run_folder(studio, path)
    for number in range(1, 60):
        log_rlhf_step(folder, number)
    verdict = {"word": word, "sentence": WORDS[word], "checks": []}
    evaluation = {"judge": "hidden utility", "conditions": {"served": {"against_sft": WON}}}
    folder.finish({"verdict": verdict, "samples": [], "evaluation": evaluation})
    run = add_run(studio, folder, status=RunStatus.DONE, verdict=word)
    with studio.store.writing() as connection:
        base = versions.all(connection)[0].base
        name = f"{word.capitalize()} {run.id.hex[:4]}"
        version = ModelVersion(name=name, arm=Arm.RLHF, base=base, run_id=run.id, verdict=word)
        return run, versions.add(connection, version)


@pytest.mark.parametrize(
    ("word", "label"),
    [("no gain", "Put in without a gain"), ("not converged yet", "Put in unconverged")],
)
def test_a_version_without_a_gain_is_put_in_only_after_a_question(
    word: str, label: str, visit: Visit, studio: Studio, tmp_path: Path
) -> None:
    run, version = finished(studio, tmp_path / "run", word)
    studio.serve("Quokka One")
    visit.expect("409")  # the server asks for a second word
    page = visit(f"/curves/?run={run.id}")
    strip = page.locator(".verdict")
    expect(strip.locator(".win strong")).to_have_text("58%")
    expect(strip.locator(".win")).to_contain_text("wins against ")
    expect(strip.locator(".win")).to_contain_text("[55% to 62%]")
    button = strip.get_by_role("button", name=label)
    assert "primary" not in (button.get_attribute("class") or "")
    button.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Its verdict does not speak for it")
    expect(dialog).to_contain_text(WORDS[word])
    dialog.get_by_role("button", name="Leave it out").click()
    expect(dialog).to_have_count(0)
    assert served(studio) == ["Quokka One"]

    page = visit("/runs/")
    page.get_by_role("button", name=f"{label}: put {version.name} into Compare").click()
    page.get_by_role("dialog").get_by_role("button", name="Put it in all the same").click()
    expect(page.get_by_role("button", name=f"Take {version.name} out of Compare")).to_be_visible()
    assert served(studio) == ["Quokka One", version.name]


def test_a_version_that_improved_is_put_in_at_once(
    visit: Visit, studio: Studio, tmp_path: Path
) -> None:
    run, version = finished(studio, tmp_path / "run", "improved")
    studio.serve("Quokka One")
    page = visit(f"/curves/?run={run.id}")
    button = page.locator(".verdict").get_by_role("button", name="Put into Compare")
    assert "primary" in (button.get_attribute("class") or "")
    button.click()
    expect(page.locator(".verdict").get_by_role("link", name="In Compare")).to_be_visible()
    assert served(studio) == ["Quokka One", version.name]


def test_sft_is_one_click_away(visit: Visit, studio: Studio) -> None:
    studio.serve("Embedded RLHF", "Embedded RLHB", "Embedded RLHF+RLHB")
    page = visit("/runs/")
    page.get_by_role("button", name="Put Embedded SFT into Compare").click()
    expect(page.get_by_role("button", name="Take Embedded SFT out of Compare")).to_be_visible()
    assert "Embedded SFT" in served(studio)


# --- the curves -----------------------------------------------------------------------------------------


def overlap(page: Page) -> list[str]:
    """Figures whose legend lies under plotly's icons."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('[data-figure]')].filter((panel) => {
          const legend = panel.querySelector('.legend .scrollbox, .legend .groups')?.getBoundingClientRect();
          const icons = panel.querySelector('.modebar-container .modebar')?.getBoundingClientRect();
          if (!legend || !icons) return false;
          return legend.left < icons.right && icons.left < legend.right
            && legend.top < icons.bottom && icons.top < legend.bottom;
        }).map((panel) => panel.dataset.figure)"""
    )
    return found


@pytest.mark.parametrize("width", [1360, 390])
def test_rlhf_fills_the_page_and_legends_are_free(
    width: int, visit: Visit, studio: Studio, tmp_path: Path
) -> None:
    run, _ = finished(studio, tmp_path / "run", "no gain")
    page = visit(f"/curves/?run={run.id}", viewport={"width": width, "height": 900})
    plot_of(page, "reward")
    page.locator('[data-figure="policy-update"] .main-svg').first.wait_for()
    main = page.locator(".curves-grid > :first-child")
    expect(main.locator("[data-figure]")).to_have_count(1)
    room, drawn = main.bounding_box(), main.locator(".plot").bounding_box()
    assert room
    assert drawn
    assert drawn["width"] > 0.85 * room["width"]
    assert drawn["height"] > 0.5 * room["height"]
    expect(page.locator('[data-figure="policy-loss"]')).to_have_count(0)
    expect(page.locator('[data-figure="reward"] .xtitle')).to_have_text("step")
    expect(page.locator('[data-figure="kl"] .ytitle')).to_have_text("nats")
    assert overlap(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(page, f"curves-rlhf-{'wide' if width > 900 else 'narrow'}")


def test_what_was_first_to_look_at_moves_when_something_better_is_there(
    visit: Visit, studio: Studio, tmp_path: Path
) -> None:
    folder = run_folder(studio, tmp_path / "run")
    for number in range(1, 5):
        log_rlhf_step(folder, number)  # the reward model only
    run = add_run(studio, folder, status=RunStatus.FAILED, error="It broke off.")
    page = visit(f"/curves/?run={run.id}")
    main = page.locator(".curves-grid > :first-child [data-figure]")
    plot_of(page, "reward-model-accuracy")
    expect(main).to_have_attribute("data-figure", "reward-model-accuracy")
    for number in range(5, 30):
        log_rlhf_step(folder, number)
    page.reload()
    plot_of(page, "reward")
    expect(main).to_have_count(1)
    expect(main).to_have_attribute("data-figure", "reward")


def test_the_run_that_trains_is_opened_rather_than_the_one_that_waits(
    visit: Visit, studio: Studio, tmp_path: Path
) -> None:
    """By the list that the page gets: a real queued row would be started by the server."""
    run, _ = finished(studio, tmp_path / "run", "improved")
    with studio.store.reading() as connection:
        newest: Any = runs.all(connection)[0]
    assert newest.id == run.id
    page = visit("/data/")

    def reordered(route: Any) -> None:
        answer = route.fetch()
        if answer.status == 304:
            route.fulfill(response=answer)
            return
        listed = answer.json()
        waits = {**listed[0], "id": "00000000-0000-4000-8000-000000000000", "status": "queued"}
        route.fulfill(response=answer, json=[waits, *listed])

    page.route("**/api/runs", reordered)
    page.goto("/curves/")
    expect(page.get_by_label("Run", exact=True)).to_have_value(str(run.id))
    expect(page.locator(".verdict")).to_contain_text("Improved")
