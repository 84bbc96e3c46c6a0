"""Help for readers of benchmarks' original files: find, unpack, decode and divide them.

Whatever is wrong with a file is one line that says file, place, what was expected and the mend, and no record
is lost without a word::

    def read(root: Path, split: str) -> Items:
        path = original(folder(root, "law", "clauses"), "clauses.csv")
        for line, row in every_fifth(rows(path, ("id", "clause", "kind")), split):
            where = f"{path}:{line}"
            yield Example(id=row["id"], input=words(row["clause"]), references=(label(row["kind"], KINDS, where),))

    READERS = {"clauses": checked("clauses", read)}

>>> content(original(Path("data/clauses"), "clauses.csv"))           # doctest: +SKIP
MissingDataError: data/clauses: no file clauses.csv or clauses.csv.gz. Put the distributor's file there, unchanged.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from selfspec.errors import DataError, MissingDataError, did_you_mean
from selfspec.types import Example, Reader, Skipped

Value = TypeVar("Value")
Items = Iterator[Example | Skipped]
"""What the inner function of a reader yields."""
Row = tuple[int, dict[str, str]]
"""The last line of a table's row, and its cells by column."""
SPLITS = ("train", "dev", "test")
AGAIN = "Fetch the file again from its distributor."
"""The mend of a file that is not as its distributor made it."""


def checked(task: str, read: Callable[[Path, str], Items], splits: Sequence[str] = SPLITS, why: str = "") -> Reader:
    """Return ``read`` as a reader that gives a whole split as a list or raises :class:`DataError`.

    An unknown split (``why`` may say why it does not exist), an empty one and a repeated id are errors.
    """

    def reader(root: Path, split: str) -> list[Example | Skipped]:
        if split not in splits:
            near, known = did_you_mean(split, splits), ", ".join(splits)
            raise DataError(f"{task}: there is no split {split!r}.{near} Known: {known}.{why and f' {why}'}")
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


def every_fifth(items: Iterable[Value], split: str, key: Callable[[Value], object] | None = None) -> list[Value]:
    """Divide a set without official parts: ``dev`` is items 4, 9, 14, ..., ``train`` the others.

    With ``key``, an item goes with the first one of the same key, so that, say, no text is on both sides.
    ``train`` and ``dev`` together are everything. So is ``test``: it has a file, or a ``--data`` root, of its own.
    """
    held: dict[object, bool] = {}
    kept: list[Value] = []
    for index, item in enumerate(items):
        in_dev = held.setdefault(key(item) if key else index, index % 5 == 4)
        if split == "test" or in_dev == (split == "dev"):
            kept.append(item)
    return kept


def same_input(item: Example | Skipped) -> str:
    """Return what :func:`every_fifth` keeps together: the input of an example, the place of a skipped record."""
    return item.input if isinstance(item, Example) else item.where


def folder(root: Path, domain: str, name: str) -> Path:
    """Return a data set's folder: ``root`` may be the domain's folder or the one that holds it."""
    nested = root / domain
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


def archive(path: Path) -> dict[str, bytes]:
    """Return name and bytes of every file in a zip or tar archive, sorted by name; nothing touches the disk."""
    data = io.BytesIO(content(path))
    broken = (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, zlib.error, lzma.LZMAError, RuntimeError)
    try:
        members = dict(_zip_members(data) if ".zip" in path.name else _tar_members(data))
    except broken as problem:
        line = str(problem).partition("\n")[0].rstrip(":")  # tarfile tells what each of its methods says, a line each
        raise DataError(f"{path}: truncated or broken ({line}), expected a whole archive. {AGAIN}") from None
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


def text(data: bytes, where: str | Path) -> str:
    """Decode UTF-8, with or without a byte order mark."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        # problem.object, not data: the codec cuts the byte order mark before it counts
        line = problem.object[: problem.start].count(b"\n") + 1
        byte = problem.object[problem.start]
        raise DataError(f"{where}:{line}: byte 0x{byte:02x} is not UTF-8. Convert the file to UTF-8.") from None


def lines(source: str) -> list[str]:
    """Split at newlines only (``str.splitlines`` would also cut at U+2028); a newline at the end adds no line."""
    return [line.rstrip("\r") for line in source.removesuffix("\n").split("\n")]


def numbered(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, line) of all but blank lines."""
    return ((number, line) for number, line in enumerate(lines(source), 1) if line.strip())


def json_file(path: Path, kind: type[Value]) -> Value:
    """Return the JSON value in ``path``, which must be a ``kind``: ``dict`` or ``list``."""
    return json_value(text(content(path), path), path, kind)


