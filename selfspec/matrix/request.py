"""What is put side by side: adapters by name, mixes of them, the router.

>>> Blend.read("0.6*biomed+0.4*finance@ties", ["biomed", "finance"])
Blend(label='0.6*biomed+0.4*finance@ties', parts=(('biomed', 0.6), ('finance', 0.4)), method='ties')
>>> Blend.read("biomed+finance", ["biomed", "finance"]).parts
(('biomed', 0.5), ('finance', 0.5))
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfspec import jsonl
from selfspec.errors import ConfigError, SelfspecError, did_you_mean
from selfspec.installed import discover
from selfspec.mixing.bases import run_of
from selfspec.mixing.deltas import Adapter, read_adapter
from selfspec.mixing.mixer import adapter_folder, parse_source
from selfspec.plugins import load_domain
from selfspec.routing import THRESHOLD, TextRouter, texts_of
from selfspec.rundir import settings_of

UNION = "+"
"""Joins the domains of an adapter that was trained on several."""


@dataclass(frozen=True, slots=True)
class Member:
    """A trained adapter among the systems."""

    name: str
    adapter: Adapter
    domains: tuple[str, ...]
    """What it was trained on: its run's, else the installed domain of its name, else none."""
    template: str = "alpaca"
    run: Path | None = None

    @property
    def folder(self) -> Path:
        """Where its weights lie."""
        return self.adapter.folder


def members(sources: Sequence[str]) -> list[Member]:
    """Read every ``NAME=RUN_OR_ADAPTER``. Raises :class:`ConfigError` and :class:`ModelError`."""
    named = [parse_source(source) for source in sources]
    names = [name for name, _ in named]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ConfigError(f"two adapters are named {twice!r}. Give each a name of its own.")
    found = [_member(name, path) for name, path in named]
    for member in found:
        if member.template != found[0].template:
            raise ConfigError(
                f"adapter {member.name!r} was trained on template {member.template!r}, {found[0].name!r} on "
                f"{found[0].template!r}. Compare adapters of one template."
            )
    return found


def _member(name: str, path: Path) -> Member:
    adapter = read_adapter(name, adapter_folder(name, path))
    if run := run_of(adapter.folder):
        settings = settings_of(run)
        return Member(name, adapter, tuple(settings.domain.split(UNION)), settings.training.template, run)
    known = {entry.name for entry in discover()}
    return Member(name, adapter, (name,) if name in known else ())


def experts(found: Iterable[Member]) -> dict[str, Member]:
    """The first adapter of each single domain: what is mixed and routed to."""
    first: dict[str, Member] = {}
    for member in found:
        if len(member.domains) == 1:
            first.setdefault(member.domains[0], member)
    return first


@dataclass(frozen=True, slots=True)
class Blend:
    """A mix that is asked for."""

    label: str
    """As it was written."""
    parts: tuple[tuple[str, float], ...]
    """Adapter and weight."""
    method: str = "cat"

    @classmethod
    def read(cls, text: str, known: Sequence[str]) -> Blend:
        """Read ``[W*]NAME+[W*]NAME[@METHOD]``; without weights the parts are equal. Raises :class:`ConfigError`."""
        body, _, method = text.partition("@")
        pairs = [part.rpartition("*") for part in body.split("+")]
        for _, _, name in pairs:
            if name not in known:
                raise ConfigError(f"--mix {text!r}: no adapter {name!r}.{did_you_mean(name, known)} Give --adapter.")
        weights = [_weight(text, weight, len(pairs)) for weight, _, _ in pairs]
        return cls(text, tuple((name, w) for (_, _, name), w in zip(pairs, weights, strict=True)), method or "cat")

    @property
    def system(self) -> str:
        """Its name among the systems and that of its folder."""
        return f"mix-{self.label.replace('*', 'x')}"


def _weight(text: str, weight: str, count: int) -> float:
    try:
        value = float(weight) if weight else 1 / count
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"--mix {text!r}: weight {weight!r} is no number. Write 0.6*biomed+0.4*finance.")
    return value


def blends(texts: Sequence[str], found: Sequence[Member]) -> list[Blend]:
    """The mixes asked for, by default the equal one of every domain's adapter."""
    own = [member.name for member in experts(found).values()]
    if not texts:
        return [Blend.read("+".join(own), own)] if len(own) > 1 else []
    known = [member.name for member in found]
    return [Blend.read(text, known) for text in dict.fromkeys(texts)]


def router_of(found: Sequence[Member], threshold: float = THRESHOLD) -> TextRouter:
    """A router between the domains' adapters, by their seeds and generated instructions.

    Raises :class:`ConfigError` when no adapter is of one known domain.
    """
    texts = {m.name: _texts(m, domain) for domain, m in experts(found).items()}
    if not texts:
        raise ConfigError(
            "--route: no adapter's domain is known. Name runs, or name the adapters after installed domains."
        )
    return TextRouter(texts, threshold)


def _texts(member: Member, domain: str) -> list[str]:
    held_out = settings_of(member.run).held_out if member.run else ()
    try:
        seeds = [seed for seed in load_domain(domain).seeds() if seed.task not in held_out]
    except SelfspecError as problem:
        raise ConfigError(f"--route: adapter {member.name!r} of domain {domain!r}: {problem}") from None
    return texts_of(seeds, member.run)


def examples_of(found: Sequence[Member]) -> list[jsonl.Record]:
    """What the domains' adapters were trained on, for the token router; their domains' seeds where no run is known.

    Raises :class:`ConfigError` when there are fewer than two adapters of one domain each.
    """
    own = experts(found)
    if len(own) < 2:
        raise ConfigError("--token-route: needs the adapters of two domains or more. Give --adapter for each.")
    records: list[jsonl.Record] = []
    for domain, member in own.items():
        files = sorted(member.run.glob("iteration-*/training.jsonl")) if member.run else []
        rows = [record for _, record in jsonl.read(files[-1])] if files else []
        seeds = [] if rows else load_domain(domain).seeds()
        rows += [{"id": s.id, "instruction": s.instruction, "input": s.input, "output": s.output} for s in seeds]
        records += [{**row, "id": f"{domain}/{row['id']}"} for row in rows]
    return records


def learnt(found: Iterable[Member]) -> Mapping[str, list[tuple[str, str]]]:
    """What each adapter was trained on as (id, text), as far as its run is known."""
    texts: dict[str, list[tuple[str, str]]] = {}
    for member in found:
        for path in sorted(member.run.glob("iteration-*/training.jsonl")) if member.run else ():
            rows = [(r["id"], f"{r['instruction']} {r['input']} {r['output']}") for _, r in jsonl.read(path)]
            texts.setdefault(member.name, []).extend(rows)
    return texts
