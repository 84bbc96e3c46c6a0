"""EDT: write the headline of a corporate news article (the summarisation part of TradeTheEvent's benchmark).

A record of the list in ``edt/Trading_benchmark/evaluate_news.json`` (or in ``edt/`` itself), shortened::

    {"title": "Acme to Buy Bolt", "text": "NEW YORK, Jan. 3 ...", "pub_time": "2020-01-03 09:00:00", "labels": {}}

The input is the first 300 words of the text, the reference the title; a record without one of them is Skipped.
Every fifth record is ``dev`` (equal texts stay together); ``test`` reads all records of a file of this name.
"""

from __future__ import annotations

from pathlib import Path

from selfspec.types import Example, Skipped
from selfspec_finance.readers.files import Items, every_fifth, field, find, folder, json_file, original, record, words

FILE = "evaluate_news.json"
TEXT_WORDS = 300
News = tuple[int, str, str]


def read(root: Path, split: str) -> Items:
    """Yield one example per news article."""
    where = folder(root, "edt")
    path = find(where, FILE) or original(where / "Trading_benchmark", FILE)
    news = [_news(value, f"{path}#{number}", number) for number, value in enumerate(json_file(path, list), 1)]
    for number, title, body in every_fifth(news, split, key=lambda item: item[2]):
        if not title or not body:
            yield Skipped(where=f"{path}#{number}", reason="no text" if title else "no title")
            continue
        prompt = " ".join(body.split()[:TEXT_WORDS])
        yield Example(id=f"evaluate_news#{number}", input=prompt, references=(title,))


def _news(value: object, where: str, number: int) -> News:
    values = record(value, where)
    return number, words(field(values, "title", where, str)), words(field(values, "text", where, str))
