"""People at a human pace, as a process of their own: some ask, read and vote through the page's own events, some look.

`python -m tests.bench.people` reads one JSON object from its standard input (see `Orders`) and prints what it measured.
It imports nothing heavy, for it shares the machine with the server. The requests are those that a browser was seen to
send: the page, then its events in Gradio (`page_events.py`), then signals, and after the vote a look at the comparison.
Files that a browser keeps are left out. Whoever still waits for an answer does not ask the next query, so a slow server
is asked less often: `asked` says how often.
"""

import asyncio
import json
import random
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

from tests.bench.page_events import Connection, Events, Refused, patched

SILENCE_S = 4.0
"""Without a snapshot for so long the page asks the API how things stand (`SILENCE_MS` in main.js)."""
PATIENCE_S = 60.0
"""So long after the end people wait for the answers they have asked for."""
PAGES = {
    "/": ("/api/me",),
    "/runs/": ("/api/runs", "/api/versions"),
    "/curves/": ("/api/runs",),
    "/data/": ("/api/data/summary",),
}
"""The pages, and where each has its data from."""


@dataclass
class Orders:
    """What the people are to do."""

    port: int
    cookies: list[str]
    """One for each person."""
    asking: bool
    """Ask and vote, or only look."""
    every_s: float
    """Between two queries of a person, or two looks."""
    signals_every_s: float
    ramp_s: float
    """People come one after the other for so long; what they do meanwhile is not counted."""
    seconds: float
    """So long is counted."""
    queries: list[str] = field(default_factory=list)


@dataclass
class Seen:
    """What the people measured, in seconds, and what went wrong, in words."""

    asked: int = 0
    voted: int = 0
    asking_s: list[float] = field(default_factory=list)
    """From pressing Ask to the first snapshot, which says that the query is stored."""
    first_text_s: list[float] = field(default_factory=list)
    """From pressing Ask to the first text of any answer."""
    complete_s: list[float] = field(default_factory=list)
    signals_s: list[float] = field(default_factory=list)
    looks_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    cpu_s: float = 0.0
    """What this process itself used."""


# --- people ---------------------------------------------------------------------------------------


