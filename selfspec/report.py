"""Stage 5: scores, comparison and the run's result: ``report.json`` (``selfspec.table`` prints it).

``report.json`` is made of files of the run alone and holds no time, so that equal runs have equal
reports. :class:`Report` is what ``selfspec.run`` returns.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfspec import health, jsonl, metrics
from selfspec.compare import Gain, Scores, TaskGain, compare
from selfspec.domain import Domain
from selfspec.errors import DataError
from selfspec.evaluation import Items, System, prediction_file
from selfspec.rundir import RunDirectory
from selfspec.types import Example, Metric, Task

FILE = "report.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One system on one task at one number of shots; scores are points, 0 to 100."""

    system: str
    task: str
    title: str
    shots: int
    items: int
    source: str
    scores: Mapping[str, float]
    in_format: float
    """Share of answers in the asked format, in percent."""
    right_given_format: float
    """Mean F1 of those answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A system against the base, on F1."""

    system: str
    against: str
    shots: int
    gain: Gain
    clean: Gain | None = None
    """The same without the items that the overlap check flagged; ``None`` when there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of a run."""

    domain: str
    model: str
    recipe: str
    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]
    stages: tuple[Mapping[str, Any], ...]
    """Health figures of the stages."""
    overlap: Mapping[str, int]
    """Flagged items by task."""
    first_failure: str
    """Which stage failed its gate first; empty: none."""

    def over_shots(self, system: str) -> tuple[float, float, float]:
        """Worst, average and best F1 over the numbers of shots, each a mean over tasks (the paper's Table 4)."""
        by_task: dict[str, list[float]] = {}
        for cell in self.cells:
            if cell.system == system:
                by_task.setdefault(cell.task, []).append(cell.scores["token_f1"])
        count = len(by_task)
        worst, best = (sum(pick(scores) for scores in by_task.values()) / count for pick in (min, max))
        return worst, sum(sum(scores) / len(scores) for scores in by_task.values()) / count, best

    @property
    def gain(self) -> Gain:
        """The last adapter against the base (without a template, where it was run so), at the fewest shots.

        Raises :class:`DataError` when the run has no adapter.
        """
        own = self._own()
        plain = {c.against for c in own}
        wanted = (own[-1].system, "base" if "base" in plain else own[0].against, min(c.shots for c in own))
        return next(c.gain for c in own if (c.system, c.against, c.shots) == wanted)

    @property
    def adapter(self) -> str:
        """The system of the last adapter. Raises :class:`DataError` when the run has none."""
        return self._own()[-1].system

    def _own(self) -> list[Comparison]:
        own = [c for c in self.comparisons if c.system.startswith("specialised")]
        if not own:
            raise DataError("this report compares nothing: the run has no adapter. Run `selfspec train` first.")
        return own

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, documented in docs/json.md."""
        return rounded(dataclasses.asdict(self))  # type: ignore[no-any-return]


def make_report(run: RunDirectory, domain: Domain, systems: Sequence[System], items: Sequence[Items]) -> Report:
    """Score every prediction, compare the systems, write ``report.json`` and return what it holds."""
    known = metrics.table(domain.metrics())
    names = [system.name for system in systems]
    cells, scores = [], {}
    for name in names:
        for shots in run.settings.evaluation.shots:
            table = {i.task.name: scored(run.path, name, shots, i, known) for i in items}
            cells += [cell for cell, _ in table.values()]
            scores[name, shots] = {task: f1 for task, (_, f1) in table.items()}
    stages, flagged = health.figures(run.path), _flagged(run.path)
    report = Report(
        domain=domain.name,
        model=run.settings.model,
        recipe=run.settings.recipe,
        cells=tuple(cells),
        comparisons=tuple(_comparisons(run, systems, scores, _clean(items, _flagged(run.path)))),
        stages=tuple(stages),
        overlap={task: len(ids) for task, ids in flagged.items()},
        first_failure=health.first_failure(stages),
    )
    jsonl.write_text(run.path / FILE, json.dumps(report.to_dict(), indent=1, ensure_ascii=False) + "\n")
    return load_report(run.path)


def load_report(run: Path) -> Report:
    """Read ``report.json`` back. Raises :class:`DataError`."""
    try:
        data = json.loads((run / FILE).read_text(encoding="utf-8"))
        comparisons = [
            {**c, "gain": _gain(c["gain"]), "clean": _gain(c["clean"]) if c["clean"] else None}
            for c in data.pop("comparisons")
        ]
        cells = tuple(Cell(**cell) for cell in data.pop("cells"))
        stages = tuple(data.pop("stages"))
        return Report(cells=cells, comparisons=tuple(Comparison(**c) for c in comparisons), stages=stages, **data)
    except FileNotFoundError:
        raise DataError(f"{run}: no {FILE}. Finish the run first.") from None
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{run / FILE}: damaged. Delete it and run the same command again.") from None


def _gain(values: dict[str, Any]) -> Gain:
    tasks = tuple(TaskGain(**t) for t in values.pop("tasks"))
    return Gain(**{**values, "leave_one_out": tuple(values["leave_one_out"])}, tasks=tasks)


def _flagged(run: Path) -> dict[str, set[str]]:
    """The items that something trained on overlaps with, by task."""
    flagged: dict[str, set[str]] = {}
    for path in sorted(run.glob("iteration-*/overlap.jsonl")):
        for _, hit in jsonl.read(path):
            flagged.setdefault(hit["task"], set()).add(hit["item"])
    return dict(sorted(flagged.items()))


def _clean(items: Sequence[Items], flagged: Mapping[str, set[str]]) -> dict[str, list[int]]:
    """The positions of each task's unflagged items; empty when nothing is flagged."""
    if not flagged:
        return {}
    return {
        i.task.name: [n for n, e in enumerate(i.examples) if e.id not in flagged.get(i.task.name, ())] for i in items
    }


