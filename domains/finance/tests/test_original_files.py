"""The readers on the original files below SELFSPEC_DATA: every count that SOURCES.md states."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from selfspec_finance.readers import earnings_call, finer139, insuranceqa, kpi_edgar
from selfspec_finance.tasks import READERS

from selfspec.datafiles import content, find, rows
from selfspec.types import Example, Skipped

COUNTS = {  # (examples, skipped)
    "insuranceqa": {"dev": (2002, 1204)},  # 3206 rows
    "convfinqa": {"train": (419, 7), "dev": (292, 10)},
    "fin3_ner": {"train": (1032, 0), "dev": (132, 0)},  # 1164 sentences
    "finer139": {"train": (1608, 0), "dev": (392, 0)},  # 500 x 4 questions
    "kpi_edgar": {"train": (970, 26), "dev": (147, 2)},  # 996 and 149 sentences
    "earnings_call": {"train": (109, 12), "dev": (28, 2)},  # 151 calls
    "financial_phrasebank": {"train": (3107, 0), "dev": (774, 0)},  # 3881 lines
    "fiqa_sa": {"train": (758, 0), "dev": (184, 0)},  # 402 + 540 targets of 351 + 540 sentences
    "gold_news": {"train": (6765, 0), "dev": (1691, 0)},  # 8456 rows
}
WHOLE = {"earnings_call": 151, "financial_phrasebank": 3881, "fiqa_sa": 942, "gold_news": 8456, "convfinqa": 728}
REASONS = {
    "insuranceqa": {"a random other answer"},
    "convfinqa": {"the answer is no number"},
    "kpi_edgar": {"marked for deletion by the annotators"},
    "earnings_call": {"an event brief, not a transcript"},
}


def data_root() -> Path:
    if "SELFSPEC_DATA" not in os.environ:
        pytest.skip("SELFSPEC_DATA is not set: the original files (SOURCES.md) are NOT checked")
    return Path(os.environ["SELFSPEC_DATA"])


def examples(task: str, split: str) -> list[Example]:
    return [item for item in READERS[task](data_root(), split) if isinstance(item, Example)]


def both(task: str) -> list[Example]:
    return examples(task, "train") + examples(task, "dev")


@pytest.mark.parametrize(("task", "split"), [(task, split) for task, splits in COUNTS.items() for split in splits])
def test_real_counts(task: str, split: str) -> None:
    items = list(READERS[task](data_root(), split))
    skipped = [item for item in items if isinstance(item, Skipped)]
    assert (len(items) - len(skipped), len(skipped)) == COUNTS[task][split]
    assert {item.reason for item in skipped} <= REASONS.get(task, set())


@pytest.mark.parametrize("task", WHOLE)
def test_real_test_split_is_the_whole_file(task: str) -> None:
    ids = [item.id for item in examples(task, "test")]
    assert len(list(READERS[task](data_root(), "test"))) == WHOLE[task]
    assert sorted(ids) == sorted(item.id for item in both(task))


@pytest.mark.parametrize("task", ["financial_phrasebank", "fiqa_sa", "gold_news", "finer139"])
def test_real_splits_share_no_text(task: str) -> None:
    def texts(split: str) -> set[str]:
        return {item.input.split("\nTarget: ")[0].split("\nEntity: ")[0] for item in examples(task, split)}

    assert not texts("train") & texts("dev")


def test_real_labels() -> None:
    def labels(task: str) -> Counter[str]:
        return Counter(item.references[0] for item in both(task))

    assert labels("financial_phrasebank") == {"neutral": 2309, "positive": 1097, "negative": 475}
    assert labels("fiqa_sa") == {"positive": 610, "negative": 320, "neutral": 12}
    assert labels("gold_news") == {"positive": 3535, "negative": 3059, "none": 1557, "neutral": 305}
    assert labels("earnings_call") == {"positive": 74, "negative": 63}


def test_real_fiqa_sentences() -> None:
    records = {item.id.rpartition(".")[0] for item in both("fiqa_sa")}
    assert Counter(record.partition("#")[0] for record in records) == {"train-headline": 351, "train-post": 540}


def test_real_convfinqa_turns_and_pages() -> None:
    def pages(split: str) -> set[str]:
        names = [item.id.partition("#")[2].rpartition(".")[0] for item in examples("convfinqa", split)]
        return {name.removeprefix("Single_").removeprefix("Double_").rsplit("-", 1)[0] for name in names}

    items = [item for split in ("train", "dev") for item in READERS["convfinqa"](data_root(), split)]
    places = [item.id if isinstance(item, Example) else Path(item.where).name for item in items]
    files = Counter(place.split("#")[0].split(".")[0] for place in places)
    turns = {"train_subset": 138, "train_first100_reduced": 293, "finqa_train_100": 97, "finqa_dev_200": 200}
    assert files == turns
    assert not pages("train") & pages("dev")


def test_real_fin5_tokens() -> None:
    items = both("fin3_ner")
    assert sum(len(item.input.split(" ")) for item in items) == 41010
    assert sum(item.references != ("None",) for item in items) == 513


def test_real_finer_tags() -> None:
    items = both("finer139")
    assert len({item.references[0] for item in items}) == 132
    for item in items:
        options = item.input.rpartition("\nOptions: ")[2].split(", ")
        assert len(set(options)) == finer139.OPTIONS
        assert item.references[0] in options


def test_real_kpi_edgar_sheets_and_types() -> None:
    sheets = kpi_edgar._sheets(data_root() / "finance/kpi_edgar/kpi_edgar.xlsx")
    assert Counter(sheet.rows[0][1] for sheet in sheets) == {"train": 57, "valid": 16}
    found = {part.rpartition(" <")[2] for item in both("kpi_edgar") for part in item.references[0].split(">")[:-1]}
    assert found == set(kpi_edgar.TYPES)


def test_real_earnings_call_prices() -> None:
    where = data_root() / "finance/earnings_call"
    tickers = {item.id.rpartition("-")[2] for item in both("earnings_call")}
    assert len(tickers) == 10
    for ticker in tickers:
        prices = rows(where / earnings_call.PRICES / f"{ticker}.csv", ("Date", "Close"))
        assert len(prices) == 1259
        assert (prices[0][1]["Date"], prices[-1][1]["Date"]) == ("2016-01-04", "2020-12-31")


@pytest.mark.parametrize(("split", "count"), [("train", 12889), ("dev", 2000)])
def test_real_insuranceqa_v2_questions(split: str, count: int) -> None:
    where = data_root() / "finance/insuranceqa/V2"
    known = insuranceqa.vocabulary(where)
    assert len(known) == 68580
    questions = list(insuranceqa.questions(where, split, known))
    assert len(questions) == count
    assert all(question.text and question.answers and "idx_" not in question.text for question in questions)


@pytest.mark.parametrize(("name", "count"), [("50", 3881), ("66", 3377), ("75", 2764), ("All", 1806)])
def test_real_phrasebank_files(name: str, count: int) -> None:
    where = data_root() / "finance/financial_phrasebank"
    path = find(where, f"Sentences_{name}Agree.txt")
    assert path
    assert len(content(path).rstrip(b"\n").split(b"\n")) == count
