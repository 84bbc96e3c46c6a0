"""Five demonstrations on long finance items: what does not fit nano's context is dropped, and counted."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from selfspec import Example, Seed, Task
from selfspec.evaluation import Items, System, _demonstrations, predict
from selfspec.fitting import fit_prompt
from selfspec.models import Base, load_base, locate
from selfspec.plugins import load_domain
from selfspec.settings import Settings
from selfspec.templates import template

LONG = ("convfinqa", "earnings_call")
FORMS = ("none", "alpaca")


@pytest.fixture(scope="module")
def nano() -> Base:
    """Nano's tokenizer and context; its weights are not wanted."""
    from transformers import AutoConfig, AutoTokenizer

    folder = locate("nano")

    class Model:
        config = AutoConfig.from_pretrained(folder)

    return Base("nano", Model(), AutoTokenizer.from_pretrained(folder), "")


def five(name: str) -> tuple[Task, list[Seed]]:
    domain, settings = load_domain("finance"), Settings(domain="finance")
    (task,) = (task for task in domain.tasks() if task.name == name)
    return task, _demonstrations(domain.seeds(), task, 5, settings)


def check(base: Base, form: str, task: Task, example: Example, seeds: list[Seed]) -> int:
    """The prompt fits, shows the nearest demonstrations and the item's end, and wastes no room; return how many."""
    look, found = template(form), fit_prompt(base, template(form), task, example, seeds)
    room = base.context - task.max_answer_tokens
    assert len(found.ids) <= room
    text = base.tokenizer.decode(found.ids)
    demonstrations = [look.prompt(seed.instruction, seed.input) + seed.output.strip() + "\n\n" for seed in seeds]
    kept = "".join(demonstrations[len(seeds) - found.shots :])
    item = look.prompt(task.instruction, example.input)
    if not found.cut:
        assert text == kept + item
        if found.shots < len(seeds):
            assert len(base.encode(demonstrations[len(seeds) - found.shots - 1] + kept + item)) > room
    else:
        assert found.shots == 0
        assert item.endswith(text[-200:])
    return found.shots


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", LONG)
def test_longer_and_longer_items(nano: Base, name: str, form: str) -> None:
    task, seeds = five(name)
    sample = max(task.samples, key=lambda example: len(example.input))
    longer = [dataclasses.replace(sample, input=" ".join([sample.input] * times)) for times in range(1, 30, 3)]
    shots = [check(nano, form, task, example, seeds) for example in longer]
    assert shots == sorted(shots, reverse=True)
    assert (shots[0], shots[-1]) == (5, 0)
    assert len(set(shots)) > 2


@pytest.mark.parametrize("name", LONG)
def test_the_original_items(nano: Base, name: str) -> None:
    if "SELFSPEC_DATA" not in os.environ:
        pytest.skip("SELFSPEC_DATA is not set: the original items are NOT checked")
    task, seeds = five(name)
    assert task.reader
    items = [item for item in task.reader(Path(os.environ["SELFSPEC_DATA"]), "dev") if isinstance(item, Example)]
    longest = sorted(items, key=lambda example: -len(example.input))[:40]
    assert {check(nano, "alpaca", task, example, seeds) for example in longest} <= {2, 3, 4, 5}


def test_what_is_dropped_is_said_and_stored(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from selfspec import jsonl

    base = load_base(str(tiny_folder))
    task = Task(name="sums", title="Sums", instruction="Add.", max_answer_tokens=2)
    seeds = [Seed(id=f"s{i}", task="sums", instruction="Add.", input="1 " * 200, output="2") for i in range(5)]
    inputs = {"a": "1+1", "b": "1 " * 400, "c": "1 " * 1100}
    examples = tuple(Example(id=name, input=text, references=("2",)) for name, text in inputs.items())
    items = Items(task, examples, "packaged samples", 3, {})
    here: Any = lambda _task, _example: None  # noqa: E731
    predict(tmp_path, base, System("base", "none"), 5, [items], seeds, Settings(domain="sums"), here)
    records = [record for _, record in jsonl.read(tmp_path / "base" / "sums.5shot.jsonl")]
    assert [(record["shots"], record["cut"]) for record in records] == [(4, False), (3, False), (0, True)]
    said = "sums: context of 2048 tokens: 3 of 3 prompts with fewer than 5 demonstrations, 1 inputs cut"
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["biomed", "finance", "sports"])
def test_every_task_has_seeds_for_five_demonstrations(name: str) -> None:
    domain = load_domain(name)
    seeds = [seed.task for seed in domain.seeds()]
    assert {task.name: min(seeds.count(task.name), 5) for task in domain.tasks()} == dict.fromkeys(
        (task.name for task in domain.tasks()), 5
    )
