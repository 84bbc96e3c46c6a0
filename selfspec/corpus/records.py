"""The documents of a plain file: one of a text, one for each record of JSON Lines, JSON, CSV, TSV or Parquet.

A record has its text in the first of the fields ``text``, ``abstract`` and ``contents`` and may have a ``title``::

    {"title": "Aspirin", "abstract": "Aspirin is .."}
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from selfspec.errors import ConfigError, DataError

FIELDS = ("text", "abstract", "contents")
"""Where a record has its text: the first that is there."""
NAMES = "'text', 'abstract' or 'contents'"
CHUNK = 1 << 18
"""Characters of a text that are read at once."""
BATCH = 256
"""Rows of a Parquet file that are read at once."""
LATIN = "selfspec-latin-1"
codecs.register_error(LATIN, lambda e: (e.object[e.start : e.end].decode("latin-1"), e.end))  # type: ignore[attr-defined]

Record = Mapping[str, Any]


def documents(name: str, stream: IO[bytes], where: str) -> Iterator[tuple[str, str, Iterable[str]]]:
    """Yield (id, title, chunks of text) of each document. Raises :class:`DataError` with ``where`` and line."""
    suffix = name.lower().rpartition(".")[2]
    if suffix in ("json", "jsonl"):
        records = _json_records(stream, where)
    elif suffix in ("csv", "tsv"):
        records = _csv_records(stream, where, "\t" if suffix == "tsv" else ",")
    elif suffix == "parquet":
        records = _parquet_records(stream, where)
    else:
        yield name, "", _text(stream, where)
        return
    for number, (line, record) in enumerate(records):
        yield f"{name}#{number}", whole(str(record.get("title") or "")), [whole(body(record, f"{where}:{line}"))]


def body(record: Record, where: str, fields: tuple[str, ...] = FIELDS) -> str:
    """Return the text of a record, from the first of ``fields`` that is there, or raise :class:`DataError`."""
    found = next((record[field] for field in fields if record.get(field) is not None), None)
    if not isinstance(found, str):
        raise DataError(f"{where}: field {fields[0]!r} is missing or no text. Add it or leave the file out.")
    return found


def whole(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON can spell and no tokenizer takes."""
    return text.encode(errors="replace").decode()


def _text(stream: IO[bytes], where: str) -> Iterator[str]:
    """Decode UTF-8; what is none is Latin-1, where every byte is a character: old collections use it."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")(LATIN)
    while raw := stream.read(CHUNK):
        _no_binary(raw, where)
        yield decoder.decode(raw)
    yield decoder.decode(b"", final=True)


def _no_binary(raw: bytes, where: str) -> None:
    if b"\0" in raw:
        raise DataError(f"{where}: binary, no text. Leave it out of the corpus.")


def _json_records(stream: IO[bytes], where: str) -> Iterator[tuple[int, Record]]:
    lines: Iterable[tuple[int, Any]] = _json_lines(stream, where)
    for number, record in lines:
        if not isinstance(record, dict):
            raise DataError(f"{where}:{number}: must be an object with a field 'text'. Mend the record.")
        yield number, record


def _json_lines(stream: IO[bytes], where: str) -> Iterator[tuple[int, Any]]:
    """Yield (line, value) of JSON Lines, or (number, value) of a file that is one list."""
    start = True
    for number, raw in enumerate(stream, 1):  # lines end at \n alone: JSON texts may hold U+2028 and the like
        if start and raw.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"["):
            yield from enumerate(_json(raw + stream.read(), where), 1)
            return
        if raw.strip():
            start = False
            yield number, _json(raw, f"{where}:{number}")


def _json(raw: bytes, where: str) -> Any:
    text = _decoded(raw, where)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        said = problem.msg if isinstance(problem, json.JSONDecodeError) else "too deep or too long a number"
        raise DataError(f"{where}: not JSON ({said}). Mend it or leave it out.") from None


def _decoded(raw: bytes, where: str) -> str:
    _no_binary(raw, where)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{where}: not UTF-8. Save it as UTF-8 or leave it out.") from None


def _csv_records(stream: IO[bytes], where: str, delimiter: str) -> Iterator[tuple[int, Record]]:
    csv.field_size_limit(1 << 30)  # a cell may hold a whole book; the default refuses 128 KB
    lines = (_decoded(raw, f"{where}:{number}") for number, raw in enumerate(stream, 1))
    table = csv.DictReader(lines, delimiter=delimiter, strict=True, restkey="")
    try:
        _check_columns(table.fieldnames or (), f"{where}:1")
        for row in table:
            if "" in row:
                raise DataError(f"{where}:{table.line_num}: more cells than columns. Put texts in quotes.")
            yield table.line_num, row
    except csv.Error as problem:
        raise DataError(f"{where}:{table.reader.line_num}: not CSV ({problem}). Mend it or leave it out.") from None


def _check_columns(names: Iterable[str], where: str) -> None:
    if not set(FIELDS) & set(names):
        found = ", ".join(names) or "none"
        raise DataError(f"{where}: no column {NAMES} (columns: {found:.200}). Name one so, or leave the file out.")


def _parquet_records(stream: IO[bytes], where: str) -> Iterator[tuple[int, Record]]:
    """Yield (row, record) with the text column and the title alone; rows without a text are left out."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ConfigError(
            f"{where}: Parquet needs pyarrow. Install it: pip install 'selfspec[hub]', or leave the file out."
        ) from None
    source = stream if stream.seekable() and hasattr(stream, "fileno") else io.BytesIO(stream.read())
    try:
        file = parquet.ParquetFile(source)
        names = file.schema_arrow.names
        _check_columns(names, where)
        wanted = [next(field for field in FIELDS if field in names), *(["title"] if "title" in names else [])]
        batches = (batch.to_pylist() for batch in file.iter_batches(BATCH, columns=wanted))
        for row, record in enumerate((record for batch in batches for record in batch), 1):
            if record[wanted[0]] is not None:
                yield row, record
    except pyarrow.ArrowException as problem:
        said = " ".join(str(problem).split()).rstrip(".")
        raise DataError(f"{where}: not Parquet ({said}). Fetch it again or leave it out.") from None
