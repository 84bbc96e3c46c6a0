"""Row-group decoding: Eq. 2 and Eq. 3 for any Hugging Face causal model.

One idea: a group of rows shares one continuation. See :func:`decode`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selfspec.decoding.combiners import Combiner, Contrast, Mixture, Plain
from selfspec.decoding.groups import Continuation, Group, Row, Sampling

if TYPE_CHECKING:
    from selfspec.decoding.engine import Limits, decode

__all__ = ["Combiner", "Continuation", "Contrast", "Group", "Limits", "Mixture", "Plain", "Row", "Sampling", "decode"]


def __getattr__(name: str) -> Any:
    """Import the engine, and torch with it, when it is first asked for."""
    if name in ("Limits", "decode"):
        from selfspec.decoding import engine

        return getattr(engine, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
