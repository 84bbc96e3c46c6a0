"""Make the generated files of a registry: ``index.json``, ``INDEX.md`` and the engine's packaged copy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from selfspec.registry import sources
from selfspec.registry.index import FILE, FORMAT, Entry, entry_from

TABLE = "INDEX.md"
PACKAGED = Path("selfspec") / "registry" / FILE
HEAD = """# Known domains

Written by `python -m selfspec.registry build` from `domains/*.yaml`; do not edit. To be listed is no endorsement.

| domain | package | version | engine | tasks | adapters | licence | status | summary |
|---|---|---|---|---|---|---|---|---|
"""


def generated(root: Path, records: Iterable[Mapping[str, Any]]) -> dict[Path, str]:
    """Return every generated file of a registry and what it must hold.

    The packaged copy is among them where the registry lies beside the engine's source.
    """
    records = list(records)
    files = {root / FILE: index_text(records), root / TABLE: table_text(records)}
    packaged = root.resolve().parent / PACKAGED
    return files | ({packaged: index_text(records)} if packaged.parent.is_dir() else {})


def index_text(records: Iterable[Mapping[str, Any]]) -> str:
    """Return the index as one JSON file."""
    return json.dumps({"format": FORMAT, "domains": list(records)}, indent=1, ensure_ascii=False) + "\n"


def table_text(records: Iterable[Mapping[str, Any]]) -> str:
    """Return the table for people."""
    return HEAD + "".join(_row(entry_from(dict(record), record["name"])) for record in records)


def _row(entry: Entry) -> str:
    status = f"{entry.status}: {entry.reason}" if entry.reason else entry.status
    name = f"[{entry.name}](domains/{entry.name}.yaml)"
    cells = (name, f"`{entry.package}`", entry.version, f"`{entry.engine}`", str(len(entry.tasks)))
    more = (str(len(entry.adapters)), entry.license, status, entry.summary)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in (*cells, *more))} |\n"


def with_wheels(records: Iterable[Mapping[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Return the entries with the wheels of a folder as their files, by path and sha256."""
    from packaging.utils import canonicalize_name, parse_wheel_filename

    wheels = {wheel: parse_wheel_filename(wheel.name)[:2] for wheel in sorted(folder.glob("*.whl"))}
    listed = []
    for record in records:
        mine = {
            str(found): wheel for wheel, (name, found) in wheels.items() if name == canonicalize_name(record["package"])
        }
        files = [{"version": v, "path": w.name, "sha256": sources.sha256(w)} for v, w in mine.items()]
        kept = [file for file in record["files"] if file["version"] not in mine]
        listed.append({**record, "files": [*kept, *files]})
    return listed
