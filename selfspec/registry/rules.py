"""What the schema of an entry cannot say: names that agree, ranges that parse, metrics that exist.

Each rule yields (field, text) for all that is wrong; it is given only the fields whose shape is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from selfspec.errors import did_you_mean

Record = Mapping[str, Any]
Wrong = Iterator[tuple[str, str]]


def of_entry(file: Path, entry: Record, root: Path) -> Wrong:
    """All that is wrong with one entry by itself."""
    yield from _name(file, entry)
    yield from _ranges(entry)
    yield from _license(entry)
    yield from _tasks(entry)
    yield from _adapters(entry)
    yield from _files(entry)
    yield from _folder(entry, root)


def across(entries: Mapping[Path, Record]) -> Iterator[tuple[Path, str, str]]:
    """What two entries may not share: (file, field, text)."""
    for field in ("name", "package"):
        seen: dict[str, Path] = {}
        for file, entry in entries.items():
            value = entry.get(field)
            if isinstance(value, str) and (first := seen.setdefault(value, file)) != file:
                yield file, field, f"{value!r} is also that of {first.name}. Choose another, or remove one entry."


def unknown(name: str, known: Iterable[str], kind: str) -> str:
    """Say that a name is not known, with the nearest one."""
    return f"no {kind} {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}."


def _name(file: Path, entry: Record) -> Wrong:
    if "name" in entry and entry["name"] != file.stem:
        yield "name", f"{entry['name']!r}, but the file is {file.name}. Make them agree."


def _ranges(entry: Record) -> Wrong:
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    if "engine" in entry and not _parses(SpecifierSet, entry["engine"]):
        yield "engine", f'{entry["engine"]!r} is no range of versions. Example: ">=0.1,<0.2".'
    versions = [("version", entry.get("version", "0"))]
    versions += [(f"files.{number}.version", file["version"]) for number, file in enumerate(entry.get("files", ()))]
    for field, text in versions:
        if not _parses(Version, text):
            yield field, f'{text!r} is no version. Example: "1.0".'


def _parses(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _license(entry: Record) -> Wrong:
    from packaging.licenses import canonicalize_license_expression

    if "license" in entry and not _parses(canonicalize_license_expression, entry["license"]):
        yield "license", f"{entry['license']!r} is no SPDX expression. Example: Apache-2.0."


def _known(entry: Record) -> list[str]:
    from selfspec.metrics import table

    return [*table(), *entry.get("metrics", ())]


def _tasks(entry: Record) -> Wrong:
    known, seen = _known(entry), set()
    for number, task in enumerate(entry.get("tasks", ())):
        if task["name"] in seen:
            yield f"tasks.{number}.name", f"{task['name']!r} stands twice. Remove one."
        seen.add(task["name"])
        for place, metric in enumerate(task["metrics"]):
            if metric not in known:
                yield f"tasks.{number}.metrics.{place}", unknown(metric, known, "metric")


def _adapters(entry: Record) -> Wrong:
    metrics, seen = _known(entry), set()
    tasks = [task["name"] for task in entry.get("tasks", ())]
    for number, adapter in enumerate(entry.get("adapters", ())):
        if adapter["name"] in seen:
            yield f"adapters.{number}.name", f"{adapter['name']!r} stands twice. Rename one."
        seen.add(adapter["name"])
        for task, scores in adapter["scores"].items():
            if "tasks" in entry and task not in tasks:
                yield f"adapters.{number}.scores.{task}", unknown(task, tasks, "task")
            for metric in scores:
                if metric not in metrics:
                    yield f"adapters.{number}.scores.{task}.{metric}", unknown(metric, metrics, "metric")


def _files(entry: Record) -> Wrong:
    from packaging.utils import canonicalize_name, parse_wheel_filename
    from packaging.version import Version

    files = entry.get("files", ())
    for number, file in enumerate(files):
        field = "url" if "url" in file else "path"
        name = str(file[field]).rpartition("/")[2]
        if not _parses(parse_wheel_filename, name):
            yield f"files.{number}.{field}", f"{name!r} is no wheel's name. Example: law-1.0-py3-none-any.whl."
        elif "package" in entry and _parses(Version, file["version"]):
            package, version, _, _ = parse_wheel_filename(name)
            if (package, version) != (canonicalize_name(entry["package"]), Version(file["version"])):
                yield (
                    f"files.{number}.{field}",
                    f"{name!r} is no wheel of {entry['package']} {file['version']}. Mend it.",
                )
    newest = entry.get("version", "")
    if files and _parses(Version, newest) and newest not in [file["version"] for file in files]:
        yield "version", f"{newest!r} has no file. Add its wheel to files, or name a version that has one."


def _folder(entry: Record, root: Path) -> Wrong:
    """A package of this repository has its folder there."""
    where = entry.get("repository", "")
    if where.startswith("./") and not (root.parent / where / "pyproject.toml").exists():
        yield "repository", f"{where!r} holds no pyproject.toml. Name the package's folder, from {root.parent}."
