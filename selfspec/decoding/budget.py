"""How many tokens one batch may hold: what half of the free memory has room for.

>>> token_budget(model, rows=96)                                            # doctest: +SKIP
524288
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

SHARE = 0.5
"""Of the free memory; the rest is for activations, logits and whatever else runs."""
LEAST, LONGEST = 4_096, 1 << 17
"""Never fewer tokens than the first; the second stands for the context of a model that names none."""
CGROUP = Path("/sys/fs/cgroup")


def token_budget(model: Any, rows: int) -> int:
    """Rows times tokens whose keys and values fit: a power of two, or what ``rows`` whole contexts need.

    Rounded so that the batches, and with them the last digits of probabilities, do not follow every
    change of the free memory.
    """
    room = int(SHARE * free_memory(model.device) / bytes_per_token(model))
    most = rows * (context_of(model) or LONGEST)
    return min(most, max(LEAST, 1 << max(0, room.bit_length() - 1)))


def context_of(model: Any) -> int:
    """Most tokens that a prompt and its answer may have together, from the configuration; 0 where it names no limit."""
    config = model.config.get_text_config()
    return int(getattr(config, "max_position_embeddings", None) or getattr(config, "max_seq_len", None) or 0)


def bytes_per_token(model: Any) -> int:
    """Memory of one token's keys and values in all layers, from the model's configuration."""
    config = model.config.get_text_config()
    heads = int(config.num_attention_heads)
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    kept = int(getattr(config, "num_key_value_heads", None) or heads)
    number = int(next(model.parameters()).element_size())  # the embeddings': those of a quantised model stay whole
    return 2 * int(config.num_hidden_layers) * kept * int(size) * number


def free_memory(device: torch.device) -> int:
    """Bytes that are free on the device; on a CPU, within the control group's limit where there is one."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    free = int(psutil.virtual_memory().available)
    return min(free, limit) if (limit := _within_limit()) is not None else free


def _within_limit() -> int | None:
    """What a container may still take (cgroup v2)."""
    try:
        most = (CGROUP / "memory.max").read_text().strip()
        return max(0, int(most) - int((CGROUP / "memory.current").read_text())) if most != "max" else None
    except (OSError, ValueError):
        return None
