"""Downloads by bytes: bounded blocks whatever the rows,
and readers who take their time hold nothing that others need.
"""

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from starlette.responses import StreamingResponse

from app import data_folder
from app.data_folder import NoRoom
from app.files import EXPORTS, DataFilter
from app.main import create_app
from app.settings import Settings
from app.store import Store, behaviors, people, streaming
from app.store.streaming import BLOCK_CHARS, BLOCK_ROWS, Stream, joined, some
from app.store.tables import QUERY
from app.transfers import Downloads, TooMany
from app.transfers.downloads import PIECE
from rlhb_core.schema.arms import Arm
from tests.scene import act, asked, best, someone

Blocks = Generator[bytes, None, None]


def big(store: Store, queries: int, chars: int) -> None:
    with store.writing() as connection:
        from app.store import signals

        person = someone(connection)
        for number in range(queries):
            answers = tuple(f"{number} {place} " + "x" * chars for place in range(3))
            query, (a, *_) = asked(
                connection, person, text=f"{number} " + "q" * 19_000, answers=answers
            )
            signals.record(connection, person.id, [best(query, a), act("like", query, a)])
    behaviors.refresh(store)


# --- blocks ---------------------------------------------------------------------------------------------


def test_blocks_of_large_rows_are_few_rows_and_all_rows_come(store: Store):
    big(store, 12, 200_000)
    with store.reading() as connection:
        blocks = [
            [len(row.text) for row in block]
            for block in Stream(connection, sa.select(QUERY.c.id, QUERY.c.text)).partitions()
        ]
        assert sum(map(len, blocks)) == 12
    for kind, make in EXPORTS.items():
        sizes = [len(block) for block in make(store, DataFilter())]
        # one line of comparisons holds three answers of 200,000 characters
        assert max(sizes) <= BLOCK_CHARS + 3 * 200_000 + 30_000, kind
        assert len(sizes) > 3, kind


def test_postgres_is_asked_for_no_more_rows_than_a_block_may_weigh(postgres, monkeypatch):
    store = Store.open(postgres.new_store())
    big(store, 20, 10)
    asked_for: list[int] = []
    plan = streaming._plan

    def noted(connection, statement):
        for count in plan(connection, statement):
            asked_for.append(count)
            yield count

    monkeypatch.setattr(streaming, "_plan", noted)
    with store.reading() as connection:
        rows = list(Stream(connection, sa.select(QUERY.c.id, QUERY.c.text).order_by(QUERY.c.text)))
    assert len(rows) == sum(asked_for) == 20
    assert max(asked_for) * 19_000 <= BLOCK_CHARS
    store.close()


