"""A reader or a metric that goes wrong is the author's, and is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from selfspec import AnswerFormat, DataError, Example, Metric, PluginError, Task, guards
from selfspec.cli import invoke

ITEM = Example(id="1", input="", references=("yes",))
WHO = "domain 'law' (selfspec-domain-law 0.1.0)"
MEND = "Mend it (--verbose shows the traceback)."


def broken(root: Path, split: str) -> Iterator[Example]:
    yield ITEM
    raise KeyError(split)


def refusing(root: Path, split: str) -> list[Example]:
    raise DataError(f"{root}: wrong.")


def test_a_reader_that_raises_names_domain_and_task(tmp_path: Path) -> None:
    task = guards.task(Task(name="t", title="T", instruction="Say.", reader=broken), WHO)
    assert task.reader is not None
    with pytest.raises(PluginError) as caught:
        task.reader(tmp_path, "dev")
    assert str(caught.value) == f"{WHO}: the reader of task 't' raised KeyError: 'dev'. {MEND}"


def test_a_refusal_of_the_readers_own_is_left_alone(tmp_path: Path) -> None:
    task = guards.task(Task(name="t", title="T", instruction="Say.", reader=refusing), WHO)
    assert task.reader is not None
    with pytest.raises(DataError, match=r": wrong\.$"):
        task.reader(tmp_path, "dev")


def test_a_metric_that_raises_names_the_domain() -> None:
    each = guards.metric(Metric(name="odd", score=lambda p, e, a: 1 / len(p)), WHO)
    pooled = guards.metric(Metric(name="odd", pool=lambda p, e, a: 1 / len(p)), WHO)
    assert each.score is not None
    assert pooled.pool is not None
    assert each.score("ab", ITEM, AnswerFormat()) == 0.5
    for call in (lambda: each.score("", ITEM, AnswerFormat()), lambda: pooled.pool([], [], AnswerFormat())):
        with pytest.raises(PluginError) as caught:
            call()
        assert str(caught.value) == f"{WHO}: metric 'odd' raised ZeroDivisionError: division by zero. {MEND}"


def test_the_command_line_names_them(
    new_domain: Callable[..., Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    package = new_domain(python=True)
    code = (package / "readers.py").read_text()
    (package / "readers.py").write_text(code.replace("row['statement']", "row['claim']"))
    (tmp_path / "note_check").mkdir()
    (tmp_path / "note_check" / "train.csv").write_text("id,note,statement,answer\n1,It rains.,It is wet.,yes\n")
    assert invoke(["seeds", "sample", "law", "--task", "note_check", "--data", str(tmp_path)]) == 3
    said = "the reader of task 'note_check' raised KeyError: 'claim'."
    assert capfd.readouterr().err == f"error: {WHO}: {said} {MEND}\n"
