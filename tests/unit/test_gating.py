"""The token-level router: a gate that is all one expert's is that adapter, and training moves the gate alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from selfspec.config import build
from selfspec.errors import ModelError
from selfspec.mixing.deltas import read_adapter
from selfspec.mixing.gating import RECORD, gated, layer_of, load_gate, new_gate, train_gate
from selfspec.models import attach, load_base

IDS = torch.arange(2, 40)[None]


@pytest.fixture
def experts(tmp_path: Path, tiny_folder: Path, save_adapter: Callable[..., Path]) -> list[Any]:
    """Two adapters; the second touches other modules."""
    torch.set_num_threads(1)
    folders = [save_adapter(tiny_folder, tmp_path / "a", 1)]
    folders.append(save_adapter(tiny_folder, tmp_path / "b", 2, r=6, target_modules=["q_proj", "down_proj"]))
    return [read_adapter(folder.name, folder) for folder in folders]


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(IDS).logits


@pytest.mark.parametrize("chosen", [0, 1, 2])
def test_a_gate_that_is_all_one_experts_is_that_adapter(chosen: int, experts: list[Any], tiny_folder: Path) -> None:
    base = load_base(str(tiny_folder))
    plain = logits(base.model)
    gate = new_gate(base, experts)
    for linear in gate.linear.values():
        linear.bias.data[chosen] = 50.0
    with gated(base.model, gate, experts):
        found = logits(base.model)
    assert torch.equal(logits(base.model), plain)
    expected = plain if chosen == 2 else logits(attach(base, {"one": experts[chosen].folder}).model)
    assert torch.allclose(found, expected, atol=1e-4)
    assert chosen == 2 or not torch.allclose(found, plain, atol=0.1)


def test_tokens_are_routed_apart(experts: list[Any], tiny_folder: Path) -> None:
    base = load_base(str(tiny_folder))
    gate = new_gate(base, experts)
    torch.manual_seed(0)
    for linear in gate.linear.values():
        torch.nn.init.normal_(linear.weight, std=1.0)
    with gated(base.model, gate, experts):
        logits(base.model)
        (shares, *_) = gate.shares.values()
    assert shares.shape == (1, IDS.shape[1], 3)
    assert torch.allclose(shares.sum(-1), torch.ones_like(shares[..., 0]), atol=1e-5)
    assert len(set(shares.argmax(-1)[0].tolist())) > 1


def test_training_lowers_the_loss_and_touches_the_gate_alone(
    experts: list[Any], tiny_folder: Path, tmp_path: Path
) -> None:
    base = load_base(str(tiny_folder))
    before = {name: p.detach().clone() for name, p in base.model.named_parameters()}
    flags = {name: p.requires_grad for name, p in base.model.named_parameters()}
    records = [{"id": str(i), "instruction": f"Say {i % 3}.", "input": "", "output": "abcabc"} for i in range(24)]
    training = {"epochs": 20, "batch_size": 8, "micro_batch_size": 8, "learning_rate": 0.1}
    settings = build("quick", {"domain": "-", "training": training})
    folder = train_gate(base, experts, records, settings, tmp_path / "gate")
    assert {name: p.requires_grad for name, p in base.model.named_parameters()} == flags
    assert all(torch.equal(p, before[name]) for name, p in base.model.named_parameters())
    first, last = json.loads((folder / RECORD).read_text())["loss"]
    assert last < first - 0.05
    gate = load_gate(base, experts, folder)
    assert sum(float(p.detach().abs().sum()) for p in gate.parameters()) > 0
    with pytest.raises(ModelError, match="other adapters"):
        load_gate(base, experts[::-1], folder)
    (folder / "gate.safetensors").write_bytes(b"rubbish")
    with pytest.raises(ModelError, match="damaged"):
        load_gate(base, experts, folder)


def test_modules_outside_the_layers_are_refused() -> None:
    assert layer_of("model.layers.3.self_attn.q_proj") == "model.layers.3"
    assert layer_of("h.11.attn.c_attn") == "h.11"
    with pytest.raises(ModelError, match="lies in no decoder layer"):
        layer_of("lm_head")
