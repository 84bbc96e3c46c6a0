"""Open files however they are wrapped: ``.gz``, ``.xz``, ``.bz2``, ``.zip``, ``.tar[.*]``, one in another.

>>> for name, stream in unwrap(Path("abstracts.tar.xz"), "abstracts.tar.xz"): ...      # doctest: +SKIP
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

TARS = (".tar", ".tgz", ".txz", ".tbz2", ".tar.gz", ".tar.xz", ".tar.bz2")
OPENERS: Mapping[str, Callable[[IO[bytes]], Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
DAMAGE = (
    *(OSError, EOFError, ValueError, RuntimeError, struct.error),
    *(zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile),
)
"""What the standard library raises for broken, encrypted and unknown archives."""
IGNORED = {".md5", ".sha256", ".pdf", ".png", ".jpg", ".html", ".yaml", ".yml"}


def is_text(name: str) -> bool:
    """Whether a file of this name is read: no note on the corpus, no hidden file, no picture."""
    stem = Path(name).name.lower()
    notes = re.match(r"(readme|licen[cs]e|sources)\b", stem)
    return not (notes or stem.startswith(".") or Path(stem.removesuffix(".gz").removesuffix(".xz")).suffix in IGNORED)


def unwrap(file: Path, name: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield (name, stream) of the plain files inside. Raises one of :data:`DAMAGE`.

    Streams are read forwards, and each before the next one is asked for.
    """
    with file.open("rb") as stream:
        yield from _open(name, stream)


def _open(name: str, stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    lower = name.lower()
    if lower.endswith(TARS):
        yield from _tar(name, stream)
    elif lower.endswith(".zip"):
        with zipfile.ZipFile(stream) as package:
            for info in package.infolist():
                if not info.is_dir() and is_text(info.filename):
                    yield from _member(f"{name}/{info.filename}", package.open(info))
    elif opener := OPENERS.get(Path(lower).suffix):
        yield from _member(name.rpartition(".")[0], opener(stream))
    else:
        yield name, stream


def _member(name: str, stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    """Open what lies in an archive; one that is an archive itself is held in memory, as it is read to and fro."""
    with stream:
        yield from _open(name, io.BytesIO(stream.read()) if name.lower().endswith((*TARS, ".zip")) else stream)


def _tar(name: str, stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(fileobj=stream) as archive:
        for member in archive:
            if member.isfile() and is_text(member.name) and (inner := archive.extractfile(member)):
                yield from _member(f"{name}/{member.name.removeprefix('./')}", inner)
        _check_end(archive)


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
