"""The contamination firewall: does anything the model learnt from contain the items it is tested on?

Two tests on lower-case words: a shared run of 13 words (as GPT-3 and lm-evaluation-harness do), and
near-duplication: a text and an item's input whose word sequences have ROUGE-L F1 above 0.8.

>>> items = [("bioasq", "q1", "the quick brown fox jumps over the lazy dog tonight and never comes back home")]
>>> [h.kind for h in find(items, [("seeds", "s1", items[0][2])])]
['13-gram']
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Indel

GRAM = 13
NEAR = 0.8
SHORTEST = 5
"""Items of fewer words are too short to be told apart and are compared as a whole only from here."""

Item = tuple[str, str, str]
"""(task, id, text)"""
Text = tuple[str, str, str]
"""(source, id, text)"""


@dataclass(frozen=True, slots=True)
class Hit:
    """A text that contains, or nearly is, an evaluated item."""

    source: str
    text: str
    task: str
    item: str
    kind: str
    """``13-gram`` or ``near-duplicate``."""


def words(text: str) -> list[str]:
    """Lower-case letters-and-digits words."""
    return re.findall(r"[a-z0-9]+", text.lower())


def find(items: Iterable[Item], texts: Iterable[Text]) -> list[Hit]:
    """Return every (text, item) pair that overlaps, each once, in the order of the texts."""
    index = _Index(items)
    return [hit for source, name, text in texts for hit in index.hits(source, name, words(text))]


class _Index:
    """The items' 13-grams, and their 4-grams for finding near-duplicate candidates."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = [(task, name, words(text)) for task, name, text in items]
        self.long: dict[tuple[str, ...], set[int]] = defaultdict(set)
        self.short: dict[tuple[str, ...], set[int]] = defaultdict(set)
        for number, (_, _, tokens) in enumerate(self.items):
            for gram in _grams(tokens, GRAM):
                self.long[gram].add(number)
            if len(tokens) >= SHORTEST:
                for gram in _grams(tokens, 4):
                    self.short[gram].add(number)
        self.known = {GRAM: set(self.long), 4: set(self.short)}

    def hits(self, source: str, name: str, tokens: Sequence[str]) -> Iterator[Hit]:
        shared = {n for gram in self._common(tokens, GRAM) for n in self.long[gram]}
        near = {n for n in self._candidates(tokens) - shared if self._near(tokens, n)}
        for number in sorted(shared | near):
            task, item, _ = self.items[number]
            yield Hit(source, name, task, item, "13-gram" if number in shared else "near-duplicate")

    def _common(self, tokens: Sequence[str], size: int) -> set[tuple[str, ...]]:
        """Distinct runs of ``size`` words that the text has in common with any item."""
        return set(_grams(tokens, size)) & self.known[size]

    def _candidates(self, tokens: Sequence[str]) -> set[int]:
        """Items that share at least a third of the text's 4-grams."""
        common, least = self._common(tokens, 4), max(1, (len(tokens) - 3) // 3)
        counts = Counter(n for gram in common for n in self.short[gram]) if len(common) >= least else {}
        return {n for n, c in counts.items() if c >= least}

    def _near(self, tokens: Sequence[str], number: int) -> bool:
        return Indel.normalized_similarity(list(tokens), self.items[number][2], score_cutoff=NEAR) > NEAR


def _grams(tokens: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    return zip(*(tokens[start:] for start in range(size)), strict=False)


def summary(hits: Sequence[Hit]) -> Mapping[str, int]:
    """How many texts of each source overlap with at least one item."""
    return dict(Counter(source for source, _ in {(h.source, h.text) for h in hits}))
