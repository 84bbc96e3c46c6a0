"""ConvFinQA and FinQA: the numbers that a conversation over a page of a financial report asks for.

A record of ``convfinqa/train.json`` or of a part of it (``train_subset.json``, ``train_first100_reduced.json``),
shortened; a FinQA record has ``"qa": {"question": .., "exe_ans": .., "program": ..}`` in place of the annotation
and is one turn::

    {"id": "Single_JKHY/2009/page_28.pdf-3", "pre_text": ["..."], "post_text": ["..."], "table": [["", "2009"], ...],
     "annotation": {"dialogue_break": ["what was the net cash in 2009?", "and in 2008?", "what is the change?"],
                    "exe_ans_list": [206588.0, 181001.0, 0.14136], "turn_program": ["206588", ..., "divide(..)"]}}

One example per turn: the last 120 words before the table, the table as ``cell | cell`` lines, the first 120 words
after it, the turns so far as ``question -> answer``, and the question. The reference is the executed answer; where
the last step makes a share or a rate (a division, or minus one, below 10) its percentage with one, two or three
decimals is right as well. A turn that asks for yes or no is Skipped. ``dev`` is FinQA's own dev sample and every
fifth training record, where records of one page stay together. ConvFinQA gives no answers with its test part, so
``test`` is the official ``dev.json``; without it, all records below the folder, for a held-out part of these names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from selfspec.datafiles import (
    AGAIN,
    Items,
    every_fifth,
    field,
    find,
    folder,
    json_file,
    records,
    stem,
    texts,
    words,
)
from selfspec.errors import DataError, MissingDataError
from selfspec.types import Example, Skipped

FULL, TEST = "train.json", "dev.json"
PARTS = ("train_subset.json", "train_first100_reduced.json")
FINQA_TRAIN, FINQA_DEV = "finqa_train_100.json", "finqa_dev_200.json"
TEXT_WORDS = 120
_NOT_PAGE = re.compile(r"^(?:Single|Double)_|-\d+$")
_SHARE = re.compile(r"(?:divide\([^()]*|subtract\(#\d+, const_1)\)\s*$")


@dataclass(frozen=True, slots=True)
class Record:
    """A conversation over a page: where it stands, its id and its JSON object."""

    where: str
    id: str
    values: dict[str, Any]
    file: str

    @property
    def page(self) -> str:
        """``JKHY/2009/page_28.pdf``, which several conversations and FinQA questions may share."""
        return _NOT_PAGE.sub("", self.id)


@dataclass(frozen=True, slots=True)
class Turn:
    """A question with its executed answer."""

    question: str
    answer: float | str
    program: str


def read(root: Path, split: str) -> Items:
    """Yield one example per turn."""
    for conversation in _chosen(folder(root, "finance", "convfinqa"), split):
        yield from _items(conversation)


def _chosen(where: Path, split: str) -> Iterator[Record]:
    if split == "test" and (test := find(where, TEST)):
        yield from _records(test)
        return
    train = (FULL,) if find(where, FULL) else PARTS
    paths = [path for name in (*train, FINQA_TRAIN) if (path := find(where, name))]
    finqa = find(where, FINQA_DEV)
    if not paths and not finqa:
        expected = ", ".join((FULL, *PARTS, FINQA_TRAIN, FINQA_DEV, *([TEST] if split == "test" else [])))
        raise MissingDataError(f"{where}: no file of {expected} (or .gz). Put the distributor's file there, unchanged.")
    yield from every_fifth([item for path in paths for item in _records(path)], split, key=lambda item: item.page)
    if finqa and split != "train":
        yield from _records(finqa)


def _records(path: Path) -> Iterator[Record]:
    for where, values in records(json_file(path, list), path):
        yield Record(where, field(values, "id", where, str), values, stem(path))


def _items(conversation: Record) -> Items:
    context = _context(conversation)
    before: list[str] = []
    for number, turn in enumerate(_turns(conversation), 1):
        answer = turn.answer if isinstance(turn.answer, str) else _plain(turn.answer)
        if isinstance(turn.answer, str):
            yield Skipped(where=f"{conversation.where}.{number}", reason="the answer is no number")
        else:
            history = "; ".join(before) or "none"
            prompt = f"Context: {context}\nConversation: {history}\nQuestion: {turn.question}"
            name = f"{conversation.file}#{conversation.id}.{number}"
            yield Example(id=name, input=prompt, references=(answer, *_percentages(turn.answer, turn.program)))
        before.append(f"{turn.question} -> {answer}")


def _turns(conversation: Record) -> list[Turn]:
    where, values = conversation.where, conversation.values
    if "annotation" not in values:
        if "qa" not in values:
            raise DataError(f"{where}: neither key 'annotation' nor 'qa', expected one of them. {AGAIN}")
        one = field(values, "qa", where, dict)
        return [_turn(one.get("question"), one.get("exe_ans"), one.get("program"), where)]
    annotation = field(values, "annotation", where, dict)
    keys = ("dialogue_break", "exe_ans_list", "turn_program")
    columns = [field(annotation, key, where, list) for key in keys]
    if len({len(column) for column in columns}) > 1:
        found = ", ".join(f"{len(column)} in {key}" for key, column in zip(keys, columns, strict=True))
        raise DataError(f"{where}: {found}, expected one for each turn. {AGAIN}")
    return [_turn(question, answer, program, where) for question, answer, program in zip(*columns, strict=True)]


def _turn(question: object, answer: object, program: object, where: str) -> Turn:
    if not isinstance(question, str) or not isinstance(program, str):
        raise DataError(f"{where}: a question or its program is {type(question).__name__}, expected text. {AGAIN}")
    if isinstance(answer, bool) or not isinstance(answer, float | int | str):
        raise DataError(f"{where}: an executed answer is {str(answer)[:40]!r}, expected a number, yes or no. {AGAIN}")
    if isinstance(answer, float) and not math.isfinite(answer):
        raise DataError(f"{where}: an executed answer is {answer}, expected a finite number. {AGAIN}")
    return Turn(words(question), answer, program)


def _plain(value: float) -> str:
    """Return ``206588`` for 206588.0, ``0.00001`` for 1e-05 and ``0`` for -0.0."""
    return format(Decimal(repr(value or 0.0)), "f").removesuffix(".0")


def _percentages(value: float, program: str) -> tuple[str, ...]:
    if not _SHARE.search(program) or abs(value) >= 10:
        return ()
    written = (f"{100 * value:.{digits}f}" for digits in (1, 2, 3))
    return tuple(dict.fromkeys(f"{number}%" for number in written if float(number)))


def _context(conversation: Record) -> str:
    where, values = conversation.where, conversation.values
    before, after = (" ".join(texts(values, key, where)).split() for key in ("pre_text", "post_text"))
    table = field(values, "table", where, list)
    if not all(isinstance(row, list) for row in table):
        raise DataError(f"{where}: key 'table' holds something else than rows, expected a list of lists. {AGAIN}")
    rows = (" | ".join(words(str(cell)) for cell in row) for row in table)
    parts = (" ".join(before[-TEXT_WORDS:]), *rows, " ".join(after[:TEXT_WORDS]))
    return "\n".join(part for part in parts if part)
