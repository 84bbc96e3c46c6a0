"""selfspec's embedded base model: a small Llama trained from scratch on public text.

>>> import selfspec_nano
>>> folder = selfspec_nano.path()  # AutoModelForCausalLM.from_pretrained(folder)
"""

from pathlib import Path

__all__ = ["path"]


def path() -> Path:
    """The folder that holds config.json, model.safetensors and the tokenizer."""
    return Path(__file__).resolve().parent / "weights"
