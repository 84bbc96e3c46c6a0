"""Write a run's comparison as the Markdown tables of docs/results.md.

python tools/results.py RUN [RUN ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

from selfspec.compare import Gain, TaskGain
from selfspec.report import Comparison, Report, load_report


def main() -> None:
    """Print a section for each run directory."""
    for folder in sys.argv[1:]:
        report = load_report(Path(folder))
        for shots in sorted({cell.shots for cell in report.cells}):
            sys.stdout.write(f"{table(report, shots)}\n{summary(report, shots)}\n")
        sys.stdout.write(f"{stages(report)}\n")


def table(report: Report, shots: int) -> str:
    """F1 and, in brackets, percent of answers in the asked format; the gain with its 95% interval."""
    cells = [cell for cell in report.cells if cell.shots == shots]
    names = list(dict.fromkeys(cell.system for cell in cells))
    gains = {c.system: {t.task: t for t in c.gain.tasks} for c in report.comparisons if is_main(c, shots)}
    head = ["task", "items", *(f"{n} F1 (in format)" for n in names), *(f"gain of {n}" for n in gains)]
    lines = [f"{shots}-shot:", "", row(head), row(["---", *["---:"] * (len(head) - 1)])]
    for task in dict.fromkeys(cell.task for cell in cells):
        by_name = {cell.system: cell for cell in cells if cell.task == task}
        first = next(iter(by_name.values()))
        mark = " (samples)" if first.source == "packaged samples" else ""
        scores = [f"{by_name[n].scores['token_f1']:.1f} ({by_name[n].in_format:.0f}%)" for n in names]
        lines.append(row([first.title + mark, str(first.items), *scores, *(interval(g[task]) for g in gains.values())]))
    means = [sum(c.scores["token_f1"] for c in cells if c.system == n) / (len(cells) / len(names)) for n in names]
    total = [interval(c.gain) for c in report.comparisons if is_main(c, shots)]
    lines.append(row(["**mean**", "", *(f"**{m:.1f}**" for m in means), *total]))
    return "\n".join(lines) + "\n"


def is_main(comparison: Comparison, shots: int) -> bool:
    """Whether a comparison is against the bare base at this number of shots."""
    return comparison.shots == shots and comparison.against == "base"


def interval(gain: Gain | TaskGain) -> str:
    """A gain with its interval."""
    return f"{gain.mean:+.1f} [{gain.low:+.1f}, {gain.high:+.1f}]"


def summary(report: Report, shots: int) -> str:
    """One sentence for each comparison."""
    lines = []
    for c in report.comparisons:
        if c.shots == shots:
            verdicts = [t.verdict for t in c.gain.tasks]
            lines.append(
                f"- {c.system} against {c.against}: mean {interval(c.gain)}, median {c.gain.median:+.1f}, leaving one "
                f"task out {c.gain.leave_one_out[0]:+.1f} to {c.gain.leave_one_out[1]:+.1f}; higher on {c.gain.better} "
                f"of {len(verdicts)} tasks; improved {verdicts.count('improved')}, regressed "
                f"{verdicts.count('regressed')}, no change {verdicts.count('no change')} (Holm, 5%)."
            )
    return "\n".join(lines) + "\n"


def stages(report: Report) -> str:
    """The stages' own figures."""
    wanted = (
        "candidates",
        "parsed",
        "kept",
        "responses",
        "usable",
        "distinct",
        "effective_passages",
        "examples",
        "loss",
    )
    lines = []
    for figures in report.stages:
        facts = ", ".join(f"{name} {figures[name]}" for name in wanted if name in figures)
        lines.append(f"- {figures['stage']} {figures['iteration']}: {facts}.")
    return "\n".join(lines) + "\n"


def row(cells: list[str]) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
