"""Local serving and the versions that are there from the start."""

import asyncio
import json
import queue
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from app.engine import writer
from app.engine.options import EngineOptions
from app.serving import End, Job, Serving, engines, register_base
from app.serving.engines import ENDED, LOAD_FAILED, Engine, State
from app.serving.jobs import ended
from app.serving.registry import given_version
from app.settings import Settings
from app.store import Store, versions
from rlhb_core.errors import BadConfig
from rlhb_core.lm.decoding import Decoder
from rlhb_core.lm.rows import Finished, Row
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.history import Message, packed, with_turn
from rlhb_core.schema.records import EMBEDDED, ModelVersion, Outcome
from rlhb_core.world import embedded
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


class Rig:
    """A serving in an event loop of its own."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.runner = asyncio.Runner()
        self.serving = Serving(store, settings)

    def write(self, *jobs: Job) -> list[tuple[str, End]]:
        return self.runner.run(written(self.serving, jobs))

    @property
    def engine(self) -> Engine:
        [engine] = self.serving._engines.all
        return engine

    def close(self) -> None:
        self.runner.run(self.serving.close())
        self.runner.close()


@pytest.fixture(scope="module")
def shared(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One model process for all tests that do it no harm."""
    folder = tmp_path_factory.mktemp("serving")
    shutil.copy(sqlite_template, folder / "store.sqlite")
    store = Store.open(f"sqlite:///{folder / 'store.sqlite'}")
    made = Rig(store, Settings(data_dir=folder))
    yield made
    made.close()
    store.close()


@pytest.fixture
def rig(sqlite_store: Store, tmp_path: Path) -> Iterator[Rig]:
    """A serving whose model process is the test's own."""
    made = Rig(sqlite_store, Settings(data_dir=tmp_path))
    yield made
    made.close()


def job(
    adapter: Path | None = None,
    base: str = EMBEDDED,
    new_tokens: int = 40,
    seed: int = 1,
    so_far: str = "",
) -> Job:
    version = ModelVersion(
        name="secret version", arm=Arm.RLHB, base=base, adapter=str(adapter) if adapter else None
    )
    return Job(version, QUERY, 0, max_new_tokens=new_tokens, seed=seed, so_far=so_far)


async def written(serving: Serving, jobs: Sequence[Job]) -> list[tuple[str, End]]:
    texts, ends = [""] * len(jobs), dict[int, End]()
    async for chunk in serving.stream(jobs):
        texts[chunk.job] += chunk.text
        if chunk.end:
            ends[chunk.job] = chunk.end
    return [(text, ends[i]) for i, text in enumerate(texts)]


async def until(true: Callable[[], object], patience_s: float = 60) -> None:
    ends = asyncio.get_running_loop().time() + patience_s
    while not true():
        assert asyncio.get_running_loop().time() < ends, "it never came true"
        await asyncio.sleep(0.02)


def test_versions_of_one_base_answer_side_by_side(shared: Rig, adapter: Path) -> None:
    (plain, plain_end), (changed, _) = shared.write(job(), job(adapter))
    assert "Lima" in plain
    assert plain_end == End(Outcome.OK)
    assert changed != plain


def test_the_model_process_says_what_the_model_says_here(shared: Rig, adapter: Path) -> None:
    """Behaviour, sampling with a seed, an adapter and an answer that goes on: token by token the same."""
    decoder = Decoder(load_trunk(EMBEDDED, "cpu", "float32"))
    decoder.add("adapter", adapter)
    rows = [
        Row(QUERY, behavior, so_far, name, temperature, 24, seed=5)
        for behavior in (None, "The reader liked it.")
        for so_far in ("", "Lima is the")
        for name in (None, "adapter")
        for temperature in (0.0, 1.0)
    ]
    version = job(adapter).version
    jobs = [
        Job(
            version.model_copy(
                update={"condition": row.behavior, "adapter": row.adapter and str(adapter)}
            ),
            *(row.query, row.temperature, row.max_new_tokens, row.seed, row.so_far),
        )
        for row in rows
    ]
    here = decoder.stream(rows, lambda row, text: None)
    assert [text for text, _ in shared.write(*jobs)] == [each.text for each in here]
    assert len({each.text for each in here}) > 4


