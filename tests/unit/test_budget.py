"""The token budget of a batch: measured against what a cache really holds, and kept by a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, MptConfig

from selfspec.config import build
from selfspec.decoding import budget
from selfspec.decoding.cache import new_cache
from selfspec.rundir import open_run

CONFIGS = {
    "llama": LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128,
    ),
    "gpt2": GPT2Config(vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=128),
    "mpt": MptConfig(vocab_size=64, d_model=32, n_layers=2, n_heads=4, max_seq_len=128, expansion_ratio=2),
}  # fmt: skip


@pytest.fixture(params=CONFIGS)
def model(request: pytest.FixtureRequest) -> Any:
    """A small random model."""
    return AutoModelForCausalLM.from_config(CONFIGS[request.param]).eval()


def test_bytes_of_a_token_are_those_of_the_cache(model: Any) -> None:
    cache = new_cache()
    with torch.no_grad():
        model(torch.tensor([[5, 6, 7]]), past_key_values=cache, use_cache=True)
    held = sum(t.numel() * t.element_size() for layer in cache.layers for t in (layer.keys, layer.values))
    assert budget.bytes_per_token(model) == held / 3


def test_the_budget_follows_the_free_memory(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    each = budget.bytes_per_token(model)
    for free, expected in ((0, 4096), (20_000 * each, 8192), (33_000 * each, 16_384), (1 << 50, 512 * 128)):
        monkeypatch.setattr(budget, "free_memory", lambda device, free=free: free)
        assert budget.token_budget(model, rows=512) == expected


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = budget.free_memory(torch.device("cpu"))
    monkeypatch.setattr(budget, "CGROUP", tmp_path)
    assert budget.free_memory(torch.device("cpu")) == pytest.approx(free, rel=0.5)
    (tmp_path / "memory.current").write_text("1000\n")
    (tmp_path / "memory.max").write_text("5000\n")
    assert budget.free_memory(torch.device("cpu")) == 4000
    (tmp_path / "memory.max").write_text("max\n")
    assert budget.free_memory(torch.device("cpu")) > 4000


def test_a_run_keeps_the_budget_that_it_began_with(tmp_path: Path) -> None:
    settings = build("quick", {"domain": "sums"})
    with open_run(tmp_path, settings) as run:
        assert run.note_budget(8192) == 8192
    with open_run(tmp_path, settings) as run:
        assert run.note_budget(4096) == 8192
