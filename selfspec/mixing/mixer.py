"""From ``name=RUN`` texts to a written, checked adapter: the whole of ``selfspec mix``.

The folder holds ``adapter_model.safetensors``, ``adapter_config.json`` (scaling 1, one rank for all
modules, so anything that reads peft's format reads it) and ``mix.json``, the record.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from selfspec import jsonl
from selfspec.errors import ConfigError, ModelError, YieldError
from selfspec.mixing.apply import check_reload
from selfspec.mixing.bases import MIX, BaseId, check_base, check_modules, common_base, load_available, run_of
from selfspec.mixing.deltas import CONFIG, WEIGHTS, Adapter, Modules, read_adapter
from selfspec.mixing.methods import Combined, Plan, check_method, combine, plan
from selfspec.mixing.search import SEEDS, Tuning, Wanted, tune
from selfspec.models import Base, adapter_sha256
from selfspec.progress import say
from selfspec.rundir import RECORD, settings_of

NAME = re.compile(r"\w[\w.-]*")
TUNED = ("search", "grid")


@dataclass(frozen=True, slots=True)
class Mix:
    """What was written; ``mix.json`` is this."""

    folder: str
    method: str
    rank: int
    density: float
    seed: int
    adapters: list[dict[str, Any]]
    """Name, path, sha256, rank and weight of each."""
    base: BaseId
    error: float
    """Relative to the weighted sum of the deltas; see :class:`selfspec.mixing.methods.Combined`."""
    rank_error: float
    """What the SVD left out of the method's result, relative to it."""
    reload_difference: float | None
    """Largest difference of a logit after a reload; ``None``: the base is not on this machine."""
    tuning: dict[str, Any] = field(default_factory=dict)
    """What ``search`` or ``grid`` looked at; empty for given weights."""


def mix(
    sources: Sequence[str],
    weights: str = "",
    out: Path = Path("mix"),
    *,
    method: str = "cat",
    rank: int | None = None,
    density: float | None = None,
    seed: int = 0,
    model: str = "",
    domains: Sequence[str] = (),
    tuning_seeds: int = SEEDS,
    loaded: Base | None = None,
) -> Mix:
    """Mix the adapters of ``sources`` (``name=RUN_OR_ADAPTER``) and write the result to ``out``.

    ``weights`` are numbers with commas, one for each source, or ``search`` or ``grid``; equal parts when
    empty. ``domains`` are the ones to tune for, by default those of the sources. ``loaded`` is the base, without
    adapters, where it is in memory already.
    Raises :class:`ConfigError` for a wrong request and :class:`ModelError` for a wrong adapter.
    """
    named = [parse_source(source) for source in sources]
    check_request(named, weights, out, method, rank, density)
    adapters = [read_adapter(name, adapter_folder(name, path)) for name, path in named]
    identity = common_base(adapters, model)
    wanted = plan(adapters, parse_weights(weights, adapters), method, rank, density, seed)
    base = loaded or load_available(identity, adapters)
    if base is not None:
        check_base(base, identity)
        identity = BaseId(identity.model, base.sha256)
        check_modules(adapters, base)
    tuning = None
    if weights in TUNED:
        tuning = _tuned(base, adapters, weights, domains, tuning_seeds)
        if not any(tuning.best):
            raise YieldError(f"--weights {weights}: the base alone has the lowest loss. Give the weights yourself.")
        wanted = plan(adapters, tuning.best, method, rank, density, seed)
    return _write(adapters, wanted, identity, base, out, tuning)


def parse_source(text: str) -> tuple[str, Path]:
    """Read ``NAME=RUN_OR_ADAPTER``. Raises :class:`ConfigError`."""
    name, equals, path = text.partition("=")
    if not equals or not path or not NAME.fullmatch(name):
        raise ConfigError(f"adapter {text!r}: must be NAME=RUN or NAME=FOLDER. Example: biomed=runs/biomed-quick.")
    return name, Path(path)


def check_request(
    named: Sequence[tuple[str, Path]], weights: str, out: Path, method: str, rank: int | None, density: float | None
) -> None:
    """Refuse what can be seen to be wrong before anything is read."""
    names = [name for name, _ in named]
    if not names:
        raise ConfigError("no adapter to mix. Example: selfspec mix biomed=runs/a finance=runs/b --out both.")
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ConfigError(f"two adapters are named {twice!r}. Give each a name of its own.")
    check_method(method, rank, density)
    parse_weights(weights, names)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: exists. Choose another --out.")


