"""Simulated logs: what people did stands in the triplets and comparisons, person by person, all of it labelled."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from app.files import DataFilter, comparison_lines, triplet_lines
from app.store import Store, responses, signals
from rlhb_core.lm.trunk import Trunk, load_trunk
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.behaviors import verbalise
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.records import Comparison, Outcome, Source, Triplet
from rlhb_core.world import HELD_OUT_IDS, find_fact, sample_answer, sample_queries
from rlhb_core.world.annotators import Act, Annotator, Choice, population
from rlhb_core.world.simulation import Answered, Author, as_log, draw_answers, simulate
from tests.scene import OPENED_MS, act, asked, someone

SFT = Author("SFT", Arm.SFT)
RLHB = Author("RLHB v1", Arm.RLHB, condition="The reader liked it.")
LIKE: Act = ("like", {"on": True})


def dwell(ms: int) -> Act:
    return ("dwell", {"ms": ms})


def answered(
    person: int, query: str, acts: list[list[Act]], choice: Choice, asked_again: bool = False
) -> Answered:
    return Answered(
        annotator=Annotator.from_seed(0, person),
        query=query,
        texts=["Lima.", "The capital of Peru is Quito."][: len(acts)],
        ended=[True] * len(acts),
        authors=[RLHB, SFT][: len(acts)],
        acts=acts,
        asked_again=asked_again,
        choice=choice,
    )


def by_hand() -> list[Answered]:
    """Two people take turns: the first asks twice, the second once in between."""
    return [
        answered(0, "Peru?", [[dwell(4_000), LIKE], [dwell(9_000), ("share", {})]], 0),
        answered(1, "Chile?", [[dwell(4_000)], [dwell(60_000), ("copy", {"chars": 5})]], "all_bad"),
        answered(0, "Ghana?", [[dwell(1_000)], [dwell(500), ("regenerate", {})]], "tie", True),
    ]


def of(triplets: list[Triplet], query: str) -> list[Triplet]:
    return [triplet for triplet in triplets if triplet.query == query]


def test_what_people_did_stands_in_the_behaviours() -> None:
    triplets, _ = as_log(by_hand())
    plain = {
        triplet.query: [
            one.behavior_features.model_copy(update={"dwell_z": None})
            for one in of(triplets, triplet.query)
        ]
        for triplet in triplets
    }
    assert plain == {
        "Peru?": [
            BehaviorFeatures(dwell_ms=4_000, liked=True, vote="won"),
            BehaviorFeatures(dwell_ms=9_000, shared=True, vote="lost"),
        ],
        "Chile?": [
            BehaviorFeatures(dwell_ms=4_000, vote="all_bad"),
            BehaviorFeatures(dwell_ms=60_000, copied=True, vote="all_bad"),
        ],
        # the query was put in other words: that is about both answers
        "Ghana?": [
            BehaviorFeatures(dwell_ms=1_000, vote="tied", asked_again=True),
            BehaviorFeatures(dwell_ms=500, vote="tied", asked_again=True),
        ],
    }
    assert all(
        triplet.behavior_text == verbalise(triplet.behavior_features) for triplet in triplets
    )


def test_reading_times_are_compared_within_the_person() -> None:
    triplets, _ = as_log(by_hand())
    alone, _ = as_log(by_hand()[1:2])
    together = [one.behavior_features.dwell_z for one in of(triplets, "Chile?")]
    assert together == [one.behavior_features.dwell_z for one in of(alone, "Chile?")]
    # the same 4 s are long for the first person and short for the second
    first, second = (
        of(triplets, query)[0].behavior_features.dwell_z for query in ("Peru?", "Chile?")
    )
    assert first is not None
    assert second is not None
    assert first > 0 > second


def test_triplets_say_who_answered_what_and_where() -> None:
    triplets, comparisons = as_log(by_hand())
    assert len(triplets) == 6
    assert len({triplet.response_id for triplet in triplets}) == 6
    for comparison in comparisons:
        rows = [triplet for triplet in triplets if triplet.query_id == comparison.query_id]
        assert [row.position for row in rows] == [0, 1]
        assert [row.response for row in rows] == comparison.responses
        assert [row.model_version for row in rows] == comparison.model_versions
        assert {row.query for row in rows} == {comparison.query}
        assert {row.person for row in rows} == {comparison.person}
        assert [row.arm for row in rows] == [Arm.RLHB, Arm.SFT]
        assert [row.condition for row in rows] == [RLHB.condition, None]


def test_votes_stand_in_the_comparisons() -> None:
    _, comparisons = as_log(by_hand())
    found = {one.query: (one.choice, one.best, one.person) for one in comparisons}
    first, second = (person.name for person in population(0, 2))
    assert found == {
        "Peru?": (VoteChoice.BEST, 0, first),
        "Chile?": (VoteChoice.ALL_BAD, None, second),
        "Ghana?": (VoteChoice.TIE, None, first),
    }


def test_everything_is_labelled_as_simulated() -> None:
    triplets, comparisons = as_log(by_hand())
    assert {row.source for row in triplets} == {Source.SIMULATED}
    assert {row.source for row in comparisons} == {Source.SIMULATED}
    assert all((row.person or "").startswith("Simulated annotator") for row in triplets)


@pytest.mark.parametrize(
    ("text", "ended", "outcome"),
    [
        ("Lima.", True, Outcome.OK),
        ("The capital of", False, Outcome.CUT),
        ("", True, Outcome.EMPTY),
        ("", False, Outcome.EMPTY),
    ],
)
def test_how_an_answer_ended(text: str, ended: bool, outcome: Outcome) -> None:
    one = Answered(
        Annotator.from_seed(0, 0), "Peru?", [text, "Quito."], [ended, True], [SFT, SFT], [[], []],
        False, 1,
    )  # fmt: skip
    triplets, _ = as_log([one])
    assert [triplet.outcome for triplet in triplets] == [outcome, Outcome.OK]


def test_nothing_asked_is_an_empty_log() -> None:
    assert as_log([]) == ([], [])


# --- a whole log ----------------------------------------------------------------------------------


def invented(count: int, people: int) -> list[Answered]:
    """Answers of the world's own mixture, two or three to a query, read by simulated people in turn."""
    rng = np.random.default_rng(5)
    found = []
    for index, query in enumerate(sample_queries(rng, count)):
        person = Annotator.from_seed(0, index % people)
        texts = [sample_answer(query, rng) for _ in range(2 + index % 2)]
        found.append(
            Answered(
                person,
                query,
                texts,
                [True] * len(texts),
                [SFT, RLHB, SFT][: len(texts)],
                [person.react(query, text, rng, place) for place, text in enumerate(texts)],
                person.asks_again(query, texts, rng),
                person.vote(query, texts, rng),
            )
        )
    return found


