"""Workers of a platform outside in a real browser: the links that a researcher makes, and the way in to the end."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from app.people import OPERATOR, set_groups
from tests.browser.test_axe import check
from tests.browser.test_look import SIZES
from tests.browser.test_people_pages import Guests, Team, guests, team
from tests.browser.test_studies_pages import bring

__all__ = ["guests", "team"]

pytestmark = pytest.mark.browser
LINES = [
    {"prompt": f"Question {n}?", "responses": [f"First {n}.", f"Second {n}."], "models": ["p", "q"]}
    for n in range(2)
]


def study(guests: Guests, tmp_path: Path) -> tuple[Page, str]:
    """The page of an open study for workers, as who leads it sees it; and its link for whoever comes."""
    leader = guests.join(guests.named("Rosa"), "researcher")
    page = guests.visit("/studies", leader)
    page.get_by_label("Its name").fill(guests.named("Study"))
    page.get_by_role("button", name="Make it").click()
    page.wait_for_url("**/studies/*-*")
    bring(page, tmp_path, "\n".join(map(json.dumps, LINES)))
    expect(page.get_by_text("2 added")).to_be_visible()
    expect(page.get_by_role("heading", name="Workers of a platform")).to_be_hidden()
    page.get_by_label("Open to").select_option("workers")
    page.get_by_label("Completion code").fill("MARS-17")
    page.get_by_label("People per item").fill("5")
    page.get_by_role("button", name="Save the plan").click()
    expect(page.get_by_text("The plan is saved.")).to_be_visible()
    page.get_by_role("button", name="Open it").click()
    expect(page.get_by_text("It is open: items are handed out.")).to_be_visible()
    return page, page.get_by_label("Link for workers").input_value()


@pytest.mark.parametrize("size", SIZES)
def test_a_worker_comes_by_the_link_and_works_to_the_end(
    size: str, team: Team, guests: Guests, tmp_path: Path
) -> None:
    lead, link = study(guests, tmp_path)
    assert link.endswith("&worker={{%PROLIFIC_PID%}}")
    worker = f"5f3a-{size}"
    come = link.replace("{{%PROLIFIC_PID%}}", worker).removeprefix(team.studio.address)
    page = guests.visit(come, guests.stranger(viewport=SIZES[size]))
    expect(page.get_by_label("Your ID there")).to_have_value(worker)
    check(page)
    page.keyboard.press("Enter")  # on Begin
    page.wait_for_url("**/?study=*")
    page.get_by_role("button", name="Yes, record how I read").click()
    expect(page.locator(".answer .text").first).to_contain_text("0.")
    expect(page.get_by_role("link", name="Compare")).to_have_count(0)
    for number in range(2):
        expect(page.locator(".question")).to_contain_text(f"Question {number}?")
        page.locator('[data-choice="best"]:visible').first.click()
        expect(page.get_by_text("Recorded:")).to_be_visible()
        page.get_by_role("button", name="Next item").click()
    expect(page.get_by_text("MARS-17")).to_be_visible()
    page.goto("/")  # where people ask what they like
    page.wait_for_url("**/studies")
    expect(page.get_by_text("2 of 2 done")).to_be_visible()
    page.locator(".person").click()
    expect(page.get_by_text("Signed in as worker.")).to_be_visible()
    lead.get_by_role("button", name="Look again").click()
    expect(lead.get_by_role("row").filter(has_text=f"worker {worker}")).to_contain_text("2")
    check(lead)


def test_links_for_some_alone_and_links_made_void(
    team: Team, guests: Guests, tmp_path: Path
) -> None:
    guests.visit.expect("status of 410")
    page, link = study(guests, tmp_path)
    page.get_by_label("Or a link for each of these IDs alone").fill("ada\n  ben\nada\n")
    page.get_by_role("button", name="Make their links").click()
    expect(page.get_by_text("2 links: the ID, a tab, the link.")).to_be_visible()
    lines = page.get_by_label("Links, one in a line").input_value().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["ada", "ben"]
    of_ada = lines[0].split("\t")[1]
    assert parse_qs(urlsplit(of_ada).query)["worker"] == ["ada"]
    other = guests.visit(of_ada, guests.stranger())
    other.get_by_label("Your ID there").fill("ben")
    other.get_by_role("button", name="Begin").click()
    expect(
        other.get_by_role("alert").filter(has_text="not whole, or holds no more")
    ).to_be_visible()
    page.get_by_role("button", name="Make all links so far void").click()
    page.get_by_role("button", name="Make them void").click()
    expect(page.get_by_text("The links so far are void; this is the new one.")).to_be_visible()
    assert page.get_by_label("Link for workers").input_value() != link
    other.get_by_label("Your ID there").fill("ada")
    other.get_by_role("button", name="Begin").click()
    expect(
        other.get_by_role("alert").filter(has_text="not whole, or holds no more")
    ).to_be_visible()


def test_a_link_that_is_not_whole_or_not_filled_in_says_so(guests: Guests) -> None:
    page = guests.visit("/work", guests.stranger())
    expect(page.get_by_role("alert").filter(has_text="This link is not whole.")).to_be_visible()
    expect(page.get_by_role("button", name="Begin")).to_be_disabled()
    study_id = "0" * 8 + "-0000-4000-8000-" + "0" * 12
    page.goto(f"/work?study={study_id}&key=k&worker={{{{%25PROLIFIC_PID%25}}}}")
    expect(page.get_by_label("Your ID there")).to_have_value("")
    expect(page.get_by_label("Your ID there")).to_be_focused()


def test_a_study_is_opened_to_people_by_name_and_to_groups(
    team: Team, guests: Guests, tmp_path: Path
) -> None:
    guests.visit.expect("status of 422", "status of 403")
    page, _ = study(guests, tmp_path)
    ann = guests.named("Ann")
    context = guests.join(ann)
    expect(page.get_by_label("Their names")).to_be_hidden()
    page.get_by_label("Open to").select_option("named")
    expect(page.get_by_label("Their groups")).to_be_hidden()
    page.get_by_label("Their names").fill("Nemo")
    page.get_by_role("button", name="Save the plan").click()
    expect(page.get_by_text("Nobody here is called Nemo")).to_be_visible()
    page.get_by_label("Their names").fill(f" {ann.upper()},")
    page.get_by_role("button", name="Save the plan").click()
    expect(page.get_by_text("The plan is saved.")).to_be_visible()
    expect(page.get_by_role("heading", name="Workers of a platform")).to_be_hidden()
    page.reload()
    expect(page.get_by_label("Their names")).to_have_value(ann)
    name = page.get_by_label("Name", exact=True).input_value()
    theirs = guests.visit("/studies", context)
    expect(theirs.get_by_role("link", name=f"Begin: {name}")).to_be_visible()
    page.get_by_label("Open to").select_option("groups")
    page.get_by_label("Their groups").fill("Doctors, Night shift")
    page.get_by_role("button", name="Save the plan").click()
    expect(page.get_by_text("The plan is saved.")).to_be_visible()
    theirs.reload()
    expect(theirs.get_by_role("heading", name="Studies")).to_be_visible()
    expect(theirs.get_by_role("link", name=f"Begin: {name}")).to_have_count(0)
    with team.store.writing() as connection:
        set_groups(connection, OPERATOR, team.present(ann).id, ["night shift"])
    theirs.reload()
    expect(theirs.get_by_role("link", name=f"Begin: {name}")).to_be_visible()
