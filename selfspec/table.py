"""The result of a run as a table on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from selfspec.compare import Gain, TaskGain
from selfspec.report import Report


def show(report: Report, costs: Mapping[str, float], out: IO[str]) -> None:
    """Print the comparison as a table, one a number of shots, and what each stage cost."""
    from rich.console import Console

    console = Console(file=out, width=None if out.isatty() else 120)
    for shots in sorted({cell.shots for cell in report.cells}):
        console.print(_table(report, shots))
        for line in _summary(report, shots):
            console.print(line, highlight=False)
    if len({cell.shots for cell in report.cells}) > 1:
        for name in dict.fromkeys(cell.system for cell in report.cells):
            worst, average, best = report.over_shots(name)
            console.print(
                f"{name} over the shots: worst {worst:.1f}, average {average:.1f}, best {best:.1f}.", highlight=False
            )
    if report.first_failure:
        console.print(f"Look here first: {report.first_failure}.", highlight=False, style="yellow")
    if costs:
        parts = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in costs.items())
        console.print(f"Cost: {parts}; {sum(costs.values()):.0f} s in all.", highlight=False)


def _table(report: Report, shots: int) -> Any:
    from rich.table import Table

    cells = [cell for cell in report.cells if cell.shots == shots]
    names = list(dict.fromkeys(cell.system for cell in cells))
    gains = {t.task: t for c in report.comparisons if c.shots == shots and c.against == "base" for t in c.gain.tasks}
    table = Table(title=f"{report.domain} on {report.model}, {shots}-shot: F1 (answers in format, %)")
    table.add_column("task")
    table.add_column("items", justify="right")
    for name in names:
        table.add_column(name, justify="right")
    if gains:
        table.add_column("gain [95%]", justify="right")
    for task in dict.fromkeys(cell.task for cell in cells):
        row = {cell.system: cell for cell in cells if cell.task == task}
        first = next(iter(row.values()))
        mark = "*" if first.source == "packaged samples" else ""
        scores = [f"{row[n].scores['token_f1']:.1f} ({row[n].in_format:.0f})" for n in names]
        table.add_row(first.title + mark, str(first.items), *scores, *([_interval(gains[task])] if gains else []))
    table.caption = "* packaged samples" if any(c.source == "packaged samples" for c in cells) else None
    return table


def _interval(gain: TaskGain | Gain) -> str:
    return f"{gain.mean:+.1f} [{gain.low:+.1f}, {gain.high:+.1f}]"


def _summary(report: Report, shots: int) -> list[str]:
    lines = []
    for c in report.comparisons:
        if c.shots == shots:
            g = c.gain
            lines.append(
                f"{c.system} against {c.against}: mean {_interval(g)}, median {g.median:+.1f}, leaving one task out "
                f"{g.leave_one_out[0]:+.1f} to {g.leave_one_out[1]:+.1f}; better on {g.better} of {len(g.tasks)} tasks."
            )
            if c.clean:
                lines.append(
                    f"  without the {sum(report.overlap.values())} items that training text overlaps: "
                    f"{_interval(c.clean)}."
                )
    return lines
