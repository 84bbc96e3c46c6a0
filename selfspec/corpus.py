"""Read a corpus: any mix of folders, globs, text, JSON Lines and archives, into passages.

``.txt``/``.md``/no suffix are text, ``.jsonl``/``.json`` one object a line or a list (fields
``text`` or ``abstract``, optional ``title``); ``.gz``, ``.xz``, ``.bz2``, ``.zip`` and ``.tar[.*]``
are opened in memory. Long texts are cut into passages of about 150 words at sentence ends. Ids are
stable: the path below the files' common folder and the number of the piece.

>>> for passage in read_corpus([Path("abstracts.tar.xz")]): ...      # doctest: +SKIP
"""

from __future__ import annotations

import bz2
import glob
import gzip
import io
import json
import lzma
import os
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from selfspec.errors import DataError
from selfspec.types import Passage

WORDS = 150
"""About how long a passage is."""
FIELDS = ("text", "abstract", "contents")
"""Where a JSON record has its text: the first that is there."""
SHORTEST = 20
"""Shorter ones (headings, table cells) are left out."""
TARS = (".tar", ".tgz", ".txz", ".tbz2", ".tar.gz", ".tar.xz", ".tar.bz2")
DAMAGE = (
    *(OSError, EOFError, ValueError, RuntimeError, struct.error),
    *(zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile),
)
"""What the standard library raises for broken, encrypted and unknown archives."""
IGNORED = {".md5", ".sha256", ".pdf", ".png", ".jpg", ".html", ".csv", ".tsv", ".parquet", ".yaml", ".yml"}


def read_corpus(paths: Sequence[Path | str]) -> Iterator[Passage]:
    """Yield the passages of files and folders, in sorted order, each text once.

    Raises :class:`DataError` naming the file for a path that does not exist, a damaged archive or a
    broken record, and when there is no passage at all.
    """
    seen: set[int] = set()
    files = corpus_files(paths)
    root = Path(os.path.commonpath([file.absolute().parent for file in files])) if files else Path()
    for file in files:
        for passage in _passages(file, file.absolute().relative_to(root).as_posix()):
            if (key := hash(passage.text)) not in seen:
                seen.add(key)
                yield passage
    if not seen:
        raise DataError(f"{', '.join(map(str, paths))}: an empty corpus, no text of {SHORTEST} words. Name text files.")


def corpus_files(paths: Sequence[Path | str]) -> list[Path]:
    """Expand folders and globs to files, sorted; READMEs, licences and SOURCES notes are left out."""
    files: list[Path] = []
    for path in map(str, paths):
        found = [Path(path)] if Path(path).exists() else [Path(p) for p in sorted(glob.glob(path, recursive=True))]
        if not found:
            raise DataError(f"{path}: no such corpus file or folder. Check --corpus.")
        for entry in found:
            files += sorted(f for f in entry.rglob("*") if f.is_file()) if entry.is_dir() else [entry]
    return [f for f in files if _is_text(f.name)]


def _is_text(name: str) -> bool:
    stem = Path(name).name.lower()
    notes = re.match(r"(readme|licen[cs]e|sources)\b", stem)
    return not (notes or stem.startswith(".") or Path(stem.removesuffix(".gz").removesuffix(".xz")).suffix in IGNORED)


def _passages(file: Path, name: str) -> Iterator[Passage]:
    try:
        for inner, raw in _open(name, file.read_bytes()):
            yield from _cut(inner, raw, str(file))
    except DAMAGE as problem:
        said = " ".join(str(problem).split()) or type(problem).__name__
        raise DataError(f"{file}: cannot be read ({said}). Fetch it again or leave it out.") from None


