"""The health of a run's stages: the first gate that fails is the place to look first.

Each stage writes its figures; a gate is a figure, the least it should be, and what to do about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfspec import jsonl

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gate:
    """A figure of a stage and the least that it should be."""

    stage: str
    name: str
    least: float
    figure: Callable[[Figures], float]
    advice: str


GATES = (
    Gate(
        "instructions",
        "share of list items that parse",
        0.2,
        lambda f: f["parsed"] / max(f["candidates"], 1),
        "the base does not keep to the list format: use a stronger base or shorter seeds",
    ),
    Gate(
        "instructions",
        "share of candidates kept",
        0.1,
        lambda f: f["kept"] / max(f["candidates"], 1),
        "see refused.jsonl for the reasons",
    ),
    Gate(
        "responses",
        "share of usable responses",
        0.3,
        lambda f: f["usable"] / max(f["responses"], 1),
        "raise responses.max_new_tokens if most are unfinished",
    ),
    Gate(
        "responses",
        "share of distinct responses",
        0.5,
        lambda f: f["distinct"] / max(f["responses"], 1),
        "the base answers everything alike: its labels have collapsed",
    ),
    Gate("training", "norm of the adapter", 1e-3, lambda f: f["adapter_norm"], "the adapter has learnt nothing"),
)


def figures(run: Path) -> list[Figures]:
    """Every stage's figures, in the order of the method, with the iteration they belong to."""
    found = []
    numbered = ((re.fullmatch(r"iteration-(\d+)", folder.name), folder) for folder in run.iterdir())
    for number, folder in sorted((int(match[1]), folder) for match, folder in numbered if match):
        for stage in ("instructions", "responses", "training"):
            path = folder / f"{stage}.health.jsonl"
            if path.exists():
                found += [{"iteration": number, **r} for _, r in jsonl.read(path)]
    return found


def first_failure(stages: list[Figures]) -> str:
    """Say which stage failed first, by which figure, and what to do; nothing when all is well.

    A figure that is no number (the training diverged) fails, too.
    """
    for record in stages:
        for gate in GATES:
            if gate.stage == record["stage"] and not (value := gate.figure(record)) >= gate.least:
                return (
                    f"{record['stage']} of iteration {record['iteration']}: {gate.name} is {value:.3g}, "
                    f"should be at least {gate.least:g}; {gate.advice}"
                )
    return ""
