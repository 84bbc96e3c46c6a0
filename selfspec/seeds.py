"""What makes seeds good, looked at seed by seed and as a set; drawing them from training files, adding one.

Every rule yields findings, each with the seeds that it is about, what is wrong and what to change::

    seeds.jsonl:7: balance: 4 of the 5 seeds of 'ddi' answer 'false'. Replace some by seeds with another label.

``selfspec seeds lint`` prints them, ``selfspec check`` refuses a domain for them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz.distance import Indel

from selfspec import jsonl, metrics, overlap
from selfspec.curation import LONGEST, SHORTEST
from selfspec.decoding.sampling import uniform
from selfspec.domainfiles import seeds_from_file
from selfspec.errors import DataError, MissingDataError, did_you_mean
from selfspec.types import AnswerFormat, Example, Passage, Seed, Task

FEWEST = 10
"""Seeds of a domain: fewer, and every prompt shows the same ones."""
MOST_ALIKE = 0.7
"""ROUGE-L F1 of two whole seeds, as instructions are curated."""
MOST_OF_ONE = 0.7
"""Share of a task's seeds that may have one label."""
SAME_START = 0.25
"""Share of all seeds that may begin with the same word."""
LONGEST_OUTPUT = 250
"""Words; about what ``responses.max_new_tokens`` of the paper recipe holds."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about seeds that is worth a change."""

    rule: str
    seeds: tuple[str, ...]
    """Ids of those it is about; none: all."""
    text: str


def count(seeds: Sequence[Seed], tasks: Sequence[Task]) -> Iterator[Finding]:
    """There are at least ten."""
    if len(seeds) < FEWEST:
        yield Finding("count", (), f"{len(seeds)} seeds. Write at least {FEWEST}; about 80 are usual.")


def near_duplicates(seeds: Sequence[Seed], tasks: Sequence[Task]) -> Iterator[Finding]:
    """No two are alike: instruction, input and output together, by ROUGE-L."""
    texts = [overlap.words(f"{seed.instruction} {seed.input} {seed.output}") for seed in seeds]
    for i, seed in enumerate(seeds):
        for j in range(i):
            alike = Indel.normalized_similarity(texts[i], texts[j], score_cutoff=MOST_ALIKE)
            if alike > MOST_ALIKE:
                text = f"ROUGE-L {alike:.2f} to {seeds[j].id!r}. Rewrite one of the two."
                yield Finding("near-duplicate", (seed.id, seeds[j].id), text)


def balance(seeds: Sequence[Seed], tasks: Sequence[Task]) -> Iterator[Finding]:
    """No label has nearly all seeds of a task."""
    for task, labels in _labels(seeds, tasks).items():
        label, most = Counter(labels.values()).most_common(1)[0]
        if len(labels) >= 3 and most > MOST_OF_ONE * len(labels):
            about = tuple(name for name, given in labels.items() if given == label)
            text = f"{most} of the {len(labels)} seeds of {task!r} answer {label!r}. Replace some by other labels."
            yield Finding("balance", about, text)


def _labels(seeds: Sequence[Seed], tasks: Sequence[Task]) -> dict[str, dict[str, str]]:
    """The label of each seed by task: where the task asks for one, or all answers are a few short ones."""
    known = {task.name: task.answer for task in tasks}
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for seed in seeds:
        found[seed.task][seed.id] = seed.output.strip().rstrip(".").casefold()
    return {task: labels for task, labels in found.items() if task and _is_labels(labels, known.get(task))}


def _is_labels(labels: Mapping[str, str], answer: object) -> bool:
    if isinstance(answer, AnswerFormat):
        return answer.kind == "label"
    return len(set(labels.values())) * 2 <= len(labels) and all(len(v.split()) <= 3 for v in labels.values())


def formats(seeds: Sequence[Seed], tasks: Sequence[Task]) -> Iterator[Finding]:
    """A seed of a benchmark task answers in that task's format: it is shown as its demonstration."""
    known = {task.name: task.answer for task in tasks}
    for seed in seeds:
        answer = known.get(seed.task)
        if answer and not metrics.in_format(seed.output, answer):
            asked = answer.kind + (f" of {', '.join(answer.labels)}" if answer.labels else "")
            text = f"the output {_short(seed.output)!r} is not in the format of {seed.task!r} ({asked}). Rewrite it."
            yield Finding("format", (seed.id,), text)


