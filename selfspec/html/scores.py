"""The top of the page: the verdict in a sentence and the tables of scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from selfspec import metrics
from selfspec.compare import Gain
from selfspec.html import charts
from selfspec.html.facts import Facts
from selfspec.html.text import counted, esc, fold, interval, section, signed, table
from selfspec.report import Cell, Comparison

TITLES = {metric.name: metric.title for metric in metrics.ENGINE}
MARKS = {"improved": "▲", "regressed": "▼"}
SAMPLES = "packaged samples"
LEAD = ' class="lead"'


def heading(facts: Facts) -> str:
    """Domain, model and recipe; the verdict; the first failing stage."""
    s = facts.settings
    several = f" · {s.iterations} iterations" if s.iterations > 1 else ""
    return (
        f'<header><p class="kicker">selfspec report</p><h1>{esc(facts.title)}</h1>'
        f'<p class="made">model <b>{esc(s.model)}</b> · recipe <b>{esc(s.recipe)}</b>{several} · seed {s.seed}</p>'
        f"{verdict(facts)}{_failure(facts.report.first_failure)}</header>"
    )


def verdict(facts: Facts) -> str:
    """The result in one sentence, what it rests on, and the figures behind it."""
    best = facts.headline
    if best is None:
        return '<p class="verdict">The base was measured; the run has no adapter to compare it with.</p>'
    gain, found = best.gain, _verdicts(best.gain)
    say = _compared(gain.low, gain.high)
    sentence = (
        f"<b>{esc(best.system)}</b> {say} <b>{esc(best.against)}</b>: <b>{signed(gain.mean)}</b> F1 points on average "
        f"over {counted(len(gain.tasks), 'task')} ({best.shots}-shot, 95% interval {signed(gain.low)} to "
        f"{signed(gain.high)}; median {signed(gain.median)}): {found['improved']} improved, {found['regressed']} "
        f"regressed, {found['no change']} without a clear change."
    )
    return f'<p class="verdict">{sentence}</p>{_but(facts, best)}{_tiles(gain, found)}'


def _compared(low: float, high: float) -> str:
    return "is better than" if low > 0 else "is worse than" if high < 0 else "is not clearly different from"


def _verdicts(gain: Gain) -> dict[str, int]:
    return {name: sum(t.verdict == name for t in gain.tasks) for name in ("improved", "regressed", "no change")}


def _but(facts: Facts, best: Comparison) -> str:
    """What a mean hides: the largest task's share, and how much is answering in the asked format."""
    parts, total = [], sum(t.mean for t in best.gain.tasks)
    top = max(best.gain.tasks, key=lambda t: t.mean)
    if best.gain.low > 0 and len(best.gain.tasks) > 2:
        parts.append(
            f"{esc(facts.tasks.get(top.task, top.task))} alone makes {100 * top.mean / total:.0f}% of the gain."
        )
    cells = [c for c in facts.report.cells if c.shots == best.shots]
    before, after = ([c.in_format for c in cells if c.system == name] for name in (best.against, best.system))
    if before and after:
        parts.append(f"Answers in the asked format: {fmean(before):.0f}% before, {fmean(after):.0f}% after.")
    if flagged := sum(facts.report.overlap.values()):
        parts.append(f"{counted(flagged, 'item')} overlap with what was trained on{_without(best.clean)}.")
    if all(c.source == SAMPLES for c in cells):
        parts.append("All tasks were measured on the packaged samples only.")
    return f'<p class="but">{" ".join(parts)}</p>' if parts else ""


def _without(clean: Gain | None) -> str:
    """The mean gain when the flagged items are left out."""
    return f"; without them the mean gain is {signed(clean.mean)} {interval(clean.low, clean.high)}" if clean else ""


