"""An answer that says whose it is marks its comparison: in the store, the view, exports, and training if wanted."""

import json
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from app.comparing import Comparing
from app.files import EXPORTS
from app.serving import Chunk, End, Job
from app.settings import Settings
from app.store import DataFilter, Item, NewItem, Prepared, Store, items, responses, versions
from rlhb_core.run.sections import DataSettings
from rlhb_core.run.votes import votes_of
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import Comparison, ModelVersion, Outcome
from tests.integration.test_studies import Answering, Desk, told


class Vain(Answering):
    """The first of its answers says whose it is."""

    async def stream(self, jobs: Sequence[Job]) -> AsyncGenerator[Chunk, None]:
        for index, job in enumerate(jobs):
            says = f"I am {job.version.name}." if index == 0 else f"Answer {index}."
            yield Chunk(index, says, End(Outcome.OK))


def lines(store: Store) -> list[Comparison]:
    found = b"".join(EXPORTS["comparisons"](store, DataFilter())).splitlines()
    return [Comparison.model_validate(json.loads(line)) for line in found]


@told
async def test_what_is_written_here(store: Store, tmp_path: Path):
    settings = Settings(data_dir=tmp_path)
    with store.writing() as connection:
        made = [
            ModelVersion(name=name, arm=Arm.SFT, base="embedded")
            for name in ("Ada 1", "Bo 1", "Cy 1")
        ]
        versions.deploy(connection, [versions.add(connection, each).id for each in made])
    comparing = Comparing(store, Vain(), settings)
    person = uuid4()
    query_id = await comparing.ask(person, "Who are you?")
    async for view in comparing.follow(query_id, person):
        last = view
    assert last.says_names
    await comparing.close()  # all is stored
    with store.reading() as connection:
        found = sorted(each.says_name for each in responses.of_query(connection, query_id))
    assert found[:2] == ["", ""]
    assert found[2] in {"Ada 1", "Bo 1", "Cy 1"}


@told
@pytest.mark.parametrize("words", ["I'm ChatGPT.", "ChatGPT is a model."])
async def test_what_came_with_an_item(words: str, store: Store, tmp_path: Path):
    desk = Desk(store, tmp_path)
    with store.writing() as connection:
        item = Item(study_id=desk.study.id, number=0, text="Who?")
        texts = (words, "Nobody.")
        came = [
            Prepared(
                item_id=item.id, version_id=desk.versions[n].id, came_with_item=True, text=text
            )
            for n, text in enumerate(texts)
        ]
        items.add(connection, [NewItem(item, came)])
    person = uuid4()
    query_id = await desk.next(person)
    assert query_id
    is_told = words.startswith("I'm")
    assert (await desk.view(query_id, person)).says_names is is_told
    await desk.vote(query_id, person)
    (line,) = lines(store)
    assert line.says_names == (["ChatGPT"] if is_told else [])
    assert len(votes_of([line], DataSettings())) == 1
    assert len(votes_of([line], DataSettings(with_names_told=False))) == (0 if is_told else 1)
