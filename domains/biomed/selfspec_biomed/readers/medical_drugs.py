"""Medical Drugs: the sentiment of a text towards a drug (hackathon files of 2019, not shipped anywhere we know).

A row of ``medical_drugs/train_F3WbcTw.csv`` (0 is positive, 1 negative, 2 neutral)::

    unique_hash,text,drug,sentiment
    2e180be4...,"Autoimmune diseases tend to come in clusters. ...",gilenya,2

Every fifth row is ``dev``. The official ``test_tOlRoBf.csv`` has no ``sentiment`` column and so cannot be scored.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from selfspec.errors import DataError
from selfspec.types import Example
from selfspec_biomed.readers.files import AGAIN, Items, content, every_fifth, folder, original, stem, text, words

FILES = {"train": "train_F3WbcTw.csv", "dev": "train_F3WbcTw.csv", "test": "test_tOlRoBf.csv"}
HEADER = ["unique_hash", "text", "drug", "sentiment"]
SENTIMENTS = {"0": "Positive", "1": "Negative", "2": "Neutral"}


def read(root: Path, split: str) -> Items:
    """Yield one example per row."""
    path = original(folder(root, "medical_drugs"), FILES[split])
    for line, row in every_fifth(_rows(path), split):
        yield _example(row, path, line)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return (last line, row) of every row but the header; a row may span lines."""
    csv.field_size_limit(max(csv.field_size_limit(), 2**24))  # forum posts can pass the 128 KiB default
    # strict: an unclosed quote would else swallow all rows after it without a word
    reader = csv.reader(io.StringIO(text(content(path), path), newline=""), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as problem:
        raise DataError(f"{path}:{reader.line_num}: not CSV ({problem}), expected quoted fields. {AGAIN}") from None
    _check_header(rows[0][1] if rows else [], path)
    return rows[1:]


def _check_header(header: list[str], path: Path) -> None:
    if header == HEADER[:-1]:
        raise DataError(f"{path}:1: no column 'sentiment', and scores need labels. Use the split dev or train.")
    if header != HEADER:
        raise DataError(f"{path}:1: columns {','.join(header)[:60]!r}, expected {','.join(HEADER)}. {AGAIN}")


def _example(row: list[str], path: Path, line: int) -> Example:
    if len(row) != len(HEADER):
        raise DataError(f"{path}:{line}: {len(row)} columns, expected {len(HEADER)} ({','.join(HEADER)}). {AGAIN}")
    name, body, drug, sentiment = (words(cell) for cell in row)
    if sentiment not in SENTIMENTS:
        raise DataError(f"{path}:{line}: unknown label {sentiment!r}, expected 0, 1 or 2. {AGAIN}")
    prompt = f"Sentence: {body}\nDrug: {drug}"
    return Example(id=f"{stem(path)}#{name}", input=prompt, references=(SENTIMENTS[sentiment],))