def _tiles(gain: Gain, found: Mapping[str, int]) -> str:
    low, high = gain.leave_one_out
    tiles = (
        ("mean gain", signed(gain.mean), interval(gain.low, gain.high)),
        ("median gain", signed(gain.median), f"of {counted(len(gain.tasks), 'task')}"),
        ("leaving one task out", f"{signed(low)} to {signed(high)}", "range of the mean"),
        ("▲ improved", str(found["improved"]), "Holm p &lt; 0.05"),
        ("▼ regressed", str(found["regressed"]), "Holm p &lt; 0.05"),
        ("■ no change", str(found["no change"]), "otherwise"),
    )
    cells = "".join(f"<div><dt>{a}</dt><dd>{b}<small>{c}</small></dd></div>" for a, b, c in tiles)
    return f'<dl class="tiles">{cells}</dl>'


def _failure(text: str) -> str:
    return f'<p class="warning" role="note"><b>Look here first.</b> {esc(text)}.</p>' if text else ""


def comparison(facts: Facts) -> str:
    """Tables: one a number of shots, then every score."""
    parts = [f"{_shots_heading(facts, k)}{_overview(facts, k)}" for k in facts.shots]
    marked = any(c.source == SAMPLES for c in facts.report.cells)
    note = "Gains are paired over identical items; ▲ and ▼ as in the plots below. The best F1 of a task is bold. "
    note += "* measured on the packaged samples only." if marked else ""
    everything = "".join(f"{_shots_heading(facts, k)}{_full(facts, k)}" for k in facts.shots)
    return section(
        "scores", "Scores", *parts, f'<p class="note">{note}</p>', fold("Every score of every system", everything)
    )


def _shots_heading(facts: Facts, shots: int) -> str:
    return f"<h3>{shots}-shot</h3>" if len(facts.shots) > 1 or shots else ""


def _cells(facts: Facts, shots: int) -> dict[str, dict[str, Cell]]:
    """Cells by task, then system."""
    rows: dict[str, dict[str, Cell]] = {name: {} for name in facts.tasks}
    for cell in facts.report.cells:
        if cell.shots == shots:
            rows[cell.task][cell.system] = cell
    return {name: row for name, row in rows.items() if row}


def _overview(facts: Facts, shots: int) -> str:
    """Tasks by systems: F1, in format, and the gain of each compared system over the plain base."""
    rows, names, gains = _cells(facts, shots), facts.systems, _main(facts, shots)
    groups = [("", 2), ("F1", len(names)), ("in format, %", len(names))]
    groups += [(f"gain over {esc(gains[0].against)} [95%]", len(gains))] if gains else []
    top = "".join(f'<th colspan="{n}" scope="colgroup" class="group"><span>{name}</span></th>' for name, n in groups)
    head = [
        "task",
        "items",
        *[system_name(facts, n) for n in names] * 2,
        *[system_name(facts, c.system) for c in gains],
    ]
    second = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(_overview_row(row, names, gains) for row in rows.values())
    foot = _mean_row(rows, names, gains) if len(rows) > 1 else ""
    return (
        f'<div class="wide"><table class="scores"><thead><tr>{top}</tr><tr>{second}</tr></thead>'
        f"<tbody>{body}</tbody><tfoot>{foot}</tfoot></table></div>"
    )


def system_name(facts: Facts, name: str) -> str:
    """A system with the colour that it has everywhere."""
    return f'<span class="key s{style(facts, name)}"></span>{esc(name)}'


def style(facts: Facts, name: str) -> int:
    """The number of a system's colour."""
    return facts.systems.index(name) % charts.STYLES if name in facts.systems else 0


def _main(facts: Facts, shots: int) -> list[Comparison]:
    """Comparisons with the headline's base."""
    against = facts.headline.against if facts.headline else ""
    return [c for c in facts.report.comparisons if c.shots == shots and c.against == against]


