"""``selfspec run`` with several domains: one adapter of their union, as a row of the matrix."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from selfspec import jsonl
from selfspec.cli import invoke
from selfspec.rundir import settings_of

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def args(two_domains: Path, tiny_folder: Path) -> list[str]:
    """Two installed domains; training on seeds alone, because a random model writes no instructions."""
    torch.set_num_threads(1)
    small = ["--set", "training.epochs=2", "--set", "training.batch_size=4", "--set", "training.micro_batch_size=4"]
    return ["-m", str(tiny_folder), "--train-on", "seeds", *small, "--json"]


@pytest.mark.slow
def test_one_adapter_of_two_domains(args: list[str], tmp_path: Path, tiny_folder: Path, capfd: Capture) -> None:
    finished, out = tmp_path / "finished", tmp_path / "out"
    assert invoke(["run", "-d", "sums", "-o", str(finished), *args]) == 0
    capfd.readouterr()
    command = ["run", "-d", "sums", "-d", "words", "--from", f"sums={finished}", "-o", str(out), *args]
    assert invoke(command) == 0
    matrix = json.loads(capfd.readouterr().out)
    assert [(s["system"], s["domains"]) for s in matrix["systems"]] == [
        ("base", []),
        ("base+alpaca", []),
        ("sums", ["sums"]),
        ("union", ["sums", "words"]),
    ]
    assert {c["domain"] for c in matrix["cells"] if c["system"] == "union"} == {"sums", "words", "general"}
    trained = [r for _, r in jsonl.read(out / "iteration-1" / "training.jsonl")]
    assert [r["id"] for r in trained] == [f"{d}/{d[0]}{i}" for d in ("sums", "words") for i in range(6)]
    log = [r["loss"] for _, r in jsonl.read(out / "iteration-1" / "training.log.jsonl")]
    assert len(log) == 6  # 12 records, batches of 4, twice
    assert log[-1] < log[0]
    assert settings_of(out).domain == "sums+words"
    assert invoke(command) == 0
    assert json.loads(capfd.readouterr().out) == matrix
    # it is an ordinary run to `selfspec compare`
    row = ["compare", "--domains", "words", "--adapter", f"both={out}", "-o", str(tmp_path / "m"), "--json"]
    assert invoke(row) == 0
    assert json.loads(capfd.readouterr().out)["systems"][2]["domains"] == ["sums", "words"]


def test_runs_that_do_not_fit_are_refused(args: list[str], tmp_path: Path, capfd: Capture) -> None:
    start = ["run", "-d", "sums", "-d", "words", "-o", str(tmp_path / "out"), *args]
    assert invoke([*start, "--from", "law=x"]) == 2
    assert "'law' is not among the domains sums, words" in capfd.readouterr().err
    assert invoke([*start, "--from", f"sums={tmp_path}"]) == 2
    assert "no run directory" in capfd.readouterr().err
    assert invoke([*start, "--iterations", "2"]) == 2
    assert "one iteration. Leave --iterations out" in capfd.readouterr().err
    assert invoke(["run", "-d", "sums", "--from", "sums=x", *args]) == 2
    assert "--from: names the runs of several domains" in capfd.readouterr().err
