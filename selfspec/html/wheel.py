"""The verb and noun wheel (the paper's Figure 6): a sunburst of two rings as SVG text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from selfspec.html.charts import svg, text
from selfspec.html.text import clip, esc
from selfspec.html.words import Verb

SIZE, HOLE, MIDDLE, RIM = 660.0, 78.0, 186.0, 322.0
"""Width of the picture and radii of the rings."""
HUES = 7
"""Fill classes ``w0`` to ``w6`` of ``style.css``, in turn."""


def wheel(verbs: Sequence[Verb]) -> str:
    """Inner ring: verbs; outer ring: their objects. Angles are counts, clockwise from the top."""
    total = sum(verb.count for verb in verbs)
    turn = 2 * math.pi / max(total, 1)
    parts, start = [], 0.0
    for i, verb in enumerate(verbs):
        end = start + verb.count * turn
        hue = f"w{_hue(i, len(verbs))}"
        parts.append(_piece(HOLE, MIDDLE, start, end, f"{hue} inner", verb.word, verb.count, 14))
        parts += _objects(verb, start, turn, hue)
        start = end
    middle = text(SIZE / 2, SIZE / 2 - 2, f"{total:,}", "centre", "middle") + text(
        SIZE / 2, SIZE / 2 + 20, "instructions" if total != 1 else "instruction", "tick", "middle"
    )
    label = "First verbs and their objects: " + ", ".join(f"{v.word} {v.count}" for v in verbs[:5])
    return svg(SIZE, SIZE, label, "".join(parts) + middle, "wheel")


def _hue(index: int, count: int) -> int:
    """Neighbours differ, the last from the first too."""
    return 1 if index and index == count - 1 and index % HUES == 0 else index % HUES


def _objects(verb: Verb, start: float, turn: float, hue: str) -> list[str]:
    parts = []
    for noun, count in verb.objects:
        end = start + count * turn
        parts.append(_piece(MIDDLE, RIM, start, end, f"{hue} outer", noun, count, 17))
        start = end
    return parts


def _piece(inner: float, outer: float, start: float, end: float, css: str, word: str, count: int, room: int) -> str:
    """A part of a ring with its word along the radius, if the word has room."""
    middle, radius = (start + end) / 2, (inner + outer) / 2
    wide = (end - start) * (inner + outer) / 2 >= 13
    name = _radial(radius, middle, clip(word, room), "verb" if "inner" in css else "noun") if wide else ""
    tip = f"<title>{esc(word)}: {count}</title>"
    return f'<g class="{css}"><path d="{arc(inner, outer, start, end)}">{tip}</path>{name}</g>'


def arc(inner: float, outer: float, start: float, end: float) -> str:
    """The path of a part of a ring; angles in radians, clockwise from the top."""
    end = min(end, start + 2 * math.pi - 1e-3)
    large = int(end - start > math.pi)
    (a, b), (c, d) = _at(outer, start), _at(outer, end)
    (e, f), (g, h) = _at(inner, end), _at(inner, start)
    return (
        f"M{a:.2f} {b:.2f}A{outer:g} {outer:g} 0 {large} 1 {c:.2f} {d:.2f}"
        f"L{e:.2f} {f:.2f}A{inner:g} {inner:g} 0 {large} 0 {g:.2f} {h:.2f}z"
    )


def _at(radius: float, angle: float) -> tuple[float, float]:
    return SIZE / 2 + radius * math.sin(angle), SIZE / 2 - radius * math.cos(angle)


def _radial(radius: float, angle: float, word: str, css: str) -> str:
    """A word that reads outwards on the right half, inwards on the left."""
    x, y = _at(radius, angle)
    degrees = math.degrees(angle) - 90 + (180 if angle > math.pi else 0)
    return text(x, y, word, css, "middle", f' dy="0.35em" transform="rotate({degrees:.1f} {x:.1f} {y:.1f})"')
