"""SIGKILL at a random moment in each stage, then the same command: the bytes of a run that was never stopped."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SETTINGS = (
    "instructions.count=10",
    "instructions.max_new_tokens=160",
    "instructions.requests_per_block=4",
    "instructions.min_yield=0.0",
    "responses.max_new_tokens=24",
    "responses.items_per_block=4",
    "responses.keep_unfinished=true",
    "retrieval.k=2",
    "training.epochs=2",
    "training.batch_size=8",
    "training.checkpoint_steps=3",
    "training.max_length=640",
    "evaluation.limit=6",
    "evaluation.items_per_block=2",
    "evaluation.tasks=bioasq_yesno,ddi",
)
NOT_COMPARED = ("costs.jsonl", "lock")


def command(out: Path) -> list[str]:
    """The run that is killed and resumed: all stages, small."""
    sets = [part for setting in SETTINGS for part in ("--set", setting)]
    return [sys.executable, "-m", "selfspec", "--quiet", "run", "--domain", "biomed", "--out", str(out), *sets]


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "instructions": lambda run: lines(run / "iteration-1" / "requests.jsonl.part") >= 1,
    "responses": lambda run: lines(run / "iteration-1" / "responses.jsonl.part") >= 4,
    "training": lambda run: bool(list((run / "iteration-1" / "checkpoints").glob("checkpoint-*"))),
    "evaluation": lambda run: len(list((run / "predictions").glob("*/*"))) >= 2,
}
"""How to see, from outside, that a stage is under way."""


def kill_in(stage: str, out: Path) -> None:
    """Start the run, wait until the stage is under way and a little longer, and kill it."""
    process = subprocess.Popen(command(out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not MOMENTS[stage](out):
        assert process.poll() is None, f"ended before {stage}: {process.stderr and process.stderr.read().decode()}"
        time.sleep(0.02)
    time.sleep(random.uniform(0, 0.6))
    process.send_signal(signal.SIGKILL)
    process.wait()


def contents(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name not in NOT_COMPARED)
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


@pytest.mark.slow
def test_a_run_killed_in_every_stage_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(whole), check=True, stdout=subprocess.DEVNULL)
    for stage in MOMENTS:
        kill_in(stage, killed)
    subprocess.run(command(killed), check=True, stdout=subprocess.DEVNULL)
    expected, found = contents(whole), contents(killed)
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
