"""The right answers of the three domains' items, samples and originals, are in their format and score 1 each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from selfspec import Example, MissingDataError, Task
from selfspec.metrics import ALWAYS, in_format, metrics_of, table
from selfspec.plugins import load_domain

DOMAINS = {name: load_domain(name, extensions=False) for name in ("biomed", "finance", "sports")}
TASKS = {f"{name}-{task.name}": (name, task) for name, domain in DOMAINS.items() for task in domain.tasks()}
every = pytest.mark.parametrize(("domain", "task"), TASKS.values(), ids=TASKS)


def below_one(domain: str, task: Task, items: list[Example]) -> list[tuple[str, str]]:
    """(id, metric or ``format``) of every item whose right answer falls short; F1 and ROUGE-L of equal texts are 1."""
    known = [m for m in metrics_of(task, table(DOMAINS[domain].metrics())) if m.name not in ALWAYS]
    found = [(e.id, "format") for e in items for r in e.references if not in_format(r, task.answer)]
    for example in items:
        gold = example.references[0]
        for metric in known:
            score = metric.score(gold, example, task.answer) if metric.score else None
            score = metric.pool([gold], [example], task.answer) if metric.pool else score
            if score != 1:
                found.append((example.id, metric.name))
    return found


@every
def test_samples_and_seeds(domain: str, task: Task) -> None:
    seeds = [seed for seed in DOMAINS[domain].seeds() if seed.task == task.name]
    shown = [Example(id=seed.id, input=seed.input, references=(seed.output,)) for seed in seeds]
    assert below_one(domain, task, [*task.samples, *shown]) == []


@every
@pytest.mark.parametrize("split", ["dev", "train"])
def test_the_original_items(domain: str, task: Task, split: str) -> None:
    if "SELFSPEC_DATA" not in os.environ:
        pytest.skip("SELFSPEC_DATA is not set: the original items are NOT checked")
    if split not in task.splits:
        return
    assert task.reader
    try:
        items = [item for item in task.reader(Path(os.environ["SELFSPEC_DATA"]), split) if isinstance(item, Example)]
    except MissingDataError as problem:
        pytest.skip(str(problem))
    assert items
    assert below_one(domain, task, items) == []
