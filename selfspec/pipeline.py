"""The method as a straight line: seeds, instructions, responses, adapter, predictions, report.

``selfspec run --domain biomed`` is :func:`run`; every stage is a function of the same settings that
skips what is done, so a killed run goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfspec import hub, jsonl, overlap
from selfspec.config import build
from selfspec.corpus import Corpus
from selfspec.domain import Domain
from selfspec.errors import DataError
from selfspec.evaluation import Items, evaluate, load_items, systems_of
from selfspec.instructions import generate
from selfspec.models import Base, adapter_sha256, attach, detach, load_base, measured
from selfspec.plugins import load_domain
from selfspec.progress import say
from selfspec.report import FILE, Report, load_report, make_report
from selfspec.responses import respond, responses_of, retrieves
from selfspec.retrieval import BM25Retriever
from selfspec.rundir import EXTENSION, RunDirectory, open_run, package_sha256
from selfspec.settings import Settings
from selfspec.stopping import helps
from selfspec.training import train

STAGES = ("generate", "respond", "train", "eval")


def run(
    domain: str = "",
    model: str = "nano",
    *,
    recipe: str = "quick",
    out: str | Path | None = None,
    settings: Settings | None = None,
    **values: Any,
) -> Report:
    """Run the whole method, or go on with it, and return the report.

    ``values`` are settings by name, groups as mappings: ``run("biomed", training={"epochs": 2})``.
    Raises a :class:`selfspec.SelfspecError`; what was finished before stays in ``out``.
    """
    settings = settings or build(recipe, {"domain": domain, "model": model, **values})
    with opened(settings, out) as session:
        if (session.run.path / FILE).exists() and len(session.adapters()) == settings.iterations:
            return load_report(session.run.path)
        for number in range(1, settings.iterations + 1):
            iterate(session, number)
            more = number < settings.iterations
            if more and settings.stop_early and not helps(session.run, session.domain, session.base, number):
                break
        return measure(session)


def measure(session: Session) -> Report:
    """Evaluate the base and every finished adapter, and report."""
    run, domain = session.run, session.domain
    items = session.items()
    if not items:
        say(f"domain {domain.name!r} has no tasks, so nothing is measured. Add tasks.yaml to the package.")
    systems = systems_of(run.settings, session.adapters()) if items else []
    with run.timed("evaluation"):
        evaluate(run, domain, session.base, systems, items)
    return make_report(run, domain, systems, items)


def iterate(session: Session, number: int) -> None:
    """One iteration: new instructions, their responses, an adapter trained from the base."""
    run, domain = session.run, session.domain
    if run.settings.training.source in ("synthetic", "shuffled"):
        synthesise(session, number)
    with run.timed(f"overlap {number}"):
        check_overlap(session, number)
    with run.timed(f"training {number}"):
        adapter = train(run, domain, session.base, number)
    run.note_hashes({f"adapter {number}": adapter_sha256(adapter)})


def synthesise(session: Session, number: int) -> None:
    """Instructions and responses of one iteration; from the second on the previous adapter writes
    them, contrasted with the base (Eq. 3)."""
    run, domain = session.run, session.domain
    if (run.iteration(number) / "responses.jsonl").exists():
        return
    base, previous = session.generator(number)
    with run.timed(f"instructions {number}"):
        if number > 1 and not run.settings.contrast.new_instructions:
            _same_instructions(run, number)
        generate(run, domain, base, number, previous)
    with run.timed(f"responses {number}"):
        respond(run, domain, base, number, previous)
    session.base.model = detach(base).model


def check_overlap(session: Session, number: int) -> Path:
    """The contamination firewall: compare seeds, synthetic data and corpus with the evaluated items.

    Writes ``iteration-N/overlap.jsonl`` before anything is trained. Nothing is dropped: the report gives
    the scores with and without the items that were found.
    """
    run, domain = session.run, session.domain
    path = run.iteration(number) / "overlap.jsonl"
    if path.exists():
        return path
    items = [(i.task.name, e.id, f"{e.input} {e.references[0]}") for i in session.items() for e in i.examples]
    hits = overlap.find(items, _texts(run, domain, number))
    found = ", ".join(f"{count} of {source}" for source, count in overlap.summary(hits).items())
    say(f"overlap with the {len(items)} evaluated items: {found or 'none'}")
    jsonl.write(path, map(dataclasses.asdict, hits))
    return path


def _texts(run: RunDirectory, domain: Domain, number: int) -> Iterator[overlap.Text]:
    """Everything that the adapter learns from: (source, id, text)."""
    for seed in domain.seeds():
        if seed.task not in run.settings.held_out:
            yield "seeds", seed.id, f"{seed.input} {seed.output}"
    synthetic = run.settings.training.source in ("synthetic", "shuffled")
    for record in responses_of(run.iteration(number)) if synthetic else ():
        yield "synthetic", record["id"], f"{record['instruction']} {record['input']} {record['response']}"
    if retrieves(run, domain):
        retriever = domain.retriever(run.settings.retrieval)
        at_hand = retriever.passages if isinstance(retriever, BM25Retriever) else None  # the corpus, read already
        for passage in domain.corpus() if at_hand is None else at_hand:
            yield "corpus", passage.id, passage.text


def stage(name: str, settings: Settings, out: str | Path | None = None, iteration: int = 1) -> Report | Path:
    """Run one stage alone on a run directory: ``generate``, ``respond``, ``train`` or ``eval``.

    Returns the stage's file, or the report for ``eval``. Raises :class:`DataError` when the stage
    before has not been run.
    """
    with opened(settings, out) as session:
        if name == "train":
            check_overlap(session, iteration)
            adapter = train(session.run, session.domain, session.base, iteration)
            session.run.note_hashes({f"adapter {iteration}": adapter_sha256(adapter)})
            return adapter
        if name == "eval":
            return measure(session)
        base, previous = session.generator(iteration)
        work = generate if name == "generate" else respond
        return work(session.run, session.domain, base, iteration, previous)


@dataclass(slots=True)
class Session:
    """An open run: its directory, its domain and its base model, loaded when first used."""

    run: RunDirectory
    domain: Domain
    _base: Base | None = None
    _items: list[Items] | None = None

    def items(self) -> list[Items]:
        """The examples that are evaluated, read once."""
        if self._items is None:
            self._items = load_items(self.domain, self.run.settings)
            self.run.note_items({items.task.name: items.source for items in self._items})
        return self._items

    @property
    def base(self) -> Base:
        """The base model; its hash is checked against the run's record."""
        if self._base is None:
            self._base = load_base(self.run.settings.model, self.run.settings.quantize)
            self.run.note_hashes({"base": self._base.sha256})
        if not self._base.budget:
            self._base.budget = self.run.note_budget(measured(self._base, self.run.settings.decoding))
        return self._base

    def adapters(self) -> dict[str, Path]:
        """The finished adapters by system name: ``specialised``, or ``specialised-N`` of several."""
        count = self.run.settings.iterations
        found = {n: self.run.path / f"iteration-{n}" / "adapter" for n in range(1, count + 1)}
        return {f"specialised-{n}" if count > 1 else "specialised": p for n, p in found.items() if p.exists()}

    def generator(self, number: int) -> tuple[Base, str | None]:
        """The model that generates in an iteration, and its adapter's name from the second on."""
        if number == 1:
            return self.base, None
        folder = self.run.path / f"iteration-{number - 1}" / "adapter"
        if not folder.exists():
            raise DataError(f"{folder}: iteration {number} needs it. Finish iteration {number - 1} first.")
        return attach(self.base, {"previous": folder}), "previous"


