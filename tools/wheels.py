"""Build wheels that come out byte for byte the same each time, from a clean copy of each package.

    python tools/wheels.py --out dist . domains/biomed

What earlier builds left in a source tree (``build/``, ``*.egg-info``) would find its way into a wheel, so
each package's own files are copied first, with plain file modes; times are ``SOURCE_DATE_EPOCH``'s.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EPOCH = "1767225600"
"""2026-01-01, unless SOURCE_DATE_EPOCH says otherwise."""
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info", ".*")


def build(packages: Iterable[Path], out: Path) -> None:
    """Build one wheel of each package folder into ``out``. Raises ``RuntimeError`` with what pip said."""
    with tempfile.TemporaryDirectory(prefix="selfspec-wheels-") as folder:
        copies = [clean_copy(package, Path(folder) / str(n)) for n, package in enumerate(packages)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", EPOCH)}
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--quiet",
            "wheel",
            "--no-deps",
            "--no-index",
        ]
        call = [*pip, "--no-build-isolation", "--wheel-dir", str(out.resolve()), *map(str, copies)]
        done = subprocess.run(call, check=False, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"no wheel could be built:\n{done.stdout}{done.stderr}")


def clean_copy(package: Path, target: Path) -> Path:
    """Copy a package's own files: those at its top and its ``selfspec*`` folders."""
    target.mkdir()
    for path in sorted(package.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            shutil.copyfile(path, target / path.name)
        elif path.name.startswith("selfspec") and path.suffix != ".egg-info":
            shutil.copytree(path, target / path.name, ignore=LEFT_OUT, copy_function=shutil.copyfile)
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target


def main(args: Sequence[str] | None = None) -> int:
    """Build what the arguments name; return the exit code."""
    parser = argparse.ArgumentParser(description="Build wheels reproducibly.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the wheels")
    parser.add_argument("packages", nargs="+", type=Path, help="package folders")
    given = parser.parse_args(args)
    build(given.packages, given.out)
    sys.stdout.write("".join(f"{wheel.name}\n" for wheel in sorted(given.out.glob("*.whl"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
