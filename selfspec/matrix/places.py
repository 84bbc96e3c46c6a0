"""Where systems are measured: the domains' tasks, and the general control set."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfspec import hub, metrics, overlap
from selfspec.errors import ConfigError, DataError
from selfspec.evaluation import Items, load_items
from selfspec.matrix.control import NAME, control_tasks
from selfspec.plugins import load_domain
from selfspec.rundir import package_sha256, sha256
from selfspec.settings import Settings
from selfspec.types import Metric, Seed


@dataclass(frozen=True, slots=True)
class Place:
    """One column of the matrix."""

    name: str
    title: str
    items: tuple[Items, ...]
    seeds: tuple[Seed, ...]
    """Demonstrations come from these; the control set has none."""
    known: Mapping[str, Metric]
    sha256: str
    """Of what the items come from, for the record."""

    def shots_of(self, wanted: Sequence[int]) -> list[int]:
        """The numbers of shots that can be measured here: the control set has no demonstrations."""
        return [k for k in wanted if k == 0 or self.seeds]

    def titles(self) -> dict[str, str]:
        """The tasks' titles by name."""
        return {item.task.name: item.task.title for item in self.items}

    def flagged(self, texts: Mapping[str, Sequence[tuple[str, str]]]) -> dict[str, set[str]]:
        """The items that something an adapter was trained on overlaps with, by task."""
        items = [(i.task.name, e.id, f"{e.input} {e.references[0]}") for i in self.items for e in i.examples]
        rows = [(source, name, text) for source, own in texts.items() for name, text in own]
        found: dict[str, set[str]] = {}
        for hit in overlap.find(items, rows):
            found.setdefault(hit.task, set()).add(hit.item)
        return found


def places(names: Sequence[str], settings: Settings, data: Mapping[str, str]) -> list[Place]:
    """Load every domain, and the control set behind them. Raises :class:`ConfigError` and :class:`DataError`."""
    if not names:
        raise ConfigError("no domain to measure on. Example: --domains biomed,finance.")
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ConfigError(f"--domains: {twice!r} stands there twice. Leave one out.")
    if unknown := next((name for name in data if name not in names), ""):
        raise ConfigError(f"--data {unknown}=..: {unknown!r} is not among --domains {','.join(names)}. Add it there.")
    return [*(_domain(name, settings, data.get(name, "")) for name in names), control()]


def _domain(name: str, settings: Settings, data: str) -> Place:
    if data and not (Path(data).is_dir() or hub.asked(Path(data))):
        raise DataError(f"{data}: no such folder of benchmark files. Check --data {name}=.")
    domain = load_domain(name, data=Path(data) if data else None, seed=settings.seed)
    items = load_items(domain, dataclasses.replace(settings, domain=name, data=data))
    if not items:
        raise DataError(f"domain {name!r} has no tasks, so nothing can be measured on it. Leave it out of --domains.")
    known, digest = metrics.table(domain.metrics()), package_sha256(domain.context.package)
    return Place(name, domain.card().title, tuple(items), tuple(domain.seeds()), known, digest)


def control() -> Place:
    """The control set as a place."""
    tasks = control_tasks()
    items = tuple(Items(task, task.samples, "packaged samples", len(task.samples), {}) for task in tasks)
    digest = sha256([Path(__file__).parents[1] / "control.jsonl"])
    return Place(NAME, "General", items, (), metrics.table([]), digest)


def parse_data(texts: Sequence[str]) -> dict[str, str]:
    """Read ``DOMAIN=DIR`` texts. Raises :class:`ConfigError`."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, folder = text.partition("=")
        if not equals or not name or not folder:
            raise ConfigError(f"--data {text!r}: must be DOMAIN=DIR. Example: --data biomed=files/biomed.")
        found[name] = folder
    return found
