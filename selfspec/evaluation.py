"""Stage 4: every system answers the same items of the domain's tasks.

``selfspec eval RUN`` writes ``predictions/<system>/<task>.<k>shot.jsonl``, one record a line::

    {"id": "bioasq_yesno-sample-01", "prediction": "yes", "references": ["yes"], "finish": "end",
     "shots": 0, "cut": false}

All tasks are text generation, greedy (paper, section 4); the base is shown no template and the
Alpaca template, the specialised model the template that it was trained on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfspec import hub, jsonl
from selfspec.decoding import Group, Plain, Row, Sampling
from selfspec.decoding.sampling import uniform
from selfspec.domain import Domain
from selfspec.errors import ConfigError, DataError, MissingDataError, did_you_mean
from selfspec.fitting import fit_prompt
from selfspec.metrics import in_format
from selfspec.models import Base, attach, detach, limits, load_base
from selfspec.progress import Advance, bar, say
from selfspec.rundir import Journal, RunDirectory
from selfspec.settings import EvaluationSettings, Settings
from selfspec.templates import Template, template
from selfspec.types import Example, Seed, Skipped, Task

UNSCORABLE = "the right answer is not in the asked format"
"""Why an item is skipped that no answer could be right for."""
Choose = Callable[[Task, Example], str | None]
"""Which adapter reads an item; ``None``: the base."""


@dataclass(frozen=True, slots=True)
class System:
    """What is compared: a model, with or without an adapter, behind a template."""

    name: str
    template: str
    adapter: Path | None = None
    model: str = ""
    """Another base than the run's: as ``--model`` takes it."""

    @property
    def plain(self) -> bool:
        """Whether it is the run's base itself: what the others are compared with."""
        return not self.model and self.adapter is None


@dataclass(frozen=True, slots=True)
class Items:
    """The examples of one task that are evaluated, and where they come from."""

    task: Task
    examples: tuple[Example, ...]
    source: str
    read: int
    skipped: Mapping[str, int]


def evaluate(run: RunDirectory, domain: Domain, base: Base, systems: Sequence[System], items: Sequence[Items]) -> Path:
    """Let all systems answer all items at every number of shots; return the predictions' folder."""
    folder, settings = run.path / "predictions", run.settings
    folder.mkdir(exist_ok=True)
    jsonl.write(folder / "items.jsonl", map(_items_record, items))
    seeds = [seed for seed in domain.seeds() if seed.task not in settings.held_out]
    for system in systems:
        loaded = _load(system, base, settings)
        for shots in settings.evaluation.shots:
            predict(folder, loaded, system, shots, items, seeds, settings, _own(system))
        if not system.model:
            base.model = detach(loaded).model
    return folder


def _own(system: System) -> Choose:
    name = "adapter" if system.adapter else None
    return lambda _task, _example: name


def _load(system: System, base: Base, settings: Settings) -> Base:
    own = load_base(system.model, settings.quantize) if system.model else base
    return attach(own, {"adapter": system.adapter}) if system.adapter else own


def systems_of(settings: Settings, adapters: Mapping[str, Path]) -> list[System]:
    """The base with each of its templates, each adapter of the run with the one that it was trained
    on, and whatever ``evaluation.systems`` names."""
    plain = {name: "base" if name == "none" else f"base+{name}" for name in settings.evaluation.base_templates}
    return [
        *(System(label, name) for name, label in plain.items()),
        *(System(name, settings.training.template, folder) for name, folder in adapters.items()),
        *map(_other, settings.evaluation.systems),
    ]


def _other(text: str) -> System:
    """Read ``MODEL[+ADAPTER][@TEMPLATE]``."""
    rest, _, form = text.partition("@")
    model, _, adapter = rest.partition("+")
    if not model:
        raise ConfigError(f"system {text!r} names no model. Write MODEL[+ADAPTER][@TEMPLATE].")
    label = "-".join(part.strip("/").replace("/", "_") for part in (model, adapter, form) if part)
    return System(label, template(form or "none").name, Path(adapter) if adapter else None, model)


def load_items(domain: Domain, settings: Settings) -> list[Items]:
    """Read every task's examples and say how many were read, skipped and why.

    Raises :class:`DataError` when no task's file lies below ``data``.
    """
    items = [_read(task, settings) for task in _chosen(domain.tasks(), settings.evaluation.tasks)]
    if settings.data and items and all(i.source == "packaged samples" for i in items):
        if hub.asked(Path(settings.data)):
            raise DataError(
                f"--data hub: no task of {domain.name!r} names data there. Give the original files: --data DIR."
            )
        raise DataError(
            f"{settings.data}: holds the files of no task of {domain.name!r}. See the lines above for their names."
        )
    return items


def _chosen(tasks: Sequence[Task], names: Sequence[str]) -> list[Task]:
    known = [task.name for task in tasks]
    for name in names:
        if name not in known:
            raise ConfigError(f"no task {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}.")
    return [task for task in tasks if not names or task.name in names]


