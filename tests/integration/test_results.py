"""Results from what people did, at the store: the four questions, by hand. On SQLite and Postgres."""

import csv
import io
import json
import math
from collections.abc import Sequence
from itertools import count
from typing import Any

import evalica
import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.results import (
    OF,
    TABLES,
    Control,
    Ties,
    Wanted,
    acts_of,
    agreement_of,
    as_csv,
    as_page,
    biases_of,
    ranking_of,
    rows_of,
)
from app.store import DataFilter, Segment, Store, Votes, choices, people, responses, signals
from app.store.tables import RESPONSE
from rlhb_core.errors import BadConfig
from rlhb_core.schema.records import Person, Query, Response, Source
from rlhb_core.schema.signals import Signal
from tests.scene import OPENED_MS, act, asked, best, someone

ALL = Wanted(data=DataFilter(sources=frozenset(Source)))
A, B, C = "Two.", "Mars has two moons, Phobos and Deimos.", "None at all."
"""By SFT, RLHF and RLHB."""
MINUTE = 60_000


def story(
    store: Store,
    person: Person,
    *picks: int | str,
    answers: Sequence[str] = (A, B),
    acts: Any = lambda query, answers, best: [],
    source: Source = Source.REAL,
) -> list[tuple[Query, list[Response]]]:
    """What somebody chose, one question after the other: the index of the best, or tie or all_bad."""
    found = []
    with store.writing() as connection:
        for number, pick in zip(count(), picks, strict=False):
            query, there = asked(
                connection,
                person,
                f"Question {number}?",
                tuple(answers),
                OPENED_MS + number * MINUTE,
            )
            after = (number + 1) * MINUTE
            vote = (
                best(query, there[pick], after)
                if isinstance(pick, int)
                else act("vote", query, None, after, choice=pick)
            )
            signals.record(connection, person.id, [*acts(query, there, pick), vote])
            found.append((query, there))
    return found


def readers(store: Store, number: int, **fields: Any) -> list[Person]:
    with store.writing() as connection:
        return [someone(connection, **fields) for _ in range(number)]


def test_a_ranking_by_hand(store: Store):
    for person in readers(store, 10):
        story(store, person, 1, 1, 1, 0)
    found = ranking_of(store, ALL)
    assert [(row.version, row.rank) for row in found.ranking] == [("RLHF", 1), ("SFT", 2)]
    assert found.ranking[0].strength - found.ranking[1].strength == pytest.approx(math.log(3))
    assert found.ranking[0].rating == pytest.approx(1000 + 200 * math.log10(3))
    assert (found.comparisons, found.people, found.left_out) == (40, 10, {})
    (pair,) = found.pairs
    assert (pair.told_apart, pair.more, pair.comparisons) == (True, 0, 40)
    assert pair.chance == pytest.approx(0.75)
    met = {(row.version, row.other): (row.wins, row.ties, row.losses) for row in found.matrix}
    assert met == {("RLHF", "SFT"): (30, 0, 10), ("SFT", "RLHF"): (10, 0, 30)}
    assert found.sentences[0] == "People prefer RLHF to every other version."


def test_ties_are_half_a_win_each_or_an_outcome_of_their_own(store: Store):
    for person in readers(store, 6):
        story(store, person, 1, 1, 0, "tie", "all_bad")
    half = ranking_of(store, ALL)
    assert half.ranking[0].strength - half.ranking[1].strength == pytest.approx(math.log(3 / 2))
    own = ranking_of(store, ALL.model_copy(update={"ties": Ties.DAVIDSON}))
    # Davidson for two: won and lost tell the strengths as 2 to 1, the ties how readily people tie
    assert own.ranking[0].strength - own.ranking[1].strength == pytest.approx(math.log(2), abs=1e-4)
    assert own.tie_odds == pytest.approx(2 / math.sqrt(2 * 1), rel=1e-3)


