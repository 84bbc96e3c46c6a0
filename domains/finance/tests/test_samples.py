"""The samples that ship in the package: enough of them, distinct, and right in the asked format."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import selfspec_finance
import yaml
from selfspec_finance.readers import fin3, fiqa, gold_news, kpi_edgar, phrasebank
from selfspec_finance.tasks import READERS

from selfspec.domainfiles import card_from_file, tasks_from_folder
from selfspec.metrics import number_in
from selfspec.types import AnswerFormat, Task

PACKAGE = Path(next(iter(selfspec_finance.__path__)))
TASKS = {task.name: task for task in tasks_from_folder(PACKAGE, readers=READERS)}
INPUT = {
    "convfinqa": r"Context: (?:.+\n)+Conversation: .+\nQuestion: .+",
    "finer139": r"Sentence: .+\nEntity: .+\nOptions: \w+(?:, \w+){4}",
    "fiqa_sa": r"Sentence: .+\nTarget: .+",
}


def in_format(answer: AnswerFormat, reference: str) -> bool:
    if answer.kind == "label":
        return reference in answer.labels
    if answer.kind == "number":
        return number_in(reference) is not None
    if answer.kind == "entities":
        types = "|".join(answer.labels)
        return reference == "None" or bool(re.fullmatch(rf"(?:[^<>]+ <(?:{types})>(?:, |$))+", reference))
    return bool(reference.strip()) and "\n" not in reference


def test_every_task_has_a_reader_and_every_reader_a_task() -> None:
    assert list(TASKS) == list(READERS)
    assert len(TASKS) == 10
    assert all(task.reader for task in TASKS.values())


def test_card() -> None:
    card = card_from_file(PACKAGE / "domain.yaml")
    assert (card.name, card.expertise, card.retrieval) == ("finance", "financial", False)
    assert len(card.data_licenses) == len(TASKS)


def test_yaml_states_every_key() -> None:
    entries = yaml.safe_load((PACKAGE / "tasks.yaml").read_text(encoding="utf-8"))
    keys = {"name", "title", "instruction", "answer", "metrics", "samples", "max_answer_tokens", "version", "splits"}
    assert all(set(entry) == keys for entry in entries)


def test_labels_are_those_of_the_readers() -> None:
    known = {
        "fin3_ner": fin3.TYPES,
        "kpi_edgar": kpi_edgar.TYPES,
        "financial_phrasebank": phrasebank.LABELS,
        "fiqa_sa": fiqa.LABELS,
        "gold_news": gold_news.LABELS,
        "earnings_call": ("positive", "negative"),
    }
    for name, labels in known.items():
        assert TASKS[name].answer.labels == labels
        assert all(label in TASKS[name].instruction for label in labels), name


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


@pytest.mark.parametrize("task", ["fin3_ner", "kpi_edgar"])
def test_mentions_stand_in_the_sentence(task: str) -> None:
    for sample in TASKS[task].samples:
        for mention in re.findall(r"([^<>]+?) <[^<>]+>(?:, )?", sample.references[0]):
            assert f" {mention} " in f" {sample.input} ", sample.id


def test_finer_tags_are_among_the_options() -> None:
    for sample in TASKS["finer139"].samples:
        assert sample.references[0] in sample.input.rpartition("\nOptions: ")[2].split(", "), sample.id


@pytest.mark.parametrize("task", [task for task in TASKS.values() if task.answer.kind == "label"], ids=lambda t: t.name)
def test_every_label_has_samples(task: Task) -> None:
    assert {sample.references[0] for sample in task.samples} == set(task.answer.labels)
