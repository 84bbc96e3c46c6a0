"""A run is a directory; this module owns its record, its lock and its journals.

::

    run.yaml                      settings, versions, hashes
    iteration-1/instructions.jsonl, responses.jsonl, training.jsonl, adapter/, *.health.jsonl
    predictions/<system>/<task>.<k>.jsonl
    report.json
    costs.jsonl                   seconds of each stage; the only file that two equal runs differ in

A killed run goes on with the same command and ends with the same bytes: whole files are written
atomically, long ones block by block into a journal that is cut back to its last whole block.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

from selfspec import jsonl
from selfspec.config import from_dict, to_dict
from selfspec.errors import ConfigError, DataError, ResourceError
from selfspec.settings import Settings

RECORD = "run.yaml"
PACKAGES = (
    *("selfspec", "torch", "transformers", "peft", "bitsandbytes", "accelerate", "numpy", "rapidfuzz"),
    *("rank-bm25", "bm25s", "tantivy"),
)
EXTENSION = "extension "
"""What stands before an extension's name among the versions of the record."""


class RunDirectory:
    """One execution's directory, locked for this process; use :func:`open_run`."""

    def __init__(self, path: Path, settings: Settings) -> None:
        """Wrap a directory that :func:`open_run` has locked and checked."""
        self.path, self.settings = path, settings

    def iteration(self, number: int) -> Path:
        """The folder of one iteration, counted from 1."""
        folder = self.path / f"iteration-{number}"
        folder.mkdir(exist_ok=True)
        return folder

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the block's wall-clock seconds to ``costs.jsonl``."""
        start = time.monotonic()
        yield
        file = self.path / "costs.jsonl"
        before = [record for _, record in jsonl.read(file)] if file.exists() else []
        jsonl.write(file, [*before, {"stage": stage, "seconds": round(time.monotonic() - start, 2)}])

    def note_hashes(self, hashes: Mapping[str, str]) -> None:
        """Store what the run was made from; refuse to go on when it has changed."""
        record = _read_record(self.path / RECORD)
        for name, value in hashes.items():
            if record["hashes"].setdefault(name, value) != value:
                raise ConfigError(
                    f"{self.path}: made with another {name} (sha256 {record['hashes'][name][:12]}, now {value[:12]}). "
                    "Choose another --out, or put the old one back."
                )
        _write_record(self.path / RECORD, record)

    def note_budget(self, tokens: int) -> int:
        """Store how many tokens a batch may hold, once: a run that goes on makes the same batches."""
        record = _read_record(self.path / RECORD)
        record.setdefault("token_budget", tokens)
        _write_record(self.path / RECORD, record)
        return int(record["token_budget"])

    def note_items(self, sources: Mapping[str, str]) -> None:
        """Store where each task's items come from."""
        record = _read_record(self.path / RECORD)
        _write_record(self.path / RECORD, {**record, "items": dict(sources)})


@contextmanager
def open_run(path: Path, settings: Settings, packages: Mapping[str, str] | None = None) -> Iterator[RunDirectory]:
    """Create or continue a run directory and hold its lock.

    ``packages`` are further versions to record: the domain's, and ``extension NAME`` for each extension.
    Raises :class:`ResourceError` when another process owns it or the disk refuses, and
    :class:`ConfigError` when it was made with other settings or extensions.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / "lock").open("a+", encoding="utf-8")
    except OSError as problem:
        raise ResourceError(f"{path}: cannot be a run directory ({problem.strerror}). Choose another --out.") from None
    with lock:
        _lock(lock, path)
        if (path / RECORD).exists():
            check_settings(path, settings)
            _check_extensions(path, packages or {})
        else:
            versions = {name: _version(name) for name in PACKAGES} | dict(packages or {})
            _write_record(path / RECORD, {"settings": to_dict(settings), "versions": versions, "hashes": {}})
        yield RunDirectory(path, settings)


def settings_of(path: Path) -> Settings:
    """Return the settings that a run directory was made with."""
    if not (path / RECORD).exists():
        raise ConfigError(
            f"{path}: no run directory ({RECORD} is missing). Make one with `selfspec run --domain NAME`."
        )
    return from_dict(_read_record(path / RECORD)["settings"])


def hashes_of(path: Path) -> dict[str, str]:
    """Return what a run directory was made from: the hashes of its base, domain and corpus by name."""
    return dict(_read_record(path / RECORD)["hashes"])


def costs_of(path: Path) -> dict[str, float]:
    """Seconds by stage, added up over interrupted attempts that finished a stage."""
    total: dict[str, float] = {}
    file = path / "costs.jsonl"
    for _, record in jsonl.read(file) if file.exists() else ():
        total[record["stage"]] = round(total.get(record["stage"], 0.0) + record["seconds"], 2)
    return total


def _lock(file: IO[str], path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        raise ResourceError(
            f"{path}: in use by process {owner}. Wait for it to end, or choose another --out."
        ) from None
    try:
        file.truncate(0)
        os.write(file.fileno(), str(os.getpid()).encode())
    except OSError as problem:
        raise ResourceError(f"{path}: cannot be written ({problem.strerror}). Free the disk.") from None


def check_settings(path: Path, settings: Settings) -> None:
    """Raise :class:`ConfigError` that names the first setting in which a run directory's differ from these."""
    old, new = _flat(_read_record(path / RECORD)["settings"]), _flat(to_dict(settings))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            raise ConfigError(
                f"{path}: made with {key}={old.get(key)!r}, now {new.get(key)!r}. "
                "Choose another --out, or use the same settings."
            )


