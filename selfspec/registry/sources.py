"""Read what an index is or names: a path, a ``file:`` URL, or http(s).

>>> resolve("https://example.org/selfspec/index.json", "law-1.0-py3-none-any.whl")
'https://example.org/selfspec/law-1.0-py3-none-any.whl'
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urljoin, urlsplit
from urllib.request import Request, url2pathname, urlopen

from selfspec.errors import ConfigError, DataError, ResourceError

TIMEOUT = 20
"""Seconds that a server may stay silent."""
MAX_INDEX = 16 << 20
"""Bytes; a longer index is taken for something else."""


def is_served(where: str) -> bool:
    """Whether it is an http(s) address."""
    return where.lower().startswith(("http://", "https://"))


def local_path(where: str) -> Path:
    """Return the path that a path or ``file:`` URL means. Raises :class:`ConfigError` for other URLs."""
    if "://" not in where:
        return Path(where).expanduser()
    if not where.lower().startswith("file://"):
        raise ConfigError(f"{where}: of an unknown kind. Give a path, or a file:, http: or https: address.")
    return Path(url2pathname(urlsplit(where).path))


def resolve(index: str, name: str) -> str:
    """Return where ``name`` in an index lies: an http(s) address, or a relative path beside the index.

    Raises :class:`DataError` for a path that leaves the index's folder, and for local files that a
    served index names.
    """
    if is_served(name):
        return name
    path = PurePosixPath(name)
    if "://" in name or "\\" in name or path.is_absolute() or ".." in path.parts or not path.parts:
        raise DataError(f"{index}: {name!r} is neither an https address nor a path beside the index. Mend the index.")
    return urljoin(index, name) if is_served(index) else str(local_path(index).parent / path)


def pieces(where: str) -> Iterator[bytes]:
    """Yield the bytes, a piece at a time. Raises :class:`DataError` or :class:`ResourceError`, in one line."""
    try:
        with _open(where) as stream:
            while piece := stream.read(1 << 20):
                yield piece
    except FileNotFoundError:
        raise DataError(f"{where}: no such file. Check the path.") from None
    except (OSError, HTTPException, ValueError) as problem:
        reason = getattr(problem, "reason", None) or getattr(problem, "strerror", None) or problem
        if is_served(where):
            mend = "Check the address and the network; without --registry the packaged index is read."
            raise ResourceError(f"{where}: cannot be read ({reason}). {mend}") from None
        raise DataError(f"{where}: cannot be read ({reason}). Check the path.") from None


def _open(where: str) -> IO[bytes]:
    if not is_served(where):
        return local_path(where).open("rb")
    stream: IO[bytes] = urlopen(Request(where, headers={"User-Agent": "selfspec"}), timeout=TIMEOUT)
    return stream


def read(where: str) -> bytes:
    """Return the bytes of an index or a card."""
    data = b""
    for piece in pieces(where):
        data += piece
        if len(data) > MAX_INDEX:
            raise DataError(f"{where}: longer than {MAX_INDEX >> 20} MiB. Check the address.")
    return data


def copy(where: str, target: Path) -> str:
    """Copy to a local file; return its sha256."""
    digest = hashlib.sha256()
    with target.open("wb") as file:
        for piece in pieces(where):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def sha256(path: Path) -> str:
    """Return the sha256 of a local file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
