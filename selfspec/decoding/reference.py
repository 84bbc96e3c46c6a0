"""The oracle of the decoding core: no cache, no batch, no padding.

Slow and obviously right; ``tests/unit/test_decoding.py`` holds the fast path to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from selfspec.decoding.combiners import Combiner
from selfspec.decoding.groups import Group, Sampling
from selfspec.decoding.sampling import choose


@torch.no_grad()
def reference_decode(
    model: Any, group: Group, combiner: Combiner, sampling: Sampling, end: int
) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield (token, combined log-probabilities [vocabulary]) until ``end`` or the length limit."""
    weights = torch.tensor([group.log_weights])
    written: list[int] = []
    for step in range(sampling.max_new_tokens):
        rows = []
        for row in group.rows:
            names = {"adapter_names": [row.adapter or "__base__"]} if hasattr(model, "peft_config") else {}
            logits = model(torch.tensor([[*row.ids, *written]]), use_cache=False, **names).logits[0, -1]
            rows.append(logits.float().log_softmax(-1))
        combined = combiner(torch.stack(rows)[None], weights)
        token = int(choose(combined, [group.key], [step], sampling))
        yield token, combined[0]
        if token == end:
            return
        written.append(token)
