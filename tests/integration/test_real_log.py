"""A real log of people reading model answers (IFLLM), imported through the product's own mapping.

The data lies beside a development checkout and is no part of the project; without it these tests say so and skip.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from app.files import DataFilter, comparison_lines, import_file, triplet_lines
from app.store import Store, people, summary, verify
from app.store.tables import BEHAVIOR, QUERY, RESPONSE
from rlhb_core.schema.records import Source

HERE = Path(__file__).parents[2]
LOG = HERE.parent / "shared" / "data" / "ifllm"
IMPORTED = DataFilter(sources=frozenset({Source.IMPORTED}))
pytestmark = pytest.mark.skipif(
    not (LOG / "query_logs_table.csv").exists(),
    reason="the IFLLM log is not there (it belongs beside the checkout, in ../shared/data/ifllm)",
)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory):
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('log') / 'log.sqlite'}")
    result = import_file(
        store, LOG / "query_logs_table.csv", HERE / "docs" / "import" / "ifllm.toml"
    )
    assert result.errors == []
    assert result.imported == 2181
    yield store
    store.close()


def lines(store: Store, chosen: DataFilter) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in b"".join(triplet_lines(store, chosen)).splitlines()]


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Probability that a positive scores above a negative, ties half."""
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (len(positive) * len(negative))


def test_the_whole_log_is_there_and_the_excluded_are_marked(log: Store):
    with log.reading() as connection:
        counts = summary.by_source(connection)[Source.IMPORTED]
        excluded = people.excluded(connection)
    assert (counts.people, counts.queries, counts.responses) == (67, 1480, 2181)
    assert counts.votes == 351 + 324
    assert len(excluded) == 16
    assert len(lines(log, IMPORTED.model_copy(update={"with_excluded": True}))) == 2181
    assert len(lines(log, IMPORTED)) == 2181 - 210
    assert b"".join(comparison_lines(log, IMPORTED)).count(b"\n") == 600
    assert verify(log) == []


def test_importing_it_again_changes_nothing(log: Store):
    result = import_file(log, LOG / "query_logs_table.csv", HERE / "docs" / "import" / "ifllm.toml")
    assert (result.imported, result.skipped, result.errors) == (0, 2181, [])


def test_dwell_within_the_person_tells_the_satisfied_reader_and_raw_dwell_does_not(log: Store):
    """Single answers with a reading time, people not excluded; satisfied: 4 or 5 of 5."""
    lines(log, IMPORTED)  # behaviours are summarised now
    alone = (
        sa.select(RESPONSE.c.query_id).group_by(RESPONSE.c.query_id).having(sa.func.count() == 1)
    )
    with log.reading() as connection:
        out = people.excluded(connection)
        found = connection.execute(
            sa.select(BEHAVIOR.c.features, QUERY.c.person_id)
            .join(RESPONSE, RESPONSE.c.id == BEHAVIOR.c.response_id)
            .join(QUERY, QUERY.c.id == RESPONSE.c.query_id)
            .where(RESPONSE.c.query_id.in_(alone))
        ).all()
    rows = [orjson.loads(features) for features, person_id in found if person_id not in out]
    rows = [row for row in rows if row["dwell_ms"] is not None and row["rating"] is not None]
    happy = [row for row in rows if row["rating"] >= 4]
    unhappy = [row for row in rows if row["rating"] < 4]
    assert len(unhappy) > 20
    raw = auc([row["dwell_ms"] for row in happy], [row["dwell_ms"] for row in unhappy])
    within = auc([row["dwell_z"] for row in happy], [row["dwell_z"] for row in unhappy])
    print(f"{len(happy)} satisfied, {len(unhappy)} not; AUC {raw:.3f} raw, {within:.3f} within")
    assert raw < 0.5
    assert within > 0.6
    assert within > raw + 0.1
