"""The pages of studies in a real browser: made, filled, led and ended; every button has its effect."""

import itertools
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from app.store import (
    Assignment,
    AssignmentState,
    Connection,
    Drawn,
    Item,
    NewItem,
    Study,
    assignments,
    items,
    people,
    signals,
    studies,
)
from rlhb_core.schema.formats import FORMATS
from tests.browser.conftest import Studio, Visit
from tests.browser.test_axe import check
from tests.browser.test_desk import made as to_work
from tests.browser.test_desk import opened, question
from tests.browser.test_runs_pages import picture
from tests.scene import OPENED_MS, asked, best, someone

pytestmark = pytest.mark.browser
_numbers = itertools.count(1)
LINES = [
    {
        "prompt": "How many moons has Mars?",
        "answers": ["Two.", "None."],
        "best": 1,
        "tags": ["space"],
    },
    {"prompt": "Who wrote Faust?", "category": "books"},
]


def named() -> str:
    return f"Study {next(_numbers)}"


def made(visit: Visit, name: str, **looks: Any) -> Page:
    """The page of a new study, made on the page of all."""
    page = visit("/studies", **looks)
    page.get_by_label("Its name").fill(name)
    page.get_by_role("button", name="Make it").click()
    page.wait_for_url("**/studies/*-*")
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    return page


def stored(studio: Studio, name: str) -> Study:
    with studio.store.reading() as connection:
        return next(each for each in studies.all(connection) if each.name == name)


def bring(page: Page, tmp_path: Path, text: str, name: str = "items.jsonl") -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    page.locator("[data-bring] input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Bring it in").click()


def test_a_study_is_made_filled_opened_paused_and_ended(
    visit: Visit, studio: Studio, tmp_path: Path
) -> None:
    name = named()
    page = made(visit, name)
    expect(page.get_by_text("It has not begun")).to_be_visible()
    visit.expect("status of 422")
    page.get_by_role("button", name="Open it", exact=True).click()
    expect(page.get_by_text("bring items in first")).to_be_visible()
    bring(page, tmp_path, "\n".join(map(json.dumps, LINES)) + '\n{"broken\n' + json.dumps(LINES[1]))
    expect(page.get_by_text("2 added, 1 there already, 1 line not taken.")).to_be_visible()
    expect(page.get_by_text("line 3: is no JSON")).to_be_visible()
    rows = page.get_by_role("table", name="Items").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("How many moons has Mars?")
    expect(rows.nth(0)).to_contain_text("space")
    expect(rows.nth(0)).to_contain_text("answer 1")
    page.get_by_role("button", name="Open it", exact=True).click()
    expect(page.get_by_text("It is open: items are handed out.")).to_be_visible()
    expect(page.get_by_role("link", name="Try it")).to_have_attribute(
        "href", f"/?study={stored(studio, name).id}"
    )
    page.get_by_role("button", name="Pause it").click()
    expect(page.get_by_text("It rests")).to_be_visible()
    page.get_by_role("button", name="End it").click()
    page.get_by_role("dialog").get_by_role("button", name="Leave it").click()
    assert stored(studio, name).status == "paused"
    page.get_by_role("button", name="End it").click()
    page.get_by_role("dialog").get_by_role("button", name="End it").click()
    expect(page.get_by_text("It has ended")).to_be_visible()
    page.get_by_role("button", name="Open it again").click()
    expect(page.get_by_text("It is open: items are handed out.")).to_be_visible()
    page.get_by_role("link", name="All studies").click()
    offer = page.locator(".offers li").filter(has_text=name)
    expect(offer).to_contain_text("0 of 1 done")
    expect(offer.get_by_role("link", name="Begin")).to_be_visible()
    offer.get_by_role("link", name="Lead").click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


