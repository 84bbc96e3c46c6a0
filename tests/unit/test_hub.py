"""``--data hub``: datasets' own loader on a local folder, from tasks.yaml to the items that are evaluated."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from selfspec import ConfigError, DataError, PluginError, SelfspecError, Task
from selfspec.domainfiles import tasks_from_folder
from selfspec.evaluation import load_items
from selfspec.hub import NAME, asked, on_hub
from selfspec.plugins import load_domain
from selfspec.settings import Settings
from selfspec.types import Example, HubData, Skipped

REVISION = "0123456789abcdef0123456789abcdef01234567"
ROWS = [
    {"pmid": 7, "question": "Does it?", "context": {"parts": ["One.", "Two."]}, "answer": ["yes", "yea"]},
    {"pmid": 8, "question": "Is it?", "context": {"parts": ["Three."]}, "answer": []},
]
TASK = """- name: asked
  title: Asked
  instruction: Answer.
  hub:
    path: PATH
    revision: 0123456789abcdef0123456789abcdef01234567
    splits: {test: validation}
    input: "Context: {context.parts}\\nQuestion: {question}"
    references: answer
    id: pmid
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of two splits as a folder."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "validation.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS[:1]))
    return folder


def task(folder: Path, source: Path, text: str = TASK) -> Task:
    folder.mkdir(exist_ok=True)
    (folder / "tasks.yaml").write_text(text.replace("PATH", str(source)))
    return on_hub(tasks_from_folder(folder)[0])


def read(task: Task, split: str = "test") -> list[Example | Skipped]:
    assert task.reader
    return list(task.reader(Path(NAME), split))


def test_the_items_of_a_folder(tmp_path: Path, data: Path) -> None:
    found = task(tmp_path / "law", data)
    assert (found.splits, asked(Path(NAME)), asked(None), asked(tmp_path)) == (("test",), True, False, False)
    example, skipped = read(found)
    assert isinstance(example, Example)
    assert (example.id, example.input) == ("7", "Context: One. Two.\nQuestion: Does it?")
    assert example.references == ("yes", "yea")
    assert skipped == Skipped(where=f"hub {data}@0123456789ab#1", reason="no answer")


def test_a_class_goes_by_its_name_and_a_slice_is_a_split(tmp_path: Path, data: Path) -> None:
    import datasets

    names = datasets.ClassLabel(names=["World", "Sports"])
    rows = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [1, 0, 1]}).cast_column("label", names)
    (data.parent / "classes").mkdir()
    rows.to_parquet(data.parent / "classes" / "train.parquet")
    fields = {"path": str(data.parent / "classes"), "revision": REVISION, "splits": {"dev": "train[1:]"}}
    source = HubData(**fields, input="{text}", references="label", labels={"World": "world", "Sports": "sport"})
    found = on_hub(Task(name="topic", title="T", instruction="Which?", hub=source))
    items = [(item.id, item.input, item.references) for item in read(found, "dev") if isinstance(item, Example)]
    assert items == [("dev#0", "b", ("world",)), ("dev#1", "c", ("sport",))]
    wrong = HubData(**fields, input="{text}", references="label", labels={"World": "world"})
    with pytest.raises(DataError, match="#1: unknown label 'Sports', expected one of World"):
        read(on_hub(Task(name="topic", title="T", instruction="Which?", hub=wrong)), "dev")


class Domain:
    """What ``load_items`` reads of a domain."""

    name = "law"

    def __init__(self, *tasks: Task) -> None:
        self._tasks = list(tasks)

    def tasks(self) -> list[Task]:
        return self._tasks


def test_the_evaluation_says_which_revision_it_read(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(domain="law", data=NAME)
    with pytest.raises(DataError, match=r"task 'asked' has no split 'dev'. It has: test."):
        load_items(Domain(task(tmp_path / "law", data)), settings)  # type: ignore[arg-type]
    text = TASK.replace("{test: ", "{dev: ") + "  answer: {kind: label, labels: ['no']}\n"
    with pytest.raises(DataError, match="task 'asked' has no items"):  # "yes" is no answer to such a task
        load_items(Domain(task(tmp_path / "law", data, text)), settings)  # type: ignore[arg-type]
    (items,) = load_items(Domain(task(tmp_path / "law", data, text.replace("'no'", "'yes'"))), settings)  # type: ignore[arg-type]
    assert items.source == f"hub {data}@0123456789ab dev split"
    assert (items.read, items.skipped) == (1, {"no answer": 1})
    assert f"asked: 1 of 1 items, {items.source}; 1 skipped: no answer" in capsys.readouterr().err


FAULTS: list[tuple[str, str, type[SelfspecError], str]] = [
    ("{question}", "{question.__class__}", DataError, "#0: no column 'question.__class__', found no keys. Mend 'hub'"),
    ("{question}", "{questoin}", DataError, "#0: no column 'questoin', found pmid, question, context, answer. Mend"),
    ("validation}", "validatoin}", DataError, "split 'validatoin' cannot be read (Unknown split \"validatoin\""),
    ("PATH", "PATH/nowhere", DataError, "@0123456789ab: split 'validation' cannot be read ("),
    (REVISION, "main", PluginError, "task 'asked':hub: hub data 'PATH': revision 'main' is no commit. Write its 40"),
    ("splits: {test: validation}", "splits: {}", PluginError, "'splits' is empty. Write {test: test} or alike."),
    ("splits: {test: validation}", "splits: test", DataError, "task 'asked':hub:splits: must be a mapping of names"),
    ("splits: {test: validation}", "splits: {test: 1}", DataError, "task 'asked':hub:splits: holds int, must be text"),
    ("    references: answer\n", "", DataError, "task 'asked':hub: field 'references' is missing. Add it."),
    ("    id:", "    ids:", DataError, "task 'asked':hub:ids: unknown field. Did you mean 'id'? Known: path, revision"),
]


@pytest.mark.parametrize(("old", "new", "error", "message"), FAULTS, ids=[new for _, new, _, _ in FAULTS])
def test_faults(tmp_path: Path, data: Path, old: str, new: str, error: type, message: str) -> None:
    with pytest.raises(error) as caught:
        read(task(tmp_path / "law", data, TASK.replace(old, new)))
    assert message.replace("PATH", str(data)) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_the_extra_it_is_named(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"--data hub needs the package datasets. Install it: pip install 'self"):
        read(task(tmp_path / "law", data))


def test_a_task_without_hub_data_has_its_samples_only() -> None:
    plain = Task(name="plain", title="P", instruction="Do.", reader=lambda _root, _split: [])
    assert on_hub(plain).reader is None


def test_an_installed_domain_reads_the_hub_when_it_is_asked(
    tmp_path: Path, data: Path, make_domain: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_domain(tmp_path / "site", "hubbed")
    file = tmp_path / "site" / "selfspec_hubbed" / "tasks.yaml"
    file.write_text(file.read_text() + TASK.replace("PATH", str(data)).partition("Answer.\n")[2])
    monkeypatch.syspath_prepend(tmp_path / "site")
    (task,) = load_domain("hubbed", data=Path(NAME)).tasks()
    assert [type(item) for item in read(task)] == [Example, Skipped]
    (task,) = load_domain("hubbed").tasks()
    assert task.reader is None
