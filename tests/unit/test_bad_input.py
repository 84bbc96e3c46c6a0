"""Every reader of the three domains against the same list of bad input: a truncated file, a wrong column, an unknown
label, a wrong encoding, a missing file and a missing split are one line with file, place and mend, and exit code 4."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

from selfspec import DataError, Example, MissingDataError, Reader

READERS: dict[str, Reader] = {
    task: reader
    for domain in ("biomed", "finance", "sports")
    for task, reader in import_module(f"selfspec_{domain}.tasks").READERS.items()
}
Change = tuple[str, str]


@dataclass(frozen=True)
class Whole:
    """A sound file of a task: its text, or the texts of an archive's members by name."""

    task: str
    path: str
    text: str | dict[str, str]
    column: Change
    """What makes a wrong column of it."""
    label: Change | None
    """What makes an unknown label of it; ``None``: the task has none, its answers are free text."""
    beside: tuple[tuple[str, str], ...] = ()
    """Other files that the reader wants."""

    def data(self, change: Change = ("", ""), encoding: str = "utf-8") -> bytes:
        """The bytes of the file, with every ``change[0]`` in it replaced by ``change[1]``."""
        if isinstance(self.text, str):
            return pack(self.path, self.text.replace(*change) if change[0] else self.text, encoding)
        members = {name.replace(*change): body.replace(*change) for name, body in self.text.items()}
        return pack(self.path, members if change[0] else self.text, encoding)


def pack(path: str, text: str | dict[str, str], encoding: str) -> bytes:
    if isinstance(text, str):
        return workbook(text) if path.endswith(".xlsx") else text.encode(encoding)
    members = {name: body.encode(encoding) for name, body in text.items()}
    return tarred(members) if ".tar" in path else zipped(members)


