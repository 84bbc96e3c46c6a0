r"""BIG-bench sports_understanding: is a made-up sentence about an athlete plausible?

A line of ``sports_understanding/test.jsonl`` (1 is plausible, 0 is not)::

    {"id": 11, "question": "Luke Voit was out at first", "answer": 1}

Without that file, ``bbh_sports_understanding.json`` of BIG-Bench-Hard is read, a part of the same set, whose
sentences lose their full stop here so that both files give the same input::

    {"examples": [{"input": "Is the following sentence plausible? \"Elias ... beat the buzzer.\"", "target": "no"}]}

Every fifth record is ``dev``; ``test`` is the same file below another ``--data`` root.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from selfspec.datafiles import (
    AGAIN,
    Items,
    content,
    every_fifth,
    field,
    folder,
    json_file,
    json_value,
    label,
    numbered,
    original,
    records,
    same_input,
    stem,
    text,
    words,
)
from selfspec.errors import DataError
from selfspec.types import Example

FULL, HARD = "test.jsonl", "bbh_sports_understanding.json"
LABELS = {1: "yes", 0: "no"}
_QUESTION = re.compile(r'Is the following sentence plausible\? "(.+)"')


def read(root: Path, split: str) -> Items:
    """Yield one example per sentence."""
    path = original(folder(root, "sports", "sports_understanding"), FULL, HARD)
    yield from every_fifth(_hard(path) if stem(path) == stem(Path(HARD)) else _full(path), split, key=same_input)


def _full(path: Path) -> Items:
    for number, line in numbered(text(content(path), path)):
        record: dict[str, Any] = json_value(line, path, dict, number)
        yield _example(record, stem(path), f"{path}:{number}")


def _example(record: dict[str, Any], name: str, where: str) -> Example:
    identity, answer = field(record, "id", where, int), field(record, "answer", where, int)
    if answer not in LABELS:
        raise DataError(f"{where}: unknown label {answer}, expected 1 or 0. {AGAIN}")
    sentence = words(field(record, "question", where, str))
    return Example(id=f"{name}#{identity}", input=sentence, references=(LABELS[answer],))


def _hard(path: Path) -> Items:
    whole: dict[str, Any] = json_file(path, dict)
    for where, record in records(field(whole, "examples", path, list), path):
        question, target = field(record, "input", where, str), field(record, "target", where, str)
        if not (match := _QUESTION.fullmatch(question.strip())):
            raise DataError(f"{where}: input {question[:60]!r}, expected {_QUESTION.pattern}. {AGAIN}")
        sentence, right = words(match[1]).removesuffix("."), label(target, tuple(LABELS.values()), where)
        yield Example(id=f"{stem(path)}#{where.rpartition('#')[2]}", input=sentence, references=(right,))
