"""p_ret(d | x), the weights of the passages in Eq. 2, from their retrieval scores.

>>> weigh([6.0, 3.0, 1.0], "proportional")
(0.6, 0.3, 0.1)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from selfspec.errors import ConfigError

Weighting = Literal["softmax", "proportional", "uniform"]


def weigh(scores: Sequence[float], how: Weighting, temperature: float = 1.0) -> tuple[float, ...]:
    """Turn retrieval scores into p_ret(d_j | x), summing to 1; no scores give no weights.

    ``softmax`` of score / temperature, ``proportional`` to the scores, or ``uniform``.
    """
    if not scores:
        return ()
    if how == "uniform":
        return (1 / len(scores),) * len(scores)
    if how == "softmax":
        if temperature <= 0:
            raise ConfigError(f"setting 'retrieval.temperature' is {temperature}, must be above 0.")
        raw = [math.exp((s - max(scores)) / temperature) for s in scores]
    else:
        raw = [max(s, 0.0) for s in scores]
    return tuple(r / sum(raw) for r in raw) if sum(raw) else weigh(scores, "uniform")


def effective_number(weights: Sequence[float]) -> float:
    """exp of the entropy: how many passages the weights really use, from 1 to ``len(weights)``."""
    return math.exp(-sum(w * math.log(w) for w in weights if w > 0))