def _read(task: Task, settings: Settings) -> Items:
    """The user's files or the hub, else the packaged samples; which of them is said and stored."""
    skipped: Counter[str] = Counter()
    examples, source = list(task.samples), "packaged samples"
    if settings.data and task.reader:
        split = settings.evaluation.split
        if split not in task.splits:
            raise DataError(f"task {task.name!r} has no split {split!r}. It has: {', '.join(task.splits)}.")
        try:
            read = list(task.reader(Path(settings.data), split))
            examples = [item for item in read if isinstance(item, Example)]
            skipped.update(item.reason for item in read if isinstance(item, Skipped))
            source = f"{task.hub} {split} split" if hub.asked(Path(settings.data)) else f"{split} split"
        except MissingDataError as problem:
            say(f"{task.name}: {problem}")
    scorable = [example for example in examples if in_format(example.references[0], task.answer)]
    skipped.update([UNSCORABLE] * (len(examples) - len(scorable)))
    examples = scorable
    if not examples:
        why = "; ".join(f"{n} skipped: {reason}" for reason, n in skipped.items()) or "no packaged samples and no files"
        raise DataError(f"task {task.name!r} has no items: {why}. Give --data, or mend the samples.")
    count = len(examples)
    examples = _limited(examples, settings.evaluation, settings.seed)
    left_out = "".join(f"; {n} skipped: {reason}" for reason, n in skipped.items())
    say(f"{task.name}: {len(examples)} of {count} items, {source}{left_out}")
    return Items(task, tuple(examples), source, count, dict(skipped))


def _limited(examples: list[Example], settings: EvaluationSettings, seed: int) -> list[Example]:
    """The first ``limit`` examples in an order drawn by id, so that smaller limits are nested in larger."""
    if not settings.limit or len(examples) <= settings.limit:
        return examples
    return sorted(examples, key=lambda e: uniform(seed, "items", e.id, 0))[: settings.limit]


def _items_record(items: Items) -> jsonl.Record:
    task = items.task
    return {
        "task": task.name,
        "title": task.title,
        "version": task.version,
        "source": items.source,
        "read": items.read,
        "skipped": dict(items.skipped),
        "evaluated": len(items.examples),
    }


def _demonstrations(seeds: Sequence[Seed], task: Task, shots: int, settings: Settings) -> list[Seed]:
    """``shots`` seeds of the same task, the same for every item and system."""
    own = [seed for seed in seeds if seed.task == task.name]
    if len(own) < shots:
        raise DataError(f"task {task.name!r} has {len(own)} seeds, {shots} shots need as many. Lower evaluation.shots.")
    return sorted(own, key=lambda s: uniform(settings.seed, "shots", s.id, 0))[:shots]


def predict(
    folder: Path,
    base: Base,
    system: System,
    shots: int,
    items: Sequence[Items],
    seeds: Sequence[Seed],
    settings: Settings,
    choose: Choose,
    names: Mapping[str, str] | None = None,
) -> None:
    """Let one system answer all items at one number of shots, into ``folder/<system>/``; resumable.

    ``choose`` names the adapter of each item among those around ``base``, whose names in the model are
    ``names``; with them, every record says which adapter answered.
    """
    shown = {i.task.name: _demonstrations(seeds, i.task, shots, settings) for i in items}
    with bar(f"{system.name} {shots}-shot", sum(len(i.examples) for i in items)) as advance:
        for item in items:
            path = prediction_file(folder, system.name, item.task, shots)
            form, own = template(system.template), shown[item.task.name]
            answerer = _Answerer(base, form, item.task, own, settings, choose, names)
            answerer.write(path, item.examples, advance)


def prediction_file(folder: Path, system: str, task: Task, shots: int) -> Path:
    """Where a system's answers to a task are kept."""
    return folder / system / f"{task.name}.{shots}shot.jsonl"


@dataclass(frozen=True, slots=True)
class _Answerer:
    """Answers one task's items."""

    base: Base
    form: Template
    task: Task
    seeds: Sequence[Seed]
    settings: Settings
    choose: Choose
    names: Mapping[str, str] | None

    def row(self, ids: tuple[int, ...], chosen: str | None) -> Row:
        """A prompt and the adapter that reads it, by its name in the model."""
        return Row(ids, self.names[chosen] if self.names and chosen else chosen)

    def write(self, path: Path, examples: Sequence[Example], advance: Advance) -> None:
        """Answer what the journal lacks, block by block."""
        step = self.settings.evaluation.items_per_block
        path.parent.mkdir(exist_ok=True)
        journal = Journal(path, step)
        advance(len(journal.records), self.task.name)
        for first in range(len(journal.records), len(examples), step):
            block = examples[first : first + step]
            journal.extend(_answer(self, block))
            advance(len(block), self.task.name)
        journal.seal()
        self._say_what_is_missing(journal.records)

    def _say_what_is_missing(self, records: Sequence[jsonl.Record]) -> None:
        """Count the prompts that the context was too short for; each record says it of its own."""
        fewer = sum(record["shots"] < len(self.seeds) for record in records)
        cut = sum(record["cut"] for record in records)
        if fewer or cut:
            shown = f"{fewer} of {len(records)} prompts with fewer than {len(self.seeds)} demonstrations"
            say(f"{self.task.name}: context of {self.base.context} tokens: {shown}, {cut} inputs cut")


def _answer(asked: _Answerer, examples: Sequence[Example]) -> list[jsonl.Record]:
    from selfspec.decoding import decode

    base, form, task, settings = asked.base, asked.form, asked.task, asked.settings
    prompts = {e.id: fit_prompt(base, form, task, e, asked.seeds) for e in examples}
    chosen = {e.id: asked.choose(task, e) for e in examples}
    groups = [Group(e.id, (asked.row(prompts[e.id].ids, chosen[e.id]),)) for e in examples]
    sampling = Sampling(task.max_answer_tokens, stop=form.stop)
    room = limits(base, settings.decoding)
    done = {c.key: c for c in decode(base.model, base.tokenizer, groups, Plain(), sampling, room)}
    return [
        {
            "id": e.id,
            "prediction": done[e.id].text.strip(),
            "references": list(e.references),
            "finish": done[e.id].finish,
            "shots": prompts[e.id].shots,
            "cut": prompts[e.id].cut,
            **({} if asked.names is None else {"adapter": chosen[e.id]}),
        }
        for e in examples
    ]