def _check_extensions(path: Path, packages: Mapping[str, str]) -> None:
    old, new = _extensions(_read_record(path / RECORD)["versions"]), _extensions(packages)
    if old != new:
        raise ConfigError(f"{path}: made with {old}, now {new}. Choose another --out, or use the same extensions.")


def _extensions(versions: Mapping[str, Any]) -> str:
    found = [f"{name} ({value})" for name, value in sorted(versions.items()) if name.startswith(EXTENSION)]
    return " and ".join(found) or "no extension"


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat.update(_flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value})
    return flat


def _read_record(path: Path) -> dict[str, Any]:
    import yaml

    try:
        record = yaml.safe_load(path.read_text(encoding="utf-8"))
        parts = {name: record[name] for name in ("settings", "versions", "hashes")}
    except (yaml.YAMLError, ValueError, KeyError, TypeError, RecursionError):
        parts = {}
    if not parts or not all(isinstance(part, dict) for part in parts.values()):
        raise DataError(f"{path}: damaged. Choose another --out, or restore the file.") from None
    parts["hashes"] = {name: str(value) for name, value in parts["hashes"].items()}
    return parts | {name: record[name] for name in ("items", "token_budget") if name in record}


def _write_record(path: Path, record: Mapping[str, Any]) -> None:
    import yaml

    jsonl.write_text(path, yaml.safe_dump(dict(record), sort_keys=False, allow_unicode=True))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


class Journal:
    """A JSON Lines file written block by block, for work that can be killed at any moment.

    Lines go to ``<name>.part``; :meth:`seal` renames it. After a kill, whatever follows the last
    whole block is cut off and made again, in the same batches and so with the same bytes.
    """

    def __init__(self, path: Path, block: int) -> None:
        """Open ``path``'s journal, whose blocks are ``block`` records long."""
        self.path, self.part = path, path.with_name(path.name + ".part")
        self.records = self._records(block)

    def _records(self, block: int) -> list[jsonl.Record]:
        """What is written already: all of a sealed file, the whole blocks of an open one."""
        if self.path.exists():
            return [record for _, record in jsonl.read(self.path)]
        return self._recover(block) if self.part.exists() else []

    def _recover(self, block: int) -> list[jsonl.Record]:
        lines = self.part.read_bytes().split(b"\n")[:-1]
        records = list(_readable(lines))
        records = records[: len(records) // block * block]
        with self.part.open("r+b") as file:
            file.truncate(sum(len(line) + 1 for line in lines[: len(records)]))
        return records

    def extend(self, records: Iterable[jsonl.Record]) -> None:
        """Append a block and force it to the disk. Raises :class:`ResourceError`."""
        block = list(records)
        try:
            with self.part.open("ab") as file:
                file.write("".join(map(jsonl.dumps, block)).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            raise ResourceError(
                f"{self.part}: cannot be written ({problem.strerror}). Free the disk, then run the same command again; "
                "what is done is kept."
            ) from None
        self.records += block

    def seal(self) -> None:
        """Give the finished file its name; a sealed one is left as it is."""
        if not self.path.exists():
            self.part.touch()
            self.part.replace(self.path)


def _readable(lines: Iterable[bytes]) -> Iterator[jsonl.Record]:
    """Parse up to the first line that a power cut left as zeros or rubbish."""
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            return
        if not isinstance(record, dict):
            return
        yield record


def sha256(paths: Iterable[Path]) -> str:
    """Hash files' names and bytes, in the given order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()


def package_sha256(folder: Path) -> str:
    """Hash what decides how a domain's package behaves: its data, texts and code."""
    return sha256(sorted(p for p in folder.rglob("*") if p.suffix in (".jsonl", ".yaml", ".py")))
