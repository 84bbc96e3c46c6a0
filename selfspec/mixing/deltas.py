"""Saved LoRA adapters as what they add to the base's weights: one pair of factors a module.

A module's delta is ``B @ A * scaling``, scaling = alpha / r, or alpha / sqrt(r) for rsLoRA
(Kalajdzievski 2023, arXiv:2312.03732), each with its own rank and alpha where the configuration's
``rank_pattern`` and ``alpha_pattern`` say so. Whatever is more than such a delta (DoRA, biases, whole
modules) is refused here, because no sum of deltas can hold it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from selfspec.errors import ModelError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
KEY = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")
UNSUPPORTED = {
    "use_dora": "DoRA scales whole weights",
    "lora_bias": "it has biases",
    "modules_to_save": "it replaces whole modules",
    "trainable_token_indices": "it replaces token embeddings",
    "target_parameters": "it targets parameters that are no modules",
    "layer_replication": "it changes the base's layers",
    "alora_invocation_tokens": "aLoRA works on some tokens only",
    "use_qalora": "QA-LoRA pools its inputs",
    "use_bdlora": "BD-LoRA's factors are block-diagonal",
    "arrow_config": "Arrow routes between adapters",
    "kasa_config": "KaSA changes the base's weights",
    "velora_config": "VeLoRA compresses its inputs",
    "monteclora_config": "MonteCLoRA samples its factors",
}
"""Settings of peft that make an adapter more than deltas, and why."""
PLAIN_INITS = (True, False, None, "gaussian", "eva", "orthogonal")
"""Ways to begin that leave the base's weights as they are; PiSSA, OLoRA, LoftQ and others do not."""


@dataclass(frozen=True, slots=True)
class Factors:
    """One module's delta, ``b @ a``."""

    a: Tensor
    """[rank, in], float32."""
    b: Tensor
    """[out, rank], float32, the scaling folded in."""

    @property
    def delta(self) -> Tensor:
        """What is added to the weight, [out, in]."""
        return self.b @ self.a

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in)."""
        return self.b.shape[0], self.a.shape[1]


Modules = dict[str, Factors]
"""Factors by the module's full name in the base: ``model.layers.0.self_attn.q_proj``."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A saved adapter that has been read and checked."""

    name: str
    folder: Path
    config: Mapping[str, Any]
    modules: Modules

    @property
    def rank(self) -> int:
        """The largest rank of its modules."""
        return max(f.a.shape[0] for f in self.modules.values())


def read_adapter(name: str, folder: Path) -> Adapter:
    """Read an adapter that peft saved. Raises :class:`ModelError` when it is damaged or more than deltas."""
    config = _config(name, folder)
    tensors = _tensors(name, folder / WEIGHTS)
    modules = dict(_modules(name, folder, config, tensors))
    if not modules:
        raise ModelError(f"adapter {name!r} ({folder}): has no LoRA weights. Train it again.")
    _check_targets(name, folder, config["target_modules"], list(modules))
    return Adapter(name, folder, config, modules)


def union(adapters: Sequence[Adapter]) -> dict[str, tuple[int, int]]:
    """Every module that any adapter touches, sorted, with its shape (out, in).

    Raises :class:`ModelError` when two adapters disagree on a shape, so cannot be of one base.
    """
    shapes: dict[str, tuple[int, int]] = {}
    for adapter in adapters:
        for module, factors in adapter.modules.items():
            if shapes.setdefault(module, factors.shape) != factors.shape:
                raise ModelError(
                    f"adapter {adapter.name!r}: module {module!r} is {_by(factors.shape)}, in another adapter "
                    f"{_by(shapes[module])}. They are of different bases; mix adapters of one."
                )
    return dict(sorted(shapes.items()))


def _by(shape: tuple[int, int]) -> str:
    return f"{shape[0]} x {shape[1]}"


