"""Three arms against one on the embedded model: CPU time of decoding, and the wait for the first tokens.

Both batches write the same number of tokens per row (the model's own end is ignored), each row through an adapter of
its own, at one thread; the two are timed in turn and the best of each counts, so that other work on the machine does
not decide. `bench_lora` has the same step beside PEFT's.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch

from app.comparing import Comparing
from app.serving import Serving, register_base
from app.settings import Settings
from app.store import Store, responses
from rlhb_core.lm.decoding import Decoder
from rlhb_core.lm.rows import Row
from rlhb_core.lm.trunk import load_trunk
from tests.bench.bench_lora import random_adapter
from tests.bench.run import row

QUERY = "Which language do people speak in Brazil?"
NEW_TOKENS = 64
TURNS = 30
ARMS = ("first", "second", "third")
ASKED = 20


def rows() -> list[dict[str, Any]]:
    """`arms3_over_arm1` and `first_token_s`."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            adapters = {name: random_adapter(Path(folder) / name) for name in ARMS}
            ours = three_over_one(_decoder(adapters))
        waits = asyncio.run(first_token_seconds())
    finally:
        torch.set_num_threads(threads)
    return [
        row("arms3_over_arm1", ours, "x CPU of one arm"),
        row("first_token_s", max(waits), "s, slowest arm, worst of 20 queries"),
    ]


def three_over_one(write: Callable[[Sequence[str]], None]) -> float:
    """CPU-seconds of three rows with three adapters, over those of one row with one."""
    best = {1: float("inf"), 3: float("inf")}
    for _ in range(TURNS):
        for count in best:
            began = time.process_time()
            write(ARMS[:count])
            best[count] = min(best[count], time.process_time() - began)
    return best[3] / best[1]


def _decoder(adapters: dict[str, Path]) -> Callable[[Sequence[str]], None]:
    decoder = Decoder(load_trunk("embedded", "cpu", "float32"))
    decoder.ends = frozenset()
    for name, folder in adapters.items():
        decoder.add(name, folder)

    def write(names: Sequence[str]) -> None:
        batch = [Row(QUERY, adapter=name, max_new_tokens=NEW_TOKENS) for name in names]
        finished = decoder.stream(batch, lambda i, text: None)
        assert all(each.tokens == NEW_TOKENS for each in finished)

    return write


async def first_token_seconds() -> list[float]:
    """From asking to the first token of the slowest arm, through the store and all, for each query."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), base_model="embedded")
        store = Store.open(settings.database)
        serving = Serving(store, settings)
        register_base(store, settings)
        comparing = Comparing(store, serving, settings)
        waits = []
        person = uuid4()
        for number in range(ASKED + 1):
            began = time.perf_counter()
            query_id = await comparing.ask(person, QUERY)
            asked = time.perf_counter() - began
            async for _ in comparing.follow(query_id, person):
                pass
            with store.reading() as connection:  # a page is told only after the vote
                firsts = [each.first_token_ms for each in responses.of_query(connection, query_id)]
            if number:  # the first query loads the model; the server does that while it starts
                waits.append(asked + max(first / 1000 for first in firsts if first is not None))
        await comparing.close()
        await serving.close()
        store.close()
    return waits
