"""The BBC sport articles of 2004-05 as a corpus: passages that know their article's title.

``bbc_sport.zip`` holds ``bbc/sport/NNN.txt``: title, blank line, paragraphs; UTF-8, or ISO-8859-1 as ``199.txt``::

    Claxton hunting first major medal

    British hurdler Sarah Claxton is confident she can win her first major medal at next month's ...

>>> passages([Path("bbc_sport.zip")])                                # doctest: +SKIP
Passage(id='bbc/sport/001.txt:0', title='Claxton hunting first major medal', text='British hurdler ...'), ...

An archive may lie in a folder that ``--corpus`` names; what lies beside it is read by the engine. The other
sections of the full BBC archive are no sport and left out.
"""

from __future__ import annotations

import glob
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from selfspec.corpus import corpus_files, read_corpus
from selfspec.datafiles import AGAIN, archive
from selfspec.errors import DataError
from selfspec.types import Passage

WORDS = 150
"""A passage is at most about this long."""
SHORTEST = 30
"""A shorter end of an article joins the passage before it."""
_ARTICLE = re.compile(r"(?:.*/)?bbc/sport/\d+\.txt")
_SENTENCE_END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?]\"))\s+|\n\s*\n")


def passages(paths: Sequence[Path]) -> Iterator[Passage] | None:
    """Return the passages of ``paths``, each text once, or ``None`` if no BBC sport archive is among them."""
    files = corpus_files(paths) if paths else []
    archives = [file for file in files if _is_archive(file)]
    if not archives:
        return None
    others = [glob.escape(str(file)) for file in files if file not in archives]
    return _once(chain(chain.from_iterable(map(read, archives)), read_corpus(others) if others else ()))


def _is_archive(file: Path) -> bool:
    if file.suffix != ".zip":
        return False
    try:
        with zipfile.ZipFile(file) as package:
            return any(_ARTICLE.fullmatch(name) for name in package.namelist())
    except (zipfile.BadZipFile, OSError):
        return False  # the engine says what is wrong with it


def _once(found: Iterable[Passage]) -> Iterator[Passage]:
    seen: set[str] = set()
    for passage in found:
        if passage.text not in seen:
            seen.add(passage.text)
            yield passage


def read(path: Path) -> Iterator[Passage]:
    """Yield the passages of every article in one archive."""
    for name, data in archive(path).items():
        if _ARTICLE.fullmatch(name):
            title, body = _article(data, f"{path}:{name}")
            for number, piece in enumerate(_pieces(body)):
                yield Passage(id=f"{name}:{number}", text=" ".join(piece), title=title)


def _article(data: bytes, where: str) -> tuple[str, str]:
    try:
        source = data.decode("utf-8")
    except UnicodeDecodeError:
        source = data.decode("iso-8859-1")  # every byte is a character there
    title, _, body = source.replace("\r\n", "\n").strip().partition("\n\n")
    if "\n" in title or not body.strip():
        raise DataError(f"{where}:1: {title[:40]!r}, expected a title, a blank line and paragraphs. {AGAIN}")
    return title.strip(), body


def _pieces(body: str) -> list[list[str]]:
    """Cut at sentence ends into lists of at most ``WORDS`` words."""
    pieces: list[list[str]] = [[]]
    for sentence in _SENTENCE_END.split(body):
        words = sentence.split()
        if pieces[-1] and len(pieces[-1]) + len(words) > WORDS:
            pieces.append([])
        pieces[-1] += words
    if len(pieces) > 1 and len(pieces[-1]) < SHORTEST:
        pieces[-2:] = [pieces[-2] + pieces[-1]]
    return pieces
