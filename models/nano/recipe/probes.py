"""In-context probes on held-out text: can the model use what stands in its prompt.

``python -m recipe probe --out DIR [--model DIR]`` prints every figure; seconds to run.
"""

from __future__ import annotations

import itertools
import random
from typing import Any

import torch
from tokenizers import Tokenizer

from .copying import COPIERS, Words
from .drills import DRILLS
from .library import Library


@torch.no_grad()
def _second_half(model: Any, rows: list[list[int]], skip: int = 1) -> float:
    """Share of right argmax predictions in the second showing of each row, its first token left out."""
    right = total = 0
    for row in rows:
        ids = torch.tensor([row], device=model.device)
        half = len(row) // 2
        guess = model(input_ids=ids, use_cache=False).logits[0, :-1].argmax(-1)
        hits = guess[half - 1 + skip :] == ids[0, half + skip :]
        right += int(hits.sum())
        total += len(hits)
    return round(right / max(1, total), 4)


@torch.no_grad()
def _first_half(model: Any, rows: list[list[int]]) -> float:
    right = total = 0
    for row in rows:
        ids = torch.tensor([row[: len(row) // 2]], device=model.device)
        hits = model(input_ids=ids, use_cache=False).logits[0, :-1].argmax(-1) == ids[0, 1:]
        right += int(hits.sum())
        total += len(hits)
    return round(right / max(1, total), 4)


def copy_probes(model: Any, tokenizer: Tokenizer, held: Library, rows: int = 32, seed: int = 11) -> dict[str, float]:
    """Random and natural sequences shown twice."""
    rng = random.Random(seed)
    size = tokenizer.get_vocab_size()
    figures = {}
    for length in (16, 64, 200):
        parts = [[rng.randrange(2, size) for _ in range(length)] for _ in range(rows)]
        figures[f"random_{length}"] = _second_half(model, [p + p for p in parts])
    natural = [tokenizer.encode(held.text(rng)).ids[:80] for _ in range(rows)]
    figures["natural"] = _second_half(model, [p + p for p in natural])
    figures["natural_first_pass"] = _first_half(model, [p + p for p in natural])
    return figures


DRILLED = {**DRILLS, "look_up": COPIERS["look_up"], "follows": COPIERS["follows"]}


@torch.no_grad()
def drill_probes(model: Any, tokenizer: Tokenizer, held: Library, rows: int = 30, seed: int = 3) -> dict[str, float]:
    """Share of answers of each drill that are right to the last token, each behind the right ones before it."""
    words, figures = Words(tokenizer, held.text), {}
    for name, (_, make) in DRILLED.items():
        rng, right = random.Random(seed), []
        for _ in range(rows):
            sample = make(words, rng, 700)
            ids = torch.tensor([sample.ids[:1000]], device=model.device)
            hits = (model(input_ids=ids, use_cache=False).logits[0, :-1].argmax(-1) == ids[0, 1:]).tolist()
            right += [all(hits[start - 1 : end - 1]) for start, end in _answers(sample.weights[:1000])]
        figures[name] = round(sum(right) / max(1, len(right)), 3)
    return figures


def _answers(weights: list[float]) -> list[tuple[int, int]]:
    """Where the runs of the largest weight, which are a drill's answers, begin and end."""
    most, found, end = max(weights), [], 0
    for weight, run in itertools.groupby(weights):
        start, end = end, end + sum(1 for _ in run)
        if weight == most:
            found.append((start, end))
    return found
