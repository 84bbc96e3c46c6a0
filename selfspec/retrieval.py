"""BM25 retrieval and p_ret, the weights of the passages in Eq. 2.

One formula everywhere, Lucene's: sum over query terms of
log(1 + (N - n + 0.5) / (n + 0.5)) * tf / (tf + k1 (1 - b + b |d| / avg|d|)).
bm25s computes it; ``tests/unit/test_retrieval.py`` holds it to rank-bm25 with that idf.
"""

from __future__ import annotations

import hashlib
import math
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from selfspec.errors import ConfigError
from selfspec.types import DataContext, Passage

Weighting = Literal["softmax", "proportional", "uniform"]


def tokenize(text: str) -> list[str]:
    """Lower-case words and numbers: what BM25 counts."""
    return re.findall(r"[a-z0-9]+", text.lower())


class BM25Retriever:
    """BM25 over passages in memory; ties go to the passage that comes first in the corpus."""

    def __init__(
        self, passages: Sequence[Passage], k1: float = 1.5, b: float = 0.75, cache: Path | None = None
    ) -> None:
        """Index the passages, or load the index from ``cache`` when it holds this very corpus."""
        import bm25s

        self.passages = list(passages)
        self._index: Any = None  # stays so when no passage has a word
        folder = cache / "bm25" / _key(self.passages, k1, b) if cache else None
        if folder and (folder / "params.index.json").exists():
            self._index = bm25s.BM25.load(folder, mmap=True)
        elif any(tokens := [tokenize(f"{p.title} {p.text}") for p in self.passages]):
            self._index = bm25s.BM25(k1=k1, b=b, method="lucene")
            self._index.index(tokens, show_progress=False)
            _save(self._index, folder)

    def search(self, query: str, k: int) -> list[tuple[Passage, float]]:
        """Return the best ``k`` (passage, BM25 score) pairs with a score above zero."""
        known = [t for t in tokenize(query) if t in self._index.vocab_dict] if self._index else []
        if not known or k < 1:
            return []
        scores = np.asarray(self._index.get_scores(known))
        k = min(k, len(scores))
        floor = np.partition(scores, -k)[-k]
        best = np.flatnonzero(scores >= max(floor, 1e-9))
        order = best[np.lexsort((best, -scores[best]))][:k]
        return [(self.passages[i], float(scores[i])) for i in order]


def bm25_retriever(
    passages: Sequence[Passage], context: DataContext, k1: float = 1.5, b: float = 0.75
) -> BM25Retriever | None:
    """The engine's retriever for a domain; ``None`` when there is nothing to search.

    Large corpora keep their index in the cache folder, under a hash of their content.
    """
    if not passages:
        return None
    return BM25Retriever(passages, k1, b, cache=context.cache if len(passages) > 20_000 else None)


def weigh(scores: Sequence[float], how: Weighting, temperature: float = 1.0) -> tuple[float, ...]:
    """Turn retrieval scores into p_ret(d_j | x), summing to 1; no scores give no weights.

    ``softmax`` of score / temperature, ``proportional`` to the scores, or ``uniform``.
    """
    if not scores:
        return ()
    if how == "uniform":
        return (1 / len(scores),) * len(scores)
    if how == "softmax":
        if temperature <= 0:
            raise ConfigError(f"setting 'retrieval.temperature' is {temperature}, must be above 0.")
        raw = [math.exp((s - max(scores)) / temperature) for s in scores]
    else:
        raw = [max(s, 0.0) for s in scores]
    return tuple(r / sum(raw) for r in raw) if sum(raw) else weigh(scores, "uniform")


def effective_number(weights: Sequence[float]) -> float:
    """exp of the entropy: how many passages the weights really use, from 1 to ``len(weights)``."""
    return math.exp(-sum(w * math.log(w) for w in weights if w > 0))


def _key(passages: Sequence[Passage], k1: float, b: float) -> str:
    import bm25s

    digest = hashlib.sha256(f"{bm25s.__version__} {k1} {b} {len(passages)}".encode())
    for passage in passages:
        digest.update(f"{passage.title}\0{passage.text}\0".encode(errors="surrogatepass"))
    return digest.hexdigest()[:32]


def _save(index: Any, folder: Path | None) -> None:
    """Write the index beside its final name and rename it, so that a killed write is never read."""
    if folder is None:
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, suffix=".part"))
    try:
        index.save(temporary, show_progress=False)
        temporary.replace(folder)
    except OSError:
        if not folder.exists():  # else another process was faster with the same index
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
