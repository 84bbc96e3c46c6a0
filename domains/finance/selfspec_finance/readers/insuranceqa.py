"""InsuranceQA: a customer's question and the answer of an insurance agent.

The V1 corpus as text pairs, ``insuranceqa/v1_pairs/{train,validation,test}.csv``, lower-cased and lemmatised::

    question,answer,label
    how be Life Insurance pay out,Life Insurance be pay out the beneficiary when ...,1

A row with label 1 is an example, so a question with several answers occurs several times; label 0 is a random
other answer and Skipped. For a split whose V1 file is absent (``train``, as a rule) the V2 corpus is read, if
its answers are there: ``insuranceqa/V2/InsuranceQA.question.anslabel.token.100.pool.solr.train.encoded`` (domain,
question, labels of right answers and a pool, with tabs between), ``InsuranceQA.label2answer.token.encoded``
(label, answer) and ``vocabulary`` (``idx_7<TAB>word``), one example per question with all its right answers::

    medicare-insurance<TAB>idx_1010 idx_467<TAB>4436 16696<TAB>1650 14016 24487
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from selfspec.datafiles import (
    AGAIN,
    Items,
    content,
    find,
    folder,
    label,
    numbered,
    original,
    rows,
    stem,
    text,
    words,
)
from selfspec.errors import DataError, MissingDataError
from selfspec.types import Example, Skipped

V1 = {"train": "train.csv", "dev": "validation.csv", "test": "test.csv"}
V2 = {
    split: f"InsuranceQA.question.anslabel.token.100.pool.solr.{name}.encoded"
    for split, name in {"train": "train", "dev": "valid", "test": "test"}.items()
}
ANSWERS, VOCABULARY = "InsuranceQA.label2answer.token.encoded", "vocabulary"


@dataclass(frozen=True, slots=True)
class Question:
    """A decoded line of a V2 question file; ``answers`` are labels."""

    line: int
    text: str
    answers: tuple[str, ...]


def read(root: Path, split: str) -> Items:
    """Yield the V1 pairs of ``split`` or, without their file, the V2 questions."""
    where = folder(root, "finance", "insuranceqa")
    if path := find(where / "v1_pairs", V1[split]):
        yield from _pairs(path)
    elif find(where / "V2", V2[split]):
        yield from _encoded(where / "V2", split)
    else:
        expected = f"v1_pairs/{V1[split]} or V2/{V2[split]} (or .gz)"
        raise MissingDataError(f"{where}: no file {expected}. Put the distributor's file there, unchanged.")


def _pairs(path: Path) -> Items:
    for line, row in rows(path, ("question", "answer", "label")):
        where = f"{path}:{line}"
        question, answer = words(row["question"]), words(row["answer"])
        if label(row["label"], ("0", "1"), where) == "0":
            yield Skipped(where=where, reason="a random other answer")
        elif not question or not answer:
            yield Skipped(where=where, reason="no answer" if question else "no question")
        else:
            yield Example(id=f"{stem(path)}#{line}", input=question, references=(answer,))


def _encoded(where: Path, split: str) -> Items:
    path, known = original(where, ANSWERS), vocabulary(where)
    answers = {name: decoded(body, known, f"{path}:{line}") for line, (name, body) in _columns(path, 2)}
    path = original(where, V2[split])
    for question in questions(where, split, known):
        place = f"{path}:{question.line}"
        if missing := [name for name in question.answers if name not in answers]:
            raise DataError(f"{place}: no answer {missing[0]} in {ANSWERS}, expected it there. {AGAIN}")
        if references := tuple(answers[name] for name in question.answers if answers[name]):
            yield Example(id=f"V2-{split}#{question.line}", input=question.text, references=references)
        else:
            yield Skipped(where=place, reason="no answer")


def questions(where: Path, split: str, known: Mapping[str, str]) -> Iterator[Question]:
    """Yield the questions of the V2 file of ``split`` in the folder ``where``, as words."""
    path = original(where, V2[split])
    for line, columns in _columns(path, 4):
        yield Question(line, decoded(columns[1], known, f"{path}:{line}"), tuple(columns[2].split()))


def vocabulary(where: Path) -> dict[str, str]:
    """Return word by ``idx_N`` from V2's ``vocabulary`` in the folder ``where``."""
    return {index: word for _, (index, word) in _columns(original(where, VOCABULARY), 2)}


def decoded(body: str, known: Mapping[str, str], where: str) -> str:
    """Return the words of ``idx_1 idx_2``; :class:`DataError` for one that the vocabulary lacks."""
    if missing := [index for index in body.split() if index not in known]:
        raise DataError(f"{where}: {missing[0][:40]!r} is not in the vocabulary, expected idx_ and a number. {AGAIN}")
    return " ".join(known[index] for index in body.split())


def _columns(path: Path, count: int) -> Iterator[tuple[int, list[str]]]:
    for line, value in numbered(text(content(path), path)):
        columns = value.split("\t")
        if len(columns) != count:
            found = f"{len(columns)} column(s) in {value[:40]!r}"
            raise DataError(f"{path}:{line}: {found}, expected {count} with tabs between. {AGAIN}")
        yield line, columns
