"""The packages beside this file, installed by pip: good ones, and one for each way of being wrong."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PACKAGES = sorted(file.parent.name for file in HERE.glob("*/pyproject.toml"))


def install(root: Path) -> None:
    """Install all packages into two folders, so that two pips run side by side."""
    for name in PACKAGES:
        shutil.copytree(HERE / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    pip += ["--no-build-isolation", "--no-index", "--no-compile", "--target"]
    processes = [
        subprocess.Popen(
            [*pip, site, *(f"./{name}" for name in names)],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for site, names in (("site0", PACKAGES[::2]), ("site1", PACKAGES[1::2]))
    ]
    for process in processes:
        said, _ = process.communicate()
        assert process.returncode == 0, said


@pytest.fixture(scope="session")
def installed(once: Callable[..., Path]) -> list[Path]:
    """The folders into which pip installed all packages."""
    root = once("packages", install)
    return [root / "site0", root / "site1"]


@pytest.fixture
def border(installed: list[Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The packages on ``sys.path``; what a test imports from them is forgotten after it."""
    before = set(sys.modules)
    for site in installed:
        monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()
    yield
    for name in set(sys.modules) - before:
        if any(name == f"selfspec_{package}" for package in PACKAGES):
            del sys.modules[name]
