"""Checks of what measures and what grounds: tasks, metrics, corpus and retriever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import fmean

from selfspec import metrics, seeds
from selfspec.errors import SelfspecError
from selfspec.testing.subject import NotApplicable, Subject
from selfspec.types import Metric, Passage, Retriever, Task


def check_tasks_have_samples(subject: Subject) -> Iterator[str]:
    """Every task ships sample items, with ids of their own and more than one answer.

    Mend: write about 20 items into samples/<task>.jsonl and name the file in tasks.yaml.
    """
    for task in subject.tasks:
        place, ids = _of(subject, task), [example.id for example in task.samples]
        if len(ids) < 2:
            yield f"{place}: {len(ids)} sample items, so little can be measured. Write about 20."
        elif len({example.references[0] for example in task.samples}) < 2:
            yield f"{place}: all sample items have one answer. Write some with another."
        if twice := next((name for name in ids if ids.count(name) > 1), None):
            yield f"{place}: two sample items with the id {twice!r}. Rename one."


def _of(subject: Subject, task: Task) -> str:
    return f"{subject.place('tasks.yaml')}: task {task.name!r}"


def check_metrics_exist(subject: Subject) -> Iterator[str]:
    """Every metric that a task names is the engine's or the domain's.

    Mend: correct the name in tasks.yaml, or give the metric by selfspec_metrics.
    """
    known = metrics.table(subject.domain.metrics())
    for task in subject.tasks:
        try:
            metrics.metrics_of(task, known)
        except SelfspecError as problem:
            yield f"{subject.place('tasks.yaml')}: {problem}"


def check_gold_is_in_format(subject: Subject) -> Iterator[str]:
    """The right answers of the sample items are in the format that the task asks for.

    Mend: correct the references, or ``answer`` in tasks.yaml.
    """
    for task in subject.tasks:
        for example in task.samples:
            if wrong := [r for r in example.references[:1] if not metrics.in_format(r, task.answer)]:
                yield f"{_of(subject, task)}, item {example.id!r}: {wrong[0]!r} is no {task.answer.kind}. Correct it."


def _scores(subject: Subject, shift: int) -> Iterator[tuple[Task, Metric, float]]:
    """Each task's score by each metric when item i is answered with the gold of item i + shift."""
    known = metrics.table(subject.domain.metrics())
    for task in subject.tasks:
        items = sorted(task.samples, key=lambda example: example.references[0])
        turned = items[len(items) // 2 :] + items[: len(items) // 2] if shift else items
        answers = [example.references[0] for example in turned]
        for metric in metrics.metrics_of(task, known) if len(items) > 1 else ():
            if metric.pool:
                yield task, metric, metric.pool(answers, items, task.answer)
            elif metric.score:
                each = [metric.score(a, e, task.answer) for a, e in zip(answers, items, strict=True)]
                yield task, metric, fmean(each)


def check_gold_scores_maximum(subject: Subject) -> Iterator[str]:
    """The right answers score 1 by every metric of their task.

    Mend: a metric that does not fit the kind of answer leaves tasks.yaml; a wrong one is corrected.
    """
    for task, metric, score in _scores(subject, shift=0):
        if not 1 - 1e-9 <= score <= 1 + 1e-9:
            yield f"{_of(subject, task)}: gold scores {score:.3f} by {metric.name!r}, must be 1. Mend metric or gold."


def check_shuffled_scores_less(subject: Subject) -> Iterator[str]:
    """Answers that were given to other items score less than the right ones.

    Mend: a metric that does not look at the answer is corrected or left out.
    """
    for task, metric, score in _scores(subject, shift=1):
        distinct = len({example.references[0] for example in task.samples})
        if distinct > 1 and not score < 1 - 1e-9:
            yield f"{_of(subject, task)}: shuffled answers score {score:.3f} by {metric.name!r}. Mend the metric."


def check_corpus_overlap(subject: Subject) -> Iterator[str]:
    """No packaged passage contains an item that is measured.

    Mend: replace the passage, or the item.
    """
    for hit in seeds.corpus_leakage(subject.passages, subject.tasks):
        place = f"{subject.place('corpus.jsonl')} ({hit.text})"
        yield f"{place}: overlaps with item {hit.item!r} of task {hit.task!r} ({hit.kind}). Replace one of the two."


def check_retriever_is_deterministic(subject: Subject) -> Iterator[str]:
    """The retriever gives the same passages in the same order every time.

    Mend: let ties keep the corpus's order.
    """
    one, two = _retriever(subject), subject.load().retriever()
    for query in _queries(subject):
        answers = [[(p.id, score) for p, score in r.search(query, 3)] for r in (one, one, two) if r]
        if answers[0] != answers[1] or answers[0] != answers[-1]:
            yield f"{subject.place('__init__.py')}: retriever: two searches for {query[:40]!r} differ. Order the ties."
            return


def check_retriever_gives_passages(subject: Subject) -> Iterator[str]:
    """The retriever gives at most k passages of the corpus, each once, best first.

    Mend: cut the list at k, and sort it by score.
    """
    retriever, place = _retriever(subject), f"{subject.place('__init__.py')}: retriever"
    known = {passage.id for passage in subject.passages}
    for k in (1, 3):
        for query in _queries(subject):
            if wrong := _wrong_answer(retriever.search(query, k), k, known):
                yield f"{place}: for {query[:40]!r} and k={k} {wrong}"
                return


def _wrong_answer(found: Sequence[tuple[Passage, float]], k: int, known: set[str]) -> str:
    names = [passage.id for passage, _ in found]
    if len(names) > k:
        return f"it gave {len(names)} passages. Cut the list at k."
    if len(set(names)) < len(names):
        return f"it gave a passage twice ({', '.join(names)}). Give each once."
    if known and (strange := [name for name in names if name not in known]):
        return f"it gave {strange[0]!r}, which is not in the corpus. Give passages of selfspec_corpus."
    return "" if all(a >= b for (_, a), (_, b) in pairwise(found)) else "the best is not first. Sort by score."


def _retriever(subject: Subject) -> Retriever:
    if found := subject.domain.retriever():
        return found
    if subject.domain.card().retrieval:
        place = subject.place("domain.yaml")
        raise SelfspecError(f"{place}: retrieval is true, but there is no corpus. Add corpus.jsonl or write false.")
    raise NotApplicable("the domain has no corpus")


def _queries(subject: Subject) -> list[str]:
    return [f"{seed.instruction} {seed.input}" for seed in subject.seeds[:10]]
