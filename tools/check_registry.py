"""Install every domain of the registry into an empty environment, and check it there.

    python tools/check_registry.py            all entries
    python tools/check_registry.py biomed     one

Builds the engine and each listed package of this repository as wheels (other entries come with the
files that they list), installs the two beside each other outside the repository, with third-party
packages from this Python, and runs ``selfspec check NAME`` there. The entry must say what the package says.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wheels import ROOT, build

from selfspec.errors import SelfspecError
from selfspec.registry import Entry, load

CHECK = ("check",) if (ROOT / "selfspec" / "cli" / "check.py").exists() else ("domains", "check")


def environment(folder: Path, engine: bool = False) -> Path:
    """Make an environment with this one's third-party packages and no domain; return its Python.

    No package of this project is found in it, neither code nor metadata; with ``engine`` the engine's
    source is.
    """
    venv.create(folder, symlinks=True, with_pip=False)
    others = folder / "others"
    others.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(("selfspec", "__editable__")) or (engine and path.name.startswith("selfspec-")):
            (others / path.name).symlink_to(path)
    python = folder / "bin" / "python"
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    lines = [others, ROOT] if engine else [others]
    Path(site, "others.pth").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return python


def run(python: Path, *args: str) -> str:
    """Run Python in an environment, outside the repository; return what it prints. Raises ``RuntimeError``."""
    call = [str(python), "-P", *args]
    done = subprocess.run(call, cwd=python.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip())
    return done.stdout


def check(entry: Entry, folder: Path) -> str:
    """Install and check one entry; return what is wrong, or nothing."""
    python = environment(folder / entry.name)
    install = ("-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps", "--no-index")
    try:
        run(python, *install, *map(str, (folder / "dist").glob("selfspec-*.whl")))
        if entry.repository.startswith("./"):
            build([ROOT / entry.repository], folder / entry.package)
            run(python, *install, *map(str, (folder / entry.package).glob("*.whl")))
        else:
            run(
                python,
                "-m",
                "selfspec",
                "domains",
                "install",
                "--no-deps",
                entry.name,
                "--registry",
                str(ROOT / "registry"),
            )
        run(python, "-m", "selfspec", *CHECK, entry.name)
        return disagreement(entry, json.loads(run(python, "-m", "selfspec", "domains", "show", entry.name, "--json")))
    except RuntimeError as problem:
        return str(problem)


def disagreement(entry: Entry, facts: dict[str, Any]) -> str:
    """Say in which field the entry and the installed package differ."""
    pairs = {
        "package": (f"{entry.package} {entry.version}", facts["package"]),
        "engine": (set(entry.engine.split(",")), set(facts["engine"].split(","))),
        "data_licenses": (list(entry.data_licenses), facts["data_licenses"]),
        "tasks": ([task.name for task in entry.tasks], [task["name"] for task in facts["tasks"]]),
    }
    wrong = [
        f"{field}: the entry says {said}, the package {found}"
        for field, (said, found) in pairs.items()
        if said != found
    ]
    return "; ".join(wrong)


def main(names: Sequence[str]) -> int:
    """Check the named entries, or all; return the exit code."""
    try:
        index = load(str(ROOT / "registry"))
        entries = [index.get(name) for name in names] or [e for e in index.entries if e.status != "withdrawn"]
    except SelfspecError as problem:
        sys.stderr.write(f"error: {problem}\n")
        return problem.exit_code
    with tempfile.TemporaryDirectory(prefix="selfspec-registry-") as name:
        build([ROOT], Path(name) / "dist")
        results = {entry.name: check(entry, Path(name)) for entry in entries}
    for domain, wrong in results.items():
        sys.stdout.write(f"{domain}: {f'wrong: {wrong}' if wrong else 'ok'}\n")
    return 1 if any(results.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
