"""Prompts with a common beginning compute it once.

Rows of one adapter that begin alike share the keys and values of that beginning: it is read once, and
every row goes on from there. Padding stays on the left, so this holds for every position scheme.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfspec.decoding.groups import Row

STEP = 16
"""Lengths that are tried, in tokens."""
WORTH = 0.1
"""Least share of the prompts' tokens that must be saved."""


def shared(rows: Sequence[Row]) -> int:
    """How many tokens of the rows' beginnings to read once: the length that saves most, or 0.

    Reading ``n`` tokens of each distinct beginning saves ``n`` for every other row that has it. At least one
    token of the shortest row is left over, from which its first prediction comes.
    """
    longest = min(len(row.ids) for row in rows) - 1
    total = sum(len(row.ids) for row in rows)
    saved = {n: n * (len(rows) - len(beginnings(rows, n)[0])) for n in range(STEP, longest + 1, STEP)}
    best = max(saved, key=lambda n: saved[n], default=0)
    return best if best and saved[best] >= WORTH * total else 0


def beginnings(rows: Sequence[Row], length: int) -> tuple[list[Row], list[int]]:
    """The distinct beginnings, and which of them each row has."""
    places: dict[Row, int] = {}
    which = [places.setdefault(Row(row.ids[:length], row.adapter), len(places)) for row in rows]
    return list(places), which
