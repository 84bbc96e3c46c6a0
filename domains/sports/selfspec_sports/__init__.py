"""The sports domain of selfspec.

Card, seeds, corpus and tasks are files beside this one; Python is here for the readers of the
benchmarks' original distribution files and of the BBC sport archive.
"""

from __future__ import annotations

from collections.abc import Iterator

from selfspec import DataContext, Passage, Task, hookimpl
from selfspec.domainfiles import tasks_from_folder


@hookimpl
def selfspec_tasks(context: DataContext) -> list[Task]:
    """Give the five benchmark tasks with their readers."""
    from selfspec_sports.tasks import READERS

    return tasks_from_folder(context.package, readers=READERS)


@hookimpl
def selfspec_corpus(context: DataContext) -> Iterator[Passage] | None:
    """Give the articles of a BBC sport archive with their titles; any other corpus is the engine's to read."""
    from selfspec_sports.readers import bbc_sport

    return bbc_sport.passages(context.corpus)
