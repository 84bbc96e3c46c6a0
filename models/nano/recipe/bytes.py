"""Bits per byte on held-out text, by domain: how well the model knows the text, whatever its tokenizer.

``bits_per_byte(model, tokenizer, library)`` gives ``{"biomedical": 1.45, ...}``.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from tokenizers import Tokenizer
from torch.nn import functional as F

from .library import Library


@torch.no_grad()
def document_bits(model: Any, ids: list[int]) -> float:
    """Bits of one document's tokens; the first follows end-of-text."""
    row = torch.tensor([[0, *ids]], device=model.device)
    logits = model(input_ids=row, use_cache=False).logits[0, :-1].float()
    return float(F.cross_entropy(logits, row[0, 1:], reduction="sum")) / math.log(2)


def bits_per_byte(
    model: Any, tokenizer: Tokenizer, library: Library, documents: int = 12, length: int = 512
) -> dict[str, float]:
    """The first ``length`` tokens of up to ``documents`` documents of each source, summed by domain."""
    bits: dict[str, float] = {}
    size: dict[str, int] = {}
    for source, docs in sorted(library.by_source.items()):
        domain = library.domain_of[source]
        for doc in docs[:documents]:
            ids = tokenizer.encode("\n".join(t for t in (doc.title, doc.text) if t)[:6000]).ids[:length]
            for key in (domain, f"{domain}/{source}"):
                size[key] = size.get(key, 0) + len(tokenizer.decode(ids, skip_special_tokens=False).encode())
            here = document_bits(model, ids)
            bits[domain] = bits.get(domain, 0.0) + here
            bits[f"{domain}/{source}"] = bits.get(f"{domain}/{source}", 0.0) + here
    return {key: round(bits[key] / size[key], 4) for key in sorted(bits)}
