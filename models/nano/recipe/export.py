"""Write a checkpoint as a folder that ``AutoModelForCausalLM.from_pretrained`` and ``AutoTokenizer`` read.

``python -m recipe export --out DIR --run main --to selfspec_nano/weights`` replaces the files one by one, atomically.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import torch
from transformers import GenerationConfig

from . import tokenizer as tokens_of
from .model import CONTEXT, build, size_of
from .store import RecipeError

LIMIT = 32 * 1024 * 1024  # bytes of weights
FILES = ("tokenizer.json", "tokenizer_config.json", "config.json", "generation_config.json", "model.safetensors")


def export(out: Path, run: str, target: Path) -> Path:
    """bf16 safetensors, configuration and tokenizer of the run's last checkpoint."""
    checkpoint = out / "runs" / run / "last.pt"
    if not checkpoint.exists():
        raise RecipeError(f"{checkpoint} is missing: run `python -m recipe train --run {run}` first")
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        folder = Path(name)
        _write(folder, out, checkpoint)
        weight = (folder / "model.safetensors").stat().st_size
        if weight > LIMIT:
            raise RecipeError(f"the weights are {weight} bytes, more than {LIMIT}: choose a smaller size")
        for file in FILES:
            (folder / file).chmod(0o644)  # safetensors writes for its owner only
            os.replace(folder / file, target / file)
    return target


def _write(folder: Path, out: Path, checkpoint: Path) -> None:
    tokenizer = tokens_of.load(out)
    weights = torch.load(checkpoint, map_location="cpu", weights_only=True)["model"]
    model = build(size_of(weights), tokenizer.get_vocab_size())
    model.load_state_dict(weights)
    model = model.to(torch.bfloat16)
    model.generation_config = GenerationConfig(eos_token_id=0, pad_token_id=1, do_sample=False)
    model.save_pretrained(folder)
    tokens_of.save(tokenizer, folder, CONTEXT)


def copy_weights(source: Path, target: Path) -> None:
    """Copy an exported folder, file by file and atomically."""
    target.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        beside = target / f".{file}.tmp"
        shutil.copyfile(source / file, beside)
        os.replace(beside, target / file)