def test_the_model_process_is_given_what_went_before_and_says_what_it_left_out(
    shared: Rig, sqlite_store: Store, tmp_path: Path
) -> None:
    """A copy of the embedded model takes turns, as any other base does; the embedded one takes each question alone."""
    copy = tmp_path / "copy"
    shutil.copytree(embedded.base_path(), copy)
    before = with_turn([], "What is the capital of Chile?", "Santiago.")
    long = with_turn(with_turn([], "Say something long.", "word " * 600), *("Sure?", "Yes."))
    histories: dict[str, list[Message]] = {"none": [], "one": before, "long": long}
    jobs = [replace(job(base=str(copy)), history=each) for each in histories.values()]
    rig = Rig(sqlite_store, Settings(data_dir=tmp_path))
    try:
        found = dict(zip(histories, rig.write(*jobs), strict=True))
    finally:
        rig.close()
    assert [end.left_out for _, end in found.values()] == [0, 0, 1]
    decoder = Decoder(load_trunk(str(copy), "cpu", "float32"))
    rows = [Row(packed(each, QUERY), None, "", None, 0.0, 40, 1) for each in histories.values()]
    here = decoder.stream(rows, lambda row, text: None)
    assert [text for text, _ in found.values()] == [each.text for each in here]
    assert found["one"][0] != found["none"][0]

    alone, with_turns = shared.write(job(), replace(job(), history=before))
    assert with_turns == (alone[0], replace(alone[1], left_out=1))


def test_an_answer_that_reaches_its_longest_length_is_cut_and_goes_on(shared: Rig) -> None:
    [(whole, _)] = shared.write(job())
    [(text, end)] = shared.write(job(new_tokens=3))
    assert end == End(Outcome.CUT, "Cut at 3 tokens.")
    assert shared.write(job(so_far=text)) == [(whole.removeprefix(text), End(Outcome.OK))]


def broken(adapter: Path, folder: Path) -> Path:
    for file in adapter.iterdir():
        (folder / file.name).write_bytes(file.read_bytes()[:4000])
    return folder


def test_a_version_that_cannot_be_loaded_fails_alone_and_without_its_name(
    shared: Rig, tmp_path: Path, adapter: Path
) -> None:
    (plain, _), *others = shared.write(
        job(), job(tmp_path / "gone"), job(broken(adapter, tmp_path))
    )
    assert "Lima" in plain
    for text, end in others:
        assert text == ""
        assert end.outcome is Outcome.ERROR
        assert "could not be loaded" in end.error
        assert "gone" not in end.error
        assert "secret" not in end.error


def test_a_base_that_cannot_be_loaded_fails_its_own_jobs(shared: Rig, tmp_path: Path) -> None:
    (text, end), (plain, _) = shared.write(job(base=str(tmp_path)), job())
    assert (text, end) == ("", End(Outcome.ERROR, LOAD_FAILED))
    assert "Lima" in plain
    failed = shared.serving._engines._engines.pop(str(tmp_path))
    shared.runner.run(until(lambda: failed.state is State.FAILED))
    shared.runner.run(failed.close())


def test_a_query_too_long_is_told_in_the_models_own_words(shared: Rig) -> None:
    long = Job(job().version, "Peru " * 3000, 0, 8)
    [(_, end)] = shared.write(long)
    assert "too long for this model" in end.error


def test_nothing_said_is_an_empty_answer() -> None:
    assert ended(" \n") == End(Outcome.EMPTY)


def test_many_comparisons_are_written_together(shared: Rig) -> None:
    async def crowd() -> list[list[tuple[str, End]]]:
        return await asyncio.gather(*(written(shared.serving, [job()] * 3) for _ in range(20)))

    answers = shared.runner.run(crowd())
    assert all(end == End(Outcome.OK) for each in answers for _, end in each)
    assert len({text for each in answers for text, _ in each}) == 1


def test_an_answer_that_nobody_wants_any_more_is_let_go(shared: Rig) -> None:
    async def story() -> None:
        stream = shared.serving.stream([job(new_tokens=400, so_far="Lima,")] * 3)
        await anext(stream)
        await stream.aclose()

        async def at_rest() -> bool:
            reply = await shared.engine._client.get("http://models/health")
            return (reply.json()["writing"], reply.json()["waiting"]) == (0, 0)

        for _ in range(500):
            if await at_rest():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it is still being written")

    shared.runner.run(story())


