"""Charts as SVG text: pure functions of numbers, styled by classes that ``style.css`` colours.

Every chart is a whole ``<svg>`` of its own, well-formed XML, with a label for screen readers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from selfspec.html.text import clip, esc, interval, signed

Scale = Callable[[float], float]
Point = tuple[float, float]
STYLES = 6
"""Number of line and bar styles in ``style.css``: colours s0 to s5, markers and dashes that go with them."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A row of a forest plot, in points."""

    label: str
    mean: float
    low: float
    high: float
    verdict: str
    """``improved``, ``regressed`` or ``no change``."""


@dataclass(frozen=True, slots=True)
class Series:
    """A named line; ``style`` picks colour, dash and marker."""

    name: str
    points: Sequence[Point]
    style: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """A horizontal bar with the text at its end."""

    label: str
    value: float
    text: str
    css: str = "s2"


def svg(width: float, height: float, label: str, body: str, css: str = "") -> str:
    """Wrap shapes into a chart."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart {css}" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" aria-label="{esc(label)}">{body}</svg>'
    )


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers that span ``low`` to ``high``, in steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(power * m for m in (1, 2, 5, 10) if span / (power * m) <= about)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]


def scale(low: float, high: float, start: float, end: float) -> Scale:
    """A map of the numbers ``low`` to ``high`` onto the pixels ``start`` to ``end``."""
    return lambda value: start + (value - low) / ((high - low) or 1.0) * (end - start)


def text(x: float, y: float, words: str, css: str = "", anchor: str = "start", extra: str = "") -> str:
    """A piece of text; ``words`` are escaped."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}"{extra}>{esc(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def rect(x: float, y: float, width: float, height: float, css: str, tip: str = "") -> str:
    """A box, with a tip for the mouse."""
    inner = f"<title>{esc(tip)}</title>" if tip else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" class="{css}">'
        f"{inner}</rect>"
    )


def forest(effects: Sequence[Effect], total: Effect | None, span: Point | None = None) -> str:
    """Gains with their intervals, one a row, and the mean, if there is one, as a diamond at the bottom.

    ``span`` is the axis, by default what the intervals need.
    """
    left, right, top, row = 310.0, 770.0, 30.0, 31.0
    marks = ticks(*(span or reach([*effects, total] if total else effects)), 10)
    x = scale(marks[0], marks[-1], left, right)
    bottom = top + row * len(effects) + (46 if total else 6)
    body = [line(x(m), top - 6, x(m), bottom, "zero" if m == 0 else "grid") for m in marks]
    body += [text(x(m), bottom + 18, signed(m).removesuffix(".0"), "tick", "middle") for m in marks]
    body += [text(x(0) - 10, 14, "← worse", "tick", "end"), text(x(0) + 10, 14, "better →", "tick")]
    body += [_effect(e, x, top + row * (i + 0.5)) for i, e in enumerate(effects)]
    body += [line(0, bottom - 40, 960, bottom - 40, "axis"), _total(total, x, bottom - 20)] if total else []
    body.append(text((left + right) / 2, bottom + 38, "gain in F1 points, 95% interval", "tick", "middle"))
    label = f"Gains by task: mean {signed(total.mean)} {interval(total.low, total.high)}" if total else "Gains"
    return svg(960, bottom + 46, label, "".join(body), "forest")


def reach(effects: Sequence[Effect]) -> Point:
    """The axis that holds all intervals and zero."""
    return min(0.0, *(e.low for e in effects)), max(0.0, *(e.high for e in effects))


def _effect(effect: Effect, x: Scale, y: float) -> str:
    css = "v-" + effect.verdict.replace(" ", "-")
    tip = f"<title>{esc(effect.label)}: {esc(effect.verdict)}</title>"
    marks = {
        "improved": f"M{x(effect.mean):.1f} {y - 6.5:.1f}l7 12h-14z",
        "regressed": f"M{x(effect.mean):.1f} {y + 6.5:.1f}l7 -12h-14z",
    }
    dot = marks.get(effect.verdict, f"M{x(effect.mean) - 5:.1f} {y - 5:.1f}h10v10h-10z")
    span = line(x(effect.low), y, x(effect.high), y, "span")
    return (
        f'<g class="{css}">{tip}{text(0, y + 4.5, clip(effect.label, 42), "label")}{span}<path d="{dot}" class="mark"/>'
        f"{_numbers(effect, y)}</g>"
    )


def _total(total: Effect, x: Scale, y: float) -> str:
    corners = ((total.low, y), (total.mean, y - 8), (total.high, y), (total.mean, y + 8))
    diamond = "M" + "L".join(f"{x(value):.1f} {height:.1f}" for value, height in corners) + "z"
    css = "total v-" + total.verdict.replace(" ", "-")
    name = text(0, y + 4.5, total.label, "label")
    return f'<g class="{css}">{name}<path d="{diamond}" class="mark"/>{_numbers(total, y)}</g>'


def _numbers(effect: Effect, y: float) -> str:
    return text(836, y + 4.5, signed(effect.mean), "number", "end") + text(
        960, y + 4.5, interval(effect.low, effect.high), "tick number", "end"
    )


def lines(
    series: Sequence[Series],
    label: str,
    x_label: str = "",
    x_ticks: Sequence[tuple[float, str]] = (),
    y_range: tuple[float, float] | None = None,
    width: int = 960,
) -> str:
    """Line chart; the lines are named at their ends, in a lone one and those of a chart
    below 400 pixels not at all.
    """
    small, named = width < 400, len(series) > 1
    height, left, right, top = (132, 30, width - 10, 10) if small else (270, 36, width - (160 if named else 8), 14)
    bottom = height - (22 if small else 48)
    points = [p for s in series for p in s.points]
    low, high = y_range or (min(0.0, *(y for _, y in points)), max(y for _, y in points))
    y_marks = ticks(low, high, 2 if small else 5)
    xs = [x for x, _ in points]
    x_shown = list(x_ticks) or [(m, f"{m:g}") for m in ticks(min(xs), max(xs), 8) if min(xs) <= m <= max(xs)]
    x = scale(min(xs), max(xs), left + 12, right - 12)
    y = scale(y_marks[0], y_marks[-1], bottom, top)
    body = [line(left, y(m), right, y(m), "grid" if m != y_marks[0] else "axis") for m in y_marks]
    body += [text(left - 8, y(m) + 4, f"{m:g}", "tick", "end") for m in y_marks]
    body += [text(x(m), bottom + (16 if small else 20), name, "tick", "middle") for m, name in x_shown]
    body += [_polyline(s, x, y) for s in series]
    if not small:
        body.append(text((left + right) / 2, height - 6, x_label, "tick", "middle"))
        body += _names(series, y, right) if named else []
    return svg(width, height, label, "".join(body), "lines small" if small else "lines")


def _polyline(series: Series, x: Scale, y: Scale) -> str:
    path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in series.points)
    few = len(series.points) <= 12
    dots = (
        "".join(_marker(x(a), y(b), series.style, f"{series.name}: {b:.1f}") for a, b in series.points) if few else ""
    )
    return f'<g class="line s{series.style % STYLES}"><polyline points="{path}"/>{dots}</g>'


