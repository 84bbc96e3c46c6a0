"""Read a domain from the files of its package: a domain without any Python of its own.

Beside the package's ``__init__.py`` stand, as wanted::

    domain.yaml     the card: name, title, summary, expertise, data_licenses, homepage, retrieval
    seeds.jsonl     {"id": "law-001", "task": "contracts", "instruction": .., "input": .., "output": ..}
    corpus.jsonl    {"id": "law-p001", "title": .., "text": ..}
    prompts.yaml    any of instructions, demonstration, response, response_input, passage
    tasks.yaml      a list of tasks; see tasks_from_folder
    samples/*.jsonl {"id": .., "input": .., "references": [..], "meta": {..}}

YAML holds values, never import paths or code. Every error names file, line and field.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from selfspec import jsonl
from selfspec.datafiles import original
from selfspec.errors import DataError, PluginError, SelfspecError, did_you_mean
from selfspec.hookspecs import hookimpl
from selfspec.types import (
    AnswerFormat,
    DataContext,
    DomainCard,
    Example,
    HubData,
    Passage,
    Prompts,
    Reader,
    Seed,
    Task,
)

T = TypeVar("T", DomainCard, Prompts, AnswerFormat, Task, HubData)
CARD, SEEDS, CORPUS, PROMPTS, TASKS = "domain.yaml", "seeds.jsonl", "corpus.jsonl", "prompts.yaml", "tasks.yaml"
TASK_FIELDS = (
    *("name", "title", "instruction", "answer", "metrics", "samples"),
    *("files", "splits", "hub", "max_answer_tokens", "version"),
)
SCALARS = {
    "str": (str, "text. Put it in quotes"),
    "int": (int, "a whole number. Write it without quotes"),
    "bool": (bool, "true or false. Write it without quotes"),
}


class FolderHooks:
    """Hook implementations for whichever files stand in a folder; absent ones answer ``None``."""

    @hookimpl
    def selfspec_card(self, context: DataContext) -> DomainCard | None:
        """Read ``domain.yaml``."""
        return card_from_file(context.package / CARD) if (context.package / CARD).exists() else None

    @hookimpl
    def selfspec_seeds(self, context: DataContext) -> list[Seed] | None:
        """Read ``seeds.jsonl``."""
        return seeds_from_file(context.package / SEEDS) if (context.package / SEEDS).exists() else None

    @hookimpl
    def selfspec_corpus(self, context: DataContext) -> Iterator[Passage] | None:
        """Read ``corpus.jsonl``, unless the user brings a corpus."""
        packaged = not context.corpus and (context.package / CORPUS).exists()
        return passages_from_file(context.package / CORPUS) if packaged else None

    @hookimpl
    def selfspec_prompts(self, context: DataContext) -> Prompts | None:
        """Read ``prompts.yaml``; what it leaves out is the engine's."""
        return prompts_from_file(context.package / PROMPTS) if (context.package / PROMPTS).exists() else None

    @hookimpl
    def selfspec_tasks(self, context: DataContext) -> list[Task] | None:
        """Read ``tasks.yaml``."""
        return tasks_from_folder(context.package) if (context.package / TASKS).exists() else None


def card_from_file(path: Path) -> DomainCard:
    """Read a card. Raises :class:`DataError` naming the field that is wrong."""
    values = _mapping(path, _yaml(path))
    values["data_licenses"] = _texts(values, "data_licenses", str(path))
    return _build(DomainCard, values, str(path))


def seeds_from_file(path: Path) -> list[Seed]:
    """Read seeds. Raises :class:`DataError` with file, line and field; ids must be unique."""
    seeds: list[Seed] = []
    first: dict[str, int] = {}
    texts: dict[tuple[str, str], int] = {}
    for number, record in jsonl.read(path):
        where = f"{path}:{number}"
        _known(record, ("id", "task", "instruction", "input", "output"), where)
        fields = {n: jsonl.text_field(record, n, where) for n in ("id", "instruction", "output")}
        optional = {n: jsonl.text_field(record, n, where, default="") for n in ("task", "input")}
        for name in ("id", "instruction", "output"):
            if not fields[name].strip():
                raise DataError(f"{where}:{name}: empty. Write the {name} of this seed.")
        _once(first, fields["id"], number, where)
        key = (fields["instruction"].strip(), optional["input"].strip())
        if (line := texts.setdefault(key, number)) != number:
            raise DataError(f"{where}:instruction: the same instruction and input as line {line}. Remove one of them.")
        seeds.append(Seed(**fields, **optional))
    if not seeds:
        raise DataError(f"{path}: no seeds. Write one JSON object a line with id, instruction, input and output.")
    return seeds


