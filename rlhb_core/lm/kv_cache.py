"""Keys and values of a batch that is being decoded, with the room for the whole answers taken at once.

Appending then copies one token instead of all tokens so far; batches become one by laying their rows together, ends
aligned. Does not know tokens, or what a model computes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PretrainedConfig
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer


def roomy_cache(config: PretrainedConfig, room: int) -> DynamicCache:
    """An empty cache for the model of this config, with room for so many tokens of each row.

    Layers of another kind (sliding windows) stay as transformers makes them.
    """
    cache = DynamicCache(config=config)
    cache.layers = [
        _RoomyLayer(room) if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]
    return cache


def can_join(cache: DynamicCache, config: PretrainedConfig) -> bool:
    """Whether rows of other batches can be laid beside those of this cache.

    Chunked attention counts columns from the batch's own beginning, and layers of unknown kinds may do anything.
    """
    kinds = getattr(config.get_text_config(decoder=True), "layer_types", None) or ()
    return "chunked_attention" not in kinds and all(
        type(layer) in (_RoomyLayer, DynamicSlidingWindowLayer) for layer in cache.layers
    )


def join_caches(
    parts: Sequence[tuple[DynamicCache, Tensor]], config: PretrainedConfig, length: int, room: int
) -> DynamicCache:
    """One cache of the chosen rows of several caches, each with the indices of its rows.

    length: tokens of each row that are kept, counted from the end; shorter rows are filled with zeros on the left,
    which the mask must hide. room: for how many tokens there shall be room.
    """
    joined = roomy_cache(config, room)
    for number, layer in enumerate(joined.layers):
        rows: list[tuple[Any, Tensor]] = [(cache.layers[number], index) for cache, index in parts]
        if all(each.is_initialized for each, _ in rows):  # else its states are another layer's
            _join_layers(layer, rows, length)
    return joined


def _join_layers(layer: Any, parts: Sequence[tuple[Any, Tensor]], length: int) -> None:
    """Fill an empty layer with the rows of others."""
    slides = isinstance(layer, DynamicSlidingWindowLayer)
    kept = min(length, layer.sliding_window - 1) if slides else length
    keys, values = (
        torch.cat([_last(getattr(part, name)[index], kept) for part, index in parts])
        for name in ("keys", "values")
    )
    layer.update(keys, values)
    if slides:
        layer.cumulative_length = length


def _last(states: Tensor, length: int) -> Tensor:
    """The last tokens of [rows, heads, T, size], with zeros before them if there are too few."""
    missing = length - states.shape[2]
    if missing <= 0:
        return states[:, :, -length:]
    return torch.nn.functional.pad(states, (0, 0, missing, 0))


class _RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values of one layer."""

    def __init__(self, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._room = room
        self._filled = 0

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Append [rows, heads, T, size] of keys and values; returns all so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            rows, heads, _, size = key_states.shape
            self._all_keys = key_states.new_empty(rows, heads, self._room, size)
            self._all_values = value_states.new_empty(
                rows, heads, self._room, value_states.shape[-1]
            )
        end = self._filled + key_states.shape[2]
        self._all_keys[:, :, self._filled : end] = key_states
        self._all_values[:, :, self._filled : end] = value_states
        self._filled = end
        return self._show()

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep only these rows: they move to the front, and no new room is taken."""
        if self.is_initialized:
            self._all_keys = _moved(self._all_keys, indices, self._filled)
            self._all_values = _moved(self._all_values, indices, self._filled)
            self._show()

    def _show(self) -> tuple[Tensor, Tensor]:
        keys = self._all_keys[:, :, : self._filled]
        values = self._all_values[:, :, : self._filled]
        self.keys, self.values = keys, values
        return keys, values


def _moved(room: Tensor, indices: Tensor, filled: int) -> Tensor:
    room[: len(indices), :, :filled] = room[indices, :, :filled]
    return room[: len(indices)]
