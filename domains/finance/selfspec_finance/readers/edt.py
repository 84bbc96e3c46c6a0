"""EDT: write the headline of a corporate news article (the summarisation part of TradeTheEvent's benchmark).

A record of the list in ``edt/Trading_benchmark/evaluate_news.json`` (or in ``edt/`` itself), shortened::

    {"title": "Acme to Buy Bolt", "text": "NEW YORK, Jan. 3 ...", "pub_time": "2020-01-03 09:00:00", "labels": {}}

The input is the first 300 words of the text, the reference the title; a record without one of them is Skipped.
Every fifth record is ``dev`` (equal texts stay together); ``test`` reads all records of a file of this name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfspec.datafiles import Items, every_fifth, field, find, folder, json_file, original, records, words
from selfspec.types import Example, Skipped

FILE = "evaluate_news.json"
TEXT_WORDS = 300
News = tuple[str, str, str]


def read(root: Path, split: str) -> Items:
    """Yield one example per news article."""
    place = folder(root, "finance", "edt")
    path = find(place, FILE) or original(place / "Trading_benchmark", FILE)
    news = [_news(value, where) for where, value in records(json_file(path, list), path)]
    for where, title, body in every_fifth(news, split, key=lambda item: item[2]):
        if not title or not body:
            yield Skipped(where=where, reason="no text" if title else "no title")
            continue
        prompt = " ".join(body.split()[:TEXT_WORDS])
        yield Example(id=f"evaluate_news#{where.rpartition('#')[2]}", input=prompt, references=(title,))


def _news(values: dict[str, Any], where: str) -> News:
    return where, words(field(values, "title", where, str)), words(field(values, "text", where, str))
