"""FiQA 2018 task 1: the sentiment of a headline or a post towards a company.

A record of ``fiqa_sa/task1_headline_ABSA_train.json``, an object by id; ``task1_post_ABSA_train.json`` is alike::

    {"1": {"sentence": "Royal Mail chairman Donald Brydon set to step down",
           "info": [{"target": "Royal Mail", "sentiment_score": "-0.374", "snippets": "[..]", "aspects": "[..]"}]}}

One example per target; a score above 0 is positive, below 0 negative, and 0 neutral. Every fifth sentence, headlines
before posts, is ``dev``. ``test`` is the official ``task1_headline_ABSA_test.json`` and ``..post..`` if they have
scores. As published they have none, which is Skipped; then ``test`` is all records of files named like the training
files, for a held-out part of these names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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
    original,
    record,
    words,
)
from selfspec.errors import DataError
from selfspec.types import Example, Skipped

KINDS = ("headline", "post")
LABELS = ("positive", "negative", "neutral")
SCORE = "sentiment_score"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A headline or post with its targets; ``official_test``: it may come without scores."""

    where: str
    id: str
    text: str
    targets: tuple[dict[str, Any], ...]
    official_test: bool


def read(root: Path, split: str) -> Items:
    """Yield one example per target of each sentence."""
    where = folder(root, "finance", "fiqa_sa")
    if split == "test":
        names = (find(where, f"task1_{kind}_ABSA_test.json") for kind in KINDS)
        items = list(_items([sentence for path in names if path for sentence in _sentences(path)]))
        yield from items
        if any(isinstance(item, Example) for item in items):
            return
    paths = [original(where, f"task1_{kind}_ABSA_train.json") for kind in KINDS]
    sentences = [sentence for path in paths for sentence in _sentences(path)]
    yield from _items(every_fifth(sentences, split, key=lambda sentence: sentence.text))


def _sentences(path: Path) -> Iterator[Sentence]:
    kind, part = path.name.split(".")[0].split("_")[1::2]
    for name, value in json_file(path, dict).items():
        where = f"{path}#{name}"
        values = record(value, where)
        targets = tuple(record(target, where) for target in field(values, "info", where, list))
        text = words(field(values, "sentence", where, str))
        yield Sentence(where, f"{part}-{kind}#{name}", text, targets, part == "test")


def _items(sentences: Iterable[Sentence]) -> Items:
    for sentence in sentences:
        for number, target in enumerate(sentence.targets, 1):
            where = f"{sentence.where}.{number}"
            if sentence.official_test and SCORE not in target:
                yield Skipped(where=where, reason="no sentiment score")
                continue
            prompt = f"Sentence: {sentence.text}\nTarget: {words(field(target, 'target', where, str))}"
            yield Example(id=f"{sentence.id}.{number}", input=prompt, references=(_label(target, where),))


def _label(target: Mapping[str, Any], where: str) -> str:
    written = field(target, SCORE, where, str)
    try:
        score = float(written)
    except ValueError:
        score = float("nan")
    if not -1 <= score <= 1:
        raise DataError(f"{where}: sentiment score {written[:40]!r}, expected a number from -1 to 1. {AGAIN}")
    return "positive" if score > 0 else "negative" if score < 0 else "neutral"
