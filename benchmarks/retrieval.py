"""BM25 by size of the corpus: speed, memory and agreement, against rank-bm25 and bm25s with numba.

    python -m benchmarks.retrieval [--passages 100000] [--sizes 250000,500000,1000000]
    python -m benchmarks.retrieval --real abstracts/ --passages 100000 --sizes 100000

Made-up text (benchmarks/text.py), or that of ``--real``. A query is 60 words of a passage that is not in the corpus.
Each size is read from JSON Lines, as a user's corpus is, and built and served in a process of its own, whose peak of
memory is what the kernel saw. Times are CPU time, so that other work on the machine counts little; one thread searches.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.text import made_up
from selfspec.corpus import Corpus
from selfspec.retrieval import BM25Retriever, Formula, indexed, tokenize

LITERATURE = 30_000_000
"""Abstracts of PubMed."""
Search = Callable[[str], Sequence[str]]
Facts = dict[str, Any]


def main() -> None:
    """Measure the sizes asked for, or, as a child process, one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=100_000, help="against rank-bm25 and bm25s; 0: not")
    parser.add_argument("--sizes", default="250000,500000,1000000", help="of tantivy; none: not")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--real", help="a corpus to take texts and queries from")
    parser.add_argument("--folder", type=Path, help="where corpora and indexes go; default: a temporary one")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        sys.stdout.write(json.dumps(served(given.child)) + "\n")
        return
    sizes = [int(size) for size in given.sizes.split(",") if size]
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        texts = (passage.text for passage in Corpus((given.real,))) if given.real else made_up()
        queries = [" ".join(text.split()[:60]) for text in islice(texts, given.queries)]
        folders = corpora(Path(folder), texts, queries, {*sizes, given.passages} - {0})
        if given.passages:
            against_others(folders[given.passages], queries)
        at_scale([child(folders[size]) for size in sizes])


def corpora(folder: Path, texts: Iterable[str], queries: list[str], sizes: set[int]) -> dict[int, Path]:
    """Write the first passages of each size into a folder of their own, beside the queries."""
    folders = {size: folder / str(size) for size in sizes}
    with ExitStack() as stack:
        files = {}
        for size, target in folders.items():
            target.mkdir()
            (target / "queries.json").write_text(json.dumps(queries), encoding="utf-8")
            files[size] = stack.enter_context((target / "corpus.jsonl").open("w", encoding="utf-8"))
        for number, text in enumerate(islice(texts, max(sizes))):
            line = json.dumps({"text": text}) + "\n"
            for size, file in files.items():
                if number < size:
                    file.write(line)
    return folders


def child(folder: Path) -> Facts:
    """Build and serve in a process of its own; forget the index."""
    command = [sys.executable, "-m", "benchmarks.retrieval", "--child", str(folder)]
    facts: Facts = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    shutil.rmtree(folder)
    return facts


