"""Row-group decoding against ``generate`` and against the straightforward loop.

    python -m benchmarks.decoding [--model nano] [--items 96] [--rounds 3]

Prompts are the sample items and passages of an installed domain, so responses have mixed lengths.
Every pair of contenders is timed in turns in this one process; the figure is the median ratio.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from selfspec.decoding import Group, Limits, Mixture, Plain, Row, Sampling, decode
from selfspec.models import Base, load_base
from selfspec.plugins import load_domain
from selfspec.templates import template

Work = Callable[[], int]
"""Does the job once; returns the useful tokens it made."""


def main() -> None:
    """Measure and print a markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--domain", default="biomed")
    parser.add_argument("--items", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64)
    given = parser.parse_args()
    base = load_base(given.model)
    prompts = prompts_of(base, given.domain, given.items)
    groups = mixed(base, given.domain, given.items // 3)
    rows = [row.ids for group in groups for row in group.rows]
    print_row("measurement", "tokens/s", "tokens/s of the other", "ratio")
    print_row("---", "---:", "---:", "---:")
    compare(
        "plain, batch 32, mixed lengths / generate",
        lambda: ours(base, [Group(f"{i}", (Row(p),)) for i, p in enumerate(prompts)], Plain(), given.tokens, 32),
        lambda: generate(base, prompts, given.tokens, 32),
        given.rounds,
    )
    compare(
        "Eq. 2, k = 5 / generate on as many rows (a fifth of its tokens are useful)",
        lambda: ours(base, groups, Mixture(), given.tokens, 160),
        lambda: generate(base, rows, given.tokens, 160) // 5,
        given.rounds,
    )
    compare(
        "Eq. 2, k = 5 / a loop over items and passages",
        lambda: ours(base, groups, Mixture(), given.tokens, 160),
        lambda: loop(base, groups[:8], given.tokens),
        given.rounds,
    )


def prompts_of(base: Base, domain: str, count: int) -> list[tuple[int, ...]]:
    """Prompts of the domain's sample items, in the Alpaca template."""
    form, tasks = template("alpaca"), load_domain(domain).tasks()
    texts = [
        form.prompt(t.instruction, e.input)
        for pair in zip(*(t.samples for t in tasks), strict=False)
        for t, e in zip(tasks, pair, strict=True)
    ]
    return [base.encode(text) for text in texts[:count]]


def mixed(base: Base, domain: str, count: int) -> list[Group]:
    """Groups of five rows: an item's prompt behind each of five passages."""
    loaded = load_domain(domain)
    passages, task = loaded.passages(), loaded.tasks()[0]
    form = "Passage:\n{p}\n\nInstruction:\n{i}\n\nInput:\n{x}\n\nResponse:\n"
    groups = []
    for i in range(count):
        example = task.samples[i % len(task.samples)]
        shown = [passages[(5 * i + j) % len(passages)].text for j in range(5)]
        rows = tuple(Row(base.encode(form.format(p=p, i=task.instruction, x=example.input))) for p in shown)
        groups.append(Group(f"g{i}", rows))
    return groups


def ours(base: Base, groups: Sequence[Group], combiner: Any, tokens: int, rows: int) -> int:
    """Decode by row groups; count the groups' tokens."""
    done = decode(base.model, base.tokenizer, groups, combiner, Sampling(tokens), Limits(rows=rows, tokens=10**9))
    return sum(len(c.ids) + (c.finish == "end") for c in done)


@torch.no_grad()
def generate(base: Base, prompts: Sequence[Sequence[int]], tokens: int, rows: int) -> int:
    """``generate`` on batches of like length; count tokens up to the end of each row."""
    end, made = base.tokenizer.eos_token_id, 0
    ordered = sorted(prompts, key=len, reverse=True)
    for start in range(0, len(ordered), rows):
        batch = ordered[start : start + rows]
        width = max(map(len, batch))
        ids = torch.tensor([[end] * (width - len(p)) + list(p) for p in batch])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in batch])
        out = base.model.generate(ids, attention_mask=mask, max_new_tokens=tokens, do_sample=False, pad_token_id=end)
        for row in out[:, width:].tolist():
            made += row.index(end) + 1 if end in row else len(row)
    return made


@torch.no_grad()
def loop(base: Base, groups: Sequence[Group], tokens: int) -> int:
    """The straightforward way: item by item, one cached forward pass for each passage and token."""
    made = 0
    for group in groups:
        inputs = [torch.tensor([row.ids]) for row in group.rows]
        caches: list[Any] = [None] * len(inputs)
        for _ in range(tokens):
            logp = []
            for j, ids in enumerate(inputs):
                out = base.model(ids, past_key_values=caches[j], use_cache=True, logits_to_keep=1)
                caches[j] = out.past_key_values
                logp.append(out.logits[0, -1].log_softmax(-1) + math.log(1 / len(inputs)))
            token = int(torch.stack(logp).logsumexp(0).argmax())
            made += 1
            if token == base.tokenizer.eos_token_id:
                break
            inputs = [torch.tensor([[token]])] * len(inputs)
    return made


def compare(name: str, mine: Work, other: Work, rounds: int) -> None:
    """Time both in turns; print medians and the median ratio of tokens per second."""
    speeds = [(speed(mine), speed(other)) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in speeds)
    print_row(name, *(f"{statistics.median(s):.0f}" for s in zip(*speeds, strict=True)), f"{ratio:.2f}")


def speed(work: Work) -> float:
    """Useful tokens per second of one run."""
    start = time.perf_counter()
    return work() / (time.perf_counter() - start)


def print_row(*cells: str) -> None:
    """Write a row of the table."""
    sys.stdout.write("| " + " | ".join(cells) + " |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
