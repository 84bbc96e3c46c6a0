"""Near-duplicate search by rapidfuzz against ``rouge_score`` with multiprocessing.

python -m benchmarks.curation [--pool 5000]
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import time
from functools import partial

from rouge_score.rouge_scorer import RougeScorer

from selfspec.curation import Pool


def main() -> None:
    """Measure one look-up against a pool, and the de-duplication of 52,000 instructions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=int, default=5000)
    parser.add_argument("--all", type=int, default=52_000)
    given = parser.parse_args()
    texts = instructions(max(given.pool, given.all))
    pool = Pool(texts[: given.pool])
    start = time.perf_counter()
    for text in texts[:50]:
        pool.nearest(text)
    mine = (time.perf_counter() - start) / 50
    with multiprocessing.Pool() as workers:
        start = time.perf_counter()
        workers.map(partial(score, texts[0]), texts[: given.pool], chunksize=200)
        theirs = time.perf_counter() - start
    sys.stdout.write(
        f"one look-up in {given.pool}: {mine * 1e3:.2f} ms, rouge_score {theirs * 1e3:.0f} ms, "
        f"ratio {theirs / mine:.0f}\n"
    )
    start, growing, kept = time.perf_counter(), Pool([]), 0
    for text in texts[: given.all]:
        if not growing.nearest(text)[1]:
            growing.add(text)
            kept += 1
    sys.stdout.write(f"{given.all} instructions de-duplicated in {time.perf_counter() - start:.0f} s, {kept} kept\n")


def score(a: str, b: str) -> float:
    """ROUGE-L F1 of a pair, as Self-Instruct computes it."""
    return float(RougeScorer(["rougeL"]).score(a, b)["rougeL"].fmeasure)


def instructions(count: int) -> list[str]:
    """Made-up instructions of about 20 Zipf-distributed words."""
    draw = random.Random(0)
    words = [f"w{i}" for i in range(5000)]
    weights = [1 / (i + 1) for i in range(5000)]
    return [" ".join(draw.choices(words, weights, k=draw.randint(8, 32))) for _ in range(count)]


if __name__ == "__main__":
    main()
