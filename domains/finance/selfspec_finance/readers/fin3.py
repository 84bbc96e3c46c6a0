"""FIN3 and FIN5: persons, organisations, locations and other names in financial agreements.

``fin3/FIN5.txt`` has a token with its part of speech and IO tag a line, a blank line after each sentence and
``-DOCSTART-`` before each of its five agreements::

    between IN - O
    SILICON NNP - I-ORG
    VALLEY NNP - I-ORG

A sentence is an example; neighbours with the same tag are one mention (a ``B-`` would start another). FIN5's
every fifth agreement, its last, is ``dev``; ``test`` is ``fin3/FIN3.txt``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from selfspec.datafiles import (
    AGAIN,
    Items,
    content,
    entities,
    every_fifth,
    folder,
    lines,
    mentions,
    original,
    stem,
    text,
)
from selfspec.errors import DataError
from selfspec.types import Example

FILES = {"train": "FIN5.txt", "dev": "FIN5.txt", "test": "FIN3.txt"}
TYPES = ("PER", "ORG", "LOC", "MISC")
START = "-DOCSTART-"


@dataclass(frozen=True, slots=True)
class Token:
    """One line: ``mark`` is ``O``, ``B`` or ``I``; ``type`` is empty for ``O``."""

    text: str
    mark: str
    type: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """Its number in the file, that of its agreement, and its tokens."""

    number: int
    document: int
    tokens: tuple[Token, ...]


def read(root: Path, split: str) -> Items:
    """Yield one example per sentence."""
    path = original(folder(root, "finance", "fin3"), FILES[split])
    sentences = list(_sentences(path))
    documents = sorted({sentence.document for sentence in sentences})
    chosen = set(every_fifth(documents, split))
    for sentence in sentences:
        if sentence.document in chosen:
            prompt = " ".join(token.text for token in sentence.tokens)
            reference = entities(mentions(_marked(sentence)))
            yield Example(id=f"{stem(path)}#{sentence.number}", input=prompt, references=(reference,))


def _sentences(path: Path) -> Iterator[Sentence]:
    number = document = 0
    tokens: list[Token] = []
    # a blank line more, so that the last sentence ends too
    for place, line in enumerate([*lines(text(content(path), path)), ""], 1):
        if line.strip() and not line.startswith(START):
            tokens.append(_token(line, f"{path}:{place}"))
        elif tokens:
            number += 1
            yield Sentence(number, document, tuple(tokens))
            tokens = []
        document += line.startswith(START)


def _token(line: str, where: str) -> Token:
    columns = line.split(" ")
    if len(columns) != 4:
        found = f"{len(columns)} column(s) in {line[:40]!r}"
        raise DataError(f"{where}: {found}, expected token, part of speech, '-' and tag with blanks between. {AGAIN}")
    mark, _, kind = columns[3].partition("-")
    if columns[3] != "O" and (mark not in ("B", "I") or kind not in TYPES):
        expected = f"O, B- or I- and one of {', '.join(TYPES)}"
        raise DataError(f"{where}: unknown label {columns[3]!r}, expected {expected}. {AGAIN}")
    return Token(columns[0], mark, kind)


def _marked(sentence: Sentence) -> Iterator[tuple[str, str, object]]:
    started = 0
    for token in sentence.tokens:
        started += token.mark == "B"
        yield token.text, token.type, (token.type, started)
