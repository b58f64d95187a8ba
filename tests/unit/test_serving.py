"""Local serving and the versions that are there from the start."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from app.serving import End, Job, Serving, local, register_base
from app.serving.jobs import ended
from app.serving.registry import given_version
from app.settings import EMBEDDED, Settings
from app.store import Store, versions
from rlhb_core import embedded
from rlhb_core.decoding import Decoder, Finished, Row
from rlhb_core.errors import BadConfig
from rlhb_core.records import Arm, ModelVersion, Outcome
from tests.integration.tgi_server import tgi_server

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

QUERY = "What is the capital of Peru?"


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(embedded.base_path()),
        LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False),
    )
    folder = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(str(folder))
    return folder


@pytest.fixture
def serving(sqlite_store: Store, tmp_path: Path) -> Iterator[Serving]:
    made = Serving(sqlite_store, Settings(data_dir=tmp_path))
    yield made
    made.close()


def job(
    adapter: Path | None = None, base: str = EMBEDDED, new_tokens: int = 40, seed: int = 1
) -> Job:
    version = ModelVersion(
        name="secret version", arm=Arm.RLHB, base=base, adapter=str(adapter) if adapter else None
    )
    return Job(version, QUERY, temperature=0, max_new_tokens=new_tokens, seed=seed)


async def written(serving: Serving, jobs: Sequence[Job]) -> list[tuple[str, End]]:
    texts, ends = [""] * len(jobs), dict[int, End]()
    async for chunk in serving.stream(jobs):
        texts[chunk.job] += chunk.text
        if chunk.end:
            ends[chunk.job] = chunk.end
    return [(text, ends[i]) for i, text in enumerate(texts)]


def write(serving: Serving, *jobs: Job) -> list[tuple[str, End]]:
    return asyncio.run(written(serving, jobs))


def test_versions_of_one_base_answer_side_by_side(serving: Serving, adapter: Path) -> None:
    (plain, plain_end), (changed, _) = write(serving, job(), job(adapter))
    assert "Lima" in plain
    assert plain_end == End(Outcome.OK)
    assert changed != plain


def test_a_version_that_cannot_be_loaded_fails_alone_and_without_its_name(
    serving: Serving, tmp_path: Path
) -> None:
    (plain, _), (text, end) = write(serving, job(), job(tmp_path / "gone"))
    assert "Lima" in plain
    assert text == ""
    assert end.outcome is Outcome.ERROR
    assert "could not be loaded" in end.error
    assert "gone" not in end.error
    assert "secret" not in end.error


def test_a_base_that_cannot_be_loaded_fails_its_own_jobs(serving: Serving, tmp_path: Path) -> None:
    (broken, end), (plain, _) = write(serving, job(base=str(tmp_path)), job())
    assert (broken, end.outcome) == ("", Outcome.ERROR)
    assert str(tmp_path) not in end.error
    assert "Lima" in plain


def test_nothing_said_is_an_empty_answer() -> None:
    assert ended(" \n") == End(Outcome.EMPTY)


class Counting(Decoder):
    """A decoder that notes the size of each batch."""

    batches: list[int]

    def stream(self, rows: Sequence[Row], *args: object, **kwargs: object) -> list[Finished]:
        self.batches.append(len(rows))
        return super().stream(rows, *args, **kwargs)  # type: ignore[arg-type]


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    monkeypatch.setattr("rlhb_core.decoding.Decoder", Counting)
    Counting.batches = []
    return Counting.batches


def test_comparisons_that_wait_are_written_together(serving: Serving, batches: list[int]) -> None:
    async def crowd() -> list[list[tuple[str, End]]]:
        return await asyncio.gather(*(written(serving, [job()] * 3) for _ in range(10)))

    answers = asyncio.run(crowd())
    assert all(end == End(Outcome.OK) for each in answers for _, end in each)
    assert len({text for each in answers for text, _ in each}) == 1
    _warming, *shared = batches  # the first answer of a process is written for nobody
    assert sum(shared) == 30
    assert len(shared) <= 3, "ten comparisons took turns instead of sharing batches"
    assert max(shared) <= local.MAX_ROWS + 2


def test_closing_ends_what_is_being_written_as_stopped(serving: Serving) -> None:
    async def closed_in_between() -> list[End]:
        ends = []
        async for chunk in serving.stream([job(new_tokens=400)]):
            if chunk.end:
                ends.append(chunk.end)
            elif not ends:
                await asyncio.to_thread(serving.close)
        return ends

    [end] = asyncio.run(asyncio.wait_for(closed_in_between(), 30))
    assert end.outcome in (Outcome.STOPPED, Outcome.OK)


def test_the_adapter_unused_for_longest_is_forgotten_first(
    serving: Serving, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "MAX_ADAPTERS", 2)
    jobs = [job(adapter, seed=i) for i in range(4)]
    texts = [write(serving, each)[0] for each in jobs]
    assert [write(serving, each)[0] for each in jobs] == texts
    [thread] = serving._local._trunks.values()
    assert len(thread._adapters) == 2


def test_an_adapter_that_nobody_asks_for_any_more_is_forgotten(
    serving: Serving, adapter: Path
) -> None:
    kept, taken_out = job(adapter), job(adapter)
    text = write(serving, kept)
    assert write(serving, taken_out) == text
    [thread] = serving._local._trunks.values()
    assert len(thread._adapters) == 2
    thread._adapters[str(taken_out.version.id)] -= 2 * local.UNUSED_S
    assert write(serving, kept) == text
    assert list(thread._adapters) == [str(kept.version.id)]
    assert write(serving, taken_out) == text  # asked for again, it is read anew


# --- versions from the start ----------------------------------------------------------------------


def served(store: Store) -> list[str]:
    with store.reading() as session:
        return [version.name for version in versions.served(session)]


def test_the_embedded_base_is_registered_once(sqlite_store: Store, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    for _ in range(2):
        register_base(sqlite_store, settings)
    with sqlite_store.reading() as session:
        stored = versions.all(session)
        assert stored[0].name == "Embedded SFT"
        assert stored[0].base == EMBEDDED
        assert "imulated" in stored[0].trained_on
        assert len(stored) == 1 + len(embedded.shipped_arms())
        assert [version.arm for version in stored if version.parent_id is None] == [Arm.SFT]
        assert len(versions.deployments(session)) == 1
    assert sorted(served(sqlite_store)) == ["Embedded RLHB", "Embedded RLHF", "Embedded RLHF+RLHB"]


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A package that ships RLHF and, trained from it, RLHF+RLHB, in a folder of our own."""
    package = tmp_path / "package"
    for arm, parent in (("rlhf", "SFT"), ("rlhf_rlhb", "RLHF")):
        facts = {
            "arm": arm,
            "parent_version": parent,
            "condition": "The reader liked it.",
            "trained_on": "simulated annotators",
            "triplets": 9000,
            "comparisons": 3000,
            "verdict": "converged",
        }
        (package / arm).mkdir(parents=True)
        (package / arm / "version.json").write_text(json.dumps(facts))
    monkeypatch.setattr(embedded, "shipped_arms", lambda: ["rlhf", "rlhf_rlhb"][::-1])
    monkeypatch.setattr(embedded, "version_path", lambda arm: package / arm)
    return package


