"""Deltas on a base in memory without touching its weights, and the check of a written adapter.

A layer with weight W + D gives x Wᵀ + x Dᵀ, so a forward hook that adds x Aᵀ Bᵀ to a layer's output is
the layer with the delta on its weight. The hooks read the mixing weights when they are called: the
search of :mod:`selfspec.mixing.search` changes them between two forward passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from selfspec.errors import ModelError
from selfspec.mixing.deltas import Factors, Modules
from selfspec.models import Base, attach, detach

TEXT = "Below is an instruction that describes a task. Name two cities and 3 + 4 of the things they are known for."
"""What the check reads."""


@contextmanager
def applied(model: Any, terms: Sequence[Modules], weights: Sequence[float]) -> Iterator[None]:
    """Put sum_i w_i D_i on the base inside the block; ``weights`` may be a list that changes."""
    hooks = []
    for name, layer in model.named_modules():
        own = [(i, _moved(t[name], layer.weight.device)) for i, t in enumerate(terms) if name in t]
        if own:
            hooks.append(layer.register_forward_hook(_hook(own, weights)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _moved(factors: Factors, device: torch.device) -> Factors:
    return Factors(factors.a.to(device), factors.b.to(device))


def _hook(own: Sequence[tuple[int, Factors]], weights: Sequence[float]) -> Any:
    def add(_layer: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        x, linear = inputs[0].float(), torch.nn.functional.linear
        for i, f in own:
            if weights[i]:
                output = output + (weights[i] * linear(linear(x, f.a), f.b)).to(output.dtype)
        return output

    return add


@torch.no_grad()
def check_reload(base: Base, folder: Path, terms: Sequence[Modules], weights: Sequence[float]) -> float:
    """Load the written adapter the ordinary way and compare its logits with the weighted deltas'.

    Returns the largest difference of a logit. Raises :class:`ModelError` when it is more than rounding.
    """
    ids = torch.tensor([base.encode(TEXT)], device=base.model.device)
    with applied(base.model, terms, weights):
        expected = base.model(ids).logits.float()
    reloaded = attach(base, {"mix": folder})
    found = reloaded.model(ids).logits.float()
    base.model = detach(reloaded).model
    difference = float((found - expected).abs().max())
    tolerance = 1e-4 if base.model.dtype == torch.float32 else 0.05
    if not difference <= tolerance * max(1.0, float(expected.abs().max())):
        raise ModelError(
            f"{folder}: the written mix is not the weighted sum (logits differ by {difference:.3g}). "
            "Report this with the adapters' configurations."
        )
    return difference
