r"""FiNER-139: the US GAAP tag of a number in a financial filing.

A line of ``finer139/finer_val_batched_500_samples.jsonl`` (of the ACE project), shortened; four questions, as a rule::

    {"context": "You are XBRL expert.  Here is a list of US GAAP tags options: ,Goodwill,Revenues,.... Answer the
     following 4 independent questions ... \n1. What is best tag for entity \"34.6\" in sentence: \"... owned 34.6 %
     of i3 Verticals , LLC .?\"\n2. ...\nOutput US GAAP tags:", "target": "Goodwill,Revenues,Revenues,Depreciation"}

One example per question, with five of the prompt's 139 options, so that a short prompt serves (task version 1): the
right tag and the four others whose SHA-256 of ``id tag`` is least, in the order of those hashes. Every fifth question
is ``dev``, questions on one sentence together; ``test`` is every file ``finer139/finer_test_batched_*.jsonl``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfspec.datafiles import (
    AGAIN,
    Items,
    content,
    every_fifth,
    field,
    folder,
    json_value,
    numbered,
    original,
    stem,
    text,
    words,
)
from selfspec.errors import DataError, MissingDataError
from selfspec.types import Example

FILE, TEST = "finer_val_batched_500_samples.jsonl", "finer_test_batched_*.jsonl"
OPTIONS = 5
_OPTIONS = re.compile(r"US GAAP tags options: ,?(\S+)\. Answer the following")
_QUESTION = re.compile(r'^\d+\. What is best tag for entity "(.*?)" in sentence: "(.*)"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Question:
    """One numbered question of a prompt."""

    id: str
    sentence: str
    entity: str
    tag: str
    options: tuple[str, ...]


def read(root: Path, split: str) -> Items:
    """Yield one example per question."""
    where = folder(root, "finance", "finer139")
    paths = _tests(where) if split == "test" else [original(where, FILE)]
    questions = [question for path in paths for question in _questions(path)]
    for question in every_fifth(questions, split, key=lambda item: item.sentence):
        options = ", ".join(_chosen(question))
        prompt = f"Sentence: {question.sentence}\nEntity: {question.entity}\nOptions: {options}"
        yield Example(id=question.id, input=prompt, references=(question.tag,))


def _tests(where: Path) -> list[Path]:
    found = {path.name.removesuffix(".gz"): path for end in (".gz", "") for path in where.glob(TEST + end)}
    if not found:
        raise MissingDataError(f"{where}: no file {TEST} (or .gz). Put the distributor's file there, unchanged.")
    return [found[name] for name in sorted(found)]


def _questions(path: Path) -> Iterator[Question]:
    for line, value in numbered(text(content(path), path)):
        where = f"{path}:{line}"
        values: dict[str, Any] = json_value(value, path, dict, line)
        yield from _batch(field(values, "context", where, str), field(values, "target", where, str), path, line)


def _batch(context: str, target: str, path: Path, line: int) -> Iterator[Question]:
    where = f"{path}:{line}"
    if not (listed := _OPTIONS.search(context)):
        raise DataError(f"{where}: key 'context' lists no 'US GAAP tags options: ,A,B', expected them. {AGAIN}")
    options, tags, asked = tuple(listed[1].split(",")), target.split(","), _QUESTION.findall(context)
    if len(tags) != len(asked):
        raise DataError(f"{where}: {len(tags)} tag(s) for {len(asked)} question(s), expected one for each. {AGAIN}")
    for number, (tag, (entity, sentence)) in enumerate(zip(tags, asked, strict=True), 1):
        name = f"{stem(path)}#{line}.{number}"
        right = _tag(tag, options, where)
        yield Question(name, words(sentence.removesuffix("?")), words(entity), right, options)


def _tag(tag: str, options: Sequence[str], where: str) -> str:
    if tag.strip() in options:
        return tag.strip()
    raise DataError(f"{where}: unknown label {tag.strip()[:80]!r}, expected one of the prompt's options. {AGAIN}")


def _chosen(question: Question) -> list[str]:
    def draw(tag: str) -> str:
        return hashlib.sha256(f"{question.id} {tag}".encode()).hexdigest()

    others = sorted((tag for tag in question.options if tag != question.tag), key=draw)
    return sorted([question.tag, *others[: OPTIONS - 1]], key=draw)
