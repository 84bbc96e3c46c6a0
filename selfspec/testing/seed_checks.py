"""Checks of the seeds and of the prompts that show them; the rules are those of ``selfspec seeds lint``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from selfspec import seeds
from selfspec.curation import NO_INPUT, parse_list
from selfspec.testing.subject import Subject
from selfspec.types import Seed, Task


def _findings(
    subject: Subject, rule: Callable[[Sequence[Seed], Sequence[Task]], Iterator[seeds.Finding]]
) -> Iterator[str]:
    for finding in rule(subject.seeds, subject.domain.tasks()):
        yield f"{subject.seed_place(finding.seeds[0] if finding.seeds else '')}: {finding.text}"


def check_seeds_count(subject: Subject) -> Iterator[str]:
    """There are at least ten seeds.

    Mend: write more; ``selfspec seeds add`` asks for one.
    """
    yield from _findings(subject, seeds.count)


def check_seeds_are_unique(subject: Subject) -> Iterator[str]:
    """No two seeds are nearly the same (ROUGE-L F1 up to 0.7).

    Mend: rewrite one of the two that are named.
    """
    yield from _findings(subject, seeds.near_duplicates)


def check_seeds_balance(subject: Subject) -> Iterator[str]:
    """No label has nearly all of a task's seeds: the base would learn to say it always.

    Mend: replace some by seeds with other labels.
    """
    yield from _findings(subject, seeds.balance)


def check_seeds_format(subject: Subject) -> Iterator[str]:
    """A seed of a benchmark task answers in that task's format.

    Mend: rewrite its output, or give it another task.
    """
    yield from _findings(subject, seeds.formats)


def check_seeds_verbs(subject: Subject) -> Iterator[str]:
    """Instructions begin in many ways: the base imitates how they do.

    Mend: rephrase some as questions, as other commands, as descriptions.
    """
    yield from _findings(subject, seeds.verbs)


def check_seeds_length(subject: Subject) -> Iterator[str]:
    """Instruction, input and output are as long as the engine accepts from the base itself.

    Mend: shorten the part that is named, or say more in it.
    """
    yield from _findings(subject, seeds.lengths)


def check_seeds_overlap(subject: Subject) -> Iterator[str]:
    """No seed contains an item that is measured.

    Mend: replace the seed, or the item.
    """
    yield from _findings(subject, seeds.leakage)


def check_prompts_render(subject: Subject) -> Iterator[str]:
    """The prompts show what they should, and the engine can read back lists in their form.

    Mend: keep "{number}. Instruction:", "{number}. Input:" and "###" in ``demonstration``, and
    ``{passage}`` in both responses of prompts.yaml.
    """
    prompts, place = subject.domain.prompts(), subject.place("prompts.yaml")
    unread = [seed for seed in subject.seeds if not _reads_back(prompts.demonstration, seed)]
    if len(unread) == len(subject.seeds):
        yield f'{place}:demonstration: its lists cannot be read back. Write "###", "{{number}}. Instruction:", ..'
    else:
        for seed in unread:
            yield f"{subject.seed_place(seed.id)}: cannot be read back from a list. Leave 'Input:' and '###' lines out."
    for name in ("response", "response_input") if subject.domain.card().retrieval else ():
        if "{passage}" not in getattr(prompts, name):
            yield f"{place}:{name}: retrieved passages would not be shown. Put {{passage}} into it."


def _reads_back(form: str, seed: Seed) -> bool:
    """Whether a demonstration, as a list item, is parsed into what it was made from."""
    shown = form.format(number=1, instruction=seed.instruction, input=seed.input or NO_INPUT)
    found = list(parse_list(shown.partition("1. Instruction:")[2], complete=True))
    right = (" ".join(seed.instruction.split()), seed.input.strip())
    return len(found) == 1 and not found[0].fault and (found[0].instruction, found[0].input) == right