def test_an_item_is_put_away_and_taken_out_again(
    visit: Visit, studio: Studio, tmp_path: Path
) -> None:
    name = named()
    page = made(visit, name)
    bring(page, tmp_path, "One?\nTwo?\n", "questions.txt")
    expect(page.get_by_text("0 of 2 answers, 2 items")).to_be_visible()
    page.get_by_role("button", name="Put away: One?").click()
    expect(page.get_by_text("0 of 1 answer, 1 item")).to_be_visible()
    page.get_by_role("button", name="Take out again: One?").click()
    expect(page.get_by_text("0 of 2 answers, 2 items")).to_be_visible()


def test_of_many_items_the_first_are_shown_and_all_at_a_press(visit: Visit, tmp_path: Path) -> None:
    page = made(visit, named())
    bring(page, tmp_path, "\n".join(f"Question {n}?" for n in range(50)), "questions.txt")
    rows = page.get_by_role("table", name="Items").locator("tbody tr")
    expect(rows).to_have_count(20)
    page.get_by_role("button", name="Show all 50").click()
    expect(rows).to_have_count(50)
    expect(rows.last).to_contain_text("Question 49?")
    expect(page.locator("[data-further]")).to_be_hidden()
    bring(page, tmp_path, "\n".join(f"Question {n}?" for n in range(50, 150)), "more.txt")
    expect(page.get_by_text("0 of 150 answers, 150 items")).to_be_visible()
    expect(rows).to_have_count(20)
    page.get_by_role("button", name="Show 100 more of 130").click()
    expect(rows).to_have_count(120)
    page.get_by_role("button", name="Show all 150").click()
    expect(rows).to_have_count(150)


def test_of_those_who_worked_it_is_said_who_one_is(visit: Visit, studio: Studio) -> None:
    study = to_work(studio, 2)
    with studio.store.writing() as connection:
        fill(connection, study, 1)
    page = opened(visit, study)
    page.keyboard.press("1")
    page.wait_for_selector(".compare[data-phase=voted]")
    page.keyboard.press("n")
    question(page, 1)
    page.goto(f"/studies/{study.id}")
    rows = page.get_by_role("table", name="How people worked").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.get_by_text("you", exact=True)).to_have_count(1)


def test_of_two_formats_that_share_a_place_it_is_said_while_both_are_asked(visit: Visit) -> None:
    page = made(visit, named())
    told = page.get_by_text("it takes the place of the vote and of how much better")
    expect(page.get_by_text("is chosen for free questions only")).to_be_visible()
    expect(told).to_be_hidden()
    page.get_by_role("button", name="Everything").click()
    expect(told).to_be_visible()
    check(page, ".asking")
    page.get_by_label("Ranking", exact=True).uncheck()
    expect(told).to_be_hidden()
    page.get_by_label("Ranking", exact=True).check()
    expect(told).to_be_visible()


def test_questions_that_were_asked_here_are_taken_in(
    visit: Visit, studio: Studio, ask: Any
) -> None:
    question = "Which planet is the largest, and by how much?"
    ask(visit(), question)
    name = named()
    page = made(visit, name)
    page.get_by_role("button", name="Take them in").click()
    expect(page.get_by_role("table", name="Items")).to_contain_text(question)
    with studio.store.reading() as connection:
        taken = [each.text for each in items.of_study(connection, stored(studio, name).id)]
    assert question in taken


def test_guidelines_are_stored_as_versions_and_shown_as_people_see_them(
    visit: Visit, studio: Studio
) -> None:
    name = named()
    page = made(visit, name)
    expect(page.locator("[data-version]")).to_have_text("None yet.")
    page.locator("textarea[name=guidelines]").fill("Be **kind**.\n\n<img src=x onerror=alert(1)>")
    page.get_by_role("button", name="Save as the next version").click()
    expect(page.get_by_text("Version 1 is stored")).to_be_visible()
    expect(page.locator("[data-shown] strong")).to_have_text("kind")
    expect(page.locator("[data-shown] img")).to_have_count(0)
    page.get_by_role("button", name="Save as the next version").click()
    expect(page.get_by_text("They say the same as before.")).to_be_visible()
    assert stored(studio, name).guidelines == 1


