"""Pre-training: phases of the mixture, a log, atomic checkpoints; a run goes on from its last checkpoint.

``python -m recipe train --out DIR --tokens 46600000 --decay 8200000`` is one run; a *branch* (``--run decay1 --start
runs/main/last.pt --tokens N --decay D``) spends its tokens on the way to zero, and the main run can still go on.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from . import parallel
from . import tokenizer as tokens_of
from .bytes import bits_per_byte
from .engine import Engine
from .library import Library
from .mixture import Mixture, Phase
from .optim import factor
from .probes import copy_probes
from .store import RecipeError, append_line, write_json

PHASES = (
    Phase(1_500_000, 256, {"copy": 0.30, "reading": 0.30, "text": 0.30, "pairs": 0.05, "lists": 0.05}, 6144),
    Phase(6_000_000, 512, {"copy": 0.10, "reading": 0.36, "text": 0.32, "pairs": 0.09, "lists": 0.13}, 4096),
    Phase(
        25_800_000,
        1024,
        {"copy": 0.04, "drills": 0.34, "reading": 0.33, "text": 0.18, "pairs": 0.05, "lists": 0.06},
        6144,
    ),
    Phase(
        38_400_000,
        1024,
        {"copy": 0.04, "drills": 0.33, "reading": 0.33, "text": 0.20, "pairs": 0.04, "lists": 0.06},
        12288,
    ),
    Phase(
        10**12,
        1024,
        {"copy": 0.05, "drills": 0.28, "reading": 0.36, "text": 0.21, "pairs": 0.04, "lists": 0.06},
        12288,
    ),
)


@dataclass(frozen=True)
class Plan:
    """The settings of a run; ``tokens`` counts from the start of the whole history, branches included."""

    out: Path
    run: str = "main"
    tokens: int = 46_600_000
    decay: int = 0  # tokens of the final decay
    size: str = "flat"
    device: str = "cpu"
    seed: int = 7
    start: Path | None = None
    compiled: bool = True
    muon: bool = True
    log_every: int = 20
    save_every: int = 150
    probe_every: int = 300
    phases: tuple[Phase, ...] = PHASES

    @property
    def folder(self) -> Path:
        """Where the run keeps its checkpoint and log."""
        return self.out / "runs" / self.run


def read_phases(path: Path) -> tuple[Phase, ...]:
    """Phases from JSON: ``[{"tokens": 3000000, "length": 256, "shares": {"copy": 0.45, ...}}, ...]``."""
    return tuple(Phase(**record) for record in json.loads(path.read_text(encoding="utf-8")))


def phase_at(phases: tuple[Phase, ...], tokens: int) -> Phase:
    """The phase that holds this many tokens."""
    return next((p for p in phases if tokens < p.tokens), phases[-1])


class Stop:
    """SIGTERM and SIGINT ask for a checkpoint and an end, not for a loss of work."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


def open_engine(plan: Plan) -> Engine:
    """The run's last checkpoint, else the start it branches from, else random weights."""
    vocabulary = tokens_of.load(plan.out).get_vocab_size()
    engine = Engine(plan.size, vocabulary, plan.device, plan.seed, plan.compiled, plan.muon)
    last = plan.folder / "last.pt"
    if last.exists():
        engine.load(last)
    elif plan.start:
        if not plan.start.exists():
            raise RecipeError(f"{plan.start} is missing: --start takes a checkpoint of another run")
        engine.load(plan.start)
    return engine


def train(plan: Plan) -> Engine:
    """Train until the plan's tokens are seen; the engine as it stands then."""
    engine = open_engine(plan)
    tokenizer = tokens_of.load(plan.out)
    mixture = Mixture.load(plan.out, tokenizer, plan.seed)
    held = Library.load(plan.out, held_out=True)
    stop = Stop()
    watch = Watch(plan, lambda: measure(engine, tokenizer, held))
    while engine.tokens < plan.tokens and not parallel.anyone(stop.asked):
        phase = phase_at(plan.phases, engine.tokens)
        rows = mixture.batch(phase, engine.steps, parallel.rank(), parallel.processes())
        loss = engine.step(rows, factor(engine.steps, engine.tokens, plan.tokens, plan.decay))
        if parallel.rank() == 0:
            watch.after(engine, loss, phase.length)
    if parallel.rank() == 0:
        engine.save(plan.folder / "last.pt")
        write_json(plan.folder / "plan.json", {k: str(v) for k, v in vars(plan).items()})
    return engine


def work(plan: Plan, threads: int) -> None:
    """What one of the processes does, by so many threads (0: torch's own choice)."""
    if threads:
        torch.set_num_threads(threads)
    engine = train(plan)
    if parallel.rank() == 0:
        sys.stdout.write(f"{engine.tokens} tokens seen in {engine.steps} steps\n")


def measure(engine: Engine, tokenizer: Any, held: Library) -> dict[str, Any]:
    """The quick figures: bits per byte by domain and the copying probes."""
    model = engine.shadow.eval()
    bits = bits_per_byte(model, tokenizer, held, documents=4, length=384)
    figures = copy_probes(model, tokenizer, held, rows=24)
    model.train()
    return {"bpb": bits, **figures}


class Watch:
    """Writes the log and the checkpoints."""

    def __init__(self, plan: Plan, measured: Callable[[], dict[str, Any]]) -> None:
        self.plan, self.measured = plan, measured
        self.losses: list[float] = []
        self.since, self.seen = time.monotonic(), -1

    def after(self, engine: Engine, loss: float, length: int) -> None:
        """Called after every step."""
        self.losses.append(loss)
        if engine.steps % self.plan.log_every == 0:
            self._log(engine, {"loss": round(sum(self.losses) / len(self.losses), 4), "length": length})
            self.losses = []
        if engine.steps % self.plan.probe_every == 0:
            self._log(engine, self.measured())
        if engine.steps % self.plan.save_every == 0:
            engine.save(self.plan.folder / "last.pt")

    def _log(self, engine: Engine, record: dict[str, Any]) -> None:
        now = time.monotonic()
        speed = (engine.tokens - self.seen) / (now - self.since) if self.seen >= 0 else 0.0
        self.since, self.seen = now, engine.tokens
        head = {"step": engine.steps, "tokens": engine.tokens, "speed": round(speed)}
        append_line(self.plan.folder / "log.jsonl", {**head, **record})
