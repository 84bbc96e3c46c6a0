"""A markdown table of ratios, printed as it grows and written between two marks of docs/performance.md."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

Work = Callable[[], int]
"""Does the job once; returns how many useful tokens (or items) it made."""
DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "performance.md"


class Table:
    """Compares contenders in turns and keeps the rows."""

    def __init__(self, rounds: int) -> None:
        """``rounds``: how often each pair is timed."""
        self.rounds = rounds
        self.lines: list[str] = []
        self._line("| measurement | this project | the other | ratio |")
        self._line("|---|---:|---:|---:|")

    def compare(self, name: str, mine: Work, other: Work, unit: str = "tokens/s") -> None:
        """Time both in turns by this process's processor time; medians and the median ratio."""
        speeds = [(_speed(mine), _speed(other)) for _ in range(self.rounds)]
        ratio = statistics.median(a / b for a, b in speeds)
        one, two = (f"{statistics.median(s):.1f} {unit}" for s in zip(*speeds, strict=True))
        self.say(name, one, two, ratio)

    def say(self, name: str, one: str, two: str, ratio: float) -> None:
        """Add a row."""
        self._line(f"| {name} | {one} | {two} | {ratio:.2f} |")

    def end(self, section: str) -> None:
        """Add what it ran on; replace the named section of the document when one is named."""
        self._line(
            f"\n{self.rounds} round(s); torch {torch.__version__}, {torch.get_num_threads()} of "
            f"{os.cpu_count()} cores, {platform.machine()}."
        )
        if not section:
            return
        begin, close = f"<!-- begin {section} -->\n", f"<!-- end {section} -->"
        text = DOCUMENT.read_text(encoding="utf-8")
        head, rest = text.split(begin)
        inside = "\n".join(self.lines)
        DOCUMENT.write_text(f"{head}{begin}{inside}\n{close}{rest.split(close)[1]}", encoding="utf-8")

    def _line(self, text: str) -> None:
        self.lines.append(text)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def _speed(work: Work) -> float:
    start = time.process_time()
    return work() / (time.process_time() - start)
