"""All figures of an exported model: bits per byte, copying, reading and list probes.

``full_report(weights, out)`` is what ``python -m recipe probe`` prints.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from .answers import answer_probes, list_probe, show
from .bytes import bits_per_byte
from .library import Library
from .probes import copy_probes, drill_probes
from .store import RecipeError


def full_report(weights: Path, out: Path, count: int = 48) -> dict[str, Any]:
    """Everything the model card states; held-out text of ``out`` only."""
    if not (weights / "model.safetensors").exists():
        raise RecipeError(f"{weights} has no model.safetensors: run `python -m recipe export` first")
    model = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32).eval()
    tokenizer = Tokenizer.from_file(str(weights / "tokenizer.json"))
    held = Library.load(out, held_out=True)
    bits = bits_per_byte(model, tokenizer, held)
    return {
        "bits_per_byte": bits,
        "copying": copy_probes(model, tokenizer, held, rows=48),
        "drills": drill_probes(model, tokenizer, held),
        "answers": answer_probes(model, tokenizer, held, count),
        "lists": list_probe(model, tokenizer, held),
        "shown": show(model, tokenizer, held),
    }
