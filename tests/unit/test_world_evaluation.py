"""What a policy is worth in the embedded world: conditions, diversity by hand, and looks that disturb nothing."""

import pytest
import torch

from rlhb_core.learning.session import Session, seed_all
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.run.data import Logged, Split
from rlhb_core.run.recipe import load_recipe
from rlhb_core.world import FACTS
from rlhb_core.world.annotators import BARE
from rlhb_core.world.examination import (
    WorldWatch,
    conditions,
    questions,
    utilities,
    world_shares,
)
from rlhb_core.world.phrasings import phrasings

LIKED, DISLIKED, NOTHING = (
    f"The reader {act}." for act in ("liked it", "disliked it", "did nothing with it")
)

# --- conditions -----------------------------------------------------------------------------------


def rows(**counts: int) -> list[Logged]:
    texts = {"liked": LIKED, "disliked": DISLIKED, "nothing": NOTHING}
    return [
        Logged(f"Query {i}?", "Lima.", texts[name])
        for name, count in counts.items()
        for i in range(count)
    ]


def test_a_version_without_behaviours_is_measured_as_it_is_served() -> None:
    assert conditions(rows(liked=5), None) == {"served": None}


def test_the_least_preferred_behaviour_is_the_worst_of_the_common_ones() -> None:
    log = rows(liked=10, disliked=2, nothing=188)
    assert conditions(log, LIKED) == {"served": LIKED, "least preferred": DISLIKED}
    rarer = rows(liked=10, disliked=1, nothing=189)
    assert conditions(rarer, LIKED)["least preferred"] == NOTHING
    assert conditions(rarer, LIKED, share=0.001)["least preferred"] == DISLIKED


def test_the_more_frequent_of_two_equally_bad_behaviours_is_taken() -> None:
    flagged = "The reader reported it."  # as bad as a dislike
    log = [*rows(liked=10, disliked=5), *[Logged("Query?", "Lima.", flagged)] * 6]
    assert conditions(log, LIKED)["least preferred"] == flagged
    log += rows(disliked=2)
    assert conditions(log, LIKED)["least preferred"] == DISLIKED


def test_where_no_behaviour_is_common_all_are_looked_at() -> None:
    log = rows(liked=3, disliked=1)
    assert conditions(log, LIKED, share=0.9)["least preferred"] == DISLIKED


def _plain(text: str) -> str:
    return text.lower().rstrip("?. ")


# --- what answers are worth -----------------------------------------------------------------------


def test_questions_are_the_same_for_a_seed_and_on_held_out_facts() -> None:
    assert questions(3, 20) == questions(3, 20) != questions(4, 20)
    known = {_plain(text) for fact in FACTS if not fact.held_out for text in phrasings(fact)}
    assert not known & {_plain(text) for text in questions(3, 200)}


def test_another_taste_wants_the_bare_answer() -> None:
    query = "What is the capital of Peru?"
    whole, bare = "The capital of Peru is Lima.", "Lima."
    usual, shifted = (utilities([query] * 2, [whole, bare], *taste) for taste in ((), (BARE,)))
    assert usual[0] >= usual[1]
    assert shifted[1] > shifted[0]


def test_shares_are_those_of_the_graded_answers() -> None:
    query = "What is the capital of Peru?"
    found = world_shares(
        [query, query], ["The capital of Peru is Lima.", "The capital of Peru is Quito."]
    )
    assert found["correct"] == 0.5
    assert found["utility"] == pytest.approx(
        sum(
            utilities(
                [query] * 2, ["The capital of Peru is Lima.", "The capital of Peru is Quito."]
            )
        )
        / 2
    )


def test_a_look_comes_when_it_is_due_and_leaves_the_randomness_alone() -> None:
    torch.set_num_threads(1)
    seed_all(0)
    config = load_recipe(
        "rlhf",
        {"source": "simulated", "device": "cpu", "evaluation": {"every": 2, "every_samples": 8}},
    )
    rows = [Logged("What is the capital of Peru?", "Lima.", LIKED)]
    session = Session(config, Split(rows, rows, [], [], None), load_trunk("embedded", "cpu"))
    watch = WorldWatch(session)
    before = torch.get_rng_state()
    assert watch.look(1) == {}
    seen = watch.look(2)
    assert torch.equal(torch.get_rng_state(), before)
    assert (
        seen["eval/win_rate"] == 0.5
    )  # the policy is still the base model, asked with the same seed
    assert watch.look(4) == seen
