"""Finding, unpacking and decoding distribution files, with errors that say file, place and mend.

>>> content(original(folder(root, "fin3"), "FIN5.txt"))              # doctest: +SKIP
MissingDataError: data/fin3: no file FIN5.txt or FIN5.txt.gz. Put the distributor's file there, unchanged.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from selfspec.errors import DataError, MissingDataError, did_you_mean
from selfspec.types import Example, Reader, Skipped

Item = TypeVar("Item")
Items = Iterator[Example | Skipped]
Row = tuple[int, dict[str, str]]
SPLITS = ("train", "dev", "test")
AGAIN = "Fetch the file again from its distributor."


def checked(task: str, read: Callable[[Path, str], Items]) -> Reader:
    """Wrap ``read`` so that an unknown split, an empty one and a repeated id are errors, never a smaller set."""

    def reader(root: Path, split: str) -> list[Example | Skipped]:
        if split not in SPLITS:
            known = f"Known: {', '.join(SPLITS)}."
            raise DataError(f"{task}: there is no split {split!r}.{did_you_mean(split, SPLITS)} {known}")
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
    """Return the data set's folder: ``root`` may be the finance folder or the one that holds ``finance/``."""
    nested = root / "finance"
    return (nested if nested.is_dir() else root) / name


def find(where: Path, *names: str) -> Path | None:
    """Return the first of ``names`` that lies in ``where``, plain or with ``.gz`` appended."""
    candidates = (where / (name + end) for name in names for end in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def original(where: Path, *names: str) -> Path:
    """Return what :func:`find` finds; :class:`DataError` names the expected files and their place."""
    if path := find(where, *names):
        return path
    expected = " or ".join(f"{name} or {name}.gz" for name in names)
    raise MissingDataError(f"{where}: no file {expected}. Put the distributor's file there, unchanged.")


def stem(path: Path) -> str:
    """Return the name without its endings, for ids: ``FIN5`` for ``FIN5.txt.gz``."""
    return path.name.split(".")[0]


def content(path: Path) -> bytes:
    """Return the bytes of ``path``, unpacked if its name ends in ``.gz``."""
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as problem:
        raise DataError(f"{path}: truncated or broken ({problem}), expected a whole file. {AGAIN}") from None


def archive(path: Path) -> dict[str, bytes]:
    """Return name and bytes of every file in a zip archive, sorted by name; nothing touches the disk."""
    try:
        with zipfile.ZipFile(io.BytesIO(content(path))) as file:
            return {name: file.read(name) for name in sorted(file.namelist()) if not name.endswith("/")}
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, RuntimeError) as problem:
        raise DataError(f"{path}: truncated or broken ({problem}), expected a whole archive. {AGAIN}") from None


def text(data: bytes, where: str | Path) -> str:
    """Decode UTF-8, with or without a byte order mark."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        # problem.object, not data: the codec cuts the byte order mark before it counts
        line = problem.object[: problem.start].count(b"\n") + 1
        byte = problem.object[problem.start]
        raise DataError(f"{where}:{line}: byte 0x{byte:02x} is not UTF-8. Convert the file to UTF-8.") from None


def lines(data: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, line) of all but blank lines; ``str.splitlines`` would also cut at U+2028."""
    for number, line in enumerate(data.split("\n"), 1):
        if line.strip():
            yield number, line.rstrip("\r")


def json_file(path: Path, kind: type[Item]) -> Item:
    """Return the JSON value in ``path``, which must be a ``kind`` (``dict`` or ``list``)."""
    try:
        value = json.loads(text(content(path), path))
    except json.JSONDecodeError as problem:
        found = f"{path}:{problem.lineno}: not JSON ({problem.msg})"
        raise DataError(f"{found}, expected one {kind.__name__}. {AGAIN}") from None
    if not isinstance(value, kind):
        found = f"{path}: a JSON {type(value).__name__}"
        raise DataError(f"{found}, expected a {kind.__name__}. Use the distributor's file.")
    return value


def rows(path: Path, needed: Iterable[str], delimiter: str = ",") -> list[Row]:
    """Return (last line, row) of every row below the header, which must have the columns ``needed``."""
    csv.field_size_limit(max(csv.field_size_limit(), 2**24))
    # strict: an unclosed quote would else swallow all rows after it without a word
    reader = csv.reader(io.StringIO(text(content(path), path), newline=""), delimiter=delimiter, strict=True)
    try:
        cells = [(reader.line_num, row) for row in reader if row]
    except csv.Error as problem:
        raise DataError(f"{path}:{reader.line_num}: not CSV ({problem}), expected quoted fields. {AGAIN}") from None
    header = cells[0][1] if cells else []
    for name in needed:
        if name not in header:
            found = delimiter.join(header)[:60]
            raise DataError(f"{path}:1: no column {name!r} in {found!r}, expected it in the first line. {AGAIN}")
    return [(line, _row(header, row, f"{path}:{line}")) for line, row in cells[1:]]


def _row(header: list[str], row: list[str], where: str) -> dict[str, str]:
    if len(row) != len(header):
        raise DataError(f"{where}: {len(row)} columns, expected {len(header)} ({','.join(header)}). {AGAIN}")
    return dict(zip(header, row, strict=True))


def every_fifth(items: Sequence[Item], split: str, key: Callable[[Item], object] = id) -> list[Item]:
    """Divide a set without official parts: ``dev`` is items 4, 9, 14, ..., ``train`` the others.

    An item goes with the first one of the same ``key``, so no text is on both sides; ``train`` and ``dev``
    together are everything. So is ``test``: a held-out file of the same name lies in a folder of its own.
    """
    if split == "test":
        return list(items)
    held: dict[object, bool] = {}
    for index, item in enumerate(items):
        held.setdefault(key(item), index % 5 == 4)
    return [item for item in items if held[key(item)] == (split == "dev")]


def record(value: object, where: str) -> dict[str, Any]:
    """Return ``value``, which must be a JSON object."""
    if not isinstance(value, dict):
        raise DataError(f"{where}: a JSON {type(value).__name__}, expected an object. {AGAIN}")
    return value


def field(values: Mapping[str, Any], key: str, where: str, kind: type[Item]) -> Item:
    """Return ``values[key]``, which must be a ``kind``."""
    if key not in values:
        raise DataError(f"{where}: key {key!r} is missing, expected a {kind.__name__}. {AGAIN}")
    value = values[key]
    if not isinstance(value, kind):
        raise DataError(f"{where}: key {key!r} is a {type(value).__name__}, expected a {kind.__name__}. {AGAIN}")
    return value


def label(value: str, known: Sequence[str], where: str) -> str:
    """Return ``value`` without blanks around it, which must be one of ``known``."""
    if (value := value.strip()) not in known:
        raise DataError(f"{where}: unknown label {value[:40]!r}, expected one of {', '.join(known)}. {AGAIN}")
    return value


def words(value: str) -> str:
    """Join the words by single blanks: a prompt's fields are one line each."""
    return " ".join(value.split())


def entities(tokens: Iterable[tuple[str, str, object]]) -> str:
    """Return ``words <Type>, words <Type>``, or ``None``, from (token, type or '', what a mention's tokens share)."""
    mentions: list[tuple[list[str], str]] = []
    before: object = None
    for token, kind, mention in tokens:
        if kind and mention == before:
            mentions[-1][0].append(token)
        elif kind:
            mentions.append(([token], kind))
        before = mention if kind else None
    return ", ".join(f"{' '.join(parts)} <{kind}>" for parts, kind in mentions) or "None"
