"""Sentences of NBA game reports with the records that they state (Wang 2019, from RotoWire).

``nba_records/train.zip`` (``val.zip`` is ``dev``, and ``test.zip``) holds four files of equally many lines::

    train/x_type.train.txt         TEAM_NAME TEAM-AST TEAM-AST TEAM_NAME
    train/x_value.train.txt        Boston 25 11 New_York
    train/x_associated.train.txt   Boston Boston New_York New_York
    train/y_aux.train.txt          Boston had 25 assists to just 11 for New_York , and ...

The input is ``TEAM_NAME: Boston | TEAM-AST: 25 | TEAM-AST: 11 | TEAM_NAME: New York``, the reference the sentence
with its underscores as blanks. ``x_associated`` is checked for its length and not shown.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from selfspec.datafiles import AGAIN, Items, archive, folder, lines, original, stem, text, words
from selfspec.errors import DataError
from selfspec.types import Example, Skipped

FILES = {"train": "train.zip", "dev": "val.zip", "test": "test.zip"}
COLUMNS = ("x_type", "x_value", "x_associated", "y_aux")
_TYPE = re.compile(r"(?:TEAM|PLAYER)[-_][A-Z0-9_]+")


def read(root: Path, split: str) -> Items:
    """Yield one example per sentence."""
    path = original(folder(root, "sports", "nba_records"), FILES[split])
    members = archive(path)
    columns = {name: _column(name, members, path) for name in COLUMNS}
    if len({len(column) for column in columns.values()}) > 1:
        found = ", ".join(f"{len(column)} in {name}" for name, column in columns.items())
        raise DataError(f"{path}: lines: {found}, expected equally many. {AGAIN}")
    for number, row in enumerate(zip(*columns.values(), strict=True), 1):
        yield _item(row, f"{stem(path)}#{number}", f"{path}:{number}")


def _column(name: str, members: dict[str, bytes], path: Path) -> list[str]:
    found = [member for member in members if re.fullmatch(rf"{name}\.(\w+\.)?txt", PurePosixPath(member).name)]
    if len(found) != 1:
        raise DataError(f"{path}: {len(found)} files {name}.*.txt inside, expected one. {AGAIN}")
    return lines(text(members[found[0]], f"{path}:{found[0]}"))


def _item(row: tuple[str, ...], name: str, where: str) -> Example | Skipped:
    types, values, owners = (column.split() for column in row[:3])
    if not len(types) == len(values) == len(owners):
        found = f"{len(types)} types, {len(values)} values and {len(owners)} associated names"
        raise DataError(f"{where}: {found}, expected equally many. {AGAIN}")
    if wrong := [kind for kind in types if not _TYPE.fullmatch(kind)]:
        raise DataError(f"{where}: unknown record type {wrong[0]!r}, expected TEAM- or PLAYER- and a field. {AGAIN}")
    if not types or not row[3].strip():
        return Skipped(where=where, reason="no sentence" if types else "no records")
    prompt = " | ".join(f"{kind}: {_plain(value)}" for kind, value in zip(types, values, strict=True))
    return Example(id=name, input=prompt, references=(_plain(row[3]),))


def _plain(value: str) -> str:
    return words(value.replace("_", " "))
