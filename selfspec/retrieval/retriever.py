"""The engine's retriever: an index proposes passages, the formula scores them.

>>> indexed([Passage(id="a", text="red fox"), Passage(id="b", text="cow")]).search("Fox!", 5)
[(Passage(id='a', text='red fox', title=''), 0.27...)]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from selfspec.errors import ConfigError
from selfspec.retrieval.formula import Formula, Terms, words_of
from selfspec.types import Passage


class Index(Protocol):
    """Proposes passages by number."""

    formula: Formula

    def frequency(self, word: str) -> int:
        """In how many passages the word is."""

    def candidates(self, terms: Terms, k: int) -> Iterator[tuple[Sequence[int], float]]:
        """Yield passages that may be among the best ``k``, and the most that any other can score."""


class BM25Retriever:
    """BM25 over passages; ties go to the passage that comes first in the corpus.

    With ``prune`` 0, and with any ``prune`` unless tantivy is the index, the passages are the best there are.
    Otherwise no passage that is left out scores more than ``prune`` times the query's highest possible score (the sum
    of its words' idf) above the last one returned. ``proven`` of ``searched`` queries are known to have lost nothing.
    """

    def __init__(self, passages: Sequence[Passage], index: Index | None, prune: float, keep: object = None) -> None:
        """Search ``passages`` by their ``index``, ``None`` when none has a word; ``keep`` lives as long as this."""
        check_prune(prune)
        self.passages, self.index, self._prune, self._keep = passages, index, prune, keep
        self.searched = self.proven = 0

    def search(self, query: str, k: int) -> list[tuple[Passage, float]]:
        """Return the best ``k`` (passage, BM25 score) pairs with a score above zero."""
        if self.index is None or k < 1:
            return []
        formula, terms = self.index.formula, self.index.formula.terms(query, self.index.frequency)
        if not terms:
            return []
        allowed = self._prune * sum(term.most for term in terms.values())
        scores: dict[int, float] = {}
        for numbers, ceiling in self.index.candidates(terms, k):
            new = [number for number in numbers if number not in scores]
            scores |= {number: formula.score(terms, words_of(self.passages[number])) for number in new}
            best = sorted(scores, key=lambda number: (-scores[number], number))[:k]
            worst = scores[best[-1]] if len(best) == k else 0.0
            if worst > ceiling - allowed:
                break
        self.searched += 1
        self.proven += worst > ceiling
        return [(self.passages[number], scores[number]) for number in best]


def check_prune(share: float) -> None:
    """Raise :class:`ConfigError` unless ``share`` is one that leaves something of a query."""
    if not 0 <= share < 1:
        raise ConfigError(f"setting 'retrieval.prune' is {share}, must be 0 or more and below 1.")