def test_what_is_typed_is_what_is_opened_and_nothing_typed_is_lost(
    visit: Visit, studio: Studio, tmp_path: Path
) -> None:
    name = named()
    page = made(visit, name)
    bring(page, tmp_path, '{"text": "How many moons has Mars?"}\n')
    expect(page.locator("[data-items] .question")).to_have_count(1)
    field = page.locator("textarea[name=guidelines]")
    field.fill("Be **kind**.")
    page.get_by_role("button", name="Best answer, and how much").click()
    page.get_by_role("button", name="Save the plan").click()
    expect(page.get_by_text("The plan is saved.")).to_be_visible()
    expect(field).to_have_value("Be **kind**.")  # not saved, and still there
    assert stored(studio, name).guidelines == 0
    page.get_by_label("What it is for").fill("Moons.")
    page.get_by_role("button", name="Open it").click()
    expect(page.get_by_text("It is open")).to_be_visible()
    expect(page.locator("[data-shown] strong")).to_have_text("kind")
    study = stored(studio, name)
    assert (study.guidelines, study.plan.about) == (1, "Moons.")
    assert study.plan.formats == ["best", "strength"]
    field.fill("Be kinder.")
    page.get_by_role("button", name="Pause it").click()
    expect(page.get_by_text("It rests")).to_be_visible()
    expect(field).to_have_value("Be kinder.")
    assert stored(studio, name).guidelines == 1


def test_a_plan_is_saved_and_comes_back(visit: Visit, studio: Studio) -> None:
    name = named()
    page = made(visit, name)
    form = page.locator("[data-plan]")
    form.get_by_label("Name", exact=True).fill(f"{name} anew")
    form.get_by_label("What it is for").fill("Moons.")
    form.get_by_label("Otter Able").check()
    form.get_by_label("Answers side by side").fill("2")
    form.get_by_label("People per item").fill("3")
    form.get_by_label("Repeats").fill("12.5")
    form.get_by_label("Order").select_option("shuffled")
    form.get_by_label("Names after the vote").check()
    form.get_by_label("Ends").fill("2030-05-04")
    form.get_by_label("Completion code").fill("MARS-17")
    page.get_by_role("button", name="Save the plan").click()
    expect(page.get_by_text("The plan is saved.")).to_be_visible()
    plan = stored(studio, f"{name} anew").plan
    assert (plan.about, plan.side_by_side, plan.overlap, plan.repeats) == ("Moons.", 2, 3, 0.125)
    assert (plan.order, plan.reveal, plan.completion_code) == ("shuffled", True, "MARS-17")
    assert (len(plan.arms), plan.most_per_person, plan.gold) == (1, None, 0)
    page.reload()
    expect(form.get_by_label("What it is for")).to_have_value("Moons.")
    expect(form.get_by_label("Otter Able")).to_be_checked()
    expect(form.get_by_label("Repeats")).to_have_value("12.5")
    expect(form.get_by_label("Names after the vote")).to_be_checked()
    expect(form.get_by_label("Ends")).to_have_value("2030-05-04")
    expect(form.get_by_label("Items per person")).to_have_value("")


def test_a_name_that_is_taken_is_said(visit: Visit) -> None:
    name = named()
    made(visit, name)
    visit.expect("status of 409")
    page = visit("/studies")
    page.get_by_label("Its name").fill(name)
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_text("A study is called so already; choose another name.")).to_be_visible()


def test_a_plan_that_makes_no_sense_is_refused_in_a_sentence(visit: Visit, studio: Studio) -> None:
    name = named()
    page = made(visit, name)
    visit.expect("status of 422")
    page.get_by_label("Answers side by side").fill("1")
    page.get_by_role("button", name="Save the plan").click()
    expect(page.get_by_text("One answer alone cannot be compared")).to_be_visible()
    page.get_by_role("button", name="Open it").click()  # which saves the plan first
    expect(page.get_by_text("It is not saved; what does not fit").first).to_be_visible()
    expect(page.get_by_label("Answers side by side")).to_be_focused()
    study = stored(studio, name)
    assert (study.plan.side_by_side, study.status) == (3, "draft")
    page.get_by_label("Answers side by side").fill("2.5")  # the browser says what is wrong with it
    page.get_by_role("button", name="Save the plan").click()
    assert page.locator("[data-plan] :invalid").count() > 0


