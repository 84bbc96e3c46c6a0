"""Evaluation speed against lm-evaluation-harness's ``hf`` backend: same model, items, prompts, lengths, stops, batch.

    pip install lm-eval && python -m benchmarks.evaluation [--model nano] [--domain biomed] [--batch 32] [--threads 1]

Both answer every packaged sample item of a domain greedily in this one process, in turns: selfspec as ``selfspec
eval`` does, journals included; the harness by one ``generate_until`` over all tasks. Each may give an answer as many
tokens as its task allows. The figures are the medians over the rounds, in seconds of wall clock and, for a machine
that others use too, of processor time. The answers are compared, too.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from selfspec import jsonl
from selfspec.config import build
from selfspec.evaluation import Items, System, load_items, predict, prediction_file
from selfspec.models import Base, load_base
from selfspec.plugins import load_domain
from selfspec.settings import Settings
from selfspec.templates import template

SYSTEM = System("base", "alpaca")


class Timed(NamedTuple):
    """Answers, and the seconds that they took."""

    answers: list[str]
    clock: float
    processor: float


def main() -> None:
    """Measure and print both speeds, their ratios and the share of equal answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--domain", default="biomed")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=int, default=0, help="items of each task; 0: all")
    parser.add_argument("--data", default="", help="root of the original files; none: the packaged samples")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    decoding = {"rows": given.batch, "tokens": 10**9}
    evaluation = {"limit": given.limit}
    values = {"domain": given.domain, "data": given.data, "decoding": decoding, "evaluation": evaluation}
    settings, base = build("quick", values), load_base(given.model)
    items = load_items(load_domain(given.domain), settings)
    harness = harness_model(base, given.batch)
    contenders = [lambda: ours(base, items, settings), lambda: lm_eval(harness, items)]
    found = rounds(contenders, given.rounds)
    write(found, given.batch)


def rounds(contenders: list[Callable[[], list[str]]], count: int) -> list[list[Timed]]:
    """Time the contenders in turns, each first every other round, after a round that is not counted."""
    for work in contenders:
        work()
    found = []
    for number in range(count):
        order = (0, 1) if number % 2 else (1, 0)
        timed_by = {i: timed(contenders[i]) for i in order}
        found.append([timed_by[0], timed_by[1]])
    return found


def write(found: list[list[Timed]], batch: int) -> None:
    """Print the medians."""
    mine, theirs = (timed.answers for timed in found[-1])
    same = sum(a == b for a, b in zip(mine, theirs, strict=True)) / len(mine)
    sys.stdout.write(f"{len(mine)} items, batch {batch}, {100 * same:.0f}% of the answers are equal\n")
    for name in ("clock", "processor"):
        seconds = [[getattr(timed, name) for timed in pair] for pair in found]
        speeds = [statistics.median(len(mine) / each for each in column) for column in zip(*seconds, strict=True)]
        ratios = sorted(other / own for own, other in seconds)
        sys.stdout.write(
            f"{name}: {speeds[0]:.1f} items/s, lm-eval {speeds[1]:.1f} items/s, "
            f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})\n"
        )


def ours(base: Base, items: list[Items], settings: Settings) -> list[str]:
    """Answer as an evaluation does, into a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        predict(Path(name), base, SYSTEM, 0, items, [], settings, lambda _task, _example: None)
        files = [prediction_file(Path(name), SYSTEM.name, item.task, 0) for item in items]
        return [record["prediction"] for file in files for _, record in jsonl.read(file)]


def harness_model(base: Base, batch: int) -> Any:
    """lm-eval's ``hf`` backend around the same model in memory."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(
        pretrained=base.model,
        tokenizer=base.tokenizer,
        batch_size=batch,
        device=str(base.model.device),
        max_length=base.context,
        add_bos_token=base.encode("x")[0] == base.tokenizer.bos_token_id,
    )


def lm_eval(harness: Any, items: list[Items]) -> list[str]:
    """Answer by ``generate_until``."""
    from lm_eval.api.instance import Instance

    form = template(SYSTEM.template)
    requests: list[Any] = []
    for item in items:
        options = {"until": list(form.stop), "max_gen_toks": item.task.max_answer_tokens, "do_sample": False}
        for example in item.examples:
            arguments = (form.prompt(item.task.instruction, example.input), options)
            requests.append(Instance(request_type="generate_until", doc={}, arguments=arguments, idx=len(requests)))
    return [answer.strip() for answer in harness.generate_until(requests, disable_tqdm=True)]


def timed(work: Callable[[], list[str]]) -> Timed:
    """Return the answers and the seconds they took, by the clock and by the processor."""
    start, used = time.perf_counter(), time.process_time()
    answers = work()
    return Timed(answers, time.perf_counter() - start, time.process_time() - used)


if __name__ == "__main__":
    main()
