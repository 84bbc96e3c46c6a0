"""p-values, Holm's correction and the smallest effect that a sample can show.

>>> [round(p, 2) for p in holm([0.01, 0.04, 0.03])]
[0.03, 0.06, 0.06]
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
POWER = 1.959964 + 0.841621
"""Quantiles of a two-sided test at 5% and of 80% power."""


def sign_flip(gains: Array, rng: np.random.Generator, draws: int = 2000) -> float:
    """Two-sided p-value of a paired permutation test: under the null each gain's sign is a coin toss.

    ``gains`` [items]; items without a difference carry no evidence and drop out by themselves. The
    observed arrangement counts as one of the draws, so p is never 0 (Phipson and Smyth 2010).
    """
    moved = gains[gains != 0]
    if not len(moved):
        return 1.0
    observed, extreme, done = abs(moved.sum()), 0, 0
    step = max(1, 4_000_000 // len(moved))
    while done < draws:
        rows = min(step, draws - done)
        signs = rng.integers(0, 2, (rows, len(moved)), dtype=np.int8) * 2 - 1
        extreme += int((np.abs(signs @ moved) >= observed - 1e-9).sum())
        done += rows
    return (extreme + 1) / (draws + 1)


def holm(ps: Sequence[float]) -> list[float]:
    """Adjust p-values for as many tests as there are (Holm 1979); the order is kept."""
    adjusted = [0.0] * len(ps)
    largest = 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        largest = max(largest, min(1.0, ps[i] * (len(ps) - rank)))
        adjusted[i] = largest
    return adjusted


def detectable(gains: Array) -> float:
    """The smallest mean gain that a test at 5% finds 80% of the time, given this spread and number."""
    return POWER * float(gains.std(ddof=1)) / math.sqrt(len(gains)) if len(gains) > 1 else math.inf
