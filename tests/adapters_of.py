"""Random adapters of the tiny base, saved the way peft saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def save_adapter(base: Path, folder: Path, seed: int, **config: Any) -> Path:
    """Save an adapter that changes the answers; return its folder."""
    import peft
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    values = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **config}
    adapted = peft.get_peft_model(model, peft.LoraConfig(**values))
    torch.manual_seed(seed)
    with torch.no_grad():
        for key, tensor in adapted.named_parameters():
            if "lora_" in key:
                tensor.copy_(0.3 * torch.randn_like(tensor))
    adapted.save_pretrained(folder)
    return folder