def _overview_row(row: Mapping[str, Cell], names: Sequence[str], gains: Sequence[Comparison]) -> str:
    first = next(iter(row.values()))
    best = max(c.scores["token_f1"] for c in row.values())
    f1 = [_f1(row[n].scores["token_f1"], best) if n in row else "" for n in names]
    formed = [f"{row[n].in_format:.0f}" if n in row else "" for n in names]
    found = [next((t for t in c.gain.tasks if t.task == first.task), None) for c in gains]
    shown = [gain_text(t.mean, t.low, t.high, t.verdict) if t else "" for t in found]
    return _row(_task(first), [str(first.items)], f1, formed, shown)


def _f1(value: float, best: float) -> str:
    return f"<b>{value:.1f}</b>" if value >= best > 0 else f"{value:.1f}"


def _task(cell: Cell) -> str:
    return esc(cell.title) + ('<abbr title="packaged samples only">*</abbr>' if cell.source == SAMPLES else "")


def _row(first: str, *groups: Iterable[str]) -> str:
    """A row whose groups of columns stand apart."""
    cells = "".join(f"<td{LEAD * (i == 0)}>{cell}</td>" for group in groups for i, cell in enumerate(group))
    return f'<tr><th scope="row">{first}</th>{cells}</tr>\n'


def gain_text(mean: float, low: float, high: float, verdict: str) -> str:
    """A gain with its sign, its interval and its verdict's arrow."""
    mark = f'<span class="arrow" title="{esc(verdict)}">{MARKS.get(verdict, "")}</span>'
    css = "gain v-" + esc(verdict.replace(" ", "-"))
    return f'<span class="{css}">{mark} {signed(mean)} <span class="note">{interval(low, high)}</span></span>'


def _mean_row(rows: Mapping[str, Mapping[str, Cell]], names: Sequence[str], gains: Sequence[Comparison]) -> str:
    cells = {n: [row[n] for row in rows.values() if n in row] for n in names}
    means = {n: fmean(c.scores["token_f1"] for c in cells[n]) for n in names if cells[n]}
    f1 = [_f1(means[n], max(means.values())) if n in means else "" for n in names]
    formed = [f"{fmean(c.in_format for c in cells[n]):.0f}" if cells[n] else "" for n in names]
    shown = [gain_text(c.gain.mean, c.gain.low, c.gain.high, outcome(c.gain)) for c in gains]
    return _row("mean", [""], f1, formed, shown)


def outcome(gain: Gain) -> str:
    """What the interval of a mean gain says."""
    return "improved" if gain.low > 0 else "regressed" if gain.high < 0 else "no change"


def _full(facts: Facts, shots: int) -> str:
    """Every system on every task: all metrics, format, and the gains over each base."""
    bases = list(dict.fromkeys(c.against for c in facts.report.comparisons if c.shots == shots))
    head = ["task", "system", "F1", "ROUGE-L", "the task's own metrics", "in format, %", "F1 of those in format"]
    head += [f"gain over {esc(name)} [95%]" for name in bases]
    rows = (
        [
            _task(cell) if i == 0 else "",
            system_name(facts, cell.system),
            *(f"{cell.scores[name]:.1f}" if name in cell.scores else "" for name in metrics.ALWAYS),
            _own_metrics(cell),
            f"{cell.in_format:.0f}",
            f"{cell.right_given_format:.1f}" if cell.in_format else "–",
            *(_gain_of(facts, cell, name) for name in bases),
        ]
        for row in _cells(facts, shots).values()
        for i, cell in enumerate(row.values())
    )
    return table(head, rows, "full")


def _own_metrics(cell: Cell) -> str:
    own = [(n, v) for n, v in cell.scores.items() if n not in metrics.ALWAYS]
    return "<br>".join(f"{esc(TITLES.get(n) or n.replace('_', ' '))} {v:.1f}" for n, v in own)


def _gain_of(facts: Facts, cell: Cell, against: str) -> str:
    key = (cell.system, against, cell.shots)
    found = [c for c in facts.report.comparisons if (c.system, c.against, c.shots) == key]
    tasks = [t for c in found for t in c.gain.tasks if t.task == cell.task]
    return gain_text(tasks[0].mean, tasks[0].low, tasks[0].high, tasks[0].verdict) if tasks else ""
