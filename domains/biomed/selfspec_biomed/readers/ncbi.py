"""The original NCBI disease test file, for who has no ``NCBI-disease-IOB/test.tsv``.

A document of ``ncbi_disease/NCBItestset_corpus.txt``, a blank line after it; offsets count from the title's
first character, with one character between title and abstract::

    9288106|t|Clustering of missense mutations in the ataxia-telangiectasia gene ...
    9288106|a|Ataxia-telangiectasia (A-T) is a recessive disorder ...
    9288106<TAB>40<TAB>61<TAB>ataxia-telangiectasia<TAB>Modifier<TAB>D001260

The title is one example and each sentence of the abstract another: a cut after ``.``, ``!`` or ``?`` before
a capital, digit or bracket, never inside a mention or brackets. Tokens are runs of letters and digits, and
every other character by itself, as in the IOB files. Of the development part's 923 IOB sentences this rule
finds more than 900 and every mention; ids differ from the IOB file's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from selfspec.datafiles import AGAIN, Items, content, entities, lines, stem, text
from selfspec.errors import DataError
from selfspec.types import Example

TEST = "NCBItestset_corpus.txt"
_CUT = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9(\[])")
_TOKEN = re.compile(r"[^\W_]+|\S")
_PART = re.compile(r"(\d+)\|([ta])\|(.*)")
Line = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Mention:
    """Characters ``start`` up to ``end`` of the document."""

    start: int
    end: int


def read(path: Path) -> Items:
    """Yield one example per title and per sentence of an abstract."""
    for block in _blocks(path):
        yield from _document(block, path)


def _blocks(path: Path) -> Iterator[list[Line]]:
    block: list[Line] = []
    for number, line in enumerate([*lines(text(content(path), path)), ""], 1):
        if line.strip():
            block.append((number, line))
        elif block:
            yield block
            block = []


def _document(block: list[Line], path: Path) -> Items:
    pmid, title = _part(block, 0, "t", path)
    _, abstract = _part(block, 1, "a", path)
    body = f"{title} {abstract}"
    mentions = sorted((_mention(line, body, path) for line in block[2:]), key=lambda m: (m.start, m.end))
    for number, (start, end) in enumerate(_sentences(body, len(title), mentions), 1):
        inside = [_tokens(body[m.start : m.end]) for m in mentions if start <= m.start and m.end <= end]
        reference = entities((mention, "Disease") for mention in inside)
        yield Example(id=f"{stem(path)}#{pmid}.{number}", input=_tokens(body[start:end]), references=(reference,))


def _part(block: list[Line], index: int, kind: str, path: Path) -> tuple[str, str]:
    number, line = block[min(index, len(block) - 1)]
    if not (match := _PART.fullmatch(line)) or match[2] != kind:
        raise DataError(f"{path}:{number}: {line[:40]!r}, expected PMID|{kind}|text here. {AGAIN}")
    return match[1], match[3]


def _mention(line: Line, body: str, path: Path) -> Mention:
    number, columns = line[0], line[1].split("\t")
    if len(columns) != 6 or not (columns[1].isdigit() and columns[2].isdigit()):
        raise DataError(
            f"{path}:{number}: {len(columns)} column(s) in {line[1][:40]!r}, expected PMID, start, end, mention, type "
            f"and concept with tabs between. {AGAIN}"
        )
    start, end = int(columns[1]), int(columns[2])
    if body[start:end].strip() != columns[3].strip():  # a mention at the very end may have blanks that the text lacks
        raise DataError(f"{path}:{number}: mention {columns[3]!r}, but the text there is {body[start:end]!r}. {AGAIN}")
    return Mention(start, end)


def _sentences(body: str, title: int, mentions: list[Mention]) -> Iterator[tuple[int, int]]:
    cuts = [(match.start(), match.end()) for match in _CUT.finditer(body, title + 1)]
    cuts = [cut for cut in cuts if not any(m.start < cut[1] and cut[0] < m.end for m in mentions)]
    cuts = [cut for cut in cuts if body.count("(", title, cut[0]) <= body.count(")", title, cut[0])]
    start = 0
    for end, after in [(title, title + 1), *cuts, (len(body), len(body))]:
        if body[start:end].strip():
            yield start, end
        start = after


def _tokens(body: str) -> str:
    return " ".join(_TOKEN.findall(body))
