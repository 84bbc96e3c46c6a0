"""Stage 4: every system answers the same items of the domain's tasks.

``selfspec eval RUN`` writes ``predictions/<system>/<task>.<k>shot.jsonl``, one record a line::

    {"id": "bioasq_yesno-sample-01", "prediction": "yes", "references": ["yes"], "finish": "end",
     "shots": 0, "cut": false}

All tasks are text generation, greedy (paper, section 4); the base is shown no template and the
Alpaca template, the specialised model the template that it was trained on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfspec import jsonl
from selfspec.config import EvaluationSettings, Settings
from selfspec.decoding import Group, Plain, Row, Sampling
from selfspec.decoding.sampling import uniform
from selfspec.errors import ConfigError, DataError, MissingDataError, ModelError, did_you_mean
from selfspec.models import Base, attach, detach, load_base
from selfspec.plugins import Domain
from selfspec.progress import Advance, bar, say
from selfspec.rundir import Journal, RunDirectory
from selfspec.templates import Template, template
from selfspec.types import Example, Seed, Skipped, Task


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
            shown = {i.task.name: _demonstrations(seeds, i.task, shots, settings) for i in items}
            with bar(f"{system.name} {shots}-shot", sum(len(i.examples) for i in items)) as advance:
                for item in items:
                    _predict(folder, loaded, system, shots, item, shown[item.task.name], settings, advance)
        if not system.model:
            base.model = detach(loaded).model
    return folder


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
    """The user's files, else the packaged samples; which of the two is said and stored."""
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
            source = f"{split} split"
        except MissingDataError as problem:
            say(f"{task.name}: {problem}")
    if not examples:
        raise DataError(
            f"task {task.name!r} has no items: no packaged samples and no files. Give --data, or add samples."
        )
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


def _predict(
    folder: Path,
    base: Base,
    system: System,
    shots: int,
    items: Items,
    seeds: Sequence[Seed],
    settings: Settings,
    advance: Advance,
) -> None:
    path, step = folder / system.name / f"{items.task.name}.{shots}shot.jsonl", settings.evaluation.items_per_block
    path.parent.mkdir(exist_ok=True)
    journal = Journal(path, step)
    advance(len(journal.records), items.task.name)
    for first in range(len(journal.records), len(items.examples), step):
        block = items.examples[first : first + step]
        journal.extend(_answer(base, system, items.task, block, seeds, settings))
        advance(len(block), items.task.name)
    journal.seal()


def _answer(
    base: Base, system: System, task: Task, examples: Sequence[Example], seeds: Sequence[Seed], settings: Settings
) -> list[jsonl.Record]:
    from selfspec.decoding import Limits, decode

    form = template(system.template)
    prompts = {e.id: fit_prompt(base, form, task, e, seeds) for e in examples}
    groups = [Group(e.id, (Row(prompts[e.id].ids, "adapter" if system.adapter else None),)) for e in examples]
    sampling = Sampling(task.max_answer_tokens, stop=form.stop)
    limits = Limits(settings.decoding.rows, settings.decoding.tokens)
    done = {c.key: c for c in decode(base.model, base.tokenizer, groups, Plain(), sampling, limits)}
    return [
        {
            "id": e.id,
            "prediction": done[e.id].text.strip(),
            "references": list(e.references),
            "finish": done[e.id].finish,
            "shots": prompts[e.id].shots,
            "cut": prompts[e.id].cut,
        }
        for e in examples
    ]


@dataclass(frozen=True, slots=True)
class FittedPrompt:
    """A prompt that fits the context."""

    ids: tuple[int, ...]
    shots: int
    """Demonstrations that are left."""
    cut: bool
    """Whether the input lost words at its beginning."""


def fit_prompt(base: Base, form: Template, task: Task, example: Example, seeds: Sequence[Seed]) -> FittedPrompt:
    """Build the prompt; when it is too long, drop demonstrations from the far end, then words from
    the input's beginning (questions stand at its end).

    Raises :class:`ModelError` when the instruction alone does not fit.
    """
    room = base.context - task.max_answer_tokens
    words, kept = example.input.split(" "), list(seeds)
    while True:
        ids = base.encode(_shown(base, form, task, " ".join(words), kept))
        if len(ids) <= room:
            return FittedPrompt(ids, len(kept), len(words) < len(example.input.split(" ")))
        if kept:
            kept = kept[1:]
        elif len(words) > 1:
            words = words[max(1, min(len(words) // 2, (len(ids) - room) // 3)) :]
        else:
            raise ModelError(
                f"task {task.name!r}, item {example.id!r}: a prompt of {len(ids)} tokens cannot fit the context of "
                f"{base.context}, less {task.max_answer_tokens} for the answer. Use a model with a longer context."
            )


def _shown(base: Base, form: Template, task: Task, text: str, seeds: Sequence[Seed]) -> str:
    """The whole prompt: demonstrations, then the item."""
    if form.name == "chat":
        return _chat(base, form, task, text, seeds)
    shown = "".join(f"{form.prompt(s.instruction, s.input)}{s.output.strip()}\n\n" for s in seeds)
    return shown + form.prompt(task.instruction, text)


def _chat(base: Base, form: Template, task: Task, text: str, seeds: Sequence[Seed]) -> str:
    """Demonstrations as earlier turns of a conversation."""
    if not getattr(base.tokenizer, "chat_template", None):
        raise ModelError(f"model {base.name!r}: its tokenizer has no chat template. Use another --template.")
    turns = [(form.prompt(s.instruction, s.input), s.output.strip()) for s in seeds]
    messages = [m for user, answer in turns for m in (_turn("user", user), _turn("assistant", answer))]
    messages.append(_turn("user", form.prompt(task.instruction, text)))
    shown: str = base.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return shown


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