def test_short_rows_come_in_blocks_of_many(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        for number in range(BLOCK_ROWS // 3 + 10):
            asked(connection, person, text=f"{number}?")
    behaviors.refresh(store)
    sizes = [block.count(b"\n") for block in EXPORTS["triplets"](store, DataFilter())]
    assert sum(sizes) == 3 * (BLOCK_ROWS // 3 + 10)
    assert len(sizes) <= 3


def test_lines_and_groups_are_put_together_by_what_they_weigh():
    assert [len(each) for each in joined([b"x" * 100_000] * 7)] == [300_000, 300_000, 100_000]
    groups = iter([(n, [("y" * 200_000, None)]) for n in range(5)])
    assert [key for key, _ in some(groups, 100)] == [0, 1]
    assert [key for key, _ in some(groups, 1)] == [2]


def test_my_own_data_streams_too(store: Store):
    big(store, 6, 150_000)
    with store.reading() as connection:
        (person_id,) = connection.execute(sa.select(QUERY.c.person_id).distinct()).scalars()
    blocks = list(people.export_all(store, person_id))
    assert b"".join(blocks).count(b"\n") == 1 + 6 + 18 + 12
    assert max(map(len, blocks)) <= BLOCK_CHARS + 160_000


def body(response: StreamingResponse) -> AsyncGenerator[bytes, None]:
    return cast("AsyncGenerator[bytes, None]", response.body_iterator)


# --- readers --------------------------------------------------------------------------------------------


def settings(tmp_path: Path, **fields: int) -> Settings:
    return Settings(data_dir=tmp_path, **fields)  # type: ignore[arg-type]


def lines(count: int, size: int = 100_000) -> Blocks:
    for _ in range(count):
        yield b"x" * (size - 1) + b"\n"


def test_many_slow_readers_take_little_memory_and_no_connection(
    sqlite_store: Store, tmp_path: Path
):
    big(sqlite_store, 40, 30_000)

    async def read() -> tuple[int, int]:
        downloads = Downloads(settings(tmp_path))
        make = lambda: EXPORTS["triplets"](sqlite_store, DataFilter())  # noqa: E731
        before, _ = tracemalloc.get_traced_memory()
        bodies = []
        for _ in range(45):
            response = await downloads.send(make, "x.jsonl")
            bodies.append(body(response))
            await anext(bodies[-1])
        held, _ = tracemalloc.get_traced_memory()
        assert sqlite_store._reader.pool.checkedout() <= 2  # type: ignore[attr-defined]
        taken = [len(b"".join([piece async for piece in each])) for each in bodies]
        assert len(set(taken)) == 1
        downloads.close()
        return held - before, taken[0]

    tracemalloc.start()
    try:
        held, size = asyncio.run(read())
    finally:
        tracemalloc.stop()
    assert size > 5_000_000
    assert held < 45 * 300_000  # a piece each, and what the two makers have in hand


def test_a_download_is_whole_however_it_is_taken(tmp_path: Path):
    async def read() -> bytes:
        downloads = Downloads(settings(tmp_path))
        response = await downloads.send(lambda: lines(30), "x.jsonl")
        pieces = [piece async for piece in body(response)]
        assert max(map(len, pieces)) <= PIECE
        downloads.close()
        return b"".join(pieces)

    assert asyncio.run(read()) == b"".join(lines(30))
    assert list(tmp_path.iterdir()) == []


def test_a_reader_who_leaves_ends_the_making_and_makes_room(tmp_path: Path):
    made, closed = [], []

    def endless() -> Blocks:
        try:
            while True:
                made.append(1)
                yield b"x" * 1000
        finally:
            closed.append(True)

    async def leave() -> None:
        downloads = Downloads(settings(tmp_path, max_downloads=1))
        response = await downloads.send(endless, "x.jsonl")
        await anext(body(response))
        with pytest.raises(TooMany, match="1 downloads are open"):
            await downloads.send(lambda: lines(1), "x.jsonl")
        await body(response).aclose()
        again = await downloads.send(lambda: lines(1), "x.jsonl")
        assert len(b"".join([piece async for piece in body(again)])) == 100_000
        downloads.close()
        while not closed:
            await asyncio.sleep(0.01)

    asyncio.run(leave())
    assert made


def test_a_failure_before_the_first_block_is_told_and_a_later_one_breaks_off(tmp_path: Path):
    def fails(after: int) -> Blocks:
        yield from lines(after)
        raise OSError("the disk is gone")

    async def read() -> None:
        downloads = Downloads(settings(tmp_path))
        with pytest.raises(OSError, match="disk is gone"):
            await downloads.send(lambda: fails(0), "x.jsonl")
        response = await downloads.send(lambda: fails(2), "x.jsonl")
        with pytest.raises(OSError, match="disk is gone"):
            async for _ in body(response):
                pass
        downloads.close()

    asyncio.run(read())


# --- no room --------------------------------------------------------------------------------------------


def test_without_room_nothing_new_begins_and_signals_are_still_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    app = create_app(Settings(data_dir=tmp_path / "data", min_free_mb=500))
    client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    usage = SimpleNamespace(free=499_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    tries = [
        client.post("/api/comparisons", json={"text": "Lima?"}),
        client.post("/api/runs", json={"arm": Arm.RLHF.value}),
        client.get("/api/data/triplets.jsonl"),
        client.get("/api/me/data"),
    ]
    with app.state.store.writing() as connection:
        person = someone(connection)
        query, _ = asked(connection, person)
    cookie = {"cookie": f"rlhb_person={app.state.people.identities.cookie_for(person.id)}"}
    for answer in tries:
        assert answer.status_code == 507, answer.text
        assert "499 MB are free" in answer.json()["detail"]
        assert "RLHB_MIN_FREE_MB" in answer.json()["detail"]
    from rlhb_core.schema.record import now_ms

    vote = best(query, asked_response(app, query.id)).model_dump(mode="json")
    body = {"sent_ms": now_ms(), "signals": [vote]}
    assert client.post("/api/signals", json=body, headers=cookie).status_code == 200
    usage.free = 500_000_000
    assert client.get("/api/data/triplets.jsonl").status_code == 200
    with pytest.raises(NoRoom):
        data_folder.check_room(Settings(data_dir=tmp_path, min_free_mb=501))
    app.state.store.close()


def asked_response(app, query_id):
    from app.store import responses

    with app.state.store.reading() as connection:
        return responses.of_query(connection, query_id)[0]


def test_too_many_downloads_are_503_with_when_to_come_back(tmp_path: Path):
    app = create_app(Settings(data_dir=tmp_path / "data"))
    client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)

    async def full(*_: object) -> None:
        raise TooMany("all are taken")

    app.state.downloads.send = full
    answer = client.get("/api/data/triplets.jsonl")
    assert (answer.status_code, answer.json()["detail"]) == (503, "all are taken")
    assert int(answer.headers["retry-after"]) > 0
    assert client.get(f"/api/data/nothing-{uuid4()}.jsonl").status_code == 422
    app.state.store.close()
