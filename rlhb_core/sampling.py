"""Sampling for training: responses from the model's own distribution, in large batches that ended rows leave.

Every row draws from numbers of its own, so that neither the order of rows nor how they are put into batches changes
what a seed gives. Does not know adapters, and nobody watches: see `decoding.py` for answers that people read.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from rlhb_core.errors import RunError
from rlhb_core.generator import Trunk, by_length, collate, positions
from rlhb_core.kv_cache import roomy_cache

CROWDED = 0.85
"""Ended rows leave the batch when fewer than this share of its rows is still being written."""


@torch.no_grad()
def sample(
    trunk: Trunk,
    prompts: Sequence[Sequence[int]],
    temperature: float,
    max_new_tokens: int,
    batch: int = 256,
) -> list[list[int]]:
    """One response per prompt, at most `batch` of them at once: no top-p, no top-k.

    Returns token ids; a response that ended by itself closes with the end token. Draws from torch's global
    generator, so that a seed gives the same responses again. Raises RunError if the probabilities are not finite.
    """
    draws = torch.rand(len(prompts), max_new_tokens, dtype=torch.float64)
    found: list[list[int]] = [[] for _ in prompts]
    for rows in by_length([len(prompt) for prompt in prompts], batch):
        written = _write(trunk, [prompts[row] for row in rows], draws[rows], temperature)
        for row, tokens in zip(rows, written, strict=True):
            found[row] = tokens
    return found


def _write(
    trunk: Trunk, prompts: Sequence[Sequence[int]], draws: Tensor, temperature: float
) -> list[list[int]]:
    """The responses of one batch; draws: [B, longest response], in [0, 1)."""
    found: list[list[int]] = [[] for _ in prompts]
    start = collate(prompts, [[] for _ in prompts], trunk.device)
    ids, mask = start.ids[:, :-1], start.mask[:, :-1]
    place = positions(mask)
    writing = torch.arange(len(prompts))  # the rows of the batch, by their place in `found`
    cache = roomy_cache(trunk.model.config, ids.shape[1] + draws.shape[1])
    for step in range(draws.shape[1]):
        logits = trunk.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=place,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]  # [rows, V]
        drawn = invert(torch.softmax(logits.float() / temperature, dim=-1), draws[writing, step])
        tokens = drawn.tolist()
        for row, token in zip(writing.tolist(), tokens, strict=True):
            if token < 0:
                raise RunError(
                    "the policy's probabilities are not numbers any more: lower ppo.learning_rate"
                )
            if not _ended(trunk, found[row]):
                found[row].append(token)
        going = [i for i, row in enumerate(writing.tolist()) if not _ended(trunk, found[row])]
        if not going:
            break
        ids, place = drawn[:, None], place[:, -1:] + 1
        mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
        if len(going) < CROWDED * len(writing):
            keep = torch.tensor(going)
            writing = writing[keep]
            keep = keep.to(trunk.device)
            ids, place, mask = ids[keep], place[keep], mask[keep]
            cache.batch_select_indices(keep)
    return found


def _ended(trunk: Trunk, tokens: list[int]) -> bool:
    return bool(tokens) and tokens[-1] == trunk.tokenizer.eos_token_id


def invert(probabilities: Tensor, draws: Tensor) -> Tensor:
    """One token per row by inverting the cumulated probabilities at `draws`, each in [0, 1).

    probabilities: [rows, V]; draws: [rows], float64. Returns [rows], -1 where probabilities are not finite.
    """
    # float64 where there is any: in a large vocabulary float32 sums would swallow the rare tokens
    precision = torch.float32 if probabilities.device.type == "mps" else torch.float64
    cumulated = probabilities.cumsum(dim=-1, dtype=precision)
    total = cumulated[:, -1]
    wanted = draws.to(probabilities.device, precision) * total
    tokens = torch.searchsorted(cumulated, wanted[:, None], right=True)[:, 0]
    tokens = tokens.clamp(max=probabilities.shape[1] - 1)
    return torch.where(torch.isfinite(total), tokens, -1)
