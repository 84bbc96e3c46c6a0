"""Relative error of every way to mix adapters against the weighted sum of their deltas, beside peft's own.

    python benchmarks/mixing.py            print the tables
    python benchmarks/mixing.py --write    put them into docs/mixing.md

Random rank-8 adapters of a small random Llama (all linear layers, alpha 16), so there is nothing to
download; takes about a minute on one core. The error is a Frobenius norm over all modules together.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from functools import partial
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from selfspec.mixing.deltas import Adapter, read_adapter
from selfspec.mixing.methods import METHODS, PRUNING, combine, plan, relative_error

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "mixing.md"
BEGIN, END = "<!-- begin errors -->\n", "<!-- end errors -->\n"
PEFT = ("cat", "linear", "svd", "ties", "dare_linear", "dare_ties", "magnitude_prune")
PEFT_SVD = ("ties_svd", "dare_linear_svd", "magnitude_prune_svd")
DENSITY, RANK = 0.5, 8
Deltas = dict[str, torch.Tensor]
Measured = tuple[float, int]
"""Relative error and rank."""

SHAPE: dict[str, Any] = {
    "vocab_size": 512,
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}


def make_adapters(folder: Path, shared: float) -> list[Adapter]:
    """Two random rank-8 adapters; ``shared`` of the second one's factors is the first one's."""
    base = folder / "base"
    first: Deltas = {}
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SHAPE)).save_pretrained(base)
    for number, name in enumerate(("one", "two")):
        model = get_peft_model(
            LlamaForCausalLM.from_pretrained(base),
            LoraConfig(r=RANK, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"),
        )
        torch.manual_seed(number + 1)
        for key, tensor in model.named_parameters():
            if "lora_" in key:
                own = 0.02 * torch.randn_like(tensor)
                mixed = own if not number else shared * first[key] + (1 - shared**2) ** 0.5 * own
                tensor.data.copy_(mixed)
                first.setdefault(key, tensor.detach().clone())
        model.save_pretrained(folder / name)
    return [read_adapter(name, folder / name) for name in ("one", "two")]


def true_sum(adapters: Sequence[Adapter], weights: Sequence[float]) -> Deltas:
    """The weighted sum of the dense deltas by module, [out, in]."""
    pairs = list(zip(adapters, weights, strict=True))
    return {name: sum(w * a.modules[name].delta for a, w in pairs) for name in adapters[0].modules}  # type: ignore[misc]


def by_peft(folder: Path, kind: str, weights: Sequence[float]) -> tuple[Deltas, int]:
    """``add_weighted_adapter``: its deltas as peft computes them, and its rank."""
    model = PeftModel.from_pretrained(
        LlamaForCausalLM.from_pretrained(folder / "base"), str(folder / "one"), adapter_name="one"
    )
    model.load_adapter(str(folder / "two"), adapter_name="two")
    torch.manual_seed(0)
    options: dict[str, Any] = {"svd_rank": RANK} if "svd" in kind else {}
    if kind not in ("cat", "linear", "svd"):
        options["density"] = DENSITY
    model.add_weighted_adapter(["one", "two"], list(weights), "mix", combination_type=kind, **options)
    layers = {n: m for n, m in model.base_model.model.named_modules() if hasattr(m, "get_delta_weight")}
    return {n: m.get_delta_weight("mix").detach() for n, m in layers.items()}, next(iter(layers.values())).r["mix"]


def by_selfspec(
    adapters: Sequence[Adapter], kind: str, rank: int | None, weights: Sequence[float]
) -> tuple[Deltas, int]:
    """Our own method: its deltas, and its rank."""
    wanted = plan(adapters, weights, kind, rank, DENSITY if kind in PRUNING else None)
    return {n: f.delta for n, f in combine(adapters, wanted).modules.items()}, wanted.rank


def measured(work: Callable[[], tuple[Deltas, int]], true: Deltas) -> Measured:
    """Run one method quietly and compare it."""
    with redirect_stderr(StringIO()):
        made, rank = work()
    return relative_error(made, true), rank


def rows(folder: Path, shared: float, weights: Sequence[float]) -> dict[str, Measured]:
    """Every method of selfspec, then of peft, on one pair of adapters."""
    adapters = make_adapters(folder, shared)
    true, found = true_sum(adapters, weights), {}
    for kind in METHODS:
        for rank in (None,) if kind == "cat" else (RANK,) if kind == "svd" else (RANK, None):
            label = f"selfspec `{kind}`" + ("" if rank or kind == "cat" else ", rank = sum")
            found[label] = measured(partial(by_selfspec, adapters, kind, rank, weights), true)
    for kind in (*PEFT, *PEFT_SVD):
        found[f"peft `{kind}`"] = measured(partial(by_peft, folder, kind, weights), true)
    return found


def table() -> str:
    """The Markdown table: one row a method, one column a pair of adapters and weights."""
    cases = (
        ("independent, 0.5 0.5", 0.0, (0.5, 0.5)),
        ("alike, 0.5 0.5", 0.9, (0.5, 0.5)),
        ("1 -0.5", 0.0, (1.0, -0.5)),
    )
    columns = []
    for _, shared, weights in cases:
        with tempfile.TemporaryDirectory() as folder:
            columns.append(rows(Path(folder), shared, weights))
    head = f"| method | rank | {' | '.join(name for name, *_ in cases)} |\n|---|---|{'---|' * len(cases)}\n"
    body = "".join(
        f"| {label} | {columns[0][label][1]} | {' | '.join(f'{c[label][0]:.1%}' for c in columns)} |\n"
        for label in columns[0]
    )
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "peft"))
    return f"{head}{body}\nDensity {DENSITY}, {versions}, Python {platform.python_version()}, one CPU thread.\n"


def main(args: list[str]) -> None:
    """Print the table, or write it into the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/mixing.md")
    write = parser.parse_args(args).write
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    warnings.simplefilter("ignore")
    text = table()
    sys.stdout.write(text)
    if write:
        before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
