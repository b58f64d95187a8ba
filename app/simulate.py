"""Simulated annotators at work: they put queries, read three answers, react and vote, as people do on the page.

Answers come from the served versions through the same serving, draws and store as a person's; signals go through
`POST /api/signals` of the app itself. Everything is stored as `source = simulated`. Their clock is simulated too: the
time that they spend reading is taken to have passed just before their signals are sent.
Does not know what they like: that is `rlhb_core.annotators`.
"""

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

import httpx
import numpy as np
from fastapi import FastAPI

from app.comparison import Drawn, draw
from app.identity import COOKIE
from app.serving import Job
from app.store import people, queries, responses, versions
from rlhb_core import annotators, world
from rlhb_core.annotators import Annotator
from rlhb_core.answers import can_win
from rlhb_core.errors import RlhbError
from rlhb_core.records import (
    Outcome,
    Person,
    Query,
    Response,
    Signal,
    SignalKind,
    Source,
    VoteChoice,
    now_ms,
)

AT_ONCE = 16
"""Comparisons whose answers are written together."""
ASIDE_MS = 1_500
"""Simulated time around the reading of a comparison."""

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
class Visit:
    """One person, about to ask one thing; `again` is the query that disappointed them."""

    person: UUID
    annotator: Annotator
    text: str
    again: UUID | None = None


@dataclass(frozen=True)
class Answered:
    """A comparison as it stands on the simulated page."""

    visit: Visit
    query: Query
    responses: Sequence[Response]


async def collect(
    app: FastAPI,
    count: int,
    size: int = 20,
    seed: int = 0,
    population: int = 0,
    progress: Progress = lambda done, total: None,
) -> Collected:
    """Let `size` simulated people put `count` queries to what is served now.

    Facts that the world holds out are never asked, so that they stay fit for evaluation. The same `population` gives
    the same people, the same `seed` the same queries; answers are sampled by the served models as for anybody.
    """
    rng = np.random.default_rng(seed)
    crowd = _crowd(app, population, size)
    texts = world.sample_queries(rng, count, held_out=False)
    fresh = deque(
        Visit(*crowd[int(index)], text)
        for index, text in zip(rng.integers(size, size=count), texts, strict=True)
    )
    total, votes, acts, answers = 0, 0, 0, 0
    again: deque[Visit] = deque()
    draws = random.Random(seed)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        while total < count:
            batch = [
                (again or fresh).popleft()
                for _ in range(min(AT_ONCE, count - total, len(again) + len(fresh)))
            ]
            for answered in await _answer(app, batch, draws):
                signals = _behave(answered, rng)
                await _send(app, client, answered.visit.person, signals)
                votes += sum(signal.kind is SignalKind.VOTE for signal in signals)
                acts += len(signals)
                answers += len(answered.responses)
                if rephrased := _disappointed(answered, rng):
                    again.append(rephrased)
            total += len(batch)
            progress(total, count)
    return Collected(queries=total, responses=answers, signals=acts, votes=votes)


def _crowd(app: FastAPI, population: int, size: int) -> list[tuple[UUID, Annotator]]:
    """The first people of a population, known to the store as simulated."""
    crowd = []
    with app.state.store.session() as session:
        for annotator in annotators.population(population, size):
            person_id = uuid5(NAMESPACE_OID, annotator.name)
            people.ensure(
                session,
                Person(id=person_id, display_name=annotator.name, source=Source.SIMULATED),
            )
            crowd.append((person_id, annotator))
    return crowd


