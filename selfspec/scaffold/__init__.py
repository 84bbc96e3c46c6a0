"""Write a new domain package from the templates beside this file.

``domain/`` is the whole package without Python of its own; ``python/`` stands over it with
``selfspec new --python``. In a template's path ``NAME`` is the domain's name, ``dot_`` a leading dot,
and the ending ``.in`` is dropped; in its text ``@NAME@``, ``@PACKAGE@``, ``@FIELD@``, ``@TITLE@`` and
``@ENGINE@`` are filled in.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
import shutil
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from selfspec import jsonl
from selfspec.errors import ConfigError
from selfspec.types import NAME
from selfspec.version import __version__

PYTHON_ROW = (
    "| `selfspec_@NAME@/*.py` | hooks, a reader, a metric, a retriever | change them; drop what you do not need |\n"
    "| `tests/test_readers.py` | the reader on a small table | rewrite it with the reader |\n"
)


def write(name: str, into: Path, python: bool = False) -> Path:
    """Write ``selfspec-domain-<name>`` into a folder; return the package's.

    Raises :class:`ConfigError` for a name that cannot be a domain's, or one that is taken.
    """
    _check(name)
    package = into / f"selfspec-domain-{name.replace('_', '-')}"
    if package.exists():
        raise ConfigError(f"{package}: exists already. Choose another name or --dir, or remove it.")
    words, part = _words(name, python), package.with_name(f"{package.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    for path, text in _templates(python).items():
        jsonl.write_text(part / _filled(path, words), _filled(text, words))
    return part.replace(package)


def _check(name: str) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")
        hint = f" Try: {near}." if near and near != name else ""
        raise ConfigError(f"{name!r} cannot be a domain's name: no lower-case identifier, such as family_law.{hint}")
    if importlib.util.find_spec(f"selfspec_{name}"):
        raise ConfigError(f"a package selfspec_{name} is installed already. Choose another name, or uninstall it.")


def _words(name: str, python: bool) -> Mapping[str, str]:
    field = name.replace("_", " ")
    major, minor, *_ = map(int, re.findall(r"\d+", __version__))
    return {
        "@PYTHON@\n": PYTHON_ROW + "\n" if python else "\n",
        "@NAME@": name,
        "@PACKAGE@": f"selfspec-domain-{name.replace('_', '-')}",
        "@FIELD@": field,
        "@TITLE@": field.capitalize(),
        "@ENGINE@": f">={major}.{minor},<{major}.{minor + 1}",
    }


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def _templates(python: bool) -> dict[str, str]:
    """Each file's text by its path, where ``@NAME@`` is still to be filled in."""
    found = dict(_walk(files("selfspec.scaffold") / "domain"))
    return found | (dict(_walk(files("selfspec.scaffold") / "python")) if python else {})


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        name = re.sub("^dot_", ".", entry.name).replace("NAME", "@NAME@")
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{name}/")
        elif name.endswith(".in"):
            yield prefix + name.removesuffix(".in"), entry.read_text(encoding="utf-8")