def _comparisons(
    run: RunDirectory,
    systems: Sequence[System],
    scores: Mapping[tuple[str, int], Scores],
    clean: Mapping[str, Sequence[int]],
) -> list[Comparison]:
    """Every other system against each plain one, at each number of shots."""
    s = run.settings

    def gain(plain: str, other: str, shots: int, only: Mapping[str, Sequence[int]]) -> Gain:
        pair = [scores[name, shots] for name in (plain, other)]
        if only:
            pair = [{task: [table[task][n] for n in kept] for task, kept in only.items() if kept} for table in pair]
        return compare(pair[0], pair[1], s.evaluation.resamples, s.seed)

    return [
        Comparison(
            system=system.name,
            against=plain.name,
            shots=shots,
            gain=gain(plain.name, system.name, shots, {}),
            clean=gain(plain.name, system.name, shots, clean) if any(clean.values()) else None,
        )
        for shots in s.evaluation.shots
        for system in systems
        for plain in systems
        if plain.plain and not system.plain
    ]


def scored(run: Path, system: str, shots: int, items: Items, known: Mapping[str, Metric]) -> tuple[Cell, list[float]]:
    """Score one system's predictions for one task (``run/predictions``); return the cell and the F1 of each item."""
    task = items.task
    path = prediction_file(run / "predictions", system, task, shots)
    if not path.exists():
        raise DataError(f"{path}: no predictions. Run `selfspec eval` on this run again.")
    given = {record["id"]: record["prediction"] for _, record in jsonl.read(path)}
    if given.keys() != {e.id for e in items.examples}:
        raise DataError(f"{path}: predictions of other items than the task has now. Choose another --out.")
    predictions = [given[e.id] for e in items.examples]
    f1 = _each(known["token_f1"], predictions, items.examples, task)
    formed = [metrics.in_format(p, task.answer) for p in predictions]
    right = [score for score, ok in zip(f1, formed, strict=True) if ok]
    cell = Cell(
        system=system,
        task=task.name,
        title=task.title,
        shots=shots,
        items=len(predictions),
        source=items.source,
        scores={m.name: 100 * _value(m, predictions, items.examples, task) for m in metrics.metrics_of(task, known)},
        in_format=100 * sum(formed) / len(formed),
        right_given_format=100 * sum(right) / len(right) if right else 0.0,
    )
    return cell, f1


def f1_of_items(run: Path, system: str, shots: int, items: Sequence[Items], domain: Domain) -> dict[str, list[float]]:
    """F1 of every item of every task under one system of a finished run."""
    known = metrics.table(domain.metrics())
    return {item.task.name: scored(run, system, shots, item, known)[1] for item in items}


def _each(metric: Metric, predictions: Sequence[str], examples: Sequence[Example], task: Task) -> list[float]:
    assert metric.score is not None
    return [metric.score(p, e, task.answer) for p, e in zip(predictions, examples, strict=True)]


def _value(metric: Metric, predictions: Sequence[str], examples: Sequence[Example], task: Task) -> float:
    if metric.pool is not None:
        return metric.pool(predictions, examples, task.answer)
    each = _each(metric, predictions, examples, task)
    return sum(each) / len(each)


def rounded(value: Any) -> Any:
    """The value with its numbers as files keep them, to four places."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value
