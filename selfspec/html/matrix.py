"""The page of ``selfspec compare``: scores, gains by domain, interference, routes."""

from __future__ import annotations

from collections.abc import Sequence

from selfspec.compare import Gain
from selfspec.html import charts
from selfspec.html.charts import Effect
from selfspec.html.page import document
from selfspec.html.scores import SAMPLES, gain_text, outcome
from selfspec.html.text import counted, esc, figure, fold, section, table
from selfspec.matrix.result import Matrix
from selfspec.version import __version__

NONE = "–"


def page(matrix: Matrix) -> str:
    """The whole document; equal matrices give equal pages."""
    parts = [_heading(matrix), *(_shots(matrix, k) for k in matrix.shots), _routes(matrix)]
    return document(
        f"{', '.join(matrix.domains)}: {matrix.model}, selfspec compare",
        "\n".join(filter(None, parts)),
        f"selfspec {__version__}",
    )


def _heading(matrix: Matrix) -> str:
    sampled = [name for name, tasks in matrix.sources.items() if SAMPLES in tasks.values()]
    notes = [
        f"{counted(len(matrix.systems), 'system')} on {counted(len(matrix.domains), 'domain')}, one base in memory.",
        f"Packaged samples: {', '.join(sampled)}." if sampled else "",
        *(
            f"{counted(n, 'item')} of {name} overlap with what an adapter was trained on."
            for name, n in matrix.overlap.items()
        ),
    ]
    return (
        '<header><p class="kicker">selfspec compare</p><h1>Domain adapters and their mixes</h1>'
        f'<p class="made">model <b>{esc(matrix.model)}</b></p>'
        f'<p class="but">{esc(" ".join(filter(None, notes)))}</p></header>'
    )


def _shots(matrix: Matrix, shots: int) -> str:
    named = [d for d in matrix.domains if any((c.domain, c.shots) == (d, shots) for c in matrix.cells)]
    caption = (
        "95% intervals by paired bootstrap over each task's items. ▲ ▼: the interval of the domain's mean leaves out "
        "zero; intervals are not corrected for the number of cells."
    )
    forests = [
        f"<h3>{esc(matrix.domains[d])}</h3>" + figure(_forest(matrix, d, shots), f"Gain against base. {caption}")
        for d in named
    ]
    return (
        section(f"scores-{shots}", f"Scores, {shots}-shot", _scores(matrix, named, shots))
        + section(f"gains-{shots}", "Gain by domain", *forests)
        + section(f"interference-{shots}", "Gain and interference", _summary(matrix, shots), _own(matrix, named, shots))
    )


def _scores(matrix: Matrix, named: Sequence[str], shots: int) -> str:
    """Systems by domains: mean F1 over the domain's tasks, the best bold; tasks behind a click."""
    best = {d: max(c.f1 for c in matrix.cells if (c.domain, c.shots) == (d, shots)) for d in named}

    def shown(system: str, domain: str) -> str:
        cell = matrix.cell(system, domain, shots)
        if cell is None:
            return NONE
        value = f"<b>{cell.f1:.1f}</b>" if cell.f1 == best[domain] else f"{cell.f1:.1f}"
        return f'{value} <span class="note">{cell.in_format:.0f}%</span>'

    rows = [[esc(e.system), esc(e.kind), *(shown(e.system, d) for d in named)] for e in matrix.systems]
    note = '<p class="note">Mean F1 over the tasks; answers in the asked format. The best of a domain is bold.</p>'
    head = ["system", "", *(esc(matrix.domains[d]) for d in named)]
    return table(head, rows) + note + fold("F1 of every task", _tasks(matrix, named, shots))


def _tasks(matrix: Matrix, named: Sequence[str], shots: int) -> str:
    cells = {(c.system, c.domain): c for c in matrix.cells if c.shots == shots}
    rows = [
        [f"{esc(d)}: {esc(task)}", *(f"{cells[e.system, d].tasks[task]:.1f}" for e in matrix.systems)]
        for d in named
        for task in cells[matrix.systems[0].system, d].tasks
    ]
    return table(["task", *(esc(e.system) for e in matrix.systems)], rows)


def _forest(matrix: Matrix, domain: str, shots: int) -> str:
    effects = []
    for entry in matrix.systems:
        cell = matrix.cell(entry.system, domain, shots)
        for versus in cell.versus if cell else ():
            if versus.against == "base":
                gain = versus.gain
                effects.append(Effect(entry.system, gain.mean, gain.low, gain.high, outcome(gain)))
    return charts.forest(effects, None)


def _text(gain: Gain | None) -> str:
    return gain_text(gain.mean, gain.low, gain.high, outcome(gain)) if gain else NONE


def _summary(matrix: Matrix, shots: int) -> str:
    """What a system gains on its own domains, and what it does to all other tasks."""
    rows = [
        [esc(s.system), esc(s.against), _text(s.own), _text(s.interference)]
        for s in matrix.summaries
        if s.shots == shots
    ]
    note = '<p class="note">Every task weighs the same; the control set is among the others.</p>'
    return table(["system", "against", "own domains", "everything else"], rows) + note


def _own(matrix: Matrix, named: Sequence[str], shots: int) -> str:
    """What is lost or won beside the domain's own adapter."""
    rows = []
    for entry in matrix.systems:
        cells = [matrix.cell(entry.system, d, shots) for d in named]
        found = [
            next((v.gain for v in (c.versus if c else ()) if not v.against.startswith("base")), None) for c in cells
        ]
        rows += [[esc(entry.system), *map(_text, found)]] if any(found) and entry.kind != "base" else []
    if not rows:
        return ""
    return "<h3>Against the domain's own adapter</h3>" + table(
        ["system", *(esc(matrix.domains[d]) for d in named)], rows
    )


def _routes(matrix: Matrix) -> str:
    """Where the router sent the items of each domain."""
    targets = list(dict.fromkeys(name for counts in matrix.routes.values() for name in counts))
    rows = [[esc(d), *(str(counts.get(name, 0)) for name in targets)] for d, counts in matrix.routes.items()]
    return section("routes", "Routes", table(["items of", *map(esc, targets)], rows) if targets else "")
