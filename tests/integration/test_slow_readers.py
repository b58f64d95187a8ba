"""Slow readers of a large export cost the server little memory and hold nobody up. `make bench` does it in full."""

from pathlib import Path

import pytest

from app.files import import_jsonl
from app.store import Store
from tests.bench.bench_export import triplets
from tests.server import running_server
from tests.slow_readers import cost_of

READERS = 45


@pytest.mark.timeout(300)
def test_slow_readers_take_little_memory_and_hold_nobody_up(tmp_path: Path):
    store = Store.open(f"sqlite:///{tmp_path / 'rlhb.sqlite'}")
    assert import_jsonl(store, triplets(6_000)).imported == 6_000
    store.close()
    with running_server(tmp_path, models=False) as server:
        server.settle(30)
        found = cost_of(server, READERS, 15, "/api/data/triplets.jsonl?source=simulated")
    assert found.broken == 0
    assert found.more_mb < 150  # 45 times 6.4 MB would be 290
    assert found.slowest_look_s < 10
