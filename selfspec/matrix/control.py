"""The general control set: everyday questions, sums in words, copying, feeling.

None of it belongs to a domain, so a system that loses points here has forgotten something. The items
are in ``selfspec/control.jsonl``, written for this project.
"""

from __future__ import annotations

from importlib.resources import as_file, files

from selfspec import jsonl
from selfspec.types import AnswerFormat, Example, Task

NAME = "general"
"""Stands where a domain's name does."""
KINDS = {
    "everyday": ("Everyday questions", "Answer the question in one or a few words.", AnswerFormat(), 16),
    "sums": ("Sums in words", "Solve the problem. Answer with one number.", AnswerFormat(kind="number"), 16),
    "copying": ("Copying", "Repeat the text exactly.", AnswerFormat(), 32),
    "feeling": (
        "Feeling",
        "Is the feeling of the sentence positive or negative? Answer with one word.",
        AnswerFormat(kind="label", labels=("positive", "negative")),
        16,
    ),
}
"""Task: title, instruction, form of the answer, most tokens."""


def control_tasks() -> list[Task]:
    """The tasks of the control set."""
    with as_file(files("selfspec").joinpath("control.jsonl")) as path:
        records = [record for _, record in jsonl.read(path)]
    return [_task(name, [r for r in records if r["task"] == name]) for name in KINDS]


def _task(name: str, records: list[jsonl.Record]) -> Task:
    title, instruction, answer, tokens = KINDS[name]
    samples = tuple(Example(id=r["id"], input=r["input"], references=tuple(r["references"])) for r in records)
    return Task(
        name=name, title=title, instruction=instruction, answer=answer, samples=samples, max_answer_tokens=tokens
    )