def test_shipped_versions_are_registered_with_their_lineage_and_found_again_when_moved(
    sqlite_store: Store, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data_dir=tmp_path)
    register_base(sqlite_store, settings)
    with sqlite_store.reading() as session:
        sft, rlhf, both = versions.all(session)
    assert (rlhf.name, rlhf.arm, rlhf.base) == ("Embedded RLHF", Arm.RLHF, EMBEDDED)
    assert (both.adapter, both.condition) == (str(shipped / "rlhf_rlhb"), "The reader liked it.")
    assert (rlhf.parent_id, both.parent_id, both.verdict) == (sft.id, rlhf.id, "converged")
    assert both.trained_on == "9,000 triplets and 3,000 votes, simulated annotators"
    assert served(sqlite_store) == ["Embedded RLHF", "Embedded RLHF+RLHB"]
    moved = shipped.rename(tmp_path / "elsewhere")
    monkeypatch.setattr(embedded, "version_path", lambda arm: moved / arm)
    register_base(sqlite_store, settings)
    with sqlite_store.reading() as session:
        assert versions.get(session, both.id).adapter == str(moved / "rlhf_rlhb")
        assert len(versions.all(session)) == 3


def test_another_base_takes_over_and_gives_back(sqlite_store: Store, tmp_path: Path) -> None:
    folders = []
    for parent in ("one", "two"):
        folder = tmp_path / parent / "my-model"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        folders.append(folder)
    mine = Settings(data_dir=tmp_path, base_model=str(folders[0]))
    register_base(sqlite_store, Settings(data_dir=tmp_path))
    shipped_names = served(sqlite_store)
    for _ in range(2):
        register_base(sqlite_store, mine)
        assert served(sqlite_store) == ["SFT my-model"]
    register_base(sqlite_store, Settings(data_dir=tmp_path, base_model=str(folders[1])))
    assert served(sqlite_store) == ["SFT my-model (2)"]
    register_base(sqlite_store, Settings(data_dir=tmp_path))
    assert served(sqlite_store) == shipped_names


def test_what_was_deployed_on_the_same_base_stays(sqlite_store: Store, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    register_base(sqlite_store, settings)
    with sqlite_store.session() as session:
        trained = versions.add(
            session, ModelVersion(name="RLHB v1", arm=Arm.RLHB, base=EMBEDDED, adapter="somewhere")
        )
        versions.deploy(session, [trained.id])
    register_base(sqlite_store, settings)
    assert served(sqlite_store) == ["RLHB v1"]


def test_what_an_older_release_served_from_the_start_stays(
    sqlite_store: Store, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    register_base(sqlite_store, settings)
    with sqlite_store.session() as session:
        everything = versions.all(session)
        versions.deploy(session, [version.id for version in everything])
    register_base(sqlite_store, settings)
    assert served(sqlite_store) == [version.name for version in everything]
    assert "Embedded SFT" in served(sqlite_store)


def test_base_models_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"config\.json is missing"):
        given_version(str(tmp_path), "auto")
    with pytest.raises(BadConfig, match="no folder with a model"):
        given_version("./nowhere", "auto")
    hub = given_version("some-org/some-model", "auto")
    assert (hub.base, hub.serving, hub.name) == ("some-org/some-model", "local", "SFT some-model")
    with tgi_server() as tgi:
        remote = given_version(tgi.url, "auto")
        assert (remote.base, remote.serving) == (tgi.url, "tgi")
