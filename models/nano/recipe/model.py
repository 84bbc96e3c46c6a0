"""The network: an ordinary ``LlamaForCausalLM`` in a few sizes, so that transformers, peft and vLLM serve it as it is.

``build("flat", 4096)`` has 5.9 M parameters with tied embeddings: the shipped model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from .store import RecipeError
from .wiring import wire


@dataclass(frozen=True)
class Size:
    """Width, layers, heads and feed-forward width."""

    width: int
    layers: int
    heads: int
    inner: int


SIZES = {
    "tiny": Size(32, 2, 2, 64),
    "mini": Size(192, 6, 3, 512),
    "flat": Size(256, 6, 4, 704),
    "small": Size(256, 8, 4, 640),
    "base": Size(320, 9, 5, 832),
}
CONTEXT = 2048


def size_of(weights: Mapping[str, Tensor]) -> str:
    """The name of the size that a checkpoint's weights have."""
    width = weights["model.embed_tokens.weight"].shape[1]
    layers = sum(name.endswith(".input_layernorm.weight") for name in weights)
    return next((name for name, size in SIZES.items() if (size.width, size.layers) == (width, layers)), "unknown")


def build(size: str, vocabulary: int) -> LlamaForCausalLM:
    """Random weights in fp32; end-of-text is token 0 and padding token 1."""
    if size not in SIZES:
        raise RecipeError(f"no size {size!r}: choose one of {', '.join(SIZES)}")
    shape = SIZES[size]
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        attention_bias=True,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=1,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
    )
    model = LlamaForCausalLM(config)
    wire(model)
    return model
