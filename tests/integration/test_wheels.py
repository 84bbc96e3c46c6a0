"""The wheels do the job outside the repository: nothing is read from the source tree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from environments import environment, install, run

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
def python(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment into which pip installed three wheels."""
    made = environment(tmp_path_factory.mktemp("wheels") / "env")
    install(made, [w for w in wheels.glob("*.whl") if w.name.split("-")[0].endswith(("selfspec", "biomed", "nano"))])
    return made


def test_the_wheels_are_what_is_imported(python: Path) -> None:
    code = "import selfspec as s, selfspec_biomed as b, selfspec_nano as n; print(s.__file__, b.__file__, n.path())"
    places = run(python, "-c", code).split()
    assert all(place.startswith(str(python.parents[1])) for place in places)


@pytest.mark.slow
def test_the_job_runs_from_the_wheels(python: Path, tmp_path: Path) -> None:
    sets = [part for setting in SMALL for part in ("--set", setting)]
    out = run(python, "-m", "selfspec", "--quiet", "run", "--domain", "biomed", "--json", *sets, cwd=tmp_path)
    report = json.loads(out)
    assert {cell["system"] for cell in report["cells"]} == {"base", "base+alpaca", "specialised"}
    assert (tmp_path / "runs" / "biomed-quick" / "report.json").exists()
