"""Results of a large store: 200,000 answers, 66,000 votes of 1,333 people, a million signals. The slowest part counts.

Each part is reckoned in a process of its own, whose peak memory is its own.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.files import import_jsonl
from app.results import OF
from app.store import Store
from app.store.tables import RESPONSE, SIGNAL
from rlhb_core.schema.signals import SignalKind
from tests.bench.bench_export import triplets
from tests.bench.run import row

ANSWERS, SIGNALS = 200_000, 1_000_000
BLOCK = 20_000

READER = """
import json, resource, sys, time
from app.results import OF, Wanted
from app.store import DataFilter, Store
from rlhb_core.schema.records import Source
store = Store.open(sys.argv[1])
wanted = Wanted(data=DataFilter(sources=frozenset(Source)))
start = time.perf_counter()
OF[sys.argv[2]](store, wanted)
took = time.perf_counter() - start
print(json.dumps({"seconds": took, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def rows() -> list[dict[str, Any]]:
    """Seconds and memory of the slowest part, and of each."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'results.sqlite'}"
        store = Store.open(url)
        import_jsonl(store, triplets(ANSWERS))
        _fill(store)
        store.close()
        told = {part: _read(url, part) for part in OF}
    return [
        row("results_1m_s", max(each["seconds"] for each in told.values()), "s"),
        row("results_1m_mb", max(each["mb"] for each in told.values()), "MB"),
        *(row(f"results_1m_{part}_s", each["seconds"], "s") for part, each in told.items()),
    ]


def _read(url: str, part: str) -> dict[str, float]:
    ran = subprocess.run(
        [sys.executable, "-c", READER, url, part], capture_output=True, text=True, check=True
    )
    told: dict[str, float] = json.loads(ran.stdout)
    return told


def _fill(store: Store) -> None:
    """Five signals for each answer, one of them a vote; nothing is summarised from them."""
    with store.reading() as connection:
        columns = (RESPONSE.c.id, RESPONSE.c.query_id, RESPONSE.c.created_ms)
        answers = connection.execute(sa.select(*columns).order_by(RESPONSE.c.id)).all()
        person = connection.execute(sa.text("SELECT id FROM person LIMIT 1")).scalar_one()
    whose = UUID(str(person))
    block: list[dict[str, Any]] = []
    for signal in _signals(answers, whose):
        block.append(signal)
        if len(block) == BLOCK:
            _write(store, block)
            block = []
    _write(store, block)


def _signals(answers: Any, person: UUID) -> Iterator[dict[str, Any]]:
    for number in range(SIGNALS):
        response_id, query_id, at_ms = answers[number % len(answers)]
        is_vote = number < len(answers)
        kind = SignalKind.VOTE if is_vote else SignalKind.DWELL
        yield {
            "id": UUID(int=2**110 + number), "kind": kind, "person_id": person, "query_id": query_id,
            "response_id": None if is_vote else response_id, "at_ms": at_ms + 1_000, "page_id": person,
            "page_opened_ms": at_ms, "received_ms": at_ms + 1_000, "unblinded": False,
            "payload": {"choice": "best", "best": str(response_id), "early": False}
            if is_vote else {"visible_ms": 1_000},
        }  # fmt: skip


def _write(store: Store, block: list[dict[str, Any]]) -> None:
    if block:
        with store.writing() as connection:
            connection.execute(sa.insert(SIGNAL), block)
