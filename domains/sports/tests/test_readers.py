"""The readers, on tiny files of every distribution format, sound and broken."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest
import selfspec_sports
from selfspec_sports.readers import bbc_sport
from selfspec_sports.tasks import READERS

from selfspec.errors import DataError
from selfspec.types import DataContext, Example, Passage, Skipped

FULL, HARD = "sports_understanding/test.jsonl", "sports_understanding/bbh_sports_understanding.json"
QA, NEWS = "sportqa/sportqa_data_dev.zip", "ag_news/test.csv"
TWEETS = "fifa_wc2022_tweets/fifa_world_cup_2022_tweets.csv"
HEADER = ",Date Created,Number of Likes,Source of Tweet,Tweet,Sentiment\n"
NBA = ("x_type", "x_value", "x_associated", "y_aux")
BBC, ARTICLE = "bbc/sport/001.txt", "A title\n\n" + "One fine sentence of six words. " * 6


def put(root: Path, name: str, data: str | bytes | dict[str, object]) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = json.dumps(data).encode() if isinstance(data, dict) else data.encode() if isinstance(data, str) else data
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def zipped(files: dict[str, str | bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name, body in files.items():
            file.writestr(name, body)
    return data.getvalue()


def question(body: object = "Which?\nA) a\nB) b\nC) c\nD) d", answer: object = "B") -> dict[str, object]:
    return {"Question": body, "Answer": answer}


def level(*questions: object, name: str = "Level1/dev.json") -> bytes:
    return zipped({name: json.dumps(questions)})


def nba(*columns: str | bytes, part: str = "train") -> bytes:
    """Zip an archive of the four columns, the last line feed included as the distributor does."""
    return zipped({f"{part}/{name}.{part}.txt": body for name, body in zip(NBA, columns, strict=False)})


def plausible(*sentences: str) -> str:
    return "".join(f'{{"id": {n}, "question": "{s}", "answer": {n % 2}}}\n' for n, s in enumerate(sentences))


def hard(text: str = 'Is the following sentence plausible? "He won."', label: str = "no") -> dict[str, object]:
    return {"canary": "x", "examples": [{"input": text, "target": label}]}


def read(task: str, root: Path, split: str = "train") -> list[Example | Skipped]:
    return list(READERS[task](root, split))


def examples(task: str, root: Path, split: str = "train") -> list[Example]:
    return [item for item in read(task, root, split) if isinstance(item, Example)]


def one(task: str, root: Path, split: str = "train") -> Example:
    (item,) = examples(task, root, split)
    return item


@pytest.mark.parametrize("end", ["", ".gz"])
def test_sports_understanding(tmp_path: Path, end: str) -> None:
    put(tmp_path, f"sports/{FULL}{end}", plausible("a  b", "c", "d", "e", "f"))
    put(tmp_path, f"sports/{HARD}", hard())
    example = examples("sports_understanding", tmp_path)[0]
    assert (example.id, example.input, example.references) == ("test#0", "a b", ("no",))
    assert [item.references for item in examples("sports_understanding", tmp_path)[1:]] == [("yes",), ("no",), ("yes",)]


def test_big_bench_hard_when_it_is_alone(tmp_path: Path) -> None:
    put(tmp_path, HARD, hard())
    example = one("sports_understanding", tmp_path)
    assert (example.id, example.input) == ("bbh_sports_understanding#1", "He won")
    assert example.references == ("no",)


def test_every_fifth_is_dev_and_a_text_stays_on_its_first_side(tmp_path: Path) -> None:
    put(tmp_path, FULL, plausible("a", "b", "c", "d", "e", "f", "e", "g", "h", "a", "i"))
    found = {split: examples("sports_understanding", tmp_path, split) for split in ("train", "dev", "test")}
    assert [item.input for item in found["dev"]] == ["e", "e"]
    assert [item.input for item in found["train"]] == ["a", "b", "c", "d", "f", "g", "h", "a", "i"]
    assert len(found["test"]) == 11


def test_sportqa(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "Level2/data/Ice Hockey.json": json.dumps(
            [question(" Who \u2028won?\n\nA)  a\nB) b", " C "), question("Why?")]
        ),
        "Level1/dev.json": json.dumps([question()]),
        "Level3/dev/a.csv": b'Question,Answer(s)\n"What\n\x92s?",ABD\nWhy?,AB;C\n',
        "Level3/dev/b.json": json.dumps([question(answer="AB")]),
        "__MACOSX/Level1/._dev.json": b"\0",
    }
    put(tmp_path, QA, zipped(files))
    items = read("sportqa", tmp_path, "test")
    first, second, third = examples("sportqa", tmp_path, "test")
    assert (first.id, first.references) == ("Level1/dev#1", ("B",))
    assert (second.id, third.id) == ("Level2/data/Ice Hockey#1", "Level2/data/Ice Hockey#2")
    assert (second.input, second.references) == ("Who won?\nA) a\nB) b", ("C",))
    skipped = [item for item in items if isinstance(item, Skipped)]
    assert [item.where.partition("zip:")[2] for item in skipped] == [
        f"Level3/dev/{x}" for x in ("a.csv:3", "a.csv:4", "b.json#1")
    ]
    assert {item.reason for item in skipped} == {"level 3 asks for several letters"}


def test_wc2022_tweets(tmp_path: Path) -> None:
    body = HEADER + '7,2022-11-20,4,Web,"What, \r\n\n a ""goal""!",positive\n,,,,,\n\n8,2022-11-20,0,Web,Hm,neutral\n'
    put(tmp_path, TWEETS, "\ufeff" + body)
    first, second = examples("wc2022_tweets", tmp_path)
    assert (first.id, first.input, first.references) == ("wc2022#7", 'What, a "goal"!', ("positive",))
    assert (second.id, second.references) == ("wc2022#8", ("neutral",))


def test_nba_records(tmp_path: Path) -> None:
    columns = ("TEAM_NAME TEAM-AST\n\nTEAM_NAME\n", "New_York 25\n\nUtah\n", "New_York New_York\n\nUtah\n")
    for part, name in (("train", "train"), ("valid", "val"), ("test", "test")):
        put(tmp_path, f"nba_records/{name}.zip", nba(*columns, f"New_York had 25 , {part} .\nHm\n\n", part=part))
    for split, part in (("train", "train"), ("dev", "valid"), ("test", "test")):
        assert one("nba_records", tmp_path, split).references == (f"New York had 25 , {part} .",)
    example = one("nba_records", tmp_path, "dev")
    assert (example.id, example.input) == ("val#1", "TEAM_NAME: New York | TEAM-AST: 25")
    skipped = [item for item in read("nba_records", tmp_path, "dev") if isinstance(item, Skipped)]
    assert [item.reason for item in skipped] == ["no records", "no sentence"]


def test_news_topic(tmp_path: Path) -> None:
    put(tmp_path, f"{NEWS}.gz", '"2","Who won? ","The  ""Reds""\\did."\n"4","A probe","Off it\nwent."\n')
    first, second = examples("news_topic", tmp_path)
    assert (first.id, first.input, first.references) == ("test#1", 'Who won? The "Reds"\\did.', ("Sports",))
    assert (second.id, second.input, second.references) == ("test#2", "A probe. Off it went.", ("Sci/Tech",))


Fault = tuple[str, str, str, str | bytes | dict[str, object], str]
PLAUSIBLE, LINE, TRAIN = "sports_understanding", "TEAM_NAME\n", "nba_records/train.zip"
FAULTS: list[Fault] = [
    ("sportqa", "tets", "x", "", "sportqa: there is no split 'tets'. Did you mean 'test'? Known: train, dev, test."),
    (PLAUSIBLE, "dev", "x", "", "no file test.jsonl or test.jsonl.gz or bbh_sports_understanding.json or"),
    (PLAUSIBLE, "dev", FULL, plausible("a"), "split 'dev' has no record below"),
    (PLAUSIBLE, "train", FULL, plausible("a") + "{", "test.jsonl:2: not JSON (Expecting"),
    (PLAUSIBLE, "train", FULL, "\n3", "test.jsonl:2: a JSON int, expected an object"),
    (PLAUSIBLE, "train", FULL, '{"id": 1, "answer": 1}', "jsonl:1: key 'question' is missing, expected a s"),
    (PLAUSIBLE, "train", FULL, '{"id": 1, "answer": 2}', "test.jsonl:1: unknown label 2, expected 1 or 0."),
    (PLAUSIBLE, "train", FULL, '{"id": 1, "answer": "1"}', "'answer' is a str, expected a int"),
    (PLAUSIBLE, "train", FULL, plausible("a") * 2, "id 'test#0' occurs twice in split 'train'"),
    (PLAUSIBLE, "train", FULL, b'{}\n{"\xff"}', "test.jsonl:2: byte 0xff is not UTF-8. Convert"),
    (PLAUSIBLE, "train", HARD, hard("Is it?"), "json#1: input 'Is it?', expected Is the following"),
    (PLAUSIBLE, "train", HARD, hard(label="maybe"), "json#1: unknown label 'maybe', expected one of yes, no"),
    (PLAUSIBLE, "train", HARD, {}, "key 'examples' is missing, expected a list"),
    ("sportqa", "train", "x", "", "no file sportqa_data_dev.zip or sportqa_data_dev.zip.gz."),
    ("sportqa", "train", QA, zipped({"a.txt": ""}), "no .json file inside, expected Level1/*.json"),
    ("sportqa", "train", QA, level(question(answer="E")), "dev.json#1: unknown label 'E', expected one of A, B"),
    ("sportqa", "train", QA, level(question(answer="AB")), "unknown label 'AB', expected one of A, B, C, D"),
    ("sportqa", "train", QA, level(question(), 5), "zip:Level1/dev.json#2: a JSON int, expected an object"),
    ("sportqa", "train", QA, level(question(body=5)), "json#1: key 'Question' is a int, expected a s"),
    ("sportqa", "train", QA, zipped({"L/a.json": "{}"}), "zip:L/a.json:1: a JSON dict, expected a list"),
    ("sportqa", "train", QA, zipped({"L/a.json": "[\n"}), "zip:L/a.json:2: not JSON (Expecting value)"),
    ("sportqa", "train", QA, zipped({"L/a.json": b"[\n\xff"}), "zip:L/a.json:2: byte 0xff is not UTF-8"),
    ("sportqa", "train", QA, zipped({"L/a.csv": "Query\n", "L/b.json": "[]"}), "L/a.csv:1: columns 'Query', expected"),
    ("wc2022_tweets", "dev", "x", "", "no file fifa_world_cup_2022_tweets.csv or"),
    ("wc2022_tweets", "train", TWEETS, "", "csv:1: columns '', expected ,Date Created,Number of"),
    ("wc2022_tweets", "train", TWEETS, HEADER.replace("Tweet,", "Text,"), "csv:1: columns ',Date Created,Num"),
    ("wc2022_tweets", "train", TWEETS, HEADER + "1,d,0,w,t,neutral\n2,d,0,w,t\n", "csv:3: 5 columns, expected 6"),
    ("wc2022_tweets", "train", TWEETS, HEADER + "1,d,0,w,t,glad\n", "csv:2: unknown label 'glad', expected one of"),
    ("wc2022_tweets", "train", TWEETS, HEADER + '1,d,0,w,"t,glad\n', "not CSV (unexpected end of data)"),
    ("wc2022_tweets", "train", TWEETS, HEADER.encode() + b"\xe9", "csv:2: byte 0xe9 is not UTF-8"),
    ("nba_records", "test", TRAIN, nba(LINE, LINE, LINE, LINE), "no file test.zip or test.zip.gz"),
    ("nba_records", "train", TRAIN, nba(LINE), "train.zip: 0 files x_value.*.txt inside"),
    ("nba_records", "train", TRAIN, nba(LINE, "1\n2\n", LINE, LINE), "2 in x_value, 1 in x_a"),
    ("nba_records", "train", TRAIN, nba(LINE, "a b", LINE, LINE), "zip:1: 1 types, 2 values and"),
    ("nba_records", "train", TRAIN, nba("Utah", LINE, LINE, LINE), "zip:1: unknown record type 'Utah'"),
    ("nba_records", "train", TRAIN, nba(*[b"A\n\xff"] * 4), "x_type.train.txt:2: byte 0xff is not"),
    ("news_topic", "dev", "x", "", "no file test.csv or test.csv.gz. Put the distributor's file there, unchanged."),
    (
        "news_topic",
        "train",
        NEWS,
        '"1","a","b"\n"5","a","b"\n',
        "test.csv:2: unknown label '5', expected one of 1, 2, 3, 4",
    ),
    ("news_topic", "train", NEWS, '"1","a"\n', "test.csv:1: 2 columns, expected 3"),
    ("news_topic", "train", NEWS, '"1","a","b\n', "test.csv:1: not CSV (unexpected end of data)"),
    ("news_topic", "train", NEWS, b'"1","a","\xe9"\n', "test.csv:1: byte 0xe9 is not UTF-8"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault[0]}: {fault[4]}")
def test_faults_are_said_in_one_line(tmp_path: Path, fault: Fault) -> None:
    task, split, name, data, expected = fault
    put(tmp_path, name, data)
    with pytest.raises(DataError) as caught:
        READERS[task](tmp_path, split)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


TEXT = "".join(f"word{n * 7919 % 1000}\n" for n in range(500))
TRUNCATED: list[tuple[str, str, bytes]] = [
    ("sports_understanding", f"{FULL}.gz", gzip.compress(plausible(*TEXT.split()).encode())),
    ("sportqa", QA, level(*[question(word) for word in TEXT.split()])),
    ("nba_records", "nba_records/train.zip", nba(TEXT, TEXT, TEXT, TEXT)),
    ("news_topic", f"{NEWS}.gz", gzip.compress(TEXT.encode())),
]


@pytest.mark.parametrize(("task", "name", "whole"), TRUNCATED)
def test_truncated_files(tmp_path: Path, task: str, name: str, whole: bytes) -> None:
    path = put(tmp_path, name, b"")
    for share in (0.2, 0.6, 0.95):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DataError, match=rf"{path.name}: truncated or broken \(.*\), expected a whole"):
            READERS[task](tmp_path, "train")


def corpus(*paths: Path) -> list[Passage] | None:
    found = selfspec_sports.selfspec_corpus(DataContext(package=Path(), cache=Path(), corpus=paths))
    return None if found is None else list(found)


def test_bbc_articles(tmp_path: Path) -> None:
    long = "Mine £5\r\n\r\n" + "\r\n\r\n".join(["Word " * 99 + 'end."'] * 2 + ["Short."])
    files: dict[str, str | bytes] = {
        BBC: ARTICLE,
        "bbc/sport/002.txt": long.encode("iso-8859-1"),
        "bbc/sport/003.txt": ARTICLE,  # the same text again
        "bbc/tech/001.txt": ARTICLE.replace("six", "tech"),
    }
    found = corpus(put(tmp_path, "bbc_sport.zip", zipped(files)))
    assert found is not None
    assert [passage.id for passage in found] == [f"bbc/sport/00{n}.txt:{m}" for n, m in ((1, 0), (2, 0), (2, 1))]
    assert [passage.title for passage in found] == ["A title", "Mine £5", "Mine £5"]
    assert found[0].text == " ".join(["One fine sentence of six words."] * 6)


def test_bbc_pieces_end_with_sentences() -> None:
    sentence = "Word " * 59 + 'end." '
    assert [len(piece) for piece in bbc_sport._pieces(sentence * 5)] == [120, 120, 60]
    assert [len(piece) for piece in bbc_sport._pieces(sentence * 4 + "A tail.")] == [120, 122]


def test_other_corpora_are_the_engines(tmp_path: Path) -> None:
    other = put(tmp_path, "other.zip", zipped({"news/1.txt": ARTICLE}))
    broken = put(tmp_path, "broken.zip", b"PK")
    assert corpus() is corpus(other) is corpus(broken) is None


def test_bbc_archive_among_other_files(tmp_path: Path) -> None:
    put(tmp_path, "bbc_sport.zip", zipped({BBC: ARTICLE}))
    put(tmp_path, "note [1].txt", "Some other words that are read by the engine. " * 9)
    found = corpus(tmp_path)
    assert found is not None
    assert [(passage.id, passage.title) for passage in found] == [
        ("bbc/sport/001.txt:0", "A title"),
        ("note [1].txt:0", ""),
    ]


def test_bbc_faults(tmp_path: Path) -> None:
    for body in ("A title only", "First line\nSecond line\n\nText.", ""):
        path = put(tmp_path, "bbc_sport.zip", zipped({BBC: body}))
        with pytest.raises(DataError, match=r"zip:bbc/sport/001.txt:1: .* expected a title, a blank line and para"):
            corpus(path)
    whole = zipped({BBC: ARTICLE})
    path = put(tmp_path, "bbc_sport.zip", whole.replace(b"fine", b"fins", 1))
    with pytest.raises(DataError, match=r"bbc_sport.zip: truncated or broken \(Bad CRC-32"):
        corpus(path)
