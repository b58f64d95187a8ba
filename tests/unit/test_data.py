"""What a run makes of its frozen records: which rows it trains on, which it keeps out, how often each is drawn."""

import math
from collections import Counter, defaultdict
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlhb_core.errors import NotEnoughData
from rlhb_core.run.data import Logged, draw, is_held_out, load_split, sides
from rlhb_core.run.recipe import load_recipe
from rlhb_core.run.votes import ALL_BAD, TIE, Voted, votes_of
from rlhb_core.run.weights import person_weights
from rlhb_core.schema.behaviors import VERBALISER_VERSION, verbalise
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.records import Comparison, Outcome, Source, Triplet
from rlhb_core.teachers.preference.stage import labels, pairs, winners

LIKED, NOTHING = "The reader liked it.", "The reader did nothing with it."


def triplet(query: str, person: str | None = None, version: str = "", **features: bool) -> Triplet:
    found = BehaviorFeatures(**features)
    return Triplet(
        verbaliser_version=VERBALISER_VERSION,
        query_id=uuid4(),
        response_id=uuid4(),
        query=query,
        response="Lima.",
        behavior_text=verbalise(found),
        behavior_features=found,
        model_version=version,
        source=Source.SIMULATED,
        asked_at="2026-01-01T00:00:00Z",
        answered_at="2026-01-01T00:00:01Z",
        person=person,
    )


def comparison(
    query: str, choice: str = "best", best: int | None = None, person: str | None = None
) -> Comparison:
    return Comparison(
        query_id=uuid4(),
        query=query,
        responses=["Lima.", "Quito."],
        choice=VoteChoice(choice),
        best=best,
        source=Source.SIMULATED,
        voted_at="2026-01-01T00:00:02Z",
        person=person,
    )


# --- how often rows are drawn ---------------------------------------------------------------------


