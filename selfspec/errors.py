"""The errors of selfspec: one class and one exit code per branch.

An error message is one line: what, where (``file:line:field`` or package and hook),
what would be right, what to do next. The CLI prints it after ``error:`` on stderr and
exits with :attr:`SelfspecError.exit_code`; Python users catch the class.

>>> raise ConfigError("no recipe 'quik'. Did you mean 'quick'? Known: quick, paper.")
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SelfspecError(Exception):
    """Anything selfspec refuses; the base of the tree (exit code 1)."""

    exit_code = 1


class ConfigError(SelfspecError):
    """A setting, recipe, option or argument is wrong (exit code 2)."""

    exit_code = 2


class PluginError(SelfspecError):
    """A domain or model package is missing or broken (exit code 3)."""

    exit_code = 3


class DataError(SelfspecError):
    """Seeds, corpus, benchmark files or a run's records are wrong (exit code 4)."""

    exit_code = 4


class MissingDataError(DataError):
    """A benchmark's original files are not there; the packaged samples can stand in, said aloud."""


class ResourceError(SelfspecError):
    """The disk, memory, a lock or the device fails us (exit code 5)."""

    exit_code = 5


class ModelError(SelfspecError):
    """A model cannot be loaded or cannot do what is asked of it (exit code 6)."""

    exit_code = 6


class YieldError(SelfspecError):
    """A stage ran but gave too little, or nonsense, to go on with (exit code 7)."""

    exit_code = 7


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known word, else an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


def raised(problem: BaseException) -> str:
    """Return the kind and the first line of what an author's code raised."""
    lines = str(problem).strip().splitlines()
    return f"{type(problem).__name__}: {lines[0].rstrip('.')}" if lines else type(problem).__name__


def a_thing(value: object) -> str:
    """What kind of thing a value is, for a message: ``a list``, ``an int``, ``None``."""
    name = type(value).__name__
    return "None" if value is None else f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"
