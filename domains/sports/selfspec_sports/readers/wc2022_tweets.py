"""Tweets on the first day of the football World Cup of 2022, with their sentiment.

A row of ``fifa_wc2022_tweets/fifa_world_cup_2022_tweets.csv``; a tweet may hold newlines inside its quotes::

    ,Date Created,Number of Likes,Source of Tweet,Tweet,Sentiment
    0,2022-11-20 23:59:21+00:00,4,Twitter Web App,"What are we drinking today ...",neutral

Rows without any value, which the distributor's file has thousands of, are no records. Every fifth record is
``dev``; ``test`` is the same file below another ``--data`` root.
"""

from __future__ import annotations

from pathlib import Path

from selfspec.datafiles import (
    AGAIN,
    Items,
    content,
    csv_rows,
    every_fifth,
    folder,
    label,
    original,
    same_input,
    text,
    words,
)
from selfspec.errors import DataError
from selfspec.types import Example

FILE = "fifa_world_cup_2022_tweets.csv"
HEADER = ["", "Date Created", "Number of Likes", "Source of Tweet", "Tweet", "Sentiment"]
LABELS = ("positive", "neutral", "negative")


def read(root: Path, split: str) -> Items:
    """Yield one example per tweet."""
    path = original(folder(root, "sports", "fifa_wc2022_tweets"), FILE)
    yield from every_fifth(_examples(path), split, key=same_input)


def _examples(path: Path) -> Items:
    source = text(content(path), path)
    if (header := source.partition("\n")[0].rstrip("\r")) != ",".join(HEADER):
        raise DataError(f"{path}:1: columns {header[:60]!r}, expected {','.join(HEADER)}. {AGAIN}")
    rows = csv_rows(source, path, HEADER)
    next(rows)
    for line, row in rows:
        yield _example(row, f"{path}:{line}")


def _example(row: list[str], where: str) -> Example:
    number, *_, tweet, sentiment = (words(cell) for cell in row)
    return Example(id=f"wc2022#{number}", input=tweet, references=(label(sentiment, LABELS, where),))
