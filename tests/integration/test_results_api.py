"""Results over HTTP: who may see them, each part with its figures, every table as CSV, the page that stands alone."""

import csv
import io
import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from app.results import TABLES as OF
from app.store import Role
from tests.integration.test_results import story
from tests.scene import someone
from tests.team import Member, Team, running_team

TABLES = (
    "ranking",
    "pairs",
    "matrix",
    "measures",
    "couples",
    "people",
    "biases",
    "done",
    "tells",
    "foresees",
)
PARTS = ("ranking", "agreement", "biases", "acts")


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("results")) as team:
        team.first()
        with team.store.writing() as connection:
            persons = [someone(connection) for _ in range(6)]
        for person in persons:
            story(team.store, person, 0, 1, 1, "tie")
        yield team


@pytest.fixture
def leader(team: Team) -> Member:
    return team.member(f"Rosa {uuid4().hex[:6]}", Role.RESEARCHER)


def test_only_researchers_see_results(team: Team, leader: Member):
    annotator = team.member(f"Ann {uuid4().hex[:6]}")
    for path in ("", *(f"/{part}" for part in PARTS), "/report.html", "/tables/people.csv"):
        assert annotator.client.get(f"/api/results{path}").status_code == 403, path
        assert leader.client.get(f"/api/results{path}").status_code == 200, path


def test_the_ranking_has_the_fields_that_are_promised(leader: Member):
    found = leader.client.get("/api/results").json()
    assert set(found["ranking"][0]) >= {
        "version", "strength", "rating", "low", "high", "rank", "comparisons",
    }  # fmt: skip
    assert (found["ties"], found["comparisons"], found["people"]) == ("half", 24, 6)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_comes_with_its_figures_and_sentences(leader: Member, part: str):
    told = leader.client.get(f"/api/results/{part}").json()
    assert told["templates"].keys() == {"light", "dark"}
    for figure in told["figures"]:
        assert figure["figure"]["data"], figure["name"]
        assert figure["sentence"].endswith("."), figure["name"]
    assert told["figures"] or part == "agreement"


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_the_rows_of_its_part(leader: Member, table: str):
    answer = leader.client.get(f"/api/results/tables/{table}.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    found = leader.client.get(f"/api/results/{OF[table]}").json()["found"][table]
    expected = [row for bias in found for row in bias["rows"]] if table == "biases" else found
    assert len(rows) == len(expected) > 0


def test_what_is_chosen_narrows_it(leader: Member):
    def n(**chosen: str) -> int:
        answer = leader.client.get("/api/results", params=chosen)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["comparisons"])

    assert n(source="real") == 24
    assert n(source="simulated") == 0
    assert n(until="2020-01-01") == 0
    assert n(study=str(uuid4())) == 0
    assert n(anchor="SFT", control="none", ties="davidson") == 24


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"anchor": "Nobody"}, "no comparison has Nobody in it"),
        ({"ties": "davidson", "control": "length"}, "choose one of the two"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    leader: Member, chosen: dict[str, str], says: str
):
    answer = leader.client.get("/api/results", params=chosen)
    assert answer.status_code == 422, answer.text
    assert says in answer.json()["detail"]


@pytest.mark.parametrize(
    "chosen",
    [
        {"ties": "none"},
        {"study": "x"},
        {"shortest": "-1"},
        {"longest": "9" * 30},
        {"until": "soon"},
    ],
)
def test_odd_choices_are_refused(leader: Member, chosen: dict[str, str]):
    assert leader.client.get("/api/results", params=chosen).status_code == 422


def test_the_page_that_stands_alone(leader: Member, team: Team):
    answer = leader.client.get("/api/results/report.html")
    assert "attachment" in answer.headers["content-disposition"]
    assert "Which answers do people prefer" in answer.text
    figures = json.loads(
        answer.text.split('<script type="application/json" id="figures">')[1].split("</script>")[0]
    )
    assert "ranking" in figures["figures"]