def _marker(x: float, y: float, style: int, tip: str) -> str:
    """Round, square, triangle or diamond: a line is told by its shape as well as by its colour."""
    shapes = (
        f"M{x - 4:.1f} {y:.1f}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
        f"M{x - 4:.1f} {y - 4:.1f}h8v8h-8z",
        f"M{x:.1f} {y - 5:.1f}l5 8.5h-10z",
        f"M{x:.1f} {y - 5.5:.1f}l5.5 5.5l-5.5 5.5l-5.5 -5.5z",
    )
    return f'<path d="{shapes[style % len(shapes)]}" class="mark"><title>{esc(tip)}</title></path>'


def _names(series: Sequence[Series], y: Scale, right: float) -> list[str]:
    """Names at the lines' ends, pushed apart where they would overlap."""
    ends = sorted((y(s.points[-1][1]), i) for i, s in enumerate(series) if s.points)
    placed, last = [], -math.inf
    for want, i in ends:
        last = max(want, last + 17)
        s = series[i]
        words = f"{clip(s.name, 18)}  {s.points[-1][1]:.1f}"
        placed.append(text(right + 6, last + 4, words, f"name s{s.style % STYLES}"))
    return placed


def histogram(
    stacks: Sequence[tuple[str, str, Sequence[int]]],
    span: tuple[float, float],
    label: str,
    x_label: str,
    limit: tuple[float, str] | None = None,
) -> str:
    """Stacked counts of equal bins over ``span``; ``stacks`` are (name, class, counts), drawn upwards.

    ``limit`` is a value to mark, with its name.
    """
    left, right, top, bottom = 36.0, 430.0, 34.0, 210.0
    bins = len(stacks[0][2])
    sums = [sum(counts[i] for _, _, counts in stacks) for i in range(bins)]
    marks = [m for m in ticks(0, max([*sums, 1]), 4) if m == int(m)]
    y, x = scale(0, marks[-1], bottom, top), scale(*span, left, right)
    body = [line(left, y(m), right, y(m), "grid" if m else "axis") for m in marks]
    body += [text(left - 8, y(m) + 4, f"{m:g}", "tick", "end") for m in marks]
    body += [text(x(m), bottom + 19, f"{m:g}", "tick", "middle") for m in ticks(*span, 6) if span[0] <= m <= span[1]]
    edge = [span[0] + (span[1] - span[0]) * i / bins for i in range(bins + 1)]
    for i in range(bins):
        base = 0
        for name, css, counts in stacks:
            tip = f"{edge[i]:.2f} to {edge[i + 1]:.2f}: {counts[i]} {name}"
            height = y(base) - y(base + counts[i])
            width = x(edge[i + 1]) - x(edge[i]) - 1.5
            body.append(rect(x(edge[i]) + 0.75, y(base + counts[i]), width, height, css, tip) if counts[i] else "")
            base += counts[i]
    if limit:
        body += [
            line(x(limit[0]), top - 10, x(limit[0]), bottom, "limit"),
            text(x(limit[0]) + 6, top - 2, limit[1], "tick"),
        ]
    body.append(text((left + right) / 2, bottom + 40, x_label, "tick", "middle"))
    return svg(440, bottom + 48, label, "".join(body) + _legend(stacks, left), "histogram")


