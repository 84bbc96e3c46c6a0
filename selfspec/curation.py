"""Parse the base's task lists and keep what is fit: the filters of Self-Instruct.

A generated list looks like ``###\\n4. Instruction: ..\\n4. Input: ..\\n###\\n5. Instruction: ..``.
Every item is kept or refused for one reason, and the reasons are counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Indel

NO_INPUT = "<noinput>"
ITEM = re.compile(r"(?m)^(?:#+\s*|[^\S\n]*)\d+\.\s*Instruction:")
INPUT = re.compile(r"(?m)^[^\S\n]*(?:\d+\.\s*)?Input:")
SHORTEST, LONGEST = 3, 150
"""Words of an instruction (Self-Instruct)."""
IMPOSSIBLE = re.compile(
    r"\b(images?|pictures?|graphs?|figures?|plots?|draw|files?|maps?|videos?|audio|music|flow ?charts?|diagrams?|"
    r"websites?|links?)\b",
    re.IGNORECASE,
)
"""A text model cannot see, draw or open these."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One parsed list item."""

    number: int
    """Its place in the answer, from 0; the model's own numbers may repeat."""
    instruction: str
    input: str
    fault: str = ""
    """Why it cannot be used, when parsing shows it."""


def parse_list(text: str, complete: bool) -> Iterator[Candidate]:
    """Parse what followed a list prompt that ends in an open item.

    The prompt's last words are ``<n>. Instruction:``, so ``text`` begins with the rest of that
    line. ``complete`` tells whether the model ended the list itself; otherwise its last item is
    cut off in the middle.
    """
    bodies = ITEM.split(f"###\n0. Instruction:{text}")[1:]
    for number, body in enumerate(bodies):
        yield _candidate(number, body, cut=not complete and number == len(bodies) - 1)


def _candidate(number: int, body: str, cut: bool) -> Candidate:
    body = re.split(r"(?m)^#{2,}[^\S\n]*$", body, maxsplit=1)[0]
    parts = INPUT.split(body)
    instruction = " ".join(parts[0].split())
    if cut:
        return Candidate(number, instruction, "", "truncated")
    if len(parts) != 2:
        return Candidate(number, instruction, "", "unparsed")
    text = parts[1].strip()
    return Candidate(number, instruction, "" if text.lower().startswith(NO_INPUT[:-1]) else text)


def fault(candidate: Candidate) -> str:
    """Return why an item is unfit by itself, or nothing."""
    words = candidate.instruction.split()
    if candidate.fault:
        return candidate.fault
    if len(words) < SHORTEST:
        return "too short"
    if len(words) > LONGEST or len(candidate.input.split()) > LONGEST * 2:
        return "too long"
    if not words[0][0].isascii() or not words[0][0].isalnum():
        return "odd start"
    if IMPOSSIBLE.search(candidate.instruction):
        return "not for text"
    if words[:2] == ["Write", "a"] and "program" in words[:5]:
        return "program"
    return "repeats itself" if loops(f"{candidate.instruction} {candidate.input}".split()) else ""


def loops(words: Sequence[str]) -> bool:
    """Whether some four words in a row make up more than a third of the text: a decoding loop."""
    grams = [tuple(words[i : i + 4]) for i in range(len(words) - 3)]
    return len(grams) >= 12 and max(map(grams.count, set(grams))) * 4 * 3 > len(words)


class Pool:
    """The instructions so far, for refusing near-duplicates by ROUGE-L.

    ROUGE-L F1 of token sequences of m and n tokens is 2 LCS / (m + n), and Indel similarity is
    2 LCS, so the rule is decided in integers: refuse when 20 LCS > 7 (m + n) (for 0.7).
    """

    def __init__(self, instructions: Sequence[str], limit: float = 0.7) -> None:
        """Start with the seeds' instructions; ``limit`` is read to a thousandth."""
        self._per_mille = round(limit * 1000)
        self._ids: dict[str, int] = {}
        self._texts: list[str] = []
        for instruction in instructions:
            self.add(instruction)

    def add(self, instruction: str) -> None:
        """Add an instruction."""
        self._texts.append(self._encode(instruction))

    def nearest(self, instruction: str) -> tuple[float, bool]:
        """Return the largest ROUGE-L F1 to the pool and whether it is above the limit."""
        mine = self._encode(instruction)
        if not self._texts or not mine:
            return 0.0, False
        twice_lcs = process.cdist([mine], self._texts, scorer=Indel.similarity, dtype=np.int32)[0].astype(np.int64)
        total = np.array([len(t) for t in self._texts]) + len(mine)
        return float((twice_lcs / total).max()), bool((1000 * twice_lcs > self._per_mille * total).any())

    def _encode(self, text: str) -> str:
        """One character for each token (rouge_score's tokens), past the surrogates."""
        tokens = re.sub(r"[^a-z0-9]+", " ", text.lower()).split()
        codes = [self._ids.setdefault(t, len(self._ids)) + 0x100 for t in tokens]
        return "".join(chr(c if c < 0xD800 else c + 0x800) for c in codes)
