"""The index as the engine reads it: ``index.json`` into frozen dataclasses.

::

    {"format": 1, "domains": [{"name": "law", "package": "selfspec-domain-law", "version": "1.0", ...}]}

Reading is stricter than JSON and laxer than ``schema.json``: unknown fields are left alone, so
that an older engine can read a newer index of the same format.

>>> load().get("biomed").package
'selfspec-domain-biomed'
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from selfspec.errors import DataError, PluginError, did_you_mean
from selfspec.registry import sources
from selfspec.types import NAME
from selfspec.version import fits

FORMAT = 1
FILE = "index.json"
STATUSES = ("active", "deprecated", "withdrawn")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEntry:
    """A task of a domain, and the metrics that it has beside ``token_f1`` and ``rouge_l``."""

    name: str
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintainer:
    """Who answers for an entry."""

    name: str
    contact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A wheel: at ``url``, or at ``path`` beside the index."""

    version: str
    sha256: str
    url: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A published adapter."""

    name: str
    base: str
    """Installed model name or hub id of the base."""
    base_sha256: str
    """As a run records it: of the base's files, or ``id@revision`` of a hub model."""
    sha256: str
    """Of configuration and weights together."""
    source: str = ""
    """A folder (address, or path beside the index), or ``hub:owner/name``; a card leaves it out."""
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Points by task and metric, 0-shot unless the card says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A known domain."""

    name: str
    package: str
    version: str
    """The newest one."""
    repository: str
    summary: str
    license: str
    engine: str
    """The range of engine versions that this version asks for."""
    status: str = "active"
    reason: str = ""
    data_licenses: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    """Those that the package brings itself."""
    tasks: tuple[TaskEntry, ...] = ()
    adapters: tuple[Adapter, ...] = ()
    files: tuple[File, ...] = ()
    maintainers: tuple[Maintainer, ...] = ()

    @property
    def compatible(self) -> bool:
        """Whether this engine is in the range."""
        return fits(self.engine)

    def adapter(self, name: str) -> Adapter:
        """Return one published adapter. Raises :class:`PluginError`."""
        known = {adapter.name: adapter for adapter in self.adapters}
        if name not in known:
            listed = f"Listed: {', '.join(known)}." if known else "None is listed."
            raise PluginError(f"no adapter {name!r} of domain {self.name!r}.{did_you_mean(name, known)} {listed}")
        return known[name]


@dataclass(frozen=True, slots=True)
class Index:
    """All known domains, by name, and where they were read."""

    where: str
    entries: tuple[Entry, ...]

    def get(self, name: str) -> Entry:
        """Return one domain. Raises :class:`PluginError`, with the nearest name."""
        known = {entry.name: entry for entry in self.entries}
        if name not in known:
            mend = "See `selfspec domains search`, or give another --registry."
            raise PluginError(f"no domain {name!r} in the index.{did_you_mean(name, known)} {mend}")
        return known[name]

    def search(self, word: str = "") -> list[Entry]:
        """Return the domains whose name, package, summary or tasks hold a word."""
        return [entry for entry in self.entries if word.lower() in _text(entry).lower()]


def _text(entry: Entry) -> str:
    return " ".join((entry.name, entry.package, entry.summary, *(task.name for task in entry.tasks)))


def load(where: str = "") -> Index:
    """Read an index: a file, a folder that holds ``index.json``, or an address; by default the packaged copy.

    Raises :class:`DataError`, or :class:`~selfspec.errors.ResourceError` when a server cannot be reached.
    """
    where = where or str(Path(__file__).with_name(FILE))
    if not sources.is_served(where) and sources.local_path(where).is_dir():
        where = str(sources.local_path(where) / FILE)
    try:
        data = json.loads(sources.read(where).decode())
    except (ValueError, RecursionError) as problem:
        raise DataError(f"{where}: not JSON ({problem}). Give the path of an index.json.") from None
    if not isinstance(data, dict) or not isinstance(data.get("domains"), list):
        raise DataError(f"{where}: no index of domains. Give the path of an index.json.")
    if data.get("format") != FORMAT:
        mend = "Upgrade the engine: pip install --upgrade selfspec"
        raise DataError(f"{where}: index of format {data.get('format')!r}, this engine reads {FORMAT}. {mend}.")
    entries = [entry_from(record, f"{where}:domains.{number}") for number, record in enumerate(data["domains"])]
    _unique(where, [entry.name for entry in entries])
    return Index(where, tuple(sorted(entries, key=lambda entry: entry.name)))


def _unique(where: str, names: list[str]) -> None:
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise DataError(f"{where}: two domains named {twice!r}. Give another --registry.")


PARTS: Mapping[str, type] = {"tasks": TaskEntry, "adapters": Adapter, "files": File, "maintainers": Maintainer}


def entry_from(record: Any, where: str) -> Entry:
    """Check one record of an index and return it. Raises :class:`DataError`."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    entry = _object(Entry, record, where)
    if not NAME.fullmatch(entry.name):
        raise DataError(f"{where}.name: {entry.name!r} is no lower-case identifier. Mend the index.")
    if entry.status not in STATUSES:
        raise DataError(f"{where}.status: {entry.status!r}, must be one of {', '.join(STATUSES)}. Mend the index.")
    try:
        SpecifierSet(entry.engine), [Version(v) for v in (entry.version, *(file.version for file in entry.files))]
    except (InvalidSpecifier, InvalidVersion) as problem:
        raise DataError(f"{where} ({entry.name}): {problem}. Mend the index.") from None
    return entry


def adapter_from(record: Any, where: str) -> Adapter:
    """Check an adapter's card and return what an index would say. Raises :class:`DataError`."""
    return _object(Adapter, record, where)


def _object(kind: type[T], record: Any, where: str) -> T:
    """Make a dataclass of a JSON object, field by field."""
    if not isinstance(record, dict):
        raise DataError(f"{where}: {type(record).__name__}, must be an object. Mend the index.")
    values = {}
    for own in dataclasses.fields(kind):  # type: ignore[arg-type]
        if own.name in record:
            values[own.name] = _value(str(own.type), record[own.name], f"{where}.{own.name}", own.name)
        elif own.default is MISSING and own.default_factory is MISSING:
            raise DataError(f"{where}: field {own.name!r} is missing. Mend the index.")
    return kind(**values)


def _value(kind: str, value: Any, where: str, name: str) -> Any:
    if kind == "str":
        return _line(value, where)
    if kind.startswith("Mapping"):
        return _scores(value, where)
    if not isinstance(value, list):
        raise DataError(f"{where}: {type(value).__name__}, must be a list. Mend the index.")
    items = [(item, f"{where}.{number}") for number, item in enumerate(value)]
    part = None if kind == "tuple[str, ...]" else PARTS[name]
    return tuple(_object(part, *item) if part else _line(*item) for item in items)


def _line(value: Any, where: str) -> str:
    """Check that it is text that a terminal shows as it is: no control characters."""
    if not isinstance(value, str) or not value.isprintable():
        raise DataError(f"{where}: must be one line of text. Mend the index.")
    return value


def _scores(value: Any, where: str) -> Mapping[str, Mapping[str, float]]:
    tables = value.values() if isinstance(value, dict) else [None]
    for table in tables:
        numbers = table.values() if isinstance(table, dict) else [None]
        if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
            raise DataError(f"{where}: must be points by task and metric. Mend the index.")
    return {_line(t, where): {_line(m, where): float(n) for m, n in table.items()} for t, table in value.items()}
