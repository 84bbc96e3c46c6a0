"""AG News: to which of four newspaper sections does a report belong?

A row of ``ag_news/test.csv``, which has no header: section, title, description::

    "2","Giddy Phelps Touches Gold for First Time","Michael Phelps won the gold medal in the 400 ..."

The input is ``Title. Description``; the entities and backslashes of the file (``#39;``, ``\\``) stay. Every fifth
record is ``dev``; ``test`` is the same file below another ``--data`` root.
"""

from __future__ import annotations

from pathlib import Path

from selfspec.datafiles import (
    Items,
    content,
    csv_rows,
    every_fifth,
    folder,
    label,
    original,
    same_input,
    stem,
    text,
    words,
)
from selfspec.types import Example

FILE = "test.csv"
COLUMNS = ("section", "title", "description")
SECTIONS = {"1": "World", "2": "Sports", "3": "Business", "4": "Sci/Tech"}


def read(root: Path, split: str) -> Items:
    """Yield one example per report."""
    path = original(folder(root, "sports", "ag_news"), FILE)
    yield from every_fifth(_examples(path), split, key=same_input)


def _examples(path: Path) -> Items:
    for number, (line, row) in enumerate(csv_rows(text(content(path), path), path, COLUMNS), 1):
        section, title, description = (words(cell) for cell in row)
        right = SECTIONS[label(section, tuple(SECTIONS), f"{path}:{line}")]
        stop = "" if title.endswith((".", "!", "?")) else "."
        prompt = f"{title}{stop} {description}"
        yield Example(id=f"{stem(path)}#{number}", input=prompt, references=(right,))
