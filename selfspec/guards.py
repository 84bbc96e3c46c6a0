"""Name the domain whose reader or metric goes wrong: an author's bug is not to be taken for the engine's.

::

    domain 'law' (selfspec-domain-law 0.1.0): the reader of task 'clause_type' raised KeyError: 'kind'. Mend it ...
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from selfspec.errors import PluginError, SelfspecError, raised
from selfspec.types import Example, Metric, Skipped, Task

P = ParamSpec("P")
R = TypeVar("R")


def task(found: Task, who: str) -> Task:
    """Return the task with a reader whose errors name ``who`` gives it; what it yields is read at once."""
    reader = found.reader
    if reader is None:
        return found

    def read(root: Path, split: str) -> list[Example | Skipped]:
        return list(reader(root, split))

    return dataclasses.replace(found, reader=_named(read, f"{who}: the reader of task {found.name!r}"))


def metric(found: Metric, who: str) -> Metric:
    """Return the metric with a function whose errors name ``who`` gives it."""
    field = "score" if found.score else "pool"
    change: Any = {field: _named(getattr(found, field), f"{who}: metric {found.name!r}")}
    return dataclasses.replace(found, **change)


def _named(function: Callable[P, R], what: str) -> Callable[P, R]:
    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except SelfspecError:
            raise
        except Exception as problem:  # whatever an author's function raises
            raise PluginError(f"{what} raised {raised(problem)}. Mend it (--verbose shows the traceback).") from problem

    return call
