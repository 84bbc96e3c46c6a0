"""Makes ``recipe`` and ``selfspec_nano`` importable and holds the small synthetic output folder."""

import json
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

WORDS = (
    "patients", "Boston", "market", "trial", "reported", "Chicago", "profit", "dose", "season", "aspirin", "quarterly",
    "results", "goals", "study", "NATO",
)  # fmt: skip


def sentence(rng: random.Random) -> str:
    """One made-up sentence with a name and a number."""
    words = rng.choices(WORDS, k=rng.randint(6, 12))
    return " ".join(["The", *words, str(rng.randrange(10, 900)), "in", "Boston"]) + "."


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared text, pairs and a small tokenizer, all synthetic."""
    from recipe import tokenizer

    folder = tmp_path_factory.mktemp("nano")
    rng = random.Random(1)
    for name, count in (("train", 80), ("heldout", 24)):
        with (folder / f"{name}.jsonl").open("w") as handle:
            for number in range(count):
                source, domain = [
                    ("ohsumed", "biomedical"),
                    ("reuters", "finance"),
                    ("bbc_sport", "sports"),
                    ("brown", "general"),
                ][number % 4]
                text = "\n".join(" ".join(sentence(rng) for _ in range(4)) for _ in range(3))
                record = {
                    "source": source,
                    "domain": domain,
                    "title": "A title of some words",
                    "text": text,
                    "conclusion": "",
                }
                handle.write(json.dumps(record) + "\n")
    pair = {
        "template": "t",
        "instruction": "Say whether the text is long.",
        "input": "A text.",
        "response": "no",
        "held_out": False,
    }
    (folder / "pairs.jsonl").write_text(json.dumps(pair) + "\n")
    texts = (json.loads(line)["text"] for line in (folder / "train.jsonl").read_text().splitlines())
    tokenizer.save(tokenizer.build(texts, 400), folder / "tokenizer")
    return folder
