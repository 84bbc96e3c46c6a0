"""Read the sources, drop what overlaps a benchmark, set 1% of the documents aside.

``python -m recipe prepare --data DIR --out DIR`` writes ``train.jsonl``, ``heldout.jsonl``,
``pairs.jsonl`` and ``overlap.json`` (paragraphs read and dropped, by source) to ``--out``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .overlap import Overlap, benchmark_grams, benchmark_texts
from .pairs import read_pairs
from .sources import Doc, read_all
from .store import RecipeError, write_json, write_lines

SHORTEST = 80  # characters; shorter documents are headings and debris


def held_out(doc: Doc) -> bool:
    """About one document in a hundred, fixed by its text."""
    digest = hashlib.sha256(doc.text[:400].encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 == 0


def prepare(data: Path, out: Path, domains: Path | None = None) -> dict[str, Any]:
    """Write the four files; the overlap report is returned too."""
    if not data.exists():
        raise RecipeError(f"{data} is missing: --data takes the folder with biomed/, finance/, sports/ and general/")
    found, folders = benchmark_grams(benchmark_texts(data, domains))
    check = Overlap(found)
    docs = [doc for doc in map(check.drop, _unique(read_all(data))) if len(doc.text) >= SHORTEST]
    write_lines(out / "train.jsonl", (asdict(d) for d in docs if not held_out(d)))
    write_lines(out / "heldout.jsonl", (asdict(d) for d in docs if held_out(d)))
    write_lines(out / "pairs.jsonl", _clean_pairs(data, check))
    report = {"benchmark_texts": folders, "benchmark_13grams": len(found), "sources": check.report()}
    write_json(out / "overlap.json", report)
    return report


def _unique(docs: Iterator[Doc]) -> Iterator[Doc]:
    """Drop repeated documents, so that a held-out text is not trained on under another name."""
    seen: set[bytes] = set()
    for doc in docs:
        key = hashlib.sha256("".join(doc.text.lower().split())[:300].encode()).digest()
        if key not in seen:
            seen.add(key)
            yield doc


def _clean_pairs(data: Path, check: Overlap) -> Iterator[dict[str, Any]]:
    for pair in read_pairs(data):
        text = " ".join((pair["instruction"], pair["input"], pair["response"]))
        source = "self_instruct" if pair["template"] == "self_instruct" else "t0"
        if check.keep(source, text):
            yield {**pair, "held_out": _chosen(text)}


def _chosen(text: str) -> bool:
    return hashlib.sha256(text.encode()).digest()[0] < 3
