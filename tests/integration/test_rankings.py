"""A ranking goes on: to the behaviours, to every export, back in, and into the counts. On SQLite and Postgres."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.files import comparison_lines, import_jsonl, preference_lines, triplet_lines, write_lines
from app.store import Store, signals, summary
from rlhb_core.schema.records import Comparison, Query, Response, Source
from tests.integration.test_export_import import (
    EVERYTHING,
    comparisons_of,
    lines_of,
    regenerated,
    triplets_of,
)
from tests.scene import act, asked, best, someone


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'other.sqlite'}")
    yield opened
    opened.close()


def ranked(store: Store, *places: str) -> tuple[Query, list[Response]]:
    """A query of which someone ranked the answers "a", "b" and "c", the best first: "a", "bc" has b and c tied."""
    with store.writing() as connection:
        person = someone(connection)
        query, answers = asked(connection, person, answers=("A.", "B.", "C."))
        order = [[str(answers["abc".index(each)].id) for each in group] for group in places]
        signals.record(connection, person.id, [act("rank", query, order=order)])
    return query, answers


@pytest.mark.parametrize(
    ("places", "behaviors", "choice", "best", "wins"),
    [
        (("b", "a", "c"), ("lost", "won", "lost"), "best", 1, ["B>A", "B>C", "A>C"]),
        (("c", "ab"), ("lost", "lost", "won"), "best", 2, ["C>A", "C>B"]),
        (("ac", "b"), ("tied", "lost", "tied"), "tie", None, ["A>B", "C>B"]),
        (("abc",), ("tied", "tied", "tied"), "tie", None, []),
    ],
)
def test_a_ranking_is_in_behaviours_comparisons_and_preferences(
    store: Store, places, behaviors, choice, best, wins
):
    ranked(store, *places)
    place = {each: at for at, group in enumerate(places, start=1) for each in group}
    triplets = {each.response: each for each in triplets_of(store)}
    found = [triplets[f"{each}."].behavior_features for each in "ABC"]
    assert tuple(each.vote for each in found) == behaviors
    assert [each.place for each in found] == [place[each] for each in "abc"]
    if "won" in behaviors:
        chosen = triplets[f"{places[0].upper()}."]
        assert chosen.behavior_text == "The reader chose it as the best."

    (comparison,) = comparisons_of(store)
    assert comparison.responses == ["A.", "B.", "C."]
    assert comparison.places == [place[each] for each in "abc"]
    assert (comparison.choice, comparison.best) == (choice, best)

    lines = lines_of(preference_lines(store, EVERYTHING))
    said = [f"{x['chosen'][0]['content'][0]}>{x['rejected'][0]['content'][0]}" for x in lines]
    assert sorted(said) == sorted(wins)
    assert {each["from"] for each in lines} <= {"rank"}


def test_answers_that_were_not_ranked_are_in_no_comparison_of_it(store: Store):
    ranked(store, "c", "a")
    (comparison,) = comparisons_of(store)
    assert (comparison.responses, comparison.places) == (["A.", "C."], [2, 1])
    assert comparison.best == 1
    unranked = next(each for each in triplets_of(store) if each.response == "B.")
    assert (unranked.behavior_features.vote, unranked.behavior_features.place) == (None, None)


def test_the_last_word_counts_be_it_a_vote_or_a_ranking(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, b, _) = asked(connection, person)
        order = [[str(a.id)], [str(b.id)]]
        signals.record(
            connection,
            person.id,
            [best(query, b, after_ms=1_000), act("rank", query, after_ms=2_000, order=order)],
        )
    (comparison,) = comparisons_of(store)
    assert (comparison.best, comparison.places) == (0, [1, 2])
    with store.writing() as connection:
        # sent later than the vote, whose names were shown: a ranking of before would count by its time
        later = act("rank", query, after_ms=3_000, order=order[::-1])
        signals.record(connection, person.id, [later])
    (comparison,) = comparisons_of(store)
    assert (comparison.best, comparison.places) == (0, [1, 2]), "what was said with names in view"


def test_equal_answers_stand_where_the_better_of_them_was_put(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, b, c) = asked(connection, person, answers=("Two.", "One.", "Two. "))
        order = [[str(c.id)], [str(b.id)], [str(a.id)]]
        signals.record(connection, person.id, [act("rank", query, order=order)])
    (comparison,) = comparisons_of(store)
    assert (comparison.responses, comparison.places) == (["Two.", "One."], [1, 2])


def test_a_ranking_outlives_the_regeneration_of_what_it_ranked(store: Store):
    _, (a, *_) = ranked(store, "b", "a", "c")
    with store.writing() as connection:
        regenerated(connection, a, "Again.")
    assert len(triplets_of(store)) == 4
    (comparison,) = comparisons_of(store)
    assert (comparison.responses, comparison.places) == (["A.", "B.", "C."], [2, 1, 3])


def test_a_place_is_told_of_each_response_or_of_none(store: Store):
    ranked(store, "b", "a", "c")
    (comparison,) = comparisons_of(store)
    with pytest.raises(ValidationError, match="a place for each response"):
        Comparison.model_validate(comparison.model_dump() | {"places": [1, 2]})


def test_a_ranking_comes_back_with_the_triplets(store: Store, other: Store, tmp_path):
    ranked(store, "b", "ac")
    write_lines(tmp_path / "rows.jsonl", triplet_lines(store, EVERYTHING))
    with (tmp_path / "rows.jsonl").open("rb") as file:
        import_jsonl(other, file)
    assert [each.behavior_features.place for each in triplets_of(other)] == [2, 1, 2]
    (comparison,) = comparisons_of(other)
    assert (comparison.places, comparison.best) == ([2, 1, 2], 1)


def test_a_ranking_is_counted_as_the_vote_that_it_is(store: Store):
    ranked(store, "b", "ac")
    list(comparison_lines(store, EVERYTHING))  # brings the behaviours up to date
    with store.reading() as connection:
        real = summary.by_source(connection)[Source.REAL]
    assert real.votes == 1
    assert {state: count for state, count in real.vote_states.items() if count} == {"counts": 1}
    assert {state: count for state, count in real.query_states.items() if count} == {"voted": 1}
