"""Rows of tokens that a model goes on with together: what each forward pass is given, and the cache of all before.

Both loops write with it: `sampling.py` for training, `decoding.py` for people who watch. Knows neither how a token is
chosen from the logits nor when a row has ended.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from rlhb_core.lm.generator import positions
from rlhb_core.lm.kv_cache import can_join, join_caches, roomy_cache
from rlhb_core.lm.trunk import Trunk


@dataclass
class Batch:
    """The tensors of the rows, their ends aligned on the right."""

    trunk: Trunk
    ids: Tensor  # [rows, T] of the next forward pass
    places: Tensor  # [rows, T], counted over real tokens
    mask: Tensor  # [rows, room], 1 where a token is real
    length: int
    """Tokens of each row, padding and those of the next forward pass included."""
    cache: DynamicCache

    @classmethod
    def of_prompts(cls, trunk: Trunk, prompts: Sequence[Sequence[int]], to_come: int) -> "Batch":
        """Rows of which nothing has been computed yet, each with room for so many tokens more."""
        longest = max(map(len, prompts))
        ids = torch.zeros(
            len(prompts), longest, dtype=torch.long
        )  # what the mask hides is never seen
        for row, prompt in enumerate(prompts):
            ids[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask = _mask(torch.tensor([len(prompt) for prompt in prompts]), longest, longest + to_come)
        ids, mask = ids.to(trunk.device), mask.to(trunk.device)
        cache = roomy_cache(trunk.model.config, longest + to_come)
        return cls(trunk, ids, positions(mask[:, :longest]), mask, longest, cache)

    def forward(self, **options: Any) -> Any:
        """What the model says after each row's last token: logits [rows, 1, V], or with more before them."""
        model = self.trunk.model
        taken = inspect.signature(model.forward).parameters
        if "logits_to_keep" in taken:
            options["logits_to_keep"] = 1
        # transformers renames it from 5.24 on, one model after the other
        options["cache" if "cache" in taken else "past_key_values"] = self.cache
        return model(
            input_ids=self.ids,
            attention_mask=self.mask[:, : self.length],
            position_ids=self.places,
            use_cache=True,
            **options,
        )

    def append(self, tokens: Tensor) -> None:
        """The next token of every row. tokens: [rows]."""
        self.ids = tokens[:, None]
        self.places = self.places[:, -1:] + 1
        self.length += 1

    def keep(self, rows: Tensor) -> None:
        """Let the others go. rows: the indices of those that stay."""
        rows = rows.to(self.ids.device)
        self.ids, self.places, self.mask = self.ids[rows], self.places[rows], self.mask[rows]
        self.cache.batch_select_indices(rows)

    @property
    def takes_more(self) -> bool:
        """Whether rows of others can be laid beside these."""
        return can_join(self.cache, self.trunk.model.config)


def joined(parts: Sequence[tuple[Batch, Tensor]], to_come: int) -> Batch:
    """Rows of batches that have each computed something as one batch, no longer than it must be.

    parts: batches with the indices of the rows that are wanted. to_come: the most tokens that a row may still get.
    """
    trunk = parts[0][0].trunk
    parts = [(batch, rows.to(batch.ids.device)) for batch, rows in parts]
    ids = torch.cat([batch.ids[rows] for batch, rows in parts])
    places = torch.cat([batch.places[rows] for batch, rows in parts])
    sizes = places[:, -1]  # real tokens of each row in the cache
    length = int(sizes.max())
    room = length + to_come
    caches = [(batch.cache, rows) for batch, rows in parts]
    cache = join_caches(caches, trunk.model.config, length, room)
    return Batch(trunk, ids, places, _mask(sizes, length, room), length + 1, cache)


def _mask(sizes: Tensor, length: int, room: int) -> Tensor:
    """[rows, room]: 0 where a row of `sizes` real tokens is padded on the left to `length`, then 1."""
    columns = torch.arange(room, device=sizes.device)
    return (columns[None] >= (length - sizes)[:, None]).long()
