"""The readers on the original files below SELFSPEC_DATA: every count that SOURCES.md states."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from selfspec_sports.readers import bbc_sport, sportqa, sports_understanding
from selfspec_sports.tasks import READERS

from selfspec.datafiles import archive
from selfspec.types import Example, Skipped

COUNTS = {
    "sports_understanding": {"train": 625, "dev": 156},  # 781
    "sportqa": {"train": 34865, "dev": 8716},  # 43341 + 5 + 175 questions, and 60 of level 3
    "wc2022_tweets": {"train": 6395, "dev": 1598},  # 7993
    "nba_records": {"train": 31751, "dev": 6833},
    "news_topic": {"train": 4860, "dev": 1214},  # 6074
}
LABELS = {
    "sports_understanding": {"yes": 394, "no": 387},
    "sportqa": {"A": 5230, "B": 19295, "C": 15857, "D": 3139},
    "wc2022_tweets": {"positive": 2058, "neutral": 2947, "negative": 2988},
    "news_topic": {"World": 1498, "Sports": 1500, "Business": 1527, "Sci/Tech": 1549},
}


def data_root() -> Path:
    if "SELFSPEC_DATA" not in os.environ:
        pytest.skip("SELFSPEC_DATA is not set: the original files (SOURCES.md) are NOT checked")
    return Path(os.environ["SELFSPEC_DATA"])


def examples(task: str, *splits: str) -> list[Example]:
    items = [item for split in splits for item in READERS[task](data_root(), split)]
    return [item for item in items if isinstance(item, Example)]


@pytest.mark.parametrize(("task", "split"), [(task, split) for task, splits in COUNTS.items() for split in splits])
def test_real_counts(task: str, split: str) -> None:
    items = list(READERS[task](data_root(), split))
    assert len(items) == COUNTS[task][split]
    assert task == "sportqa" or not any(isinstance(item, Skipped) for item in items)


@pytest.mark.parametrize("task", LABELS)
def test_real_labels_and_no_text_on_both_sides(task: str) -> None:
    train, dev = examples(task, "train"), examples(task, "dev")
    assert Counter(item.references[0] for item in train + dev) == LABELS[task]
    assert not {item.input for item in train} & {item.input for item in dev}
    assert len(examples(task, "test")) == len(train) + len(dev)


def test_real_sportqa_parts() -> None:
    items = list(READERS["sportqa"](data_root(), "test"))
    parts = Counter(item.id.rpartition("/")[0] for item in items if isinstance(item, Example))
    assert parts == {"Level1": 5, "Level2/data": 43341, "Level2/dev": 175}
    assert len({item.id.rpartition("#")[0] for item in items if "Level2/data/" in getattr(item, "id", "")}) == 35
    skipped = [item for item in items if isinstance(item, Skipped)]
    assert len(skipped) == 60
    assert {item.reason for item in skipped} == {sportqa.SEVERAL}
    assert all("zip:Level3/dev/" in item.where for item in skipped)


def test_real_big_bench_hard(tmp_path: Path) -> None:
    (tmp_path / "sports_understanding").mkdir()
    name = sports_understanding.HARD
    (tmp_path / "sports_understanding" / name).symlink_to(data_root() / "sports/sports_understanding" / name)
    hard = {split: READERS["sports_understanding"](tmp_path, split) for split in ("train", "dev", "test")}
    sentences = [item.input for item in hard["test"] if isinstance(item, Example)]
    assert len(sentences) == len(list(hard["train"])) + len(list(hard["dev"])) == 194
    full = {item.input for item in examples("sports_understanding", "test")}
    assert sum(sentence in full for sentence in sentences) == 190


def test_real_nba_types_are_those_of_the_vocabulary() -> None:
    vocabulary = set((data_root() / "sports/nba_records/x_type.vocab.txt").read_text().split())
    inputs = [item.input for item in examples("nba_records", "train", "dev")]
    assert {record.split(": ")[0] for line in inputs for record in line.split(" | ")} <= vocabulary


def test_real_bbc_articles() -> None:
    path = data_root() / "sports/bbc_sport/bbc_sport.zip"
    assert len(archive(path)) == 409
    assert len({passage.id.rpartition(":")[0] for passage in bbc_sport.read(path)}) == 409
    found = list(bbc_sport.passages([path]) or ())
    assert len(found) == len({passage.text for passage in found}) == 991
    assert all(bbc_sport.SHORTEST <= len(passage.text.split()) < 200 for passage in found)
    assert any("£15.8m" in passage.text for passage in found if passage.id == "bbc/sport/199.txt:0")
