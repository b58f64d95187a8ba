"""Simulated annotators as guests of a server: by its HTTP API and nothing else, in this process and over a socket."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from app.crowd import Collected, Reached, collect, reach, within
from app.crowd.reaching import forgetful_client
from app.main import create_app
from app.people import OPERATOR, SIMULATED
from app.settings import Settings
from app.store import Store, queries, responses, signals, summary, verify, versions
from app.store.tables import PERSON, QUERY
from rlhb_core import world
from rlhb_core.errors import BadConfig, RlhbError
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import ModelVersion, Serving, Source
from rlhb_core.schema.signals import SignalKind
from tests.server import running_server

QUERIES = 12


class Here:
    """The app in this process, with a store that nobody has used, and the loop in which it lives."""

    def __init__(self, runner: asyncio.Runner, folder: Path) -> None:
        self.run = runner.run
        self.app = create_app(Settings(data_dir=folder, database_url="", base_model="embedded"))
        self.store: Store = self.app.state.store

    def collect(self, count: int, **options: Any) -> Collected:
        async def work() -> Collected:
            async with within(self.app, OPERATOR) as reached:
                return await collect(reached, count, **options)

        return self.run(work())


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    with asyncio.Runner() as runner:
        made = Here(runner, tmp_path_factory.mktemp("data"))
        lifespan = made.app.router.lifespan_context(made.app)
        runner.run(lifespan.__aenter__())
        yield made
        runner.run(lifespan.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def told(here: Here) -> tuple[Collected, list[tuple[int, int]]]:
    """A round on the fresh store, and the progress that was told."""
    progress: list[tuple[int, int]] = []
    found = here.collect(QUERIES, size=5, seed=3, progress=lambda *at: progress.append(at))
    return found, progress


@pytest.fixture
def store(here: Here, told: Any) -> Store:
    return here.store


def test_all_of_it_is_stored_as_simulated(store: Store, told):
    found, progress = told
    assert (found.queries, found.responses) == (QUERIES, 3 * QUERIES)
    assert QUERIES - 2 <= found.votes <= QUERIES
    assert progress == [(number, QUERIES) for number in range(1, QUERIES + 1)]
    with store.reading() as connection:
        counts = summary.by_source(connection)
        kinds = set(connection.execute(sa.select(PERSON.c.source)).scalars())
    assert kinds == {Source.SIMULATED}
    simulated = counts[Source.SIMULATED]
    assert (simulated.queries, simulated.responses) == (QUERIES, 3 * QUERIES)
    assert (simulated.signals, simulated.votes) == (found.signals, found.votes)
    for other in (Source.REAL, Source.IMPORTED):
        assert (counts[other].queries, counts[other].signals) == (0, 0)
    assert verify(store) == []


def test_they_read_before_they_vote_and_see_no_names(store: Store):
    with store.reading() as connection:
        for query_id in connection.execute(sa.select(QUERY.c.id)).scalars().all():
            acts = signals.of_query(connection, query_id)
            kinds = [act.kind for act in acts]
            assert not any(act.unblinded for act in acts)
            assert kinds.count(SignalKind.VOTE) <= 1
            if SignalKind.VOTE in kinds:
                assert kinds[-1] is SignalKind.VOTE
            read = [act.response_id for act in acts if act.kind is SignalKind.DWELL]
            assert len(read) == len(set(read)) >= 1
            texts = {response.text for response in responses.of_query(connection, query_id)}
            assert len(read) == len(texts), "answers that are the same are read once"


def test_whoever_asks_again_is_the_same_person_and_says_so(store: Store):
    with store.reading() as connection:
        for query_id in connection.execute(sa.select(QUERY.c.id)).scalars().all():
            for act in signals.of_query(connection, query_id):
                if act.kind is SignalKind.REFORMULATE:
                    before = queries.get(connection, query_id)
                    after = queries.get(connection, UUID(act.payload["to_query"]))
                    assert before.person_id == after.person_id
                    assert world.find_fact(before.text) == world.find_fact(after.text)


def asked(store: Store) -> Counter[tuple[UUID, str]]:
    with store.reading() as connection:
        rows = connection.execute(sa.select(QUERY.c.person_id, QUERY.c.text))
        return Counter((row.person_id, row.text) for row in rows)


def test_the_same_seed_asks_the_same_by_the_same_people_and_nothing_held_out(
    here: Here, store: Store
):
    before = asked(store)
    here.collect(QUERIES, size=5, seed=3)
    again = asked(store) - before
    # what differs are questions in other words: whether they are asked depends on the answers
    assert (before & again).total() > 0.5 * QUERIES
    assert not any(fact.held_out for _, text in again if (fact := world.find_fact(text)))
    with store.reading() as connection:
        ids = set(connection.execute(sa.select(PERSON.c.id)).scalars())
    assert ids == {uuid5(NAMESPACE_OID, f"Simulated annotator 0-{number}") for number in range(5)}


@pytest.fixture
def served(store: Store) -> Iterator[list[UUID]]:
    """What is served, and will be again after the test."""
    with store.reading() as connection:
        ids = [version.id for version in versions.served(connection)]
    yield ids
    with store.writing() as connection:
        versions.deploy(connection, ids)


def serve_stranger(store: Store, served: list[UUID]) -> None:
    """Put a version into Compare that stands on another model."""
    other = ModelVersion(
        name="Stranger", arm=Arm.RLHB, serving=Serving.OPENAI, base="http://127.0.0.1:9#x"
    )
    with store.writing() as connection:
        known = versions.by_name(connection, other.name) or versions.add(connection, other)
        versions.deploy(connection, [*served, known.id])


def simulated(store: Store) -> int:
    with store.reading() as connection:
        return summary.by_source(connection)[Source.SIMULATED].queries


def test_what_they_cannot_judge_is_refused_before_anything_is_asked(
    here: Here, store: Store, served: list[UUID]
):
    before = simulated(store)
    serve_stranger(store, served)
    with pytest.raises(RlhbError, match=r"embedded model only.*: Stranger"):
        here.collect(5, population=9)
    with store.writing() as connection:
        versions.deploy(connection, [])
    with pytest.raises(RlhbError, match="no model version is in Compare"):
        here.collect(5, population=9)
    assert simulated(store) == before
    with store.reading() as connection:
        names = set(connection.execute(sa.select(PERSON.c.display_name)).scalars())
    assert not any("annotator 9-" in name for name in names)


def test_a_version_that_they_cannot_judge_ends_the_round_when_it_comes(
    here: Here, store: Store, served: list[UUID], monkeypatch
):
    monkeypatch.setattr("app.crowd.annotators.CHECK_EVERY", 4)
    before = simulated(store)

    def note(done: int, _: int) -> None:
        if done == 2:
            serve_stranger(store, served)

    with pytest.raises(RlhbError, match="embedded model only"):
        here.collect(200, size=2, progress=note)
    assert 2 <= simulated(store) - before < 12


# --- a server that is not in this process ---------------------------------------------------------


def test_the_live_server_of_the_folder_and_one_elsewhere(tmp_path: Path):
    with running_server(tmp_path / "data") as server:

        async def ask(where: str, seed: int) -> tuple[str, Collected]:
            async with reach(Settings(data_dir=server.data_dir), where) as reached:
                return reached.where, await collect(reached, 2, size=2, seed=seed)

        address = f"http://127.0.0.1:{server.port}"
        for where in ("", address, address):
            told, found = asyncio.run(ask(where, 1))
            assert told == f"the server at {address}"
            assert found.queries == 2
        store = Store.open(Settings(data_dir=server.data_dir, database_url="").database)
        with store.reading() as connection:
            counts = summary.by_source(connection)
            rows = connection.execute(sa.select(PERSON.c.id, PERSON.c.display_name)).all()
        store.close()
    assert counts[Source.SIMULATED].queries == 6
    assert counts[Source.REAL].queries == 0
    names = Counter(row.display_name for row in rows)
    assert names == {"Simulated annotator 0-0": 1, "Simulated annotator 0-1": 1}
    assert {row.id for row in rows} == {uuid5(NAMESPACE_OID, name) for name in names}


class Server:
    """A stand-in that answers as the API does and refuses when told to."""

    def __init__(self) -> None:
        self.refusals: list[int] = []
        self.requests: list[tuple[str, str, str | None]] = []
        self.panels: list[dict[str, Any]] = []
        self.batches: list[list[dict[str, Any]]] = []
        self.app = FastAPI()
        self.app.middleware("http")(self._refuse)
        self.app.get("/api/versions")(self._versions)
        self.app.patch("/api/me")(self._me)
        self.app.post("/api/comparisons", status_code=201)(self._ask)
        self.app.get("/api/comparisons/{query_id}")(self._look)
        self.app.post("/api/signals")(self._record)

    async def _refuse(self, request: Request, go_on: Callable[..., Awaitable[Any]]) -> Any:
        path = request.url.path
        self.requests.append((request.method, path, request.headers.get(SIMULATED)))
        if self.refusals and path != "/api/versions":
            status = self.refusals.pop()
            return JSONResponse({"detail": "later"}, status, headers={"retry-after": "0"})
        return await go_on(request)

    async def _versions(self) -> dict[str, Any]:
        return {"versions": [{"name": "SFT", "served": True, "embedded": True}]}

    async def _me(self, request: Request) -> JSONResponse:
        return JSONResponse(await request.json())

    async def _ask(self) -> dict[str, str]:
        return {"query_id": str(uuid4())}

    async def _look(self, query_id: UUID) -> dict[str, Any]:
        return {"complete": True, "panels": self.panels}

    async def _record(self, request: Request) -> dict[str, int]:
        self.batches.append((await request.json())["signals"])
        return {"received": 1, "new": 1}

    @asynccontextmanager
    async def reached(self) -> AsyncIterator[Reached]:
        transport = httpx.ASGITransport(app=self.app)
        async with forgetful_client("http://127.0.0.1", transport) as client:
            yield Reached(client, "the stand-in")

    def collect(self, count: int, **options: Any) -> Collected:
        async def run() -> Collected:
            async with self.reached() as reached:
                return await collect(reached, count, **options)

        return asyncio.run(run())


def panel(text: str, **changed: Any) -> dict[str, Any]:
    usual = {"outcome": "ok", "same_as": None, "can_win": True}
    return {"response_id": str(uuid4()), "text": text} | usual | changed


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr("app.crowd.annotators.USUAL_S", 0.0)
    made = Server()
    made.panels = [panel("Two."), panel("Mars has two moons."), panel("I do not know.")]
    return made


def test_a_server_with_too_much_to_do_is_waited_for(server: Server):
    server.refusals = [503, 429, 503, 503]
    found = server.collect(6, size=2)
    assert found.queries == 6
    assert len(server.batches) == 6
    assert server.refusals == []


def test_a_server_that_goes_on_refusing_is_told_of(server: Server, monkeypatch):
    monkeypatch.setattr("app.crowd.reaching.PATIENCE_S", 0.2)
    server.refusals = [503] * 1_000
    with pytest.raises(RlhbError, match="stand-in refused PATCH /api/me: later"):
        server.collect(6)
    server.refusals = [507]
    with pytest.raises(RlhbError, match="later"):
        server.collect(6)
    assert not server.refusals, "that one does not go away by waiting"


def test_each_is_a_person_of_their_own_from_the_first_request_on(server: Server):
    server.collect(12, size=4)
    asked = {name for _, path, name in server.requests if path.startswith("/api/comparisons")}
    assert None not in asked
    assert len(asked) == 4
    beforehand = [name for _, path, name in server.requests if path == "/api/me"]
    assert set(beforehand) == asked
    assert len(beforehand) == 4


def test_the_same_answer_is_read_once_and_what_cannot_win_is_not_chosen(server: Server):
    first = panel("Two.")
    failed = panel("", outcome="error", can_win=False)
    empty = panel("", outcome="empty", can_win=False)
    server.panels = [failed, first, panel("Two.", same_as="B"), empty]
    server.collect(40, size=2)
    read = {s["response_id"] for batch in server.batches for s in batch if s["kind"] == "dwell"}
    assert read == {first["response_id"], empty["response_id"]}
    places = {s["payload"]["position"] for b in server.batches for s in b if s["kind"] == "shown"}
    assert places == {1, 3}
    votes = [s["payload"] for batch in server.batches for s in batch if s["kind"] == "vote"]
    assert len(votes) == 40
    assert {vote.get("best") for vote in votes} <= {first["response_id"], None}
    server.panels = [failed, failed]
    server.batches.clear()
    assert server.collect(3).votes == 0


def test_asking_again_comes_before_the_vote(server: Server):
    server.panels = [panel("I do not know."), panel("Hm.")]
    server.collect(60, size=6)
    again = [batch for batch in server.batches if any(s["kind"] == "reformulate" for s in batch)]
    assert again
    for batch in again:
        assert [signal["kind"] for signal in batch[-2:]] == ["reformulate", "vote"]


def test_a_server_that_is_not_there_or_no_address_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("app.crowd.reaching.STARTING_S", 0.0)

    async def ask(where: str) -> None:
        async with reach(Settings(data_dir=tmp_path), where) as reached:
            await collect(reached, 1)

    with pytest.raises(RlhbError, match="cannot be reached"):
        asyncio.run(ask("http://127.0.0.1:9"))
    for wrong in ("localhost:7860", "ftp://x", "http://me:secret@127.0.0.1:7860"):
        with pytest.raises(BadConfig) as told:
            asyncio.run(ask(wrong))
        assert "secret" not in str(told.value)