def test_of_few_people_the_choices_are_the_sample_and_that_is_said(store: Store):
    (person,) = readers(store, 1)
    story(store, person, 1, 1, 1, 0, 0, 1)
    found = ranking_of(store, ALL)
    assert found.ranking[0].low < found.ranking[0].rating < found.ranking[0].high
    assert "said by one person" in found.sentences[-1]


def test_what_says_nothing_is_left_out_and_told(store: Store):
    people_ = readers(store, 5)
    for person in people_:
        story(store, person, 0, 1)
    story(store, people_[0], 0, 1, 2, 3, answers=(A, B, C, "Three."))  # the fourth is SFT again
    found = ranking_of(store, ALL)
    assert found.comparisons == 10
    assert found.left_out == {"a version answered twice": 4}


def test_data_of_one_kind_only(store: Store):
    for person in readers(store, 5):
        story(store, person, 1)
    for person in readers(store, 5, source=Source.SIMULATED):
        story(store, person, 0)
    real = ranking_of(store, Wanted())
    assert (real.comparisons, real.data, real.sources) == (5, "real data", [Source.REAL])
    assert real.sentences == [
        "No ranking: between RLHF and SFT only one side was ever picked, so no finite strength fits; a few more votes "
        "will do."
    ]
    assert ranking_of(store, ALL).comparisons == 10


def test_people_who_are_left_out_do_not_count(store: Store):
    person, other = readers(store, 2)
    story(store, person, 1, 0)
    story(store, other, 1, 1, 1)
    with store.writing() as connection:
        people.set_excluded(connection, other.id, True)
    assert ranking_of(store, ALL).comparisons == 2


def test_without_a_choice_it_says_so(store: Store):
    for name, work in OF.items():
        found = work(store, ALL)
        assert rows_of(found, next(each for each, of in TABLES.items() if of == name)) == [] or name in (
            "agreement", "acts",
        )  # fmt: skip
    assert ranking_of(store, ALL).sentences == [
        "Nobody has chosen between two versions in this data yet."
    ]


def test_a_regenerated_answer_stands_in_place_of_the_first(store: Store):
    persons = readers(store, 5)
    for person in persons:
        with store.writing() as connection:
            query, there = asked(connection, person, answers=(A, B))
            again = responses.add(
                connection,
                there[1].model_copy(
                    update={"id": person.id, "replaces": there[1].id, "created_ms": OPENED_MS + 99}
                ),
            )
            responses.finish(connection, again.model_copy(update={"text": "Two, I think."}))
            signals.record(connection, person.id, [best(query, again, 2 * MINUTE)])
        story(store, person, 0)
    found = ranking_of(store, ALL)
    assert found.comparisons == 10
    assert found.ranking[0].strength == pytest.approx(0)


def test_an_anchor_that_nobody_judged_is_refused(store: Store):
    (person,) = readers(store, 1)
    story(store, person, 1, 0)
    with pytest.raises(BadConfig, match="no comparison has RLHB in it; give one of RLHF, SFT"):
        ranking_of(store, ALL.model_copy(update={"anchor": "RLHB"}))
    held = ranking_of(store, ALL.model_copy(update={"anchor": "SFT"}))
    assert {row.version: row.rating for row in held.ranking}["SFT"] == pytest.approx(1000)


def test_length_held_fixed(store: Store):
    short, long = "Two.", "It has two moons, and both of them are rather small ones."
    for person in readers(store, 8):
        # whatever the version, mostly the longer one is chosen
        story(store, person, 1, 1, 0, answers=(short, long))
        story(store, person, 0, 0, 1, answers=(long, short))
        story(store, person, 0, 1, answers=(short, short + " Yes."))
    found = ranking_of(store, ALL.model_copy(update={"control": Control.LENGTH}))
    (weight,) = found.weights
    assert weight.what == "length"
    assert weight.low > 0
    assert abs(found.ranking[0].strength) < 0.2
    styled = ranking_of(store, ALL.model_copy(update={"control": Control.STYLE}))
    assert [each.what for each in styled.weights] == ["length"]  # nothing else differs


