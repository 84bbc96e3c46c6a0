"""Prompts with a common beginning compute it once.

Rows of one adapter that begin alike share the keys and values of that beginning: it is read once, and
every row goes on from there. Padding stays on the left, so this holds for every position scheme.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from selfspec.decoding.groups import Row

STEP = 16
"""Lengths that are tried, in tokens."""
WORTH = 0.1
"""Least share of the prompts' tokens that must be saved."""


def shared(rows: Sequence[Row]) -> int:
    """How many tokens of the rows' beginnings to read once: the length that saves most, or 0.

    Reading ``n`` tokens of each distinct beginning saves ``n`` for every other row that has it: in sorted order,
    for every row that begins with ``n`` tokens of the row before. At least one token of the shortest row is left
    over, from which its first prediction comes.
    """
    longest = min(len(row.ids) for row in rows) - 1
    ordered = sorted(rows, key=lambda row: (row.adapter or "", row.ids))
    common = [min(_common(*pair), longest) for pair in itertools.pairwise(ordered)]
    saved = {n: n * sum(c >= n for c in common) for n in sorted(c // STEP * STEP for c in common)}
    best = max(saved, key=lambda n: saved[n], default=0)
    return best if best and saved[best] >= WORTH * sum(len(row.ids) for row in rows) else 0


def _common(one: Row, two: Row) -> int:
    """How many tokens two rows of one adapter begin with alike."""
    if one.adapter != two.adapter:
        return 0
    pairs = enumerate(zip(one.ids, two.ids, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one.ids), len(two.ids)))


def beginnings(rows: Sequence[Row], length: int) -> tuple[list[Row], list[int]]:
    """The distinct beginnings, and which of them each row has."""
    places: dict[Row, int] = {}
    which = [places.setdefault(Row(row.ids[:length], row.adapter), len(places)) for row in rows]
    return list(places), which
