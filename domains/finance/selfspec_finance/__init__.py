"""The finance domain of selfspec.

Card, seeds, corpus and tasks are files beside this one; Python is here for the readers of the
benchmarks' original distribution files.
"""

from __future__ import annotations

from selfspec import DataContext, Task, hookimpl
from selfspec.domainfiles import tasks_from_folder


@hookimpl
def selfspec_tasks(context: DataContext) -> list[Task]:
    """Give the ten benchmark tasks with their readers."""
    from selfspec_finance.tasks import READERS

    return tasks_from_folder(context.package, readers=READERS)
