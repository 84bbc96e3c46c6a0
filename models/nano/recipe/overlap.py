"""The 13-gram check: no paragraph that shares thirteen words with a benchmark item is trained on.

``benchmark_grams(data)`` reads every text of the benchmark folders, whatever its format;
``Overlap(grams).drop(doc)`` removes the paragraphs that share one and counts them by source.
"""

from __future__ import annotations

import bz2
import gzip
import html
import io
import json
import lzma
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from .sources import Doc

SIZE = 13
BENCHMARKS = {
    "biomed": ("bioasq", "pubmedqa", "anatem", "bionlp13cg", "ncbi_disease", "ddi", "hoc", "box"),
    "finance": ("financial_phrasebank", "fiqa_sa", "gold_news", "fin3", "kpi_edgar", "finer139", "insuranceqa"),
    "sports": ("sports_understanding", "sportqa", "fifa_wc2022_tweets", "ag_news"),
}
# Label files and code books: no running text of items in them.
SKIP = re.compile(r"(\.a[12]|\.ann|\.py|\.md|\.html?|README|LICENSE|vocabulary|/labels/.*)$")


def words(text: str) -> list[str]:
    """Lower-cased runs of letters and digits."""
    return re.findall(r"[a-z0-9]+", text.lower())


def grams(text: str) -> Iterator[int]:
    """Hashes of the text's 13-grams; a shorter text has none."""
    tokens = words(text)
    for start in range(len(tokens) - SIZE + 1):
        yield hash(" ".join(tokens[start : start + SIZE]))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for child in value.values():
            yield from _strings(child)
    elif isinstance(value, list):
        for child in value:
            yield from _strings(child)


def _workbook(raw: bytes) -> Iterator[str]:
    """One text a row: KPI-EDGAR keeps one token in each cell, as an inline string."""
    with zipfile.ZipFile(io.BytesIO(raw)) as book:
        for name in book.namelist():
            if name.startswith("xl/worksheets/sheet"):
                for row in re.findall(r"<row.*?</row>", book.read(name).decode("utf-8"), flags=re.S):
                    cells = re.findall(r"<(?:t|v)[^>]*>([^<]*)</(?:t|v)>", row)
                    yield " ".join(html.unescape(cell) for cell in cells[1:])


def _columns(text: str, separator: str) -> Iterator[str]:
    """Token-per-line formats: the first column of each block, joined."""
    for block in re.split(r"\n\s*\n", text):
        yield " ".join(line.split(separator)[0] for line in block.splitlines() if line)


def _texts(name: str, raw: bytes) -> Iterator[str]:
    """All texts of one file, by its ending; archives are walked."""
    if SKIP.search(name):
        return
    if name.endswith((".gz", ".xz", ".bz2")) and not re.search(r"\.tar\.\w+$", name):
        opener = {"gz": gzip, "xz": lzma, "bz2": bz2}[name.rsplit(".", 1)[1]]
        yield from _texts(name.rsplit(".", 1)[0], opener.decompress(raw))
    elif re.search(r"\.(tar\.\w+|tgz|tar)$", name):
        with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
            for member in tar:
                handle = tar.extractfile(member) if member.isfile() else None
                if handle:
                    yield from _texts(member.name, handle.read())
    elif name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for entry in archive.namelist():
                yield from _texts(entry, archive.read(entry))
    elif name.endswith(".xlsx"):
        yield from _workbook(raw)
    else:
        yield from _plain(name, raw.decode("utf-8", "replace"))


def _plain(name: str, text: str) -> Iterator[str]:
    if name.endswith(".jsonl"):
        yield from _strings([json.loads(line) for line in text.splitlines() if line.strip()])
    elif name.endswith(".json"):
        yield from _strings(json.loads(text))
    elif re.search(r"IOB/|conll", name) or name.endswith((".tsv", ".conll")):
        yield from _columns(text, "\t")
    elif name.endswith("FIN5.txt"):
        yield from _columns(text, " ")
    elif name.endswith(".xml"):
        yield from (html.unescape(t) for t in re.findall(r'\btext="([^"]*)"', text))
    elif name.endswith(".encoded"):
        return  # read by _insurance, which knows the vocabulary
    else:
        yield from text.splitlines()


def _insurance(folder: Path) -> Iterator[str]:
    """InsuranceQA V2 stores its questions as word numbers."""
    with gzip.open(folder / "vocabulary.gz", "rt", encoding="utf-8") as handle:
        vocabulary = dict(line.rstrip("\n").split("\t")[:2] for line in handle if "\t" in line)
    for path in sorted(folder.glob("*.encoded.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as handle:
            for line in handle:
                yield " ".join(vocabulary.get(w, w) for w in line.split("\t")[1].split())


def benchmark_texts(data: Path, domains: Path | None = None) -> Iterator[tuple[str, str]]:
    """``(folder, text)`` of every benchmark item, and of the domain packages' seeds and samples."""
    for area, names in BENCHMARKS.items():
        for name in names:
            for path in sorted(p for p in (data / area / name).rglob("*") if p.is_file()):
                for text in _texts(str(path), path.read_bytes()):
                    yield name, text
    insurance = data / "finance/insuranceqa/V2"
    if insurance.exists():
        yield from (("insuranceqa", text) for text in _insurance(insurance))
    for path in _packaged(domains) if domains else ():
        for text in _texts(str(path), path.read_bytes()):
            yield "packaged", text


def _packaged(domains: Path) -> Iterator[Path]:
    yield from sorted(domains.glob("*/selfspec_*/seeds.jsonl"))
    yield from sorted(domains.glob("*/selfspec_*/samples/*.jsonl"))


def benchmark_grams(texts: Iterable[tuple[str, str]]) -> tuple[set[int], dict[str, int]]:
    """All 13-grams, and how many texts each folder gave (a zero shows an unread format)."""
    found: set[int] = set()
    counts: Counter[str] = Counter()
    for folder, text in texts:
        counts[folder] += 1
        found.update(grams(text))
    return found, dict(counts)


class Overlap:
    """Drops paragraphs and counts what it dropped, by source."""

    def __init__(self, found: set[int]) -> None:
        self.found = found
        self.seen: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()

    def hits(self, text: str) -> bool:
        """Whether the text shares a 13-gram with a benchmark."""
        return any(gram in self.found for gram in grams(text))

    def keep(self, source: str, text: str) -> bool:
        """``hits`` turned around, counted under the source."""
        self.seen[source] += 1
        hit = self.hits(text)
        self.dropped[source] += hit
        return not hit

    def drop(self, doc: Doc) -> Doc:
        """The document without its overlapping paragraphs."""
        rows = [row for row in doc.text.split("\n") if row and self.keep(doc.source, row)]
        end = doc.conclusion if doc.conclusion and self.keep(doc.source, doc.conclusion) else ""
        title = doc.title if doc.title and not self.hits(doc.title) else ""
        return replace(doc, text="\n".join(rows), conclusion=end, title=title)

    def report(self) -> dict[str, dict[str, int]]:
        """``{source: {paragraphs, dropped}}``."""
        return {s: {"paragraphs": n, "dropped": self.dropped[s]} for s, n in sorted(self.seen.items())}
