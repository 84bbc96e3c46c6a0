"""BM25 at scale: ours against rank-bm25 and bm25s with numba, on made-up Zipf text.

    python -m benchmarks.retrieval [--passages 100000] [--queries 200]

Queries are 60 words of a passage, as long as instruction plus input. One process, one corpus, in turns.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from selfspec.retrieval import BM25Retriever, tokenize
from selfspec.types import Passage

WORDS, VOCABULARY = 150, 200_000


def main() -> None:
    """Measure queries per second, and check the top five against rank-bm25 with the same formula."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    given = parser.parse_args()
    texts = corpus(given.passages)
    queries = [" ".join(texts[7 * i % len(texts)].split()[:60]) for i in range(given.queries)]
    start = time.perf_counter()
    ours = BM25Retriever([Passage(id=str(i), text=t) for i, t in enumerate(texts)])
    say(f"built in {time.perf_counter() - start:.0f} s")
    mine = rate(lambda q: [p.id for p, _ in ours.search(q, 5)], queries)
    say(f"ours: {mine[0]:.1f} queries/s")
    theirs = rate(bm25s_search(texts, "numba"), queries)
    say(f"bm25s with numba: {theirs[0]:.1f} queries/s, ratio {mine[0] / theirs[0]:.2f}")
    slow = rate(rank_bm25_search(texts), queries[:5])
    equal = sum(a == b for a, b in zip(mine[1], slow[1], strict=False))
    say(f"rank-bm25: {slow[0]:.2f} queries/s, ratio {mine[0] / slow[0]:.0f}; same top five in {equal} of 5")


def corpus(count: int) -> list[str]:
    """Passages of Zipf-distributed words."""
    rng = np.random.default_rng(0)
    ranks = rng.zipf(1.1, (count, WORDS)) % VOCABULARY
    return [" ".join(f"w{r}" for r in row) for row in ranks]


def bm25s_search(texts: list[str], backend: str) -> Callable[[str], list[str]]:
    """bm25s as its documentation shows it."""
    import bm25s

    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75, backend=backend)
    index.index([tokenize(t) for t in texts], show_progress=False)
    index.retrieve([tokenize(texts[0])], k=5, show_progress=False, n_threads=1)  # compiles

    def search(query: str) -> list[str]:
        found, _ = index.retrieve([tokenize(query)], k=5, show_progress=False, n_threads=1)
        return [str(i) for i in found[0]]

    return search


def rank_bm25_search(texts: list[str]) -> Callable[[str], list[str]]:
    """rank-bm25 with Lucene's idf, so that its ranking is the same."""
    from rank_bm25 import BM25Okapi

    index: Any = BM25Okapi([tokenize(t) for t in texts])
    counts: dict[str, int] = {}
    for frequencies in index.doc_freqs:
        for word in frequencies:
            counts[word] = counts.get(word, 0) + 1
    index.idf = {w: float(np.log(1 + (len(texts) - n + 0.5) / (n + 0.5))) for w, n in counts.items()}

    def search(query: str) -> list[str]:
        scores = index.get_scores(tokenize(query))
        order = np.lexsort((np.arange(len(scores)), -np.round(scores, 9)))[:5]
        return [str(i) for i in order]

    return search


def rate(search: Callable[[str], list[str]], queries: list[str]) -> tuple[float, list[list[str]]]:
    """Queries per second, and what was found."""
    start = time.perf_counter()
    found = [search(query) for query in queries]
    return len(queries) / (time.perf_counter() - start), found


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
