"""One adapter for several domains: each writes its own training set, one adapter learns all of them.

``selfspec run --domain biomed --domain finance --from biomed=runs/biomed`` makes::

    OUT/finance/..                the run of a domain that --from does not name, without its training
    OUT/iteration-1/adapter       trained on the union; training.jsonl names each record's domain
    OUT/matrix/..                 base, the adapters of --from, their mix and the union on every domain
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from selfspec import jsonl
from selfspec.errors import ConfigError, DataError
from selfspec.matrix.places import parse_data
from selfspec.matrix.request import UNION
from selfspec.matrix.result import Matrix
from selfspec.matrix.runner import Request, make_matrix
from selfspec.mixing.mixer import parse_source
from selfspec.models import Base, adapter_sha256, load_base
from selfspec.pipeline import check_overlap, opened, synthesise
from selfspec.rundir import RunDirectory, hashes_of, open_run, settings_of, sha256
from selfspec.settings import Settings
from selfspec.training import collect, fit

NAME = "union"
"""What its adapter is called in the matrix."""


def run_union(settings: Settings, domains: Sequence[str], out: Path, sources: Sequence[str] = ()) -> Matrix:
    """Train one adapter on the union of the domains' training sets, or go on with it, and measure it.

    ``sources`` are finished runs to take training sets from (``DOMAIN=RUN``).
    Raises :class:`ConfigError` for a wrong request; what was finished before stays in ``out``.
    """
    runs = dict(map(parse_source, sources))
    _check(settings, domains, runs)
    settings = dataclasses.replace(settings, domain=UNION.join(domains))
    with open_run(out, settings) as run:
        base = load_base(settings.model, settings.quantize)
        run.note_hashes({"base": base.sha256})
        if not (run.iteration(1) / "adapter").exists():
            records = _union(run, domains, runs, base)
            with run.timed("training 1"):
                adapter = fit(run, base, records)
            run.note_hashes({"adapter 1": adapter_sha256(adapter)})
    return make_matrix(_request(settings, domains, runs, out), out / "matrix", base)


def _check(settings: Settings, domains: Sequence[str], runs: Mapping[str, Path]) -> None:
    if twice := next((name for name in domains if list(domains).count(name) > 1), ""):
        raise ConfigError(f"--domain {twice} stands there twice. Leave one out.")
    if settings.iterations != 1:
        raise ConfigError("one adapter of several domains has one iteration. Leave --iterations out.")
    for name, path in runs.items():
        if name not in domains:
            raise ConfigError(
                f"--from {name}=..: {name!r} is not among the domains {', '.join(domains)}. Add it there."
            )
        found = settings_of(path)
        for key, own, wanted in (
            ("domain", found.domain, name),
            ("training.template", found.training.template, settings.training.template),
            ("model", found.model, settings.model),
        ):
            if own != wanted:
                raise ConfigError(f"--from {name}={path}: made with {key}={own!r}, now {wanted!r}. Name another run.")


def _union(run: RunDirectory, domains: Sequence[str], runs: Mapping[str, Path], base: Base) -> list[jsonl.Record]:
    """Every domain's training set, its ids marked with the domain; written to ``training.jsonl``."""
    records: list[jsonl.Record] = []
    for name in domains:
        path = _taken(name, runs[name], base) if name in runs else _made(run, name, base)
        run.note_hashes({f"training {name}": sha256([path])})
        records += [{**record, "id": f"{name}/{record['id']}"} for _, record in jsonl.read(path)]
    jsonl.write(run.iteration(1) / "training.jsonl", records)
    return records


def _taken(name: str, path: Path, base: Base) -> Path:
    """The training set of a finished run, of its last iteration. Raises :class:`DataError`."""
    if (digest := hashes_of(path).get("base", base.sha256)) != base.sha256:
        raise ConfigError(f"--from {name}={path}: of another base (sha256 {digest[:12]}). Name a run of this one.")
    found = {int(p.parent.name.split("-")[1]): p for p in path.glob("iteration-[0-9]*/training.jsonl")}
    if not found:
        raise DataError(f"{path}: no training.jsonl yet. Run `selfspec train {path}` first.")
    return found[max(found)]


def _made(run: RunDirectory, name: str, base: Base) -> Path:
    """Generate, respond and check overlap for one domain, in a run directory of its own."""
    settings = dataclasses.replace(run.settings, domain=name, data=_data(run.settings, [name]).get(name, ""))
    with opened(settings, run.path / name, base) as session:
        if settings.training.source in ("synthetic", "shuffled"):
            synthesise(session, 1)
        check_overlap(session, 1)
        collect(session.run, session.domain, session.run.iteration(1))
    return run.path / name / "iteration-1" / "training.jsonl"


def _data(settings: Settings, domains: Sequence[str]) -> dict[str, str]:
    """``--data``: one root for all, or ``DOMAIN=DIR`` with commas."""
    if "=" in settings.data:
        return parse_data(settings.data.split(","))
    return {name: settings.data for name in domains if settings.data}


def _request(settings: Settings, domains: Sequence[str], runs: Mapping[str, Path], out: Path) -> Request:
    trained = [f"{name}={path}" for name, path in runs.items() if list(path.glob("iteration-*/adapter"))]
    evaluation = dataclasses.asdict(settings.evaluation)
    return Request(
        domains=tuple(domains),
        adapters=(*trained, f"{NAME}={out}"),
        data=_data(settings, domains),
        model=settings.model,
        quantize=settings.quantize,
        evaluation={key: evaluation[key] for key in ("shots", "split", "limit", "resamples", "items_per_block")},
        seed=settings.seed,
    )
