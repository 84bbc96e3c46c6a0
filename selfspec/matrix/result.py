"""The matrix as numbers: scores, gains and interference, each with a paired 95% interval."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from selfspec import jsonl
from selfspec.compare import Gain, Scores, compare
from selfspec.evaluation import System, prediction_file
from selfspec.matrix.places import Place
from selfspec.report import rounded, scored
from selfspec.settings import Settings

FILE = "matrix.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row: a system of the matrix."""

    system: str
    kind: str
    """``base``, ``adapter``, ``mix`` or ``router``."""
    domains: tuple[str, ...]
    """What it was made for."""
    template: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Versus:
    """A system against another on identical items."""

    against: str
    gain: Gain
    clean: Gain | None
    """The same without the items that something trained on overlaps with; ``None`` when there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixCell:
    """One system on one domain; points, 0 to 100."""

    system: str
    domain: str
    shots: int
    items: int
    f1: float
    """Mean token F1 over the domain's tasks."""
    in_format: float
    """Share of answers in the asked format, a mean over the tasks."""
    tasks: Mapping[str, float]
    """F1 by task."""
    versus: tuple[Versus, ...]
    """Against each base, and against the domain's own adapter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a system gains where it was made for, and what it does everywhere else."""

    system: str
    shots: int
    against: str
    own: Gain | None
    """Over all tasks of its domains."""
    interference: Gain | None
    """Over all other tasks, the control set among them; below zero it does harm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The result of ``selfspec compare``; ``matrix.json`` is this."""

    model: str
    domains: Mapping[str, str]
    """Title by name, the control set last."""
    sources: Mapping[str, Mapping[str, str]]
    """Where the items of each task come from, by domain."""
    systems: tuple[Entry, ...]
    cells: tuple[MatrixCell, ...]
    summaries: tuple[Summary, ...]
    routes: Mapping[str, Mapping[str, int]]
    """Items that the router gave to each adapter, by domain; empty without a router."""
    overlap: Mapping[str, int]
    """Items of each domain that something trained on overlaps with."""

    def cell(self, system: str, domain: str, shots: int) -> MatrixCell | None:
        """The cell, if it was measured."""
        wanted = (system, domain, shots)
        return next((c for c in self.cells if (c.system, c.domain, c.shots) == wanted), None)

    @property
    def shots(self) -> list[int]:
        """The numbers of demonstrations that were measured."""
        return sorted({c.shots for c in self.cells})

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, documented in docs/json.md."""
        return rounded(dataclasses.asdict(self))  # type: ignore[no-any-return]


@dataclass(slots=True)
class Judge:
    """Scores predictions once and compares them."""

    out: Path
    settings: Settings
    places: Sequence[Place]
    entries: Sequence[Entry]
    experts: Mapping[str, str]
    """The system that was trained on a domain alone."""
    flagged: Mapping[str, Mapping[str, set[str]]]
    """Items to leave out of the clean figures, by domain and task."""
    scores: dict[tuple[str, str, int], Scores] = dataclasses.field(default_factory=dict)

    def cells(self) -> list[MatrixCell]:
        """Every cell; scores come first because a cell is compared with those of other rows."""
        drafts = [
            self._draft(entry.system, place, shots)
            for entry in self.entries
            for place in self.places
            for shots in place.shots_of(self.settings.evaluation.shots)
        ]
        return [dataclasses.replace(cell, versus=tuple(self._versus(cell))) for cell in drafts]

    def _draft(self, system: str, place: Place, shots: int) -> MatrixCell:
        table = {i.task.name: scored(self.out / place.name, system, shots, i, place.known) for i in place.items}
        self.scores[system, place.name, shots] = {task: f1 for task, (_, f1) in table.items()}
        tasks = {task: 100 * fmean(f1) for task, (_, f1) in table.items()}
        return MatrixCell(
            system=system,
            domain=place.name,
            shots=shots,
            items=sum(cell.items for cell, _ in table.values()),
            f1=fmean(tasks.values()),
            in_format=fmean(cell.in_format for cell, _ in table.values()),
            tasks=tasks,
            versus=(),
        )

    def _versus(self, cell: MatrixCell) -> list[Versus]:
        mine = self.scores[cell.system, cell.domain, cell.shots]
        found = []
        for against in dict.fromkeys([*self._bases(), self.experts.get(cell.domain, "")]):
            if against and against != cell.system:
                theirs = self.scores[against, cell.domain, cell.shots]
                found.append(Versus(against=against, gain=self._gain(theirs, mine), clean=self._clean(cell, theirs)))
        return found

    def _clean(self, cell: MatrixCell, theirs: Scores) -> Gain | None:
        flagged = self.flagged.get(cell.domain, {})
        if not flagged:
            return None
        place = next(p for p in self.places if p.name == cell.domain)
        kept = {
            i.task.name: [n for n, e in enumerate(i.examples) if e.id not in flagged.get(i.task.name, ())]
            for i in place.items
        }
        mine = self.scores[cell.system, cell.domain, cell.shots]
        pair = [{task: [table[task][n] for n in own] for task, own in kept.items() if own} for table in (theirs, mine)]
        return self._gain(*pair) if pair[0] else None

    def _bases(self) -> list[str]:
        return [entry.system for entry in self.entries if entry.kind == "base"]

    def _gain(self, base: Scores, other: Scores) -> Gain:
        return compare(base, other, self.settings.evaluation.resamples, self.settings.seed)

    def summaries(self) -> list[Summary]:
        """Own domains and all others, against each base; :meth:`cells` comes first."""
        return [
            Summary(
                system=entry.system,
                shots=shots,
                against=base,
                own=self._over([p for p in self.places if p.name in entry.domains], entry.system, base, shots),
                interference=self._over(
                    [p for p in self.places if p.name not in entry.domains], entry.system, base, shots
                ),
            )
            for shots in self.settings.evaluation.shots
            for entry in self.entries
            if entry.kind != "base"
            for base in self._bases()
        ]

    def _over(self, places: Sequence[Place], system: str, base: str, shots: int) -> Gain | None:
        """Gain over all tasks of several places; every task weighs the same."""
        merged: list[dict[str, Sequence[float]]] = [{}, {}]
        for name, table in zip((base, system), merged, strict=True):
            for place in places:
                for task, f1 in self.scores.get((name, place.name, shots), {}).items():
                    table[f"{place.name}/{task}"] = f1
        return self._gain(*merged) if merged[0] else None


def routes(out: Path, places: Sequence[Place], system: System, shots: int) -> dict[str, dict[str, int]]:
    """How many items of each place the router gave to each adapter."""
    found: dict[str, dict[str, int]] = {}
    for place in places:
        counts: Counter[str] = Counter()
        for item in place.items:
            path = prediction_file(out / place.name / "predictions", system.name, item.task, shots)
            if path.exists():
                counts.update(record["adapter"] or "base" for _, record in jsonl.read(path))
        found[place.name] = dict(sorted(counts.items()))
    return found
