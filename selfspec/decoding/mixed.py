"""Rows of several adapters, and of none, in one batch over one set of weights.

peft's own mixed-adapter batches hang a hook on every layer in every pass, and each layer looks for its rows by
itself. Here an adapter's rows are found once a pass. Where a layer is more than ``W x + s B A x`` (DoRA, trained
embeddings, saved modules, other methods), peft serves: one adapter at a time always, several where it can.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from selfspec.errors import ModelError

KINDS = frozenset({"Linear", "Linear4bit", "Linear8bitLt"})


@dataclass(frozen=True, slots=True)
class Places:
    """Where the rows of each adapter stand in a batch, and their tokens where a model flattens it."""

    count: int
    length: int
    rows: dict[str, Tensor]
    tokens: dict[str, Tensor]

    def of(self, x: Tensor) -> dict[str, Tensor | None]:
        """Each adapter's part of a layer's input, along its first dimension; ``None``: all of it."""
        if any(len(mine) == self.count for mine in self.rows.values()):
            return dict.fromkeys(self.rows)
        whole, mine = (self.count, self.rows) if x.dim() > 2 else (self.count * self.length, self.tokens)
        if self.rows and len(x) != whole:
            raise ModelError(
                f"a layer sees {len(x)} inputs of {whole}, as the experts of a mixture do, so that the rows of several "
                "adapters cannot be told apart. Train adapters on the attention alone (target_modules)."
            )
        return {**mine}


class Served:
    """A model whose rows may name adapters; its layers are looked through once, not in every pass.

    ``model`` may be a ``PeftModel``, a model that LoRA layers were put into, or, where no row names an adapter, any
    causal model. Raises :class:`ModelError` for adapters that only the ``PeftModel`` around it could serve.
    """

    def __init__(self, model: Any) -> None:
        self.model, self.device = model, model.device
        self.known = getattr(model, "peft_config", {})
        self.tuned = _tuned(model) if self.known else []
        self.plain = all(map(_is_plain, self.tuned))
        wrapped = hasattr(model, "get_base_model")
        if not (self.plain or wrapped):
            raise ModelError("the model's adapters are more than plain LoRA. Give the PeftModel around it instead.")
        self.base = model.get_base_model() if wrapped else model

    @contextmanager
    def rows(self, adapters: Sequence[str | None], length: int) -> Iterator[Any]:
        """While this lasts, the model that is given back takes row ``i`` through ``adapters[i]``, or ``None``.

        ``length`` is the number of new tokens in each row. Raises :class:`ModelError` for an adapter that the
        model does not have, and for adapters that cannot share a batch.
        """
        self._check(adapters)
        if not self.plain:
            with _by_peft(self.model, adapters, self.tuned) as served:
                yield served
            return
        places = _places(adapters, length, self.device)
        try:
            for layer in self.tuned:
                layer.__dict__["forward"] = functools.partial(_forward, layer, places)
            yield self.base
        finally:
            for layer in self.tuned:
                layer.__dict__.pop("forward", None)

    def _check(self, adapters: Sequence[str | None]) -> None:
        for name in sorted({name for name in adapters if name}):
            if name not in self.known:
                has = ", ".join(sorted(self.known)) or "none"
                raise ModelError(f"the model has no adapter {name!r}. It has: {has}.")
            if self.known[name].is_prompt_learning:
                raise ModelError(f"adapter {name!r} is a learned prompt, which cannot be served in a batch. Use LoRA.")


def _tuned(model: Any) -> list[Any]:
    """The layers that an adapter has changed."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    return [m for m in model.modules() if isinstance(m, BaseTunerLayer | AuxiliaryTrainingWrapper)]


def _is_plain(layer: Any) -> bool:
    from peft.tuners.lora import LoraLayer

    lora = isinstance(layer, LoraLayer) and type(layer).__name__ in KINDS
    return lora and not layer.merged and not layer.lora_variant


@contextmanager
def _by_peft(model: Any, adapters: Sequence[str | None], tuned: Sequence[Any]) -> Iterator[Any]:
    """One adapter, or none, by switching to it; several by peft's mixed batches."""
    if set(adapters) == {None}:
        with model.disable_adapter():
            yield model
    elif len(set(adapters)) == 1:
        before = list(model.active_adapters)
        model.base_model.set_adapter(adapters[0])
        try:
            yield model
        finally:
            model.base_model.set_adapter(before)
    elif (unfit := next((layer for layer in tuned if not _can_mix(layer)), None)) is not None:
        raise ModelError(
            f"adapters on layers of the kind {type(unfit).__module__.rsplit('.', 1)[0]}.{type(unfit).__name__} cannot "
            "share a batch with other rows, as Eq. 3 and mixed requests need. Use plain LoRA on linear layers."
        )
    else:
        yield functools.partial(model, adapter_names=[name or "__base__" for name in adapters])


def _can_mix(layer: Any) -> bool:
    from peft.tuners.lora import LoraLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    if isinstance(layer, AuxiliaryTrainingWrapper):
        return True
    return isinstance(layer, LoraLayer) and type(layer).__name__ != "ParamWrapper" and not layer.lora_variant


def _places(adapters: Sequence[str | None], length: int, device: torch.device) -> Places:
    named: dict[str, list[int]] = {}
    for i, name in enumerate(adapters):
        if name:
            named.setdefault(name, []).append(i)
    rows = {name: torch.tensor(mine, device=device) for name, mine in named.items()}
    steps = torch.arange(length, device=device)
    tokens = {name: (mine[:, None] * length + steps).flatten() for name, mine in rows.items()}
    return Places(len(adapters), length, rows, tokens)


def _forward(layer: Any, places: Places, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``W x`` for all rows, and ``s B A x`` for those of each adapter; ``x`` is [rows, length, width] or flattened."""
    result: Tensor = layer.base_layer(x, *args, **kwargs)
    for name, mine in places.of(x).items():
        if name in layer.lora_A:
            down, up = layer.lora_A[name], layer.lora_B[name]
            part = x if mine is None else x.index_select(0, mine)
            delta = F.linear(F.linear(part.to(down.weight.dtype), down.weight), up.weight, up.bias).to(result.dtype)
            if mine is None:
                result.add_(delta, alpha=layer.scaling[name])
            else:
                result.index_add_(0, mine, delta, alpha=layer.scaling[name])
    return result
