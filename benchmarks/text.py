"""Made-up text with the statistics of abstracts, for corpora of any size.

Words are common ones (Zipf-Mandelbrot, half of the text), words of the passage's two topics, which repeat, and rare
ones whose number grows with the text for ever (Heaps). With the defaults and 120,000 passages: see ``python -m
benchmarks.text``, beside PubMed abstracts in brackets.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

WORDS = 220
COMMON, TOPICS, TOPIC_WORDS, TOPICAL = 2_500, 3_000, 80, 15_000
BLOCK = 5_000


def made_up(seed: int = 0) -> Iterator[str]:
    """Yield passages of about ``WORDS`` words, the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    common = zipf(COMMON, 1.05, 1.0)
    topical = zipf(TOPIC_WORDS, 1.1, 0.5)
    words_of = rng.choice(TOPICAL, (TOPICS, TOPIC_WORDS), p=zipf(TOPICAL, 0.9, 20.0))
    while True:
        shape = (BLOCK, WORDS)
        kind = rng.random(shape)
        topics = rng.choice(TOPICS, (BLOCK, 2), p=zipf(TOPICS, 0.6, 10.0))
        topic = np.where(rng.random(shape) < 0.6, topics[:, :1], topics[:, 1:])
        words = words_of[topic, rng.choice(TOPIC_WORDS, shape, p=topical)]
        rare = np.minimum(rng.pareto(0.4, shape) * 300, 2**40).astype(np.int64)
        usual = rng.choice(COMMON, shape, p=common)
        numbers = np.where(kind < 0.6, usual, COMMON + np.where(kind < 0.95, words, TOPICAL + rare))
        for row, length in zip(numbers, rng.integers(WORDS // 2, WORDS + 1, BLOCK), strict=True):
            yield " ".join([f"w{number}" for number in row[:length].tolist()])


def zipf(size: int, exponent: float, shift: float) -> NDArray[np.float64]:
    """Zipf-Mandelbrot probabilities of ``size`` ranks."""
    weights: NDArray[np.float64] = 1 / (np.arange(1, size + 1, dtype=np.float64) + shift) ** exponent
    weights /= weights.sum()
    return weights


def main(count: int = 120_000) -> None:
    """Print the statistics that decide what retrieval costs."""
    frequencies: Counter[str] = Counter()
    words = 0
    for number, text in enumerate(islice(made_up(), count), 1):
        found = text.split()
        words += len(found)
        frequencies.update(set(found))
        if number in (1_000, 10_000, count):
            sys.stdout.write(f"{number:,} passages: {len(frequencies):,} words\n")
    total = sum(frequencies.values())
    sys.stdout.write(f"{words / count:.0f} words a passage (164), {total / count:.0f} of them different (99)\n")
    for share, number, postings in ((0.5, 10, 0.08), (0.1, 135, 0.34), (0.01, 1502, 0.73), (0.001, 7377, 0.91)):
        above = [n for n in frequencies.values() if n > share * count]
        part = sum(above) / total
        sys.stdout.write(f"in more than {share:.1%} of them: {len(above):,} words ({number:,}), ")
        sys.stdout.write(f"{part:.0%} of all postings ({postings:.0%})\n")


if __name__ == "__main__":
    main()
