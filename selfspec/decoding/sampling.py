"""Choosing tokens with counter-based random draws.

A draw depends on (run seed, stage, item, step) and nothing else, so batch size, order and resume
do not change a sample beyond what floating point does to the distribution.

>>> uniform(0, "respond", "q1", 3) == uniform(0, "respond", "q1", 3)
True
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from selfspec.decoding.groups import Sampling

if TYPE_CHECKING:
    from torch import Tensor


def uniform(seed: int, stage: str, item: str, step: int) -> float:
    """Return a number in [0, 1) that depends on the arguments alone (53 bits of BLAKE2b)."""
    digest = hashlib.blake2b(f"{seed}\0{stage}\0{item}\0{step}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def choose(logp: Tensor, keys: Sequence[str], steps: Sequence[int], sampling: Sampling) -> Tensor:
    """Choose one token for each group: ``logp`` [groups, vocabulary] to ids [groups].

    Sampling inverts the cumulative distribution of the nucleus, most probable token first.
    """
    if sampling.temperature == 0:
        return logp.argmax(-1)
    draws = [uniform(sampling.seed, sampling.stage, k, s) for k, s in zip(keys, steps, strict=True)]
    p, ids = (logp.double() / sampling.temperature).softmax(-1).sort(dim=-1, descending=True, stable=True)
    below = p.cumsum(-1) - p
    p = p.masked_fill(below >= sampling.top_p, 0)
    cumulative = p.cumsum(-1)
    target = cumulative.new_tensor(draws)[:, None] * cumulative[:, -1:]
    # The first token whose cumulative mass exceeds the draw; the clamp guards the last rounding.
    index = (cumulative <= target).sum(-1, keepdim=True).clamp(max=p.shape[-1] - 1)
    return ids.gather(-1, index)[:, 0]
