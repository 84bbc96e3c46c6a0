"""A byte-level BPE tokenizer of 4,096 entries; digits stand singly, so numbers copy digit by digit.

``python -m recipe tokenizer --out DIR`` reads ``train.jsonl`` and writes ``tokenizer/tokenizer.json``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from .layouts import FRAMES
from .store import RecipeError, read_lines, write_json

END, PAD = "<|endoftext|>", "<|pad|>"
VOCABULARY = 4096
SHARE = {"biomedical": 5_000_000, "finance": 4_000_000, "sports": 2_000_000, "general": 4_000_000}  # characters


def _sample(out: Path, rng: random.Random) -> Iterator[str]:
    """About the same amount of text of every domain, and the layouts' own words."""
    left = dict(SHARE)
    records = list(read_lines(out / "train.jsonl", "prepare"))
    rng.shuffle(records)
    for record in records:
        text = record["text"][: min(20_000, left[record["domain"]])]
        left[record["domain"]] -= len(text)
        yield text
    yield from FRAMES * 200


def build(texts: Iterator[str], vocabulary: int = VOCABULARY) -> Tokenizer:
    """Train on the texts; ids 0 and 1 are end-of-text and padding."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[END, PAD], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path, context: int = 2048) -> None:
    """``tokenizer.json`` and the configuration transformers reads beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": PAD,
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
    }
    write_json(folder / "tokenizer_config.json", settings)


def train_tokenizer(out: Path, seed: int = 7) -> None:
    """The step: train on the prepared text and save."""
    save(build(_sample(out, random.Random(seed))), out / "tokenizer")


def load(out: Path) -> Tokenizer:
    """The tokenizer of this output folder."""
    path = out / "tokenizer/tokenizer.json"
    if not path.exists():
        raise RecipeError(f"{path} is missing: run `python -m recipe tokenizer` first")
    return Tokenizer.from_file(str(path))
