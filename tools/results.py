"""Print a run's report as the markdown of docs/results.md: ``python tools/results.py RUN``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SKIPPED = ("iteration", "stage", "refused")


def main(folder: str) -> None:
    """One table and the lines below it."""
    report = json.loads(Path(folder, "report.json").read_text(encoding="utf-8"))
    lines = [*table(report), "", *map(summary, report["comparisons"]), "", *stages(report)]
    sys.stdout.write("\n".join(lines) + "\n")


def table(report: dict[str, Any]) -> list[str]:
    """A row for each task: F1 and share of answers in the asked form of each system, and the last one's gain."""
    systems = list(dict.fromkeys(cell["system"] for cell in report["cells"]))
    cells = {(cell["task"], cell["system"]): cell for cell in report["cells"]}
    gains = {task["task"]: task for task in report["comparisons"][0]["gain"]["tasks"]}
    rows = [
        ["task", "items", *(f"{s} F1 (in format)" for s in systems), f"gain of {report['comparisons'][0]['system']}"]
    ]
    rows.append(["---", *["---:"] * (len(systems) + 2)])
    for task, gain in gains.items():
        first = cells[task, systems[0]]
        title = first["title"] + (" (samples)" if first["source"] != "dev split" else "")
        rows.append([title, str(first["items"]), *(score(cells[task, s]) for s in systems), interval(gain)])
    means = [sum(cells[task, s]["scores"]["token_f1"] for task in gains) / len(gains) for s in systems]
    rows.append(["**mean**", "", *(f"**{m:.1f}**" for m in means), interval(report["comparisons"][0]["gain"])])
    return ["| " + " | ".join(row) + " |" for row in rows]


def score(cell: dict[str, Any]) -> str:
    """F1 and the share in format."""
    return f"{cell['scores']['token_f1']:.1f} ({cell['in_format']:.0f}%)"


def interval(gain: dict[str, Any]) -> str:
    """Mean and 95% interval."""
    return f"{gain['mean']:+.1f} [{gain['low']:+.1f}, {gain['high']:+.1f}]"


def summary(comparison: dict[str, Any]) -> str:
    """The line about one comparison."""
    gain, tasks = comparison["gain"], comparison["gain"]["tasks"]
    (low, high), median = gain["leave_one_out"], gain["median"]
    count = {v: sum(t["verdict"] == v for t in tasks) for v in ("improved", "regressed", "no change")}
    return (
        f"- {comparison['system']} against {comparison['against']}: mean {interval(gain)}, median {median:+.1f}, "
        f"leaving one task out {low:+.1f} to {high:+.1f}; higher on {gain['better']} of {len(tasks)} tasks; "
        f"{', '.join(f'{verdict} {number}' for verdict, number in count.items())} (Holm, 5%)."
    )


def stages(report: dict[str, Any]) -> list[str]:
    """The counts of each stage."""
    return [
        f"- {s['stage']} {s['iteration']}: "
        + ", ".join(f"{k} {v}" for k, v in s.items() if k not in SKIPPED and isinstance(v, int | float))
        + "."
        for s in report["stages"]
    ]


if __name__ == "__main__":
    main(sys.argv[1])