def passages_from_file(path: Path) -> Iterator[Passage]:
    """Read a packaged corpus; ids are unique, fields beside id, title and text are left alone."""
    first: dict[str, int] = {}
    for number, record in jsonl.read(path):
        where = f"{path}:{number}"
        passage = Passage(
            id=jsonl.text_field(record, "id", where),
            text=jsonl.text_field(record, "text", where),
            title=jsonl.text_field(record, "title", where, default=""),
        )
        _once(first, passage.id, number, where)
        yield passage


def prompts_from_file(path: Path) -> Prompts:
    """Read prompts; fields left out keep the engine's defaults."""
    from selfspec.defaults import PROMPTS as engine

    values = _mapping(path, _yaml(path))
    return _build(Prompts, {**dataclasses.asdict(engine), **values}, str(path))


def examples_from_file(path: Path) -> Iterator[Example]:
    """Read examples in the normalised form; ids are unique. Raises :class:`DataError` with file, line and field."""
    first: dict[str, int] = {}
    for number, record in jsonl.read(path):
        where = f"{path}:{number}"
        _known(record, ("id", "input", "references", "meta"), where)
        _once(first, jsonl.text_field(record, "id", where), number, where)
        yield _example(record, where)


def _example(record: jsonl.Record, where: str) -> Example:
    references, meta = record.get("references"), record.get("meta", {})
    if not isinstance(references, list) or not all(isinstance(r, str) and r.strip() for r in references):
        raise DataError(f'{where}:references: must be a list of texts. Example: ["yes"].')
    if not references:
        raise DataError(f"{where}:references: empty. Give at least one answer.")
    if not isinstance(meta, dict):
        raise DataError(f"{where}:meta: {type(meta).__name__}, must be a JSON object. Leave it out if there is none.")
    return Example(
        id=record["id"],
        input=jsonl.text_field(record, "input", where),
        references=tuple(references),
        meta=MappingProxyType(meta),
    )


def tasks_from_folder(folder: Path, readers: Mapping[str, Reader] | None = None) -> list[Task]:
    """Read ``tasks.yaml`` and the samples that it names.

    A task has ``name``, ``title``, ``instruction`` and, optionally, ``answer: {kind, labels}``,
    ``metrics``, ``samples`` (a path in the package), ``splits``, ``max_answer_tokens`` and
    ``version``. Original files are read by ``readers[name]`` or, without Python, from ``files``:
    a mapping from split to a path below ``--data`` in the samples' own format. ``hub`` is what ``--data hub``
    reads: the fields of :class:`~selfspec.types.HubData`.
    """
    path = folder / TASKS
    entries = _yaml(path)
    if not isinstance(entries, list) or not entries:
        raise DataError(f"{path}: must be a list of tasks. Begin each with '- name:'.")
    tasks = [_mapping(f"{path}: task {number}", entry) for number, entry in enumerate(entries, 1)]
    names = [str(task.get("name", f"number {number}")) for number, task in enumerate(tasks, 1)]
    if unknown := sorted(set(readers or {}) - set(names)):
        near = did_you_mean(unknown[0], names)
        raise PluginError(f"{path}: a reader for {unknown[0]!r}, which is no task.{near} Rename or drop the reader.")
    return [_task(folder, name, task, (readers or {}).get(name)) for name, task in zip(names, tasks, strict=True)]


