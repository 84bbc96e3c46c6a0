"""What the checks look at: one domain, read once, and two processes in which it is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

from selfspec.domain import Domain
from selfspec.domainfiles import SEEDS
from selfspec.errors import SelfspecError
from selfspec.plugins import load_domain
from selfspec.types import Passage, Seed, Task

PATIENCE = 600
"""Seconds after which a process is given up; a check has limits of its own."""


class NotApplicable(Exception):
    """Raised by a check that this domain gives nothing to look at; says why."""


class Subject:
    """A domain under test, without extensions. Everything is read when first asked for."""

    def __init__(self, name: str) -> None:
        """Name the domain; nothing is loaded yet."""
        self.name = name
        self._folder = tempfile.TemporaryDirectory(prefix="selfspec-check-", ignore_cleanup_errors=True)

    @property
    def folder(self) -> Path:
        """An empty folder of one's own, removed afterwards."""
        return Path(self._folder.name)

    @cached_property
    def domain(self) -> Domain:
        """The domain as its users load it."""
        return self.load()

    def load(self) -> Domain:
        """Load the domain once more."""
        return load_domain(self.name, cache=self.folder / "cache", extensions=False)

    @cached_property
    def unreadable(self) -> str:
        """The error that keeps the domain from being read; empty: none."""
        try:
            domain = self.domain
            domain.card(), domain.seeds(), domain.prompts(), domain.tasks(), domain.metrics(), domain.passages()
        except SelfspecError as problem:
            return str(problem)
        return ""

    @cached_property
    def seeds(self) -> list[Seed]:
        """The seeds."""
        return self.domain.seeds()

    @cached_property
    def tasks(self) -> list[Task]:
        """The tasks; :class:`NotApplicable` when there are none."""
        if tasks := self.domain.tasks():
            return tasks
        raise NotApplicable("the domain has no tasks")

    @cached_property
    def passages(self) -> list[Passage]:
        """The packaged corpus."""
        return self.domain.passages()

    @cached_property
    def probe(self) -> dict[str, Any]:
        """What :mod:`selfspec.testing.probe` saw."""
        return self._run("probe.py")

    @cached_property
    def loop(self) -> dict[str, Any]:
        """How :mod:`selfspec.testing.loop` went."""
        return self._run("loop.py")

    def _run(self, script: str) -> dict[str, Any]:
        """Run one of the scripts beside this file; its last line on stdout is its answer."""
        command = [sys.executable, "-B", "-P", str(Path(__file__).with_name(script)), self.name]
        paths = [os.path.abspath(path) for path in sys.path]
        fixed = {"PYTHONHASHSEED": "4242", "OMP_NUM_THREADS": "1"}  # threads only wait for each other on a tiny model
        environment = {**os.environ, **fixed, "PYTHONPATH": os.pathsep.join(paths)}
        target = str(self.folder / script.removesuffix(".py"))
        try:
            done = subprocess.run(
                [*command, target], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            raise SelfspecError(f"{script} did not end within {PATIENCE} seconds. Look for an endless loop.") from None
        try:
            answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise SelfspecError(f"{script} ended with code {done.returncode} and said: {said}.") from None
        return answer

    def place(self, file: str) -> str:
        """Where a mend goes: a file of the package, or its Python when the file is not there."""
        package = self.domain.context.package
        return f"{package.name}/{file if (package / file).exists() else '__init__.py'}"

    def seed_place(self, name: str = "") -> str:
        """The line of a seed, as far as it stands in a file."""
        from selfspec.seeds import lines

        path = self.domain.context.package / SEEDS
        line = lines(path).get(name) if path.exists() and name else None
        return self.place(SEEDS) + (f":{line}" if line else "") + (f" ({name})" if name else "")
