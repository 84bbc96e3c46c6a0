"""A task's items from the hub, for ``--data hub``: read by ``datasets``, from a pinned revision.

What ``tasks.yaml`` says, the items' columns by name, parts of a column after a dot::

    hub:
      path: fancyzhx/ag_news
      revision: eb185aade064a813bc0b7f42de02595523103ca4
      splits: {train: train, test: test}
      input: "{text}"
      references: label

Nothing of this is touched unless it is asked for.
"""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from selfspec.datafiles import checked
from selfspec.errors import ConfigError, DataError
from selfspec.types import Example, HubData, Skipped, Task

NAME = "hub"
"""What ``--data`` says in the place of a folder."""


def asked(data: Path | None) -> bool:
    """Whether ``--data`` names the hub; a folder of that name is given by its absolute path."""
    return data == Path(NAME)


def on_hub(task: Task) -> Task:
    """Return the task with a reader of its data on the hub; without such data it has its samples only."""
    if task.hub is None:
        return dataclasses.replace(task, reader=None)
    source, splits = task.hub, tuple(task.hub.splits)
    reader = checked(task.name, lambda _root, split: _items(source, split), splits)
    return dataclasses.replace(task, reader=reader, splits=splits)


def _items(source: HubData, split: str) -> Iterator[Example | Skipped]:
    table = _load(source, source.splits[split])
    for number, row in enumerate(table):
        where = f"{source}#{number}"
        columns = _Columns(where, {name: _named(table, name, value) for name, value in row.items()})
        references = _references(columns, source)
        if references:
            name = _text(columns.value(source.id)) if source.id else f"{split}#{number}"
            yield Example(id=name, input=columns.format(source.input).strip(), references=references)
        else:
            yield Skipped(where=where, reason="no answer")


def _load(source: HubData, split: str) -> Any:
    try:
        import datasets
    except ImportError:
        raise ConfigError("--data hub needs the package datasets. Install it: pip install 'selfspec[hub]'.") from None
    datasets.disable_progress_bars()
    try:
        return datasets.load_dataset(source.path, source.name or None, split=split, revision=source.revision)
    except Exception as problem:  # the hub, the network and the formats raise whatever they like
        line = " ".join(str(problem).split())[:200]
        mend = "Check the network and the entry in tasks.yaml, or give the original files: --data DIR"
        raise DataError(f"{source}: split {split!r} cannot be read ({line}). {mend}.") from problem


def _named(table: Any, name: str, value: Any) -> Any:
    """A class's name in the place of its number."""
    kind = table.features[name]
    return kind.int2str(value) if hasattr(kind, "int2str") and isinstance(value, int) and value >= 0 else value


class _Columns(string.Formatter):
    """Fills ``{column}`` and ``{column.key}`` from one row; nothing else of an object can be reached."""

    def __init__(self, where: str, row: Mapping[str, Any]) -> None:
        self.where, self.row = where, row

    def value(self, path: str) -> Any:
        """What stands in a column, or below a key of it."""
        value: Any = self.row
        for key in path.split("."):
            if not isinstance(value, Mapping) or key not in value:
                known = ", ".join(map(str, value)) if isinstance(value, Mapping) else "no keys"
                raise DataError(f"{self.where}: no column {path!r}, found {known}. Mend 'hub' in tasks.yaml.")
            value = value[key]
        return value

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """As :meth:`value`, as text."""
        return _text(self.value(field_name)), field_name


def _text(value: Any) -> str:
    return " ".join(map(_text, value)) if isinstance(value, list) else "" if value is None else str(value).strip()


def _references(columns: _Columns, source: HubData) -> tuple[str, ...]:
    found = columns.value(source.references)
    texts: Iterable[str] = map(_text, found if isinstance(found, list) else [found])
    answers = tuple(source.labels.get(text, text) for text in texts if text)
    if source.labels and (unknown := [a for a in answers if a not in source.labels.values()]):
        known = ", ".join(source.labels)
        raise DataError(f"{columns.where}: unknown label {unknown[0][:40]!r}, expected one of {known}.")
    return answers
