"""Several adapters in one process: memory beside one adapter, speed of batches that mix them.

    python -m benchmarks.adapters                    a random Llama of about 30 M parameters, and print
    python -m benchmarks.adapters --model NAME       another base
    python -m benchmarks.adapters --write            put the table into docs/mixing.md

Memory is that of a process of its own with one or with three rank-8 adapters on all linear layers, after it
has answered a batch: the tensors of the model, and the peak of the process (of the GPU where there is one).
Speed: the same requests, 32 rows a batch, all for one adapter or evenly for three, in turns; the figure is the
median ratio. The adapters' B is zero, as before training, so that all answers have the same length.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from selfspec.decoding import Group, Limits, Plain, Row, Sampling, decode
from selfspec.models import Base, load_base, surround

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "mixing.md"
BEGIN, END = "<!-- begin adapters -->\n", "<!-- end adapters -->\n"
COUNT, ROWS, TOKENS, PROMPT = 3, 32, 24, 48
SHAPE: dict[str, Any] = {
    "vocab_size": 8192,
    "hidden_size": 512,
    "intermediate_size": 1408,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "max_position_embeddings": 2048,
    "eos_token_id": 0,
    "bos_token_id": None,
    "pad_token_id": 1,
}


def make_base(folder: Path) -> Path:
    """A random Llama with a byte tokenizer."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SHAPE)).save_pretrained(folder)
    names = ["<|endoftext|>", "<|pad|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    raw = Tokenizer(models.BPE(vocab={name: i for i, name in enumerate(names)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    PreTrainedTokenizerFast(tokenizer_object=raw, eos_token=names[0], pad_token=names[1]).save_pretrained(folder)
    return folder


def make_adapters(model: str, folder: Path) -> dict[str, Path]:
    """Fresh rank-8 adapters on all linear layers."""
    from peft import LoraConfig, get_peft_model

    base, found = load_base(model), {}
    for number in range(COUNT):
        config = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
        made = get_peft_model(base.model, config)
        made.save_pretrained(folder / f"a{number}")
        base.model, found[f"a{number}"] = made.unload(), folder / f"a{number}"
    return found


def answer(base: Base, adapters: Sequence[str], requests: int = ROWS) -> float:
    """Answer requests that go to the adapters in turn; return tokens a second."""
    groups = [
        Group(str(i), (Row(tuple(2 + (i * 7 + j) % 200 for j in range(PROMPT)), adapters[i % len(adapters)]),))
        for i in range(requests)
    ]
    start = time.perf_counter()
    done = list(decode(base.model, base.tokenizer, groups, Plain(), Sampling(TOKENS), Limits(rows=ROWS)))
    return sum(len(c.ids) for c in done) / (time.perf_counter() - start)


def speeds(base: Base, names: Sequence[str], rounds: int) -> list[tuple[float, float]]:
    """(one adapter, mixed) in tokens a second, measured in turns; the first round warms up."""
    found = []
    for number in range(rounds + 1):
        order = [[names[number % len(names)]], list(names)]
        pair = {len(o): answer(base, o, 2 * ROWS) for o in (order if number % 2 else order[::-1])}
        found.append((pair[1], pair[len(names)]))
    return found[1:]


def memory(model: str, folders: Sequence[str]) -> dict[str, float]:
    """This process's megabytes after a batch with these adapters."""
    torch.set_num_threads(1)
    base, names = surround(load_base(model), {Path(folder).name: Path(folder) for folder in folders})
    answer(base, list(names.values()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated() / 2**20
    return {"tensors": sum(p.numel() * p.element_size() for p in base.model.parameters()) / 2**20, "peak": peak}


def child(model: str, folders: Sequence[Path]) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.adapters", "--model", model, "--memory", *map(str, folders)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, float] = json.loads(out.splitlines()[-1])
    return found


def table(model: str, rounds: int) -> str:
    """The Markdown table."""
    with tempfile.TemporaryDirectory() as folder:
        name = model or str(make_base(Path(folder) / "base"))
        folders = make_adapters(name, Path(folder))
        one, three = (child(name, list(folders.values())[:count]) for count in (1, COUNT))
        base, names = surround(load_base(name), folders)
        pairs = speeds(base, list(names.values()), rounds)
    size = sum(p.numel() for n, p in base.model.named_parameters() if "lora_" not in n) / 1e6
    single, mixed = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    ratio = statistics.median(b / a for a, b in pairs)
    versions = ", ".join(f"{package} {version(package)}" for package in ("torch", "peft"))
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "one CPU thread"
    return (
        f"| | one adapter | three adapters | ratio | wanted |\n|---|---|---|---|---|\n"
        f"| tensors of base and adapters, MB | {one['tensors']:.1f} | {three['tensors']:.1f} "
        f"| {three['tensors'] / one['tensors']:.2f} | at most 1.2 |\n"
        f"| peak of the process, MB | {one['peak']:.0f} | {three['peak']:.0f} | {three['peak'] / one['peak']:.2f} "
        f"| at most 1.2 |\n"
        f"| tokens a second, batches of {ROWS} | {single:.0f} | {mixed:.0f} | {ratio:.2f} | at least 0.8 |\n\n"
        f"{model or 'Random Llama'}, {size:.0f} M parameters, rank 8 on all linear layers; median of {rounds} "
        f"rounds in turns. {versions}, Python {platform.python_version()}, {device}.\n"
    )


def main(args: list[str]) -> None:
    """Print the table, or write it into the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the table into docs/mixing.md")
    parser.add_argument("--memory", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args(args)
    torch.set_num_threads(1)
    if given.memory:
        sys.stdout.write(json.dumps(memory(given.model, given.memory)) + "\n")
        return
    text = table(given.model, given.rounds)
    sys.stdout.write(text)
    if given.write:
        before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
