"""Prompt and completion pairs that others wrote: T0's and Self-Instruct's.

``read_pairs(data)`` yields ``{"template", "instruction", "input", "response"}`` records; no AG News template.
"""

from __future__ import annotations

import json
import random
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

CAP = 60  # per T0 template: no label set may become *the* answer
LIMIT = 1600  # characters of prompt and of completion


def read_pairs(data: Path) -> Iterator[dict[str, str]]:
    """All pairs, in a fixed order."""
    folder = data / "general/self_instruct"
    yield from _t0(folder / "t0_train_data_per_template.zip")
    for name in ("seed_tasks.jsonl", "user_oriented_instructions.jsonl"):
        yield from _self_instruct(folder / name)


def _t0(path: Path) -> Iterator[dict[str, str]]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(n for n in archive.namelist() if n.endswith(".jsonl")):
            template = Path(name).stem
            if not template.startswith("ag_news"):
                yield from _template(template, archive.read(name).decode("utf-8"))


def _template(template: str, text: str) -> Iterator[dict[str, str]]:
    records = [json.loads(line) for line in text.splitlines() if line.strip()]
    random.Random(template).shuffle(records)
    kept = 0
    for record in records:
        prompt = record["prompt"].strip()
        response = record["completion"].replace("<|endoftext|>", "").strip()
        if response and kept < CAP and max(len(prompt), len(response)) <= LIMIT:
            kept += 1
            instruction, given = split_prompt(prompt)
            yield {"template": template, "instruction": instruction, "input": given, "response": response}


def split_prompt(prompt: str) -> tuple[str, str]:
    """Instruction and input of a T0 prompt: the shorter end that asks becomes the instruction."""
    rows = [row.strip() for row in re.split(r"\n+", prompt) if row.strip()]
    if len(rows) < 2:
        return prompt, ""
    first, last = rows[0], rows[-1]
    if 15 <= len(first) <= 220 and len(first) < len(prompt) / 2:
        return first, "\n".join(rows[1:])
    if 15 <= len(last) <= 220:
        return last, "\n".join(rows[:-1])
    return prompt, ""


def _self_instruct(path: Path) -> Iterator[dict[str, str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        for instance in record["instances"][:2]:
            if instance["output"].strip() and len(instance["output"]) <= LIMIT:
                yield {
                    "template": "self_instruct",
                    "instruction": record["instruction"].strip(),
                    "input": instance["input"].strip()[:LIMIT],
                    "response": instance["output"].strip(),
                }
