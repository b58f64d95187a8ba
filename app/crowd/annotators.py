"""Simulated annotators at work: they put queries, read the answers, react and vote, as people do on the page.

Each is a person of the server's HTTP API like any other (`reaching.py` tells how it is reached), except that they say
beforehand that they are simulated; so everything is stored as `source = simulated`. They keep the rules of the page:
answers that are the same are read once, those that cannot win are not chosen, and nobody asks two things at once. Their
clock is simulated too: the time that they spend reading is taken to have passed just before their signals are sent.
Does not know what they like: that is `rlhb_core.world.annotators`.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import numpy as np

from app.crowd.reaching import Browser, Reached
from rlhb_core import world
from rlhb_core.errors import RlhbError
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.record import now_ms
from rlhb_core.schema.records import Outcome
from rlhb_core.schema.signals import Signal, SignalKind
from rlhb_core.world import annotators
from rlhb_core.world.annotators import Annotator

AT_ONCE = 16
"""Most comparisons whose answers are being written at the same time."""
ASIDE_MS = 1_500
"""Simulated time around the reading of a comparison."""
ACT_MS = 200
"""Simulated time that any act but reading takes, so that the order of acts can be told from their times."""
USUAL_S = 0.5
"""How long answers are taken to be written before it is known; learnt as a round goes on."""
FIRST_LOOK, NEXT_LOOK = 0.75, 0.15
"""Pauses before the looks at a comparison, as parts of that time:
a look costs the server time that it could write in.
"""
TOO_LATE, SHORTEST_S = 0.8, 0.02
"""By what that time is shortened where the first look came after the end, and down to what."""
CHECK_EVERY = 100
"""Queries after which to look again whether what is served can be judged."""

Progress = Callable[[int, int], None]
"""Called with (comparisons done, all)."""


@dataclass(frozen=True)
class Collected:
    """What a round of collecting brought."""

    queries: int
    responses: int
    signals: int
    votes: int


@dataclass(frozen=True)
class Visitor:
    """A simulated person at their browser."""

    annotator: Annotator
    browser: Browser


@dataclass(frozen=True)
class Visit:
    """A comparison that somebody has asked for; `again` if it puts a query in other words that disappointed them."""

    visitor: Visitor
    query: str
    query_id: UUID
    again: bool = False


@dataclass(frozen=True)
class Shown:
    """An answer on the page, where it stands, and whether it may be chosen."""

    id: UUID
    position: int
    text: str
    outcome: Outcome
    can_win: bool


async def collect(
    reached: Reached,
    count: int,
    size: int = 20,
    seed: int = 0,
    population: int = 0,
    progress: Progress = lambda done, total: None,
) -> Collected:
    """Let `size` simulated people put `count` queries to what is served now.

    Facts that the world holds out are never asked, so that they stay fit for evaluation. The same `population` gives
    the same people, the same `seed` the same queries by the same people; answers are drawn by the server as for
    anybody. Raises RlhbError if what is served is nothing that they can judge, or if the server refuses or fails them.
    """
    await check_served(reached)
    rng = np.random.default_rng(seed)
    texts = world.sample_queries(rng, count, held_out=False)
    asks = list(zip(rng.integers(size, size=count).tolist(), texts, strict=True))
    people = annotators.population(population, size)
    crowd = [Visitor(each, await reached.introduce(each.name)) for each in people]
    round_ = _Round(reached, crowd, asks, seed, progress)
    refusals: list[Exception] = []
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, size)):
                group.create_task(round_.work())
    except* RlhbError as errors:
        refusals += errors.exceptions  # raised in here, it would come as a group again
    if refusals:
        raise refusals[0]
    return round_.found()


async def check_served(reached: Reached) -> None:
    """Raise RlhbError unless all that is served stands on the embedded model: only that can simulated people judge."""
    listed = (await reached.request("GET", "/api/versions"))["versions"]
    served = [version for version in listed if version["served"]]
    if not served:
        raise RlhbError("no model version is in Compare; choose some on the Runs page first")
    others = [version["name"] for version in served if not version["embedded"]]
    if others:
        raise RlhbError(
            "simulated annotators can judge the embedded model only; take what stands on another model out of Compare "
            f"first (Runs page): {', '.join(others)}"
        )


class _Round:
    """One round of collecting: what is still to be asked, and what has come of it."""

    def __init__(
        self,
        reached: Reached,
        crowd: list[Visitor],
        asks: Iterable[tuple[int, str]],
        seed: int,
        progress: Progress,
    ) -> None:
        self.reached = reached
        self.waiting = [(crowd[who], text, number) for number, (who, text) in enumerate(asks)]
        self.total = len(self.waiting)
        self.seed = seed
        self.progress = progress
        self.busy: set[str] = set()
        self.usual_s = USUAL_S
        self.asked = self.done = self.responses = self.signals = self.votes = 0

    def found(self) -> Collected:
        """What has come of it so far."""
        return Collected(self.done, self.responses, self.signals, self.votes)

    async def work(self) -> None:
        """Have one person after another ask, as long as there is somebody with a question and nothing else to do."""
        while self.asked < self.total and (ask := self._next()) is not None:
            visitor, text, number = ask
            self.busy.add(visitor.annotator.name)
            await self._sit_down(visitor, text, np.random.default_rng([self.seed, number]))
            self.busy.discard(visitor.annotator.name)

    def _next(self) -> tuple[Visitor, str, int] | None:
        """The first question of somebody who is free. Those of busy people are taken up by whoever serves them."""
        for place, (visitor, _, _) in enumerate(self.waiting):
            if visitor.annotator.name not in self.busy:
                return self.waiting.pop(place)
        return None

    async def _sit_down(self, visitor: Visitor, text: str, rng: np.random.Generator) -> None:
        """A person asks, reads, reacts and votes; and once more in other words if the answers disappoint them."""
        visit: Visit | None = await self._ask(visitor, text)
        while visit is not None:
            visit = await self._attend(visit, rng)

    async def _ask(self, visitor: Visitor, text: str, after: UUID | None = None) -> Visit:
        self.asked += 1
        if self.asked % CHECK_EVERY == 0:
            await check_served(self.reached)
        asked = await visitor.browser.request(
            "POST", "/api/comparisons", {"text": text, "previous": after and str(after)}
        )
        return Visit(visitor, text, UUID(asked["query_id"]), again=after is not None)

    async def _attend(self, visit: Visit, rng: np.random.Generator) -> Visit | None:
        """Read, react and vote. Returns the query in other words, which was asked before voting, names unseen."""
        answers = await self._read(visit)
        acts = _reactions(visit, answers, rng)
        rephrased = _rephrased(visit, answers, rng)
        again = None
        if rephrased is not None and self.asked < self.total:
            again = await self._ask(visit.visitor, rephrased, after=visit.query_id)
            acts.append((None, "reformulate", {"to_query": str(again.query_id)}))
        vote = _vote(visit, answers, rng)
        acts += [] if vote is None else [(None, "vote", vote)]
        await self._send(visit, _signals(visit.query_id, acts))
        self.votes += vote is not None
        self.done += 1
        self.progress(self.done, self.total)
        return again

    async def _read(self, visit: Visit) -> list[Shown]:
        """The answers once all are written, each different one once."""
        began, looks = time.monotonic(), 0
        pause = FIRST_LOOK * self.usual_s
        while True:
            await asyncio.sleep(pause)
            view = await visit.visitor.browser.request("GET", f"/api/comparisons/{visit.query_id}")
            if view["complete"]:
                break
            looks += 1
            pause = NEXT_LOOK * self.usual_s
            if view.get("loading"):  # tells nothing of how long writing takes
                began = time.monotonic()
        if looks:
            self.usual_s += 0.1 * (time.monotonic() - began - self.usual_s)
        else:
            self.usual_s = max(TOO_LATE * self.usual_s, SHORTEST_S)
        self.responses += len(view["panels"])
        return [
            _shown(position, panel)
            for position, panel in enumerate(view["panels"])
            if panel["same_as"] is None
        ]

    async def _send(self, visit: Visit, signals: list[Signal]) -> None:
        """Send a person's signals as their browser would."""
        batch = {"sent_ms": now_ms(), "signals": [s.model_dump(mode="json") for s in signals]}
        await visit.visitor.browser.request("POST", "/api/signals", batch)
        self.signals += len(signals)


