"""The samples that ship in the package: enough of them, distinct, and right in the asked format."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import selfspec_biomed
import yaml
from selfspec_biomed.readers import hoc, iob
from selfspec_biomed.tasks import READERS

from selfspec.domainfiles import tasks_from_folder
from selfspec.types import AnswerFormat, Task

PACKAGE = Path(next(iter(selfspec_biomed.__path__)))
TASKS = {task.name: task for task in tasks_from_folder(PACKAGE, readers=READERS)}
INPUT = {
    "bioasq_factoid": r"Context: .+\nQuestion: .+",
    "bioasq_list": r"Context: .+\nQuestion: .+",
    "bioasq_yesno": r"Context: .+\nQuestion: .+",
    "pubmedqa_long": r"Context: .+\nQuestion: .+",
    "ddi": r"Context: .+\nDrug_1: .+\nDrug_2: .+",
    "medical_drugs": r"Sentence: .+\nDrug: .+",
}


def in_format(answer: AnswerFormat, reference: str) -> bool:
    if answer.kind == "label":
        return reference in answer.labels
    if answer.kind == "labels":
        return reference == "None" or set(reference.split(", ")) <= set(answer.labels)
    if answer.kind == "entities":
        types = "|".join(answer.labels)
        return reference == "None" or bool(re.fullmatch(rf"(?:[^<>]+ <(?:{types})>(?:, |$))+", reference))
    return bool(reference.strip()) and "\n" not in reference


def test_every_task_has_a_reader_and_every_reader_a_task() -> None:
    assert list(TASKS) == list(READERS)
    assert len(TASKS) == 10
    assert all(task.reader for task in TASKS.values())


def test_yaml_states_every_key() -> None:
    entries = yaml.safe_load((PACKAGE / "tasks.yaml").read_text(encoding="utf-8"))
    keys = {"name", "title", "instruction", "answer", "metrics", "samples", "max_answer_tokens", "version", "splits"}
    assert all(set(entry) == keys for entry in entries)


def test_labels_are_those_of_the_readers() -> None:
    assert TASKS["hoc"].answer.labels == hoc.HALLMARKS
    for name, corpus in {"anatem_ner": iob.ANATEM, "bionlp13cg_ner": iob.BIONLP13CG, "ncbi_ner": iob.NCBI}.items():
        assert TASKS[name].answer.labels == corpus.types
        assert all(label in TASKS[name].instruction for label in corpus.types)
    assert all(label in TASKS["hoc"].instruction for label in hoc.HALLMARKS)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_samples(task: Task) -> None:
    assert len(task.samples) == 20
    assert len({sample.input for sample in task.samples}) == 20
    for sample in task.samples:
        assert re.fullmatch(INPUT.get(task.name, r".+"), sample.input), sample.id
        assert all(in_format(task.answer, reference) for reference in sample.references), sample.id


def test_sample_ids_are_unique() -> None:
    ids = [sample.id for task in TASKS.values() for sample in task.samples]
    assert len(ids) == len(set(ids)) == 200


@pytest.mark.parametrize("task", ["anatem_ner", "bionlp13cg_ner", "ncbi_ner"])
def test_mentions_stand_in_the_sentence(task: str) -> None:
    for sample in TASKS[task].samples:
        for mention in re.findall(r"([^<>]+?) <[^<>]+>(?:, )?", sample.references[0]):
            assert f" {mention} " in f" {sample.input} ", sample.id


def test_list_samples_carry_their_aliases() -> None:
    for sample in TASKS["bioasq_list"].samples:
        aliases = sample.meta["aliases"]
        assert isinstance(aliases, list)
        assert sample.references[0] == ", ".join(names[0] for names in aliases), sample.id


@pytest.mark.parametrize("task", [task for task in TASKS.values() if task.answer.kind == "label"], ids=lambda t: t.name)
def test_every_label_has_samples(task: Task) -> None:
    assert {sample.references[0] for sample in task.samples} == set(task.answer.labels)