def zipped(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name, body in members.items():
            file.writestr(name, body)
    return data.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as file:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            file.addfile(info, io.BytesIO(body))
    return data.getvalue()


def workbook(text: str) -> bytes:
    import openpyxl

    book, data = openpyxl.Workbook(), io.BytesIO()
    for line in text.split("\n"):
        book.active.append(line.split("\t"))
    book.save(data)
    return data.getvalue()


def bioasq(kind: str, exact: object) -> str:
    asked = {"id": "q1", "type": kind, "body": "Où?", "snippets": [{"text": "A fact."}], "exact_answer": exact}
    return json.dumps({"questions": [asked]}, ensure_ascii=False)


def iob(label: str) -> str:
    return f"naïve\tB-{label}\ncells\tI-{label}\n.\tO\n\n"


B9 = "bioasq/9B1_golden.json"
PAIR = '<pair id="p" e1="e0" e2="e1" ddi="true"/>'
DRUGS = '<entity id="e0" text="Naïve"/><entity id="e1" text="B"/>'
CALL = (
    "Q2 Acme Call\nAPRIL 26, 2016 / 9:00PM GMT\n" + "=" * 30 + "\nCorporate Participants\n" + "=" * 30 + "\n"
    "   * Zoë Cook\n     Acme - CEO\n" + "=" * 30 + "\nPresentation\n" + "=" * 30 + "\n"
    + "-" * 30 + "\nZoë Cook, Acme - CEO [3]\n" + "-" * 30 + "\nThanks.\n"
)  # fmt: skip
PRICES = "Date,Open,High,Low,Close,Volume\n2016-04-25,1,1,1,10,1\n2016-04-27,1,1,1,11,1\n"
FINER = "List of US GAAP tags options: ,A,B,C,D,E. Answer the following\n" + (
    '1. What is best tag for entity "3" in sentence: "Café 3 ?"\nOutput'
)
PAGE = {
    "id": "A/2009/page_1.pdf-1",
    "pre_text": ["Café ."],
    "post_text": [],
    "table": [["a", "b"]],
    "qa": {"question": "what?", "exe_ans": 206588.0, "program": "206588"},
}
HEAD = ",Date Created,Number of Likes,Source of Tweet,Tweet,Sentiment\n"
NBA = {
    "x_type": "TEAM-AST TEAM_NAME\n",
    "x_value": "25 Boston\n",
    "x_associated": "Boston Boston\n",
    "y_aux": "Café in Boston had 25 .\n",
}
WHOLE = [
    Whole("bioasq_factoid", B9, bioasq("factoid", [["a"]]), ('"body"', '"boddy"'), ('"factoid"', '"facts"')),
    Whole("bioasq_list", B9, bioasq("list", [["a"]]), ('"body"', '"boddy"'), ('"list"', '"lists"')),
    Whole("bioasq_yesno", B9, bioasq("yesno", "yes"), ('"id"', '"key"'), ('"yes"', '"perhaps"')),
    Whole(
        "pubmedqa_long",
        "pubmedqa/ori_pqal.json",
        json.dumps({"1": {"QUESTION": "Où?", "CONTEXTS": ["A."], "LONG_ANSWER": "Yes."}}, ensure_ascii=False),
        ("LONG_ANSWER", "ANSWER"),
        None,
    ),
    Whole("anatem_ner", "anatem/AnatEM-IOB/train.tsv", iob("Anatomy"), ("\t", " "), ("B-Anatomy", "B-Organ")),
    Whole("bionlp13cg_ner", "bionlp13cg/BioNLP13CG-IOB/train.tsv", iob("Cell"), ("\t", " "), ("B-Cell", "B-Sell")),
    Whole("ncbi_ner", "ncbi_disease/NCBI-disease-IOB/train.tsv", iob("Disease"), ("\t", " "), ("B-Dis", "B-This")),
    Whole(
        "ddi",
        "ddi/DDICorpus-2013_Train.zip",
        {"a_ddi.xml": f'<document><sentence id="s" text="Naïve B.">{DRUGS}{PAIR}</sentence></document>'},
        ('e1="e0"', 'first="e0"'),
        ('ddi="true"', 'ddi="maybe"'),
    ),
    Whole(
        "medical_drugs",
        "medical_drugs/train_F3WbcTw.csv",
        "unique_hash,text,drug,sentiment\nh,Très bien,d,2\n",
        ("sentiment", "mood"),
        (",2\n", ",7\n"),
    ),
    Whole(
        "hoc",
        "hoc/Hallmarks-of-Cancer_train.tar.gz",
        {"text/1.txt": "Naïve cells .\n", "labels/1.txt": "<Resisting cell death--é"},
        ("labels/", "label/"),
        ("Resisting", "Expecting"),
    ),
    Whole(
        "edt_summarization",
        "edt/evaluate_news.json",
        json.dumps([{"title": "Café", "text": "A text."}], ensure_ascii=False),
        ('"text"', '"body"'),
        None,
    ),
    Whole(
        "insuranceqa",
        "insuranceqa/v1_pairs/train.csv",
        "question,answer,label\nqué,a,1\n",
        ("question", "asked"),
        (",1\n", ",yes\n"),
    ),
    Whole(
        "convfinqa",
        "convfinqa/train.json",
        json.dumps([PAGE], ensure_ascii=False),
        ('"table"', '"tabel"'),
        ("206588.0", "null"),
    ),
    Whole("fin3_ner", "fin3/FIN5.txt", "Café NNP - I-ORG\n\n", (" NNP -", " NNP"), ("I-ORG", "I-FIRM")),
    Whole(
        "finer139",
        "finer139/finer_val_batched_500_samples.jsonl",
        json.dumps({"context": FINER, "target": "A"}, ensure_ascii=False) + "\n",
        ('"context"', '"text"'),
        ('"target": "A"', '"target": "Luck"'),
    ),
    Whole(
        "kpi_edgar",
        "kpi_edgar/kpi_edgar.xlsx",
        "acme.txt\ttrain\nSentence\tCafé\tsales\nManual Annotations\tkpi_1\tkpi_1",
        ("Manual Annotations", "Labels"),
        ("kpi_1", "kp_1"),
    ),
    Whole(
        "earnings_call",
        "earnings_call/Transcripts.zip",
        {"Transcripts/ACME/2016-Apr-26-ACME.txt": CALL},
        ("Presentation", "Talk"),
        ("2016-Apr", "2016-Avr"),
        beside=(("earnings_call/Stock_Prices/ACME.csv", PRICES),),
    ),
    Whole(
        "earnings_call",
        "earnings_call/Stock_Prices/ACME.csv",
        PRICES + "2016-04-28,1,1,1,1,é\n",
        ("Close", "Shut"),
        (",11,1\n", ",up,1\n"),
    ),
    Whole(
        "financial_phrasebank",
        "financial_phrasebank/Sentences_50Agree.txt",
        "Caf\u00e9 sales rose .@positive\n",
        ("@", "#"),
        ("positive", "good"),
    ),
    Whole(
        "fiqa_sa",
        "fiqa_sa/task1_headline_ABSA_train.json",
        json.dumps(
            {"1": {"sentence": "Café", "info": [{"target": "C", "sentiment_score": "0.5"}]}}, ensure_ascii=False
        ),
        ('"target"', '"aim"'),
        ("0.5", "5"),
        beside=(("fiqa_sa/task1_post_ABSA_train.json", "{}"),),
    ),
    Whole(
        "gold_news",
        "gold_news/gold-dataset-sinha-khandait.csv",
        "Dates\tNews\tPrice Sentiment\n1\tcafé up\tpositive\n",
        ("News", "Text"),
        ("positive", "good"),
    ),
    Whole(
        "sports_understanding",
        "sports_understanding/test.jsonl",
        '{"id": 1, "question": "José ran", "answer": 1}\n',
        ('"question"', '"text"'),
        ('"answer": 1', '"answer": 2'),
    ),
    Whole(
        "sportqa",
        "sportqa/sportqa_data_dev.zip",
        {"Level1/dev.json": '[{"Question": "Où? A) a B) b", "Answer": "B"}]'},
        ('"Answer"', '"Right"'),
        ('"B"', '"E"'),
    ),
    Whole(
        "wc2022_tweets",
        "fifa_wc2022_tweets/fifa_world_cup_2022_tweets.csv",
        HEAD + "1,d,0,w,José!,neutral\n",
        ("Tweet", "Text"),
        ("neutral", "calm"),
    ),
    Whole(
        "nba_records",
        "nba_records/train.zip",
        {f"train/{name}.train.txt": body for name, body in NBA.items()},
        ("x_value", "value"),
        ("TEAM-AST", "CLUB-AST"),
    ),
    Whole("news_topic", "ag_news/test.csv", '"2","Café","A b."\n', (',"A b."', ""), ('"2"', '"5"')),
]
every = pytest.mark.parametrize("whole", WHOLE, ids=lambda whole: f"{whole.task}-{Path(whole.path).name}")


def put(root: Path, whole: Whole, data: bytes | None = None, end: str = "") -> str:
    """Write a task's files below ``root``, the first with ``data``; return its name."""
    for path, body in ((whole.path + end, whole.data() if data is None else data), *whole.beside):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(body if isinstance(body, bytes) else body.encode())
    if whole.path.endswith("ACME.csv"):
        (root / "earnings_call/Transcripts.zip").write_bytes(zipped({"2016-Apr-26-ACME.txt": CALL.encode()}))
    if whole.task == "financial_phrasebank" and data is None:  # the one file that is not UTF-8
        (root / whole.path).write_bytes(whole.data(encoding="iso-8859-1"))
    return Path(whole.path).name


def first_split(task: str) -> str:
    return "dev" if task.startswith("bioasq") else "train"


def refused(root: Path, whole: Whole, split: str = "", error: type[DataError] = DataError) -> str:
    with pytest.raises(error) as caught:
        READERS[whole.task](root, split or first_split(whole.task))
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_code == 4
    return message


def test_every_reader_is_here() -> None:
    assert {whole.task for whole in WHOLE} == set(READERS)


@every
def test_the_sound_file_is_read(tmp_path: Path, whole: Whole) -> None:
    put(tmp_path, whole)
    (item,) = READERS[whole.task](tmp_path, first_split(whole.task))
    assert isinstance(item, Example)


@every
def test_truncated(tmp_path: Path, whole: Whole) -> None:
    packed = isinstance(whole.text, dict) or whole.path.endswith(".xlsx")
    data = whole.data() if packed else gzip.compress(whole.data())
    name = put(tmp_path, whole, data[: len(data) * 2 // 3], end="" if packed else ".gz")
    assert re.search(rf"{name}(\.gz)?: truncated or broken \(.*\), expected a whole ", refused(tmp_path, whole))


def spoil(whole: Whole) -> Change:
    assert whole.label
    return whole.label


FAULTS: dict[str, Callable[[Whole], Change]] = {"column": lambda whole: whole.column, "label": spoil}


@every
@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_column_and_unknown_label(tmp_path: Path, whole: Whole, fault: str) -> None:
    if fault == "label" and whole.label is None:
        assert whole.task in ("pubmedqa_long", "edt_summarization")  # answers are free text
        return
    change = FAULTS[fault](whole)
    name = put(tmp_path, whole, whole.data(change, "iso-8859-1" if "phrasebank" in whole.task else "utf-8"))
    message = refused(tmp_path, whole)
    assert name in message
    assert "expected" in message
    # line, record or member of the file; only a member that an archive lacks is nowhere
    assert re.search(rf"{name}[:#]", message) or change == ("x_value", "value")


@every
def test_wrong_encoding(tmp_path: Path, whole: Whole) -> None:
    if whole.path.endswith(".xlsx"):
        pytest.skip("a workbook's encoding is its own")
    phrasebank = whole.task == "financial_phrasebank"
    name = put(tmp_path, whole, whole.data(encoding="utf-8" if phrasebank else "iso-8859-1"))
    message = refused(tmp_path, whole)
    assert re.search(rf"{name}(:[^ ]*)?:\d+: ", message)
    assert re.search("UTF-8|not XML", message)


@every
def test_missing_file(tmp_path: Path, whole: Whole) -> None:
    message = refused(tmp_path, whole, error=MissingDataError)
    assert re.search(r"no (file )?.*\. Put the distributor's files? there, unchanged\.$", message)


@every
def test_missing_split(tmp_path: Path, whole: Whole) -> None:
    put(tmp_path, whole)
    message = refused(tmp_path, whole, "tests")
    assert message.startswith(f"{whole.task}: there is no split 'tests'. Did you mean 'test'? Known: ")