def _shown(position: int, panel: dict[str, Any]) -> Shown:
    return Shown(
        id=UUID(panel["response_id"]),
        position=position,
        text=panel["text"],
        outcome=Outcome(panel["outcome"]),
        can_win=panel["can_win"],
    )


Act = tuple[UUID | None, str, dict[str, Any]]
"""What somebody did: response (None: the query as a whole), kind and payload of the signal."""


def _reactions(visit: Visit, answers: Iterable[Shown], rng: np.random.Generator) -> list[Act]:
    """What the person does with each answer that came."""
    return [
        (answer.id, kind, payload)
        for answer in answers
        if answer.outcome is not Outcome.ERROR
        for kind, payload in visit.visitor.annotator.react(
            visit.query, answer.text, rng, answer.position
        )
    ]


def _rephrased(visit: Visit, answers: Iterable[Shown], rng: np.random.Generator) -> str | None:
    """The same question in other words, if the person wants to ask again; once is enough."""
    fact = world.find_fact(visit.query)
    texts = [answer.text for answer in answers]
    if visit.again or fact is None:
        return None
    if not visit.visitor.annotator.asks_again(visit.query, texts, rng):
        return None
    wordings = [each for each in world.phrasings(fact) if each != visit.query]
    return wordings[int(rng.integers(len(wordings)))]


def _vote(
    visit: Visit, answers: Iterable[Shown], rng: np.random.Generator
) -> dict[str, Any] | None:
    """The person's choice among the answers that may be chosen; None if there is none."""
    among = [answer for answer in answers if answer.can_win]
    if not among:
        return None
    choice = visit.visitor.annotator.vote(visit.query, [answer.text for answer in among], rng)
    if isinstance(choice, str):
        return {"choice": choice}
    return {"choice": VoteChoice.BEST.value, "best": str(among[choice].id)}


def _signals(query_id: UUID, acts: Iterable[Act]) -> list[Signal]:
    """The acts as signals of a page that was open for as long as they took, until now."""
    acts = list(acts)
    took = [payload["ms"] if kind == "dwell" else ACT_MS for _, kind, payload in acts]
    page, opened = uuid4(), now_ms() - sum(took) - ASIDE_MS
    clock, signals = opened, []
    for (response_id, kind, payload), ms in zip(acts, took, strict=True):
        clock += ms
        signals.append(
            Signal(
                kind=SignalKind(kind),
                query_id=query_id,
                response_id=response_id,
                at_ms=clock,
                page_id=page,
                page_opened_ms=opened,
                payload=payload,
            )
        )
    return signals
