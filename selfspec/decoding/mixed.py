"""Rows of several adapters, and of none, in one batch over one set of weights.

peft's own mixed-adapter batches hang a hook on every layer in every pass, and each layer looks for its rows by
itself. Here an adapter's rows are found once a pass. Layers that are more than ``W x + s B A x`` (DoRA, trained
embeddings, saved modules) are left to peft.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from selfspec.errors import ModelError

KINDS = frozenset({"Linear", "Linear4bit", "Linear8bitLt"})


@contextmanager
def serving(model: Any, adapters: Sequence[str | None]) -> Iterator[Any]:
    """While this lasts, the model that is given back takes row ``i`` of its batch through ``adapters[i]``, or ``None``.

    ``model`` may be a ``PeftModel``, a model that LoRA layers were put into, or, where no row names an adapter, any
    causal model. Raises :class:`ModelError` for an adapter that the model does not have.
    """
    known = getattr(model, "peft_config", {})
    if missing := sorted({name for name in adapters if name and name not in known}):
        raise ModelError(f"the model has no adapter {missing[0]!r}. It has: {', '.join(sorted(known)) or 'none'}.")
    layers = _layers(model) if known else []
    wrapped = hasattr(model, "get_base_model")
    if known and not layers:
        if not wrapped:
            raise ModelError("the model's adapters are more than plain LoRA. Give the PeftModel around it instead.")
        yield functools.partial(model, adapter_names=[name or "__base__" for name in adapters])
        return
    rows = _rows(adapters, model.device)
    try:
        for layer in layers:
            layer.__dict__["forward"] = functools.partial(_forward, layer, rows)
        yield model.get_base_model() if wrapped else model
    finally:
        for layer in layers:
            layer.__dict__.pop("forward", None)


def _layers(model: Any) -> list[Any]:
    """The model's LoRA layers; none if one of its adapters is anything else."""
    from peft.tuners.lora import LoraLayer
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    tuned = [m for m in model.modules() if isinstance(m, BaseTunerLayer | AuxiliaryTrainingWrapper)]
    plain = all(isinstance(m, LoraLayer) and _is_plain(m) for m in tuned)
    return tuned if plain else []


def _is_plain(layer: Any) -> bool:
    return type(layer).__name__ in KINDS and not layer.merged and not layer.lora_variant


def _rows(adapters: Sequence[str | None], device: torch.device) -> dict[str, Tensor]:
    """Where each adapter's rows stand in the batch."""
    places: dict[str, list[int]] = {}
    for i, name in enumerate(adapters):
        if name:
            places.setdefault(name, []).append(i)
    return {name: torch.tensor(rows, device=device) for name, rows in places.items()}


def _forward(layer: Any, rows: dict[str, Tensor], x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``W x`` for all rows [rows, length, width], and ``s B A x`` for those of each adapter."""
    result: Tensor = layer.base_layer(x, *args, **kwargs)
    for name, mine in rows.items():
        if name in layer.lora_A:
            down, up = layer.lora_A[name], layer.lora_B[name]
            part = x if len(mine) == len(x) else x.index_select(0, mine)
            delta = F.linear(F.linear(part.to(down.weight.dtype), down.weight), up.weight, up.bias)
            result.index_add_(0, mine, delta.to(result.dtype), alpha=layer.scaling[name])
    return result