def test_bold_words_headings_and_lists_are_counted(store: Store):
    plain, dressed = "It has two moons.", "# Moons\n\n## Two\n\n- **Phobos**\n- **Deimos**\n1. yes"
    for number, person in enumerate(readers(store, 8)):
        story(store, person, 1, 1, number % 2, answers=(plain, dressed))
        story(store, person, 0, 0, 1, answers=(dressed, plain))
        story(store, person, 0, 1, answers=("Moons: two.", "Moons: two, yes."))
    found = ranking_of(store, ALL.model_copy(update={"control": Control.STYLE}))
    assert [each.what for each in found.weights] == ["length", "bold", "headings", "list lines"]
    with store.reading() as connection:
        rows = list(choices.chosen(connection, ALL.data, ALL.segment, with_style=True))
    style = {each.length: each.style for row in rows for each in row.answers}
    # pairs of **, lines that begin with #, lines of a list
    assert style[len(dressed)] == (4, 2, 3)
    assert style[len(plain)] == (0, 0, 0)


def test_segments(store: Store):
    early, late = readers(store, 2)
    story(store, early, 1, 0)
    with store.writing() as connection:
        query, there = asked(connection, late, "A much longer question than the others?", (A, B))
        vote = act("vote", query, None, MINUTE, choice="best", best=str(there[1].id), early=True)
        signals.record(connection, late.id, [vote])

    def n(**fields: Any) -> int:
        return ranking_of(store, ALL.model_copy(update={"segment": Segment(**fields)})).comparisons

    assert n() == 3
    assert n(votes=Votes.EARLY) == 1
    assert n(votes=Votes.LATE) == 2
    assert n(shortest=30) == 1
    assert n(longest=30) == 2
    assert n(until_ms=OPENED_MS + MINUTE) == 2
    assert n(study=early.id) == 0
    assert n(group="Nobody") == n(tag="none") == 0


def test_people_who_read_the_same_agree_or_not(store: Store):
    one, two, three = readers(store, 3)
    story(store, one, 0, 0, 1, "tie")
    story(store, two, 0, 1, 1, "tie")
    story(store, three, 0, answers=("Another answer.", B))  # the same question, other words
    found = agreement_of(store, ALL)
    same, nominal, _ = found.measures
    assert same.value == pytest.approx(3 / 4)
    assert (same.n, same.judgements) == (4, 8)
    # by hand: coincidences A 3, B 3, tie 2 with one pair A-B apart; Do = 2/8, De = 1 - (3*2+3*2+2*1)/(8*7)
    assert nominal.value == pytest.approx(1 - (2 / 8) / (1 - 14 / 56))
    (couple,) = found.couples
    assert couple.n == 4
    assert couple.kappa == pytest.approx((0.75 - 0.3125) / (1 - 0.3125))
    rows = {row.person: row for row in found.people}
    assert {row.done for row in rows.values()} == {4, 1}
    mine = next(row for row in found.people if row.done == 4)
    assert mine.ties.value == pytest.approx(1 / 4)
    assert mine.left.n == 3
    assert mine.seconds == pytest.approx(60)
    assert "two of them say the same in 75% of the cases" in found.sentences[0]


def test_places_change_nothing_in_what_was_said(store: Store):
    one, two = readers(store, 2)
    with store.writing() as connection:
        for person, turned in ((one, False), (two, True)):
            query, there = asked(connection, person, "The same?", (A, B))
            if turned:
                for answer, place in zip(there, (5, 4), strict=True):
                    connection.execute(
                        RESPONSE.update().where(RESPONSE.c.id == answer.id).values(position=place)
                    )
            signals.record(connection, person.id, [best(query, there[0])])
    assert agreement_of(store, ALL).measures[0].value == 1


def test_agreement_that_is_not_defined_says_why(store: Store):
    (person,) = readers(store, 1)
    story(store, person, 1, 0)
    found = agreement_of(store, ALL)
    assert found.measures[0].value is None
    assert "no item was judged by two people" in found.sentences[0]


