r"""SportQA: questions about sport with four options, one of them right.

``sportqa/sportqa_data_dev.zip`` holds ``Level1/*.json`` and ``Level2/*/SPORT.json``, lists of such records::

    {"Question": "What is the core of ...?\nA) Plastic\nB) Wood\nC) Metal\nD) Cloth", "Answer": "B"}

All of them, in the order of the members' names, are one set: the ``dev`` files are five few-shot examples per
sport, too few to measure with. Every fifth record is ``dev``; ``test`` is the same file below another ``--data``
root. The records of Level 3 (CSV ``Question,Answer(s)``, answers like ``ABD`` or ``AB;C;D``) ask for sets of
letters and are Skipped, whatever else their files hold. Options stay as they are: a few questions write ``A.``.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from selfspec.datafiles import (
    AGAIN,
    Items,
    archive,
    csv_rows,
    every_fifth,
    field,
    folder,
    json_value,
    label,
    original,
    records,
    same_input,
    text,
    words,
)
from selfspec.errors import DataError
from selfspec.types import Example, Skipped

FILE = "sportqa_data_dev.zip"
LABELS = ("A", "B", "C", "D")
SEVERAL = "level 3 asks for several letters"


def read(root: Path, split: str) -> Items:
    """Yield one example per question of levels 1 and 2."""
    path = original(folder(root, "sports", "sportqa"), FILE)
    yield from every_fifth(_items(path), split, key=same_input)


def _items(path: Path) -> Items:
    # "._Archery.json" is what macOS adds to archives
    members = {name: data for name, data in archive(path).items() if not PurePosixPath(name).name.startswith("._")}
    if not any(name.endswith(".json") for name in members):
        raise DataError(f"{path}: no .json file inside, expected Level1/*.json and Level2/*/*.json. {AGAIN}")
    for name, data in members.items():
        where = f"{path}:{name}"
        if name.endswith(".json"):
            yield from _questions(text(data, where), name, where)
        elif name.endswith(".csv"):
            yield from _left_out(data.decode("utf-8-sig", "replace"), where)


def _questions(source: str, name: str, where: str) -> Items:
    questions: list[object] = json_value(source, where, list)
    level3 = "Level3" in PurePosixPath(name).parts
    for number, (place, record) in enumerate(records(questions, where), 1):
        if level3:
            yield Skipped(where=place, reason=SEVERAL)
        else:
            yield _example(record, f"{name.removesuffix('.json')}#{number}", place)


def _left_out(source: str, where: str) -> Items:
    rows = csv_rows(source, where)
    if "Question" not in (header := next(rows, (0, [""]))[1]):
        raise DataError(f"{where}:1: columns {','.join(header)[:60]!r}, expected Question,Answer(s). {AGAIN}")
    for line, _ in rows:
        yield Skipped(where=f"{where}:{line}", reason=SEVERAL)


def _example(record: dict[str, Any], name: str, where: str) -> Example:
    question, answer = field(record, "Question", where, str), label(field(record, "Answer", where, str), LABELS, where)
    prompt = "\n".join(words(line) for line in question.split("\n") if line.strip())
    return Example(id=name, input=prompt, references=(answer,))