def _config(name: str, folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelError(
            f"adapter {name!r}: {folder} has no {CONFIG}. Name a run with a trained adapter, or an adapter's folder."
        ) from None
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise ModelError(f"adapter {name!r}: {path} is damaged (no JSON object). Restore the file.")
    if reason := _unsupported(config):
        raise ModelError(f"adapter {name!r} ({folder}): cannot be mixed: {reason}. Mix plain LoRA adapters.")
    if not _sound(config):
        raise ModelError(
            f"adapter {name!r}: {path} is damaged (r, lora_alpha, target_modules or a pattern). Restore the file."
        )
    return config


def _unsupported(config: Mapping[str, Any]) -> str:
    """Why an adapter is more than deltas, or nothing."""
    if config.get("peft_type", "LORA") != "LORA":
        return f"it is {config['peft_type']}, not LORA"
    if config.get("bias", "none") != "none":
        return f"it trains biases (bias={config['bias']!r})"
    if config.get("init_lora_weights", True) not in PLAIN_INITS:
        return f"it began with init_lora_weights={config['init_lora_weights']!r}, which changes the base's weights"
    return next((f"{why} ({key})" for key, why in UNSUPPORTED.items() if config.get(key)), "")


def _sound(config: Mapping[str, Any]) -> bool:
    """Whether what the deltas depend on has the right types."""
    patterns = [config.get(name) or {} for name in ("rank_pattern", "alpha_pattern")]
    if not all(isinstance(pattern, dict) for pattern in patterns):
        return False
    ranks, alphas = [config.get("r"), *patterns[0].values()], [config.get("lora_alpha"), *patterns[1].values()]
    return (
        all(type(r) is int and r > 0 for r in ranks)
        and all(type(a) in (int, float) and math.isfinite(a) for a in alphas)
        and isinstance(config.get("target_modules"), str | list)
    )


def _tensors(name: str, path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.exists():
        raise ModelError(f"adapter {name!r}: {path.parent} has no {WEIGHTS}. Save it as safetensors, or train it.")
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, ValueError, OSError) as problem:
        line = str(problem).strip().splitlines()[0]
        raise ModelError(f"adapter {name!r}: {path} is damaged ({line}). Copy it again, or train it again.") from None
    for key, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"adapter {name!r}: {path}: NaN or infinity in {key}. Train it again.")
    return tensors


def _modules(
    name: str, folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> Iterator[tuple[str, Factors]]:
    pairs: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if not (found := KEY.fullmatch(key)) or tensor.ndim != 2:
            raise ModelError(
                f"adapter {name!r} ({folder}): {key} is no LoRA factor of a linear layer, so it cannot be mixed. "
                "Train without embeddings, convolutions, biases and saved modules."
            )
        pairs.setdefault(found[1], {})[found[2]] = tensor.float()
    for module, pair in pairs.items():
        rank, scaling = _rank_and_scaling(config, module)
        if len(pair) != 2 or pair["A"].shape[0] != rank or pair["B"].shape[1] != rank:
            shapes = ", ".join(f"{k} {tuple(t.shape)}" for k, t in sorted(pair.items()))
            raise ModelError(
                f"adapter {name!r} ({folder}): {module} has factors {shapes}, but {CONFIG} says rank {rank}. "
                "Copy both files again."
            )
        yield module, Factors(pair["A"], pair["B"] * scaling)


def _rank_and_scaling(config: Mapping[str, Any], module: str) -> tuple[int, float]:
    rank = _pattern(config.get("rank_pattern") or {}, module, config["r"])
    alpha = _pattern(config.get("alpha_pattern") or {}, module, config["lora_alpha"])
    return rank, alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _pattern(patterns: Mapping[str, Any], module: str, default: Any) -> Any:
    """The value of the first pattern that the module's name ends in, as peft's ``get_pattern_key``."""
    return next((v for key, v in patterns.items() if _matches(rf"(.*\.)?({key})", module)), default)


def _matches(pattern: str, module: str) -> bool:
    try:
        return re.fullmatch(pattern, module) is not None
    except re.error:
        return False


def _check_targets(name: str, folder: Path, targets: str | list[str], modules: Sequence[str]) -> None:
    """Weights and ``target_modules`` must speak of the same modules, or peft drops some in silence."""
    if targets == "all-linear":
        return
    wanted = [targets] if isinstance(targets, str) else [rf"(.*\.)?{re.escape(str(t))}" for t in targets]
    shown = [targets] if isinstance(targets, str) else targets
    for pattern, target in zip(wanted, shown, strict=True):
        if not any(_matches(pattern, module) for module in modules):
            raise ModelError(
                f"adapter {name!r} ({folder}): unknown target module {target!r}: {WEIGHTS} has no weights for it. "
                f"Mend target_modules in {CONFIG}, or train it again."
            )
    for module in modules:
        if not any(_matches(pattern, module) for pattern in wanted):
            raise ModelError(
                f"adapter {name!r} ({folder}): unknown target module {module!r}: {CONFIG} does not name it. "
                "Copy both files again."
            )
