"""The readers, on tiny files of every distribution format, sound and broken."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from selfspec_biomed.tasks import READERS

from selfspec.errors import DataError
from selfspec.types import Example, Skipped

HEADER = "unique_hash,text,drug,sentiment\n"
CSV, CSV_TEST = "medical_drugs/train_F3WbcTw.csv", "medical_drugs/test_tOlRoBf.csv"
ANATEM, NCBI = "anatem/AnatEM-IOB", "ncbi_disease/NCBI-disease-IOB"
HOC, DDI = "hoc/Hallmarks-of-Cancer_train.tar.gz", "ddi/DDICorpus-2013_Train.zip"
PQAL, PQAL_TEST = "pubmedqa/ori_pqal.json", "pubmedqa/test_set.json"
B9, NCBI_TEXT = "bioasq/9B1_golden.json", "ncbi_disease/NCBItestset_corpus.txt"


def put(root: Path, name: str, data: str | bytes | dict[str, object]) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = json.dumps(data).encode() if isinstance(data, dict) else data.encode() if isinstance(data, str) else data
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") and ".tar" not in name else raw)
    return path


def tar(files: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as file:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body.encode())
            file.addfile(info, io.BytesIO(body.encode()))
    return data.getvalue()


def zipped(files: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name, body in files.items():
            file.writestr(name, body)
    return data.getvalue()


def question(kind: str, exact: object, *snippets: str, name: str = "q1") -> dict[str, object]:
    texts = [{"text": text} for text in snippets or ("A  fact.",)]
    return {"id": name, "type": kind, "body": "What?", "snippets": texts, "exact_answer": exact}


def batch(*questions: object) -> dict[str, object]:
    return {"questions": list(questions)}


def abstract(question: str = "Does it?") -> dict[str, object]:
    return {"QUESTION": question, "CONTEXTS": ["One.", "Two."], "LONG_ANSWER": "It does."}


def xml(pairs: str = '<pair id="d1.s0.p0" e1="d1.s0.e0" e2="d1.s0.e1" ddi="true" type="effect"/>') -> str:
    drugs = '<entity id="d1.s0.e0" text="Aspirin"/><entity id="d1.s0.e1" text="warfarin"/>'
    text = "Aspirin raises the effect of warfarin."
    return f'<document id="d1"><sentence id="d1.s0" text="{text}">{drugs}{pairs}</sentence></document>'


def read(task: str, root: Path, split: str = "dev") -> list[Example | Skipped]:
    return list(READERS[task](root, split))


def examples(task: str, root: Path, split: str = "dev") -> list[Example]:
    return [item for item in read(task, root, split) if isinstance(item, Example)]


def one(task: str, root: Path, split: str = "dev") -> Example:
    (item,) = examples(task, root, split)
    return item


@pytest.mark.parametrize("end", ["", ".gz"])
def test_bioasq_list_keeps_synonyms(tmp_path: Path, end: str) -> None:
    asked = question("list", [["PCNA", "cyclin"], ["MCM2", ""], [""]], "One.", "Two.", "One.")
    put(tmp_path, f"biomed/bioasq/7B1_golden.json{end}", batch(asked, question("summary", None)))
    example = one("bioasq_list", tmp_path)
    assert (example.id, example.references) == ("7B1_golden#q1", ("PCNA, MCM2",))
    assert example.input == "Context: One. Two.\nQuestion: What?"
    assert example.meta == {"aliases": [["PCNA", "cyclin"], ["MCM2"]]}


def test_bioasq_factoid_and_context_limit(tmp_path: Path) -> None:
    asked = [question("factoid", [["a", "A1"], ["b"]], "w " * 150, "y " * 60, "z")]
    asked.append(question("factoid", ["a", "A1"], "w " * 300, "z", name="q2"))
    asked.append(question("factoid", [], name="q3"))
    put(tmp_path, "bioasq/8B1_golden.json", batch(*asked))
    (first, second), third = examples("bioasq_factoid", tmp_path, "test"), read("bioasq_factoid", tmp_path, "test")[2]
    assert (first.references, second.references) == (("a", "A1", "b"), ("a", "A1"))
    assert (first.input.count("w"), "y" in first.input, "z" in first.input) == (150, False, False)
    assert second.input.split("\n")[0] == "Context:" + " w" * 200
    assert isinstance(third, Skipped)
    assert third.where.endswith("8B1_golden.json#3")
    assert third.reason == "no exact answer"


def test_bioasq_yesno_and_which_batches(tmp_path: Path) -> None:
    for name, answer in (("8B1", "no"), ("9B1", "Yes"), ("10B1", "no")):
        put(tmp_path, f"bioasq/{name}_golden.json", batch(question("yesno", answer)))
    assert one("bioasq_yesno", tmp_path, "test").references == ("no",)
    items = [(item.id, item.references[0]) for item in examples("bioasq_yesno", tmp_path)]
    assert items == [("9B1_golden#q1", "yes"), ("10B1_golden#q1", "no")]


def test_pubmedqa_splits_leave_the_test_part_out(tmp_path: Path) -> None:
    put(tmp_path, f"{PQAL}.gz", {str(n): abstract() for n in range(10)})
    put(tmp_path, PQAL_TEST, {"1": abstract(), "3": abstract("Not so?")})
    dev, test = one("pubmedqa_long", tmp_path), examples("pubmedqa_long", tmp_path, "test")
    assert dev.id == "ori_pqal#6"  # the fifth of 0, 2, 4, 5, 6, ...
    assert (dev.input, dev.references) == ("Context: One. Two.\nQuestion: Does it?", ("It does.",))
    assert len(read("pubmedqa_long", tmp_path, "train")) == 7
    assert [item.id for item in test] == ["test_set#1", "test_set#3"]


def test_pubmedqa_official_labels_are_joined(tmp_path: Path) -> None:
    put(tmp_path, PQAL, {"1": abstract(), "2": abstract("Joined?")})
    put(tmp_path, "pubmedqa/test_ground_truth.json", {"2": "maybe"})
    assert one("pubmedqa_long", tmp_path, "test").input.endswith("Joined?")


def test_iob(tmp_path: Path) -> None:
    body = "The\tO\r\nouter\tB-Anatomy\nhair\tI-Anatomy\ncells\tB-Anatomy\n.\tO\n\nNothing\tO\n\nskin\tI-Anatomy"
    put(tmp_path, f"{ANATEM}/devel.tsv.gz", body)
    found = examples("anatem_ner", tmp_path)
    assert [e.references[0] for e in found] == ["outer hair <Anatomy>, cells <Anatomy>", "None", "skin <Anatomy>"]
    assert (found[0].input, found[1].id) == ("The outer hair cells .", "AnatEM-IOB/devel#2")


def test_ncbi_original_file_stands_in_for_the_iob_test(tmp_path: Path) -> None:
    body = "\n7|t|A gene of G6PD-deficiency.\n7|a|We saw (Fig. 2) gout. No U. S. sign. End\n"
    body += "7\t10\t25\tG6PD-deficiency\tModifier\tD1\n7\t43\t47\tgout\tSpecificDisease\tD2\n\n"
    put(tmp_path, NCBI_TEXT, body)
    first, second, third = examples("ncbi_ner", tmp_path, "test")[:3]
    assert (first.input, first.references) == ("A gene of G6PD - deficiency .", ("G6PD - deficiency <Disease>",))
    assert (second.input, second.references) == ("We saw ( Fig . 2 ) gout .", ("gout <Disease>",))
    assert (second.id, third.references) == ("NCBItestset_corpus#7.2", ("None",))
    put(tmp_path, f"{NCBI}/test.tsv", "gout\tB-Disease\n")
    assert one("ncbi_ner", tmp_path, "test").id == "NCBI-disease-IOB/test#1"


def test_ddi(tmp_path: Path) -> None:
    put(tmp_path, DDI, zipped({f"DDICorpus/Train/DrugBank/D{n}_ddi.xml": xml() for n in range(7)}))
    example = one("ddi", tmp_path)
    assert (example.id, example.references) == ("D4_ddi#d1.s0.p0", ("true",))
    assert example.input == "Context: Aspirin raises the effect of warfarin.\nDrug_1: Aspirin\nDrug_2: warfarin"
    assert len(read("ddi", tmp_path, "train")) == 6
    deep = {"DDICorpus/Test/DDI task/MedLine/E_ddi.xml": xml(), "DDICorpus/Test/NER/E_ner.xml": xml(pairs="")}
    put(tmp_path, "ddi/DDICorpus-2013_Test.zip", zipped(deep))
    assert one("ddi", tmp_path, "test").id == "E_ddi#d1.s0.p0"


def test_hoc(tmp_path: Path) -> None:
    field = "  Evading growth suppressors--A--B ANDResisting cell death--C AND Resisting cell death--D"
    files = {f"x/text/{n}.txt": "One .\n Two .\nThree .\n" for n in range(5)}
    files |= {f"x/labels/{n}.txt": f"< NULL<{field}< " for n in range(5)}
    put(tmp_path, HOC, tar(files))
    found = examples("hoc", tmp_path)
    expected = ["None", "Evading growth suppressors, Resisting cell death", "None"]
    assert [e.references[0] for e in found] == expected
    assert (found[1].id, found[1].input) == ("4#2", "Two .")
    assert len(read("hoc", tmp_path, "train")) == 12


def test_medical_drugs(tmp_path: Path) -> None:
    body = HEADER + "".join(f'h{n},"Well, it\n works.",drug{n},{n % 3}\n' for n in range(5))
    put(tmp_path, CSV, "\ufeff" + body)
    example = one("medical_drugs", tmp_path)
    assert example.input == "Sentence: Well, it works.\nDrug: drug4"
    assert (example.id, example.references) == ("train_F3WbcTw#h4", ("Negative",))
    assert len(read("medical_drugs", tmp_path, "train")) == 4


Fault = tuple[str, str, str, str | bytes | dict[str, object], str]
BAD_UTF8 = b"ok\tO\n\xff\tO\n"
FAULTS: list[Fault] = [
    ("bioasq_list", "test", "bioasq/7B1_golden.json", batch(), "no 8B1_golden.json to 8B5_golden.json"),
    ("bioasq_list", "train", "x", "", "there is no split 'train'. Known: dev, test. BioASQ's golden batches have no"),
    ("ddi", "tets", "x", "", "there is no split 'tets'. Did you mean 'test'? Known: train, dev, test."),
    ("bioasq_list", "dev", "bioasq/9B2_golden.json", batch(), "no file 9B1_golden.json or 9B1_golden.json.gz, though"),
    ("bioasq_list", "dev", B9, batch(), "split 'dev' has no record below"),
    ("bioasq_list", "dev", B9, '{\n"a": ]', "9B1_golden.json:2: not JSON (Expecting value)"),
    ("bioasq_list", "dev", B9, "[]", "a JSON list, expected an object"),
    ("bioasq_list", "dev", B9, {}, "key 'questions' is missing, expected a list"),
    ("bioasq_list", "dev", B9, batch({"type": "list"}), "9B1_golden.json#1: key 'body' is missing"),
    ("bioasq_list", "dev", B9, batch({"type": "lis"}), "#1: question type 'lis', expected one of"),
    ("bioasq_list", "dev", B9, batch(3), "#1: a JSON int, expected an object"),
    ("bioasq_list", "dev", B9, batch(question("list", 5)), "'exact_answer' is '5', expected a list of"),
    ("bioasq_yesno", "dev", B9, batch(question("yesno", "perhaps")), "expected yes or no"),
    ("bioasq_list", "dev", B9, batch(*[question("list", ["a"])] * 2), "id '9B1_golden#q1' occurs"),
    ("pubmedqa_long", "dev", "x", "", "no file ori_pqal.json or ori_pqal.json.gz"),
    ("pubmedqa_long", "test", PQAL, {"1": abstract()}, "no file test_set.json or test_set.json.gz or test_gr"),
    ("pubmedqa_long", "test", PQAL_TEST, {"1": {"QUESTION": "?"}}, "#1: key 'CONTEXTS' is missing"),
    ("pubmedqa_long", "train", PQAL, {str(n): abstract() for n in range(600)}, "600 records, so the test part"),
    ("pubmedqa_long", "train", PQAL, {"1": {**abstract(), "LONG_ANSWER": 1}}, "'LONG_ANSWER' is a int, expected a str"),
    ("anatem_ner", "train", "x", "", "no file train.tsv or train.tsv.gz. Put the distributor's file there, unchanged."),
    ("anatem_ner", "dev", f"{ANATEM}/devel.tsv", "a\tO\nb O\n", "devel.tsv:2: 1 column(s) in 'b O', expected token"),
    ("anatem_ner", "dev", f"{ANATEM}/devel.tsv", "a\tO\tO\n", "devel.tsv:1: 3 column(s)"),
    ("anatem_ner", "dev", f"{ANATEM}/devel.tsv", "a\tX\n", "devel.tsv:1: unknown label 'X', expected O, B- or I-"),
    ("ncbi_ner", "dev", f"{NCBI}/devel.tsv", "a\tB-Gene\n", "unknown label 'B-Gene', expected O, B- or I- and Disease"),
    ("anatem_ner", "dev", f"{ANATEM}/devel.tsv", BAD_UTF8, "devel.tsv:2: byte 0xff is not UTF-8. Convert"),
    ("ncbi_ner", "test", NCBI_TEXT, "7|t|T\n7\t1\n", ":2: '7\\t1', expected PMID|a|text here"),
    ("ncbi_ner", "test", NCBI_TEXT, "7|t|T\n7|a|A\n7\t0\n", ":3: 2 column(s) in"),
    ("ncbi_ner", "test", NCBI_TEXT, "7|t|T\n7|a|A\n7\t0\t1\tX\tY\tZ", ":3: mention 'X', but"),
    ("ddi", "dev", "x", "", "no file DDICorpus-2013_Train.zip"),
    ("ddi", "train", DDI, zipped({"a.txt": ""}), "no .xml file inside"),
    ("ddi", "train", DDI, zipped({"t/a.xml": "<document>\n<x"}), "Train.zip:t/a.xml:2: not XML ("),
    ("ddi", "train", DDI, zipped({"a.xml": '<?xml version="1.0" encoding="foo"?><a/>'}), "a.xml:1: wrong encoding ("),
    ("ddi", "train", DDI, zipped({"a.xml": xml('<pair id="p" e1="e9" e2="d1.s0.e1"/>')}), "has e1='e9', expected"),
    ("ddi", "train", DDI, zipped({"a.xml": xml('<pair id="p" e1="d1.s0.e0"/>')}), "without the attribute 'e2'"),
    ("ddi", "train", DDI, zipped({"a.xml": xml().replace('"true"', '"yes"')}), "#d1.s0: <pair d1.s0.p0> has ddi='yes'"),
    ("hoc", "test", HOC, tar({}), "no file Hallmarks-of-Cancer_test.tar.gz. Put"),
    ("hoc", "train", HOC, tar({"a": ""}), "no text/PMID.txt inside"),
    ("hoc", "train", HOC, tar({"text/1.txt": "A\n"}), "text/1.txt: no labels/1.txt beside it"),
    ("hoc", "train", HOC, tar({"labels/1.txt": "< "}), "labels/1.txt: no text/1.txt beside it"),
    ("hoc", "train", HOC, tar({"text/1.txt": "A\n", "labels/1.txt": "< < "}), "2 label fields for 1 sentences"),
    ("hoc", "train", HOC, tar({"text/1.txt": "A\n", "labels/1.txt": "x< "}), "starts with 'x', expected '<'"),
    ("hoc", "train", HOC, tar({"text/1.txt": "A\n", "labels/1.txt": "<Luck--x"}), "1.txt#1: unknown label 'Luck'"),
    ("medical_drugs", "dev", "x", "", "no file train_F3WbcTw.csv or train_F3WbcTw.csv.gz"),
    ("medical_drugs", "test", CSV_TEST, HEADER[:21] + "\nh,t,d\n", "no column 'sentiment', and scores need labels"),
    ("medical_drugs", "train", CSV, "hash;text\n", "csv:1: columns 'hash;text', expected unique_hash,text"),
    ("medical_drugs", "train", CSV, HEADER + "h,t,d,2\nh,t,d\n", "csv:3: 3 columns, expected 4"),
    ("medical_drugs", "train", CSV, HEADER + "h,t,d,7\n", "csv:2: unknown label '7', expected one of 0, 1, 2"),
    ("medical_drugs", "train", CSV, HEADER + 'h,"t,d,2\nh,t,d,1\n', "not CSV (unexpected end of data)"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault[0]}: {fault[4]}")
def test_faults_are_said_in_one_line(tmp_path: Path, fault: Fault) -> None:
    task, split, name, data, expected = fault
    put(tmp_path, name, data)
    with pytest.raises(DataError) as caught:
        READERS[task](tmp_path, split)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_labels_without_their_records(tmp_path: Path) -> None:
    put(tmp_path, PQAL, {"1": abstract()})
    put(tmp_path, PQAL_TEST, {"1": "yes", "2": "no"})
    with pytest.raises(DataError, match=r"test_set.json#2: a label only, and .* \(1 of 2 are missing\)"):
        READERS["pubmedqa_long"](tmp_path, "test")
    put(tmp_path, PQAL_TEST, {"1": "dunno"})
    with pytest.raises(DataError, match="#1: label 'dunno', expected one of yes, no, maybe"):
        READERS["pubmedqa_long"](tmp_path, "test")


TEXT = "".join(f"word{n * 7919 % 1000}\tO\n" for n in range(500))
TRUNCATED: list[tuple[str, str, bytes]] = [
    ("anatem_ner", f"{ANATEM}/train.tsv.gz", gzip.compress(TEXT.encode())),
    ("ddi", DDI, zipped({"a.xml": xml() + "<!--" + TEXT + "-->"})),
    ("hoc", HOC, tar({"text/1.txt": "A\n", "labels/1.txt": "< ", "more": TEXT})),
]


@pytest.mark.parametrize(("task", "name", "whole"), TRUNCATED)
def test_truncated_files(tmp_path: Path, task: str, name: str, whole: bytes) -> None:
    path = put(tmp_path, name, b"")
    for share in (0.2, 0.6, 0.95):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DataError, match=rf"{path.name}: truncated or broken \(.*\), expected a whole"):
            READERS[task](tmp_path, "train")
