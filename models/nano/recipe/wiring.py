"""Weights to start from: an induction circuit is laid into the first two layers, the rest is random.

Copying from the prompt needs two things at once, a head that looks at the token before and a head that looks for the
place whose *previous* token is like the current one; random weights take tens of millions of tokens to find the pair.
Here it is the starting point, and all of it trains on like every other weight. Check: ``random_64`` in ``copy_probes``
is above zero before the first step.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from transformers import LlamaForCausalLM

EMBEDDING = 0.4  # standard deviation; Muon moves a matrix by 0.02 a step, so the circuit must not be small
FINAL = 0.08  # of the last norm: keeps the first logits small with such embeddings
SHARPNESS = 7.0  # query and key biases of the previous-token heads: 99.7% of the weight at distance one
MATCH = 4.0  # gain of the matching heads' queries and keys
CARRY = 1.2  # gain with which the previous token is written
COPY = 2.0  # gain with which a found token is written
PAIRS = 16  # slowly rotating pairs of a head, in which content can be compared at any distance


@torch.no_grad()
def wire(model: LlamaForCausalLM) -> None:
    """Layer 0: two previous-token heads. Layer 1: every head matches and copies."""
    config = model.config
    width, heads, size = config.hidden_size, config.num_attention_heads, config.head_dim
    dims = 2 * min(PAIRS, size // 4)
    if config.num_hidden_layers < 2 or heads * dims * 2 > width:
        return
    model.model.embed_tokens.weight.normal_(0.0, EMBEDDING)
    model.model.norm.weight.fill_(FINAL)
    basis = torch.linalg.qr(torch.randn(width, width))[0]
    now, before = basis[: heads * dims], basis[heads * dims : 2 * heads * dims]
    first, second = (layer.self_attn for layer in model.model.layers[:2])
    carriers = math.ceil(heads * dims / size)
    for head in range(carriers):
        _look_back(first, head, size, config.rope_parameters["rope_theta"])
        part = slice(head * size, min((head + 1) * size, heads * dims))
        rows = slice(head * size, head * size + part.stop - part.start)
        first.v_proj.weight[rows] = now[part]
        first.o_proj.weight[:, rows] = CARRY * before[part].T
    for head in range(heads):
        _match(second, head, size, now[head * dims : (head + 1) * dims], before[head * dims : (head + 1) * dims])
        rows = slice(head * size, (head + 1) * size)
        second.v_proj.weight[rows] = basis[rows]
        second.o_proj.weight[:, rows] = COPY * basis[rows].T


def _look_back(attention: Any, head: int, size: int, theta: float) -> None:
    """Biases that, rotated by RoPE, agree best at distance one; no content."""
    half, start = size // 2, head * size
    attention.q_proj.weight[start : start + size] = 0.0
    attention.k_proj.weight[start : start + size] = 0.0
    for pair in range(half // 2):  # the fast frequencies tell neighbours apart
        angle = theta ** (-pair / half)
        attention.q_proj.bias[start + pair] = SHARPNESS
        attention.k_proj.bias[start + pair] = SHARPNESS * math.cos(angle)
        attention.k_proj.bias[start + pair + half] = SHARPNESS * math.sin(angle)


def _match(attention: Any, head: int, size: int, now: torch.Tensor, before: torch.Tensor) -> None:
    """Queries read the current token, keys the token before, in the slowest pairs of the head."""
    half, count = size // 2, now.shape[0] // 2
    start = head * size
    for projection, rows in ((attention.q_proj, now), (attention.k_proj, before)):
        projection.weight[start : start + size] = 0.0
        projection.weight[start + half - count : start + half] = MATCH * rows[:count]
        projection.weight[start + size - count : start + size] = MATCH * rows[count:]