def test_ratings_agree_by_aspect(store: Store):
    for person, marks in zip(readers(store, 2), ((1, 5), (2, 5)), strict=True):
        with store.writing() as connection:
            query, there = asked(connection, person, "Rated?", (A, B))
            rated = [
                act("rate", query, answer, value=mark, aspect="correct")
                for answer, mark in zip(there, marks, strict=True)
            ]
            signals.record(connection, person.id, rated)
    found = {(row.of, row.measure): row.value for row in agreement_of(store, ALL).measures}
    interval = found["the rating: correct", "Krippendorff's alpha (interval)"]
    # by hand: values 1 2 | 5 5; Do = (1)^2 * 2 / 4, De = sum over pairs of squares / (n (n - 1)) = 2*(1+16+16+9+9+0)/12
    assert interval == pytest.approx(1 - (2 / 4) / (102 / 12))


def test_what_sways_people(store: Store):
    for person in readers(store, 12):
        story(store, person, 0, 0, 0, 0, 1)  # the left one, which is the shorter one
    found = {bias.name: bias for bias in biases_of(store, ALL).biases}
    left = next(row for row in found["place"].rows if row.what == "left of 2")
    assert left.rate.value == pytest.approx(0.8)
    assert (left.rate.n, left.chance, left.sways) == (60, 0.5, True)
    longer = found["length"].rows[0]
    assert longer.rate.value == pytest.approx(0.2)
    assert longer.sways
    assert "stand left of 2 in 80%" in found["place"].sentence


def test_equal_answers_and_ties_say_nothing_of_places(store: Store):
    (person,) = readers(store, 1)
    story(store, person, 0, 0, answers=("Two.", "Two."))
    story(store, person, "tie", "all_bad")
    assert biases_of(store, ALL).comparisons == 0


def copies_the_best(query: Query, there: Sequence[Response], pick: int | str) -> list[Signal]:
    assert isinstance(pick, int)
    return [act("copy", query, there[pick], chars=3)]


def test_what_people_do_and_what_it_foresees(store: Store):
    for person in readers(store, 6):
        story(store, person, 0, 1, 1, acts=copies_the_best)
    found = acts_of(store, ALL)
    copied = {row.version: row.rate for row in found.done if row.act == "copied"}
    assert copied["SFT"].value == pytest.approx(1 / 3)
    assert copied["RLHF"].value == pytest.approx(2 / 3)
    tells = {row.act: row for row in found.tells}
    assert tells["copied"].auc == pytest.approx(1)
    assert tells["shared"].auc is None
    assert "same of every answer" in tells["shared"].why
    foresees = {row.kind: row.rate.value for row in found.foresees}
    assert foresees["implicit"] == pytest.approx(1)
    assert foresees["explicit"] == pytest.approx(0.5)  # nothing was said on purpose: half of two


def test_every_table_is_read_back_row_by_row(store: Store):
    for person in readers(store, 6):
        story(store, person, 0, 1, 1, "tie", acts=lambda query, there, pick: [])
        story(store, person, 0, 1, acts=copies_the_best)
        story(store, person, 0, 0, 1, answers=(B, A))
    for table, part in TABLES.items():
        wanted = ALL.model_copy(update={"control": Control.LENGTH}) if table == "weights" else ALL
        rows = rows_of(OF[part](store, wanted), table)
        back = list(csv.DictReader(io.StringIO(as_csv(rows))))
        assert len(back) == len(rows) > 0, table
        for line, row in zip(back, rows, strict=True):
            assert line == {
                name: "" if value is None else str(value) for name, value in row.items()
            }


def test_a_cell_that_a_spreadsheet_would_reckon_is_text():
    assert as_csv([{"version": "=1+1", "n": -1}]) == "version,n\r\n'=1+1,-1\r\n"


def test_the_page_names_nobody_and_says_what_it_is_of(store: Store):
    persons = readers(store, 6)
    for person in persons:
        story(store, person, 0, 1, 1, acts=copies_the_best)
    page = as_page(store, ALL)
    assert "<script>alert" not in page
    assert not [person.id for person in persons if str(person.id) in page or person.id.hex in page]
    text = page.split('<pre id="manifest">')[1].split("</pre>")[0]
    manifest = json.loads(text.replace("&quot;", '"'))
    assert manifest["data"] == ALL.data.words()
    assert set(manifest["sha256_of_tables"]) >= {"ranking", "matrix", "biases", "done"}
    assert "People prefer" in page or "stands first" in page


