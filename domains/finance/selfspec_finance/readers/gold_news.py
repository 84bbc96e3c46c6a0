"""Gold commodity news: what a headline says about the price of gold.

A row of ``gold_news/gold-dataset-sinha-khandait.csv``, with tabs between the columns whatever its name says::

    Dates  URL  News  Price Direction Up  ...  Price Sentiment
    28-01-2016  http://...  april gold down 20 cents to settle at $1,116.10/oz  0  ...  negative

Every fifth row is ``dev``, equal headlines stay together; ``test`` reads all rows of a file of this name.
"""

from __future__ import annotations

from pathlib import Path

from selfspec.datafiles import Items, every_fifth, folder, label, original, rows, words
from selfspec.types import Example, Skipped

FILE = "gold-dataset-sinha-khandait.csv"
LABELS = ("positive", "negative", "neutral", "none")
NEWS, SENTIMENT = "News", "Price Sentiment"


def read(root: Path, split: str) -> Items:
    """Yield one example per headline."""
    path = original(folder(root, "finance", "gold_news"), FILE)
    found = rows(path, (NEWS, SENTIMENT), delimiter="\t")
    for line, row in every_fifth(found, split, key=lambda item: words(item[1][NEWS])):
        sentiment = label(row[SENTIMENT], LABELS, f"{path}:{line}")
        if headline := words(row[NEWS]):
            yield Example(id=f"gold#{line}", input=headline, references=(sentiment,))
        else:
            yield Skipped(where=f"{path}:{line}", reason="no headline")
