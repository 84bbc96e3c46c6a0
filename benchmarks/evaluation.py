"""Evaluation speed against lm-evaluation-harness's ``hf`` backend: same model, prompts, lengths, batch.

    pip install lm-eval && python -m benchmarks.evaluation [--model nano] [--domain biomed] [--batch 32]

Both answer every packaged sample item of a domain greedily in this one process, in turns; the figure
is the median ratio of items per second. The answers are compared, too.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import Any

from selfspec.decoding import Group, Limits, Plain, Row, Sampling, decode
from selfspec.models import Base, load_base
from selfspec.plugins import load_domain
from selfspec.templates import template

TOKENS = 48


def main() -> None:
    """Measure and print both speeds, the ratio and the share of equal answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--domain", default="biomed")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    base, form = load_base(given.model), template("alpaca")
    tasks = load_domain(given.domain).tasks()
    prompts = [form.prompt(t.instruction, e.input) for t in tasks for e in t.samples]
    harness = harness_model(base, given.batch)
    rounds = []
    for _ in range(given.rounds):
        mine, my_seconds = timed(lambda: ours(base, prompts, form.stop, given.batch))
        theirs, their_seconds = timed(lambda: lm_eval(harness, prompts, form.stop))
        rounds.append((len(prompts) / my_seconds, len(prompts) / their_seconds))
    same = sum(a.strip() == b.strip() for a, b in zip(mine, theirs, strict=True)) / len(prompts)
    ratio = statistics.median(a / b for a, b in rounds)
    speeds = [statistics.median(s) for s in zip(*rounds, strict=True)]
    sys.stdout.write(
        f"{len(prompts)} items, batch {given.batch}: {speeds[0]:.1f} items/s, lm-eval {speeds[1]:.1f} items/s, "
        f"ratio {ratio:.2f}; {100 * same:.0f}% of the answers are equal\n"
    )


def ours(base: Base, prompts: list[str], stop: tuple[str, ...], batch: int) -> list[str]:
    """Answer by row groups."""
    groups = [Group(f"{i:06d}", (Row(base.encode(p)),)) for i, p in enumerate(prompts)]
    limits = Limits(rows=batch, tokens=10**9)
    done = decode(base.model, base.tokenizer, groups, Plain(), Sampling(TOKENS, stop=stop), limits)
    return [c.text for c in sorted(done, key=lambda c: c.key)]


def harness_model(base: Base, batch: int) -> Any:
    """lm-eval's ``hf`` backend around the same model in memory."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(
        pretrained=base.model, tokenizer=base.tokenizer, batch_size=batch, device="cpu", max_length=base.context
    )


def lm_eval(harness: Any, prompts: list[str], stop: tuple[str, ...]) -> list[str]:
    """Answer by ``generate_until``."""
    from lm_eval.api.instance import Instance

    options = {"until": list(stop), "max_gen_toks": TOKENS, "do_sample": False}
    requests = [
        Instance(request_type="generate_until", doc={}, arguments=(prompt, options), idx=i)
        for i, prompt in enumerate(prompts)
    ]
    answers: list[str] = harness.generate_until(requests, disable_tqdm=True)
    return answers


def timed(work: Any) -> tuple[list[str], float]:
    """Return the answers and the seconds they took."""
    start = time.perf_counter()
    answers = work()
    return answers, time.perf_counter() - start


if __name__ == "__main__":
    main()
