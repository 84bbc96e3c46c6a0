"""Financial PhraseBank: the sentiment of a sentence, as at least half of 5 to 8 annotators saw it.

A line of ``financial_phrasebank/Sentences_50Agree.txt``, which is in ISO-8859-1; the last ``@`` divides::

    According to Gran , the company has no plans to move all production to Russia .@neutral

The other three files have subsets of these sentences (more agreement) and are not read. Every fifth line is
``dev``; a sentence that occurs twice stays on one side. ``test`` reads all lines of a file of this name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from selfspec.datafiles import (
    AGAIN,
    Items,
    content,
    every_fifth,
    folder,
    label,
    numbered,
    original,
    stem,
    words,
)
from selfspec.errors import DataError
from selfspec.types import Example

FILE = "Sentences_50Agree.txt"
LABELS = ("positive", "negative", "neutral")
Line = tuple[int, str, str]


def read(root: Path, split: str) -> Items:
    """Yield one example per sentence."""
    path = original(folder(root, "finance", "financial_phrasebank"), FILE)
    for number, sentence, sentiment in every_fifth(list(_lines(path)), split, key=lambda line: line[1]):
        yield Example(id=f"{stem(path)}#{number}", input=sentence, references=(sentiment,))


def _lines(path: Path) -> Iterator[Line]:
    for number, line in numbered(_latin1(content(path), path)):
        sentence, mark, sentiment = line.rpartition("@")
        if not mark or not sentence.strip():
            raise DataError(f"{path}:{number}: no sentence and '@' in {line[:40]!r}, expected both. {AGAIN}")
        yield number, words(sentence), label(sentiment, LABELS, f"{path}:{number}")


def _latin1(data: bytes, path: Path) -> str:
    """Decode ISO-8859-1, which every byte is; a UTF-8 file would give wrong letters without a word."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("iso-8859-1")
    if not data.isascii():
        line = next(number for number, line in enumerate(data.split(b"\n"), 1) if not line.isascii())
        raise DataError(f"{path}:{line}: UTF-8, expected ISO-8859-1 as distributed. {AGAIN}")
    return data.decode("ascii")
