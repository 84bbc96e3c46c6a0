"""The readers of news, posts and earnings calls, on tiny files, sound and broken."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest
from selfspec_finance.tasks import READERS

from selfspec.errors import DataError
from selfspec.types import Example, Skipped

CALLS, PRICES = "earnings_call/Transcripts.zip", "earnings_call/Stock_Prices/ACME.csv"
PHRASES = "financial_phrasebank/Sentences_50Agree.txt"
HEADLINES, POSTS = "fiqa_sa/task1_headline_ABSA_train.json", "fiqa_sa/task1_post_ABSA_train.json"
GOLD = "gold_news/gold-dataset-sinha-khandait.csv"
GOLD_HEADER = "Dates\tURL\tNews\tPrice Sentiment\n"
PRICE_HEADER = "Date,Open,High,Low,Close,Volume\n"


def put(root: Path, name: str, data: object) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = data if isinstance(data, bytes) else (data if isinstance(data, str) else json.dumps(data)).encode()
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def zipped(files: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name, body in files.items():
            file.writestr(name, body)
    return data.getvalue()


def section(title: str, body: str) -> str:
    return f"{'=' * 80}\n{title}\n{'=' * 80}\n{body}\n"


def turn(who: str, said: str) -> str:
    return f"{'-' * 80}\n{who}    [2]\n{'-' * 80}\n\n          {said}\n\n"


def call(time: str = "APRIL 26, 2016 / 9:00PM GMT", said: str = "Sales rose.") -> str:
    people = " * Ann Lee\n   Acme Inc. - CEO\n * Bo Ray\n   Acme Inc. - Director of IR\n"
    talk = turn("Operator", "Welcome.") + turn("Bo Ray,  Acme Inc. - Director of IR", "Some risks.")
    talk += turn("Ann Lee,  Acme Inc. - CEO", said) if said else ""
    asked = turn("Cy Poe,  Bank - Analyst", "Why?") + turn("Ann Lee,  Acme Inc. - CEO", "Because we sold more.")
    parts = section("Corporate Participants", people) + section("Presentation", talk)
    return f"Acme Inc Earnings Call\n{time}\n\n{parts}" + section("Questions and Answers", asked)


def calls(*days: str, body: str | None = None) -> bytes:
    return zipped({f"Transcripts/ACME/{day}-ACME.txt": body or call() for day in days})


def prices(**closes: float) -> str:
    days = (f"2016-{name[1:].replace('_', '-')},1,1,1,{close},9\n" for name, close in closes.items())
    return PRICE_HEADER + "".join(days)


def targets(*scores: object) -> dict[str, object]:
    info = [{"target": f"Acme {n}", "sentiment_score": score} for n, score in enumerate(scores, 1)]
    return {"sentence": "Acme  rises", "info": info}


def read(task: str, root: Path, split: str = "dev") -> list[Example | Skipped]:
    return list(READERS[task](root, split))


def examples(task: str, root: Path, split: str = "dev") -> list[Example]:
    return [item for item in read(task, root, split) if isinstance(item, Example)]


def one(task: str, root: Path, split: str = "dev") -> Example:
    (item,) = examples(task, root, split)
    return item


def reasons(task: str, root: Path, split: str = "dev") -> list[str]:
    return [item.reason for item in read(task, root, split) if isinstance(item, Skipped)]


def test_earnings_call_label_and_text(tmp_path: Path) -> None:
    put(tmp_path, CALLS, calls("2016-Apr-26"))
    put(tmp_path, PRICES, prices(d04_25=9, d04_26=12, d04_28=11))
    example = one("earnings_call", tmp_path, "train")
    assert (example.id, example.references) == ("2016-Apr-26-ACME", ("negative",))
    assert example.input == "Ann Lee, CEO: Sales rose. Ann Lee, CEO: Because we sold more."
    put(tmp_path, CALLS, calls("2016-Apr-26", body=call("APRIL 26, 2016 / 1:00PM GMT", "w " * 200)))
    example = one("earnings_call", tmp_path, "test")
    assert example.references == ("positive",)  # the market was still open, so 9 and not 12 came before
    assert len(example.input.split()) == 150
    put(tmp_path, CALLS, calls("2016-Apr-26", body=call(said="")))
    assert one("earnings_call", tmp_path, "test").input == "Ann Lee, CEO: Because we sold more."


def test_earnings_call_skips_and_splits(tmp_path: Path) -> None:
    files = {f"Transcripts/ACME/2016-Apr-{day}-ACME.txt": call() for day in (24, 25, 26, 27, 28)}
    files["Transcripts/ACME/2016-Apr-26-ACME.txt"] = section("PRESENTATION SUMMARY", "1. Detail")
    files["Transcripts/ACME/2016-Apr-27-ACME.txt"] = call().replace(" * Ann", " * Eve")
    put(tmp_path, CALLS, zipped(files | {"__MACOSX/._x.txt": ""}))
    put(tmp_path, PRICES, prices(d04_25=9, d04_28=9, d04_29=10))
    assert one("earnings_call", tmp_path).id == "2016-Apr-28-ACME"
    assert reasons("earnings_call", tmp_path, "train") == [
        "no prices around the call",
        "the price did not change",
        "an event brief, not a transcript",
        "no words of the management",
    ]


def test_phrasebank(tmp_path: Path) -> None:
    body = "".join(f"Sentence {n} @ a .@neutral\r\n" for n in range(4)) + "Oy Käki .@positive\nOy Käki .@neutral\n"
    put(tmp_path, PHRASES, body.encode("iso-8859-1"))
    first, second = examples("financial_phrasebank", tmp_path)
    assert (first.id, first.input, first.references) == ("Sentences_50Agree#5", "Oy Käki .", ("positive",))
    assert (second.id, second.references) == ("Sentences_50Agree#6", ("neutral",))
    assert examples("financial_phrasebank", tmp_path, "train")[3].input == "Sentence 3 @ a ."


def test_fiqa(tmp_path: Path) -> None:
    put(tmp_path, HEADLINES, {str(n): targets("0.1") | {"sentence": f"No {n}"} for n in range(4)})
    put(tmp_path, f"{POSTS}.gz", {"9": targets("0.2", "-0.1", "0")})
    found = examples("fiqa_sa", tmp_path)
    assert [item.references[0] for item in found] == ["positive", "negative", "neutral"]
    assert (found[1].id, found[1].input) == ("train-post#9.2", "Sentence: Acme rises\nTarget: Acme 2")
    assert len(read("fiqa_sa", tmp_path, "train")) == 4


def test_fiqa_official_test(tmp_path: Path) -> None:
    put(tmp_path, HEADLINES, {"1": targets("0.1")})
    put(tmp_path, POSTS, {"2": targets("-0.1")})
    test = put(tmp_path, HEADLINES.replace("train", "test"), {"3": {"sentence": "A", "info": [{"target": "B"}]}})
    assert [item.id for item in examples("fiqa_sa", tmp_path, "test")] == ["train-headline#1.1", "train-post#2.1"]
    assert reasons("fiqa_sa", tmp_path, "test") == ["no sentiment score"]
    put(tmp_path, test.relative_to(tmp_path).as_posix(), {"3": targets("0.3")})
    assert one("fiqa_sa", tmp_path, "test").id == "test-headline#3.1"


def test_gold_news(tmp_path: Path) -> None:
    quoted = 'd\tu\t"gold ""bugs""\n rise"\tpositive\r\n'
    put(tmp_path, f"{GOLD}.gz", GOLD_HEADER + "".join(f"d\tu\tgold {n}\tnone\n" for n in range(4)) + quoted)
    example = one("gold_news", tmp_path)
    assert (example.id, example.input, example.references) == ("gold#7", 'gold "bugs" rise', ("positive",))
    assert len(read("gold_news", tmp_path, "train")) == 4


Fault = tuple[str, str, str, object, str]
FAULTS: list[Fault] = [
    ("gold_news", "tets", "x", "", "there is no split 'tets'. Did you mean 'test'? Known: train, dev, test."),
    ("earnings_call", "train", "x", "", "no file Transcripts.zip or Transcripts.zip.gz. Put"),
    ("earnings_call", "train", CALLS, zipped({}), "no .txt file inside"),
    ("earnings_call", "train", CALLS, calls("2016-04-26"), "2016-04-26-ACME.txt: the name is no YYYY-Mon-DD-TICKER"),
    ("earnings_call", "train", CALLS, calls("2016-Feb-31"), "no date in the name (day is out of range for month)"),
    ("earnings_call", "train", CALLS, calls("2016-Apr-26"), "Stock_Prices: no file ACME.csv or ACME.csv.gz. Put"),
    ("financial_phrasebank", "dev", "x", "", "no file Sentences_50Agree.txt or"),
    ("financial_phrasebank", "train", PHRASES, "A@neutral\nB neutral\n", "txt:2: no sentence and '@' in 'B neutral'"),
    ("financial_phrasebank", "train", PHRASES, "A@mixed\n", "txt:1: unknown label 'mixed', expected one of positive"),
    ("financial_phrasebank", "train", PHRASES, "A@neutral\nÄ@neutral\n", "txt:2: UTF-8, expected ISO-8859-1"),
    ("fiqa_sa", "dev", HEADLINES, {}, "no file task1_post_ABSA_train.json or"),
    ("gold_news", "train", GOLD, "Dates,News\n", "csv:1: no column 'News' in 'Dates,News', expected it in the fir"),
    ("gold_news", "train", GOLD, GOLD_HEADER + "d\tu\tn\n", "csv:2: 3 columns, expected 4 (Dates,URL,News,Price Sen"),
    ("gold_news", "train", GOLD, GOLD_HEADER + "d\tu\tn\tup\n", "csv:2: unknown label 'up', expected one of positive"),
    ("gold_news", "train", GOLD, GOLD_HEADER + 'd\tu\t"n\tnone\n', "not CSV (unexpected end of data)"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault[0]}: {fault[4]}")
def test_faults_are_said_in_one_line(tmp_path: Path, fault: Fault) -> None:
    task, split, name, data, expected = fault
    put(tmp_path, name, data)
    with pytest.raises(DataError) as caught:
        READERS[task](tmp_path, split)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (targets(0.1), r"post_ABSA_train.json#1.1: key 'sentiment_score' is a float, expected a str"),
        (targets("x"), r"#1.1: sentiment score 'x', expected a number from -1 to 1"),
        (targets("0.1", "37"), r"#1.2: sentiment score '37', expected"),
        ({"sentence": "A", "info": [{"target": "B"}]}, r"#1.1: key 'sentiment_score' is missing"),
        ({"sentence": "A"}, r"#1: key 'info' is missing, expected a list"),
    ],
)
def test_fiqa_faults(tmp_path: Path, sentence: dict[str, object], expected: str) -> None:
    put(tmp_path, HEADLINES, {})
    put(tmp_path, POSTS, {"1": sentence})
    with pytest.raises(DataError, match=expected):
        READERS["fiqa_sa"](tmp_path, "train")


@pytest.mark.parametrize(
    ("transcript", "table", "expected"),
    [
        ("Hello", prices(d04_25=1), r"2016-Apr-26-ACME.txt: no section, expected the sections Corporate Participants"),
        (call(), "Day,Close\n", r"ACME.csv:1: no column 'Date'"),
        (
            call(),
            PRICE_HEADER + "26.4.2016,1,1,1,1,1\n",
            r"ACME.csv:2: Invalid isoformat string: '26.4.2016', expected",
        ),
        (call(), PRICE_HEADER + "2016-04-26,1,1,1,n/a,1\n", r"ACME.csv:2: could not convert string to float: 'n/a'"),
    ],
)
def test_earnings_call_faults(tmp_path: Path, transcript: str, table: str, expected: str) -> None:
    put(tmp_path, CALLS, calls("2016-Apr-26", body=transcript))
    put(tmp_path, PRICES, table)
    with pytest.raises(DataError, match=expected):
        READERS["earnings_call"](tmp_path, "train")


TEXT = "".join(f"word{n * 7919 % 1000} NN - O\n" for n in range(500))
TRUNCATED: list[tuple[str, str, bytes]] = [
    ("earnings_call", CALLS, calls("2016-Apr-26", body=call() + TEXT)),
]


@pytest.mark.parametrize(("task", "name", "whole"), TRUNCATED)
def test_truncated_files(tmp_path: Path, task: str, name: str, whole: bytes) -> None:
    path = put(tmp_path, name, b"")
    for share in (0.2, 0.6, 0.95):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DataError, match=rf"{path.name}: truncated or broken \(.*\), expected a whole"):
            READERS[task](tmp_path, "train")