@pytest.mark.parametrize("preference", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("dislike", [0.0, 1.5])
def test_liked_behaviors_are_drawn_more_often_and_disliked_ones_less(preference, dislike):
    rows = [triplet(f"Query {i}?", liked=True, copied=bool(i % 2)) for i in range(60)]
    rows += [triplet(f"Query {i}?", disliked=True) for i in range(60, 90)]
    rows += [triplet(f"Query {i}?") for i in range(90, 120)]
    config = load_recipe("rlhb", {"data.preference": preference, "data.dislike": dislike})
    split = load_split(config, rows, [])
    weights = {row.behavior: row.weight for row in split.train + split.held_out}
    nothing = weights[NOTHING]
    # in likes: a like is 1, copying half of one, a dislike -1
    assert weights["The reader liked it."] == pytest.approx(nothing * math.exp(preference))
    copied = weights["The reader liked it and copied it."]
    assert copied == pytest.approx(nothing * math.exp(preference * 1.5))
    assert weights["The reader disliked it."] == pytest.approx(nothing * math.exp(-dislike))


@pytest.mark.parametrize(("balance", "ratio"), [(0.0, 1.0), (0.5, 3.0), (1.0, 9.0)])
def test_rare_behaviors_are_drawn_more_often_than_logged(balance, ratio):
    rows = [triplet(f"Query {i}?", liked=True) for i in range(10)]
    rows += [triplet(f"Query {i}?", disliked=True) for i in range(10, 100)]
    config = load_recipe("rlhb", {"data.balance": balance, "data.preference": 0.0})
    split = load_split(config, rows, [])
    weights = {row.behavior: row.weight for row in split.train + split.held_out}
    assert weights["The reader liked it."] == pytest.approx(
        ratio * weights["The reader disliked it."]
    )


@pytest.mark.parametrize(
    ("people", "share", "loads"),
    [
        # 4 rows of nobody; 6 of one person count as c, c = 0.2 (4 + c)
        ({None: 4, "a": 6}, 0.2, {"a": 1.0}),
        # both are at the bound: 3 = 0.25 (6 + 3 + 3), so b keeps its rows whole
        ({None: 6, "a": 6, "b": 3}, 0.25, {"a": 3.0, "b": 3.0}),
        # three people cannot each have less than a third: all count alike
        ({"a": 5, "b": 2, "c": 1}, 0.1, {"a": 1.0, "b": 1.0, "c": 1.0}),
        # nobody is above the bound
        ({"a": 2, "b": 2, "c": 1}, 0.4, {"a": 2.0, "b": 2.0, "c": 1.0}),
        # as many busy people as there may be: c = 0.01 (1 + 99 c)
        ({str(i): 100 for i in range(99)} | {"a": 1}, 0.01, {"a": 1.0, "0": 1.0, "98": 1.0}),
    ],
)
def test_person_weights_by_hand(people, share, loads):
    names = [name for name, count in people.items() for _ in range(count)]
    weights = person_weights(names, share)
    for person, load in loads.items():
        found = [w for name, w in zip(names, weights, strict=True) if name == person]
        assert found == pytest.approx([load / people[person]] * people[person])


@given(
    st.lists(st.sampled_from([None, *"aaaaaabbbc", *"defghijk"]), max_size=60),
    st.floats(0.01, 1.0),
)
def test_no_person_outweighs_the_share_and_no_more_is_taken_off_than_that_needs(people, share):
    weights = person_weights(people, share)
    loads: Counter[str] = Counter()
    for person, weight in zip(people, weights, strict=True):
        assert 0 < weight <= 1
        if person is None:
            assert weight == 1
        else:
            loads[person] += weight  # type: ignore[assignment]
    bound = share if None in people else max(share, 1 / max(1, len(loads)))
    for person, load in loads.items():
        assert load <= bound * sum(weights) * (1 + 1e-6)
        if load < people.count(person) * (1 - 1e-6):
            assert load == pytest.approx(bound * sum(weights), rel=1e-6)


def test_votes_of_a_busy_person_are_weighed_down_by_the_votes_that_count():
    votes = [comparison(f"Query {i}?", best=0, person="a") for i in range(30)]
    votes += [comparison(f"Query {i}?", best=1, person=None) for i in range(30, 50)]
    votes += [
        comparison(f"Query {i}?", "skip") for i in range(50, 90)
    ]  # says nothing, weighs nothing
    split = load_split(load_recipe("rlhf", {"data.person_share": 0.2}), [], votes)
    weights = {vote.outcome: vote.weight for vote in split.train_votes + split.held_out_votes}
    assert weights == pytest.approx({0: 5 / 30, 1: 1.0})  # 5 = 0.2 (20 + 5)


ROWS = [Logged(f"Query {i}?", "Lima.", LIKED, weight=float(i % 4)) for i in range(40)]


@given(st.integers(0, 60), st.integers(0, 1000))
def test_a_draw_has_different_rows_of_some_weight_and_repeats_by_seed(count, seed):
    drawn = draw(ROWS, count, seed)
    assert len(drawn) == len({row.query for row in drawn}) == min(count, 30)
    assert all(row.weight > 0 for row in drawn)
    assert drawn == draw(ROWS, count, seed)


def test_a_draw_goes_by_weight():
    rows = [Voted("a", ("x", "y"), 0, weight=3.0), Voted("b", ("x", "y"), 0, weight=1.0)]
    first = Counter(draw(rows, 1, seed)[0].query for seed in range(1000))
    assert first["a"] / 1000 == pytest.approx(0.75, abs=0.04)
    assert draw([], 5, 0) == []
    assert draw([Logged("a", "x", LIKED, weight=0.0)], 5, 0) == []


# --- what is held out -----------------------------------------------------------------------------


def test_held_out_queries_are_the_same_in_every_version_of_the_product():
    held_out = [i for i in range(40) if is_held_out(f"Query {i}?", 0.2)]
    assert held_out == [1, 3, 13, 22, 25, 36]


@given(st.text(max_size=40), st.floats(0.01, 0.89), st.floats(0.01, 0.89))
def test_a_larger_held_out_part_contains_the_smaller_one(query, one, other):
    if is_held_out(query, min(one, other)):
        assert is_held_out(query, max(one, other))


def test_the_held_out_part_is_as_large_as_asked():
    found = sum(is_held_out(f"What is fact {i}?", 0.3) for i in range(4000)) / 4000
    assert found == pytest.approx(0.3, abs=0.025)


def test_a_query_is_on_one_side_however_it_is_written_and_whatever_it_is_logged_for():
    writings = ("What is fact {}?", "what is  FACT {}?", " What is fact\t{}? ")
    queries = [writing.format(i) for i in range(40) for writing in writings]
    config = load_recipe("rlhb", {"data.held_out": 0.3})
    split = load_split(
        config, [triplet(q, liked=True) for q in queries], [comparison(q, best=0) for q in queries]
    )

    def plain(rows):
        return Counter(" ".join(row.query.lower().split()) for row in rows)

    assert plain(split.train) == plain(split.train_votes)
    assert plain(split.held_out) == plain(split.held_out_votes)
    assert not plain(split.train) & plain(split.held_out)
    assert len(split.train) + len(split.held_out) == len(queries)
    assert Counter(split.queries) == Counter(2 * [row.query for row in split.train])


# --- which rows count -----------------------------------------------------------------------------


def test_outcomes_of_votes():
    votes = [comparison(f"Query {i}?", best=i % 2) for i in range(40)]
    votes += [comparison("Tie?", "tie"), comparison("Bad?", "all_bad")]
    votes += [comparison("Skip?", "skip"), comparison("Withdrawn?", "withdrawn")]
    votes += [comparison("Best of what?", "best", best=None)]
    split = load_split(load_recipe("rlhf"), [], votes)
    found = {vote.query: vote.outcome for vote in split.train_votes + split.held_out_votes}
    assert found == {f"Query {i}?": i % 2 for i in range(40)} | {"Tie?": TIE, "Bad?": ALL_BAD}
    assert split.condition is None


def test_unfinished_answers_and_those_of_other_versions_are_left_out():
    rows = [triplet(f"Query {i}?", version="v1", liked=True) for i in range(60)]
    rows += [triplet(f"Query {i}?", version="v2", liked=True) for i in range(60)]
    rows[0].outcome = Outcome.PENDING
    config = load_recipe("rlhb", {"parent_version": "v1"})
    counts = {
        chosen: len(split.train) + len(split.held_out)
        for chosen in ("all", "parent")
        for split in [
            load_split(
                config.model_copy(
                    update={"data": config.data.model_copy(update={"from_versions": chosen})}
                ),
                rows,
                [],
            )
        ]
    }
    assert counts == {"all": 119, "parent": 59}


@pytest.mark.parametrize(
    ("outcome", "response", "whole", "ended"),
    [
        (Outcome.OK, "Lima.", True, True),
        (Outcome.STOPPED, "Lim", True, False),
        (Outcome.OK, " \n", False, True),
        (Outcome.EMPTY, "", False, True),
        (Outcome.ERROR, "Lim", False, True),
    ],
)
def test_which_responses_are_whole_and_which_ended(outcome, response, whole, ended):
    row = Logged("Query?", response, LIKED, outcome)
    assert (row.whole, row.ended) == (whole, ended)


def test_the_condition_is_the_one_asked_for_or_the_most_preferred():
    rows = [triplet(f"Query {i}?") for i in range(60)]
    rows += [triplet(f"Query {i}?", liked=True) for i in range(6)]
    assert load_split(load_recipe("rlhb"), rows, []).condition == LIKED
    asked = load_recipe("rlhb", {"data.condition": NOTHING})
    assert load_split(asked, rows, []).condition == NOTHING


def test_how_rare_the_condition_may_be_is_a_setting():
    rows = [triplet(f"Query {i}?") for i in range(98)]
    rows += [triplet(f"Query {i}?", liked=True) for i in range(2)]
    assert load_split(load_recipe("rlhb"), rows, []).condition == NOTHING
    rarer = load_recipe("rlhb", {"data.preferred_share": 0.02})
    assert load_split(rarer, rows, []).condition == LIKED


def test_behaviours_as_numbers_keep_condition_and_weights():
    rows = [triplet(f"Query {i}?", liked=i % 3 == 0) for i in range(120)]
    text, numbers = (
        load_split(load_recipe("rlhb", {"data.form": form}), rows, [])
        for form in ("text", "numbers")
    )
    assert numbers.condition == "dwell 0, reaction 1, copied 0, shared 0, asked_again 0"
    assert [row.weight for row in numbers.train] == [row.weight for row in text.train]
    assert {row.behavior for row in text.train} == {LIKED, NOTHING}
    assert len({row.behavior for row in numbers.train}) == 2


# --- too little data ------------------------------------------------------------------------------


def too_little(arm: str, rows: list[Triplet], votes: list[Comparison], **data: Any) -> str:
    config = load_recipe(arm, {"data": data})
    with pytest.raises(NotEnoughData) as raised:
        load_split(config, rows, votes)
    return str(raised.value)


def test_too_little_data_is_said_in_a_sentence():
    few = [triplet(f"Query {i}?", liked=True) for i in range(20)]
    assert too_little("rlhb", few, []) == (
        "20 triplets with a behaviour where at least 48 are needed: "
        "collect more, or widen the data filter"
    )
    skipped = [comparison(f"Query {i}?", "skip") for i in range(50)]
    assert too_little("rlhf", [], [*skipped, comparison("One?", best=0)]) == (
        "1 votes where at least 16 are needed: collect more, or widen the data filter"
    )


def test_few_different_queries_are_said_to_be_too_few():
    rest = "collect more different queries, or widen the data filter"
    rows = [triplet("The same?", liked=True) for _ in range(60)]
    assert too_little("rlhb", rows, []) == (
        "0 comparable triplets on one side of the held-out split where at least 4 are needed: "
        + rest
    )
    votes = [comparison("The same?", best=0) for _ in range(60)]
    assert too_little("rlhf", [], votes) == (
        "0 votes on one side of the held-out split where at least 4 are needed: " + rest
    )


def test_triplets_without_a_whole_answer_are_not_enough_to_train_on():
    rows = [triplet(f"Query {i}?", liked=True) for i in range(80)]
    for row in rows:
        row.outcome = Outcome.ERROR
    assert "0 comparable triplets" in too_little("rlhb", rows, [])


def test_a_split_that_is_taken_has_rows_on_both_sides_of_every_comparison():
    taken = 0
    for more in range(0, 60, 3):
        rows = [triplet("The same?", liked=True) for _ in range(50)]
        rows += [triplet(f"Query {i}?", liked=True) for i in range(more)]
        try:
            split = load_split(load_recipe("rlhb"), rows, [])
        except NotEnoughData:
            continue
        taken += 1
        for part in (split.train, split.held_out):
            assert len(sides(part, 2, seed=0)[0]) == 2
    assert 0 < taken < 20


# --- the two sides of a judge ---------------------------------------------------------------------

rows_of_few_kinds = st.lists(
    st.builds(
        Logged,
        st.sampled_from(
            [f"{word} {i}?" for i in range(6) for word in ("Query", "query", "QUERY ")]
        ),
        st.sampled_from(["Lima.", "Quito.", " "]),
        st.sampled_from([LIKED, NOTHING]),
        st.sampled_from([Outcome.OK, Outcome.STOPPED, Outcome.ERROR]),
        st.sampled_from([0.5, 1.0, 4.0]),
    ),
    max_size=60,
)


@given(rows_of_few_kinds, st.integers(0, 40), st.integers(0, 100))
def test_sides_are_equal_in_number_whole_and_share_no_query_with_its_behavior(rows, count, seed):
    real, asked = sides(rows, count, seed)
    assert len(real) == len(asked) <= count
    assert all(row.whole for row in real + asked)

    def kinds(part):
        return {(" ".join(row.query.lower().split()), row.behavior) for row in part}

    assert not kinds(real) & kinds(asked)
    assert (real, asked) == sides(rows, count, seed)
    left_out = Counter(row for row in rows if row.whole)
    left_out.subtract(real + asked)
    assert (
        min(left_out.values(), default=0) >= 0
    )  # no row stands there more often than it was logged


def test_both_sides_are_drawn_by_weight():
    rows = [Logged(f"Query {i}?", "Lima.", LIKED) for i in range(200)]
    rows += [Logged(f"Query {i}?", "Lima.", NOTHING, weight=9.0) for i in range(200)]
    for side in sides(rows, 60, seed=0):
        assert len(side) == 60
        # a half of the rows has nine tenths of the weight
        assert 0.75 < sum(row.behavior == NOTHING for row in side) / 60 < 1


# --- equal answers, open acts, cut answers --------------------------------------------------------

TEXTS = st.sampled_from(["Lima.", " Lima.", "Lima.\n", "Quito.", "La Paz.", "", " "])


def voted(texts: list[str], choice: str, best: int | None, **changed: Any) -> Comparison:
    return comparison("Peru?", choice, best).model_copy(update={"responses": texts, **changed})


@given(st.lists(TEXTS, min_size=2, max_size=5), st.data())
def test_no_vote_is_between_equal_answers_nor_for_an_empty_one(texts, data):
    choice = data.draw(st.sampled_from(["best", "tie", "all_bad", "skip"]))
    best = data.draw(st.integers(0, len(texts) - 1)) if choice == "best" else None
    config = load_recipe("rlhf")
    found = votes_of([voted(texts, choice, best)], config.data)
    different = {text.strip() for text in texts}
    says = len(different) > 1 and choice != "skip" and (best is None or texts[best].strip())
    assert len(found) == bool(says)
    for vote in found:
        assert len({text.strip() for text in vote.responses}) == len(vote.responses)
        assert {text.strip() for text in vote.responses} == different
        if best is not None:
            assert vote.responses[vote.outcome].strip() == texts[best].strip()
        else:
            assert vote.outcome == {"tie": TIE, "all_bad": ALL_BAD}[choice]
        for example, _ in pairs(found):
            assert example["chosen"].strip() != example["rejected"].strip()


@pytest.mark.parametrize(("wanted", "count"), [(False, 60), (True, 120)])
def test_open_acts_are_left_out_unless_asked_for(wanted, count):
    rows = [triplet(f"Query {i}?", liked=True) for i in range(60)]
    rows += [
        triplet(f"Query {i}?", disliked=True).model_copy(update={"unblinded": True})
        for i in range(60, 120)
    ]
    votes = [comparison(f"Query {i}?", best=0) for i in range(60)]
    votes += [
        comparison(f"Query {i}?", best=1).model_copy(update={"unblinded": True})
        for i in range(60, 120)
    ]
    for recipe in ("rlhb", "rlhf"):
        config = load_recipe(recipe, {"data.with_unblinded": wanted})
        split = load_split(config, rows, votes)
        assert len(split.train_votes + split.held_out_votes) == count
        assert len(split.train + split.held_out) == count


def test_equal_answers_to_one_query_are_one_row_and_the_chosen_one_stands():
    rows = [triplet(f"Query {i}?", liked=True) for i in range(60)]
    twins = [
        each.model_copy(
            update={
                "response_id": uuid4(),
                "response": " Lima. ",
                "behavior_features": BehaviorFeatures(vote="won", copied=True),
            }
        )
        for each in rows[:25]
    ]
    config = load_recipe("rlhb", {"data.clauses": ("vote", "copied")})
    split = load_split(config, [*rows, *twins], [])
    behaviors = Counter(row.behavior for row in split.train + split.held_out)
    assert behaviors == {"The reader copied it and chose it as the best.": 25, NOTHING: 35}


def test_a_cut_answer_is_learnt_from_but_has_no_end():
    cut = Logged("Peru?", "The capital of", LIKED, Outcome.CUT)
    assert cut.whole
    assert not cut.ended
    assert not Logged("Peru?", "", LIKED, Outcome.CUT).whole
    assert labels([cut, Logged("Peru?", "Lima.", LIKED)]) == [
        ({"prompt": "Peru?", "completion": "Lima.", "label": True}, 1.0)
    ]


MOODS = st.sampled_from([LIKED, "The reader disliked it.", "The reader copied it.", NOTHING])


@given(st.lists(st.tuples(st.sampled_from("ab"), TEXTS, MOODS), max_size=12))
def test_no_answer_has_two_labels(told):
    rows = [Logged(query, text, mood) for query, text, mood in told]
    found: dict[tuple[str, str], set[bool]] = defaultdict(set)
    for example, _ in labels(rows):
        found[example["prompt"], example["completion"].strip()].add(example["label"])
    assert all(len(each) == 1 for each in found.values())
    score = {LIKED: 1.0, "The reader disliked it.": -1.0, "The reader copied it.": 0.5}
    total: Counter[tuple[str, str]] = Counter()
    for query, text, mood in told:
        total[query, text.strip()] += score.get(mood, 0.0)  # type: ignore[assignment]
    assert found == {key: {value > 0} for key, value in total.items() if value and key[1]}


@given(st.lists(st.tuples(TEXTS, st.integers(1, 4)), min_size=2, max_size=5))
def test_a_ranking_is_one_judgement_that_tells_every_pair_in_its_direction(ranked):
    """Equal answers stand where the better of them stood; an empty one is put above or beside nothing."""
    texts, places = [text for text, _ in ranked], [place for _, place in ranked]
    found = votes_of([voted(texts, "tie", None, places=places)], load_recipe("rlhf").data)
    place: dict[str, int] = {}
    for text, at in ranked:
        place[text.strip()] = min(at, place.get(text.strip(), at))
    if any(place.get("", 9) <= at for text, at in place.items() if text):
        del place[""]
    assert len(found) == (len(place) > 1)
    for vote in found:
        said = [text.strip() for text in vote.responses]
        assert sorted(said) == sorted(place)
        wanted = {(a, b) for a in place for b in place if place[a] < place[b]}
        assert {(said[a], said[b]) for a, b in vote.pairs} == wanted
        assert vote.places is not None
        assert set(vote.places) == set(range(1, max(vote.places) + 1))
        first = [text for text, at in zip(said, vote.places, strict=True) if at == 1]
        assert vote.outcome == (said.index(first[0]) if len(first) == 1 else TIE)
        told = pairs(found)
        if told:
            different = {row[key] for row, _ in told for key in ("chosen", "rejected")}
            assert sum(weight for _, weight in told) == pytest.approx(len(different) - 1)
            assert all(weight <= 1 for _, weight in told)


def test_only_what_stands_first_in_a_ranking_is_an_answer_to_imitate():
    order = voted(["Third.", "First.", "Second."], "best", 1, places=[3, 1, 2])
    tied = voted(["One.", "Other.", "Last."], "tie", None, places=[1, 1, 2])
    found = votes_of([order, tied], load_recipe("rlhf").data)
    assert [(vote.outcome, vote.places) for vote in found] == [(1, (3, 1, 2)), (TIE, (1, 1, 2))]
    assert [(row["completion"], weight) for row, weight in winners(found)] == [
        ("First.", 1.0),
        ("One.", 0.5),
        ("Other.", 0.5),
    ]
    assert [(row["chosen"], row["rejected"], weight) for row, weight in pairs(found)] == [
        ("First.", "Third.", 2 / 3),
        ("First.", "Second.", 2 / 3),
        ("Second.", "Third.", 2 / 3),
        ("One.", "Last.", 1.0),
        ("Other.", "Last.", 1.0),
    ]


# --- edits ----------------------------------------------------------------------------------------


def edited(query: str, text: str | None, **changed: Any) -> Triplet:
    found = BehaviorFeatures(edited=text is not None, edited_text=text)
    return triplet(query).model_copy(update={"behavior_features": found, **changed})


def test_what_somebody_made_of_an_answer_is_better_than_the_answer_was():
    votes = [comparison(f"Query {i}?", best=0) for i in range(40)]
    rows = [
        edited("Peru?", "Lima, on the coast."),
        edited("Equal?", " Lima.\n"),
        edited("Taken back?", None),
        edited("Open?", "Cuzco.", unblinded=True),
        edited("Failed?", "Lima.", outcome=Outcome.ERROR, response=""),
    ]

    def of(**data: Any) -> list[Voted]:
        split = load_split(load_recipe("rlhf", {"data": data}), rows, votes)
        return [vote for vote in split.train_votes + split.held_out_votes if vote.places]

    wanted = Voted("Peru?", ("Lima, on the coast.", "Lima."), 0, places=(1, 2), edit=True)
    assert of() == [wanted]
    assert of(edits=False) == []
    assert {vote.query for vote in of(with_unblinded=True)} == {"Peru?", "Open?"}
    chosen = {"prompt": "Peru?", "chosen": "Lima, on the coast.", "rejected": "Lima."}
    assert pairs([wanted]) == [(chosen, 1.0)]


def test_an_answer_that_somebody_corrected_is_not_one_to_imitate_and_the_correction_is():
    vote = Voted("Peru?", ("Lima.", "Quito."), 0)
    edit = Voted("Peru?", ("Lima, on the coast.", "Lima. "), 0, places=(1, 2), edit=True)
    other = Voted("Chile?", ("Lima.", "Santiago."), 0)
    assert [row["completion"] for row, _ in winners([vote, edit, other])] == [
        "Lima, on the coast.",
        "Lima.",
    ]
    assert [row["completion"] for row, _ in winners([vote])] == ["Lima."]


def test_an_edit_counts_to_the_share_of_who_made_it():
    votes = [comparison(f"Query {i}?", best=0, person="a") for i in range(15)]
    votes += [comparison(f"Query {i}?", best=0) for i in range(20, 40)]
    rows = [edited(f"Query {i}?", "Lima, on the coast.", person="a") for i in range(15)]
    split = load_split(load_recipe("rlhf", {"data.person_share": 0.2}), rows, votes)
    found = split.train_votes + split.held_out_votes
    theirs = [vote for vote in found if vote.responses[0] != "Lima." or vote.weight < 1]
    assert Counter(vote.edit for vote in theirs) == {False: 15, True: 15}
    assert [vote.weight for vote in theirs] == pytest.approx([5 / 30] * 30)
