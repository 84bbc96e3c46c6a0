"""The paper's Table 2 in one command: passages, iterations, instruction sets and weightings.

``selfspec ablate --domain biomed`` makes a run directory for each variant and shares every stage that
does not differ by copying its files: instructions are written once, the base is measured once.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from selfspec import jsonl
from selfspec.compare import Gain, compare
from selfspec.errors import DataError, YieldError
from selfspec.pipeline import opened, run
from selfspec.plugins import load_domain
from selfspec.progress import say
from selfspec.report import Report, f1_of_items
from selfspec.rundir import RECORD, check_settings
from selfspec.settings import Settings

Change = Callable[[Settings], Settings]
Scores = dict[str, list[float]]
GENERATION = ("requests.jsonl", "refused.jsonl", "instructions.health.jsonl", "instructions.jsonl")


def _retrieval(**values: Any) -> Change:
    return lambda s: dataclasses.replace(s, retrieval=dataclasses.replace(s.retrieval, **values))


def _second(new: bool, form: Literal["paper", "plausible"] = "paper") -> Change:
    def change(s: Settings) -> Settings:
        contrast = dataclasses.replace(s.contrast, new_instructions=new, form=form)
        return dataclasses.replace(VARIANTS["top-5"](s), iterations=2, contrast=contrast)

    return change


VARIANTS: dict[str, Change] = {
    "no-passages": _retrieval(mode="off"),
    "top-1": _retrieval(mode="on", k=1),
    "top-5": _retrieval(mode="on", k=5),
    "top-5-proportional": _retrieval(mode="on", k=5, weighting="proportional"),
    "top-5-uniform": _retrieval(mode="on", k=5, weighting="uniform"),
    "iteration-2-same-instructions": _second(new=False),
    "iteration-2-new-instructions": _second(new=True),
    "iteration-2-same-instructions-plausible": _second(new=False, form="plausible"),
    "iteration-2-new-instructions-plausible": _second(new=True, form="plausible"),
}
"""What is varied; the rest of the settings is the user's. Eq. 3 is the paper's where no form is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One variant."""

    variant: str
    mean_f1: float | None = None
    """Mean over tasks, in points, at the fewest shots; ``None`` where the variant failed."""
    gain: Gain | None = None
    """Against the base without a template."""
    over_first: Gain | None = None
    """Against the first variant that did not fail, on identical items; ``None`` for itself."""
    failed: str = ""
    """Why the variant came to no end: a stage gave too little."""


def ablate(settings: Settings, out: Path, variants: tuple[str, ...] = tuple(VARIANTS)) -> list[Row]:
    """Run every variant, or go on with it, and compare; writes ``ablation.json``.

    A variant whose stage gives too little is a result, too: its row says why. Raises :class:`YieldError`
    when none comes to its end, :class:`DataError` for a domain without tasks, and :class:`ConfigError`
    where ``out`` holds variants of other settings, whose files would be shared.
    """
    if not load_domain(settings.domain).tasks():
        raise DataError(f"domain {settings.domain!r} has no tasks to compare variants on. Add tasks.yaml to it.")
    for name, change in VARIANTS.items():
        if (out / name / RECORD).exists():
            check_settings(out / name, change(settings))
    rows: list[Row] = []
    first: Scores = {}
    for name in variants:
        say(f"variant {name}")
        try:
            row, scores = _variant(settings, out, name, first)
        except YieldError as problem:
            say(f"variant {name} failed: {problem}")
            row, scores = Row(variant=name, failed=str(problem)), {}
        first = first or scores
        rows.append(row)
    if not first:
        raise YieldError(rows[0].failed)
    text = json.dumps([dataclasses.asdict(row) for row in rows], indent=1)
    jsonl.write_text(out / "ablation.json", text + "\n")
    return rows


def _variant(settings: Settings, out: Path, name: str, first: Scores) -> tuple[Row, Scores]:
    """Run one variant; its row and its items' F1."""
    folder, changed = out / name, VARIANTS[name](settings)
    _share(out, name, folder)
    report = run(settings=changed, out=folder)
    scores = _scores(changed, folder, report)
    mean = sum(100 * sum(s) / len(s) for s in scores.values()) / len(scores)
    over = compare(first, scores, settings.evaluation.resamples, settings.seed) if first else None
    return Row(variant=name, mean_f1=mean, gain=report.gain, over_first=over), scores


def _scores(settings: Settings, folder: Path, report: Report) -> Scores:
    """F1 of every item under the run's last adapter."""
    with opened(settings, folder) as session:
        return f1_of_items(folder, report.adapter, min(settings.evaluation.shots), session.items(), session.domain)


def _share(out: Path, name: str, folder: Path) -> None:
    """Copy from finished variants what this one would compute alike."""
    done = [out / other for other in VARIANTS if other != name and (out / other / "report.json").exists()]
    if not done:
        return
    (folder / "iteration-1").mkdir(parents=True, exist_ok=True)
    (folder / "predictions").mkdir(exist_ok=True)
    for file in GENERATION:
        _copy(done[0] / "iteration-1" / file, folder / "iteration-1" / file)
    for base in (done[0] / "predictions").glob("base*"):
        _copy(base, folder / "predictions" / base.name)
    top = out / "top-5"
    if name.startswith("iteration-2") and top in done:
        for entry in (top / "iteration-1").iterdir():
            _copy(entry, folder / "iteration-1" / entry.name)
        _copy(top / "predictions" / "specialised", folder / "predictions" / "specialised-1")


def _copy(source: Path, target: Path) -> None:
    """Copy a file or folder under a temporary name first, so that a killed copy is not taken for a whole one."""
    if target.exists() or not source.exists():
        return
    part = target.with_name(target.name + ".copy")
    shutil.rmtree(part, ignore_errors=True)
    part.unlink(missing_ok=True)
    (shutil.copytree if source.is_dir() else shutil.copy2)(source, part)
    part.replace(target)
