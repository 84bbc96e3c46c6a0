"""Every error of a domain's files, word for word: file, line, field and what to do."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selfspec import DataContext, DataError, PluginError, SelfspecError, jsonl
from selfspec.defaults import PROMPTS
from selfspec.domainfiles import (
    FolderHooks,
    card_from_file,
    examples_from_file,
    passages_from_file,
    prompts_from_file,
    seeds_from_file,
    tasks_from_folder,
)

CARD = "name: law\ntitle: Law\nsummary: Contracts.\nexpertise: legal\n"
SEED = '{"id": "a", "instruction": "Add.", "input": "1, 2", "output": "3"}\n'
EXAMPLE = '{"id": "a", "input": "1, 2", "references": ["3"]}\n'
TASK = "- name: sums\n  title: Sums\n  instruction: Add.\n"
PASSAGE = '{"id": "a", "text": "One."}\n'


def refused(read: Callable[[Path], Any], path: Path, content: str | bytes, *, error: type = DataError) -> str:
    """Write ``content``, read it, and return the one line of the error with ``FILE`` for the path."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SelfspecError) as caught:
        list(read(path))
    assert type(caught.value) is error
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(path), "FILE")


def records(path: Path) -> list[Any]:
    return list(jsonl.read(path))


def tasks(path: Path) -> list[Any]:
    return tasks_from_folder(path.parent)


JSONL = {
    "bad UTF-8": (b'\n{"id": "\xff"}\n', "FILE:2: not UTF-8 (byte 9 of the line). Save the file as UTF-8."),
    "bad JSON": ('\n\n{"id" "a"}\n', "FILE:3: not JSON (Expecting ':' delimiter). Write one JSON object a line."),
    "not an object": ('["a"]\n', "FILE:1: a JSON list. Write one JSON object a line."),
}


@pytest.mark.parametrize(("content", "message"), JSONL.values(), ids=JSONL)
@pytest.mark.parametrize("read", [records, seeds_from_file, passages_from_file, examples_from_file])
def test_jsonl_errors(read: Callable[[Path], Any], content: str | bytes, message: str, tmp_path: Path) -> None:
    assert refused(read, tmp_path / "x.jsonl", content) == message


