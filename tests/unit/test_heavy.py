"""Many who want what takes long keep nobody from what is quick."""

import asyncio
import threading
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from app.comparing import ThreadView
from app.doors.heavy import AT_ONCE, MOST_WAITING, Heavy, TooBusy
from app.main import create_app
from app.settings import Settings
from app.store import Store, behaviors

THREADS = 40
"""Those in which requests are answered."""


def test_a_few_at_a_time_and_not_too_many_in_line() -> None:
    go_on, at_once, most = threading.Event(), 0, 0
    counting = threading.Lock()

    def work() -> int:
        nonlocal at_once, most
        with counting:
            at_once += 1
            most = max(most, at_once)
        go_on.wait(10)
        with counting:
            at_once -= 1
        return 7

    async def all_of_it() -> list[int]:
        heavy = Heavy()
        tasks = [asyncio.create_task(heavy.do(work)) for _ in range(AT_ONCE + MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(TooBusy, match="try again"):
            await heavy.do(work)
        while at_once < AT_ONCE:
            await asyncio.sleep(0.01)
        go_on.set()
        done = await asyncio.gather(*tasks)
        return [*done, await heavy.do(work)]

    assert set(asyncio.run(all_of_it())) == {7}
    assert most == AT_ONCE


def test_while_many_count_health_answers_and_signals_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(store: Store) -> int:
        go_on.wait(30)
        return 0

    async def all_of_it() -> list[int]:
        app = create_app(Settings(data_dir=tmp_path))
        monkeypatch.setattr(behaviors, "refresh", slow)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as browser:
            many = [
                asyncio.create_task(browser.post("/api/runs/plan", json={"arm": "rlhf"}))
                for _ in range(2 * THREADS)
            ]
            while sum(each.done() for each in many) < 2 * THREADS - AT_ONCE - MOST_WAITING:
                await asyncio.sleep(0)
            assert {each.result().status_code for each in many if each.done()} == {503}
            health = await asyncio.wait_for(browser.get("/api/health"), 10)
            batch = {"sent_ms": 0, "signals": []}
            signals = await asyncio.wait_for(browser.post("/api/signals", json=batch), 10)
            go_on.set()
            ended = await asyncio.gather(*many)
        assert {each.status_code for each in ended} == {200, 503}
        return [health.status_code, signals.status_code]

    assert asyncio.run(all_of_it()) == [200, 200]


def test_whoever_asks_for_one_thread_over_and_over_keeps_no_turn_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, begun = threading.Event(), threading.Event()

    def slow(*_: object) -> ThreadView:
        begun.set()
        go_on.wait(30)
        return ThreadView(turns=[])

    async def all_of_it() -> list[int]:
        app = create_app(Settings(data_dir=tmp_path))
        monkeypatch.setattr(app.state.comparing, "thread", slow)
        transport = httpx.ASGITransport(app)
        address = f"/api/comparisons/{uuid4()}/thread"
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as mine,
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as another,
        ):
            for browser in (mine, another):
                await browser.get("/api/me")  # where each is given who they are
            first = asyncio.create_task(mine.get(address))
            await asyncio.to_thread(begun.wait, 30)
            second = await asyncio.wait_for(mine.get(address), 10)
            others = asyncio.create_task(another.get(address))
            await asyncio.sleep(0)
            go_on.set()
            return [each.status_code for each in (await first, second, await others)]

    assert asyncio.run(all_of_it()) == [200, 503, 200]


def test_what_many_want_is_made_once_and_kept_in_proportion_to_what_it_takes() -> None:
    go_on, made = threading.Event(), 0

    def work(what: str) -> str:
        nonlocal made
        made += 1
        go_on.wait(10)
        return f"{what} {made}"

    async def all_of_it() -> list[str]:
        heavy = Heavy()
        together = [asyncio.create_task(heavy.shared(work, "count")) for _ in range(5)]
        await asyncio.sleep(0.2)
        go_on.set()
        found = await asyncio.gather(*together)
        return [*found, await heavy.shared(work, "count"), await heavy.do(work, "anew")]

    assert asyncio.run(all_of_it()) == ["count 1"] * 6 + ["anew 2"]


def test_a_failure_is_told_to_all_who_wait_and_is_not_kept() -> None:
    tries = 0

    def work() -> int:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise TooBusy("try again")
        return tries

    async def all_of_it() -> int:
        heavy = Heavy()
        failed = await asyncio.gather(
            *(heavy.shared(work) for _ in range(3)), return_exceptions=True
        )
        assert [str(each) for each in failed] == ["try again"] * 3
        return await heavy.shared(work)

    assert asyncio.run(all_of_it()) == 2