def served(folder: Path) -> Facts:
    """Build tantivy's index of a folder's corpus and answer its queries: seconds, bytes, and what was found."""
    source = Corpus((str(folder / "corpus.jsonl"),))
    start = time.process_time()
    retriever = indexed(source, cache=folder, backend="tantivy", digest=source.digest())
    facts: Facts = {"build_s": time.process_time() - start, "passages": len(retriever.passages)}
    sizes = {file: file.stat().st_size for file in (folder / "bm25").rglob("*") if file.is_file()}
    facts["disk"] = sum(sizes.values())
    facts["index"] = sum(size for file, size in sizes.items() if file.parent.name == "tantivy")
    queries = json.loads((folder / "queries.json").read_text(encoding="utf-8"))
    facts["ms"], found = timed(ids(retriever), queries)
    facts["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    exact = indexed(source, cache=folder, backend="tantivy", prune=0, digest=source.digest())
    facts["exact_ms"], wanted = timed(ids(exact), queries)
    facts["plain_ms"], _ = timed(plain_tantivy(exact), queries)
    facts["same"] = sum(a == b for a, b in zip(found, wanted, strict=True)) / len(queries)
    return facts | {"proven": retriever.proven / retriever.searched}


def against_others(folder: Path, queries: list[str]) -> None:
    """Queries per second beside rank-bm25 and bm25s with numba, on the same passages in one process."""
    ours = indexed(Corpus((str(folder / "corpus.jsonl"),)), cache=folder)
    words = [tokenize(passage.text) for passage in ours.passages]
    names = [passage.id for passage in ours.passages]
    library, slow = bm25s_search(words, names), rank_bm25_search(words, names)
    for search in (ids(ours), library):
        search(queries[0])  # numba compiles, files are read
    rounds = [(timed(ids(ours), queries)[0], timed(library, queries)[0]) for _ in range(5)]
    mine, theirs = (float(np.median(column)) for column in zip(*rounds, strict=True))
    few = queries[:20]
    oracle_ms, wanted = timed(slow, few)
    same = sum(ids(ours)(query) == answer for query, answer in zip(few, wanted, strict=True))
    say(f"{len(names):,} passages, ours ({type(ours.index).__name__}): {1000 / mine:.0f} queries/s")
    say(f"  rank-bm25: {1000 / oracle_ms:.2f} queries/s, ours {oracle_ms / mine:.0f} times (goal 500)")
    say(f"  bm25s with numba: {1000 / theirs:.0f} queries/s, ours {theirs / mine:.2f} times (goal 1)")
    say(f"  same top five as rank-bm25 with the same formula: {same} of {len(few)}")


def at_scale(found: list[Facts]) -> None:
    """tantivy by size, and the straight lines through the sizes at that of PubMed."""
    for facts in found:
        show(facts, "")
        say(f"  with prune 0 {facts['exact_ms']:.1f} ms; same top five {facts['same']:.0%} (goal 95%),")
        say(f"  known to be the best {facts['proven']:.0%}")
    if len(found) > 1 and found[-1]["passages"] >= 500_000:  # below, what does not grow hides what does
        keys = ("build_s", "peak", "disk", "index", "plain_ms", "ms")
        show({key: at(LITERATURE, found, key) for key in keys} | {"passages": LITERATURE}, ", extrapolated")


def show(facts: Facts, how: str) -> None:
    """Print one size."""
    gigabytes = {key: facts[key] / 1e9 for key in ("peak", "disk", "index")}
    say(f"{facts['passages']:,} passages built and served by tantivy{how}: {facts['build_s'] / 60:.1f} minutes")
    say(f"  peak memory {gigabytes['peak']:.2f} GB (goal: below 3 for a million, 24 for {LITERATURE:,})")
    say(f"  disk {gigabytes['disk']:.2f} GB, {gigabytes['index']:.2f} of it the index")
    ratio = facts["plain_ms"] / facts["ms"]
    say(f"  a query {facts['ms']:.1f} ms, tantivy by all words {facts['plain_ms']:.1f} ms: {ratio:.1f} times (goal 5)")


def at(size: int, found: list[Facts], key: str) -> float:
    """The value of a straight line through ``found`` at ``size``."""
    slope, start = np.polyfit([f["passages"] for f in found], [f[key] for f in found], 1)
    return float(start + slope * size)


def ids(retriever: BM25Retriever) -> Search:
    """The ids of the top five."""
    return lambda query: [passage.id for passage, _ in retriever.search(query, 5)]


def plain_tantivy(retriever: BM25Retriever) -> Search:
    """tantivy's own top five by all words of a query."""
    index: Any = retriever.index

    def search(query: str) -> Sequence[str]:
        words = index._query(index.formula.terms(query, index.frequency))
        return [str(address) for _, address in index._searcher.search(words, 5, count=False).hits]

    return search


def bm25s_search(words: list[list[str]], names: list[str]) -> Search:
    """bm25s with numba, as its documentation shows it."""
    import bm25s

    index = bm25s.BM25(method="lucene", k1=1.2, b=0.75, backend="numba")
    index.index(words, show_progress=False)

    def search(query: str) -> Sequence[str]:
        found, _ = index.retrieve([tokenize(query)], k=5, show_progress=False, n_threads=1)
        return [names[number] for number in found[0]]

    return search


def rank_bm25_search(words: list[list[str]], names: list[str]) -> Search:
    """rank-bm25 with the formula's idf; ties, but for rounding, in the order of the corpus."""
    from rank_bm25 import BM25Okapi

    index: Any = BM25Okapi(words, k1=1.2, b=0.75)
    formula = Formula(len(words), sum(map(len, words)))
    counts: dict[str, int] = {}
    for frequencies in index.doc_freqs:
        for word in frequencies:
            counts[word] = counts.get(word, 0) + 1
    index.idf = {word: formula.idf(number) for word, number in counts.items()}

    def search(query: str) -> Sequence[str]:
        scores = np.round(index.get_scores(tokenize(query)), 9)
        return [names[number] for number in np.lexsort((np.arange(len(scores)), -scores))[:5]]

    return search


def timed(search: Search, queries: list[str]) -> tuple[float, list[Sequence[str]]]:
    """Milliseconds a query, and what was found."""
    start = time.process_time()
    found = [search(query) for query in queries]
    return 1000 * (time.process_time() - start) / len(queries), found


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
