"""Finding, unpacking and decoding distribution files, with errors that say file, place and mend.

>>> content(original(folder(root, "pubmedqa"), "ori_pqal.json"))     # doctest: +SKIP
MissingDataError: data/pubmedqa: no file ori_pqal.json or ori_pqal.json.gz. Put the distributor's file there, unchanged.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from selfspec.errors import DataError, MissingDataError, did_you_mean
from selfspec.types import Example, Reader, Skipped

Item = TypeVar("Item")
Items = Iterator[Example | Skipped]
AGAIN = "Fetch the file again from its distributor."


def checked(task: str, splits: Sequence[str], read: Callable[[Path, str], Items], why: str = "") -> Reader:
    """Wrap ``read`` so that an unknown split, an empty one and a repeated id are errors, never a smaller set."""

    def reader(root: Path, split: str) -> list[Example | Skipped]:
        if split not in splits:
            known = f"Known: {', '.join(splits)}."
            raise DataError(f"{task}: there is no split {split!r}.{did_you_mean(split, splits)} {known}{why}")
        items = list(read(Path(root), split))
        if not items:
            raise DataError(f"{task}: split {split!r} has no record below {root}, expected some. {AGAIN}")
        _refuse_repeated_ids(task, split, items)
        return items

    return reader


def _refuse_repeated_ids(task: str, split: str, items: Sequence[Example | Skipped]) -> None:
    seen: set[str] = set()
    for item in items:
        if isinstance(item, Example):
            if item.id in seen:
                raise DataError(f"{task}: id {item.id!r} occurs twice in split {split!r}, ids must differ. {AGAIN}")
            seen.add(item.id)


def folder(root: Path, name: str) -> Path:
    """Return the data set's folder: ``root`` may be the biomedical folder or the one that holds ``biomed/``."""
    nested = root / "biomed"
    return (nested if nested.is_dir() else root) / name


def find(where: Path, *names: str) -> Path | None:
    """Return the first of ``names`` that lies in ``where``, plain or with ``.gz`` appended."""
    candidates = (where / (name + end) for name in names for end in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def original(where: Path, *names: str) -> Path:
    """Return what :func:`find` finds; :class:`MissingDataError` names the expected files and their place."""
    if path := find(where, *names):
        return path
    expected = " or ".join(name if name.endswith(".gz") else f"{name} or {name}.gz" for name in names)
    raise MissingDataError(f"{where}: no file {expected}. Put the distributor's file there, unchanged.")


def stem(path: Path) -> str:
    """Return the name without its endings, for ids: ``7B1_golden`` for ``7B1_golden.json.gz``."""
    return path.name.split(".")[0]


def content(path: Path) -> bytes:
    """Return the bytes of ``path``, unpacked if its name ends in ``.gz``."""
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as problem:
        raise DataError(f"{path}: truncated or broken ({problem}), expected a whole file. {AGAIN}") from None


def text(data: bytes, where: str | Path) -> str:
    """Decode UTF-8, with or without a byte order mark."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        # problem.object, not data: the codec cuts the byte order mark before it counts
        line = problem.object[: problem.start].count(b"\n") + 1
        byte = problem.object[problem.start]
        raise DataError(f"{where}:{line}: byte 0x{byte:02x} is not UTF-8. Convert the file to UTF-8.") from None


def lines(data: bytes, where: str | Path) -> list[str]:
    """Split at newlines only: ``str.splitlines`` would also cut at U+2028 inside a token."""
    return [line.rstrip("\r") for line in text(data, where).split("\n")]


def json_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in ``path``."""
    try:
        value = json.loads(text(content(path), path))
    except json.JSONDecodeError as problem:
        raise DataError(f"{path}:{problem.lineno}: not JSON ({problem.msg}), expected one object. {AGAIN}") from None
    if not isinstance(value, dict):
        raise DataError(f"{path}: a JSON {type(value).__name__}, expected an object. Use the distributor's file.")
    return value


def archive(path: Path) -> dict[str, bytes]:
    """Return name and bytes of every file in a zip or tar archive, sorted by name; nothing touches the disk."""
    data = io.BytesIO(content(path))
    try:
        members = dict(_zip_members(data) if ".zip" in path.name else _tar_members(data))
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, zlib.error, RuntimeError) as problem:
        raise DataError(f"{path}: truncated or broken ({problem}), expected a whole archive. {AGAIN}") from None
    return dict(sorted(members.items()))


def _zip_members(data: io.BytesIO) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(data) as file:
        for info in file.infolist():
            if not info.is_dir():
                yield info.filename, file.read(info)


def _tar_members(data: io.BytesIO) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=data) as file:
        for info in file:
            if info.isfile() and (member := file.extractfile(info)):
                yield info.name, member.read()


def every_fifth(items: Sequence[Item], split: str) -> list[Item]:
    """Divide a set without an official development part: ``dev`` is items 4, 9, 14, ..., ``train`` the others.

    ``train`` and ``dev`` together are everything; ``test`` has its own file and is taken whole.
    """
    if split == "test":
        return list(items)
    return [item for index, item in enumerate(items) if (index % 5 == 4) == (split == "dev")]


def field(record: Mapping[str, Any], key: str, where: str, kind: type[Item]) -> Item:
    """Return ``record[key]``, which must be a ``kind``."""
    if key not in record:
        raise DataError(f"{where}: key {key!r} is missing, expected a {kind.__name__}. {AGAIN}")
    value = record[key]
    if not isinstance(value, kind):
        raise DataError(f"{where}: key {key!r} is a {type(value).__name__}, expected a {kind.__name__}. {AGAIN}")
    return value


def words(value: str) -> str:
    """Join the words by single blanks: a prompt's fields are one line each."""
    return " ".join(value.split())
