"""Many people at once on a study whose server is killed meanwhile: nothing is lost, doubled or given out too often."""

from pathlib import Path

import pytest

from app.store import Store
from tests.desk import crowd, fill
from tests.server import running_server

PEOPLE, ITEMS, OVERLAP = 8, 16, 3


@pytest.mark.timeout(400)
def test_targets_are_exact_whatever_happens(database_url: str, tmp_path: Path) -> None:
    """`make bench` does the same with fifty people and 200 items."""
    store = Store.open(database_url)
    study = fill(store, ITEMS, overlap=OVERLAP, repeats=0.1, gold=0.05)
    store.close()
    with running_server(tmp_path / "data", database_url, models=False) as server:
        outcome = crowd(server, database_url, study, PEOPLE, kills=2)
    assert outcome.errors == []
    assert outcome.unsound == []
    assert (outcome.lost, outcome.doubled, outcome.inexact) == (0, 0, 0)
    assert outcome.done >= ITEMS * OVERLAP
    assert outcome.repeats <= PEOPLE + 0.1 * outcome.done
    assert outcome.gold <= PEOPLE + 0.05 * outcome.done
    assert outcome.incomplete == 0
