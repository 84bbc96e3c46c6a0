"""Row-group decoding against ``generate``, against the straightforward loop, and against two models.

    python -m benchmarks.decoding [--model nano] [--items 96] [--rounds 3] [--write]

Prompts are the sample items and passages of an installed domain. Every pair of contenders is timed in turns
in this one process; the figure is the median ratio of processor time. Where "128 tokens" stands, no answer
ends by itself, as long responses do.
"""

from __future__ import annotations

import argparse
import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from benchmarks.table import Table
from selfspec.decoding import Contrast, Group, Limits, Mixture, Plain, Row, Sampling, decode
from selfspec.models import Base, load_base
from selfspec.plugins import load_domain
from selfspec.templates import template


def main() -> None:
    """Measure and print a markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--domain", default="biomed")
    parser.add_argument("--items", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    given = parser.parse_args()
    base = load_base(given.model)
    groups, prompts = mixed(base, given.domain, given.items // 6), prompts_of(base, given.domain, given.items)
    plain = [Group(f"{i}", (Row(p),)) for i, p in enumerate(prompts)]
    rows = [row.ids for group in groups for row in group.rows]
    table = Table(given.rounds)
    table.compare(
        "plain, batch 32, responses of mixed length, against `generate`",
        lambda: ours(base, plain, Plain(), 64, 32),
        lambda: generate(base, prompts, 64, 32),
    )
    table.compare(
        "Eq. 2, k = 5, against `generate` on as many rows, a fifth of whose tokens are useful",
        lambda: ours(base, groups, Mixture(), 64, 160),
        lambda: generate(base, rows, 64, 160) // 5,
    )
    table.compare(
        "Eq. 2, k = 5, against a loop over items and passages",
        lambda: ours(base, groups, Mixture(), 64, 160),
        lambda: loop(base, groups[:6], 64),
    )
    endless = unending(base)
    table.compare(
        "the same, 128 tokens",
        lambda: ours(endless, groups, Mixture(), 128, 160),
        lambda: loop(endless, groups[:4], 128),
    )
    contrast(table, endless, prompts[:24])
    table.end("decoding" if given.write else "")


def unending(base: Base) -> Base:
    """The base with a tokenizer whose end-of-text token the model cannot write."""
    tokenizer = copy.copy(base.tokenizer)
    object.__setattr__(tokenizer, "__class__", type("Endless", (type(tokenizer),), {"eos_token_id": -1}))
    return replace(base, tokenizer=tokenizer)


def contrast(table: Table, base: Base, prompts: Sequence[tuple[int, ...]]) -> None:
    """Eq. 3: specialised and base rows in one batch, against two models, the specialised one merged."""
    from peft import LoraConfig, get_peft_model

    plain = [Group(f"{i}", (Row(p),)) for i, p in enumerate(prompts)]
    pairs = [Group(f"{i}", (Row(p, "default"), Row(p))) for i, p in enumerate(prompts)]
    two = [base, replace(base, model=copy.deepcopy(base.model))]
    weights = sum(p.numel() * p.element_size() for p in base.model.parameters())
    config = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = replace(base, model=get_peft_model(copy.deepcopy(base.model), config).eval())
    held = sum(p.numel() * p.element_size() for p in adapted.model.parameters())
    table.compare(
        "Eq. 3 in one mixed batch, 128 tokens, against two models at their best (each alone, nothing combined)",
        lambda: ours(adapted, pairs, Contrast(), 128, 96),
        lambda: sum(ours(model, plain, Plain(), 128, 96) for model in two) // 2,
    )
    table.say(
        "weights in memory for it", f"{held / 2**20:.1f} MiB", f"{2 * weights / 2**20:.1f} MiB", held / weights / 2
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


if __name__ == "__main__":
    main()
