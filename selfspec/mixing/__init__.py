"""Mixing adapters of one base: exactly, or by a named method whose distance from exact is measured.

``selfspec mix biomed=RUN_A finance=RUN_B --weights 0.6,0.4 --out DIR`` writes an ordinary peft adapter
and ``mix.json``, the record of what it was made from. docs/mixing.md has the methods and their errors.

>>> from selfspec.mixing import mix                                  # doctest: +SKIP
>>> mix(["biomed=runs/biomed", "finance=runs/finance"], "0.6,0.4", Path("both")).error
6.1e-08
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selfspec.mixing.mixer import Mix, mix

__all__ = ["Mix", "mix"]


def __getattr__(name: str) -> Any:
    """Import the mixer, and torch with it, when it is first asked for."""
    if name in __all__:
        from selfspec.mixing import mixer

        return getattr(mixer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
