"""The Data page offers all that can be downloaded, and says of a triplet whether anything went before it."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.files import EXPORTS
from app.ui import data
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.history import Message, with_turn
from rlhb_core.schema.records import Source, Triplet


def test_every_export_has_its_link() -> None:
    assert set(data.DOWNLOADS) == set(EXPORTS)
    links = data._links("source=real")
    assert all(f'href="/api/data/{kind}.jsonl?source=real"' in links for kind in EXPORTS)


@pytest.mark.parametrize(
    ("history", "says"),
    [
        ([], None),
        (with_turn([], "Hello?", "Hi."), "after 1 turn"),
        (with_turn(with_turn([], "Hello?", "Hi."), "And?", "So."), "after 2 turns"),
        ([Message(role="system", content="Be brief.")], "after an instruction"),
    ],
)
def test_what_went_before_a_triplet_is_told(history: list[Message], says: str | None) -> None:
    asked = datetime.now(UTC).isoformat()
    triplet = Triplet(
        query_id=uuid4(),
        response_id=uuid4(),
        query="Why?",
        history=history,
        response="So.",
        behavior_text="The reader did nothing.",
        behavior_features=BehaviorFeatures(),
        source=Source.REAL,
        asked_at=asked,
        answered_at=asked,
        verbaliser_version=1,
    )
    shown = data._triplet(triplet)
    assert ("after" in shown) is (says is not None)
    assert says is None or f"· {says}" in shown
