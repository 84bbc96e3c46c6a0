"""Check the entries of a registry: every problem of every file in one pass, each with its mend.

::

    registry/domains/law.yaml:tasks.0.metrics.1: no metric 'acuracy'. Did you mean 'accuracy'? ...

The shape is the closed schema's business (``schema.json`` beside this file, by ``jsonschema``); what a schema
cannot say is checked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from selfspec.errors import ConfigError, DataError
from selfspec.registry import rules

Record = dict[str, Any]
SCHEMA = Path(__file__).with_name("schema.json")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong in one field, and its mend."""

    file: str
    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.field}: {self.text}" if self.field else f"{self.file}: {self.text}"


def validate(root: Path) -> tuple[list[Record], list[Problem]]:
    """Return a registry's entries by name, and all that is wrong with them, by file and field.

    Raises :class:`ConfigError` when there is no registry or no ``jsonschema``.
    """
    validator = _validator(root)
    files = sorted(file for file in (root / "domains").iterdir() if not file.name.startswith("."))
    checked = {file: _checked(file, validator, root) for file in files}
    problems = {Problem(str(file), *pair) for file, (_, _, found) in checked.items() for pair in found}
    shared = rules.across({file: sound for file, (_, sound, _) in checked.items()})
    problems |= {Problem(str(file), *pair) for file, *pair in shared}
    records = [record for record, _, found in checked.values() if not found]
    return sorted(records, key=lambda record: str(record["name"])), sorted(problems)


def _checked(file: Path, validator: Any, root: Path) -> tuple[Any, Record, list[tuple[str, str]]]:
    """Return what a file holds, those of its fields whose shape is right, and all that is wrong in it."""
    record, unread = _read(file)
    if unread:
        return record, {}, unread
    shape = list(_shape(validator, record))
    bad = {field.partition(".")[0] for field, _ in shape}
    sound = {k: v for k, v in record.items() if k not in bad} if isinstance(record, dict) else {}
    return record, sound, [*shape, *rules.of_entry(file, sound, root)]


def _validator(root: Path) -> Any:
    import json

    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        raise ConfigError("validating a registry needs jsonschema. Install it: pip install jsonschema.") from None
    if not (root / "domains").is_dir():
        raise ConfigError(f"{root}: no registry (a folder domains/ of entries). Name one with --root.")
    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


class _Loader(yaml.SafeLoader):
    """YAML without repeated keys, of which ``yaml.safe_load`` silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands twice."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise DataError(f"line {node.start_mark.line + 1}: the key {twice!r} stands twice. Remove one.")
        return super().construct_mapping(node, deep)


def _read(file: Path) -> tuple[Any, list[tuple[str, str]]]:
    """Return what a file holds, and what keeps it from being read."""
    if file.suffix != ".yaml":
        return None, [("", "is no .yaml file. Rename it to NAME.yaml, or remove it.")]
    try:
        return yaml.load(file.read_text(encoding="utf-8"), _Loader), []
    except yaml.MarkedYAMLError as problem:
        line = f"line {problem.problem_mark.line + 1}: " if problem.problem_mark else ""
        return None, [("", f"{line}not YAML ({problem.problem}). Mend the line.")]
    except DataError as problem:
        return None, [("", str(problem))]
    except (ValueError, yaml.YAMLError, RecursionError) as problem:
        return None, [("", f"cannot be read ({str(problem).splitlines()[0]}). Save it as UTF-8 YAML.")]


def _shape(validator: Any, record: Any) -> Iterator[tuple[str, str]]:
    """What the schema refuses: (field, text)."""
    for error in validator.iter_errors(record):
        path = [str(part) for part in error.absolute_path]
        for name, text in _explained(error, validator.schema):
            yield ".".join([*path, name] if name else path), text


def _explained(error: Any, schema: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """The name below the error's place, if any, and the text, which the schema's descriptions complete."""
    known: Mapping[str, Any] = error.schema.get("properties") or schema["properties"]
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return [(name, f"is missing. Write {_described(known[name], schema)}.") for name in missing]
    if error.validator == "additionalProperties" and error.validator_value is False:
        return [(str(n), rules.unknown(str(n), known, "field")) for n in error.instance if n not in known]
    shown = repr(error.instance)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return [("", f"{shown}, must be {error.schema.get('description', error.message)}.")]


def _described(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    kind = schema["$defs"][field["$ref"].rpartition("/")[2]] if "$ref" in field else field
    return str(kind["description"])
