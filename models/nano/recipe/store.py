"""Small file helpers shared by the recipe's steps: atomic writes, JSON Lines, the recipe's errors.

``write_json(path, value)`` leaves either the old file or the new one, never half of one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class RecipeError(Exception):
    """One clear line: what is missing or wrong, and what to do."""


def write_text(path: Path, text: str) -> None:
    """Write beside the file and rename over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def write_json(path: Path, value: Any) -> None:
    """One indented JSON file, atomically."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_lines(path: Path, records: Iterable[dict[str, Any]]) -> int:
    """JSON Lines, atomically; the number of records."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with beside.open("w", encoding="utf-8") as handle:
        count = sum(bool(handle.write(json.dumps(r, ensure_ascii=False) + "\n")) for r in records)
    os.replace(beside, path)
    return count


def append_line(path: Path, record: dict[str, Any]) -> None:
    """Add one record to a log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(record, ensure_ascii=False) + "\n")


def read_lines(path: Path, made_by: str) -> Iterator[dict[str, Any]]:
    """Records of a JSON Lines file; ``made_by`` names the command that writes it."""
    if not path.exists():
        raise RecipeError(f"{path} is missing: run `python -m recipe {made_by}` first")
    with path.open(encoding="utf-8") as handle:
        yield from map(json.loads, handle)