def test_what_people_are_asked_is_chosen_and_comes_back(visit: Visit, studio: Studio) -> None:
    name = named()
    page = made(visit, name)
    expect(page.get_by_label("Best answer", exact=True)).to_be_checked()
    for format in FORMATS.values():
        expect(page.get_by_text(format.says)).to_be_visible()
    page.get_by_role("button", name="Ratings", exact=True).click()
    expect(page.get_by_label("Best answer", exact=True)).not_to_be_checked()
    aspects = page.locator(".aspect")
    expect(aspects).to_have_count(3)
    aspects.nth(1).get_by_role("button", name="Remove").click()
    aspects.nth(1).get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Add an aspect").click()
    page.keyboard.type("kind")  # the focus is there
    aspects.nth(1).get_by_label("Weight").fill("0.5")
    page.get_by_label("In words", exact=True).check()
    page.get_by_label("Reasons", exact=True).fill("right, , rude,right")
    page.get_by_role("button", name="Save the plan").click()
    expect(page.get_by_text("The plan is saved.")).to_be_visible()
    plan = stored(studio, name).plan
    assert plan.formats == ["ratings", "critique"]
    first, second = plan.aspects
    assert (first.name, first.weight, first.anchors[4]) == ("correct", 1, "right")
    assert (second.name, second.weight, second.anchors) == ("kind", 0.5, [])
    assert plan.reasons == ["right", "rude"]
    page.reload()
    expect(page.get_by_label("Ratings", exact=True)).to_be_checked()
    expect(page.get_by_label("Best answer", exact=True)).not_to_be_checked()
    expect(aspects.nth(0).get_by_label("5", exact=True)).to_have_value("right")
    expect(aspects.nth(1).get_by_label("Name")).to_have_value("kind")
    expect(page.get_by_label("Reasons", exact=True)).to_have_value("right, rude")


def test_an_aspect_without_a_name_is_asked_for_one(visit: Visit, studio: Studio) -> None:
    page = made(visit, named())
    page.get_by_role("button", name="Add an aspect").click()
    page.get_by_role("button", name="Open it").click()
    told = page.locator("[data-field=aspects]").get_by_role("alert")
    expect(told).to_have_text("An aspect has no name yet: give it one, or remove it.")
    expect(page.locator(".aspect").get_by_label("Name")).to_be_focused()
    page.keyboard.type("clear")
    page.get_by_role("button", name="Save the plan").click()
    expect(page.get_by_text("The plan is saved.")).to_be_visible()
    expect(told).to_have_count(0)  # an empty one is none


def test_what_does_not_fit_is_said_at_its_field(visit: Visit, studio: Studio) -> None:
    name = named()
    page = made(visit, name)
    visit.expect("status of 422")
    page.get_by_label("Ratings", exact=True).check()
    page.get_by_role("button", name="Save the plan").click()
    field = page.locator("[data-field=aspects]")
    expect(field.get_by_role("alert")).to_have_text(
        "Answers are to be rated: name at least one aspect."
    )
    expect(page.get_by_text("what does not fit is said at its field")).to_be_visible()
    expect(page.get_by_role("button", name="Add an aspect")).to_be_focused()
    page.get_by_role("button", name="Add an aspect").click()
    page.keyboard.type("clear")
    page.get_by_label("Best answer", exact=True).uncheck()
    page.get_by_label("How much better").check()
    page.get_by_role("button", name="Save the plan").click()
    formats = page.get_by_role("group", name="Formats")
    expect(formats.get_by_role("alert")).to_contain_text("only where the best one is")
    expect(field.locator(".wrong")).to_be_empty()
    page.get_by_role("button", name="Best answer, and how much").click()
    page.get_by_role("button", name="Save the plan").click()
    expect(page.get_by_text("The plan is saved.")).to_be_visible()
    expect(formats.locator(".wrong")).to_be_empty()
    assert stored(studio, name).plan.formats == ["best", "strength"]


