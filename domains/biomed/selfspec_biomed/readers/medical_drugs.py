"""Medical Drugs: the sentiment of a text towards a drug (hackathon files of 2019, not shipped anywhere we know).

A row of ``medical_drugs/train_F3WbcTw.csv`` (0 is positive, 1 negative, 2 neutral)::

    unique_hash,text,drug,sentiment
    2e180be4...,"Autoimmune diseases tend to come in clusters. ...",gilenya,2

Every fifth row is ``dev``. The official ``test_tOlRoBf.csv`` has no ``sentiment`` column and so cannot be scored.
"""

from __future__ import annotations

from pathlib import Path

from selfspec.datafiles import AGAIN, Items, content, csv_rows, every_fifth, folder, label, original, stem, text, words
from selfspec.errors import DataError
from selfspec.types import Example

FILES = {"train": "train_F3WbcTw.csv", "dev": "train_F3WbcTw.csv", "test": "test_tOlRoBf.csv"}
HEADER = ["unique_hash", "text", "drug", "sentiment"]
SENTIMENTS = {"0": "Positive", "1": "Negative", "2": "Neutral"}


def read(root: Path, split: str) -> Items:
    """Yield one example per row."""
    path = original(folder(root, "biomed", "medical_drugs"), FILES[split])
    for line, row in every_fifth(_rows(path), split):
        yield _example(row, path, line)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return (last line, row) of every row but the header; a row may span lines."""
    source = text(content(path), path)
    _check_header(source.partition("\n")[0].strip().split(","), path)
    return list(csv_rows(source, path, HEADER))[1:]


def _check_header(header: list[str], path: Path) -> None:
    if header == HEADER[:-1]:
        raise DataError(f"{path}:1: no column 'sentiment', and scores need labels. Use the split dev or train.")
    if header != HEADER:
        raise DataError(f"{path}:1: columns {','.join(header)[:60]!r}, expected {','.join(HEADER)}. {AGAIN}")


def _example(row: list[str], path: Path, line: int) -> Example:
    name, body, drug, sentiment = (words(cell) for cell in row)
    right = SENTIMENTS[label(sentiment, tuple(SENTIMENTS), f"{path}:{line}")]
    prompt = f"Sentence: {body}\nDrug: {drug}"
    return Example(id=f"{stem(path)}#{name}", input=prompt, references=(right,))
