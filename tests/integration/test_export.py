"""``selfspec export``: what is written answers as the adapter on its base does."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from selfspec import export as exporting
from selfspec.cli import invoke
from selfspec.models import Base

Capture = pytest.CaptureFixture[str]
Save = Callable[..., Path]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(torch.arange(2, 60)[None]).logits


def adapted(base: Path, folder: Path) -> torch.Tensor:
    return logits(peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), str(folder)))


def run(args: list[str], capfd: Capture) -> dict[str, Any]:
    capfd.readouterr()
    assert invoke(["export", *args, "--json"]) == 0
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    return found


def test_merged_weights_need_no_peft(tmp_path: Path, tiny_folder: Path, save_adapter: Save, capfd: Capture) -> None:
    folder = save_adapter(tiny_folder, tmp_path / "one", 1)
    made = run([str(folder), "--to", "merged", "-o", str(tmp_path / "out")], capfd)
    merged = logits(AutoModelForCausalLM.from_pretrained(tmp_path / "out"))
    expected = adapted(tiny_folder, folder)
    assert torch.allclose(merged, expected, atol=1e-4)
    assert not torch.allclose(merged, logits(AutoModelForCausalLM.from_pretrained(tiny_folder)), atol=0.1)
    assert 0 <= made["difference"] < 1e-4
    assert AutoTokenizer.from_pretrained(tmp_path / "out").eos_token == "<|endoftext|>"
    assert not list((tmp_path / "out").glob("adapter*"))


def test_a_peft_folder_is_the_adapter(tmp_path: Path, tiny_folder: Path, save_adapter: Save, capfd: Capture) -> None:
    folder = save_adapter(tiny_folder, tmp_path / "one", 1)
    made = run([str(folder), "--to", "peft", "-o", str(tmp_path / "out")], capfd)
    assert made["difference"] == 0
    assert made["command"] == ""
    assert torch.equal(adapted(tiny_folder, tmp_path / "out"), adapted(tiny_folder, folder))


@pytest.mark.parametrize(("rank", "served"), [(4, "8"), (8, "8"), (9, "16")])
def test_the_line_that_serves_it(
    rank: int, served: str, tmp_path: Path, tiny_folder: Path, save_adapter: Save, capfd: Capture
) -> None:
    folder = save_adapter(tiny_folder, tmp_path / "one", 1, r=rank)
    made = run([str(folder), "--to", "vllm", "-o", str(tmp_path / "out put"), "--name", "law"], capfd)
    assert shlex.split(made["command"]) == [
        *["vllm", "serve", str(tiny_folder), "--enable-lora"],
        *["--lora-modules", f"law={tmp_path / 'out put'}", "--max-lora-rank", served],
    ]


def test_uneven_ranks_are_evened_out_for_vllm(
    tmp_path: Path, tiny_folder: Path, save_adapter: Save, capfd: Capture
) -> None:
    uneven = {"rank_pattern": {"q_proj": 6}, "alpha_pattern": {"q_proj": 3}}
    folder = save_adapter(tiny_folder, tmp_path / "one", 1, **uneven)
    made = run([str(folder), "--to", "vllm", "-o", str(tmp_path / "out")], capfd)
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert not config.get("rank_pattern")
    assert (config["r"], made["rank"]) == (6, 6)
    assert torch.allclose(adapted(tiny_folder, tmp_path / "out"), adapted(tiny_folder, folder), atol=1e-4)


def test_an_export_that_differs_is_refused_and_leaves_nothing(
    tmp_path: Path, tiny_folder: Path, save_adapter: Save, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_adapter(tiny_folder, tmp_path / "one", 1)
    monkeypatch.setattr(exporting, "merge", lambda base, _folder: Base(base.name, base.model, base.tokenizer, ""))
    assert invoke(["export", str(folder), "--to", "merged", "-o", str(tmp_path / "out")]) == 6
    assert "the export is not the adapter on its base (logits differ by " in capfd.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one"]


def test_bad_requests_are_one_line(tmp_path: Path, tiny_folder: Path, save_adapter: Save, capfd: Capture) -> None:
    folder = save_adapter(tiny_folder, tmp_path / "one", 1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert invoke(["export", str(folder), "--to", "peft", "-o", str(tmp_path / "full")]) == 2
    assert capfd.readouterr().err.endswith("exists. Choose another --out.\n")
    assert invoke(["export", str(tmp_path / "none"), "--to", "peft", "-o", str(tmp_path / "out")]) == 2
    assert "no such run or folder" in capfd.readouterr().err
    big = save_adapter(tiny_folder, tmp_path / "big", 1, r=513, target_modules=["q_proj"])
    assert invoke(["export", str(big), "--to", "vllm", "-o", str(tmp_path / "out")]) == 6
    assert "rank 513 is more than vLLM's 512" in capfd.readouterr().err
