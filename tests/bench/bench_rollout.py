"""Rollouts against `transformers.generate`: the embedded model, its own lengths of answers, same prompts and batch.

Both sample from the whole distribution at temperature 1 and end rows at the end token; tokens behind it do not count.
In turn, one thread, CPU-seconds; the median of each counts.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from rlhb_core.lm.generator import collate, encode_prompt
from rlhb_core.lm.sampling import sample
from rlhb_core.lm.trunk import Trunk, load_trunk
from rlhb_core.run.sections import SamplingSettings
from rlhb_core.world import sample_queries
from tests.bench.run import row

ROLLOUTS = 256
TURNS = 7
BEHAVIORS = (
    None,
    "The reader disliked it.",
    "The reader liked it.",
    "The reader read it at length, liked it and copied it.",
)

Prompts = Sequence[list[int]]


def rows() -> list[dict[str, Any]]:
    """`rollout_tok_s`."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        trunk = load_trunk("embedded", "cpu", "float32")
        queries = sample_queries(np.random.default_rng(0), ROLLOUTS, held_out=False)
        prompts = [
            encode_prompt(trunk, query, BEHAVIORS[i % len(BEHAVIORS)])
            for i, query in enumerate(queries)
        ]
        speeds: dict[Callable[[Trunk, Prompts], int], list[float]] = {ours: [], peers: []}
        for _ in range(TURNS):
            for write, found in speeds.items():
                began = time.process_time()
                tokens = write(trunk, prompts)
                found.append(tokens / (time.process_time() - began))
    finally:
        torch.set_num_threads(threads)
    own, peer = (statistics.median(found) for found in speeds.values())
    return [
        row("rollout_tok_s", own, "tokens per CPU-s", "transformers.generate", peer, own / peer)
    ]


def ours(trunk: Trunk, prompts: Prompts) -> int:
    """Tokens of our rollouts."""
    settings = SamplingSettings()
    found = sample(trunk, prompts, 1.0, settings.max_new_tokens, settings.batch)
    return sum(map(len, found.tokens))


def peers(trunk: Trunk, prompts: Prompts) -> int:
    """Tokens of `generate`, batch by batch."""
    settings, end, total = SamplingSettings(), trunk.tokenizer.eos_token_id, 0
    for start in range(0, len(prompts), settings.batch):
        batch = collate(
            prompts[start : start + settings.batch], [[]] * settings.batch, trunk.device
        )
        out = trunk.model.generate(  # type: ignore[operator]
            input_ids=batch.ids,
            attention_mask=batch.mask,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            max_new_tokens=settings.max_new_tokens,
            eos_token_id=end,
            pad_token_id=0,
        )
        for response in out[:, batch.ids.shape[1] :].tolist():
            total += response.index(end) + 1 if end in response else len(response)
    return total
