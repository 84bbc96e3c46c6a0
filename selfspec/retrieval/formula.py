"""The one BM25 formula, Lucene's, for every index and size of corpus; and what a long query may leave out.

The score of a passage is the sum over the query's words, each as often as the query says it, of

    log(1 + (N - n + 0.5) / (n + 0.5)) * tf / (tf + k1 (1 - b + b |d| / avg|d|))

N passages, n of them with the word, tf times in this one of |d| words. The right factor is below 1, so a word adds
less than its idf: that is the bound which pruning stands on. k1 = 1.2 and b = 0.75 are Lucene's, and tantivy has no
others; rank-bm25's scores are k1 + 1 times these, and its idf is floored, so the idf is set from here.

>>> Formula(passages=2, words=3, k1=1.2, b=0.75).score({"fox": Term(1, 0.69)}, ["red", "fox"])
0.28...
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selfspec.types import Passage

K1, B = 1.2, 0.75
PRUNE = 0.1
"""What :func:`prune` may leave out of a query to a large corpus unless told otherwise."""
ROUNDING = 1e-5
"""How far a sum of 32-bit floats may be from the formula's, as a share of it."""
TIES = 100
"""Passages with the k-th best score, but for rounding, that are looked at; of more the first in the corpus."""

Scores = NDArray[np.floating[Any]]
Numbers = NDArray[np.integer[Any]]


class Term(NamedTuple):
    """A word of a query: how often the query says it, and its idf."""

    times: int
    idf: float

    @property
    def most(self) -> float:
        """What the word can add to a score at most."""
        return self.times * self.idf


Terms = Mapping[str, Term]
"""The words of a query that the corpus has, in the order in which the query first says them."""


@dataclass(frozen=True, slots=True)
class Formula:
    """BM25 with the figures of one corpus."""

    passages: int
    words: int
    k1: float = K1
    b: float = B

    def terms(self, query: str, frequency: Callable[[str], int]) -> dict[str, Term]:
        """Look the query's words up; ``frequency`` says in how many passages a word is. Unknown ones are left out."""
        found = ((word, count, frequency(word)) for word, count in Counter(tokenize(query)).items())
        return {word: Term(count, self.idf(number)) for word, count, number in found if number}

    def idf(self, frequency: int) -> float:
        """The weight of a word that is in ``frequency`` passages; above 0."""
        return math.log(1 + (self.passages - frequency + 0.5) / (frequency + 0.5))

    def score(self, terms: Terms, words: Sequence[str]) -> float:
        """The score of a passage of these ``words``."""
        counts = Counter(words)
        length = self.k1 * (1 - self.b + self.b * len(words) * self.passages / self.words)
        found = ((term, counts[word]) for word, term in terms.items() if word in counts)
        return sum(term.most * (tf / (tf + length)) for term, tf in found)


def tokenize(text: str) -> list[str]:
    """Lower-case words and numbers: what BM25 counts."""
    return re.findall(r"[a-z0-9]+", text.lower())


def words_of(passage: Passage) -> list[str]:
    """The words of a passage, its title's first."""
    return tokenize(f"{passage.title} {passage.text}")


def prune(terms: Terms, share: float) -> tuple[dict[str, Term], float]:
    """Leave out common words that can hold at most ``share`` of the query's highest possible score.

    Returns the words that stay, in their order, and the most that the others can add to a score. Words go in
    the order of what they can add for each passage that they are in: those that cost most and say least.
    """
    room = share * sum(term.most for term in terms.values())
    out: dict[str, float] = {}
    for word, term in sorted(terms.items(), key=_worth):
        if (room := room - term.most) < 0:
            break
        out[word] = term.most
    return {word: term for word, term in terms.items() if word not in out}, sum(out.values())


def _worth(entry: tuple[str, Term]) -> tuple[float, str]:
    """What a word can add for each passage that it is in; exp(-idf) is the share of the passages, nearly."""
    word, term = entry
    return term.most * math.expm1(term.idf), word


def near_best(scores: Scores, numbers: Numbers, k: int) -> list[int]:
    """Of the passages ``numbers``, those with the best ``k`` scores, or so near them that rounding may decide."""
    order = np.lexsort((numbers, -scores))[: k + TIES]
    floor = scores[order[:k]].min(initial=np.inf) * (1 - ROUNDING)
    return [int(numbers[place]) for place in order if scores[place] >= floor]
