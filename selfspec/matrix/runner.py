"""``selfspec compare``: every system on every domain, over one base that is loaded once.

>>> request = Request(domains=("biomed", "finance"), adapters=("biomed=runs/biomed", "finance=runs/finance"))
>>> make_matrix(request, Path("runs/matrix")).systems               # doctest: +SKIP
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfspec import jsonl
from selfspec.config import build
from selfspec.errors import ConfigError
from selfspec.evaluation import Choose, System, predict, prediction_file
from selfspec.matrix.places import Place, places
from selfspec.matrix.request import Blend, Member, blends, examples_of, experts, learnt, members, router_of
from selfspec.matrix.result import FILE, Entry, Judge, Matrix, routes
from selfspec.mixing.bases import BaseId, check_base, common_base
from selfspec.mixing.gating import BATCH, LEARNING_RATE, MICRO, gated, load_gate, train_gate
from selfspec.mixing.mixer import mix
from selfspec.models import Base, adapter_sha256, load_base, surround
from selfspec.progress import say
from selfspec.routing import THRESHOLD, TextRouter
from selfspec.rundir import RunDirectory, open_run
from selfspec.settings import Settings

ROUTER, TOKEN_ROUTER = "router", "token-router"
PLAIN = {"none": "base", "alpaca": "base+alpaca"}
"""The base's rows, by their templates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What ``selfspec compare`` is asked for."""

    domains: tuple[str, ...]
    adapters: tuple[str, ...]
    """``NAME=RUN_OR_ADAPTER``"""
    mixes: tuple[str, ...] = ()
    """``A+B``, ``0.6*A+0.4*B@ties``; none: the equal one of all domains' adapters."""
    route: bool = False
    token_route: bool = False
    """Train and measure a token-level router, too."""
    threshold: float = THRESHOLD
    data: Mapping[str, str] = field(default_factory=dict)
    """Root of the original benchmark files, by domain."""
    model: str = ""
    """The base, for adapters that name none."""
    quantize: str = "none"
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    """Settings of that group: ``shots``, ``limit``, ``split``, ..."""
    seed: int = 0
    sets: tuple[str, ...] = ()
    """``KEY=VALUE`` texts over all of these."""


def make_matrix(request: Request, out: Path, loaded: Base | None = None) -> Matrix:
    """Measure what is missing in ``out``, write ``matrix.json`` and return what it holds.

    ``loaded`` is the base, without adapters, where it is in memory already.
    Raises :class:`ConfigError` for a wrong request, :class:`ModelError` for a wrong adapter.
    """
    found = members(request.adapters)
    if not found:
        raise ConfigError("no adapter to compare. Example: --adapter biomed=runs/biomed-quick.")
    base = common_base([member.adapter for member in found], request.model)
    settings = _settings(request, base)
    cols = places(request.domains, settings, request.data)
    with open_run(out, settings) as run:
        own = examples_of(found) if request.token_route else []
        bench = Bench(run, found, blends(request.mixes, found), base, cols, _router(request, found), own, loaded)
        run.note_hashes(bench.hashes())
        with run.timed("answers"):
            bench.answer()
        return _written(bench)


def _settings(request: Request, base: BaseId) -> Settings:
    """The record of the comparison: which domains, which base, how it is measured."""
    data = " ".join(f"{name}={folder}" for name, folder in sorted(request.data.items()))
    values = {
        "domain": ",".join(request.domains),
        "model": request.model or base.model,
        "quantize": request.quantize,
        "seed": request.seed,
        "data": data,
        "evaluation": dict(request.evaluation),
    }
    return build("quick", values, request.sets)


def _router(request: Request, found: Sequence[Member]) -> TextRouter | None:
    return router_of(found, request.threshold) if request.route else None