def recorded(store: Store, log: list[Answered]) -> None:
    """The same acts through the door that the page's signals go through, each query one batch."""
    with store.writing() as connection:
        for name in dict.fromkeys(one.annotator.name for one in log):
            person = someone(connection, Source.SIMULATED, display_name=name)
            for number, one in enumerate(one for one in log if one.annotator.name == name):
                at_ms = OPENED_MS + number * 1_000
                query, given = asked(connection, person, one.query, tuple(one.texts), at_ms)
                for answer in given:
                    if not answer.text:
                        ended = answer.model_copy(update={"outcome": Outcome.EMPTY})
                        responses.finish(connection, ended)
                done = [
                    (answer, kind, payload)
                    for answer, acts in zip(given, one.acts, strict=True)
                    for kind, payload in acts
                ]
                acts = [  # one after the other: of two marks on equal answers the last one stands
                    act(kind, query, answer, 200_000 + place, **payload)
                    for place, (answer, kind, payload) in enumerate(done)
                ]
                choice = (
                    {"choice": "best", "best": str(given[one.choice].id)}
                    if isinstance(one.choice, int)
                    else {"choice": one.choice}
                )
                acts.append(act("vote", query, None, 300_000, **choice))
                if one.asked_again:
                    acts.append(act("reformulate", query, None, 300_001, to_query=str(query.id)))
                signals.record(connection, person.id, acts)


def told(triplet: Triplet) -> tuple[Any, ...]:
    return (triplet.query, triplet.response, triplet.position, triplet.behavior_text)


