"""What decoding works on: groups of rows that share one continuation.

A :class:`Row` is a prompt and the adapter that reads it. A :class:`Group` is one or more rows
whose next-token distributions a combiner turns into one; the token chosen is appended to every
row. Plain decoding is a group of one row, Eq. 2 a row for each passage, Eq. 3 a specialised and
a base row.

>>> group = Group(key="q1", rows=(Row((5, 9, 2)), Row((7, 2))), weights=(0.8, 0.2))
>>> group.width, group.log_weights[0]
(3, -0.2231435513142097)
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt."""

    ids: tuple[int, ...]
    """Token ids; never empty."""
    adapter: str | None = None
    """Name of the peft adapter that reads this row; ``None``: the base."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that share one continuation."""

    key: str
    """Names the item in the random draws and the result; unique within a call."""
    rows: tuple[Row, ...]
    weights: tuple[float, ...] = ()
    """p_ret(d_j | x) for each row, summing to 1; empty: uniform. Eq. 3 reads its own layout."""

    @property
    def width(self) -> int:
        """Length of the longest prompt, in tokens."""
        return max(len(row.ids) for row in self.rows)

    @property
    def log_weights(self) -> tuple[float, ...]:
        """Natural logarithms of the weights, ``-inf`` for zero."""
        weights = self.weights or (1 / len(self.rows),) * len(self.rows)
        return tuple(math.log(w) if w > 0 else -math.inf for w in weights)


@dataclass(frozen=True, slots=True)
class Continuation:
    """What decoding made of one group."""

    key: str
    ids: tuple[int, ...]
    """The new tokens, the end-of-text token left out."""
    text: str
    """``ids`` as text, cut before the first stop string."""
    finish: str
    """``end`` (end-of-text token), ``stop`` (a stop string) or ``length`` (out of tokens)."""
    logprob: float
    """Sum of the chosen tokens' log-probabilities under the combined distribution, in nats."""
    row_logprobs: tuple[float, ...]
    """The same sum under each row alone."""
    posterior: tuple[float, ...]
    """Weight of each row given the whole continuation: prior times likelihood, normalised."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen, and when to stop."""

    max_new_tokens: int
    temperature: float = 0.0
    """0 takes the most probable token; ties go to the lowest id."""
    top_p: float = 1.0
    """Nucleus mass, after temperature."""
    seed: int = 0
    stage: str = ""
    """With ``seed``, the group's key and the step it fixes every random draw."""
    stop: tuple[str, ...] = ()
    """Strings that end a continuation and are cut off it."""
