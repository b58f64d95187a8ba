"""What a run makes of its frozen triplets: how often rows are drawn."""

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


@pytest.mark.parametrize(("balance", "ratio"), [(0.0, 1.0), (0.5, 3.0), (1.0, 9.0)])
def test_rare_behaviors_are_drawn_more_often_than_logged(balance, ratio):
    rows = [triplet(f"Query {i}?", liked=True) for i in range(10)]
    rows += [triplet(f"Query {i}?", disliked=True) for i in range(10, 100)]
    config = load_recipe("rlhb", {"data.balance": balance})
    split = load_split(config, rows, [])
    weights = {row.behavior: row.weight for row in split.train + split.held_out}
    assert weights["The reader liked it."] == pytest.approx(
        ratio * weights["The reader disliked it."]
    )
