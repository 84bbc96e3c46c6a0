"""Which base an adapter belongs to, and whether several adapters share one.

Known, in this order, from the ``mix.json`` beside a mix, from the ``run.yaml`` of the run that the
adapter lies in, or from ``base_model_name_or_path`` in its configuration.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfspec.errors import ModelError, SelfspecError, did_you_mean
from selfspec.mixing.deltas import Adapter
from selfspec.models import Base, load_base, locate, model_files
from selfspec.rundir import RECORD, hashes_of, settings_of, sha256

MIX = "mix.json"


@dataclass(frozen=True, slots=True)
class BaseId:
    """A base model's identity as far as it is known."""

    model: str
    """As ``--model`` takes it."""
    sha256: str = ""
    """Of its files; of a hub model its id and revision; empty: unknown."""

    def is_same(self, other: BaseId) -> bool:
        """Whether both are known to be one model: by hash, or by name when a hash is missing."""
        if self.sha256 and other.sha256:
            return self.sha256 == other.sha256
        return bool(self.model) and self.model == other.model

    def __str__(self) -> str:
        return f"{self.model or 'unknown'}" + (f" ({self.sha256[:12]})" if self.sha256 else "")


def run_of(folder: Path) -> Path | None:
    """The run directory that an adapter's folder lies in (``RUN/iteration-N/adapter``), if any."""
    run = folder.resolve().parent.parent
    return run if (run / RECORD).exists() else None


def base_of(adapter: Adapter) -> BaseId:
    """The base that an adapter says it was trained on."""
    named = str(adapter.config.get("base_model_name_or_path") or "")
    if (path := adapter.folder / MIX).exists():
        try:
            recorded = json.loads(path.read_bytes())["base"]
            return BaseId(str(recorded["model"]), str(recorded["sha256"]))
        except (ValueError, KeyError, TypeError):
            raise ModelError(f"adapter {adapter.name!r}: {path} is damaged. Mix it again.") from None
    if run := run_of(adapter.folder):
        return BaseId(settings_of(run).model, hashes_of(run).get("base", ""))
    return BaseId(named, _local_hash(named))


def _local_hash(model: str) -> str:
    """Hash of a base that lies on this machine, else empty."""
    source = _located(model)
    return sha256(model_files(source)) if isinstance(source, Path) else ""


def _located(model: str) -> Path | str | None:
    try:
        return locate(model) if model else None
    except SelfspecError:
        return None


def common_base(adapters: Sequence[Adapter], model: str = "") -> BaseId:
    """The one base of all adapters; ``model`` stands in where an adapter names none.

    Raises :class:`ModelError` when two adapters are of different bases, or it cannot be told.
    """
    given = BaseId(model, _local_hash(model)) if model else None
    found = [base_of(adapter) for adapter in adapters]
    for adapter, base in zip(adapters, found, strict=True):
        if not base.model and not base.sha256 and given is None:
            raise ModelError(f"adapter {adapter.name!r} ({adapter.folder}): names no base. Say which: --model MODEL.")
    known = [base if base.model or base.sha256 or given is None else given for base in found]
    first = given or known[0]
    for adapter, base in zip(adapters, known, strict=True):
        if not base.is_same(first):
            other = "--model" if given else repr(adapters[0].name)
            raise ModelError(
                f"adapter {adapter.name!r} is of base {base}, {other} of {first}. Mix adapters of one base."
            )
    return next((base for base in [first, *known] if base.sha256 and base.model), first)


def load_available(base: BaseId, adapters: Sequence[Adapter]) -> Base | None:
    """Load the base when it lies on this machine; ``None`` otherwise."""
    names = [base.model, *(str(a.config.get("base_model_name_or_path") or "") for a in adapters)]
    model = next((name for name in dict.fromkeys(names) if _is_here(name)), None)
    if model is None:
        return None
    return load_base(model)


def check_base(loaded: Base, base: BaseId) -> None:
    """Raise :class:`ModelError` when a loaded base is not the one that the adapters were trained on."""
    if base.sha256 and loaded.sha256 != base.sha256:
        raise ModelError(
            f"base {loaded.name!r} (sha256 {loaded.sha256[:12]}) is not the one that the adapters were trained on "
            f"({base.sha256[:12]}). Put the old one back."
        )


def _is_here(model: str) -> bool:
    """Whether a model can be loaded without fetching anything."""
    source = _located(model)
    if not isinstance(source, str):
        return source is not None
    from huggingface_hub import snapshot_download

    try:
        snapshot_download(source, local_files_only=True)
    except (OSError, ValueError):
        return False
    return True


def check_modules(adapters: Sequence[Adapter], base: Base) -> None:
    """Every module that an adapter touches must be a linear layer of the base, of the same shape."""
    layers = {name: layer for name, layer in base.model.named_modules() if getattr(layer, "weight", None) is not None}
    for adapter in adapters:
        for module, factors in adapter.modules.items():
            if module not in layers:
                raise ModelError(
                    f"adapter {adapter.name!r}: unknown target module {module!r}: base {base.name!r} has none of that "
                    f"name.{did_you_mean(module, layers)} Is it another base's adapter?"
                )
            shape = _shape(layers[module])
            if sorted(shape) != sorted(factors.shape):
                raise ModelError(
                    f"adapter {adapter.name!r}: module {module!r} is {factors.shape[0]} x {factors.shape[1]}, in base "
                    f"{base.name!r} {' x '.join(map(str, shape))}. It is another base's adapter."
                )


def _shape(layer: Any) -> tuple[int, ...]:
    """(out, in) of a linear layer; in 4 bits its weight is packed and has another."""
    if hasattr(layer, "out_features"):
        return layer.out_features, layer.in_features
    return tuple(layer.weight.shape)
