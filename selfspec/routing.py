"""Choosing the adapter for a request from its text, with no training.

Each adapter's seeds and generated instructions become one tf-idf centroid; a request goes to the
nearest by cosine, and to the base when none is near. Requests for different adapters then share one
batch, because each row of :func:`selfspec.decoding.decode` names its own adapter.

>>> router = TextRouter({"biomed": ["Name the gene."], "finance": ["Give the share price."]})
>>> route = router.route("Which gene does the paper name?")
>>> route.adapter, sorted(route.scores)
('biomed', ['biomed', 'finance'])
>>> router.route("Bonjour").adapter is None
True
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfspec import jsonl
from selfspec.decoding import Group, Row
from selfspec.errors import ConfigError, DataError
from selfspec.retrieval import tokenize
from selfspec.types import Seed

THRESHOLD = 0.06
"""Cosine below which the base answers. Of the 500 packaged test items with their instructions 1% score
below 0.09 on the seeds' centroids; the highest of 15 requests from no domain is 0.051."""

Vector = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes, and why."""

    adapter: str | None
    """``None``: the base."""
    scores: Mapping[str, float]
    """Cosine to each adapter's centroid, from 0 to 1."""


class TextRouter:
    """tf-idf centroids of each adapter's texts: (1 + log tf) * log(1 + (N - n + 0.5) / (n + 0.5)), N texts."""

    def __init__(self, texts: Mapping[str, Sequence[str]], threshold: float = THRESHOLD) -> None:
        """Build the centroids. Raises :class:`ConfigError` for a threshold outside [0, 1] and
        :class:`DataError` when an adapter has no text."""
        if not 0 <= threshold <= 1:
            raise ConfigError(f"routing threshold {threshold}: must be from 0 to 1. {THRESHOLD} is the default.")
        self.threshold = threshold
        counted = {name: [Counter(tokenize(text)) for text in own] for name, own in texts.items()}
        if empty := next((name for name, own in counted.items() if not any(own)), ""):
            raise DataError(f"adapter {empty!r}: no text to route by. Give it seeds or instructions.")
        self._holding = Counter(word for own in counted.values() for words in own for word in words)
        self._count = sum(map(len, counted.values()))
        self._centroids = {name: _centroid(map(self._vector, own)) for name, own in counted.items()}

    def fingerprint(self) -> str:
        """Hash of the centroids: equal ones route alike."""
        state = json.dumps({name: sorted(own.items()) for name, own in self._centroids.items()})
        return hashlib.sha256(state.encode()).hexdigest()

    def route(self, text: str) -> Route:
        """Return the nearest adapter, the first of equals, or the base below the threshold."""
        vector = self._vector(Counter(tokenize(text)))
        scores = {name: _dot(vector, centroid) for name, centroid in self._centroids.items()}
        best = max(scores, key=lambda name: scores[name], default=None)
        near = best is not None and scores[best] > 0 and scores[best] >= self.threshold
        return Route(best if near else None, scores)

    def _vector(self, words: Mapping[str, int]) -> Vector:
        return _unit({word: (1 + math.log(count)) * self._idf(word) for word, count in words.items()})

    def _idf(self, word: str) -> float:
        n = self._holding[word]
        return math.log(1 + (self._count - n + 0.5) / (n + 0.5))


def _centroid(vectors: Iterable[Vector]) -> Vector:
    total: defaultdict[str, float] = defaultdict(float)
    for vector in vectors:
        for word, value in vector.items():
            total[word] += value
    return _unit(total)


def _unit(vector: Mapping[str, float]) -> Vector:
    norm = math.sqrt(math.fsum(value * value for value in vector.values()))
    return {word: value / norm for word, value in vector.items()} if norm else {}


def _dot(a: Vector, b: Vector) -> float:
    return math.fsum(value * b[word] for word, value in a.items() if word in b)


def texts_of(seeds: Iterable[Seed], run: Path | None = None) -> list[str]:
    """What to route by: a domain's seeds, and the instructions that its run has generated."""
    texts = [f"{seed.instruction} {seed.input}" for seed in seeds]
    for file in sorted(run.glob("iteration-*/instructions.jsonl")) if run else ():
        texts += [f"{record['instruction']} {record['input']}" for _, record in jsonl.read(file)]
    return texts


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its text for the router, its prompt's tokens for the model."""

    key: str
    text: str
    ids: tuple[int, ...]


def routed(requests: Iterable[Request], router: TextRouter) -> list[Group]:
    """Groups for one :func:`selfspec.decoding.decode` call, each row with the adapter of its request."""
    return [Group(r.key, (Row(r.ids, router.route(r.text).adapter),)) for r in requests]
