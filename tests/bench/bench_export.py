"""Triplet export from SQLite: lines per second, and whether memory stays flat from 10,000 to 500,000 triplets.

The triplets come in through the store's own import. Each export runs in a process of its own, whose peak memory is
its own; lines are counted and thrown away.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from app.files import import_jsonl
from app.store import Store
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.behaviors import VERBALISER_VERSION, verbalise
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.records import Source, Triplet
from tests.bench.run import row

SMALL, LARGE = 10_000, 500_000

EXPORTER = """
import json, resource, sys, time
from app.files import DataFilter, triplet_lines
from app.store import Store
from rlhb_core.schema.records import Source
store = Store.open(sys.argv[1])
chosen = DataFilter(sources=frozenset(Source))
start, lines, size = time.perf_counter(), 0, 0
for block in triplet_lines(store, chosen):
    lines += block.count(b"\\n")
    size += len(block)
took = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"lines": lines, "seconds": took, "peak_mb": peak, "mb": size / 1e6}))
"""


def triplets(count: int) -> Iterator[bytes]:
    """Triplet lines, three answers to a query, fifty queries a person; varied and always the same."""
    answer = "The answer has some forty words, as most answers have, " * 4
    for n in range(count):
        features = BehaviorFeatures(
            dwell_ms=1_000 + n % 30_000,
            dwell_z=round((n % 400) / 100 - 2, 4),
            read_depth=(n % 100) / 100,
            liked=n % 7 == 0,
            copied=n % 11 == 0,
            vote=("won", "lost", "lost")[n % 3],
        )
        asked = 1_760_000_000 + n // 3
        yield (
            Triplet(
                verbaliser_version=VERBALISER_VERSION,
                query_id=UUID(int=2**100 + n // 3),
                response_id=UUID(int=2**101 + (n * 2654435761) % 2**32 * 2**32 + n),
                query=f"Question {n // 3}: what is the capital of the country with number {n // 3 % 195}?",
                response=f"{n}: {answer}",
                behavior_text=verbalise(features),
                behavior_features=features,
                arm=(Arm.SFT, Arm.RLHF, Arm.RLHB)[n % 3],
                model_version=("SFT", "RLHF v1", "RLHB v1")[n % 3],
                position=n % 3,
                draw_probability=0.5,
                source=Source.SIMULATED,
                asked_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(asked)),
                answered_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(asked + 2)),
                person=str(UUID(int=2**99 + n // 150)),
            )
            .model_dump_json()
            .encode()
        )


def export(url: str) -> dict[str, Any]:
    """Export in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", EXPORTER, url], capture_output=True, text=True, check=True
    )
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def rows() -> list[dict[str, Any]]:
    """Lines per second at the large size, and the ratio of peak memory, large over small."""
    with tempfile.TemporaryDirectory() as folder:
        told, imported_per_s = {}, 0.0
        for count in (SMALL, LARGE):
            url = f"sqlite:///{Path(folder) / f'{count}.sqlite'}"
            store = Store.open(url)
            start = time.perf_counter()
            result = import_jsonl(store, triplets(count))
            imported_per_s = count / (time.perf_counter() - start)
            store.close()
            told[count] = export(url)
            if result.imported != count or told[count]["lines"] != count:
                raise RuntimeError(f"{count} triplets, {result.words()}, {told[count]}")
    large, small = told[LARGE], told[SMALL]
    return [
        row("export_rows_per_s", LARGE / large["seconds"], "triplets/s"),
        row("export_peak_mb_500k_over_10k", large["peak_mb"] / small["peak_mb"], "ratio"),
        row("export_peak_mb", large["peak_mb"], "MB"),
        row("import_rows_per_s", imported_per_s, "triplets/s"),
    ]
