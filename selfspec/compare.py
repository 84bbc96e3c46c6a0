"""Base against specialised on identical items: paired bootstrap, and what a mean hides.

The mean over tasks is shown with its median, interval, leave-one-task-out range and the counts of
improvements and regressions, because in the paper one task makes 56% of biomed's gain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from selfspec.errors import DataError
from selfspec.significance import detectable, holm, sign_flip

Array = np.ndarray[Any, Any]
Z = 1.959964
"""The normal distribution's 97.5% quantile."""
Scores = Mapping[str, Sequence[float]]
"""One system's score of each item, by task, in [0, 1]; items stand in the same order for all."""


@dataclass(frozen=True, slots=True)
class TaskGain:
    """Gain on one task, in points (0 to 100)."""

    task: str
    mean: float
    low: float
    high: float
    """95% paired bootstrap interval."""
    p: float
    """Of a paired permutation test, two-sided."""
    p_holm: float
    """The same, corrected for the number of tasks (Holm)."""
    detectable: float
    """The smallest gain that so many items of this spread show four times in five."""
    verdict: str
    """``improved`` or ``regressed`` when ``p_holm`` is below 0.05, else ``no change``."""


@dataclass(frozen=True, slots=True)
class Gain:
    """Gain over all tasks, in points; every task weighs the same."""

    mean: float
    low: float
    high: float
    median: float
    leave_one_out: tuple[float, float]
    """Smallest and largest mean when one task is left out."""
    better: int
    """Tasks whose mean is higher, whatever the interval."""
    tasks: tuple[TaskGain, ...]


def compare(base: Scores, other: Scores, resamples: int = 2000, seed: int = 0) -> Gain:
    """Compare two systems by a paired bootstrap over the items of each task.

    Resamples items within tasks (tasks are fixed), so the interval speaks of new items of these
    tasks, not of other tasks. The percentile interval is widened to what few items allow (Hesterberg
    2015, "expanded percentile"): with 20 of them the plain one calls 7% of equal systems different.
    Raises :class:`DataError` when a task has no items or the systems' items differ in number.
    """
    rng = np.random.default_rng(np.random.Philox(seed))
    names = list(base)
    draws = np.empty((len(names), resamples))
    means = np.empty(len(names))
    ps, detectable_gains = [], []
    for row, name in enumerate(names):
        gains = _gains(name, base[name], other[name])
        means[row] = gains.mean()
        draws[row] = _resampled_means(gains, resamples, rng)
        ps.append(sign_flip(gains, rng))
        detectable_gains.append(min(detectable(gains), 100.0))
    left_out = [float(np.delete(means, i).mean()) for i in range(len(names))] if len(names) > 1 else [float(means[0])]
    free = np.array([len(base[name]) - 1 for name in names])
    low, high = _interval(draws.mean(0), float(means.mean()), _freedom(draws.var(1), free))
    adjusted = holm(ps)
    tasks = tuple(
        _task_gain(
            name,
            float(means[i]),
            _interval(draws[i], float(means[i]), float(free[i])),
            ps[i],
            adjusted[i],
            detectable_gains[i],
        )
        for i, name in enumerate(names)
    )
    return Gain(
        mean=float(means.mean()),
        low=low,
        high=high,
        median=float(np.median(means)),
        leave_one_out=(min(left_out), max(left_out)),
        better=int((means > 0).sum()),
        tasks=tasks,
    )


def _gains(name: str, base: Sequence[float], other: Sequence[float]) -> Array:
    """Gains in points, one for each item."""
    if len(base) != len(other) or not len(base):
        raise DataError(
            f"task {name!r}: {len(base)} scores against {len(other)}. Score both systems on the same items."
        )
    gains: Array = 100 * (np.asarray(other, dtype=float) - np.asarray(base, dtype=float))
    return gains


def _resampled_means(values: Array, resamples: int, rng: np.random.Generator) -> Array:
    """Means of ``resamples`` draws with replacement, a slice at a time to bound memory.

    Spread by sqrt(n / (n - 1)): a sample's own spread is that much smaller than the population's.
    """
    out = np.empty(resamples)
    step = max(1, 4_000_000 // len(values))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        out[start : start + rows] = values[rng.integers(0, len(values), (rows, len(values)))].mean(1)
    mean = values.mean()
    out[:] = mean + (out - mean) * math.sqrt(len(values) / max(len(values) - 1, 1))
    return out


def _freedom(variances: Array, free: Array) -> float:
    """Degrees of freedom of the tasks' mean gain (Welch and Satterthwaite)."""
    if not (variances > 1e-18).any():  # resampling a single item leaves rounding, not spread
        return float(free.max())
    return float(variances.sum() ** 2 / (variances**2 / np.maximum(free, 1)).sum())


def _interval(draws: Array, mean: float, free: float) -> tuple[float, float]:
    """95% interval of a gain, from draws around its mean; one item says nothing about others."""
    if free < 1:
        return -100.0, 100.0
    ends = mean + (np.percentile(draws, [2.5, 97.5]) - mean) * _student(free) / Z
    low, high = np.clip(ends, -100, 100)
    return float(low), float(high)


def _student(free: float) -> float:
    """The 97.5% quantile of Student's t, by its expansion around the normal one."""
    steps = ((Z**3 + Z) / 4, (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96, (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384)
    return Z + sum(step / free**power for power, step in enumerate(steps, 1))


def _task_gain(
    name: str, mean: float, interval: tuple[float, float], p: float, p_holm: float, detectable: float
) -> TaskGain:
    moved = "improved" if mean > 0 else "regressed"
    verdict = moved if p_holm < 0.05 else "no change"
    return TaskGain(name, mean, *interval, p, p_holm, detectable, verdict)
