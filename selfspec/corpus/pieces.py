"""Cut text into passages of about 150 words at sentence ends, a bounded part of it in memory at a time.

>>> [len(piece.split()) for piece in pieces(["One two three four. " * 100])]
[152, 152, 96]
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

WORDS = 150
"""About how long a passage is."""
SHORTEST = 20
"""Shorter ones (headings, table cells) are left out."""
LONGEST = 1 << 20
"""Characters without a sentence end that are held in memory; more are cut at a blank."""
END = re.compile(r"(?<=[.!?])\s+|\n\s*\n")


def pieces(chunks: Iterable[str]) -> Iterator[str]:
    """Cut the text that ``chunks`` make up, none shorter than ``SHORTEST``; where they are cut changes nothing."""
    piece: list[str] = []
    for sentence in _sentences(chunks):
        words = sentence.split()
        if piece and len(piece) + len(words) > WORDS * 4 // 3:
            if len(piece) >= SHORTEST:
                yield " ".join(piece)
            piece = []
        piece += words
        while len(piece) > WORDS * 2:  # text without sentence ends
            yield " ".join(piece[:WORDS])
            piece = piece[WORDS:]
        if len(piece) >= WORDS:
            yield " ".join(piece)
            piece = []
    if len(piece) >= SHORTEST:
        yield " ".join(piece)


def _sentences(chunks: Iterable[str]) -> Iterator[str]:
    rest = ""
    for chunk in chunks:
        *whole, rest = END.split(rest + chunk)
        yield from whole
        if len(rest) > LONGEST:
            head, _, rest = rest.rpartition(" ")
            yield head
    yield rest
