"""What a run makes of its frozen triplets: how often rows are drawn."""

import math
from uuid import uuid4

import pytest

from rlhb_core.behaviors import VERBALISER_VERSION, verbalise
from rlhb_core.config import load_recipe
from rlhb_core.data import load_split
from rlhb_core.records import BehaviorFeatures, Source, Triplet


def triplet(query: str, **features: bool) -> Triplet:
    found = BehaviorFeatures(**features)
    return Triplet(
        verbaliser_version=VERBALISER_VERSION,
        query_id=uuid4(),
        response_id=uuid4(),
        query=query,
        response="Lima.",
        behavior_text=verbalise(found),
        behavior_features=found,
        source=Source.SIMULATED,
        asked_at="2026-01-01T00:00:00Z",
        answered_at="2026-01-01T00:00:01Z",
    )


@pytest.mark.parametrize("preference", [0.0, 2.0])
def test_preferred_behaviors_are_drawn_more_often_by_their_score_in_likes(preference):
    rows = [triplet(f"Query {i}?", liked=True) for i in range(30)]
    rows += [triplet(f"Query {i}?", disliked=True) for i in range(30, 60)]
    config = load_recipe("rlhb", {"data.preference": preference})
    split = load_split(config, rows, [])
    weights = {row.behavior: row.weight for row in split.train + split.held_out}
    ratio = weights["The reader liked it."] / weights["The reader disliked it."]
    assert ratio == pytest.approx(math.exp(preference * 2))  # a like is +1, a dislike -1