async def _answer(app: FastAPI, visits: Sequence[Visit], draws: random.Random) -> list[Answered]:
    """Draw versions for each visit and have all answers written together."""
    settings = app.state.settings
    with app.state.store.reading() as session:
        served = versions.served(session)
    drawn: list[tuple[int, int, Drawn]] = [
        (number, position, each)
        for number in range(len(visits))
        for position, each in enumerate(draw(served, draws))
    ]
    jobs = [
        Job(each.version, visits[number].text, settings.temperature, settings.max_new_tokens)
        for number, _, each in drawn
    ]
    texts = [""] * len(jobs)
    ends: dict[int, Any] = {}
    async for chunk in app.state.serving.stream(jobs):
        texts[chunk.job] += chunk.text
        if chunk.end is not None:
            ends[chunk.job] = chunk.end
    asked = [
        Query(person_id=visit.person, text=visit.text, source=Source.SIMULATED) for visit in visits
    ]
    answers: list[list[Response]] = [[] for _ in visits]
    for job, (number, position, each) in enumerate(drawn):
        answers[number].append(
            Response(
                query_id=asked[number].id,
                version_id=each.version.id,
                position=position,
                draw_probability=each.probability,
                condition=each.version.condition,
                temperature=settings.temperature,
                text=texts[job].strip(),
                outcome=ends[job].outcome,
                error=ends[job].error,
            )
        )
    with app.state.store.session() as session:
        for query, found in zip(asked, answers, strict=True):
            queries.add(session, query)
            for response in found:
                responses.add(session, response)
    return [
        Answered(visit, query, found)
        for visit, query, found in zip(visits, asked, answers, strict=True)
    ]


def _behave(answered: Answered, rng: np.random.Generator) -> list[Signal]:
    """The signals of one person about one comparison, in order, ending with the vote."""
    visit, query = answered.visit, answered.query
    acts: list[tuple[UUID | None, str, dict[str, Any]]] = []
    if visit.again is not None:
        acts.append((None, "reformulate", {"to_query": str(query.id)}))
    for response in answered.responses:
        if response.outcome is not Outcome.ERROR:
            acts += [
                (response.id, kind, payload)
                for kind, payload in visit.annotator.react(
                    query.text, response.text, rng, response.position
                )
            ]
    choice = visit.annotator.vote(query.text, [r.text for r in answered.responses], rng)
    vote: dict[str, Any] = {"choice": choice}
    if not isinstance(choice, str):
        best = answered.responses[choice]
        vote = {"choice": VoteChoice.ALL_BAD.value}
        if can_win(best.outcome, best.text):
            vote = {"choice": VoteChoice.BEST.value, "best": str(best.id)}
    acts.append((None, "vote", vote))
    spent = sum(payload["ms"] for _, kind, payload in acts if kind == "dwell")
    sent = now_ms()
    opened = sent - spent - ASIDE_MS
    page, clock, signals = uuid4(), opened, []
    for response_id, kind, payload in acts:
        clock += payload["ms"] if kind == "dwell" else 0
        about = query.id if kind != "reformulate" or visit.again is None else visit.again
        signals.append(
            Signal(
                kind=SignalKind(kind),
                query_id=about,
                response_id=response_id,
                at_ms=clock,
                page_id=page,
                page_opened_ms=opened,
                payload=payload,
            )
        )
    return signals


def _disappointed(answered: Answered, rng: np.random.Generator) -> Visit | None:
    """The same question in other words, if the person asks again."""
    visit = answered.visit
    texts = [response.text for response in answered.responses]
    fact = world.find_fact(visit.text)
    if (
        visit.again is not None
        or fact is None
        or not visit.annotator.asks_again(visit.text, texts, rng)
    ):
        return None
    wordings = [each for each in world.phrasings(fact) if each != visit.text]
    text = wordings[int(rng.integers(len(wordings)))]
    return Visit(visit.person, visit.annotator, text, again=answered.query.id)


async def _send(
    app: FastAPI, client: httpx.AsyncClient, person: UUID, signals: Sequence[Signal]
) -> None:
    """Send a person's signals as their browser would."""
    reply = await client.post(
        "/api/signals",
        json={"sent_ms": now_ms(), "signals": [s.model_dump(mode="json") for s in signals]},
        headers={"cookie": f"{COOKIE}={app.state.identities.cookie_for(person)}"},
    )
    if reply.status_code != 200:
        raise RlhbError(f"a simulated annotator's signals were refused: {reply.text[:300]}")
