"""The plug-in contract: every hook a domain package may implement.

A domain is a package named by an entry point of the group ``selfspec.domains``; the entry
point's name is the domain's name. The smallest one has an empty ``__init__.py`` and, beside it,
``domain.yaml``, ``seeds.jsonl`` and whichever of ``corpus.jsonl``, ``prompts.yaml`` and
``tasks.yaml`` it wants (``selfspec.domainfiles`` reads them). Python is there for what files
cannot say, and wins over them::

    # selfspec_law/__init__.py
    from selfspec import DataContext, Task, hookimpl
    from selfspec.domainfiles import tasks_from_folder

    @hookimpl
    def selfspec_tasks(context: DataContext) -> list[Task]:
        from selfspec_law.tasks import READERS

        return tasks_from_folder(context.package, readers=READERS)

All hooks are ``firstresult``: the domain's own answer wins, the engine's default is the last
resort. ``None`` therefore means "ask the next one" and is never an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pluggy

from selfspec.types import DataContext, DomainCard, Metric, Passage, Prompts, Retriever, Seed, Task

PROJECT = "selfspec"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def selfspec_card(context: DataContext) -> DomainCard:
    """Say who the domain is. Required."""


@hookspec(firstresult=True)
def selfspec_seeds(context: DataContext) -> Sequence[Seed]:
    """Return the hand-written examples that generation imitates. Required."""


@hookspec(firstresult=True)
def selfspec_corpus(context: DataContext) -> Iterable[Passage]:
    """Yield the passages to index. Default: the files in ``context.corpus``, else nothing."""


@hookspec(firstresult=True)
def selfspec_retriever(context: DataContext) -> Retriever:
    """Return a retriever of your own. Default: BM25 over :func:`selfspec_corpus`."""


@hookspec(firstresult=True)
def selfspec_prompts(context: DataContext) -> Prompts:
    """Return the prompts of generation. Default: the engine's."""


@hookspec(firstresult=True)
def selfspec_tasks(context: DataContext) -> Sequence[Task]:
    """Return the benchmark tasks; they are never used for generation. Default: none."""


@hookspec(firstresult=True)
def selfspec_metrics(context: DataContext) -> Sequence[Metric]:
    """Return metrics that the engine lacks. Default: none."""
