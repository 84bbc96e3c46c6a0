"""Combiners: the rows' log-probabilities into one distribution.

Every combiner maps ``logp`` [groups, rows, vocabulary] and ``log_weights`` [groups, rows] to
normalised log-probabilities [groups, vocabulary]. A combiner reads a group's rows in ``parts`` of
equal size; where groups differ, each part is padded with rows of weight ``-inf``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Combiner(Protocol):
    """What :func:`selfspec.decoding.decode` asks of a combiner."""

    @property
    def parts(self) -> int:
        """Into how many parts of equal size a group's rows fall."""
        ...

    def __call__(self, logp: Tensor, log_weights: Tensor) -> Tensor:
        """Return normalised log-probabilities, [groups, vocabulary]."""
        ...


@dataclass(frozen=True, slots=True)
class Plain:
    """The first row's distribution."""

    parts: ClassVar[int] = 1

    def __call__(self, logp: Tensor, log_weights: Tensor) -> Tensor:
        """Return ``logp[:, 0]``."""
        return logp[:, 0]


@dataclass(frozen=True, slots=True)
class Mixture:
    """Eq. 2: p(y_t) = sum_j p_ret(d_j | x) p_lm(y_t | x, d_j, y_<t); the weights are the group's."""

    parts: ClassVar[int] = 1

    def __call__(self, logp: Tensor, log_weights: Tensor) -> Tensor:
        """Return the log of the weighted sum of probabilities."""
        return (logp + log_weights[..., None]).logsumexp(1)


@dataclass(frozen=True, slots=True)
class Contrast:
    """Eq. 3: the first half of a group's rows (specialised) against the second (base).

    Each half is mixed by Eq. 2 with its own weights, renormalised; with one row a half this is
    the paper's Eq. 3.

    - ``paper``: p_specialised - p_base with negative mass cut to zero, renormalised. Where
      nothing is left (the two agree), the specialised distribution stands.
    - ``plausible``: log p_specialised - log p_base over the tokens whose specialised
      probability is at least ``alpha`` times the largest (Li et al. 2023, Eq. 3 and 5).
    """

    parts: ClassVar[int] = 2
    form: Literal["paper", "plausible"] = "plausible"
    alpha: float = 0.1

    def __call__(self, logp: Tensor, log_weights: Tensor) -> Tensor:
        """Return the contrast of the two halves."""
        specialised, base = (
            Mixture()(half, weights.log_softmax(1))
            for half, weights in zip(logp.chunk(2, 1), log_weights.chunk(2, 1), strict=True)
        )
        return self._paper(specialised, base) if self.form == "paper" else self._plausible(specialised, base)

    def _paper(self, specialised: Tensor, base: Tensor) -> Tensor:
        left = (specialised.exp() - base.exp()).clamp(min=0)
        mass = left.sum(-1, keepdim=True)
        return (left / mass).log().where(mass > 1e-9, specialised)

    def _plausible(self, specialised: Tensor, base: Tensor) -> Tensor:
        floor = specialised.max(-1, keepdim=True).values + math.log(self.alpha)
        score = (specialised - base).masked_fill(specialised < floor, -math.inf)
        return score.log_softmax(-1)
