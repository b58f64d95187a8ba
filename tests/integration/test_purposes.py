"""What came a second time to somebody in a study is told in the export, and teaches once."""

import json
from collections import Counter
from pathlib import Path
from uuid import uuid4

from app.files import EXPORTS
from app.store import AssignmentState, DataFilter, Purpose, Store
from rlhb_core.run.sections import DataSettings
from rlhb_core.run.votes import votes_of
from rlhb_core.schema.records import Comparison
from tests.integration.test_studies import Desk, told
from tests.integration.test_work import known


@told
async def test_each_purpose_is_told_and_what_came_again_teaches_nothing(
    store: Store, tmp_path: Path
):
    desk = Desk(store, tmp_path, repeats=0.3, gold=0.2)
    desk.fill(12)
    known(desk, 3)
    person = uuid4()
    await desk.work(person)
    given = [each for each in desk.given(person) if each.state is AssignmentState.DONE]
    purposes = Counter(str(each.purpose) for each in given)
    assert purposes[Purpose.REPEAT] >= 3
    assert purposes[Purpose.GOLD] >= 1

    def rows(kind: str) -> list[dict[str, object]]:
        lines = b"".join(EXPORTS[kind](store, DataFilter())).splitlines()
        return [json.loads(line) for line in lines]

    comparisons = [Comparison.model_validate(row) for row in rows("comparisons")]
    assert Counter(each.purpose for each in comparisons) == purposes
    assert {each.study for each in comparisons} == {desk.study.id}
    once = len(given) - purposes[Purpose.REPEAT]
    assert len(votes_of(comparisons, DataSettings())) == once
    prompts = Counter(json.dumps(row["prompt"]) for row in rows("preferences"))
    assert len(prompts) == once
    assert set(prompts.values()) == {2}, "of three answers one was chosen over two"
    assert len(rows("completions")) == once
