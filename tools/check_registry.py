"""Install every domain of the registry into an empty environment, and check it there.

    python tools/check_registry.py            all entries
    python tools/check_registry.py biomed     one

Builds the engine and each listed package of this repository as wheels (other entries come with the
files that they list), installs the two beside each other outside the repository, with third-party
packages from this Python, and runs ``selfspec check NAME`` there. The entry must say what the package says.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml
from environments import ROOT, environment, install, run
from wheels import build

from selfspec.errors import SelfspecError
from selfspec.registry import Entry, load
from selfspec.registry.entry import differences

REGISTRY = ROOT / "registry"


def check(entry: Entry, folder: Path, wheels: Path) -> str:
    """Install one entry into a new environment and check it; return what is wrong, or nothing.

    ``wheels`` holds the wheels of the engine and of the packages of this repository.
    """
    python = environment(folder / entry.name)
    try:
        install(python, wheels.glob("selfspec-*.whl"))
        if entry.repository.startswith("./"):
            install(python, wheels.glob(f"{entry.package.replace('-', '_')}-*.whl"))
        else:
            command = ("domains", "install", "--no-deps", entry.name, "--registry", str(REGISTRY))
            run(python, "-m", "selfspec", *command)
        run(python, "-m", "selfspec", "check", entry.name)
        found = yaml.safe_load(run(python, "-m", "selfspec.registry", "entry", entry.name))
    except RuntimeError as problem:
        return str(problem)
    written = yaml.safe_load((REGISTRY / "domains" / f"{entry.name}.yaml").read_text(encoding="utf-8"))
    return "; ".join(differences(written, found))


def main(names: Sequence[str]) -> int:
    """Check the named entries, or all; return the exit code."""
    try:
        index = load(str(REGISTRY))
        entries = [index.get(name) for name in names] or [e for e in index.entries if e.status != "withdrawn"]
    except SelfspecError as problem:
        sys.stderr.write(f"error: {problem}\n")
        return problem.exit_code
    with tempfile.TemporaryDirectory(prefix="selfspec-registry-") as name:
        folder = Path(name)
        own = [ROOT / entry.repository for entry in entries if entry.repository.startswith("./")]
        build([ROOT, *own], folder / "dist")
        results = {entry.name: check(entry, folder, folder / "dist") for entry in entries}
    for domain, wrong in results.items():
        sys.stdout.write(f"{domain}: {f'wrong: {wrong}' if wrong else 'ok'}\n")
    return 1 if any(results.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
