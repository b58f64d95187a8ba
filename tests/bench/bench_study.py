"""A study as many people work through it: how soon the next item stands there, and whether targets are exact.

Ten people read for about three seconds each, with the embedded model writing their next items meanwhile: from the
acknowledged vote until the next item has come. Then fifty at once on 200 items, three answers each, a tenth repeated,
a twentieth whose best answer is known, the server killed twice, on SQLite and on Postgres.
"""

import tempfile
from pathlib import Path
from typing import Any

from app.store import Store
from tests.bench.run import row
from tests.conftest import running_postgres
from tests.desk import Outcome, crowd, fill
from tests.server import running_server

READERS, READ_S, TO_READ = 10, 3.0, 60
CROWD, ITEMS, OVERLAP = 50, 200, 3


def rows() -> list[dict[str, Any]]:
    """Measure all of it."""
    with tempfile.TemporaryDirectory() as folder:
        found = _next_item(Path(folder))
        found += _crowd(Path(folder) / "sqlite", f"sqlite:///{folder}/crowd.sqlite", "sqlite")
        with running_postgres() as server:
            found += _crowd(Path(folder) / "postgres", server.new_database(), "postgres")
    return found


def _next_item(folder: Path) -> list[dict[str, Any]]:
    url = f"sqlite:///{folder / 'next.sqlite'}"
    with running_server(
        folder / "next", url
    ) as server:  # the embedded versions are put into Compare by the first start
        server.settle()
        store = Store.open(url)
        study = fill(store, TO_READ, prepared=False, overlap=3)
        store.close()
        outcome = crowd(server, url, study, READERS, pause_s=READ_S)
    _sound(outcome)
    took = sorted(outcome.next_s)
    return [
        row("next_item_p95_ms", took[int(len(took) * 0.95)] * 1000, "ms"),
        row("next_item_still_being_written", outcome.incomplete / len(took), "share"),
    ]


def _crowd(folder: Path, url: str, name: str) -> list[dict[str, Any]]:
    store = Store.open(url)
    study = fill(store, ITEMS, overlap=OVERLAP, repeats=0.1, gold=0.05)
    store.close()
    with running_server(folder, url, models=False) as server:
        outcome = crowd(server, url, study, CROWD, kills=2)
    _sound(outcome)
    took = sorted(outcome.next_s)
    return [
        row(f"study_50_people_{name}_done", outcome.done, "items"),
        row(f"study_50_people_{name}_next_p95_ms", took[int(len(took) * 0.95)] * 1000, "ms"),
    ]


def _sound(outcome: Outcome) -> None:
    """Raise AssertionError if anything was lost, doubled or handed out too often."""
    assert outcome.errors == [], outcome.errors[:3]
    assert outcome.unsound == [], outcome.unsound
    assert (outcome.lost, outcome.doubled, outcome.inexact) == (0, 0, 0)
