"""Progress on stderr: a bar with rate and time left on a terminal, plain lines elsewhere.

>>> with bar("respond", total=120) as advance:                       # doctest: +SKIP
...     advance(64, "61 kept")
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[..., None]
"""``advance(count, note="")``."""
_enabled = True


def enable(on: bool) -> None:
    """Turn all progress on or off."""
    global _enabled
    _enabled = on


def say(text: str) -> None:
    """Write one line of news to stderr."""
    if _enabled:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


@contextmanager
def bar(stage: str, total: int, done: int = 0) -> Iterator[Advance]:
    """Show ``stage`` going from ``done`` to ``total``."""
    if not _enabled:
        yield lambda count, note="": None
    elif sys.stderr.isatty():
        with _rich(stage, total, done) as advance:
            yield advance
    else:
        yield _lines(stage, total, done)


@contextmanager
def _rich(stage: str, total: int, done: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(stage, total=total, completed=done, note="", rate="")

        def advance(count: int, note: str = "") -> None:
            progress.advance(task, count)
            speed = progress.tasks[task].finished_speed or progress.tasks[task].speed or 0
            progress.update(task, note=note, rate=f"{speed:.1f}/s")

        yield advance


def _lines(stage: str, total: int, done: int) -> Advance:
    """Write a line at most every five seconds, and at the end."""
    start = last = time.monotonic()
    state = [done]

    def advance(count: int, note: str = "") -> None:
        nonlocal last
        state[0] += count
        now = time.monotonic()
        if now - last < 5 and state[0] < total:
            return
        last = now
        rate = (state[0] - done) / max(now - start, 1e-9)
        left = (total - state[0]) / rate if rate else 0.0
        say(f"{stage}: {state[0]}/{total}  {rate:.1f}/s  {left:.0f} s left  {note}".rstrip())

    return advance
