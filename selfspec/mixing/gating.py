"""A trained token-level router over frozen adapters, in the manner of Self-MoE (Kang et al. 2024, arXiv:2406.12034).

Every decoder layer has one small linear layer, the gate. It reads a token's hidden state and gives a softmax
over the adapters and the base; the layer's linear modules then give x Wᵀ + sum_i g_i x A_iᵀ B_iᵀ. Only the gates
are trained, on the adapters' own training sets. Unlike Self-MoE, the gate is not shared by all layers, the base can
be chosen, and all adapters are summed (no top-k): a hard choice among a few costs as much here and trains worse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from selfspec import jsonl
from selfspec.errors import ModelError, YieldError
from selfspec.mixing.deltas import Adapter, Factors
from selfspec.models import Base, adapter_sha256
from selfspec.rundir import RunDirectory
from selfspec.settings import Settings
from selfspec.training import encode, trainer_of

LAYER = re.compile(r"(?:.*?\.)?\d+(?=\.)")
"""The decoder layer that a module lies in: ``model.layers.3`` of ``model.layers.3.self_attn.q_proj``."""
WEIGHTS, RECORD = "gate.safetensors", "gate.json"
LEARNING_RATE, BATCH, MICRO = 5e-3, 16, 8


class Gate(torch.nn.Module):
    """The gates of all layers, by the layer's name."""

    def __init__(self, layers: Sequence[str], hidden: int, experts: int) -> None:
        """Begin with equal shares: weights of zero."""
        super().__init__()
        made = {_key(name): torch.nn.Linear(hidden, experts + 1) for name in layers}
        for linear in made.values():
            torch.nn.init.zeros_(linear.weight)
            torch.nn.init.zeros_(linear.bias)
        self.linear = torch.nn.ModuleDict(made)
        self.shares: dict[str, Tensor] = {}

    def read(self, layer: str, hidden: Tensor) -> None:
        """Compute a layer's shares, [rows, tokens, experts + 1]; the last one is the base's."""
        self.shares[layer] = self.linear[_key(layer)](hidden.float()).softmax(-1)


def _key(layer: str) -> str:
    return layer.replace(".", "/")


def layer_of(module: str) -> str:
    """The decoder layer of a module. Raises :class:`ModelError` when it lies in none."""
    found = LAYER.match(module)
    if not found:
        raise ModelError(f"module {module!r} lies in no decoder layer, so no token router can gate it. Use --route.")
    return found[0]


def new_gate(base: Base, experts: Sequence[Adapter]) -> Gate:
    """A gate for every layer that any expert touches."""
    layers = dict.fromkeys(layer_of(module) for expert in experts for module in sorted(expert.modules))
    return Gate(list(layers), int(base.model.config.hidden_size), len(experts)).to(base.model.device)


@contextmanager
def gated(model: Any, gate: Gate, experts: Sequence[Adapter]) -> Iterator[None]:
    """Put the gated experts on the base inside the block; its weights stay as they are."""
    hooks, named = [], dict(model.named_modules())
    wanted = dict.fromkeys(module for expert in experts for module in expert.modules)
    for layer in dict.fromkeys(map(layer_of, wanted)):
        hooks.append(named[layer].register_forward_pre_hook(_reader(gate, layer), with_kwargs=True))
    for module in wanted:
        device = named[module].weight.device
        own = [(i, _moved(e.modules[module], device)) for i, e in enumerate(experts) if module in e.modules]
        hooks.append(named[module].register_forward_hook(_adder(gate, layer_of(module), own)))
    try:
        yield
    finally:
        gate.shares.clear()
        for hook in hooks:
            hook.remove()


def _moved(factors: Factors, device: Any) -> Factors:
    return Factors(factors.a.to(device), factors.b.to(device))


def _reader(gate: Gate, layer: str) -> Any:
    def read(_layer: Any, inputs: tuple[Tensor, ...], named: Mapping[str, Any]) -> None:
        gate.read(layer, inputs[0] if inputs else named["hidden_states"])

    return read


def _adder(gate: Gate, layer: str, own: Sequence[tuple[int, Factors]]) -> Any:
    def add(_module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        x, linear, shares = inputs[0].float(), torch.nn.functional.linear, gate.shares[layer]
        for i, f in own:
            output = output + (shares[..., i : i + 1] * linear(linear(x, f.a), f.b)).to(output.dtype)
        return output

    return add


def train_gate(
    base: Base, experts: Sequence[Adapter], records: Sequence[jsonl.Record], settings: Settings, out: Path
) -> Path:
    """Train the gates on records of instruction, input and output; write them to ``out``.

    Raises :class:`YieldError` when no record fits the context.
    """
    encoded = [encode(base, settings.training, record) for record in records]
    examples = [e for e in encoded if len(e.ids) <= min(settings.training.max_length, base.context)]
    if not examples:
        raise YieldError(f"token router: none of {len(records)} examples fits training.max_length. Raise it.")
    part = out.with_name(out.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    gate = new_gate(base, experts)
    with _only(base.model, gate), gated(base.model, gate, experts):
        run = RunDirectory(part, settings)
        trainer = trainer_of(base.model, examples, base, run, part / "checkpoints", 1, keep=False)
        trainer.train()
    log = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    base.model.eval()
    _save(gate, experts, len(examples), log, part)
    part.replace(out)
    return out


@contextmanager
def _only(model: Any, gate: Gate) -> Iterator[None]:
    """Make the gate the one trained part of the model."""
    before = {name: p.requires_grad for name, p in model.named_parameters()}
    model.requires_grad_(False)
    model.add_module("selfspec_gate", gate)
    try:
        yield
    finally:
        del model.selfspec_gate
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(before[name])


def _save(gate: Gate, experts: Sequence[Adapter], count: int, log: Sequence[float], folder: Path) -> None:
    """The weights, and a record with the mean loss of the first and of the last quarter of the steps."""
    from safetensors.torch import save_file

    save_file({name: t.contiguous().cpu() for name, t in gate.state_dict().items()}, folder / WEIGHTS)
    record = {
        "experts": [{"name": e.name, "sha256": adapter_sha256(e.folder)} for e in experts],
        "examples": count,
        "loss": [round(fmean(part), 6) for part in (log[: len(log) // 4 + 1], log[-(len(log) // 4 + 1) :])],
    }
    jsonl.write_text(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def load_gate(base: Base, experts: Sequence[Adapter], folder: Path) -> Gate:
    """Read a trained gate back. Raises :class:`ModelError` when it is of other experts or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    gate = new_gate(base, experts)
    try:
        known = json.loads((folder / RECORD).read_bytes())["experts"]
        gate.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError):
        raise ModelError(f"{folder}: no token router of these adapters, or damaged. Delete it to train it.") from None
    if [e["sha256"] for e in known] != [adapter_sha256(e.folder) for e in experts]:
        raise ModelError(f"{folder}: a token router of other adapters. Delete it to train it again.")
    return gate
