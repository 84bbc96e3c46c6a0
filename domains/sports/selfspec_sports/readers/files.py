"""Finding, unpacking, decoding and dividing distribution files, with errors that say file, place and mend.

>>> content(original(folder(root, "ag_news"), "test.csv"))           # doctest: +SKIP
MissingDataError: data/ag_news: no file test.csv or test.csv.gz. Put the distributor's file there, unchanged.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from selfspec.errors import DataError, MissingDataError, did_you_mean
from selfspec.types import Example, Reader, Skipped

Value = TypeVar("Value")
Items = Iterator[Example | Skipped]
SPLITS = ("train", "dev", "test")
AGAIN = "Fetch the file again from its distributor."


def checked(task: str, read: Callable[[Path, str], Items]) -> Reader:
    """Wrap ``read`` so that an unknown split, an empty one and a repeated id are errors, never a smaller set."""

    def reader(root: Path, split: str) -> list[Example | Skipped]:
        if split not in SPLITS:
            near = did_you_mean(split, SPLITS)
            raise DataError(f"{task}: there is no split {split!r}.{near} Known: {', '.join(SPLITS)}.")
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


def every_fifth(items: Items, split: str) -> Items:
    """Divide a set without an official development part: ``dev`` is items 4, 9, 14, ..., ``train`` the others.

    An input that occurs again stays on the side of its first occurrence. ``train`` and ``dev`` together are
    everything; ``test`` is everything too, meant for a file of the same name below another ``--data`` root.
    """
    sides: dict[str, str] = {}
    for index, item in enumerate(items):
        key = item.input if isinstance(item, Example) else item.where
        side = sides.setdefault(key, "dev" if index % 5 == 4 else "train")
        if split in ("test", side):
            yield item


def folder(root: Path, name: str) -> Path:
    """Return the data set's folder: ``root`` may be the sports folder or the one that holds ``sports/``."""
    nested = root / "sports"
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
    """Return the name without its endings, for ids: ``test`` for ``test.csv.gz``."""
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
    """Split at newlines only (``str.splitlines`` would also cut at U+2028); a newline at the end adds no line."""
    return [line.rstrip("\r") for line in text(data, where).removesuffix("\n").split("\n")]


def json_value(source: str, where: str, kind: type[Value], line: int = 1) -> Value:
    """Return the JSON ``kind`` in ``source``, which begins on ``line`` of ``where``."""
    try:
        value = json.loads(source)
    except json.JSONDecodeError as problem:
        place = f"{where}:{line + problem.lineno - 1}"
        raise DataError(f"{place}: not JSON ({problem.msg}), expected a {kind.__name__}. {AGAIN}") from None
    if not isinstance(value, kind):
        raise DataError(f"{where}:{line}: a JSON {type(value).__name__}, expected a {kind.__name__}. {AGAIN}")
    return value


def records(values: Sequence[object], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``where#1`` and the first of ``values``, and so on; each must be an object."""
    for number, value in enumerate(values, 1):
        if not isinstance(value, dict):
            raise DataError(f"{where}#{number}: a JSON {type(value).__name__}, expected an object. {AGAIN}")
        yield f"{where}#{number}", value


def field(record: Mapping[str, Any], key: str, where: str, kind: type[Value]) -> Value:
    """Return ``record[key]``, which must be a ``kind``."""
    if key not in record:
        raise DataError(f"{where}: key {key!r} is missing, expected a {kind.__name__}. {AGAIN}")
    value = record[key]
    if not isinstance(value, kind):
        raise DataError(f"{where}: key {key!r} is a {type(value).__name__}, expected a {kind.__name__}. {AGAIN}")
    return value


def archive(path: Path) -> dict[str, bytes]:
    """Return name and bytes of every file in a zip archive, sorted by name; nothing touches the disk."""
    try:
        with zipfile.ZipFile(io.BytesIO(content(path))) as file:
            names = [info.filename for info in file.infolist() if not info.is_dir()]
            return {name: file.read(name) for name in sorted(names)}
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, RuntimeError) as problem:
        raise DataError(f"{path}: truncated or broken ({problem}), expected a whole archive. {AGAIN}") from None


def csv_rows(source: str, where: str | Path, columns: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Yield (last line, row) of every row that is not blank and, if given, has ``columns``; a row may span lines."""
    # strict: an unclosed quote would else swallow all rows after it without a word
    reader = csv.reader(io.StringIO(source, newline=""), strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                if columns and len(row) != columns:
                    raise DataError(f"{where}:{reader.line_num}: {len(row)} columns, expected {columns}. {AGAIN}")
                yield reader.line_num, row
    except csv.Error as problem:
        raise DataError(f"{where}:{reader.line_num}: not CSV ({problem}), expected quoted fields. {AGAIN}") from None


def words(value: str) -> str:
    """Join the words by single blanks: a prompt's fields are one line each."""
    return " ".join(value.split())
