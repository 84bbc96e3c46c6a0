"""Resuming equals not stopping, and an export reloads with transformers."""

import functools
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from recipe import train as training
from recipe.export import export
from recipe.mixture import Phase
from recipe.optim import factor
from recipe.parallel import launch
from recipe.store import RecipeError
from recipe.train import Plan, train
from transformers import AutoModelForCausalLM, AutoTokenizer

RECIPE = Path(training.__file__).parents[1]
PHASES = (Phase(10**9, 32, {"copy": 1.0, "reading": 1.0, "text": 1.0}, 128),)


def plan(out: Path, run: str, tokens: int) -> Plan:
    return Plan(out, run, tokens, size="tiny", compiled=False, probe_every=10**6, log_every=2, phases=PHASES)


def test_resumed_equals_uninterrupted(out: Path) -> None:
    whole = train(plan(out, "whole", 1024))
    train(plan(out, "halves", 512))
    halves = train(plan(out, "halves", 1024))
    assert whole.steps == halves.steps == 8
    for one, two in zip(whole.master.parameters(), halves.master.parameters(), strict=True):
        assert torch.equal(one, two)


def test_adamw_alone_trains_and_resumes(out: Path) -> None:
    lone = replace(plan(out, "adamw", 512), muon=False)
    assert set(train(lone).optimisers.state()) == {"adam"}
    assert train(replace(lone, tokens=1024)).steps == 8
    with pytest.raises(RecipeError, match="made with adam, not adam and muon"):
        train(replace(lone, tokens=2048, muon=True))


def test_a_branch_starts_from_another_runs_checkpoint(out: Path) -> None:
    train(plan(out, "stem", 256))
    branch = replace(plan(out, "branch", 512), start=out / "runs/stem/last.pt", decay=256)
    assert train(branch).tokens == 512
    with pytest.raises(RecipeError, match="is missing"):
        training.open_engine(replace(branch, run="other", start=out / "nothing.pt"))
    with pytest.raises(RecipeError, match="holds a model of size tiny, not mini: use --size tiny"):
        training.open_engine(replace(branch, size="mini"))


def test_two_processes_train_as_one(out: Path) -> None:
    phases = (Phase(10**9, 32, {"text": 1.0}, 128),)
    start, *ends = (torch.load(path, weights_only=True)["model"] for path in _trained(out, phases))
    apart, moved = (sum(float((a[k] - b[k]).square().sum()) for k in a) for a, b in (ends, (start, ends[0])))
    assert apart < 0.05 * moved  # bf16 sums of half the rows, and another order


def _trained(out: Path, phases: tuple[Phase, ...]) -> list[Path]:
    """Checkpoints of the first step, and of eight by one process and by two."""
    runs = {"first": (128, 1), "one": (1024, 1), "two": (1024, 2)}
    for run, (tokens, processes) in runs.items():
        launch(functools.partial(_train, replace(plan(out, run, tokens), phases=phases)), processes)
    return [out / "runs" / run / "last.pt" for run in runs]


def _train(asked: Plan) -> None:
    assert train(asked).tokens == asked.tokens


def test_the_command_trains_in_two_processes(out: Path) -> None:
    settings = ("--tokens", "4096", "--size", "tiny", "--eager", "--processes", "2", "--threads", "1")
    command = [sys.executable, "-m", "recipe", "train", "--out", str(out), "--run", "command", *settings]
    done = subprocess.run(command, cwd=RECIPE, capture_output=True, text=True, check=True)
    assert done.stdout == "6144 tokens seen in 1 steps\n"


def test_what_goes_wrong_in_a_process_is_one_line(out: Path) -> None:
    lost = replace(plan(out, "lost", 256), start=out / "nothing.pt")
    with pytest.raises(RecipeError, match=r"nothing\.pt is missing") as error:
        launch(functools.partial(_train, lost), 2)
    assert "\n" not in str(error.value)


def test_a_process_that_is_killed_and_no_process_are_one_line() -> None:
    with pytest.raises(RecipeError, match="SIGKILL"):
        launch(_die, 2)
    with pytest.raises(RecipeError, match="--processes 0: at least one"):
        launch(_die, 0)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_rate_warms_up_holds_and_decays() -> None:
    assert factor(0, 0, 100, 20) < 0.1
    assert factor(10**6, 50, 100, 20) == 1.0
    assert factor(10**6, 90, 100, 20) == 0.5
    assert factor(10**6, 100, 100, 20) == 0.0


def test_export_reloads(out: Path, tmp_path: Path) -> None:
    train(plan(out, "small", 256))
    folder = export(out, "small", tmp_path / "weights")
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert model.dtype == torch.bfloat16
    assert model.config.tie_word_embeddings
    assert (tokenizer.eos_token, tokenizer.pad_token, tokenizer.eos_token_id) == ("<|endoftext|>", "<|pad|>", 0)
    ids = tokenizer("The trial in Boston", return_tensors="pt")
    assert tokenizer.decode(ids.input_ids[0]) == "The trial in Boston"
    assert model.generate(**ids, max_new_tokens=3).shape[1] <= ids.input_ids.shape[1] + 3
    with pytest.raises(RecipeError, match="is missing"):
        export(out, "never", tmp_path / "weights")
