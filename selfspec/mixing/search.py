"""Mixing weights by evidence: LoraHub's gradient-free search, or a grid, on seeds.

The objective is LoraHub's (Huang et al. 2024, arXiv:2307.13269, section 3.3): the mean loss of the
responses, here a mean over the wanted domains of the mean over their seeds, plus 0.05 times the mean
of |w_i|, with every w_i in [-1.5, 1.5] and 40 evaluations. Its Shiwa optimiser is Nelder and
Mead's simplex of scipy here (no gradient, no random draw), begun at the best of: no adapter, each
adapter alone, all in equal parts. What a search looked at is in ``mix.json``; seeds that
overlap a packaged test item are left out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from selfspec import overlap
from selfspec.decoding.sampling import uniform
from selfspec.errors import ConfigError, DataError
from selfspec.mixing.apply import applied
from selfspec.mixing.deltas import Modules
from selfspec.models import Base
from selfspec.plugins import load_domain
from selfspec.progress import bar
from selfspec.settings import TrainingSettings
from selfspec.training import IGNORED, Encoded, collate, encode
from selfspec.types import Seed

BOUND, PENALTY, EVALUATIONS, ROWS = 1.5, 0.05, 40, 8
SEEDS = 32
"""Of each domain, drawn by a hash of their ids."""
STEPS = 4
"""Of the grid: weights of 0, 1/4 ... 1 that sum to 1."""

Weights = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A domain to tune for, and how its adapter was trained."""

    domain: str
    template: str = "alpaca"
    held_out: tuple[str, ...] = ()
    """Tasks whose seeds are used for nothing."""


@dataclass(slots=True)
class Tuning:
    """What weights were tuned on, and every point that was tried."""

    how: str
    seeds: dict[str, list[str]] = field(default_factory=dict)
    """Ids by domain; nothing that is reported may be measured on them."""
    left_out: dict[str, list[str]] = field(default_factory=dict)
    """Seeds that overlap a packaged test item."""
    tried: list[tuple[Weights, float, float]] = field(default_factory=list)
    """(weights, mean loss, objective)"""

    @property
    def best(self) -> Weights:
        """The weights of the smallest objective; the first of equals."""
        return min(self.tried, key=lambda point: point[2])[0]

    def to_dict(self) -> dict[str, Any]:
        """What ``mix.json`` keeps."""
        points = [{"weights": list(w), "loss": round(loss, 6), "objective": round(o, 6)} for w, loss, o in self.tried]
        return {"how": self.how, "seeds": self.seeds, "seeds_left_out": self.left_out, "tried": points}


def tune(base: Base, terms: Sequence[Modules], how: str, wanted: Sequence[Wanted], seeds: int = SEEDS) -> Tuning:
    """Choose weights for the adapters' deltas ``terms``; ``how`` is ``search`` or ``grid``."""
    tuning = Tuning(how)
    examples = {w.domain: _examples(base, w, seeds, tuning) for w in wanted}
    weights = [0.0] * len(terms)
    total = EVALUATIONS if how == "search" else len(list(grid(len(terms), STEPS)))
    with applied(base.model, terms, weights), bar(how, total) as advance:

        def objective(point: Sequence[float]) -> float:
            rounded = tuple(round(float(w), 3) + 0.0 for w in point)
            if known := [o for w, _, o in tuning.tried if w == rounded]:
                return known[0]
            weights[:] = rounded
            loss = mean_loss(base, examples)
            value = loss + PENALTY * sum(map(abs, rounded)) / len(rounded)
            tuning.tried.append((rounded, loss, value))
            advance(1, f"loss {loss:.4f} at {','.join(map(str, rounded))}")
            return value

        if how == "search":
            search(objective, len(terms), lambda: len(tuning.tried))
        else:
            for point in grid(len(terms), STEPS):
                objective(point)
    return tuning


def search(objective: Callable[[Sequence[float]], float], size: int, used: Callable[[], int]) -> None:
    """Spend :data:`EVALUATIONS` on the simplex method. Raises :class:`ConfigError` without scipy."""
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise ConfigError("--weights search needs scipy. Install it: pip install 'selfspec[mix]'.") from None
    units = [tuple(float(i == j) for j in range(size)) for i in range(size)]
    starts = [(0.0,) * size, *units, (1 / size,) * size]
    first = min(starts, key=objective)
    steps = [tuple(x + (0.3 if x < 1 else -0.3) * (i == j) for j, x in enumerate(first)) for i in range(size)]
    options = {
        "maxfev": max(1, EVALUATIONS - used()),
        "initial_simplex": [first, *steps],
        "xatol": 1e-2,
        "fatol": 1e-4,
    }
    minimize(objective, first, method="Nelder-Mead", bounds=[(-BOUND, BOUND)] * size, options=options)


def grid(size: int, steps: int) -> Iterator[Weights]:
    """All weights of multiples of 1/steps that sum to 1."""
    for parts in _parts(size, steps):
        yield tuple(p / steps for p in parts)


def _parts(size: int, total: int) -> Iterator[tuple[int, ...]]:
    if size == 1:
        yield (total,)
        return
    for first in range(total, -1, -1):
        yield from ((first, *rest) for rest in _parts(size - 1, total - first))


def _examples(base: Base, wanted: Wanted, count: int, tuning: Tuning) -> list[Encoded]:
    """Seeds of one domain as tokens; ids go to the record. Raises :class:`DataError` when none is left."""
    domain = load_domain(wanted.domain)
    seeds = [seed for seed in domain.seeds() if seed.task not in wanted.held_out]
    items = [(t.name, e.id, f"{e.input} {e.references[0]}") for t in domain.tasks() for e in t.samples]
    hits = {hit.text for hit in overlap.find(items, [("seeds", s.id, f"{s.input} {s.output}") for s in seeds])}
    settings = TrainingSettings(template=wanted.template)
    chosen: dict[str, Encoded] = {}
    for seed in sorted((s for s in seeds if s.id not in hits), key=lambda s: uniform(0, "tune", s.id, 0)):
        encoded = encode(base, settings, _record(seed))
        if len(encoded.ids) <= base.context and len(chosen) < count:
            chosen[seed.id] = encoded
    if not chosen:
        raise DataError(f"domain {wanted.domain!r}: no seed is left to tune on. Give the weights: --weights 0.5,0.5.")
    tuning.seeds[wanted.domain], tuning.left_out[wanted.domain] = list(chosen), sorted(hits)
    return sorted(chosen.values(), key=lambda e: len(e.ids))


def _record(seed: Seed) -> dict[str, Any]:
    return {"instruction": seed.instruction, "input": seed.input, "output": seed.output}


def mean_loss(base: Base, examples: Mapping[str, Sequence[Encoded]]) -> float:
    """Cross-entropy of the responses in nats a token: mean over domains of the mean over examples."""
    means = [sum(losses(base, own)) / len(own) for own in examples.values()]
    return sum(means) / len(means)


@torch.no_grad()
def losses(base: Base, examples: Sequence[Encoded]) -> list[float]:
    """Each example's mean loss over its response tokens, in nats."""
    found: list[float] = []
    for first in range(0, len(examples), ROWS):
        batch = {k: v.to(base.model.device) for k, v in collate(examples[first : first + ROWS], 0).items()}
        labels = batch.pop("labels")[:, 1:]
        logits = base.model(**batch).logits[:, :-1].float()
        loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none")
        found += (loss.sum(1) / (labels != IGNORED).sum(1)).tolist()
    return found