def parse_weights(text: str, adapters: Sequence[Any]) -> tuple[float, ...]:
    """Read ``0.6,0.4``; equal parts when empty or still to be tuned. Raises :class:`ConfigError`."""
    if not text or text in TUNED:
        return (1 / len(adapters),) * len(adapters)
    try:
        weights = tuple(float(part) for part in text.split(","))
    except ValueError:
        weights = (math.nan,)
    if not all(map(math.isfinite, weights)):
        raise ConfigError(f"--weights {text!r}: must be numbers with commas, e.g. 0.6,0.4, or search, or grid.")
    if len(weights) != len(adapters):
        raise ConfigError(f"--weights {text}: {len(weights)} for {len(adapters)} adapters. Give one for each.")
    if not any(weights):
        raise ConfigError(f"--weights {text}: all are zero, which is the base itself. Raise one.")
    return weights


def adapter_folder(name: str, path: Path) -> Path:
    """The adapter of a run's last finished iteration, or the folder itself."""
    if not path.exists():
        raise ConfigError(f"adapter {name!r}: {path}: no such run or folder. Check the path.")
    if not (path / RECORD).exists():
        return path
    found = {int(p.parent.name.split("-")[1]): p for p in path.glob("iteration-[0-9]*/adapter")}
    if not found:
        raise ModelError(f"adapter {name!r}: run {path} has no adapter yet. Run `selfspec train {path}` first.")
    return found[max(found)]


def _tuned(base: Base | None, adapters: Sequence[Adapter], how: str, domains: Sequence[str], seeds: int) -> Tuning:
    if base is None:
        raise ModelError(f"--weights {how}: needs the base, which is not on this machine. Install it, or give weights.")
    own = {w.domain: w for w in map(_wanted, adapters)}
    wanted = [own.get(name, Wanted(name)) for name in domains or own]
    return tune(base, [adapter.modules for adapter in adapters], how, wanted, seeds)


def _wanted(adapter: Adapter) -> Wanted:
    """The domain of an adapter: its run's, else the one that it is named after."""
    if run := run_of(adapter.folder):
        settings = settings_of(run)
        return Wanted(settings.domain, settings.training.template, settings.held_out)
    return Wanted(adapter.name)


def _write(
    adapters: Sequence[Adapter], wanted: Plan, identity: BaseId, base: Base | None, out: Path, tuning: Tuning | None
) -> Mix:
    """Write beside ``out``, reload and compare, then rename: a wrong or half mix never has the name."""
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    made = combine(adapters, wanted)
    save_adapter(part, made.modules, wanted.rank, adapters, identity)
    exact = wanted.method == "cat"
    terms, weights = ([a.modules for a in adapters], wanted.weights) if exact else ([made.modules], (1.0,))
    difference = None if base is None else check_reload(base, part, terms, weights)
    if difference is None:
        say(f"base {identity} is not on this machine, so the mix was not reloaded and compared.")
    result = _described(adapters, wanted, identity, made, out, difference, tuning)
    record = {name: value for name, value in asdict(result).items() if name != "folder"}
    jsonl.write_text(part / MIX, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    part.replace(out)
    return result


def _described(
    adapters: Sequence[Adapter],
    wanted: Plan,
    identity: BaseId,
    made: Combined,
    out: Path,
    difference: float | None,
    tuning: Tuning | None,
) -> Mix:
    return Mix(
        folder=str(out),
        method=wanted.method,
        rank=wanted.rank,
        density=wanted.density,
        seed=wanted.seed,
        adapters=[
            {"name": a.name, "path": str(a.folder), "sha256": adapter_sha256(a.folder), "rank": a.rank, "weight": w}
            for a, w in zip(adapters, wanted.weights, strict=True)
        ],
        base=identity,
        error=made.error,
        rank_error=made.rank_error,
        reload_difference=difference,
        tuning=tuning.to_dict() if tuning else {},
    )


def save_adapter(folder: Path, modules: Modules, rank: int, adapters: Sequence[Adapter], base: BaseId) -> None:
    """Write the factors as peft reads them: alpha = r, so that the scaling is 1."""
    from safetensors.torch import save_file

    tensors = {}
    for name, factors in modules.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = factors.a.contiguous()
        tensors[f"base_model.model.{name}.lora_B.weight"] = factors.b.contiguous()
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    first = adapters[0].config
    config = {
        "base_model_name_or_path": first.get("base_model_name_or_path") or base.model or None,
        "bias": "none",
        "fan_in_fan_out": bool(first.get("fan_in_fan_out")),
        "inference_mode": True,
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": rank,
        "revision": first.get("revision"),
        "target_modules": list(modules),
        "task_type": first.get("task_type"),
        "use_rslora": False,
    }
    jsonl.write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")
