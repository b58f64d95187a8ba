"""Many people at once on a study, while its server is killed: the one scenario of test and benchmark.

Each person is a thread that goes on to the next item, votes, and tries again whatever breaks off, under the same ids.
The answers come with the items, so no model is needed; or, with `prepared=False`, the versions in Compare write them.
"""

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import numpy as np

from app.store import (
    Assignment,
    AssignmentState,
    Item,
    NewItem,
    Plan,
    Prepared,
    Purpose,
    Store,
    Study,
    StudyStatus,
    assignments,
    items,
    signals,
    studies,
    verify,
    versions,
)
from rlhb_core.schema.record import now_ms
from rlhb_core.world import sample_queries
from tests.server import ServerProcess

JSON = {"Content-Type": "application/json"}
PAUSE_S = 0.05
"""Between two tries at a server that is not there, and two looks for more to do."""


@dataclass
class Outcome:
    """What came of it."""

    errors: list[str] = field(default_factory=list)
    """What people were told that they should not be."""
    lost: int = 0
    """Acknowledged votes that are not stored."""
    doubled: int = 0
    """Items that somebody was given twice for the same time."""
    inexact: int = 0
    """Items that got more or fewer answers that count than they should."""
    unsound: list[str] = field(default_factory=list)
    done: int = 0
    repeats: int = 0
    gold: int = 0
    next_s: list[float] = field(default_factory=list)
    """From the acknowledged vote until the next item had come whole."""
    incomplete: int = 0
    """Items that had come, but were still being written."""


def fill(store: Store, count: int, prepared: bool = True, **plan: Any) -> Study:
    """An open study of so many items, and a tenth as many whose best answer is known."""
    texts = sample_queries(np.random.default_rng(5), count * 2, clean=True)
    texts = list(dict.fromkeys(texts))[:count]
    texts += [f"{text} Say it once more." for text in texts[: count - len(texts)]]
    with store.writing() as connection:
        study = studies.add(
            connection, Study(name="Crowded", status=StudyStatus.OPEN, plan=Plan(**plan))
        )
        names = [versions.known_as(connection, name) for name in ("one", "two", "three")]
        new = []
        for number in range(count + count // 10):
            is_gold = number >= count
            text = f"Known {number}?" if is_gold else texts[number]
            item = Item(study_id=study.id, number=0, text=text, gold=0 if is_gold else None)
            came = [
                Prepared(
                    item_id=item.id, version_id=each, came_with_item=True, text=f"{text} {place}"
                )
                for place, each in enumerate(names)
            ]
            new.append(NewItem(item, came if prepared or is_gold else []))
        items.add(connection, new)
    return study


class Annotator(threading.Thread):
    """One person who works through a study until it is over."""

    def __init__(self, server: ServerProcess, study: Study, person: UUID, pause_s: float) -> None:
        super().__init__(daemon=True)
        self.server, self.study, self.person, self.pause_s = server, study, person, pause_s
        self.rng = random.Random(person.int)
        self.over = threading.Event()
        self.headers = JSON | {"Cookie": server.cookie(person)}
        self.page, self.opened = str(uuid4()), now_ms() - 60_000
        self.acknowledged: list[UUID] = []
        self.errors: list[str] = []
        self.next_s: list[float] = []
        self.incomplete = 0
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        """Go on to the next item and vote, until there is nothing left and it is over."""
        voted = None
        while not self.over.is_set():
            task = self._asked("POST", f"/api/studies/{self.study.id}/next", {})
            if task is None or task["query_id"] is None:
                voted = None
                self.over.wait(PAUSE_S)
                continue
            if voted is not None:
                self.next_s.append(time.perf_counter() - voted)
                self.incomplete += not task["view"]["complete"]
            self.over.wait(self.pause_s * (0.5 + self.rng.random()))
            voted = self._vote(task)
        self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _vote(self, task: dict[str, Any]) -> float | None:
        panels = [panel for panel in task["view"]["panels"] if panel["same_as"] is None]
        signal = {
            "id": str(uuid4()),
            "kind": "vote",
            "query_id": task["query_id"],
            "at_ms": now_ms(),
            "page_id": self.page,
            "page_opened_ms": self.opened,
            "payload": {"choice": "best", "best": self.rng.choice(panels)["response_id"]},
        }
        if self._asked("POST", "/api/signals", {"sent_ms": now_ms(), "signals": [signal]}) is None:
            return None
        self.acknowledged.append(UUID(str(signal["id"])))
        return time.perf_counter()

    def _asked(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """The answer, however often one has to ask; None once it is over, or if it was refused for good."""
        while not self.over.is_set():
            try:
                self._connection = self._connection or self.server.connection()
                self._connection.request(method, path, json.dumps(body).encode(), self.headers)
                answer = self._connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException):
                self._hang_up()
                self.over.wait(PAUSE_S)
                continue
            if answer.status == 200:
                told: dict[str, Any] = json.loads(content)
                return told
            if answer.status < 500:
                self.errors.append(f"{answer.status}: {content[:200]!r}")
                return None
            self.over.wait(PAUSE_S)
        return None


def crowd(
    server: ServerProcess,
    url: str,
    study: Study,
    count: int,
    kills: int = 0,
    pause_s: float = 0.0,
    most_s: float = 600.0,
) -> Outcome:
    """Have so many people work through a study until all is answered; the server is killed so often meanwhile.

    `server` runs on the database at `url`, which is opened here once the server is gone for good.
    """
    annotators = [Annotator(server, study, uuid4(), pause_s) for _ in range(count)]
    for each in annotators:
        each.start()
    left = kills
    until = time.monotonic() + most_s
    while time.monotonic() < until:
        answers, target = _how_far(server, study)
        if answers >= target:
            break
        if left and answers >= target * (kills - left + 1) / (kills + 1):
            left -= 1
            server.kill()
            server.start()
        time.sleep(PAUSE_S)
    for each in annotators:
        each.over.set()
    for each in annotators:
        each.join()
    server.kill()
    return _settled(url, study, annotators)


def _how_far(server: ServerProcess, study: Study) -> tuple[int, int]:
    status, content = server.request("GET", f"/api/studies/{study.id}")
    assert status == 200, content
    share = json.loads(content)["share"]
    return share["answers"], share["target"]


def _settled(url: str, study: Study, annotators: Sequence[Annotator]) -> Outcome:
    """What the database says of it."""
    store = Store.open(url)
    outcome = Outcome(unsound=[str(problem) for problem in verify(store)])
    given: list[Assignment] = []
    with store.reading() as connection:
        for each in annotators:
            outcome.errors += each.errors
            outcome.next_s += each.next_s
            outcome.incomplete += each.incomplete
            known = signals.known_ids(connection, each.acknowledged)
            outcome.lost += len(set(each.acknowledged) - known)
            given += assignments.of_person(connection, study.id, each.person)
        plain = {
            item.id: 0
            for item in items.of_study(connection, study.id, limit=100_000)
            if item.gold is None
        }
    store.close()
    times = Counter((each.item_id, each.person_id, each.again) for each in given)
    outcome.doubled = sum(number > 1 for number in times.values())
    counted = Counter(each.item_id for each in given if each.counted)
    outcome.inexact = sum(counted[item] != study.plan.overlap for item in plain)
    done = [each for each in given if each.state is AssignmentState.DONE]
    outcome.done = len(done)
    outcome.repeats = sum(each.purpose is Purpose.REPEAT for each in done)
    outcome.gold = sum(each.purpose is Purpose.GOLD for each in done)
    return outcome