def _legend(stacks: Sequence[tuple[str, str, Sequence[int]]], left: float) -> str:
    parts, x = [], left
    for name, css, _ in stacks if len(stacks) > 1 else ():
        parts += [rect(x, 3, 11, 11, css), text(x + 17, 13, name, "tick")]
        x += 34 + 7.2 * len(name)
    return "".join(parts)


def bars(rows: Sequence[Bar], label: str, names: float = 160.0, width: float = 960.0, most: float = 0.0) -> str:
    """Horizontal bars; ``names`` is the width of the labels, ``most`` the longest bar's value (that of the rows)."""
    x = scale(0, most or max([r.value for r in rows] + [1e-9]), 0, width - names - 80)
    body = []
    for i, row in enumerate(rows):
        y = 25.0 * i + 2
        body.append(text(names - 10, y + 14.5, clip(row.label, int(names / 7)), "label", "end"))
        body.append(rect(names, y + 2, x(row.value), 17, row.css, f"{row.label}: {row.text}"))
        body.append(text(names + x(row.value) + 7, y + 14.5, row.text, "tick number"))
    return svg(width, 25.0 * len(rows) + 4, label, "".join(body), "bars")


def share(value: float, css: str, label: str) -> str:
    """A probability as a thin bar."""
    value = min(max(value, 0.0), 1.0)
    return svg(120, 9, f"{label} {value:.2f}", rect(0, 0, 120, 9, "track") + rect(0, 0, 120 * value, 9, css), "share")
