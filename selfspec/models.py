"""Loading base models and adapters; with ``training.py`` the only importer of peft.

>>> base = load_base("nano")                                         # doctest: +SKIP
>>> base.context, base.sha256[:8]                                    # doctest: +SKIP
(2048, '1f0c9a2e')
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from selfspec.errors import ModelError, PluginError, did_you_mean
from selfspec.installed import MODELS, discover, model_path
from selfspec.rundir import sha256

if TYPE_CHECKING:
    from selfspec.decoding import Limits
    from selfspec.settings import DecodingSettings

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


@dataclass(slots=True)
class Base:
    """A base model in memory, and the adapters around it."""

    name: str
    model: Any
    """A Hugging Face causal model, or the ``PeftModel`` around it; in evaluation mode."""
    tokenizer: Any
    sha256: str
    """Of configuration, weights and tokenizer; for a hub model, of its id and revision."""
    budget: int = 0
    """Rows times tokens that a batch may hold; 0: found from the free memory whenever it decodes."""

    @property
    def context(self) -> int:
        """Most tokens that a prompt and its answer may have together."""
        from selfspec.decoding.budget import context_of

        return context_of(self.model) or 1 << 20

    def encode(self, prompt: str) -> tuple[int, ...]:
        """Token ids of a prompt, begin-of-text token included where the tokenizer has one."""
        return tuple(self.tokenizer(prompt).input_ids)


def load_base(name: str, quantize: Literal["none", "nf4"] = "none") -> Base:
    """Load an installed model package by name, a local folder, or a hub id.

    float32 on a CPU, bfloat16 on a GPU; ``nf4`` is 4-bit by bitsandbytes. Raises
    :class:`ModelError` or :class:`PluginError` in one line.
    """
    source = locate(name)
    _quiet()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    gpu = torch.cuda.is_available()
    options: dict[str, Any] = {"dtype": torch.bfloat16 if gpu else torch.float32}
    if quantize == "nf4":
        options["quantization_config"] = _nf4(torch.bfloat16)
    try:
        model = AutoModelForCausalLM.from_pretrained(source, **options)
        tokenizer = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError, RuntimeError, ImportError) as problem:
        line = str(problem).strip().splitlines()[0]
        raise ModelError(f"model {name!r} cannot be loaded: {line}. Check the name or the folder.") from problem
    if tokenizer.eos_token_id is None:
        raise ModelError(
            f"model {name!r}: its tokenizer has no end-of-text token. Set eos_token in tokenizer_config.json."
        )
    tokenizer.padding_side = "left"
    if gpu and quantize == "none":
        model.to("cuda")
    digest = sha256(model_files(Path(source))) if isinstance(source, Path) else f"{source}@{_revision(model)}"
    return Base(name, model.eval(), tokenizer, digest)


def measured(base: Base, settings: DecodingSettings) -> int:
    """Rows times tokens for which the memory that is free now has room."""
    from selfspec.decoding.budget import token_budget

    return settings.tokens or token_budget(base.model, settings.rows)


def limits(base: Base, settings: DecodingSettings) -> Limits:
    """How much one batch may hold: what the settings say, else what was found for this base."""
    from selfspec.decoding import Limits

    return Limits(settings.rows, settings.tokens or base.budget)


def locate(name: str) -> Path | str:
    """Return the folder of an installed model or a local one, or the hub id, without loading it."""
    installed = sorted({entry.name for entry in discover(MODELS)})
    folder = Path(name).expanduser()
    if name in installed:
        return _checked(model_path(name))
    if folder.is_dir():
        return _checked(folder)
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return name
    known = f"Installed: {', '.join(installed)}." if installed else "None is installed."
    raise PluginError(
        f"no model {name!r}: neither an installed model, a folder, nor a hub id.{did_you_mean(name, installed)} {known}"
    )


def _checked(folder: Path) -> Path:
    if not (folder / "config.json").exists():
        raise ModelError(f"{folder}: no config.json, so no model. Name a folder that save_pretrained wrote.")
    if not any(any(folder.glob(pattern)) for pattern in WEIGHTS):
        raise ModelError(f"{folder}: no weights (*.safetensors). Copy them there or name another folder.")
    return folder


def model_files(folder: Path) -> list[Path]:
    """The files that decide what a model computes, in a fixed order."""
    return sorted(p for pattern in ("*.json", *WEIGHTS) for p in folder.glob(pattern))


def adapter_sha256(folder: Path) -> str:
    """Hash of an adapter's configuration and weights."""
    return sha256([folder / "adapter_config.json", folder / "adapter_model.safetensors"])


def attach(base: Base, adapters: Mapping[str, Path]) -> Base:
    """Put saved adapters around the base; its weights are shared, rows name the one they want."""
    from peft import PeftModel

    model = base.model
    for name, folder in adapters.items():
        if not (folder / "adapter_model.safetensors").exists():
            raise ModelError(f"{folder}: no adapter (adapter_model.safetensors). Run `selfspec train` first.")
        if isinstance(model, PeftModel):
            model.load_adapter(str(folder), adapter_name=name)
        else:
            model = PeftModel.from_pretrained(model, str(folder), adapter_name=name)
    return replace(base, model=model.eval())


def surround(base: Base, adapters: Mapping[str, Path]) -> tuple[Base, dict[str, str]]:
    """Put adapters of any names around the base; return also the name that rows use for each.

    peft refuses names with a dot or ``lora_`` in them.
    """
    names = {name: f"adapter{number}" for number, name in enumerate(adapters, 1)}
    return attach(base, {names[name]: folder for name, folder in adapters.items()}), names


def merge(base: Base, folder: Path) -> Base:
    """Add an adapter's deltas to the base's weights, for good; the base is the merged model then.

    Raises :class:`ModelError` when a merged weight is no number.
    """
    try:
        base.model = attach(base, {"merged": folder}).model.merge_and_unload(safe_merge=True).eval()
    except ValueError as problem:
        raise ModelError(f"{folder}: cannot be merged ({problem}). Train it again.") from None
    return base


def detach(base: Base) -> Base:
    """Take all adapters off again."""
    model = base.model.unload() if hasattr(base.model, "peft_config") else base.model
    return replace(base, model=model.eval())


def _nf4(compute: Any) -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute)


def _revision(model: Any) -> str:
    return str(getattr(model.config, "_commit_hash", None) or "unknown")


def _quiet() -> None:
    """Keep the libraries' own bars and notices off the screen; errors still come as exceptions."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("BITSANDBYTES_NOWELCOME", "1")
    import logging
    import warnings

    from transformers.utils import logging as hf

    hf.set_verbosity_error()
    hf.disable_progress_bar()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="bitsandbytes|peft|torch|transformers")