def json_value(source: str, where: str | Path, kind: type[Value], line: int = 1) -> Value:
    """Return the JSON ``kind`` (``dict`` or ``list``) in ``source``, which begins on ``line`` of ``where``."""
    expected = "an object" if kind is dict else f"a {kind.__name__}"
    try:
        value = json.loads(source)
    except json.JSONDecodeError as problem:
        place = f"{where}:{line + problem.lineno - 1}"
        raise DataError(f"{place}: not JSON ({problem.msg}), expected {expected}. {AGAIN}") from None
    except RecursionError:
        raise DataError(f"{where}:{line}: JSON nested too deep to be read, expected {expected}. {AGAIN}") from None
    if not isinstance(value, kind):
        raise DataError(f"{where}:{line}: a JSON {type(value).__name__}, expected {expected}. {AGAIN}")
    return value


def record(value: object, where: str) -> dict[str, Any]:
    """Return ``value``, which must be a JSON object."""
    if not isinstance(value, dict):
        raise DataError(f"{where}: a JSON {type(value).__name__}, expected an object. {AGAIN}")
    return value


def records(values: Iterable[object], where: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``where#1`` and the first of ``values``, and so on; each must be a JSON object."""
    for number, value in enumerate(values, 1):
        yield f"{where}#{number}", record(value, f"{where}#{number}")


def field(values: Mapping[str, Any], key: str, where: str | Path, kind: type[Value]) -> Value:
    """Return ``values[key]``, which must be a ``kind``."""
    if key not in values:
        raise DataError(f"{where}: key {key!r} is missing, expected a {kind.__name__}. {AGAIN}")
    value = values[key]
    if not isinstance(value, kind):
        raise DataError(f"{where}: key {key!r} is a {type(value).__name__}, expected a {kind.__name__}. {AGAIN}")
    return value


def texts(values: Mapping[str, Any], key: str, where: str | Path) -> list[str]:
    """Return ``values[key]``, which must be a list of texts."""
    found = field(values, key, where, list)
    if not all(isinstance(item, str) for item in found):
        raise DataError(f"{where}: key {key!r} holds something else than text, expected a list of text. {AGAIN}")
    return found


def label(value: str, known: Sequence[str], where: str | Path) -> str:
    """Return ``value`` without blanks around it, which must be one of ``known``."""
    if (value := value.strip()) not in known:
        raise DataError(f"{where}: unknown label {value[:40]!r}, expected one of {', '.join(known)}. {AGAIN}")
    return value


def csv_rows(
    source: str, where: str | Path, columns: Sequence[str] = (), delimiter: str = ","
) -> Iterator[tuple[int, list[str]]]:
    """Yield (last line, cells) of every row with a value in it; if given, each must have these ``columns``."""
    csv.field_size_limit(max(csv.field_size_limit(), 2**24))  # a text can pass the 128 KiB default
    # strict: an unclosed quote would else swallow all rows after it without a word
    reader = csv.reader(io.StringIO(source, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                if columns:
                    _check_width(row, columns, f"{where}:{reader.line_num}")
                yield reader.line_num, row
    except csv.Error as problem:
        raise DataError(f"{where}:{reader.line_num}: not CSV ({problem}), expected quoted fields. {AGAIN}") from None


def rows(path: Path, needed: Iterable[str], delimiter: str = ",") -> list[Row]:
    """Return every row below the header, which must have the columns ``needed``."""
    found = list(csv_rows(text(content(path), path), path, delimiter=delimiter))
    line, header = found[0] if found else (1, [])
    for name in needed:
        if name not in header:
            first = delimiter.join(header)[:60]
            raise DataError(f"{path}:{line}: no column {name!r} in {first!r}, expected it in the first line. {AGAIN}")
    for line, row in found[1:]:
        _check_width(row, header, f"{path}:{line}")
    return [(line, dict(zip(header, row, strict=True))) for line, row in found[1:]]


def _check_width(row: Sequence[str], columns: Sequence[str], where: str) -> None:
    if len(row) != len(columns):
        raise DataError(f"{where}: {len(row)} columns, expected {len(columns)} ({','.join(columns)}). {AGAIN}")


def words(value: str) -> str:
    """Join the words by single blanks: a prompt's fields are one line each."""
    return " ".join(value.split())


def mentions(tokens: Iterable[tuple[str, str, object]]) -> list[tuple[str, str]]:
    """Return (words, type) of each mention, from (token, type or ``""``, what a mention's tokens share)."""
    found: list[tuple[list[str], str]] = []
    before: object = None
    for token, kind, mention in tokens:
        if kind and mention == before:
            found[-1][0].append(token)
        elif kind:
            found.append(([token], kind))
        before = mention if kind else None
    return [(" ".join(parts), kind) for parts, kind in found]


def entities(found: Iterable[tuple[str, str]]) -> str:
    """Return (words, type) pairs as the answer kind ``entities`` asks: ``words <Type>, words <Type>``, or ``None``."""
    return ", ".join(f"{mention} <{kind}>" for mention, kind in found) or "None"