def verbs(seeds: Sequence[Seed], tasks: Sequence[Task]) -> Iterator[Finding]:
    """Instructions begin in many ways: the base imitates how they do."""
    starts = openings(seeds)
    if len(seeds) < 4:
        return
    if len(starts) * 4 < len(seeds):
        text = f"{len(starts)} first words in {len(seeds)} instructions. Begin with other verbs and forms."
        yield Finding("verbs", (), text)
    word, most = starts.most_common(1)[0]
    if most > max(3, SAME_START * len(seeds)):
        about = tuple(seed.id for seed in seeds if opening(seed) == word)
        yield Finding("verbs", about, f"{most} of {len(seeds)} instructions begin with {word!r}. Rephrase some.")


def openings(seeds: Iterable[Seed]) -> Counter[str]:
    """How often each first word of an instruction occurs."""
    return Counter(map(opening, seeds))


def opening(seed: Seed) -> str:
    """The first word of the instruction."""
    return seed.instruction.split()[0].strip(".,:;!?\"'()").casefold()


def lengths(seeds: Sequence[Seed], tasks: Sequence[Task]) -> Iterator[Finding]:
    """Each part is as long as the engine accepts from the base itself."""
    limits = (("instruction", SHORTEST, LONGEST), ("input", 0, LONGEST * 2), ("output", 1, LONGEST_OUTPUT))
    for seed in seeds:
        for name, least, most in limits:
            length = len(getattr(seed, name).split())
            if not least <= length <= most:
                mend = "Shorten it" if length > most else "Say more"
                text = f"the {name} has {length} words, should have {least} to {most}. {mend}."
                yield Finding("length", (seed.id,), text)


def leakage(seeds: Sequence[Seed], tasks: Sequence[Task]) -> Iterator[Finding]:
    """No seed contains, or nearly is, a packaged item of a task."""
    for hit in overlap.find(_items(tasks), [("seeds", s.id, f"{s.input} {s.output}") for s in seeds]):
        text = f"overlaps with item {hit.item!r} of task {hit.task!r} ({hit.kind}). Replace the seed or the item."
        yield Finding("leakage", (hit.text,), text)


def corpus_leakage(passages: Sequence[Passage], tasks: Sequence[Task]) -> Iterator[overlap.Hit]:
    """The passages that contain, or nearly are, a packaged item of a task."""
    yield from overlap.find(_items(tasks), [("corpus", p.id, p.text) for p in passages])


def _items(tasks: Iterable[Task]) -> list[overlap.Item]:
    return [(task.name, e.id, f"{e.input} {e.references[0]}") for task in tasks for e in task.samples]


RULES: tuple[Callable[[Sequence[Seed], Sequence[Task]], Iterator[Finding]], ...]
RULES = (count, near_duplicates, balance, formats, verbs, lengths, leakage)


def lint(seeds: Sequence[Seed], tasks: Sequence[Task] = ()) -> list[Finding]:
    """Return what every rule finds."""
    return [finding for rule in RULES for finding in rule(seeds, tasks)]


def lines(path: Path) -> dict[str, int]:
    """The line of each seed by id."""
    return {str(record.get("id")): number for number, record in jsonl.read(path)}


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."