def test_the_command_tells_it_as_json_as_a_table_and_as_a_page(sqlite_store: Store, tmp_path):
    for person in readers(sqlite_store, 6, source=Source.IMPORTED):
        story(sqlite_store, person, 0, 1, 1)
    here = ["--database-url", f"sqlite:///{tmp_path / 'test.sqlite'}", "--data-dir", str(tmp_path)]
    told = CliRunner().invoke(cli, ["results", "--json", *here])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert found["ties"] == "half"
    assert found["data"] == "imported data"  # there is no other
    first = found["ranking"][0]
    assert {"version", "strength", "rating", "low", "high", "rank", "comparisons"} <= set(first)
    assert (first["version"], first["comparisons"]) == ("RLHF", 18)
    assert set(found) >= {"agreement", "biases", "acts"}
    told = CliRunner().invoke(cli, ["results", *here])
    assert "RLHF" in told.stdout
    assert "18 comparisons of 6 people" in told.stdout
    page = tmp_path / "results.html"
    assert CliRunner().invoke(cli, ["results", "--report", str(page), *here]).exit_code == 0
    assert "Which answers do people prefer" in page.read_text()
    wrong = CliRunner().invoke(cli, ["results", "--ties", "none", *here])
    assert "half" in str(wrong.exception)


@pytest.mark.parametrize("with_texts", [True, False])
def test_battles_out_of_a_file_are_ranked_as_others_rank_them(tmp_path, with_texts):
    """Of the file, by the command alone; reckoned anew with evalica, a tie half a win for each."""
    rng = np.random.default_rng(7)
    strength = {"ada": 0.8, "bert": 0.3, "curie": 0.0, "davinci": -0.4, "eliza": -0.7}
    rows = []
    for number in range(600):
        a, b = (str(each) for each in rng.choice(list(strength), 2, replace=False))
        if rng.random() < 0.2:
            winner = str(rng.choice(["tie", "tie (bothbad)"]))
        else:
            first = rng.random() < 1 / (1 + math.exp(strength[b] - strength[a]))
            winner = "model_a" if first else "model_b"
        texts = {"prompt": f"Q{number}?", "response_a": f"a {number}", "response_b": f"b {number}"}
        row = {"model_a": a, "model_b": b, "winner": winner, "judge": f"j{number % 30}"}
        rows.append(row | texts if with_texts else row)
    file = tmp_path / "battles.csv"
    file.write_text(as_csv(rows), encoding="utf-8")
    here = ["--database-url", f"sqlite:///{tmp_path / 'b.sqlite'}", "--data-dir", str(tmp_path)]
    told = CliRunner().invoke(cli, ["import", str(file), *here])
    assert told.exit_code == 0, told.output
    told = CliRunner().invoke(cli, ["results", "--json", *here])
    found = json.loads(told.stdout)
    won = {
        "model_a": evalica.Winner.X, "model_b": evalica.Winner.Y,
        "tie": evalica.Winner.Draw, "tie (bothbad)": evalica.Winner.Draw,
    }  # fmt: skip
    reference = evalica.bradley_terry(
        [row["model_a"] for row in rows],
        [row["model_b"] for row in rows],
        [won[row["winner"]] for row in rows],
        tolerance=1e-12,
        limit=10_000,
    ).scores
    logs = {name: math.log(score) for name, score in reference.items()}
    mean = sum(logs.values()) / len(logs)
    ours = {row["version"]: row["strength"] for row in found["ranking"]}
    assert ours == pytest.approx({name: each - mean for name, each in logs.items()}, abs=1e-5)
    assert (found["comparisons"], found["people"]) == (600, 30)
    assert sum(row["comparisons"] for row in found["ranking"]) == 1200
