"""JSON Lines, read with errors that say where and written so that a kill loses nothing.

One record a line, UTF-8, human-readable. ``.gz`` is read transparently.

>>> list(read("seeds.jsonl"))                                        # doctest: +SKIP
DataError: seeds.jsonl:7: not JSON (Expecting ',' delimiter). One JSON object a line.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from selfspec.errors import DataError, ResourceError

Record = dict[str, Any]
BOM = b"\xef\xbb\xbf"
HALF = re.compile("[\ud800-\udfff]")
"""Half a surrogate pair: JSON can spell it, UTF-8 and tokenizers cannot."""


def read(path: Path) -> Iterator[tuple[int, Record]]:
    """Yield (line number, record), skipping blank lines.

    Raises :class:`DataError` for a missing file, a damaged archive, bad UTF-8, bad JSON or a line that is
    no object.
    """
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            yield number, _record(path, number, line)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            yield from file
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except (OSError, EOFError, zlib.error) as problem:
        raise DataError(f"{path}: cannot be read ({problem}). Fetch the file again.") from None


def _record(path: Path, number: int, line: bytes) -> Record:
    if number == 1 and line.startswith(BOM):
        raise DataError(f"{path}:1: begins with a byte-order mark. Save as UTF-8 without BOM.")
    try:
        record = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as problem:
        raise DataError(
            f"{path}:{number}: not UTF-8 (byte {problem.start + 1} of the line). Save the file as UTF-8."
        ) from None
    except json.JSONDecodeError as problem:
        raise DataError(f"{path}:{number}: not JSON ({problem.msg}). Write one JSON object a line.") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets thousands deep
        raise DataError(f"{path}:{number}: too long a number or too deeply nested. Write flat JSON objects.") from None
    if not isinstance(record, dict):
        raise DataError(f"{path}:{number}: a JSON {type(record).__name__}. Write one JSON object a line.")
    return record


def text_field(record: Mapping[str, Any], name: str, where: str, default: str | None = None) -> str:
    """Return the text in ``record[name]``; ``default`` if absent, else :class:`DataError`."""
    if name not in record and default is not None:
        return default
    if name not in record:
        raise DataError(f"{where}: field {name!r} is missing. Add it.")
    value = record[name]
    if not isinstance(value, str):
        raise DataError(f"{where}:{name}: {type(value).__name__}, must be text. Put it in quotes.")
    if HALF.search(value):
        raise DataError(f"{where}:{name}: half a surrogate pair (\\ud800 to \\udfff), no character. Mend the text.")
    return value


def dumps(record: Mapping[str, Any]) -> str:
    """Return the one-line form that every file of a run uses; half surrogate pairs stay escaped."""
    line = json.dumps(record, ensure_ascii=False) + "\n"
    return HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", line)


def write(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write all ``records`` or none: to a temporary file, synced, then renamed."""
    write_text(path, "".join(dumps(record) for record in records))


def write_text(path: Path, text: str) -> None:
    """Write ``text`` atomically. Raises :class:`ResourceError` when the disk refuses."""
    temporary, data = path.with_name(path.name + ".part"), text.encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as problem:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise ResourceError(
            f"{path}: cannot be written ({problem.strerror}). "
            "Free the disk or choose another directory, then run the same command again."
        ) from None