def draw(
    task: Task, data: Path, number: int, seed: int = 0, *, balanced: bool = False, avoid: Sequence[str] = ()
) -> list[Seed]:
    """Draw seeds from a task's training split, as the paper did; the same ones every time.

    Examples that overlap with a packaged item, or with one of the splits to ``avoid`` (none named: all
    others), are passed over; ``balanced`` takes the labels in turn. Raises :class:`DataError` when there
    are too few.
    """
    if task.reader is None or "train" not in task.splits:
        raise DataError(
            f"task {task.name!r} has no training split, only {', '.join(task.splits)}: its items are what is measured. "
            "Write seeds by hand: selfspec seeds add."
        )
    found = [e for e in task.reader(data, "train") if isinstance(e, Example)]
    found.sort(key=lambda e: uniform(seed, "seeds", e.id, 0))
    order = list(_in_turn(found) if balanced else found)
    avoid = avoid or [split for split in task.splits if split != "train"]
    tested, step = _tested(task, data, avoid), 4 * number
    chosen: list[Seed] = []
    for block in ([_seed(task, e) for e in order[i : i + step]] for i in range(0, len(order), step)):
        flagged = {hit.text for hit in overlap.find(tested, [("train", s.id, f"{s.input} {s.output}") for s in block])}
        chosen += [made for made in block if made.id not in flagged]
        if len(chosen) >= number:
            return chosen[:number]
    raise DataError(
        f"{data}: {len(chosen)} of {len(order)} training examples of {task.name!r} overlap with no item of "
        f"{', '.join(avoid)}, {number} are wanted. Lower --n, or --avoid only the split that you measure on."
    )


def _tested(task: Task, data: Path, splits: Sequence[str]) -> list[overlap.Item]:
    """The packaged items and those of ``splits`` as far as they lie below ``data``."""
    items = list(_items([task]))
    for split in splits:
        try:
            others = task.reader(data, split) if task.reader else ()
            items += [(task.name, e.id, f"{e.input} {e.references[0]}") for e in others if isinstance(e, Example)]
        except MissingDataError:
            continue
    return items


def _in_turn(examples: Sequence[Example]) -> Iterator[Example]:
    """The first example of every label, then the second of each, and so on."""
    seen: Counter[str] = Counter()
    places = []
    for example in examples:
        places.append(seen[example.references[0]])
        seen[example.references[0]] += 1
    yield from (example for _, example in sorted(zip(places, examples, strict=True), key=lambda pair: pair[0]))


def _seed(task: Task, example: Example) -> Seed:
    return Seed(
        id=f"{task.name}/{example.id}",
        task=task.name,
        instruction=task.instruction,
        input=example.input,
        output=example.references[0],
    )


def record(seed: Seed) -> jsonl.Record:
    """The line of ``seeds.jsonl``."""
    return {name: getattr(seed, name) for name in ("id", "task", "instruction", "input", "output")}


def task_of(tasks: Sequence[Task], name: str) -> Task:
    """Return the task of that name. Raises :class:`DataError`."""
    names = [task.name for task in tasks]
    if name not in names:
        raise DataError(f"no task {name!r}.{did_you_mean(name, names)} Known: {', '.join(names) or 'none'}.")
    return tasks[names.index(name)]


def next_id(seeds: Sequence[Seed], path: Path) -> str:
    """The id after the last one: ``law-007`` after ``law-006``."""
    taken = {seed.id for seed in seeds}
    last = re.fullmatch(r"(.*?)(\d+)", seeds[-1].id) if seeds else None
    stem, width = (last[1], len(last[2])) if last else (f"{path.parent.name.removeprefix('selfspec_') or 'seed'}-", 3)
    number = int(last[2]) if last else len(seeds)
    while (name := f"{stem}{(number := number + 1):0{width}d}") in taken:
        continue
    return name


def in_file(path: Path) -> list[Seed]:
    """Return a file's seeds; none when it is not there, or empty as whoever begins anew leaves it."""
    return seeds_from_file(path) if path.exists() and path.read_bytes().strip() else []


def append(path: Path, seed: Seed) -> None:
    """Add a seed to a file, all or nothing; what stands in it keeps its bytes.

    Raises :class:`DataError` when the file is damaged or has the same seed already.
    """
    for other in in_file(path):
        if (other.instruction.strip(), other.input.strip()) == (seed.instruction.strip(), seed.input.strip()):
            raise DataError(f"{path}: seed {other.id!r} has the same instruction and input. Change one of them.")
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    end = "" if not before or before.endswith("\n") else "\n"
    jsonl.write_text(path, f"{before}{end}{jsonl.dumps(record(seed))}")