def test_behaviours_are_those_that_the_same_acts_give_in_the_store(sqlite_store: Store) -> None:
    log = invented(60, people=7)
    log[3] = replace(log[3], texts=[log[3].texts[0]] * len(log[3].texts))  # equal answers
    texts = log[5].texts
    log[5] = replace(log[5], texts=[texts[0], texts[1], texts[0]], choice=2)
    recorded(sqlite_store, log)
    chosen = DataFilter(sources=frozenset({Source.SIMULATED}))
    stored = [
        Triplet.model_validate_json(line)
        for line in b"".join(triplet_lines(sqlite_store, chosen)).splitlines()
    ]
    voted = [
        Comparison.model_validate_json(line)
        for line in b"".join(comparison_lines(sqlite_store, chosen)).splitlines()
    ]
    triplets, comparisons = as_log(log)
    assert len(triplets) == 150
    assert sorted(map(told, triplets)) == sorted(map(told, stored))
    assert len({triplet.behavior_text for triplet in triplets}) > 10  # it was no log of nothing

    def chose(found: list[Comparison]) -> list[Any]:
        return sorted((each.query, each.responses, each.choice, each.best or 0) for each in found)

    assert chose(comparisons) == chose(voted)
    assert 50 < len(voted) < 60, "queries with equal answers only are no comparison"


def test_every_vote_for_the_best_has_one_winner_and_every_other_vote_none() -> None:
    log = invented(60, people=7)
    log[0] = replace(log[0], choice="all_bad")
    triplets, comparisons = as_log(log)
    choices = set()
    for comparison in comparisons:
        votes = list(
            {
                triplet.response: triplet.behavior_features.vote
                for triplet in triplets
                if triplet.query_id == comparison.query_id
            }.values()  # equal answers are one
        )
        choices.add(comparison.choice)
        if comparison.choice is VoteChoice.BEST:
            assert [place for place, vote in enumerate(votes) if vote == "won"] == [comparison.best]
            assert votes.count("lost") == len(votes) - 1
        else:
            expected = "tied" if comparison.choice is VoteChoice.TIE else "all_bad"
            assert votes == [expected] * len(comparison.responses)
    assert len(choices) == 3


# --- by the shipped model -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trunk() -> Trunk:
    torch.set_num_threads(1)
    return load_trunk("embedded", "cpu")


def simulated(trunk: Trunk, seed: int) -> list[Answered]:
    torch.manual_seed(seed)
    return simulate(trunk, [SFT, RLHB], queries=20, seed=seed, people=6)


@pytest.fixture(scope="module")
def shipped(trunk: Trunk) -> list[Answered]:
    return simulated(trunk, 0)


def test_a_simulation_repeats_by_its_seeds_and_people_take_turns(
    trunk: Trunk, shipped: list[Answered]
) -> None:
    assert shipped == simulated(trunk, 0)
    names = [person.name for person in population(0, 6)]
    assert [one.annotator.name for one in shipped] == [names[i % 6] for i in range(20)]


def test_a_simulation_asks_no_held_out_fact_and_shuffles_the_authors(
    shipped: list[Answered],
) -> None:
    facts = {fact.id for one in shipped if (fact := find_fact(one.query)) is not None}
    assert len(facts) > 10
    assert not facts & set(HELD_OUT_IDS)
    for one in shipped:
        assert sorted(author.name for author in one.authors) == ["RLHB v1", "SFT"]
        assert len(one.texts) == len(one.acts) == len(one.ended) == 2
        places = [
            payload["position"] for acts in one.acts for kind, payload in acts if kind == "shown"
        ]
        assert places == [0, 1]
    assert 4 <= Counter(one.authors[0].name for one in shipped)["SFT"] <= 16
    triplets, comparisons = as_log(shipped)
    assert (len(triplets), len(comparisons)) == (40, 20)


def test_shuffled_answers_stay_with_their_authors(trunk: Trunk, shipped: list[Answered]) -> None:
    queries = [one.query for one in shipped]
    torch.manual_seed(0)  # the authors answer one after the other
    drawn = {author.name: draw_answers(trunk, author, queries) for author in (SFT, RLHB)}
    for number, one in enumerate(shipped):
        for author, text, ended in zip(one.authors, one.texts, one.ended, strict=True):
            assert text == drawn[author.name].texts[number]
            assert ended == bool(drawn[author.name].ended[number])


def test_the_condition_of_an_author_is_what_its_model_is_asked_for(trunk: Trunk) -> None:
    found = draw_answers(trunk, RLHB, ["Peru?", "Chile?"])
    assert [(pair.query, pair.behavior) for pair in found.pairs] == [
        ("Peru?", "The reader liked it."),
        ("Chile?", "The reader liked it."),
    ]
    assert len(found.texts) == 2