@pytest.mark.parametrize(("width", "scheme"), [(1360, "light"), (1360, "dark"), (390, "light")])
def test_they_fit_and_break_no_rule(
    width: int, scheme: str, visit: Visit, studio: Studio, tmp_path: Path
) -> None:
    looks: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "scheme": scheme}
    page = made(visit, named(), **looks)
    bring(page, tmp_path, "\n".join(map(json.dumps, LINES)))
    expect(page.get_by_role("table", name="Items")).to_be_visible()
    page.get_by_role("button", name="Open it", exact=True).click()
    expect(page.get_by_text("It is open: items are handed out.")).to_be_visible()
    page.get_by_role("button", name="Everything").click()
    check(page)
    picture(page, f"study-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page = visit("/studies", **looks)
    page.locator(".offers li").first.wait_for()
    check(page)
    picture(page, f"studies-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("looks", [{}, {"viewport": {"width": 390, "height": 844}}])
def test_how_people_worked_is_told_and_somebody_is_left_out(
    looks: dict[str, Any], visit: Visit, studio: Studio, tmp_path: Path
) -> None:
    name = named()
    page = made(visit, name, **looks)
    expect(page.get_by_text("Nobody has judged anything yet.")).to_be_visible()
    study = stored(studio, name)
    with studio.store.writing() as connection:
        left, ids = fill(connection, study, 24)
    page.get_by_role("button", name="Look again").click()
    rows = page.get_by_role("table", name="How people worked").locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("24 of 24 (86 to 100 %)")
    expect(rows).to_contain_text(
        "Chose the left answer 24 of 24 times; who reads chooses it about 8 times."
    )
    check(page, ".panel:has([data-care])")
    picture(page, f"work-{page.viewport_size['width'] if page.viewport_size else 0}")
    person = f"person {str(left)[:8]}"
    page.get_by_role("button", name=f"Leave out: {person}").click()
    expect(page.get_by_text(f"All that {person} does is left out")).to_be_visible()
    expect(rows.locator("[data-out]")).to_be_visible()
    with studio.store.reading() as connection:
        assert left in people.excluded(connection)
    page.reload()
    page.get_by_role("button", name=f"Take in again: {person}").click()
    expect(page.get_by_text(f"What {person} does counts again.")).to_be_visible()
    expect(rows.locator("[data-out]")).to_be_hidden()
    with studio.store.reading() as connection:
        assert left not in people.excluded(connection)
    assert len(ids) == 24


def fill(connection: Connection, study: Study, count: int) -> tuple[UUID, list[UUID]]:
    """Somebody who has chosen the left one of three each time."""
    person = someone(connection)
    ids = []
    for number in range(1, count + 1):
        item = Item(study_id=study.id, number=0, text=f"Question {number}?")
        items.add(connection, [NewItem(item)])
        query, answers = asked(connection, person, item.text, at_ms=OPENED_MS + number * 60_000)
        drawn = [Drawn(version_id=each.version_id, probability=0.5) for each in answers]
        assignments.add(
            connection,
            Assignment(
                study_id=study.id, item_id=item.id, person_id=person.id, number=number, drawn=drawn,
                state=AssignmentState.DONE, query_id=query.id, expires_ms=0,
                shown_ms=query.created_ms, ended_ms=query.created_ms + 20_000,
            ),
        )  # fmt: skip
        vote = best(query, answers[0], number * 60_000 + 9_000 + number * 300)
        signals.record(connection, person.id, [vote])
        ids.append(query.id)
    return person.id, ids