def _task(folder: Path, name: str, entry: dict[str, Any], reader: Reader | None) -> Task:
    where = f"{folder / TASKS}: task {name!r}"
    _known(entry, TASK_FIELDS, where)
    answer = _mapping(f"{where}:answer", entry.pop("answer", {}))
    entry["answer"] = _build(AnswerFormat, {**answer, "labels": _texts(answer, "labels", where)}, where)
    entry["samples"] = tuple(_samples(folder, entry.get("samples", ""), where))
    files = _mapping(f"{where}:files", entry.pop("files", {}))
    if files and (reader or "splits" in entry):
        raise PluginError(f"{where}:files: stands beside a reader or splits. Keep one of the two.")
    if files:
        _texts({"files": list(files.values())}, "files", where)
        reader, entry["splits"] = _files_reader(files), list(files)
    for field in ("metrics", "splits"):
        if field in entry:
            entry[field] = _texts(entry, field, where)
    if "hub" in entry:
        entry["hub"] = _hub(_mapping(f"{where}:hub", entry["hub"]), f"{where}:hub")
    return _build(Task, {**entry, "reader": reader}, where)


def _hub(entry: dict[str, Any], where: str) -> HubData:
    for field in ("splits", "labels"):
        if field in entry:
            values = entry[field]  # the number of a label is written bare as a rule
            values = {str(key): value for key, value in values.items()} if isinstance(values, dict) else values
            entry[field] = _mapping(f"{where}:{field}", values)
            _texts({field: list(values.values())}, field, where)
    return _build(HubData, entry, where)


def _samples(folder: Path, samples: Any, where: str) -> Iterator[Example]:
    if not isinstance(samples, str):
        raise DataError(f"{where}:samples: {type(samples).__name__}, must be text. Write a path in the package.")
    return examples_from_file(folder / samples) if samples else iter(())


def _files_reader(files: dict[str, str]) -> Reader:
    def read(root: Path, split: str) -> Iterator[Example]:
        path = root / files[split]
        return examples_from_file(original(path.parent, path.name))

    return read


def _yaml(path: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8. Save the file as UTF-8.") from None
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else "?"
        raise DataError(f"{path}:{line}: not YAML ({problem.problem}). Mend the line.") from None
    except (yaml.YAMLError, ValueError) as problem:  # a control character, a date that is none
        raise DataError(f"{path}: not YAML ({' '.join(str(problem).split())}). Mend the file.") from None


def _mapping(where: Path | str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise DataError(f"{where}: must be a mapping of names to values. Write 'name: value' lines.")
    return dict(value)


def _texts(values: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    """Return the list of texts in ``values[name]``, empty if absent; YAML reads a bare ``yes`` as a bool."""
    texts = values.get(name, [])
    if not isinstance(texts, list):
        raise DataError(f"{where}:{name}: {type(texts).__name__}, must be a list of texts. Write [..].")
    if other := [text for text in texts if not isinstance(text, str)]:
        raise DataError(f"{where}:{name}: holds {type(other[0]).__name__}, must be texts. Put each in quotes.")
    return tuple(texts)


def _once(first: dict[str, int], key: str, number: int, where: str) -> None:
    if (line := first.setdefault(key, number)) != number:
        raise DataError(f"{where}:id: {key!r} stands on line {line} already. Give every record its own id.")


def _known(record: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    for name in record:
        if name not in names:
            raise DataError(f"{where}:{name}: unknown field.{did_you_mean(name, names)} Known: {', '.join(names)}.")


def _build(cls: type[T], values: dict[str, Any], where: str) -> T:
    """Make the dataclass, turning every complaint into one line that says where."""
    fields = {f.name: f for f in dataclasses.fields(cls)}
    _known(values, tuple(fields), where)
    for name, field in fields.items():
        if name not in values:
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                raise DataError(f"{where}: field {name!r} is missing. Add it.")
            continue
        kind, right = SCALARS.get(str(field.type), (object, ""))
        if right and type(values[name]) is not kind:
            raise DataError(f"{where}:{name}: {type(values[name]).__name__}, must be {right}.")
    try:
        return cls(**values)
    except SelfspecError as problem:
        said = where.rpartition(": ")[2]
        raise type(problem)(f"{where}: {str(problem).removeprefix(f'{said}: ')}") from None
