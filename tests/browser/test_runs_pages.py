"""The Runs, Curves and Data pages as a researcher uses them: start, watch, judge, serve, take the data away."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect
from playwright.sync_api import TimeoutError as NotInTime

from app.files import DataFilter, triplet_lines
from app.store import runs, signals, versions
from rlhb_core.figures.page import PNG_SIZE, write_png
from rlhb_core.run.config import RunConfig
from rlhb_core.run.folder import RunDir
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import ModelVersion, Run, RunStatus, Source, Triplet
from rlhb_core.teachers import judge_run
from rlhb_core.teachers.discriminator.evidence import DiscriminatorEvidence
from tests.browser.conftest import Studio, Visit
from tests.browser.pretended_run import log_step
from tests.browser.test_look import FOLDER, PICTURES
from tests.scene import OPENED_MS, asked, best, someone

pytestmark = pytest.mark.browser

PATIENCE_MS = 60_000
"""A loaded machine takes its time for a page with ten plots."""
DATA = "2,140 simulated triplets and 712 votes from 20 people"


def picture(page: Page, name: str) -> None:
    """For people to look at, if wanted."""
    if not PICTURES:
        return
    FOLDER.mkdir(exist_ok=True)
    page.screenshot(path=FOLDER / f"{name}.png", animations="disabled", full_page=True)


def run_folder(studio: Studio, path: Path) -> RunDir:
    """The folder of a run that starts from the version that is served first."""
    with studio.store.reading() as connection:
        parent = versions.all(connection)[0]
    return RunDir.create(path, RunConfig.load({"arm": Arm.RLHB, "parent_version": parent.name}))


def add_run(studio: Studio, folder: RunDir, **fields: Any) -> Run:
    """The row of a run. One that is queued would be started by the server at once."""
    with studio.store.writing() as connection:
        parent = versions.all(connection)[0]
        run = Run(
            arm=Arm.RLHB,
            recipe="rlhb",
            folder=str(folder.path),
            parent_id=parent.id,
            data=DATA,
            **fields,
        )
        return runs.add(connection, run)


@pytest.fixture
def going(studio: Studio, tmp_path: Path) -> Iterator[Run]:
    """A run that goes on: its process is pretended, its folder and its row are not."""
    folder = run_folder(studio, tmp_path / "going")
    for number in range(1, 60):
        log_step(folder, number)
    command = [sys.executable, "-m", "tests.browser.pretended_run", str(folder.path)]
    process = subprocess.Popen(command, start_new_session=True)
    run = add_run(studio, folder, status=RunStatus.RUNNING, pid=process.pid)
    yield run
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(studio, run, RunStatus.INTERRUPTED, RunStatus.STOPPED)


@pytest.fixture
def judged(studio: Studio, tmp_path: Path) -> tuple[Run, ModelVersion]:
    """A finished run whose verdict speaks against its version."""
    history = [
        {
            "calibrated_real": 0.52,
            "calibrated_fake": 0.48,
            "calibrated_accuracy": 0.53,
            "distinct": 0.9,
        }
    ] * 20
    judges = {"projection": 0.54, "words": 0.53, "rows": 800}
    evidence = {
        "discriminated": {"accuracy": 0.51, "power": 0.64, "rows": 900},
        "history": history,
        "judges": {"origin": judges, "before": judges, "after": judges},
    }
    verdict = judge_run(Arm.RLHB, DiscriminatorEvidence.model_validate(evidence), 30.0)
    folder = run_folder(studio, tmp_path / "judged")
    run = add_run(studio, folder, status=RunStatus.DONE, verdict=verdict.word)
    for number in range(1, 40):
        log_step(folder, number)
    samples = [
        {
            "query": "How many moons has Mars?",
            "before": "Mars is red.",
            "after": "Mars has two moons.",
        },
        {"query": "What is the capital of Peru?", "before": "", "after": "The capital is Lima."},
    ]
    folder.finish({"verdict": verdict.as_json(), "samples": samples})
    with studio.store.writing() as connection:
        parent = versions.get(connection, run.parent_id or UUID(int=0))
        version = ModelVersion(
            name=f"RLHB {run.id.hex[:6]}",
            arm=Arm.RLHB,
            base=parent.base,
            run_id=run.id,
            parent_id=parent.id,
            trained_on=DATA,
            verdict=verdict.word,
        )
        return run, versions.add(connection, version)


def wait_for(studio: Studio, run: Run, *wanted: RunStatus) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with studio.store.reading() as connection:
            if (status := runs.get(connection, run.id).status) in wanted:
                return
        time.sleep(0.1)
    raise AssertionError(f"the run is {status}, not {wanted}")


def log_some(studio: Studio, source: Source, queries: int) -> None:
    with studio.store.writing() as connection:
        person = someone(connection, source)
        for number in range(queries):
            at_ms = OPENED_MS + number
            query, given = asked(connection, person, f"How many are {number}?", at_ms=at_ms)
            signals.record(connection, person.id, [best(query, given[1])], OPENED_MS + 99_000)


# --- curves -------------------------------------------------------------------------------------------


def plot_of(page: Page, name: str = "discriminator-output") -> Locator:
    plot = page.locator(f'[data-figure="{name}"] .plot')
    plot.locator(".main-svg").first.wait_for()
    return plot


def rows(page: Page) -> int:
    return int(
        page.locator("#curves-page [data-rows], #curves-page[data-rows]").get_attribute("data-rows")
        or 0
    )


def wait_for_rows(page: Page, more_than: int) -> None:
    page.wait_for_function(
        "(count) => Number(document.querySelector('[data-rows]')?.dataset.rows ?? 0) > count",
        arg=more_than,
    )


def span_of(plot: Locator) -> list[float]:
    found: list[float] = plot.evaluate("(plot) => plot.layout.xaxis.range.map(Number)")
    return found


def zoom(page: Page, plot: Locator) -> None:
    """Drag over the middle of the plot, as a person does."""
    area = plot.locator(".nsewdrag").first.bounding_box()
    assert area
    y = area["y"] + area["height"] / 2
    page.mouse.move(area["x"] + area["width"] * 0.3, y)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.6, y, steps=8)
    page.mouse.up()
    page.mouse.move(5, 5)


def zoom_in(page: Page, plot: Locator) -> None:
    """Zoom; once more if nothing comes of it, for a drag in the moment of a redraw is lost."""
    end = span_of(plot)[1]
    for _ in range(5):
        zoom(page, plot)
        with suppress(NotInTime):
            page.wait_for_function(
                "([plot, end]) => plot.layout.xaxis.range[1] < end",
                arg=[plot.element_handle(), end * 0.8],
                timeout=10_000,
            )
            return


def test_a_zoom_stays_while_the_curves_move(visit: Visit, going: Run) -> None:
    page = visit(f"/curves/?run={going.id}")
    plot = plot_of(page)
    whole = span_of(plot)
    node = plot.element_handle()
    zoom_in(page, plot)
    zoomed = span_of(plot)
    assert whole[0] < zoomed[0] < zoomed[1] < whole[1]
    for _ in range(2):
        wait_for_rows(page, rows(page))
        assert span_of(plot) == zoomed
    points = plot.evaluate("(plot) => plot.data[0].x.length")
    assert points > 53
    assert page.evaluate("([a, b]) => a === b", [node, plot.element_handle()])  # never replaced

    expect(page.get_by_text("Going on now")).to_be_visible()
    expect(
        page.get_by_text(re.compile(r"Adversarial: step \d+ of 594, about \d+ min left"))
    ).to_be_visible()
    expect(page.locator(".numbers")).to_contain_text(
        "Mean calibrated discriminator output on held-out logged"
    )
    expect(page.locator("[data-figure]")).to_have_count(12)
    alarm = page.get_by_label("Alarms").get_by_role("listitem")
    expect(alarm).to_contain_text("spreads away from that of the logged ones")
    newest = page.locator(".way details").first
    newest.locator("summary").click()
    before = newest.get_attribute("data-step")
    opened = page.locator(f'.way details[data-step="{before}"]')
    expect(opened.locator("td.written")).to_contain_text("is Lima.")
    colour = "(plot) => getComputedStyle(plot.querySelector('.scatterlayer .js-line')).stroke"
    light = plot.evaluate(colour)
    page.get_by_role("button", name="Switch between light and dark").click()
    page.wait_for_function(f"([plot, light]) => ({colour})(plot) !== light", arg=[node, light])
    wait_for_rows(page, rows(page))
    assert span_of(plot) == zoomed
    expect(opened.locator("td.written")).to_be_visible()  # what was opened stays open


def test_the_verdict_stands_beside_the_curves(
    visit: Visit, studio: Studio, judged: tuple[Run, ModelVersion]
) -> None:
    run, version = judged
    studio.serve("Quokka One")
    page = visit(f"/curves/?run={run.id}")
    visit.expect("409")  # the server's refusal without a second word
    verdict = page.locator(".verdict")
    expect(verdict).to_contain_text("Never discriminated")
    expect(verdict).to_contain_text("its 0.5 means nothing")
    expect(verdict.locator(".checks li.missed")).not_to_have_count(0)
    expect(verdict).to_be_in_viewport()
    expect(page.locator(".samples")).to_contain_text("The capital is Lima.")
    plot_of(page)

    expect(verdict).to_contain_text("Not offered for Compare")
    put_in = verdict.get_by_role("button", name="Override")
    put_in.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"The verdict on {version.name} is “never discriminated”")
    dialog.get_by_role("button", name="Leave it out").click()
    assert served(studio) == ["Quokka One"]
    listed = visit("/runs/").locator(f'[data-version="{version.id}"]')
    expect(listed).to_contain_text("Not offered")
    put_in.click()
    dialog.get_by_role("button", name="Put it in all the same").click()
    expect(verdict.get_by_role("link", name="In Compare")).to_be_visible()
    assert served(studio) == ["Quokka One", version.name]


def served(studio: Studio) -> list[str]:
    with studio.store.reading() as connection:
        return [version.name for version in versions.served(connection)]


def test_another_run_can_be_chosen(
    visit: Visit, going: Run, judged: tuple[Run, ModelVersion]
) -> None:
    page = visit("/curves/")
    # the one that trains, although the other one is newer
    expect(page.locator(".verdict")).to_contain_text("Training", timeout=PATIENCE_MS)
    page.get_by_label("Run", exact=True).select_option(str(judged[0].id))
    expect(page.locator(".verdict")).to_contain_text("Never discriminated", timeout=PATIENCE_MS)
    assert page.url.endswith(f"?run={judged[0].id}")
    page.reload()
    expect(page.locator(".verdict")).to_contain_text("Never discriminated", timeout=PATIENCE_MS)
    page.get_by_label("Run", exact=True).select_option(str(going.id))
    expect(page.locator(".verdict")).to_contain_text("Training", timeout=PATIENCE_MS)


# --- runs ---------------------------------------------------------------------------------------------


def test_a_run_is_followed_and_stopped(visit: Visit, studio: Studio, going: Run) -> None:
    page = visit("/runs/")
    row = page.locator(f'[data-run="{going.id}"]')
    bar = row.get_by_role("progressbar")
    expect(bar).to_be_visible()
    expect(row).to_contain_text(re.compile(r"step \d+ of 594, about \d+ min left"))
    row.get_by_role("button", name="Log").click()
    log = page.get_by_role("dialog")
    expect(log).to_contain_text("step 62 done")
    expect(log).to_contain_text("step 66 done")  # it follows
    log.get_by_role("button", name="Close").click()
    row.get_by_role("button", name="Stop").click()
    expect(row).to_contain_text("stopped")
    expect(row.get_by_role("button", name="Resume")).to_be_visible()
    wait_for(studio, going, RunStatus.STOPPED)


def test_a_failure_is_told_in_words(visit: Visit, studio: Studio, tmp_path: Path) -> None:
    why = "Training ran out of memory: lower ppo.micro_batch."
    folder = run_folder(studio, tmp_path / "failed")
    run = add_run(studio, folder, status=RunStatus.FAILED, error=why)
    page = visit("/runs/")
    expect(page.locator(f'[data-run="{run.id}"]')).to_contain_text(why)


def test_versions_are_put_in_taken_out_and_rolled_back(visit: Visit, studio: Studio) -> None:
    studio.serve("Quokka One", "Marmot Two")
    page = visit("/runs/")
    page.get_by_role("button", name="Put Gecko Three into Compare").click()
    expect(page.get_by_role("button", name="Take Gecko Three out of Compare")).to_be_visible()
    assert served(studio) == ["Quokka One", "Marmot Two", "Gecko Three"]
    page.get_by_role("button", name="Take Quokka One out of Compare").click()
    expect(page.get_by_role("button", name="Put Quokka One into Compare")).to_be_visible()
    page.get_by_role("button", name="Go back", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Quokka One, Marmot Two, Gecko Three")
    dialog.get_by_role("button", name="Go back").click()
    expect(page.get_by_role("button", name="Take Quokka One out of Compare")).to_be_visible()
    assert served(studio) == ["Quokka One", "Marmot Two", "Gecko Three"]


def test_going_back_in_two_tabs_goes_back_once(visit: Visit, studio: Studio) -> None:
    for served_then in (("Quokka One",), ("Quokka One", "Marmot Two"), ("Marmot Two",)):
        studio.serve(*served_then)
    visit.expect("409", "422")  # the refusal
    tabs = [visit("/runs/"), visit("/runs/")]
    for page in tabs:
        page.get_by_role("button", name="Go back", exact=True).click()
        expect(page.get_by_role("dialog")).to_contain_text("Quokka One, Marmot Two again")
    tabs[0].get_by_role("dialog").get_by_role("button", name="Go back").click()
    button = "Take Quokka One out of Compare"
    expect(tabs[0].get_by_role("button", name=button)).to_be_visible()
    tabs[1].get_by_role("dialog").get_by_role("button", name="Go back").click()
    refusal = tabs[1].get_by_text("the set before is another one now")
    expect(refusal).to_be_visible()
    for _ in range(2):  # it stays while the page looks for news
        with tabs[1].expect_response("**/api/versions"):
            tabs[1].evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        tabs[1].wait_for_timeout(100)
    expect(refusal).to_be_visible()
    assert served(studio) == ["Quokka One", "Marmot Two"]


def test_the_plan_is_told_before_a_run_is_started(visit: Visit, studio: Studio) -> None:
    log_some(studio, Source.IMPORTED, 40)
    studio.serve("Quokka One")
    page = visit("/runs/")
    plan = page.locator("#plan")
    page.get_by_label("simulated", exact=True).check()
    page.get_by_label("real", exact=True).uncheck()
    expect(plan).to_contain_text("too little for RLHF, which needs at least 16 votes")
    start = page.get_by_role("button", name="Start", exact=True)
    expect(start).to_be_disabled()
    page.get_by_label("imported", exact=True).check()
    page.get_by_label("simulated", exact=True).uncheck()
    expect(plan).to_contain_text("imported triplets and")
    page.get_by_text("Settings of the run").click()
    weight = page.get_by_label("KL weight")
    expect(weight).to_have_attribute("placeholder", "0.03, as in the recipe")
    page.get_by_text("RLHB · generator").click()
    expect(weight).to_have_attribute("placeholder", "0.05, as in the recipe")
    page.get_by_text("RLHF · reward").click()
    expect(weight).to_have_attribute("placeholder", "0.03, as in the recipe")
    page.get_by_label("Any other setting").fill("ppo.iterration = 3")
    expect(plan).to_contain_text("no setting ppo.iterration (did you mean ppo.iterations?)")
    tiny = "data.min_comparisons = 20\nppo.rollouts = 8\nppo.minibatch = 8\nreward_model.steps = 4"
    page.get_by_label("Any other setting").fill(tiny)
    expect(plan).to_contain_text("enough for RLHF")
    start.click()
    expect(plan).to_contain_text("RLHF has begun on")
    row = page.locator("[data-run]").first
    expect(row.get_by_role("progressbar")).to_be_visible()
    expect(row).to_contain_text(re.compile(r"PPO: step \d+ of \d+"), timeout=60_000)
    row.get_by_role("button", name="Stop").click()
    expect(row).to_contain_text("stopped", timeout=30_000)


# --- data ---------------------------------------------------------------------------------------------


def test_data_is_shown_taken_away_and_brought_back(
    visit: Visit, studio: Studio, tmp_path: Path
) -> None:
    log_some(studio, Source.SIMULATED, 4)
    page = visit("/data/")
    card = page.locator('[data-source="simulated"]')
    expect(card).to_contain_text("queries")
    page.get_by_label("simulated", exact=True).check()
    page.get_by_label("real", exact=True).uncheck()
    expect(page.locator(".triplet").first).to_contain_text("How many are 0?")
    chosen = page.locator(".triplet", has_text="The reader chose it as the best.")
    expect(chosen.first).to_contain_text("Mars has two moons, Phobos and Deimos.")
    link = page.get_by_role("link", name="Triplets", exact=True)
    expect(link).not_to_have_attribute(
        "href", re.compile(r"=real\b")
    )  # the last choice has arrived
    with page.expect_download() as taken:
        link.click()
    lines = Path(taken.value.path()).read_text().splitlines()
    triplets = [Triplet.model_validate_json(line) for line in lines]
    assert {triplet.source for triplet in triplets} == {Source.SIMULATED}
    assert not any(triplet.person for triplet in triplets)
    amount = page.locator("#found .plan").inner_text()
    assert amount.startswith(f"{len(triplets):,} triplets")

    page.get_by_label("Name the people by their ids").check()
    expect(page.locator(".triplet").first).to_contain_text("person ")
    with page.expect_download() as taken:
        page.get_by_role("link", name="Comparisons").click()
    votes = Path(taken.value.path()).read_text().splitlines()
    assert votes
    assert all(json.loads(line)["person"] for line in votes)

    page.emulate_media(color_scheme="dark")  # the field is as dark as the rest
    expect(page.get_by_label("Files to import")).to_have_css("background-color", "rgba(0, 0, 0, 0)")
    brought = tmp_path / "brought.jsonl"
    brought.write_text(lines[0] + "\n{broken\n")
    bring(page, brought)
    told = page.locator("#imported")
    expect(told).to_contain_text("0 responses imported, 1 known already, 1 line not taken")
    expect(told).to_contain_text("line 2:")


def bring(page: Page, *files: Path) -> None:
    page.get_by_label("Files to import").set_input_files(files)
    page.get_by_role("button", name="Import", exact=True).click()


def test_import_waits_for_its_script(visit: Visit) -> None:
    page = visit.context.new_page()
    held: list[Route] = []
    page.route("**/static/bring.js", lambda route: held.append(route))
    page.goto("/data/")
    button = page.get_by_role("button", name="Import", exact=True)
    expect(button).to_be_disabled()
    page.wait_for_timeout(300)
    expect(button).to_be_disabled()
    held[0].continue_()
    expect(button).to_be_enabled()


def test_a_table_is_imported_with_its_mapping_and_lies_in_the_store(
    visit: Visit, studio: Studio, tmp_path: Path
) -> None:
    table, mapping, notes = (tmp_path / name for name in ("a.csv", "m.toml", "notes.csv"))
    table.write_text("question,first,second,best\nWho sleeps?,The marmot.,The cat.,1\n")
    mapping.write_text(
        'name = "sleepers"\nquery = "question"\npreference = "best"\n'
        'choices = {"1" = 1, "2" = 2}\nanswers = [{text = "first"}, {text = "second"}]\n'
    )
    notes.write_text("nothing of this matters\n")
    page = visit("/data/")
    visit.expect("422")  # the refusal
    bring(page, table, mapping, notes)
    told = page.locator("#imported")
    expect(told).to_contain_text("choose one file to import, and for CSV its mapping")
    page.get_by_label("imported", exact=True).check()
    page.get_by_label("real", exact=True).uncheck()
    bring(page, table, mapping)
    expect(told).to_contain_text("2 responses imported, 0 known already, 0 lines not taken")
    expect(page.locator("#found")).to_contain_text("Who sleeps?")  # the page looked again by itself
    chosen = DataFilter(sources=frozenset({Source.IMPORTED}))
    stored = [
        Triplet.model_validate_json(line)
        for block in triplet_lines(studio.store, chosen)
        for line in block.splitlines()
    ]
    found = {each.response: each for each in stored if each.query == "Who sleeps?"}
    assert set(found) == {"The marmot.", "The cat."}
    assert found["The marmot."].behavior_features.vote == "won"


def test_looking_first_stores_nothing_and_keeps_the_file(
    visit: Visit, studio: Studio, tmp_path: Path
) -> None:
    battles = tmp_path / "battles.csv"
    battles.write_text("model_a,model_b,winner\nm1,m2,model_a\nm1,m3,tie\nm1,m3,nobody\n")
    page = visit("/data/")
    chosen = page.get_by_label("Files to import")
    chosen.set_input_files(battles)
    page.get_by_role("button", name="Look first").click()
    told = page.locator("#imported")
    expect(told).to_contain_text("Nothing is stored yet. 4 responses would be imported")
    expect(told).to_contain_text("battles of Chatbot Arena")
    expect(told).to_contain_text("line 4: winner")
    imported = page.locator('[data-source="imported"]')
    before = imported.inner_text()
    assert chosen.evaluate("field => field.files.length") == 1
    page.get_by_role("button", name="Import", exact=True).click()
    expect(told).to_contain_text("4 responses imported, 0 known already, 1 line not taken")
    expect(imported).not_to_have_text(before, use_inner_text=True)
    expect(imported).to_contain_text("known only by how the vote on them went")


def test_figures_as_pictures(browser: Browser, tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", RunConfig.load({"arm": Arm.RLHB}))
    for number in range(1, 30):
        log_step(run, number)
    written = write_png(run, tmp_path / "out")
    assert [path.name for path in written][:2] == ["discriminator-output.png", "reward.png"]
    for path in written:
        head = path.read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        size = (int.from_bytes(head[16:20]), int.from_bytes(head[20:24]))
        assert size == (2 * PNG_SIZE[0], 2 * PNG_SIZE[1])


# --- looks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "scheme"), [(1360, "light"), (390, "dark")])
def test_filled_pages_fit(
    width: int,
    scheme: str,
    visit: Visit,
    studio: Studio,
    going: Run,
    judged: tuple[Run, ModelVersion],
) -> None:
    log_some(studio, Source.SIMULATED, 3)
    size = "wide" if width > 900 else "narrow"
    looks: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "scheme": scheme}
    page = visit(f"/curves/?run={going.id}", **looks)
    plot_of(page)
    picture(page, f"curves-going-{size}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page = visit(f"/curves/?run={judged[0].id}", **looks)
    plot_of(page)
    picture(page, f"curves-judged-{size}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page = visit("/runs/", **looks)
    page.locator(".run.going .bar").wait_for()
    page.locator("#plan .plan").wait_for()
    picture(page, f"runs-filled-{size}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page = visit("/data/", **looks)
    page.get_by_label("simulated", exact=True).check()
    page.locator(".triplet").first.wait_for()
    picture(page, f"data-filled-{size}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
