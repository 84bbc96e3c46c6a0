"""KPI-EDGAR: performance indicators, their parts and their values in annual reports.

A sheet of ``kpi_edgar/kpi_edgar.xlsx`` is a filing: A1 its file, B1 its split (``train``, ``valid`` or ``test``),
then a block for each sentence, whose labels stand under their tokens::

    Blob ID            | 49
    Sentence ID        | 2
    Sentence           | Net   | sales | were | $ | 4,512 | .
    Secondary Annotation
    Manual Annotations | kpi_1 | kpi_1 |      |   | cy_1  |
    Comment

The manual annotations count; of a label the type is kept and the numbers, which link a value to its indicator,
only tell neighbouring mentions apart. A sentence with the label ``delete`` is Skipped, as the authors do. The sheets
``legend`` and ``possible_relations`` are no data.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfspec.datafiles import AGAIN, Items, content, entities, folder, label, mentions, original
from selfspec.errors import DataError
from selfspec.types import Example, Skipped

FILE = "kpi_edgar.xlsx"
TYPES = (
    "kpi",
    "cy",
    "py",
    "py1",
    "increase",
    "increase_py",
    "decrease",
    "decrease_py",
    "thereof",
    "attr",
    "kpi_coref",
    "false_positive",
)
DELETE = "delete"
NO_DATA = ("legend", "possible_relations", "findings", "exercise", "solution")
SPLITS = {"train": "train", "valid": "dev", "test": "test"}
ROWS = ("", "Blob ID", "Sentence ID", "Sentence", "Secondary Annotation", "Manual Annotations", "Comment")
_LINKS = re.compile(r"(?:_\d+)+$")
Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A filing: its name in the workbook and its cells as text, row by row."""

    name: str
    rows: tuple[Cells, ...]


def read(root: Path, split: str) -> Items:
    """Yield one example per sentence of the filings of ``split``."""
    path = original(folder(root, "finance", "kpi_edgar"), FILE)
    for sheet in _sheets(path):
        where = f"{path}:{sheet.name}"
        header = (*(sheet.rows[0] if sheet.rows else ()), "", "")
        if SPLITS[label(header[1], tuple(SPLITS), f"{where}!B1")] == split:
            for number, (row, tokens, labels) in enumerate(_sentences(sheet, where), 1):
                yield _item(tokens, labels, f"{where}!{row}", f"kpi_edgar#{sheet.name}.{number}")


def _sheets(path: Path) -> list[Sheet]:
    import openpyxl  # type: ignore[import-untyped]

    # SyntaxError is what XML parsers raise
    broken = (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, ValueError, SyntaxError)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content(path)), read_only=True)
        sheets = [sheet for sheet in book.worksheets if sheet.title not in NO_DATA]
        return [Sheet(sheet.title, tuple(_cells(row) for row in sheet.values)) for sheet in sheets]
    except broken as problem:
        raise DataError(f"{path}: truncated or broken ({problem}), expected a whole workbook. {AGAIN}") from None


def _cells(row: Sequence[object]) -> Cells:
    return tuple("" if cell is None else str(cell).strip() for cell in row)


def _sentences(sheet: Sheet, where: str) -> Iterator[tuple[int, Cells, Cells]]:
    """Yield (row of the tokens, tokens, labels)."""
    pending: tuple[int, Cells] | None = None
    for number, row in enumerate(sheet.rows[1:], 2):
        name = row[0] if row else ""
        label(name, ROWS, f"{where}!A{number}")
        if pending and name in ("Sentence", "Blob ID"):
            break
        if name == "Sentence":
            pending = number, row[1:]
        elif name == "Manual Annotations" and pending:
            yield *pending, row[1:]
            pending = None
    if pending:
        raise DataError(f"{where}!{pending[0]}: a sentence without 'Manual Annotations', expected them. {AGAIN}")


def _item(tokens: Cells, labels: Cells, where: str, name: str) -> Example | Skipped:
    marked = [(token, *_type(mark, where)) for token, mark in _pairs(tokens, labels, where)]
    if any(kind == DELETE for _, kind, _ in marked):
        return Skipped(where=where, reason="marked for deletion by the annotators")
    if not marked:
        return Skipped(where=where, reason="no words")
    prompt = " ".join(token for token, _, _ in marked)
    return Example(id=name, input=prompt, references=(entities(mentions(marked)),))


def _pairs(tokens: Cells, labels: Cells, where: str) -> Iterator[tuple[str, str]]:
    labels = (*labels, *[""] * len(tokens))
    for index, mark in enumerate(labels):
        if token := tokens[index] if index < len(tokens) else "":
            yield token, mark
        elif mark:
            raise DataError(f"{where}: label {mark!r} in column {index + 2} has no token, expected one above. {AGAIN}")


def _type(mark: str, where: str) -> tuple[str, str]:
    """Return type and whole label; both are empty for a token outside of every mention."""
    kind = _LINKS.sub("", mark.lower())
    return label(kind, ("", *TYPES, DELETE), where), mark