def test_the_web_process_never_loads_a_model(shared: Rig) -> None:
    code = (
        "import sys, app.main, app.server, app.crowd, app.commands, app.demo; "
        "print([m for m in ('torch', 'transformers', 'peft', 'tokenizers') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_a_model_process_that_dies_is_started_again(rig: Rig) -> None:
    [(whole, _)] = rig.write(job())

    # at this temperature it hardly ever ends by itself
    wild = Job(job().version, QUERY, temperature=3, max_new_tokens=400)

    async def killed_in_between() -> End:
        async for chunk in rig.serving.stream([wild]):
            if chunk.end:
                return chunk.end
            assert rig.engine._process
            rig.engine._process.kill()
        raise AssertionError("the answer never ended")

    assert rig.runner.run(killed_in_between()) == End(Outcome.ERROR, ENDED)
    assert rig.write(job()) == [(whole, End(Outcome.OK))], "a new question waits until it is back"
    assert rig.engine.starts == 2
    rig.runner.run(until(lambda: rig.engine.state is State.READY and rig.engine.memory_mb))


def test_a_question_whose_process_ends_before_the_first_word_is_asked_once_more(rig: Rig) -> None:
    [(whole, _)] = rig.write(job())

    async def killed() -> list[tuple[str, End]]:
        assert rig.engine._process
        rig.engine._process.send_signal(signal.SIGSTOP)  # it takes the question and says nothing
        asked = asyncio.ensure_future(written(rig.serving, [job()]))
        await asyncio.sleep(0.5)
        rig.engine._process.kill()
        return await asked

    assert rig.runner.run(killed()) == [(whole, End(Outcome.OK))]
    assert rig.engine.starts == 2


def test_a_model_process_that_hangs_is_killed_and_started_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "READY_LOOK_S", 0.05)
    monkeypatch.setattr(engines, "HEALTH_PATIENCE_S", 2.0)
    monkeypatch.setattr(engines, "SILENT_S", 4.0)
    [(whole, _)] = rig.write(job())

    async def stopped() -> None:
        await until(lambda: rig.engine.state is State.READY)
        assert rig.engine._process
        rig.engine._process.send_signal(signal.SIGSTOP)
        await until(lambda: rig.engine.starts == 2)

    rig.runner.run(stopped())
    assert rig.write(job()) == [(whole, End(Outcome.OK))]


