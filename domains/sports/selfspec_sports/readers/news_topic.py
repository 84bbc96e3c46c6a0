"""AG News: to which of four newspaper sections does a report belong?

A row of ``ag_news/test.csv``, which has no header: section, title, description::

    "2","Giddy Phelps Touches Gold for First Time","Michael Phelps won the gold medal in the 400 ..."

The input is ``Title. Description``; the entities and backslashes of the file (``#39;``, ``\\``) stay. Every fifth
record is ``dev``; ``test`` is the same file below another ``--data`` root.
"""

from __future__ import annotations

from pathlib import Path

from selfspec.errors import DataError
from selfspec.types import Example
from selfspec_sports.readers.files import (
    AGAIN,
    Items,
    content,
    csv_rows,
    every_fifth,
    folder,
    original,
    stem,
    text,
    words,
)

FILE = "test.csv"
COLUMNS = 3
SECTIONS = {"1": "World", "2": "Sports", "3": "Business", "4": "Sci/Tech"}


def read(root: Path, split: str) -> Items:
    """Yield one example per report."""
    path = original(folder(root, "ag_news"), FILE)
    yield from every_fifth(_examples(path), split)


def _examples(path: Path) -> Items:
    for number, (line, row) in enumerate(csv_rows(text(content(path), path), path, COLUMNS), 1):
        section, title, description = (words(cell) for cell in row)
        if section not in SECTIONS:
            raise DataError(f"{path}:{line}: unknown label {section!r}, expected 1, 2, 3 or 4. {AGAIN}")
        stop = "" if title.endswith((".", "!", "?")) else "."
        prompt = f"{title}{stop} {description}"
        yield Example(id=f"{stem(path)}#{number}", input=prompt, references=(SECTIONS[section],))
