"""The key-value cache of a batch: grows in place, loses rows, takes rows in, starts from a shared prefix.

Rows are left-padded, so every row ends in the last column. ``DynamicCache`` copies all keys and values for each
new token; :class:`GrowingLayer` keeps room for more and writes only what is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

from selfspec.errors import ModelError

ROOM = 64
"""Columns of spare room, at least; a quarter of the length where that is more."""


def _spare(columns: int) -> int:
    return max(ROOM, columns // 4)


class GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values, [rows, heads, length, size], as views of larger tensors."""

    keys: Tensor
    values: Tensor
    room: tuple[Tensor, Tensor] | None

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Append columns and return all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.replace(key_states, value_states)  # a prompt: the batch that is made of it has room
            return self.keys, self.values
        before, after = self.keys.shape[-2], self.keys.shape[-2] + key_states.shape[-2]
        if self.room is None or self.room[0].shape[-2] < after:
            self.room = tuple(
                torch.cat([old, new, new.new_empty(*new.shape[:-2], _spare(after), new.shape[-1])], -2)
                for old, new in ((self.keys, key_states), (self.values, value_states))
            )  # type: ignore[assignment]
        else:
            self.room[0][:, :, before:after], self.room[1][:, :, before:after] = key_states, value_states
        self.keys, self.values = (tensor[:, :, :after] for tensor in self.room)  # type: ignore[union-attr]
        return self.keys, self.values

    def replace(self, keys: Tensor, values: Tensor, room: tuple[Tensor, Tensor] | None = None) -> None:
        """Put other rows in; where they are the first columns of larger tensors, ``room`` is those."""
        self.keys, self.values, self.room = keys, values, room

    def cut(self, columns: int) -> None:
        """Forget the first columns."""
        self.keys, self.values = self.keys[:, :, columns:], self.values[:, :, columns:]
        if self.room is not None:
            self.room = (self.room[0][:, :, columns:], self.room[1][:, :, columns:])

    def keep(self, rows: Tensor) -> None:
        """Keep these rows (indices), in this order; in place where only rows from the end take free places."""
        count = len(rows)
        moved = (rows != torch.arange(count, device=rows.device)).nonzero()[:, 0]
        if self.room is None or bool((rows[moved] < count).any()):
            self.replace(self.keys[rows], self.values[rows])
            return
        for tensor in self.room:
            tensor[moved] = tensor[rows[moved]]
        self.room = (self.room[0][:count], self.room[1][:count])
        self.keys, self.values = self.keys[:count], self.values[:count]


ATTENTION = frozenset({"full_attention", "sliding_attention", "chunked_attention"})
"""Layers that remember keys and values and nothing else."""


def check_model(model: Any) -> None:
    """Raise :class:`ModelError` for a model that also carries a state (convolutions, Mamba)."""
    config = model.config.get_text_config()
    other = sorted(set(getattr(config, "layer_types", None) or ()) - ATTENTION)
    if other or getattr(model, "_is_stateful", False):
        raise ModelError(
            f"{config.model_type} remembers more than keys and values ({', '.join(other) or 'a recurrent state'}). "
            "Row groups need a model whose layers all attend: Llama, Mistral, Qwen, Gemma, Phi, GPT-2, Falcon, MPT, ..."
        )


def new_cache() -> Any:
    """An empty cache whose layers are made as the model asks for them."""
    return Cache(layer_class_to_replicate=GrowingLayer)


def keep_rows(cache: Any, rows: Tensor) -> None:
    """Drop all but these rows (indices), in this order."""
    for layer in cache.layers:
        layer.keep(rows)


def cut(cache: Any, columns: int) -> None:
    """Drop the first columns; nothing is copied."""
    for layer in cache.layers if columns else ():
        layer.cut(columns)


def stack(caches: Sequence[Any], places: Sequence[Sequence[int]], length: int) -> Any:
    """One cache of ``length`` columns: row ``i`` of cache ``j``, padded on the left, becomes row ``places[j][i]``.

    The caches are emptied layer by layer, so that memory never holds two of everything.
    """
    made = new_cache()
    for number, layers in enumerate(zip(*(cache.layers for cache in caches), strict=True)):
        room = (
            _stacked([layer.keys for layer in layers], places, length),
            _stacked([layer.values for layer in layers], places, length),
        )
        keys, values = (tensor[:, :, :length] for tensor in room)
        made.update(keys, values, number)
        made.layers[number].replace(keys, values, room)
        for layer in layers:
            layer.replace(keys.new_empty(0), values.new_empty(0))
    return made


def _stacked(parts: Sequence[Tensor], places: Sequence[Sequence[int]], length: int) -> Tensor:
    """The parts' rows in one tensor, with spare room on the right; each is copied once."""
    _, heads, _, size = parts[0].shape
    room = parts[0].new_empty(sum(map(len, places)), heads, length + _spare(length), size)
    for part, mine in zip(parts, places, strict=True):
        start = length - part.shape[2]
        for row, place in zip(part, mine, strict=True):
            room[place, :, :start] = 0
            room[place, :, start:length] = row
    return room


def spread(cache: Any, rows: Sequence[int], shifts: Sequence[int]) -> Any:
    """A new cache of the same length whose i-th row is row ``rows[i]``, ``shifts[i]`` columns to the right.

    The last columns fall off: the row itself is shorter than the others and reads those tokens again.
    What stands in the first ``shifts[i]`` columns is padding and must be masked.
    """
    columns = torch.arange(cache.layers[0].keys.shape[-2])
    index = (columns[None] - torch.tensor(shifts)[:, None]).clamp(min=0)
    return _made((_taken(layer.keys, rows, index), _taken(layer.values, rows, index)) for layer in cache.layers)


def _made(layers: Iterable[tuple[Tensor, Tensor]]) -> Any:
    cache = new_cache()
    for number, (keys, values) in enumerate(layers):
        cache.update(keys, values, number)
    return cache


def _taken(tensor: Tensor, rows: Sequence[int], index: Tensor) -> Tensor:
    _, heads, _, size = tensor.shape
    chosen = tensor[torch.tensor(rows, device=tensor.device)]
    return chosen.gather(2, index.to(tensor.device)[:, None, :, None].expand(-1, heads, -1, size))