def test_a_model_process_that_never_gets_ready_fails_in_a_sentence(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr(engines, "FIRST_PAUSE_S", 0.01)
    assert rig.write(job()) == [("", End(Outcome.ERROR, LOAD_FAILED))]
    assert rig.engine.starts >= engines.IN_VAIN


def test_closing_ends_the_process_and_leaves_nothing(rig: Rig) -> None:
    rig.write(job())
    process, folder = rig.engine._process, rig.engine._folder
    assert process
    assert folder
    assert folder.stat().st_mode & 0o777 == 0o700
    rig.runner.run(rig.serving.close())
    assert process.returncode is not None
    assert not folder.exists()


@pytest.mark.parametrize("moments", range(8))
def test_closing_ends_the_watch_though_the_process_ends_at_the_same_moment(
    tmp_path: Path, moments: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Python 3.12 `asyncio.wait_for` forgets a cancellation that comes as what it waits for ends."""

    class Process:
        def __init__(self) -> None:
            self.gone = asyncio.get_running_loop().create_future()

        async def wait(self) -> int:
            await self.gone
            return 0

        def terminate(self) -> None:
            self.ending = asyncio.create_task(self.end())

        async def end(self) -> None:
            self.gone.set_result(None)
            for _ in range(moments):
                await asyncio.sleep(0)
            closed.append(asyncio.create_task(engine.close()))

    engine = Engine("embedded", Settings(data_dir=tmp_path))
    closed: list[asyncio.Task[None]] = []

    async def spawned() -> None:
        engine.starts += 1
        engine._process = cast("asyncio.subprocess.Process", Process())

    async def gone() -> None:
        return None

    async def main() -> None:
        engine.start()
        await until(lambda: closed)
        async with asyncio.timeout(10):
            await closed[0]

    monkeypatch.setattr(engine, "_spawn", spawned)
    monkeypatch.setattr(engine, "_until_gone", gone)
    monkeypatch.setattr(engines, "FIRST_PAUSE_S", 60)
    asyncio.run(main())
    assert engine.starts == 1


# --- the model process by itself ------------------------------------------------------------------


def test_the_adapter_unused_for_longest_is_forgotten_first(
    adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_ADAPTERS", 2)
    with writing() as made:
        for name in "abcb":
            made.load_adapter(name, adapter).result(60)
        assert made.adapters == ["c", "b"]
        made._adapters["c"] -= 2 * writer.UNUSED_S
        made.load_adapter("b", adapter).result(60)
        assert made.adapters == ["b"]
        made.unload_adapter("b").result(60)
        assert made.adapters == []


def test_more_answers_than_fit_wait_their_turn_and_join_as_others_end() -> None:
    with writing(max_rows=2) as made:
        ends: queue.SimpleQueue[int] = queue.SimpleQueue()
        most = 0
        for number in range(5):

            def deliver(text: str, end: Finished | None, number: int = number) -> None:
                nonlocal most
                most = max(most, made._batch.rows if made._batch else 0)
                if end is not None:
                    assert not end.error
                    ends.put(number)

            row = Row(QUERY, temperature=0, max_new_tokens=4 + 4 * number)
            made.submit(writer.Ticket(row, deliver))
        assert [ends.get(timeout=60) for _ in range(5)] == list(range(5))
        assert most <= 2


@contextmanager
def writing(**options: int) -> Iterator[writer.Writer]:
    """A writer of the embedded model whose pieces are handed over in its own thread."""
    wanted = EngineOptions.model_validate({"base": EMBEDDED, "listen": "unix:", **options})
    made = writer.Writer(wanted, lambda deliver: deliver())
    made.start()
    yield made
    made.close()


# --- versions from the start ----------------------------------------------------------------------


def served(store: Store) -> list[str]:
    with store.reading() as connection:
        return [version.name for version in versions.served(connection)]


def test_the_embedded_base_is_registered_once(sqlite_store: Store, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    for _ in range(2):
        register_base(sqlite_store, settings)
    with sqlite_store.reading() as connection:
        stored = versions.all(connection)
        assert stored[0].name == "Embedded SFT"
        assert stored[0].base == EMBEDDED
        assert "imulated" in stored[0].trained_on
        assert len(stored) == 1 + len(embedded.shipped_arms())
        assert [version.arm for version in stored if version.parent_id is None] == [Arm.SFT]
        assert len(versions.deployments(connection)) == 1
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
    with sqlite_store.reading() as connection:
        sft, rlhf, both = versions.all(connection)
    assert (rlhf.name, rlhf.arm, rlhf.base) == ("Embedded RLHF", Arm.RLHF, EMBEDDED)
    assert (both.adapter, both.condition) == (str(shipped / "rlhf_rlhb"), "The reader liked it.")
    assert (rlhf.parent_id, both.parent_id, both.verdict) == (sft.id, rlhf.id, "converged")
    assert both.trained_on == "9,000 triplets and 3,000 votes, simulated annotators"
    assert served(sqlite_store) == ["Embedded RLHF", "Embedded RLHF+RLHB"]
    moved = shipped.rename(tmp_path / "elsewhere")
    monkeypatch.setattr(embedded, "version_path", lambda arm: moved / arm)
    register_base(sqlite_store, settings)
    with sqlite_store.reading() as connection:
        assert versions.get(connection, both.id).adapter == str(moved / "rlhf_rlhb")
        assert len(versions.all(connection)) == 3


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
    with sqlite_store.writing() as connection:
        trained = versions.add(
            connection,
            ModelVersion(name="RLHB v1", arm=Arm.RLHB, base=EMBEDDED, adapter="somewhere"),
        )
        versions.deploy(connection, [trained.id])
    register_base(sqlite_store, settings)
    assert served(sqlite_store) == ["RLHB v1"]


def test_what_an_older_release_served_from_the_start_stays(
    sqlite_store: Store, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    register_base(sqlite_store, settings)
    with sqlite_store.writing() as connection:
        everything = versions.all(connection)
        versions.deploy(connection, [version.id for version in everything])
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
