"""The whole method with a domain on a tiny random model; runs as a script in a process of its own.

    python -P selfspec/testing/loop.py law FOLDER

A random model cannot write lists, so the instructions are a few of the seeds; responses, training,
evaluation and report are the real ones, with answers cut to a few tokens. Prints
``{"seconds": 7.1, "error": ""}``.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from selfspec import jsonl
from selfspec.config import build
from selfspec.domain import Domain
from selfspec.errors import SelfspecError
from selfspec.pipeline import opened, run
from selfspec.settings import Settings
from selfspec.types import Seed, Task

SMALL: dict[str, Any] = {
    "instructions": {"count": 4},
    "responses": {"max_new_tokens": 8, "keep_unfinished": True, "min_yield": 0.0},
    "retrieval": {"k": 2},
    "training": {
        **{"epochs": 2, "batch_size": 4, "micro_batch_size": 2, "include_seeds": False},
        **{"warmup_ratio": 0.0, "max_length": 4096},
    },
    "evaluation": {"limit": 2, "base_templates": ["none"], "resamples": 20},
}
"""Two steps on four responses, two items of each task."""
TASKS, TOKENS = 10, 4
"""Tasks that are evaluated, and the longest answer."""


def write_tiny_model(folder: Path, context: int = 4096) -> Path:
    """Save a random two-layer Llama of 30 thousand parameters and a tokenizer of bytes; return the folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<|endoftext|>", "<|pad|>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate([*special, *letters])}, merges=[]))
    raw.add_special_tokens(special)
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=raw, eos_token=special[0], pad_token=special[1]).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    ids = {"vocab_size": 258, "bos_token_id": None, "eos_token_id": 0, "pad_token_id": 1}
    LlamaForCausalLM(LlamaConfig(**sizes, **ids, max_position_embeddings=context)).save_pretrained(folder)
    return folder


def run_loop(name: str, root: Path) -> float:
    """Run everything below ``root``; return the seconds that the stages took."""
    settings = build("quick", {"domain": name, "model": str(write_tiny_model(root / "model")), **SMALL})
    tasks, start = Domain.tasks, time.monotonic()
    with patch.object(Domain, "tasks", lambda domain: _shortened(tasks(domain))):
        _write_instructions(root / "run", settings)
        run(settings=settings, out=root / "run")
    return time.monotonic() - start


def _shortened(tasks: list[Task]) -> list[Task]:
    short = [dataclasses.replace(task, max_answer_tokens=min(task.max_answer_tokens, TOKENS)) for task in tasks]
    return short[:TASKS]


def _write_instructions(out: Path, settings: Settings) -> None:
    """Stand in for stage 1 with the shortest seeds."""
    with opened(settings, out) as session:
        folder, seeds = session.run.iteration(1), session.domain.seeds()
    chosen = sorted(seeds, key=lambda seed: len(f"{seed.instruction} {seed.input}"))[: settings.instructions.count]
    records = [_instruction(number, seed) for number, seed in enumerate(chosen)]
    figures = {"stage": "instructions", "candidates": len(records), "kept": len(records), "parsed": len(records)}
    jsonl.write(folder / "instructions.health.jsonl", [{**figures, "refused": {}}])
    jsonl.write(folder / "instructions.jsonl", records)


def _instruction(number: int, seed: Seed) -> jsonl.Record:
    shown = {"instruction": seed.instruction, "input": seed.input}
    return {"id": f"i1-{number:05d}-01", **shown, "seeds": [seed.id], "similarity": 0.0}


def main(name: str, root: Path) -> None:
    """Run the loop offline and print how it went."""
    root.mkdir(parents=True, exist_ok=True)
    os.environ.update(SELFSPEC_CACHE=str(root / "cache"), SELFSPEC_NO_EXTENSIONS="1", HF_HUB_OFFLINE="1")
    found: dict[str, Any] = {"seconds": 0.0, "error": ""}
    try:
        found["seconds"] = round(run_loop(name, root), 2)
    except SelfspecError as problem:
        found["error"] = str(problem)
    except Exception as problem:  # an author's bug, told to its author
        found["error"] = f"{type(problem).__name__}: {problem}"
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
