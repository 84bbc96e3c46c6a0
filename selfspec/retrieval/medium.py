"""The index of corpora up to some hundred thousand passages: bm25s, memory-mapped.

bm25s adds up its eager scores, here those of the rarer words only: the commonest, which can hold no more than
``SHARE`` of a score but are most of the work, are looked up for the passages that could still be among the best.
That leaves nothing out: a passage whose rarer words score less than the k-th best by more than the commonest can add
is not among the best. It is faster than bm25s with numba, which adds up everything (docs/performance.md).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from selfspec.retrieval.formula import ROUNDING, Formula, Numbers, Scores, Terms, near_best, prune
from selfspec.retrieval.store import Store, count

SHARE = 0.03
TINY = float(np.finfo(np.float32).tiny)


class BM25SIndex:
    """bm25s over the passages of a :class:`Store`, read from the folder that :meth:`build` has filled."""

    def __init__(self, folder: Path, store: Store, k1: float, b: float) -> None:
        """Map the index into memory."""
        import bm25s

        self.formula = Formula(len(store), store.words(), k1, b)
        self._index = bm25s.BM25.load(folder, mmap=True)
        scores = self._index.scores
        for part in ("data", "indices", "indptr"):
            scores[part] = np.asarray(scores[part])  # still mapped; slicing a memmap costs microseconds
        self._data, self._rows, self._starts = scores["data"], scores["indices"], scores["indptr"]

    @staticmethod
    def build(folder: Path, store: Store, k1: float, b: float) -> None:
        """Index the passages; nothing is written when none has a word."""
        import bm25s

        vocabulary: dict[str, int] = {}
        ids = [array("i", [vocabulary.setdefault(w, len(vocabulary)) for w in words]) for words in count(store)]
        if not vocabulary:
            return
        index = bm25s.BM25(k1=k1, b=b, method="lucene")
        index.index((ids, vocabulary), show_progress=False)
        index.save(folder, show_progress=False)

    def frequency(self, word: str) -> int:
        """In how many passages the word is."""
        start, end = self._span(word) if word in self._index.vocab_dict else (0, 0)
        return end - start

    def candidates(self, terms: Terms, k: int) -> Iterator[tuple[Sequence[int], float]]:
        """Yield the passages that can be among the best ``k``, once, and the most that any other can score."""
        kept, most = prune(terms, SHARE)
        left = {word: term for word, term in terms.items() if word not in kept}
        scores = self._add(kept)
        found = self._within_reach(scores, left, most, k)
        if len(found) > len(scores) // 20:  # the rarer words do not tell: adding up is faster than looking up
            scores, left = self._add(terms), {}
            found = self._within_reach(scores, left, 0.0, k)
        yield near_best(self._complete(scores, found, left), found, k), -math.inf

    def _add(self, terms: Terms) -> Scores:
        ids = [self._index.vocab_dict[word] for word, term in terms.items() for _ in range(term.times)]
        return np.asarray(self._index.get_scores_from_ids(ids))

    def _within_reach(self, scores: Scores, left: Terms, most: float, k: int) -> Numbers:
        """The passages whose rarer words score at most ``most`` below what the best ``k`` have at least."""
        k = min(k, len(scores))
        floor = self._complete(scores, np.argpartition(scores, -k)[-k:], left).min() * (1 - ROUNDING) - most
        return np.flatnonzero(scores >= floor if left else scores >= max(floor, TINY))

    def _complete(self, scores: Scores, found: Numbers, left: Terms) -> Scores:
        """Add what the words ``left`` out give to some passages."""
        full = scores[found].astype(np.float64)
        for word, term in left.items():
            start, end = self._span(word)
            rows = self._rows[start:end]
            place = np.minimum(np.searchsorted(rows, found.astype(rows.dtype)), len(rows) - 1)
            full += np.where(rows[place] == found, self._data[start:end][place], 0) * term.times
        return full

    def _span(self, word: str) -> tuple[int, int]:
        number = self._index.vocab_dict[word]
        return int(self._starts[number]), int(self._starts[number + 1])