def default_out(settings: Settings) -> Path:
    """Where a run goes unless told otherwise: ``runs/<domain>-<recipe>``."""
    return Path("runs") / f"{settings.domain}-{Path(settings.recipe).stem}"


@contextmanager
def opened(settings: Settings, out: str | Path | None = None, base: Base | None = None) -> Iterator[Session]:
    """Load the domain, then open its run directory (``runs/<domain>-<recipe>`` by default).

    ``base`` is the base model where it is in memory already.
    """
    data = Path(settings.data) if settings.data else None
    if data and not (data.is_dir() or hub.asked(data)):
        raise DataError(f"{data}: no such folder of benchmark files. Check --data.")
    domain = load_domain(settings.domain, corpus=[Path(c) for c in settings.corpus], data=data, seed=settings.seed)
    with open_run(Path(out) if out else default_out(settings), settings, _packages(domain)) as run:
        run.note_hashes(_hashes(domain, settings))
        if base:
            run.note_hashes({"base": base.sha256})
        yield Session(run, domain, base)


def _packages(domain: Domain) -> Mapping[str, str]:
    """The versions of what the run's hooks come from: the domain's package and the extensions around it."""
    extensions = {f"{EXTENSION}{entry.name}": str(entry) for entry in domain.extensions}
    return {domain.entry.package: domain.entry.version} | extensions


def _hashes(domain: Domain, settings: Settings) -> Mapping[str, str]:
    """What the run is made from beside the model: the domain's files and the user's corpus."""
    hashes = {"domain": package_sha256(domain.context.package)}
    return hashes | ({"corpus": Corpus(settings.corpus).digest()} if settings.corpus else {})


def _same_instructions(run: RunDirectory, number: int) -> None:
    """Take over the first iteration's instructions (the paper's "same instruction set")."""
    source, target = run.iteration(1), run.iteration(number)
    for name in ("instructions.health.jsonl", "instructions.jsonl"):
        if not (target / name).exists():
            (target / name).write_bytes((source / name).read_bytes())
