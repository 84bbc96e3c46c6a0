"""The readers of questions, conversations and annotated text, on tiny files, sound and broken."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import openpyxl
import pytest
from selfspec_finance.tasks import READERS

from selfspec.errors import DataError
from selfspec.types import Example, Skipped

EDT = "edt/Trading_benchmark/evaluate_news.json"
V1, V2 = "insuranceqa/v1_pairs", "insuranceqa/V2"
V2_TRAIN = f"{V2}/InsuranceQA.question.anslabel.token.100.pool.solr.train.encoded"
V2_ANSWERS, V2_WORDS = f"{V2}/InsuranceQA.label2answer.token.encoded", f"{V2}/vocabulary"
SUBSET, FINQA = "convfinqa/train_subset.json", "convfinqa/finqa_dev_200.json"
FIN5, FIN3 = "fin3/FIN5.txt", "fin3/FIN3.txt"
FINER, FINER_TEST = "finer139/finer_val_batched_500_samples.jsonl", "finer139/finer_test_batched_9.jsonl"
KPI = "kpi_edgar/kpi_edgar.xlsx"


def put(root: Path, name: str, data: object) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = data if isinstance(data, bytes) else (data if isinstance(data, str) else json.dumps(data)).encode()
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def news(number: int, **changes: object) -> dict[str, object]:
    return {"title": f"Title {number}", "text": f"Text  {number}.", "pub_time": "2020-01-03", "labels": {}} | changes


def page(name: str = "Single_A/2009/page_1.pdf-1", **changes: object) -> dict[str, object]:
    annotation = {
        "dialogue_break": ["what was it in 2009?", "did it rise?", "what is the change?"],
        "exe_ans_list": [206588.0, "yes", 0.14136],
        "turn_program": ["206588", "greater(206588, 181001)", "subtract(206588, 181001), divide(#0, 181001)"],
    }
    table = [["", "2009"], ["net  cash", "$ 206588"]]
    texts = {"pre_text": ["word " * 150, "before ."], "post_text": ["after .", "word " * 150]}
    return {"id": name, **texts, "table": table, "annotation": annotation} | changes


def single(name: str = "A/2009/page_1.pdf-9", answer: object = -0.0) -> dict[str, object]:
    qa = {"question": "what is it?", "exe_ans": answer, "program": "subtract(1, 1)"}
    return {"id": name, "pre_text": ["Text ."], "post_text": [], "table": [["a", "b"]], "qa": qa}


def prompt(*sentences: str, options: str = ",A,B,C,D,E,F,G") -> str:
    asked = "".join(f'\n{n}. What is best tag for entity "3" in sentence: "{s}?"' for n, s in enumerate(sentences, 1))
    return f"Here is a list of US GAAP tags options: {options}. Answer the following {asked}\nOutput US GAAP tags:"


def batch(*sentences: str, target: str = "A", **changes: str) -> str:
    return json.dumps({"context": prompt(*sentences, **changes), "target": target}) + "\n"


def workbook(split: object = "train", *blocks: tuple[list[object], list[object]]) -> bytes:
    book, data = openpyxl.Workbook(), io.BytesIO()
    book.active.title = "legend"
    sheet = book.create_sheet("7")
    sheet.append(["acme.txt", split, "current year", 2020])
    for tokens, labels in blocks:
        first, last = ([None], ["Blob ID", 49], ["Sentence ID", 1]), (["Manual Annotations", *labels], ["Comment"])
        for row in (*first, ["Sentence", *tokens], ["Secondary Annotation", "kpi_9"], *last):
            sheet.append(row)
    book.save(data)
    return data.getvalue()


def misnamed(row: str) -> bytes:
    book, data = openpyxl.Workbook(), io.BytesIO()
    for cells in (["acme.txt", "train"], ["Sentence", "Net"], [row, "kpi_1"]):
        book.active.append(cells)
    book.save(data)
    return data.getvalue()


def read(task: str, root: Path, split: str = "dev") -> list[Example | Skipped]:
    return list(READERS[task](root, split))


def examples(task: str, root: Path, split: str = "dev") -> list[Example]:
    return [item for item in read(task, root, split) if isinstance(item, Example)]


def one(task: str, root: Path, split: str = "dev") -> Example:
    (item,) = examples(task, root, split)
    return item


def reasons(task: str, root: Path, split: str = "dev") -> list[str]:
    return [item.reason for item in read(task, root, split) if isinstance(item, Skipped)]


@pytest.mark.parametrize("end", ["", ".gz"])
def test_edt(tmp_path: Path, end: str) -> None:
    records = [news(n) for n in range(4)] + [news(4, text="w " * 400), news(5, text="w " * 400), news(6, title=" ")]
    put(tmp_path, f"finance/{EDT}{end}", records)
    first, second = examples("edt_summarization", tmp_path)
    assert (first.id, first.references) == ("evaluate_news#5", ("Title 4",))
    assert second.id == "evaluate_news#6"  # the same text stays on the same side
    assert len(first.input.split()) == 300
    assert len(examples("edt_summarization", tmp_path, "train")) == 4
    assert reasons("edt_summarization", tmp_path, "train") == ["no title"]
    assert len(read("edt_summarization", tmp_path, "test")) == 7


def test_insuranceqa_pairs(tmp_path: Path) -> None:
    body = "question,answer,label\nhow  be it,it be so,1\nhow be it,it be not,0\nhow be it,,1\n"
    put(tmp_path, f"{V1}/validation.csv.gz", body)
    put(tmp_path, f"{V1}/test.csv", body.replace("so", "done"))
    example = one("insuranceqa", tmp_path)
    assert (example.id, example.input, example.references) == ("validation#2", "how be it", ("it be so",))
    assert reasons("insuranceqa", tmp_path) == ["a random other answer", "no answer"]
    assert one("insuranceqa", tmp_path, "test").references == ("it be done",)


def test_insuranceqa_encoded(tmp_path: Path) -> None:
    put(tmp_path, V2_WORDS, "idx_1\tIs\nidx_2\tit?\nidx_3\tYes\nidx_4\tNo\n")
    put(tmp_path, f"{V2_TRAIN}.gz", "auto\tidx_1 idx_2\t7 8\t7 8 9\nauto\tidx_1\t9\t7 8\n")
    put(tmp_path, V2_ANSWERS, "7\tidx_3\n8\tidx_4\n9\t\n")
    example = one("insuranceqa", tmp_path, "train")
    assert (example.id, example.input, example.references) == ("V2-train#1", "Is it?", ("Yes", "No"))
    assert reasons("insuranceqa", tmp_path, "train") == ["no answer"]


def test_convfinqa_turns(tmp_path: Path) -> None:
    put(tmp_path, f"{SUBSET}.gz", [page()])
    first, second = examples("convfinqa", tmp_path, "train")
    assert first.id == "train_subset#Single_A/2009/page_1.pdf-1.1"
    context, _, rest = second.input.partition("\nConversation: ")
    assert context == f"Context: {'word ' * 118}before .\n | 2009\nnet cash | $ 206588\nafter .{' word' * 118}"
    assert rest == "what was it in 2009? -> 206588; did it rise? -> yes\nQuestion: what is the change?"
    assert "\nConversation: none\nQuestion: what was it in 2009?" in first.input
    assert first.references == ("206588",)
    assert second.references == ("0.14136", "14.1%", "14.14%", "14.136%")
    assert reasons("convfinqa", tmp_path, "train") == ["the answer is no number"]


def test_convfinqa_splits(tmp_path: Path) -> None:
    records = [page(f"Double_A/2009/page_{n}.pdf") for n in range(5)] + [page("Single_A/2009/page_4.pdf-2")]
    put(tmp_path, SUBSET, records)
    put(tmp_path, FINQA, [single(), single("B-1", answer=1e-05)])
    ids = [item.id for item in examples("convfinqa", tmp_path)]
    assert ids[1::2] == [
        "train_subset#Double_A/2009/page_4.pdf.3",
        "train_subset#Single_A/2009/page_4.pdf-2.3",  # the same page stays on the same side
        "finqa_dev_200#B-1.1",
    ]
    assert [item.references for item in examples("convfinqa", tmp_path)[-2:]] == [("0",), ("0.00001",)]
    assert len(read("convfinqa", tmp_path, "train")) == 12
    assert len(read("convfinqa", tmp_path, "test")) == 20
    put(tmp_path, "convfinqa/train.json", [page()])
    assert len(read("convfinqa", tmp_path, "train")) == 3  # which the parts are parts of
    put(tmp_path, "convfinqa/dev.json", [single()])
    assert one("convfinqa", tmp_path, "test").id == "dev#A/2009/page_1.pdf-9.1"


def test_fin3(tmp_path: Path) -> None:
    parts = "-DOCSTART- -X- O O\r\n\nIn IN - O\nNew NNP - I-LOC\nYork NNP - I-LOC\nAcme NNP - I-ORG\n\nNo NN - O\n\n"
    put(tmp_path, FIN5, parts * 5)
    found = examples("fin3_ner", tmp_path)
    assert [item.references[0] for item in found] == ["New York <LOC>, Acme <ORG>", "None"]
    assert (found[0].id, found[0].input) == ("FIN5#9", "In New York Acme")
    assert len(read("fin3_ner", tmp_path, "train")) == 8
    put(tmp_path, FIN3, "A NN - I-PER\nB NN - B-PER\nC NN - I-PER")
    assert one("fin3_ner", tmp_path, "test").references == ("A <PER>, B C <PER>",)


def test_finer139(tmp_path: Path) -> None:
    body = batch("One .", "Two .", target="A,B") + batch("Three .", "Four .", "Five .", target="C,D,E")
    put(tmp_path, FINER, body + batch("Five .", "One .", target="G, A"))
    first, second = examples("finer139", tmp_path)
    assert (first.id, second.id) == ("finer_val_batched_500_samples#2.3", "finer_val_batched_500_samples#3.1")
    assert first.references == ("E",)
    assert first.input.startswith("Sentence: Five .\nEntity: 3\nOptions: ")
    assert first.input.endswith(", ".join("GEDAC"))  # chosen and ordered by hash: a change needs a new task version
    assert len(read("finer139", tmp_path, "train")) == 5
    put(tmp_path, f"{FINER_TEST}.gz", batch("One ."))
    assert one("finer139", tmp_path, "test").id == "finer_test_batched_9#1.1"


def test_kpi_edgar(tmp_path: Path) -> None:
    tokens: list[object] = ["Net", "sales", "rose", 4.5, "in", "US", "EU"]
    labels: list[object] = ["kpi_1", "kpi_1", " ", "cy_1_2", None, "attr_1", "attr_2"]
    put(tmp_path, KPI, workbook("valid", (tokens, labels), (["A", "B"], ["delete", "kpi_1"]), (["C"], [])))
    first, second = examples("kpi_edgar", tmp_path)
    assert first.references == ("Net sales <kpi>, 4.5 <cy>, US <attr>, EU <attr>",)
    assert (first.id, first.input) == ("kpi_edgar#7.1", "Net sales rose 4.5 in US EU")
    assert (second.id, second.references) == ("kpi_edgar#7.3", ("None",))
    assert reasons("kpi_edgar", tmp_path) == ["marked for deletion by the annotators"]


Fault = tuple[str, str, str, object, str]
TOKENS: list[object] = ["Net", "sales"]
FAULTS: list[Fault] = [
    ("edt_summarization", "dev", "x", "", "no file evaluate_news.json or evaluate_news.json.gz. Put the distrib"),
    ("edt_summarization", "dev", EDT, [], "split 'dev' has no record below"),
    ("edt_summarization", "dev", EDT, '[\n"a": ]', "evaluate_news.json:2: not JSON (Expecting ',' delimiter)"),
    ("edt_summarization", "dev", EDT, {}, "a JSON dict, expected a list"),
    ("edt_summarization", "dev", EDT, [3], "#1: a JSON int, expected an object"),
    ("edt_summarization", "dev", EDT, [{"title": "T"}], "#1: key 'text' is missing, expected a str"),
    ("insuranceqa", "test", "x", "", "no file v1_pairs/test.csv or V2/InsuranceQA.question.anslabel.token.100"),
    ("insuranceqa", "train", V2_TRAIN, "", "V2: no file InsuranceQA.label2answer.token.encoded or"),
    ("insuranceqa", "dev", f"{V1}/validation.csv", "question,text\n", "no column 'answer' in 'question,text', exp"),
    ("insuranceqa", "dev", f"{V1}/validation.csv", "question,answer,label\nq,a\n", "csv:2: 2 columns, expected 3"),
    ("insuranceqa", "dev", f"{V1}/validation.csv", "question,answer,label\nq,a,2\n", "csv:2: unknown label '2', exp"),
    ("convfinqa", "train", "x", "", "no file of train.json, train_subset.json, train_first100_reduced.json, finqa"),
    ("convfinqa", "train", SUBSET, [single() | {"qa": 1}], "#1: key 'qa' is a int, expected a dict"),
    ("convfinqa", "train", SUBSET, [{"id": "1"}], "#1: key 'pre_text' is missing"),
    ("convfinqa", "train", SUBSET, [page(post_text=[1])], "'post_text' holds something else than text"),
    ("convfinqa", "train", SUBSET, [page(table=["a"])], "'table' holds something else than rows"),
    ("convfinqa", "train", SUBSET, [page(annotation={"dialogue_break": []})], "key 'exe_ans_list' is missing"),
    ("convfinqa", "train", SUBSET, [single(answer=None)], "answer is 'None', expected a number, yes or no"),
    ("convfinqa", "train", SUBSET, [single(answer=float("nan"))], "answer is nan, expected a finite number"),
    ("convfinqa", "dev", FINQA, [single()] * 2, "id 'finqa_dev_200#A/2009/page_1.pdf-9.1' occurs twice"),
    ("fin3_ner", "test", FIN5, "A NN - O\n", "no file FIN3.txt or FIN3.txt.gz. Put"),
    ("fin3_ner", "train", FIN5, "A NN - O\nB O\n", "FIN5.txt:2: 2 column(s) in 'B O', expected token"),
    ("fin3_ner", "train", FIN5, "A NN - I-GPE\n", "FIN5.txt:1: unknown label 'I-GPE', expected O, B- or I- and one"),
    ("fin3_ner", "train", FIN5, b"A NN - O\n\xff NN - O\n", "FIN5.txt:2: byte 0xff is not UTF-8. Convert"),
    ("finer139", "test", FINER, batch("A"), "no file finer_test_batched_*.jsonl (or .gz)"),
    ("finer139", "train", FINER, batch("A") + "{", "samples.jsonl:2: not JSON (Expecting property name"),
    ("finer139", "train", FINER, {"target": "A"}, "jsonl:1: key 'context' is missing"),
    ("finer139", "train", FINER, {"context": "?", "target": "A"}, "jsonl:1: key 'context' lists no 'US GAAP tags"),
    ("finer139", "train", FINER, batch("A", target="A,B"), "jsonl:1: 2 tag(s) for 1 question(s), expected one for"),
    ("finer139", "train", FINER, batch("A", target="Luck"), "jsonl:1: unknown label 'Luck', expected one of the pro"),
    ("kpi_edgar", "train", "x", "", "no file kpi_edgar.xlsx or kpi_edgar.xlsx.gz. Put"),
    ("kpi_edgar", "test", KPI, workbook("train", (TOKENS, [])), "split 'test' has no record below"),
    ("kpi_edgar", "train", KPI, workbook("dev"), "xlsx:7!B1: unknown label 'dev', expected one of train, valid, test"),
    ("kpi_edgar", "train", KPI, workbook("train", (TOKENS, ["kp_1"])), "xlsx:7!5: unknown label 'kp', expected one"),
    ("kpi_edgar", "train", KPI, workbook("train", (TOKENS, ["", "", "cy_1"])), "7!5: label 'cy_1' in column 4 has no"),
    ("kpi_edgar", "train", KPI, misnamed("Annotations"), "xlsx:Sheet!A3: unknown label 'Annotations', expected one"),
    ("kpi_edgar", "train", KPI, misnamed("Blob ID"), "xlsx:Sheet!2: a sentence without 'Manual Annotations'"),
    ("kpi_edgar", "train", KPI, b"PK", "xlsx: truncated or broken ("),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault[0]}: {fault[4]}")
def test_faults_are_said_in_one_line(tmp_path: Path, fault: Fault) -> None:
    task, split, name, data, expected = fault
    put(tmp_path, name, data)
    with pytest.raises(DataError) as caught:
        READERS[task](tmp_path, split)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_convfinqa_unequal_turns(tmp_path: Path) -> None:
    put(tmp_path, SUBSET, [page(annotation={"dialogue_break": ["a?"], "exe_ans_list": [], "turn_program": ["1"]})])
    with pytest.raises(DataError, match="1 in dialogue_break, 0 in exe_ans_list, 1 in turn_program, expected one for"):
        READERS["convfinqa"](tmp_path, "train")
    put(tmp_path, SUBSET, [{"id": "1", "pre_text": [], "post_text": [], "table": []}])
    with pytest.raises(DataError, match="neither key 'annotation' nor 'qa'"):
        READERS["convfinqa"](tmp_path, "train")


@pytest.mark.parametrize(
    ("file", "body", "expected"),
    [
        (V2_WORDS, "idx_1\n", r"vocabulary:1: 1 column\(s\) in 'idx_1', expected 2 with tabs"),
        (V2_ANSWERS, "7\tidx_9\n", r"label2answer.token.encoded:1: 'idx_9' is not in the vocabulary"),
        (V2_ANSWERS, "8\tidx_1\n", r"train.encoded:1: no answer 7 in InsuranceQA.label2answer"),
        (V2_TRAIN, "auto\tidx_1\t7\n", r"train.encoded:1: 3 column\(s\) in .*, expected 4"),
    ],
)
def test_insuranceqa_encoded_faults(tmp_path: Path, file: str, body: str, expected: str) -> None:
    for name, sound in {V2_WORDS: "idx_1\tA\n", V2_ANSWERS: "7\tidx_1\n", V2_TRAIN: "auto\tidx_1\t7\t7 8\n"}.items():
        put(tmp_path, name, body if name == file else sound)
    with pytest.raises(DataError, match=expected):
        READERS["insuranceqa"](tmp_path, "train")


TEXT = "".join(f"word{n * 7919 % 1000} NN - O\n" for n in range(500))
TRUNCATED: list[tuple[str, str, bytes]] = [
    ("fin3_ner", f"{FIN5}.gz", gzip.compress(TEXT.encode())),
    ("kpi_edgar", KPI, workbook("train", (TOKENS, []))),
]


@pytest.mark.parametrize(("task", "name", "whole"), TRUNCATED)
def test_truncated_files(tmp_path: Path, task: str, name: str, whole: bytes) -> None:
    path = put(tmp_path, name, b"")
    for share in (0.2, 0.6, 0.95):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DataError, match=rf"{path.name}: truncated or broken \(.*\), expected a whole"):
            READERS[task](tmp_path, "train")
