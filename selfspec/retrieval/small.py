"""The index of small corpora: rank-bm25, in memory, built in no time.

Its default idf is floored, which ranks differently; it is set to the formula's. Its scores are then k1 + 1 times the
formula's, for every passage, and whoever is near the best is handed on to be scored by the formula itself.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from rank_bm25 import BM25Okapi

from selfspec.retrieval.formula import Formula, Terms, near_best, words_of
from selfspec.types import Passage


class RankBM25Index:
    """rank-bm25 over passages in memory; at least one of them has a word."""

    def __init__(self, passages: Sequence[Passage], k1: float, b: float) -> None:
        """Count the words of the passages."""
        words = [words_of(passage) for passage in passages]
        self.formula = Formula(len(words), sum(map(len, words)), k1, b)
        self._index = BM25Okapi(words, k1=k1, b=b)
        self._frequencies = Counter(word for counts in self._index.doc_freqs for word in counts)
        self._index.idf = {word: self.formula.idf(number) for word, number in self._frequencies.items()}

    def frequency(self, word: str) -> int:
        """In how many passages the word is."""
        return self._frequencies[word]

    def candidates(self, terms: Terms, k: int) -> Iterator[tuple[Sequence[int], float]]:
        """Yield the passages that can be among the best ``k``, once, and the most that any other can score."""
        query = [word for word, term in terms.items() for _ in range(term.times)]
        scores = np.asarray(self._index.get_scores(query))
        found = np.flatnonzero(scores)
        yield near_best(scores[found], found, k), -math.inf
