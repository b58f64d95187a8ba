"""Remote serving against servers that are really there: TGI's protocol, and `transformers serve` for OpenAI chat."""

import asyncio
import importlib
import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from app.engine.options import KEY_VARIABLE
from app.serving import End, Job, Serving
from app.serving.discovery import discover
from app.settings import Settings
from app.store import Store
from rlhb_core.errors import BadConfig
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.history import with_turn
from rlhb_core.schema.records import ModelVersion, Outcome
from rlhb_core.schema.records import Serving as Kind
from rlhb_core.world import embedded
from tests.integration.tgi_server import WORDS, TgiServer, tgi_server

WHOLE = "".join(WORDS)
CONDITION = "The reader liked it."


@pytest.fixture(scope="module")
def tgi() -> Iterator[TgiServer]:
    with tgi_server() as server:
        yield server


class Rig:
    """A serving in an event loop of its own."""

    def __init__(self, store: Store, tmp_path: Path, timeout_s: float) -> None:
        self.runner = asyncio.Runner()
        self.serving = Serving(store, Settings(data_dir=tmp_path, remote_timeout_s=timeout_s))

    def close(self) -> None:
        self.runner.run(self.serving.close())
        self.runner.close()


@pytest.fixture
def serving(sqlite_store: Store, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(sqlite_store, tmp_path, timeout_s=60)
    yield made
    made.close()


@pytest.fixture
def impatient(sqlite_store: Store, tmp_path: Path) -> Iterator[Rig]:
    """For servers that stall."""
    importlib.import_module("app.serving.tgi")  # takes a while, which is no stalling
    made = Rig(sqlite_store, tmp_path, timeout_s=3)
    yield made
    made.close()


def job(base: str, kind: Kind, query: str, temperature: float = 1.0, so_far: str = "") -> Job:
    version = ModelVersion(
        name="secret version", arm=Arm.SFT, serving=kind, base=base, condition=CONDITION
    )
    return Job(version, query, temperature, max_new_tokens=48, seed=3, so_far=so_far)


def write(rig: Rig, jobs: Sequence[Job]) -> list[tuple[str, End, float]]:
    """Text, end and seconds of each job."""

    async def written() -> list[tuple[str, End, float]]:
        began = time.monotonic()
        texts, ends = [""] * len(jobs), dict[int, tuple[End, float]]()
        async for chunk in rig.serving.stream(jobs):
            texts[chunk.job] += chunk.text
            if chunk.end:
                ends[chunk.job] = (chunk.end, time.monotonic() - began)
        return [(text, *ends[i]) for i, text in enumerate(texts)]

    return rig.runner.run(written())


def test_tgi_streams_its_tokens_and_gets_behaviour_and_query_as_one_prompt(
    serving: Rig, tgi: TgiServer
) -> None:
    tgi.requests.clear()
    [(text, end, _)] = write(serving, [job(tgi.url, Kind.TGI, "What is it?", 0.7)])
    assert (text, end) == (WHOLE, End(Outcome.OK))
    [(path, headers, body)] = tgi.requests
    assert path == "/generate_stream"
    assert body["inputs"] == f"{CONDITION}\n\nWhat is it?"
    assert body["parameters"]["max_new_tokens"] == 48
    assert body["parameters"]["temperature"] == 0.7
    assert body["parameters"]["do_sample"] is True
    assert "authorization" not in headers


def test_tgi_is_given_what_went_before_a_line_for_each_and_asked_for_less_if_it_refuses(
    serving: Rig, tgi: TgiServer
) -> None:
    tgi.requests.clear()
    before = with_turn(with_turn([], "Peru?", "Lima."), "Chile?", "Santiago.")
    asked = replace(job(tgi.url, Kind.TGI, "What is it?"), history=before)
    [(_, end, _)] = write(serving, [asked])
    assert end.left_out == 0
    inputs = tgi.requests[0][2]["inputs"]
    assert inputs == f"{CONDITION}\n\nPeru?\nLima.\nChile?\nSantiago.\nWhat is it?"
    tgi.requests.clear()
    [(_, end, _)] = write(serving, [replace(asked, query="validation")])
    assert end.outcome is Outcome.ERROR, "the question alone is refused too"
    sizes = [len(body["inputs"].splitlines()) for _, _, body in tgi.requests]
    assert sizes == [7, 5, 3], "whole turns fewer each time"


def test_greedy_is_asked_of_tgi_in_its_own_way(serving: Rig, tgi: TgiServer) -> None:
    tgi.requests.clear()
    [(text, _, _)] = write(serving, [job(tgi.url, Kind.TGI, "What is it?", temperature=0)])
    assert text == WHOLE
    assert "temperature" not in tgi.requests[0][2]["parameters"]


def test_an_answer_that_reached_its_length_is_cut_on_either_protocol(
    serving: Rig, tgi: TgiServer
) -> None:
    for kind in (Kind.TGI, Kind.OPENAI):
        [(text, end, _)] = write(serving, [job(tgi.url, kind, "length")])
        assert (text, end.outcome) == (WHOLE, Outcome.CUT)
        assert re.fullmatch(r"Cut at \d+ tokens\.", end.error)


def test_a_cut_answer_is_given_to_a_server_to_go_on_with(serving: Rig, tgi: TgiServer) -> None:
    tgi.requests.clear()
    for kind in (Kind.TGI, Kind.OPENAI):
        [(text, end, _)] = write(serving, [job(tgi.url, kind, "What is it?", so_far="It is")])
        assert (text, end) == (WHOLE, End(Outcome.OK))
    (_, _, prompt), (_, _, chat) = tgi.requests
    assert prompt["inputs"] == f"{CONDITION}\n\nWhat is it?\nIt is"
    assert chat["messages"][-1] == {"role": "assistant", "content": "It is"}
    assert chat["continue_final_message"] is True
    assert chat["add_generation_prompt"] is False


@pytest.mark.parametrize(
    ("query", "says", "so_far"),
    [
        ("validation", "refused the query (422)", ""),
        ("generation", "failed in the middle", ""),
        ("overloaded", "busy (429)", ""),
        ("incomplete_generation", "failed in the middle", ""),
        ("cut", "broke off", "Lima is the"),
        ("end-early", "broke off", "Lima is the"),
        ("fail-late", "failed in the middle", "Lima is the"),
        ("garbage", "cannot be read", "Lima is the"),
        ("stall", "said nothing for 3 s", "Lima is the"),
    ],
)
def test_what_goes_wrong_is_told_in_a_sentence_without_names(
    request: pytest.FixtureRequest, tgi: TgiServer, query: str, says: str, so_far: str
) -> None:
    rig = request.getfixturevalue("impatient" if query == "stall" else "serving")
    [(text, end, _)] = write(rig, [job(tgi.url, Kind.TGI, query)])
    assert end.outcome is Outcome.ERROR
    assert says in end.error
    assert text == so_far
    for telling in ("127.0.0.1", "secret", "CUDA", str(tgi.server_port)):
        assert telling not in end.error


def test_a_server_that_is_not_there(serving: Rig) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        for kind in (Kind.TGI, Kind.OPENAI):
            [(_, end, _)] = write(serving, [job(f"http://127.0.0.1:{port}", kind, "Hello")])
            assert end.outcome is Outcome.ERROR
            assert "cannot be reached" in end.error


def test_a_stalling_arm_delays_neither_the_local_one_nor_the_other_server(
    impatient: Rig, tgi: TgiServer
) -> None:
    local = Job(
        ModelVersion(name="local", arm=Arm.SFT, base="embedded"),
        "What is the capital of Peru?",
        0,
        40,
    )
    write(impatient, [local])  # loaded
    stalled, good, here = write(
        impatient,
        [job(tgi.url, Kind.TGI, "stall"), job(tgi.url, Kind.TGI, "fine"), local],
    )
    assert stalled[1].outcome is Outcome.ERROR
    assert good[:2] == (WHOLE, End(Outcome.OK))
    assert here[1] == End(Outcome.OK)
    assert "Lima" in here[0]
    assert max(good[2], here[2]) < stalled[2]


def test_closing_the_stream_lets_go_of_a_stalling_server(serving: Rig, tgi: TgiServer) -> None:
    async def first_chunk() -> str:
        stream = serving.serving.stream([job(tgi.url, Kind.TGI, "stall")])
        chunk = await anext(stream)
        await stream.aclose()
        return chunk.text

    began = time.monotonic()
    assert serving.runner.run(first_chunk()) == "Lima"
    assert time.monotonic() - began < 10


def test_a_key_comes_from_the_environment_and_reaches_no_log(
    serving: Rig,
    tgi: TgiServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tgi.requests.clear()
    monkeypatch.setenv("HF_TOKEN", "hf_the_hubs_own_token")
    caplog.set_level(logging.DEBUG)
    write(serving, [job(tgi.url, Kind.OPENAI, "Hello")])
    assert "authorization" not in tgi.requests[-1][1], "the hub's token is for the hub only"
    monkeypatch.setenv(KEY_VARIABLE, "top-secret-key")
    for query in ("Hello", "key"):
        write(serving, [job(tgi.url, Kind.OPENAI, query)])
        assert tgi.requests[-1][1]["authorization"] == "Bearer top-secret-key"
    assert "top-secret-key" not in caplog.text
    assert "hf_the_hubs_own_token" not in caplog.text


def test_openai_errors_and_cut_streams(serving: Rig, tgi: TgiServer) -> None:
    [(_, refused, _), (text, cut, _)] = write(
        serving, [job(tgi.url, Kind.OPENAI, "key"), job(tgi.url, Kind.OPENAI, "cut")]
    )
    assert KEY_VARIABLE in refused.error
    assert "secret-sauce" not in refused.error
    assert (text, cut.outcome) == (WHOLE, Outcome.ERROR)
    assert "broke off" in cut.error


def test_openai_puts_the_behaviour_into_the_system_message(serving: Rig, tgi: TgiServer) -> None:
    tgi.requests.clear()
    [(text, end, _)] = write(serving, [job(f"{tgi.url}/v1#my-model", Kind.OPENAI, "Hello")])
    assert (text, end) == (WHOLE, End(Outcome.OK))
    [(path, _, body)] = tgi.requests
    assert path == "/v1/chat/completions"
    assert body["model"] == "my-model"
    assert body["messages"] == [
        {"role": "system", "content": CONDITION},
        {"role": "user", "content": "Hello"},
    ]


def test_offline_mode_of_the_hub_does_not_block_a_named_server(
    serving: Rig, tgi: TgiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    [(text, _, _)] = write(serving, [job(tgi.url, Kind.TGI, "Hello")])
    assert text == WHOLE


def test_a_server_is_asked_what_it_speaks(tgi: TgiServer) -> None:
    assert discover(tgi.url, "auto") == (Kind.TGI, tgi.url)
    assert discover(f"{tgi.url}/", "tgi") == (Kind.TGI, tgi.url)
    assert discover(f"{tgi.url}#mine", "openai") == (Kind.OPENAI, f"{tgi.url}#mine")
    with tgi_server(has_template=True) as templated:
        assert discover(templated.url, "auto") == (
            Kind.OPENAI,
            f"{templated.url}#listed-model",
        )
    with tgi_server(is_tgi=False) as other:
        assert discover(f"{other.url}/v1", "auto") == (
            Kind.OPENAI,
            f"{other.url}/v1#listed-model",
        )
        gone = other.url
    with pytest.raises(BadConfig, match="cannot be reached"):
        discover(gone, "auto")
    with pytest.raises(BadConfig, match=KEY_VARIABLE):
        discover("http://me:password@127.0.0.1:1/", "auto")


# --- transformers serve: an independent implementation of OpenAI chat, with the embedded model ----------


@pytest.fixture(scope="module")
def transformers_serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address, with the model's name, of a running `transformers serve`."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    folder = str(embedded.base_path())
    command = [
        str(Path(sys.executable).with_name("transformers")),
        *("serve", folder, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"),
    ]
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", server, log)
        yield f"http://127.0.0.1:{port}#{folder}"
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 200
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            if httpx2.get(url, timeout=1).is_success:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-2000:])


def test_transformers_serve_answers_as_the_model_does_here(
    serving: Rig, transformers_serve: str
) -> None:
    kind, base = discover(transformers_serve, "auto")
    assert (kind, base) == (Kind.OPENAI, transformers_serve)
    query = "What is the capital of Peru?"
    remote = job(base, kind, query, temperature=0)
    here = Job(
        ModelVersion(name="here", arm=Arm.SFT, base="embedded", condition=CONDITION), query, 0, 48
    )
    (there_text, there_end, _), (here_text, here_end, _) = write(serving, [remote, here])
    assert (there_end, here_end) == (End(Outcome.OK), End(Outcome.OK))
    assert there_text.strip() == here_text.strip()
    assert "Lima" in there_text


def test_transformers_serve_refuses_another_model_and_we_say_so(
    serving: Rig, transformers_serve: str
) -> None:
    address = transformers_serve.partition("#")[0]
    [(_, end, _)] = write(serving, [job(f"{address}#other", Kind.OPENAI, "Hello")])
    assert end.outcome is Outcome.ERROR
    assert "refused" in end.error
