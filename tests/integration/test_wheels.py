"""The wheels do the job outside the repository: nothing is read from the source tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (".", "domains/biomed", "models/nano")
SMALL = (
    "instructions.count=4",
    "instructions.max_new_tokens=160",
    "instructions.requests_per_block=4",
    "instructions.min_yield=0.0",
    "responses.max_new_tokens=16",
    "responses.keep_unfinished=true",
    "training.epochs=1",
    "training.max_length=640",
    "evaluation.limit=2",
    "evaluation.tasks=bioasq_yesno",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip installed the three wheels; third-party packages come from this environment."""
    folder = tmp_path_factory.mktemp("wheels")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder / "dist")]
    for package in PACKAGES:
        copy = folder / "src" / (package.replace("/", "-") if package != "." else "engine")
        export_tree(ROOT / package, copy)
        subprocess.run([*build, str(copy)], check=True)
    wheels = [str(w) for w in (folder / "dist").glob("*.whl")]
    assert len(wheels) == len(PACKAGES)
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", str(folder / "site"), *wheels], check=True)
    return folder / "site"


def export_tree(source: Path, target: Path) -> None:
    """Copy what git would give: the build must not need, or leave, anything else in the tree."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."],
        cwd=source,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (source / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes((source / name).read_bytes())


def run(site: Path, cwd: Path, *args: str) -> str:
    """Run Python on the installed wheels, away from the repository."""
    environment = {**os.environ, "PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, *args], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheels_are_what_is_imported(site: Path, tmp_path: Path) -> None:
    code = "import selfspec as s, selfspec_biomed as b, selfspec_nano as n; print(s.__file__, b.__file__, n.path())"
    places = run(site, tmp_path, "-c", code).split()
    assert all(place.startswith(str(site)) for place in places)


@pytest.mark.slow
def test_the_job_runs_from_the_wheels(site: Path, tmp_path: Path) -> None:
    sets = [part for setting in SMALL for part in ("--set", setting)]
    out = run(site, tmp_path, "-m", "selfspec", "--quiet", "run", "--domain", "biomed", "--json", *sets)
    report = json.loads(out)
    assert {cell["system"] for cell in report["cells"]} == {"base", "base+alpaca", "specialised"}
    assert (tmp_path / "runs" / "biomed-quick" / "report.json").exists()