def _open(name: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of the plain files inside, however they are wrapped."""
    lower = name.lower()
    if lower.endswith(TARS):
        with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
            for member in archive:
                if member.isfile() and _is_text(member.name) and (inner := archive.extractfile(member)):
                    yield from _open(f"{name}/{member.name.removeprefix('./')}", inner.read())
            _check_end(archive)
    elif lower.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(raw)) as package:
            for info in package.infolist():
                if not info.is_dir() and _is_text(info.filename):
                    yield from _open(f"{name}/{info.filename}", package.read(info))
    elif lower.endswith(".gz"):
        yield from _open(name[:-3], gzip.decompress(raw))
    elif lower.endswith(".xz"):
        yield from _open(name[:-3], lzma.decompress(raw))
    elif lower.endswith(".bz2"):
        yield from _open(name[:-4], bz2.decompress(raw))
    else:
        yield name, raw


def _check_end(archive: tarfile.TarFile) -> None:
    """Refuse an archive that breaks off or goes wrong after its first member: tarfile is silent there."""
    rest = archive.fileobj
    if rest is None:
        return
    rest.seek(archive.offset)
    if rest.read(512) != bytes(512):
        raise tarfile.ReadError("unexpected end of data")
    while rest.read(1 << 20):  # to the checksum of the compression
        pass


def _cut(name: str, raw: bytes, file: str) -> Iterator[Passage]:
    if b"\0" in raw:
        raise DataError(f"{file} ({name}): binary, no text. Leave it out of the corpus.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # every byte is a character there: old collections use it
    for number, (title, body) in enumerate(_documents(name, text, file)):
        prefix = f"{name}#{number}" if _is_json(name) else name
        for piece, words in enumerate(_pieces(body)):
            yield Passage(id=f"{prefix}:{piece}", text=words, title=title)


def _is_json(name: str) -> bool:
    return name.lower().endswith((".json", ".jsonl"))


def _documents(name: str, text: str, file: str) -> Iterator[tuple[str, str]]:
    """Yield (title, body) of a text file, or of each record of a JSON one."""
    if not _is_json(name):
        yield "", text
        return
    for number, record in _records(text, f"{file} ({name})"):
        body = next((record[field] for field in FIELDS if record.get(field) is not None), None)
        if not isinstance(body, str):
            raise DataError(
                f"{file} ({name}):{number}: field 'text' is missing or no text. Add it or leave the file out."
            )
        yield _whole(str(record.get("title") or "")), _whole(body)


def _whole(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON can spell and no tokenizer takes."""
    return text.encode(errors="replace").decode()


def _records(text: str, where: str) -> Iterator[tuple[int, dict[str, object]]]:
    lines: Iterable[tuple[int, object]]
    if text.lstrip().startswith("["):
        lines = enumerate(_json(text, where), 1)
    else:  # not splitlines(): JSON texts may hold U+2028 and the like
        lines = ((n, _json(line, f"{where}:{n}")) for n, line in enumerate(text.split("\n"), 1) if line.strip())
    for number, record in lines:
        if not isinstance(record, dict):
            raise DataError(f"{where}:{number}: must be an object with a field 'text'. Mend the record.")
        yield number, record


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        said = problem.msg if isinstance(problem, json.JSONDecodeError) else "too deep or too long a number"
        raise DataError(f"{where}: not JSON ({said}). Mend it or leave it out.") from None


def _pieces(text: str) -> Iterator[str]:
    """Cut at sentence ends into pieces of about ``WORDS`` words, none shorter than ``SHORTEST``."""
    piece: list[str] = []
    for sentence in re.split(r"(?<=[.!?])\s+|\n\s*\n", text):
        words = sentence.split()
        if piece and len(piece) + len(words) > WORDS * 4 // 3:
            if len(piece) >= SHORTEST:
                yield " ".join(piece)
            piece = []
        piece += words
        while len(piece) > WORDS * 2:  # text without sentence ends
            yield " ".join(piece[:WORDS])
            piece = piece[WORDS:]
        if len(piece) >= WORDS:
            yield " ".join(piece)
            piece = []
    if len(piece) >= SHORTEST:
        yield " ".join(piece)
