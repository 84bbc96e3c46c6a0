"""What people serve with: merged weights, a peft folder, or the folder and the line that vLLM is started with.

Every export is loaded again and its logits are compared with the adapter's on its base before it gets its
name: a wrong one is refused.
"""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from selfspec.errors import ConfigError, ModelError
from selfspec.mixing.apply import TEXT
from selfspec.mixing.bases import MIX, BaseId, check_base, check_modules, common_base, run_of
from selfspec.mixing.deltas import CONFIG, WEIGHTS, Adapter, read_adapter
from selfspec.mixing.methods import combine, plan
from selfspec.mixing.mixer import NAME, adapter_folder, save_adapter
from selfspec.models import Base, attach, detach, load_base, locate, merge
from selfspec.rundir import settings_of

Form = Literal["merged", "peft", "vllm"]
VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM's ``--max-lora-rank`` may be (``MaxLoRARanks`` of vllm/config/lora.py)."""
TEXTS = (TEXT, "### Instruction:\nIs water wet?\n\n### Response:\n", "The price rose by 12.5% to $3,400; why?")
"""What the check reads."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    folder: str
    form: Form
    base: str
    rank: int
    difference: float
    """The largest of a logit, between the export and the adapter on its base."""
    command: str = ""
    """How to serve it with vLLM."""


def export(source: Path, form: str, out: Path, *, name: str = "", model: str = "") -> Exported:
    """Write a run's adapter, or an adapter's folder, as ``form``.

    Raises :class:`ConfigError` for a wrong request and :class:`ModelError` for a wrong adapter or export.
    """
    chosen = _form(form)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: exists. Choose another --out.")
    adapter = read_adapter(name or _name(source), adapter_folder(name or source.name, source))
    if chosen == "vllm":
        served_rank(adapter)
    identity = common_base([adapter], model)
    base = load_base(model or identity.model)
    check_base(base, identity)
    check_modules([adapter], base)
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    difference = _write(chosen, adapter, base, identity, part)
    if out.exists():
        out.rmdir()
    part.replace(out)
    command = serve_line(adapter, base.name, out) if chosen == "vllm" else ""
    return Exported(str(out), chosen, base.name, adapter.rank, difference, command)


def _form(text: str) -> Form:
    for form in get_args(Form):
        if text == form:
            return form  # type: ignore[no-any-return]
    raise ConfigError(f"--to {text}: unknown. Choose one of: {', '.join(get_args(Form))}.")


def _name(source: Path) -> str:
    """The run's domain, else the folder's name: what the adapter is called when it is served."""
    run = run_of(adapter_folder(source.name, source))
    name = settings_of(run).domain if run else source.resolve().name
    return name if NAME.fullmatch(name) else name.replace("+", "-")


def _write(form: Form, adapter: Adapter, base: Base, identity: BaseId, part: Path) -> float:
    """Write the export, load it again and return how far its logits are from the adapter's."""
    before = _with_adapter(base, adapter.folder)
    if form == "merged":
        merged = merge(base, adapter.folder)
        merged.model.save_pretrained(part)
        merged.tokenizer.save_pretrained(part)
        after = _logits(load_base(str(part)))
    else:
        _copy(form, adapter, identity, part)
        after = _with_adapter(base, part)
    difference = max(float((a - b).abs().max()) for a, b in zip(before, after, strict=True))
    largest = max(1.0, *(float(b.abs().max()) for b in before))
    exact = str(base.model.dtype) == "torch.float32"
    if not difference <= (1e-4 if exact else 0.05) * largest:
        shutil.rmtree(part)
        raise ModelError(
            f"{part.with_suffix('')}: the export is not the adapter on its base (logits differ by {difference:.3g}). "
            "Nothing was written; report this with the adapter's configuration."
        )
    return difference


def _copy(form: Form, adapter: Adapter, identity: BaseId, part: Path) -> None:
    """The adapter's own files; for vLLM, which reads one rank and one alpha, uneven ones are evened out."""
    uneven = any(adapter.config.get(key) for key in ("rank_pattern", "alpha_pattern"))
    if form == "vllm" and uneven:
        wanted = plan([adapter], (1.0,), "cat", None, None, 0)
        save_adapter(part, combine([adapter], wanted).modules, wanted.rank, [adapter], identity)
        return
    for file in (CONFIG, WEIGHTS, MIX):
        if (adapter.folder / file).exists():
            shutil.copy2(adapter.folder / file, part / file)


def _with_adapter(base: Base, folder: Path) -> list[Any]:
    around = attach(base, {"export": folder})
    found = _logits(around)
    base.model = detach(around).model
    return found


def _logits(base: Base) -> list[Any]:
    """Logits of each of :data:`TEXTS`, [1, tokens, vocabulary] in float32 on the CPU."""
    import torch

    with torch.no_grad():
        rows = [torch.tensor([base.encode(text)], device=base.model.device) for text in TEXTS]
        return [base.model(row).logits.float().cpu() for row in rows]


def served_rank(adapter: Adapter) -> int:
    """The smallest rank that vLLM offers and the adapter fits into. Raises :class:`ModelError`."""
    fits = [rank for rank in VLLM_RANKS if rank >= adapter.rank]
    if not fits:
        raise ModelError(
            f"adapter {adapter.name!r}: rank {adapter.rank} is more than vLLM's {VLLM_RANKS[-1]}. "
            "Export it with --to merged, or mix it with --method svd --rank 512."
        )
    return fits[0]


def serve_line(adapter: Adapter, model: str, folder: Path) -> str:
    """The command that serves the base with this adapter."""
    modules = f"{adapter.name}={folder.resolve()}"
    parts = ["vllm", "serve", str(locate(model)), "--enable-lora", "--lora-modules", modules]
    return shlex.join([*parts, "--max-lora-rank", str(served_rank(adapter))])
