"""What a finished run holds, read once and tolerantly: a missing file is an empty part of the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfspec import jsonl
from selfspec.config import to_dict
from selfspec.domain import Domain
from selfspec.errors import DataError, SelfspecError
from selfspec.plugins import load_domain
from selfspec.report import Comparison, Report, load_report
from selfspec.rundir import RECORD, settings_of
from selfspec.settings import Settings
from selfspec.types import Example, Task

Records = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Iteration:
    """The files of one iteration's folder."""

    number: int
    instructions: Records
    refused: Records
    responses: Records
    losses: Records


@dataclass(frozen=True, slots=True)
class Known:
    """What the run's domain adds when it is installed here; all empty when it is not."""

    title: str = ""
    passages: Mapping[str, str] = field(default_factory=dict)
    seed_inputs: Sequence[str] = ()
    tasks: Mapping[str, Task] = field(default_factory=dict)
    problem: str = ""
    """Why the domain could not be read."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A run."""

    path: Path
    settings: Settings
    report: Report
    versions: Mapping[str, str]
    hashes: Mapping[str, str]
    iterations: Sequence[Iteration]
    known: Known

    @property
    def title(self) -> str:
        """The domain's title, or its name."""
        return self.known.title or self.report.domain

    @property
    def headline(self) -> Comparison | None:
        """The last system against the plain base at the fewest shots; ``None`` when nothing was compared."""
        fewest = [c for c in self.report.comparisons if c.shots == min(self.shots)]
        plain = [c for c in fewest if c.against == "base"] or fewest
        return plain[-1] if plain else None

    @property
    def shots(self) -> list[int]:
        """Numbers of shots, fewest first."""
        return sorted({cell.shots for cell in self.report.cells})

    @property
    def systems(self) -> list[str]:
        """Names of the systems, in the report's order."""
        return list(dict.fromkeys(cell.system for cell in self.report.cells))

    @property
    def tasks(self) -> dict[str, str]:
        """Titles of the tasks by name, in the report's order."""
        return {cell.task: cell.title for cell in self.report.cells}

    def predictions(self, system: str, task: str, shots: int) -> dict[str, jsonl.Record]:
        """One system's answers by item, in the items' order; empty when the file is not there."""
        path = self.path / "predictions" / system / f"{task}.{shots}shot.jsonl"
        return {string(r, "id"): r for r in _read(path)}


def read_run(run: Path) -> Facts:
    """Read a finished run.

    Raises :class:`ConfigError` when ``run`` is no run directory and :class:`DataError` when it is
    unfinished or damaged.
    """
    settings = settings_of(run)
    report = load_report(run)
    if not report.cells:
        raise DataError(f"{run}: its report measures nothing. Run `selfspec eval` on it again.")
    iterations = [_iteration(number, folder) for number, folder in _folders(run)]
    record = _record(run / RECORD)
    return Facts(run, settings, report, record["versions"], record["hashes"], iterations, _known(settings, iterations))


def string(record: Mapping[str, Any], name: str) -> str:
    """``record[name]`` as text; empty when it is not there."""
    value = record.get(name, "")
    return value if isinstance(value, str) else str(value)


def number(record: Mapping[str, Any], name: str) -> float | None:
    """``record[name]`` if it is a finite number."""
    value = record.get(name)
    fit = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if fit and value is not None else None


def numbers(records: Records, name: str) -> list[float]:
    """That field of every record that has a number there."""
    found = (number(r, name) for r in records)
    return [value for value in found if value is not None]


def passages(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The passages that a response was written with."""
    found = record.get("passages")
    return [p for p in found if isinstance(p, Mapping)] if isinstance(found, list) else []


def _record(path: Path) -> dict[str, dict[str, str]]:
    """Versions and hashes of ``run.yaml``, which :func:`settings_of` has found to be whole."""
    import yaml

    record = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {part: {str(k): str(v) for k, v in record[part].items()} for part in ("versions", "hashes")}


def _folders(run: Path) -> Iterator[tuple[int, Path]]:
    numbered = ((p.name.removeprefix("iteration-"), p) for p in run.glob("iteration-*"))
    yield from sorted((int(n), p) for n, p in numbered if n.isdecimal())


def _iteration(count: int, folder: Path) -> Iteration:
    names = ("instructions", "refused", "responses", "training.log")
    return Iteration(count, *(_read(folder / f"{name}.jsonl") for name in names))


def _read(path: Path) -> list[jsonl.Record]:
    return [record for _, record in jsonl.read(path)] if path.exists() else []


def _known(settings: Settings, iterations: Sequence[Iteration]) -> Known:
    """Ask the domain for titles and texts; one that is missing or broken only leaves them out."""
    try:
        data = Path(settings.data) if settings.data else None
        domain = load_domain(settings.domain, corpus=[Path(c) for c in settings.corpus], data=data)
        tasks = {task.name: task for task in domain.tasks()}
        seeds = [seed.input for seed in domain.seeds()]
        return Known(domain.card().title, _texts(domain, iterations), seeds, tasks)
    except SelfspecError as problem:
        return Known(problem=str(problem))


def _texts(domain: Domain, iterations: Sequence[Iteration]) -> dict[str, str]:
    """Texts of the passages that the run used, by id."""
    wanted = {string(p, "id") for i in iterations for r in i.responses for p in passages(r)}
    try:
        found = domain.passages() if wanted else []
    except SelfspecError:  # the user's corpus may have gone since
        found = []
    return {p.id: f"{p.title}. {p.text}" if p.title else p.text for p in found if p.id in wanted}


def inputs_of(facts: Facts, task: str, wanted: set[str]) -> dict[str, str]:
    """Inputs of a task's items by id: packaged samples, else the run's original files if they are here."""
    known = facts.known.tasks.get(task)
    if known is None:
        return {}
    found = {e.id: e.input for e in known.samples if e.id in wanted}
    if wanted - found.keys() and known.reader and facts.settings.data:
        try:
            read = known.reader(Path(facts.settings.data), facts.settings.evaluation.split)
            found |= {e.id: e.input for e in read if isinstance(e, Example) and e.id in wanted}
        except (SelfspecError, OSError):  # the files have moved: the page shows ids
            return found
    return found


def flat_settings(settings: Settings) -> dict[str, Any]:
    """Every setting by its dotted name, as ``--set`` takes it."""
    flat: dict[str, Any] = {}
    for key, value in to_dict(settings).items():
        flat.update({f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value})
    return flat