@dataclass(slots=True)
class Bench:
    """Everything that is put side by side, and where."""

    run: RunDirectory
    members: Sequence[Member]
    blends: Sequence[Blend]
    base: BaseId
    places: Sequence[Place]
    router: TextRouter | None
    examples: Sequence[jsonl.Record] = ()
    """What the token router is trained on; none: no such system."""
    loaded: Base | None = None

    def hashes(self) -> dict[str, str]:
        """What the predictions depend on; a directory that was made with another is refused."""
        known = {f"adapter {m.name}": adapter_sha256(m.folder) for m in self.members}
        known |= {f"domain {place.name}": place.sha256 for place in self.places}
        known |= {"base": self.base.sha256} if self.base.sha256 else {}
        if self.router:
            state = json.dumps([self.router.threshold, self.router.fingerprint()])
            known["router"] = hashlib.sha256(state.encode()).hexdigest()
        if self.examples:
            known["token router's examples"] = hashlib.sha256(json.dumps(self.examples).encode()).hexdigest()
        return known

    def entries(self) -> list[Entry]:
        """The rows, in the order in which they are shown."""
        own, form = {m.name: m.domains for m in self.members}, self.members[0].template
        none: tuple[str, ...] = ()
        rows = [(name, "base", none, template) for template, name in PLAIN.items()]
        rows += [(m.name, "adapter", m.domains, form) for m in self.members]
        rows += [(b.system, "mix", _joined(own[name] for name, _ in b.parts), form) for b in self.blends]
        rows += [(ROUTER, "router", tuple(experts(self.members)), form)] if self.router else []
        rows += [(TOKEN_ROUTER, "router", tuple(experts(self.members)), form)] if self.examples else []
        names = [name for name, *_ in rows]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ConfigError(f"two systems are named {twice!r}. Give the adapter another name.")
        return [Entry(system=n, kind=kind, domains=domains, template=t) for n, kind, domains, t in rows]

    def answer(self) -> None:
        """Let every system answer what it has not answered yet; the base is loaded once, when needed."""
        systems = [System(entry.system, entry.template) for entry in self.entries()]
        if not any(self._missing(system) for system in systems):
            return
        base = self.loaded or load_base(self.run.settings.model, self.run.settings.quantize)
        check_base(base, self.base)
        self.run.note_hashes({"base": base.sha256})
        if self.examples and self._missing(systems[-1]):
            with self._token_routed(base):
                self._predict(systems[-1], base, None)
        around, names = self._surrounded(base)
        for system in systems[:-1] if self.examples else systems:
            self._predict(system, around, names)

    def _predict(self, system: System, base: Base, names: Mapping[str, str] | None) -> None:
        """One row, on every domain at every number of shots."""
        settings, choose = self.run.settings, self._choose(system.name)
        for place in self.places:
            folder = self.run.path / place.name / "predictions"
            folder.mkdir(parents=True, exist_ok=True)
            for shots in place.shots_of(settings.evaluation.shots):
                say(f"{system.name} on {place.name}")
                predict(folder, base, system, shots, place.items, place.seeds, settings, choose, names)

    @contextmanager
    def _token_routed(self, base: Base) -> Iterator[None]:
        """The token router on the bare base, trained when it is not there."""
        folder, own = self.run.path / TOKEN_ROUTER, [m.adapter for m in experts(self.members).values()]
        if not folder.exists():
            training = dataclasses.replace(
                self.run.settings.training,
                template=self.members[0].template,
                epochs=1,
                learning_rate=LEARNING_RATE,
                batch_size=BATCH,
                micro_batch_size=MICRO,
            )
            train_gate(base, own, self.examples, dataclasses.replace(self.run.settings, training=training), folder)
        with gated(base.model, load_gate(base, own, folder), own):
            yield

    def _missing(self, system: System) -> bool:
        return any(
            not prediction_file(self.run.path / p.name / "predictions", system.name, item.task, shots).exists()
            for p in self.places
            for item in p.items
            for shots in p.shots_of(self.run.settings.evaluation.shots)
        )

    def _surrounded(self, base: Base) -> tuple[Base, dict[str, str]]:
        """Make the mixes that are missing, then put every adapter around the base once."""
        folders = {member.name: member.folder for member in self.members}
        return surround(base, folders | {blend.system: self._mixed(blend, folders, base) for blend in self.blends})

    def _mixed(self, blend: Blend, folders: Mapping[str, Path], base: Base) -> Path:
        out = self.run.path / blend.system
        if not out.exists():
            sources = [f"{name}={folders[name]}" for name, _ in blend.parts]
            weights = ",".join(repr(weight) for _, weight in blend.parts)
            made = mix(sources, weights, out, method=blend.method, model=self.run.settings.model, loaded=base)
            say(f"{blend.system}: rank {made.rank}, error {made.error:.2%}")
        return out

    def _choose(self, system: str) -> Choose:
        if system == ROUTER and (router := self.router):
            return lambda task, example: router.route(f"{task.instruction} {example.input}").adapter
        name = None if system in (*PLAIN.values(), TOKEN_ROUTER) else system
        return lambda _task, _example: name


def _joined(groups: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))


def _written(bench: Bench) -> Matrix:
    """Score, compare, and write ``matrix.json``."""
    run, texts = bench.run, learnt(bench.members)
    flagged = {place.name: hits for place in bench.places if (hits := place.flagged(texts))}
    own = {domain: member.name for domain, member in experts(bench.members).items()}
    judge = Judge(run.path, run.settings, bench.places, bench.entries(), own, flagged)
    cells, first = judge.cells(), run.settings.evaluation.shots[0]
    matrix = Matrix(
        model=run.settings.model,
        domains={place.name: place.title for place in bench.places},
        sources={place.name: {i.task.name: i.source for i in place.items} for place in bench.places},
        systems=tuple(judge.entries),
        cells=tuple(cells),
        summaries=tuple(judge.summaries()),
        routes=routes(run.path, bench.places, System(ROUTER, ""), first) if bench.router else {},
        overlap={name: sum(map(len, hits.values())) for name, hits in flagged.items()},
    )
    jsonl.write_text(run.path / FILE, json.dumps(matrix.to_dict(), indent=1, ensure_ascii=False) + "\n")
    return matrix
