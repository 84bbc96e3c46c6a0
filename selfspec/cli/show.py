"""Print a report: a table for people, JSON for machines."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from selfspec.progress import say

if TYPE_CHECKING:
    from selfspec.report import Report


def show_report(report: Report, folder: Path, as_json: bool) -> None:
    """Write the result to stdout and the report's place to stderr."""
    from selfspec.report import FILE
    from selfspec.rundir import costs_of
    from selfspec.table import show

    if as_json:
        sys.stdout.write(json.dumps(report.to_dict(), ensure_ascii=False) + "\n")
        return
    show(report, costs_of(folder), sys.stdout)
    say(f"report: {folder / FILE}")
