"""Read a corpus: any mix of folders, globs, files, archives and hub datasets, into passages.

| named | read as |
|---|---|
| ``.txt``, ``.md``, no suffix | text |
| ``.jsonl``, ``.json`` | one object a line, or a list: ``text``, ``abstract`` or ``contents``, optional ``title`` |
| ``.csv``, ``.tsv``, ``.parquet`` | columns of the same names |
| ``.gz``, ``.xz``, ``.bz2``, ``.zip``, ``.tar[.*]`` | what is inside |
| ``hub:OWNER/NAME[/CONFIG][@REVISION][:SPLIT][#FIELD]`` | a dataset that ``datasets`` streams; see :mod:`.hub` |

Files are read piece by piece, long texts are cut into passages of about 150 words at sentence ends.
Ids are stable: the path below the files' common folder, the record's number and the number of the piece.

>>> for passage in read_corpus([Path("abstracts.tar.xz")]): ...      # doctest: +SKIP
"""

from __future__ import annotations

import functools
import glob
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfspec.corpus.hub import Hub
from selfspec.corpus.pieces import SHORTEST, WORDS, pieces
from selfspec.corpus.records import documents
from selfspec.corpus.wrappings import DAMAGE, is_text, unwrap
from selfspec.errors import DataError
from selfspec.types import Passage

__all__ = ["SHORTEST", "WORDS", "Corpus", "corpus_files", "read_corpus"]


@dataclass(frozen=True, slots=True)
class Corpus:
    """The user's corpus, to be read as often as wanted; :meth:`digest` says whether it is the same one."""

    paths: tuple[str, ...]

    def __iter__(self) -> Iterator[Passage]:
        """Read it with :func:`read_corpus`."""
        return read_corpus(self.paths)

    @property
    def pinned(self) -> bool:
        """Whether equal digests mean equal passages: not so for a hub dataset without a commit."""
        return all(source.pinned for source in _sources(self.paths) if isinstance(source, Hub))

    def digest(self) -> str:
        """SHA-256 over names and bytes of the files, and over the hub datasets as they are written."""
        digest = hashlib.sha256()
        for source in _sources(self.paths):
            if isinstance(source, Hub):
                digest.update(f"{source}\0".encode())
            else:
                facts = source.stat()
                digest.update(f"{source.name}\0{_sha256(source, facts.st_size, facts.st_mtime_ns)}\0".encode())
        return digest.hexdigest()


def read_corpus(paths: Sequence[Path | str]) -> Iterator[Passage]:
    """Yield the passages of files, folders and hub datasets, in sorted order, each text once.

    Raises :class:`DataError` naming the file for a path that does not exist, a damaged archive or a
    broken record (with its line), and when there is no passage at all.
    """
    seen: set[int] = set()
    sources = _sources(paths)
    folders = [source.absolute().parent for source in sources if isinstance(source, Path)]
    root = Path(os.path.commonpath(folders)) if folders else Path()
    for source in sources:
        for passage in _hub_passages(source) if isinstance(source, Hub) else _passages(source, root):
            if (key := hash(passage.text)) not in seen:
                seen.add(key)
                yield passage
    if not seen:
        raise DataError(f"{', '.join(map(str, paths))}: an empty corpus, no text of {SHORTEST} words. Name text files.")


def corpus_files(paths: Sequence[Path | str]) -> list[Path]:
    """Expand folders and globs to files, sorted; READMEs, licences and SOURCES notes are left out."""
    return [source for source in _sources(paths) if isinstance(source, Path)]


def _sources(paths: Sequence[Path | str]) -> list[Path | Hub]:
    sources: list[Path | Hub] = []
    for path in map(str, paths):
        sources += [Hub.parse(path)] if path.startswith("hub:") else _expand(path)
    return sources


def _expand(path: str) -> list[Path]:
    found = [Path(path)] if Path(path).exists() else [Path(p) for p in sorted(glob.glob(path, recursive=True))]
    if not found:
        raise DataError(f"{path}: no such corpus file or folder. Check --corpus.")
    files: list[Path] = []
    for entry in found:
        files += sorted(f for f in entry.rglob("*") if f.is_file()) if entry.is_dir() else [entry]
    return [file for file in files if is_text(file.name)]


def _passages(file: Path, root: Path) -> Iterator[Passage]:
    try:
        for name, stream in unwrap(file, file.absolute().relative_to(root).as_posix()):
            for key, title, chunks in documents(name, stream, f"{file} ({name})"):
                for number, text in enumerate(pieces(chunks)):
                    yield Passage(id=f"{key}:{number}", text=text, title=title)
    except DAMAGE as problem:
        said = " ".join(str(problem).split()) or type(problem).__name__
        raise DataError(f"{file}: cannot be read ({said}). Fetch it again or leave it out.") from None


def _hub_passages(source: Hub) -> Iterator[Passage]:
    for row, (title, body) in enumerate(source.documents()):
        for number, text in enumerate(pieces([body])):
            yield Passage(id=f"{source.name}#{row}:{number}", text=text, title=title)


@functools.cache
def _sha256(path: Path, size: int, changed: int) -> str:
    """Hash a file's bytes once, as long as its size and its time of change stay."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