class Person:
    """One person; `live` is what they do until the time is over."""

    def __init__(self, orders: Orders, cookie: str, begin: float, seen: Seen) -> None:
        self.orders, self.cookie, self.seen = orders, cookie, seen
        self.line = Connection(orders.port, cookie)
        self.idle: list[Connection] = []
        self.counted = begin + orders.ramp_s
        self.until = self.counted + orders.seconds

    async def live(self) -> None:
        """Come at some moment of the ramp and do what a person does."""
        await asyncio.sleep(random.uniform(0, self.orders.ramp_s))
        await (self._ask_and_vote() if self.orders.asking else self._look_around())

    async def guarded(self, doing: Coroutine[Any, Any, None]) -> None:
        """Whatever goes wrong is noted; the person goes on."""
        try:
            await doing
        except (Refused, OSError, EOFError, asyncio.IncompleteReadError, ValueError) as error:
            self.line.close()
            self.seen.errors.append(f"{type(error).__name__}: {error}")

    def note(self, found: list[float], began: float) -> None:
        """A time that counts unless it began before the counting or after."""
        if self.counted <= began < self.until:
            found.append(time.perf_counter() - began)

    # --- those who look

    async def _look_around(self) -> None:
        while (now := time.perf_counter()) < self.until:
            await self.guarded(self._look())
            await until(now + jittered(self.orders.every_s))

    async def _look(self) -> None:
        page = random.choice(list(PAGES))
        for path in random.choice([(page, "/api/me"), PAGES[page]]):
            began = time.perf_counter()
            await self.line.get(path)
            self.note(self.seen.looks_s, began)

    # --- those who ask

    async def _ask_and_vote(self) -> None:
        self.events: Events | None = None
        self.view: dict[str, Any] | None = None
        await self.guarded(self._open())
        signalling = asyncio.create_task(self._signal_regularly())
        voting: asyncio.Task[None] | None = None
        while self.events and (now := time.perf_counter()) < self.until:
            await self.guarded(self._ask(random.choice(self.orders.queries)))
            due = now + jittered(self.orders.every_s)
            if voting:
                await voting
            voting = asyncio.create_task(self._vote_in(random.uniform(3, 8)))
            await until(due)
        signalling.cancel()
        if voting:
            await voting

    async def _open(self) -> None:
        self.events = Events((await self.line.get("/")).decode())
        await self.line.get("/api/me")
        async for _ in self.events.follow(self.line, "restore", {"token": "r", "query_id": None}):
            pass
        self.opened_ms, self.page_id = now_ms(), str(uuid4())

    async def _ask(self, text: str) -> None:
        """Ask and follow to the end, looking through the API whenever the stream falls silent."""
        assert self.events is not None
        self.seen.asked += 1
        previous = self.view and self.view["query_id"]
        data = {"token": str(uuid4()), "text": text, "previous": previous}
        watch = _Watch(self, time.perf_counter())
        silence = asyncio.create_task(watch.fall_back())
        try:
            async with aclosing(self.events.follow(self.line, "ask", data)) as messages:
                async for message in messages:
                    await watch.receive(message)
        finally:
            silence.cancel()
        if not (self.view and self.view["complete"] and watch.first_text):
            raise Refused("the stream ended before the answers were complete")

    async def _vote_in(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self.view and time.perf_counter() < self.until:
            await self.guarded(self._vote(self.view))

    async def _vote(self, view: dict[str, Any]) -> None:
        best = random.choice(view["panels"])["response_id"]
        await self._send([self._signal("vote", None, choice="best", best=best, early=False)])
        await self.line_of_its_own(lambda line: line.get("/api/me"))
        path = f"/api/comparisons/{view['query_id']}"
        said = json.loads(await self.line_of_its_own(lambda line: line.get(path)))
        if not said["vote"]["choice"]:
            raise Refused("the vote is not there")
        self.seen.voted += 1

    async def _signal_regularly(self) -> None:
        due = time.perf_counter() + random.uniform(0, self.orders.signals_every_s)
        while True:
            await until(due)
            due = max(due, time.perf_counter() - 1) + jittered(self.orders.signals_every_s)
            if self.view:
                await self.guarded(self._send(self._reading(self.view)))

    def _reading(self, view: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            self._signal("dwell", panel["response_id"], ms=1000) for panel in view["panels"][:3]
        ]

    def _signal(self, kind: str, response_id: str | None, **payload: Any) -> dict[str, Any]:
        assert self.view is not None
        return {
            "id": str(uuid4()),
            "kind": kind,
            "query_id": self.view["query_id"],
            "response_id": response_id,
            "at_ms": now_ms(),
            "page_id": self.page_id,
            "page_opened_ms": self.opened_ms,
            "payload": payload,
        }

    async def _send(self, signals: list[dict[str, Any]]) -> None:
        began = time.perf_counter()
        batch = {"sent_ms": now_ms(), "signals": signals}
        await self.line_of_its_own(lambda line: line.post("/api/signals", batch))
        self.note(self.seen.signals_s, began)

    async def line_of_its_own(
        self, call: Callable[[Connection], Coroutine[Any, Any, bytes]]
    ) -> bytes:
        """A browser takes another connection while the first is in use."""
        line = self.idle.pop() if self.idle else Connection(self.orders.port, self.cookie)
        try:
            said = await call(line)
        except BaseException:
            line.close()
            raise
        self.idle.append(line)
        return said


class _Watch:
    """One query while it is answered."""

    def __init__(self, person: Person, began: float) -> None:
        self.person, self.began, self.heard = person, began, began
        self.value: Any = None
        self.first_text = False
        self.query_id: str | None = None

    async def receive(self, message: dict[str, Any]) -> None:
        """A snapshot, or what has changed since the last one."""
        self.heard = time.perf_counter()
        output = message["output"]["data"][0]
        self.value = output if isinstance(output, dict) else patched(self.value, output)
        if self.value["error"]:
            raise Refused(f"ask: {self.value['error']}")
        view = self.value["view"]
        if view and self.query_id is None:
            self.query_id = view["query_id"]
            self.person.view = view
            self.person.note(self.person.seen.asking_s, self.began)
            await self.person.line_of_its_own(lambda line: line.get("/api/me"))
        self.person.view = view
        self._timed(view, message["msg"] == "process_completed")

    def _timed(self, view: dict[str, Any], last: bool) -> None:
        if not self.first_text and any(panel["text"] for panel in view["panels"]):
            self.first_text = True
            self.person.note(self.person.seen.first_text_s, self.began)
        if not last:
            return
        self.person.note(self.person.seen.complete_s, self.began)
        for panel in view["panels"]:
            if panel["outcome"] not in ("ok", "cut"):
                raise Refused(f"an answer: {panel['outcome']} {panel['error']}")

    async def fall_back(self) -> None:
        """What the page does when the stream is silent."""
        while True:
            await asyncio.sleep(1)
            if time.perf_counter() - self.heard < SILENCE_S:
                continue
            self.heard = time.perf_counter()
            path = f"/api/comparisons/{self.query_id}" if self.query_id else "/api/health"
            await self.person.guarded(self._looked(path))

    async def _looked(self, path: str) -> None:
        said = json.loads(await self.person.line_of_its_own(lambda line: line.get(path)))
        if self.query_id:
            self._timed(said, False)


def now_ms() -> int:
    """The wall clock."""
    return int(time.time() * 1000)


def jittered(seconds: float) -> float:
    """Nobody is a clock."""
    return seconds * random.uniform(0.7, 1.3)


async def until(moment: float) -> None:
    """Wait until then."""
    await asyncio.sleep(max(0.0, moment - time.perf_counter()))


async def lives(orders: Orders) -> Seen:
    """All of them; whoever still waits for an answer when patience ends has met an error."""
    seen, begin = Seen(), time.perf_counter()
    people = [Person(orders, cookie, begin, seen) for cookie in orders.cookies]
    tasks = [asyncio.create_task(person.live()) for person in people]
    patience = orders.ramp_s + orders.seconds + PATIENCE_S
    done, waiting = await asyncio.wait(tasks, timeout=patience)
    for task in waiting:
        task.cancel()
    seen.errors += [f"no answer {PATIENCE_S:.0f} s after the end"] * len(waiting)
    seen.errors += [repr(error) for task in done if (error := task.exception())]
    await asyncio.gather(*waiting, return_exceptions=True)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seen.cpu_s = used.ru_utime + used.ru_stime
    return seen


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(lives(Orders(**json.load(sys.stdin)))))))
