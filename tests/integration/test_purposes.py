"""What came a second time to somebody in a study is told in the export, and teaches once."""

import json
from collections import Counter
from pathlib import Path
from uuid import uuid4

from app.files import EXPORTS
from app.store import Aspect, AssignmentState, DataFilter, Purpose, Store
from rlhb_core.run.sections import DataSettings
from rlhb_core.run.votes import votes_of
from rlhb_core.schema.formats import Format
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


@told
async def test_what_is_still_missing_of_an_item_is_told_in_the_export(store: Store, tmp_path: Path):
    aspects = [Aspect(name="kind")]
    formats = [Format.BEST, Format.STRENGTH, Format.RATINGS]
    desk = Desk(store, tmp_path, formats=formats, aspects=aspects)
    desk.fill(2)
    person = uuid4()

    def missing() -> list[list[Format]]:
        lines = b"".join(EXPORTS["comparisons"](store, DataFilter())).splitlines()
        return [Comparison.model_validate_json(line).missing for line in lines]

    query_id = await desk.next(person)
    assert query_id
    await desk.vote(query_id, person)
    assert missing() == [[Format.STRENGTH, Format.RATINGS]]
    panels = (await desk.view(query_id, person)).panels
    best = str(panels[0].response_id)
    desk.say(person, query_id, "vote", choice="best", best=best, strength=2)
    assert missing() == [[Format.RATINGS]]
    for panel in panels:
        desk.say(person, query_id, "rate", panel.response_id, aspect="kind", value=3.0)
    assert missing() == [[]]
    free = await desk.comparing.ask(person, "What is a moon?")  # nothing else is asked of it
    await desk.settled()
    await desk.vote(free, person)
    assert missing() == [[], []]
