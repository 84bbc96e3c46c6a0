"""Reading prompts: some rows of like length in a pass, what they have in common once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from selfspec.decoding import cache as kv
from selfspec.decoding import prefix
from selfspec.decoding.groups import Row
from selfspec.decoding.mixed import Served
from selfspec.errors import ModelError

PASS = (32_768, 2_048)
"""Prompt tokens read in one pass on a GPU and on a CPU, where what a pass computes should stay in the core's cache."""


def forward(model: Served, rows: Sequence[Row], ids: Tensor, mask: Tensor, cache: Any) -> Tensor:
    """Run the model on ``ids`` [rows, new]; return the last position's log-probabilities [rows, vocabulary]."""
    positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    with model.rows([row.adapter for row in rows], ids.shape[1]) as net:
        logits = net(
            ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
    if torch.isnan(logits).any():
        raise ModelError("the model gives NaN. Its weights or the adapter are damaged, or the precision is too low.")
    return logits.float().log_softmax(-1)  # type: ignore[no-any-return]


def read_prompts(model: Served, rows: Sequence[Row]) -> tuple[Any, Tensor, Tensor]:
    """Read the rows' prompts; return their cache, mask [rows, longest] and log-probabilities [rows, vocabulary]."""
    length = max(len(row.ids) for row in rows)
    known = prefix.shared(rows)
    begun, which = _begin(model, rows, known)
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i].ids))
    caches, places, logp = [], [], []
    for part in _passes([len(rows[i].ids) - known for i in order], model.device):
        mine = order[part]
        cache, last = _read(model, [rows[i] for i in mine], known, begun, [which[i] for i in mine])
        caches.append(cache)
        places.append(mine)
        logp.append(last)
    back = torch.tensor(order, device=model.device).argsort()
    return kv.stack(caches, places, length), _padded(rows, length, model.device)[1], torch.cat(logp)[back]


def _passes(lengths: Sequence[int], device: torch.device) -> Iterator[slice]:
    """Cut rows, the longest first, so that no pass reads more than so many tokens, padding included."""
    start, most = 0, PASS[device.type == "cpu"]
    while start < len(lengths):
        size = max(1, most // lengths[start])
        yield slice(start, start + size)
        start += size


def _read(model: Served, rows: Sequence[Row], known: int, begun: Any, which: Sequence[int]) -> tuple[Any, Tensor]:
    """Read these rows behind the ``known`` tokens that each begins with; their cache and log-probabilities."""
    length = max(len(row.ids) for row in rows)
    ids, mask = _padded(rows, length, model.device)
    cache = kv.spread(begun, which, [length - len(row.ids) for row in rows]) if known else kv.new_cache()
    return cache, forward(model, rows, ids[:, known:], mask, cache)


def _padded(rows: Sequence[Row], length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids and mask [rows, length], padded on the left."""
    ids = [[0] * (length - len(row.ids)) + list(row.ids) for row in rows]
    mask = [[0] * (length - len(row.ids)) + [1] * len(row.ids) for row in rows]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _begin(model: Served, rows: Sequence[Row], length: int) -> tuple[Any, list[int]]:
    """Read the distinct beginnings of this length; return their cache and which of them each row has."""
    if not length:
        return kv.new_cache(), [0] * len(rows)
    distinct, which = prefix.beginnings(rows, length)
    caches, places = [], []
    for part in _passes([length] * len(distinct), model.device):
        ids = torch.tensor([row.ids for row in distinct[part]], device=model.device)
        cache = kv.new_cache()
        forward(model, distinct[part], ids, torch.ones_like(ids), cache)
        caches.append(cache)
        places.append(range(len(distinct))[part])
    return kv.stack(caches, places, length), which
