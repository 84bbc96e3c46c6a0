"""The samples that ship in the package: enough of them, distinct, and right in the asked format."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import selfspec_sports
import yaml
from selfspec_sports.readers import news_topic, sportqa, sports_understanding, wc2022_tweets
from selfspec_sports.tasks import READERS

from selfspec.domainfiles import card_from_file, tasks_from_folder
from selfspec.types import Task

PACKAGE = Path(next(iter(selfspec_sports.__path__)))
TASKS = {task.name: task for task in tasks_from_folder(PACKAGE, readers=READERS)}
RECORD = r"(?:TEAM|PLAYER)[-_][A-Z0-9_]+: [^|\n]+"
INPUT = {
    "sportqa": r"[^\n]+\nA\) [^\n]+\nB\) [^\n]+\nC\) [^\n]+\nD\) [^\n]+",
    "nba_records": rf"{RECORD}(?: \| {RECORD})*",
}
LABELS = {
    "sports_understanding": tuple(sports_understanding.LABELS.values()),
    "sportqa": sportqa.LABELS,
    "wc2022_tweets": wc2022_tweets.LABELS,
    "news_topic": tuple(news_topic.SECTIONS.values()),
}


def test_card() -> None:
    card = card_from_file(PACKAGE / "domain.yaml")
    assert (card.name, card.expertise, card.retrieval, len(card.data_licenses)) == ("sports", "sports", False, 6)


def test_every_task_has_a_reader_and_every_reader_a_task() -> None:
    assert list(TASKS) == list(READERS)
    assert len(TASKS) == 5
    assert all(task.reader for task in TASKS.values())


def test_yaml_states_every_key() -> None:
    entries = yaml.safe_load((PACKAGE / "tasks.yaml").read_text(encoding="utf-8"))
    keys = {"name", "title", "instruction", "answer", "metrics", "samples", "max_answer_tokens", "version", "splits"}
    assert all(set(entry) - {"hub"} == keys for entry in entries)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_samples(task: Task) -> None:
    assert len(task.samples) == 20
    assert len({sample.input for sample in task.samples}) == 20
    for sample in task.samples:
        assert re.fullmatch(INPUT.get(task.name, r".+"), sample.input), sample.id
        assert all(reference.strip() and "\n" not in reference for reference in sample.references), sample.id


def test_sample_ids_are_unique() -> None:
    ids = [sample.id for task in TASKS.values() for sample in task.samples]
    assert len(ids) == len(set(ids)) == 100


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_those_of_the_reader_the_instruction_and_the_samples(name: str) -> None:
    task = TASKS[name]
    assert (task.answer.kind, task.answer.labels) == ("label", LABELS[name])
    assert all(f'"{label}"' in task.instruction for label in task.answer.labels)
    assert {sample.references for sample in task.samples} == {(label,) for label in task.answer.labels}
    assert task.metrics == ("accuracy", "macro_f1")
