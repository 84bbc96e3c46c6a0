"""selfspec: turn a general base language model into a domain expert, without a teacher model.

>>> import selfspec
>>> report = selfspec.run(domain="biomed", model="nano")             # doctest: +SKIP
>>> report.gain.mean                                                 # doctest: +SKIP

Everything here is light to import; torch comes in when a stage needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selfspec.errors import (
    ConfigError,
    DataError,
    MissingDataError,
    ModelError,
    PluginError,
    ResourceError,
    SelfspecError,
    YieldError,
)
from selfspec.hookspecs import hookimpl
from selfspec.types import (
    AnswerFormat,
    DataContext,
    DomainCard,
    Example,
    HubData,
    Metric,
    Passage,
    Prompts,
    Reader,
    Retriever,
    Seed,
    Skipped,
    Task,
)
from selfspec.version import __version__

if TYPE_CHECKING:
    from selfspec.config import build
    from selfspec.pipeline import run, stage
    from selfspec.report import Report, load_report
    from selfspec.settings import Settings

_LAZY = {
    "Report": "report",
    "Settings": "config",
    "build": "config",
    "load_report": "report",
    "run": "pipeline",
    "stage": "pipeline",
}

__all__ = [
    "AnswerFormat",
    "ConfigError",
    "DataContext",
    "DataError",
    "DomainCard",
    "Example",
    "HubData",
    "Metric",
    "MissingDataError",
    "ModelError",
    "Passage",
    "PluginError",
    "Prompts",
    "Reader",
    "Report",
    "ResourceError",
    "Retriever",
    "Seed",
    "SelfspecError",
    "Settings",
    "Skipped",
    "Task",
    "YieldError",
    "__version__",
    "build",
    "hookimpl",
    "load_report",
    "run",
    "stage",
]


def __getattr__(name: str) -> Any:
    """Import the pipeline when it is first asked for."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"selfspec.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