def test_jsonl_skips_blank_lines_and_counts_them(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('\n{"a": 1}\n  \n{"a": 2}')
    assert records(tmp_path / "x.jsonl") == [(2, {"a": 1}), (4, {"a": 2})]


def test_jsonl_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        records(tmp_path / "x.jsonl")
    assert str(caught.value) == f"{tmp_path / 'x.jsonl'}: no such file."


def test_jsonl_gzip(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    whole = gzip.compress(b'{"a": 1}\n')
    path.write_bytes(whole)
    assert records(path) == [(1, {"a": 1})]
    cut = refused(records, path, whole[:-9])
    ended = "Compressed file ended before the end-of-stream marker was reached"
    assert cut == f"FILE: cannot be read ({ended}). Fetch the file again."
    plain = refused(records, path, b"plain")
    assert plain == "FILE: cannot be read (Not a gzipped file (b'pl')). Fetch the file again."


def test_jsonl_writes_whole_or_not_at_all(tmp_path: Path) -> None:
    jsonl.write(tmp_path / "new" / "x.jsonl", [{"text": "é"}])
    assert (tmp_path / "new" / "x.jsonl").read_text(encoding="utf-8") == '{"text": "é"}\n'
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["x.jsonl"]


SEEDS = {
    "missing": ('{"id": "a", "instruction": "Add."}\n', "FILE:1: field 'output' is missing. Add it."),
    "type": (SEED.replace('"3"', "3"), "FILE:1:output: int, must be text. Put it in quotes."),
    "null": (SEED.replace('"1, 2"', "null"), "FILE:1:input: NoneType, must be text. Put it in quotes."),
    "blank": (SEED.replace("Add.", " "), "FILE:1:instruction: empty. Write the instruction of this seed."),
    "id": (
        SEED + "\n" + SEED.replace("Add.", "Sum."),
        "FILE:3:id: 'a' stands on line 1 already. Give every record its own id.",
    ),
    "text": (
        SEED + SEED.replace('"a"', '"b"').replace("Add.", " Add. "),
        "FILE:2:instruction: the same instruction and input as line 1. Remove one of them.",
    ),
    "unknown": (
        SEED.replace("instruction", "instrucion"),
        "FILE:1:instrucion: unknown field. Did you mean 'instruction'? Known: id, task, instruction, input, output.",
    ),
    "empty": ("\n", "FILE: no seeds. Write one JSON object a line with id, instruction, input and output."),
}


@pytest.mark.parametrize(("content", "message"), SEEDS.values(), ids=SEEDS)
def test_seed_errors(content: str, message: str, tmp_path: Path) -> None:
    assert refused(seeds_from_file, tmp_path / "seeds.jsonl", content) == message


PASSAGES = {
    "missing": ('{"id": "a"}\n', "FILE:1: field 'text' is missing. Add it."),
    "type": ('{"id": 1, "text": "One."}\n', "FILE:1:id: int, must be text. Put it in quotes."),
    "id": (PASSAGE * 2, "FILE:2:id: 'a' stands on line 1 already. Give every record its own id."),
}


@pytest.mark.parametrize(("content", "message"), PASSAGES.values(), ids=PASSAGES)
def test_passage_errors(content: str, message: str, tmp_path: Path) -> None:
    assert refused(passages_from_file, tmp_path / "corpus.jsonl", content) == message


EXAMPLES = {
    "references": (EXAMPLE.replace('["3"]', '"3"'), 'FILE:1:references: must be a list of texts. Example: ["yes"].'),
    "numbers": (EXAMPLE.replace('["3"]', "[3]"), 'FILE:1:references: must be a list of texts. Example: ["yes"].'),
    "no references": (
        '{"id": "a", "input": "1"}\n',
        'FILE:1:references: must be a list of texts. Example: ["yes"].',
    ),
    "none": (EXAMPLE.replace('["3"]', "[]"), "FILE:1:references: empty. Give at least one answer."),
    "input": ('{"id": "a", "references": ["3"]}\n', "FILE:1: field 'input' is missing. Add it."),
    "meta": (
        EXAMPLE.replace("}", ', "meta": ["x"]}'),
        "FILE:1:meta: list, must be a JSON object. Leave it out if there is none.",
    ),
    "id": (EXAMPLE * 2, "FILE:2:id: 'a' stands on line 1 already. Give every record its own id."),
    "unknown": (
        EXAMPLE.replace("references", "reference"),
        "FILE:1:reference: unknown field. Did you mean 'references'? Known: id, input, references, meta.",
    ),
}


@pytest.mark.parametrize(("content", "message"), EXAMPLES.values(), ids=EXAMPLES)
def test_example_errors(content: str, message: str, tmp_path: Path) -> None:
    assert refused(examples_from_file, tmp_path / "samples.jsonl", content) == message


CARD_KNOWN = "Known: name, title, summary, expertise, data_licenses, homepage, retrieval."
CARDS = {
    "line": (
        CARD + "homepage: a: b\n",
        DataError,
        "FILE:5: not YAML (mapping values are not allowed here). Mend the line.",
    ),
    "code": (
        CARD + "homepage: !!python/name:os.system\n",
        DataError,
        "FILE:5: not YAML (could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/name:os.system'). Mend the line.",
    ),
    "character": (
        "name: \x07\n",
        DataError,
        'FILE: not YAML (unacceptable character #x0007: special characters are not allowed in "<unicode string>", '
        "position 6). Mend the file.",
    ),
    "date": (
        CARD + "homepage: 2026-13-45\n",
        DataError,
        "FILE: not YAML (month must be in 1..12). Mend the file.",
    ),
    "UTF-8": (b"name: \xff\n", DataError, "FILE: not UTF-8. Save the file as UTF-8."),
    "empty": ("", DataError, "FILE: must be a mapping of names to values. Write 'name: value' lines."),
    "list": ("- name\n", DataError, "FILE: must be a mapping of names to values. Write 'name: value' lines."),
    "key": (CARD + "1: x\n", DataError, "FILE: must be a mapping of names to values. Write 'name: value' lines."),
    "missing": (CARD.replace("title: Law\n", ""), DataError, "FILE: field 'title' is missing. Add it."),
    "type": (CARD.replace("Law", "yes"), DataError, "FILE:title: bool, must be text. Put it in quotes."),
    "bool": (
        CARD + 'retrieval: "no"\n',
        DataError,
        "FILE:retrieval: str, must be true or false. Write it without quotes.",
    ),
    "licence": (
        CARD + "data_licenses: MIT\n",
        DataError,
        "FILE:data_licenses: str, must be a list of texts. Write [..].",
    ),
    "no licence": (
        CARD + "data_licenses:\n",
        DataError,
        "FILE:data_licenses: NoneType, must be a list of texts. Write [..].",
    ),
    "mapped licence": (
        CARD + "data_licenses:\n  - BioASQ: MIT\n",
        DataError,
        "FILE:data_licenses: holds dict, must be texts. Put each in quotes.",
    ),
    "unknown": (
        CARD + "titel: Law\n",
        DataError,
        f"FILE:titel: unknown field. Did you mean 'title'? {CARD_KNOWN}",
    ),
    "name": (
        CARD.replace("law", "Law"),
        PluginError,
        "FILE: card: name 'Law' is no lower-case identifier. Example: 'law'.",
    ),
    "blank": (CARD.replace("legal", '" "'), PluginError, "FILE: card of 'law': 'expertise' is empty. Fill it in."),
}


@pytest.mark.parametrize(("content", "error", "message"), CARDS.values(), ids=CARDS)
def test_card_errors(content: str | bytes, error: type, message: str, tmp_path: Path) -> None:
    assert refused(card_from_file, tmp_path / "domain.yaml", content, error=error) == message


def test_card_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        card_from_file(tmp_path / "domain.yaml")
    assert str(caught.value) == f"{tmp_path / 'domain.yaml'}: no such file."


PROMPT_ERRORS = {
    "placeholder": (
        "response: 'As a {domain} expert:'\n",
        PluginError,
        "FILE: prompt 'response' lacks the placeholder {instruction}. Add it.",
    ),
    "unknown placeholder": (
        "passage: '{passage} {title}'\n",
        PluginError,
        "FILE: prompt 'passage' has the unknown placeholder {title}. Known: passage.",
    ),
    "brace": (
        "passage: '{passage} }'\n",
        PluginError,
        "FILE: prompt 'passage': Single '}' encountered in format string. Write literal braces as {{ and }}.",
    ),
    "unknown": (
        "responses: x\n",
        DataError,
        "FILE:responses: unknown field. Did you mean 'response'? "
        "Known: instructions, demonstration, response, response_input, passage.",
    ),
    "type": ("passage: 1\n", DataError, "FILE:passage: int, must be text. Put it in quotes."),
}


@pytest.mark.parametrize(("content", "error", "message"), PROMPT_ERRORS.values(), ids=PROMPT_ERRORS)
def test_prompt_errors(content: str, error: type, message: str, tmp_path: Path) -> None:
    read: Callable[[Path], Any] = prompts_from_file
    assert refused(read, tmp_path / "prompts.yaml", content, error=error) == message


TASK_KNOWN = (
    "Known: name, title, instruction, answer, metrics, samples, files, splits, hub, max_answer_tokens, version."
)
TASKS = {
    "empty": ("", DataError, "FILE: must be a list of tasks. Begin each with '- name:'."),
    "mapping": ("name: sums\n", DataError, "FILE: must be a list of tasks. Begin each with '- name:'."),
    "text": (
        TASK + "- sums\n",
        DataError,
        "FILE: task 2: must be a mapping of names to values. Write 'name: value' lines.",
    ),
    "missing": (TASK + "- title: T\n", DataError, "FILE: task 'number 2': field 'name' is missing. Add it."),
    "unknown": (
        TASK + "  metric: [accuracy]\n",
        DataError,
        f"FILE: task 'sums':metric: unknown field. Did you mean 'metrics'? {TASK_KNOWN}",
    ),
    "reader": (
        TASK + "  reader: os.system\n",
        DataError,
        f"FILE: task 'sums':reader: unknown field. {TASK_KNOWN}",
    ),
    "kind": (
        TASK + "  answer: {kind: lable}\n",
        PluginError,
        "FILE: task 'sums': answer kind 'lable' is unknown. Known: text, label, labels, list, entities, number.",
    ),
    "no labels": (
        TASK + "  answer: {kind: label}\n",
        PluginError,
        "FILE: task 'sums': answer kind 'label' needs 'labels'. List them.",
    ),
    "bare yes": (
        TASK + "  answer: {kind: label, labels: [yes, no]}\n",
        DataError,
        "FILE: task 'sums':labels: holds bool, must be texts. Put each in quotes.",
    ),
    "one label": (
        TASK + "  answer: {kind: label, labels: yea}\n",
        DataError,
        "FILE: task 'sums':labels: str, must be a list of texts. Write [..].",
    ),
    "answer": (
        TASK + "  answer: text\n",
        DataError,
        "FILE: task 'sums':answer: must be a mapping of names to values. Write 'name: value' lines.",
    ),
    "answer field": (
        TASK + "  answer: {kinds: text}\n",
        DataError,
        "FILE: task 'sums':kinds: unknown field. Did you mean 'kind'? Known: kind, labels.",
    ),
    "metrics": (
        TASK + "  metrics: accuracy\n",
        DataError,
        "FILE: task 'sums':metrics: str, must be a list of texts. Write [..].",
    ),
    "tokens": (
        TASK + '  max_answer_tokens: "48"\n',
        DataError,
        "FILE: task 'sums':max_answer_tokens: str, must be a whole number. Write it without quotes.",
    ),
    "samples": (
        TASK + "  samples: [x.jsonl]\n",
        DataError,
        "FILE: task 'sums':samples: list, must be text. Write a path in the package.",
    ),
    "files": (
        TASK + "  files: x.jsonl\n",
        DataError,
        "FILE: task 'sums':files: must be a mapping of names to values. Write 'name: value' lines.",
    ),
    "file": (
        TASK + "  files: {test: 1}\n",
        DataError,
        "FILE: task 'sums':files: holds int, must be texts. Put each in quotes.",
    ),
    "files and splits": (
        TASK + "  files: {test: x.jsonl}\n  splits: [dev]\n",
        PluginError,
        "FILE: task 'sums':files: stands beside a reader or splits. Keep one of the two.",
    ),
    "name": (
        TASK.replace("name: sums", "name: Sums"),
        PluginError,
        "FILE: task 'Sums': task name 'Sums' is no lower-case identifier. Example: 'bar_exam'.",
    ),
    "instruction": (
        TASK.replace("Add.", '""'),
        PluginError,
        "FILE: task 'sums': 'instruction' is empty. Write what is asked.",
    ),
}


@pytest.mark.parametrize(("content", "error", "message"), TASKS.values(), ids=TASKS)
def test_task_errors(content: str, error: type, message: str, tmp_path: Path) -> None:
    assert refused(tasks, tmp_path / "tasks.yaml", content, error=error) == message


def test_reader_for_an_unknown_task(tmp_path: Path) -> None:
    (tmp_path / "tasks.yaml").write_text(TASK)
    with pytest.raises(PluginError) as caught:
        tasks_from_folder(tmp_path, readers={"sum": lambda root, split: []})
    assert str(caught.value) == (
        f"{tmp_path / 'tasks.yaml'}: a reader for 'sum', which is no task. Did you mean 'sums'? "
        "Rename or drop the reader."
    )


def test_reader_beside_files(tmp_path: Path) -> None:
    (tmp_path / "tasks.yaml").write_text(TASK + "  files: {test: x.jsonl}\n")
    with pytest.raises(PluginError, match="task 'sums':files: stands beside a reader or splits"):
        tasks_from_folder(tmp_path, readers={"sums": lambda root, split: []})


def test_samples_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "tasks.yaml").write_text(TASK + "  samples: samples/sums.jsonl\n")
    with pytest.raises(DataError) as caught:
        tasks_from_folder(tmp_path)
    assert str(caught.value) == f"{tmp_path / 'samples' / 'sums.jsonl'}: no such file."


def test_samples_errors_name_the_sample_file(tmp_path: Path) -> None:
    (tmp_path / "tasks.yaml").write_text(TASK + "  samples: sums.jsonl\n")
    (tmp_path / "sums.jsonl").write_text(EXAMPLE + '{"id": "b"}\n')
    with pytest.raises(DataError) as caught:
        tasks_from_folder(tmp_path)
    assert str(caught.value) == (f'{tmp_path / "sums.jsonl"}:2:references: must be a list of texts. Example: ["yes"].')


def test_absent_files_leave_it_to_the_next_hook(tmp_path: Path) -> None:
    hooks, context = FolderHooks(), DataContext(package=tmp_path, cache=tmp_path)
    answers = [hook(context) for hook in (hooks.selfspec_card, hooks.selfspec_seeds, hooks.selfspec_corpus)]
    answers += [hooks.selfspec_prompts(context), hooks.selfspec_tasks(context)]
    assert answers == [None] * 5


def test_right_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "domain.yaml").write_text(CARD + "retrieval: false\n")
    (tmp_path / "seeds.jsonl").write_text(SEED)
    (tmp_path / "prompts.yaml").write_text("passage: '[{passage}]'\n")
    (tmp_path / "corpus.jsonl").write_text('{"id": "a", "text": "One.", "source": "left alone"}\n')
    (tmp_path / "tasks.yaml").write_text(TASK + "  version: 2\n  splits: [test]\n")
    hooks, context = FolderHooks(), DataContext(package=tmp_path, cache=tmp_path)
    card, prompts, found = hooks.selfspec_card(context), hooks.selfspec_prompts(context), hooks.selfspec_tasks(context)
    assert card is not None
    assert prompts is not None
    assert found is not None
    assert (card.name, card.retrieval) == ("law", False)
    assert (prompts.passage, prompts.response) == ("[{passage}]", PROMPTS.response)
    assert [(task.name, task.version, task.splits, task.samples) for task in found] == [("sums", 2, ("test",), ())]
    assert [passage.text for passage in hooks.selfspec_corpus(context) or ()] == ["One."]
