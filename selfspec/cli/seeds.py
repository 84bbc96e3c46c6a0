"""``selfspec seeds lint | sample | add``."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from selfspec.errors import ConfigError, DataError
from selfspec.types import Seed, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selfspec.seeds import Finding


@click.group()
def seeds() -> None:
    """Lint seeds, draw them from training files, add one by asking."""


@seeds.command(epilog="Example: selfspec seeds lint selfspec_law/seeds.jsonl")
@click.argument("source", metavar="NAME|FILE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def lint(source: str, as_json: bool) -> None:
    """Look for what makes seeds worse: labels out of balance, near-duplicates, overlap with test
    items, answers in the wrong format, instructions that all begin alike, odd lengths.

    A FILE is looked at with the tasks.yaml beside it.
    """
    from selfspec import seeds as rules

    found, tasks, file = _read(source)
    findings = rules.lint(found, tasks)
    if as_json:
        facts = {
            "source": str(file or source),
            "seeds": len(found),
            "tasks": dict(Counter(seed.task for seed in found)),
            "openings": dict(rules.openings(found).most_common()),
            "findings": [asdict(finding) for finding in findings],
        }
        sys.stdout.write(json.dumps(facts, ensure_ascii=False) + "\n")
    else:
        _print(findings, source, rules.lines(file) if file else {})
    if findings:
        many = "s" if len(findings) > 1 else ""
        raise DataError(f"{source}: {len(findings)} finding{many} in {len(found)} seeds. See above for what to change.")
    sys.stderr.write(f"{len(found)} seeds, {len(rules.openings(found))} ways to begin: nothing found.\n")


def _print(findings: Sequence[Finding], source: str, numbers: dict[str, int]) -> None:
    for finding in findings:
        name = finding.seeds[0] if finding.seeds else ""
        line = f":{numbers[name]}" if name in numbers else ""
        sys.stdout.write(f"{source}{line}: {finding.rule}: {f'{name}: ' if name else ''}{finding.text}\n")


def _read(source: str) -> tuple[list[Seed], list[Task], Path | None]:
    """Seeds and tasks of an installed domain, or of a file and the tasks beside it."""
    from selfspec.domainfiles import TASKS, seeds_from_file, tasks_from_folder

    path = Path(source)
    if path.suffix == ".jsonl" or path.is_file():
        tasks = tasks_from_folder(path.parent) if (path.parent / TASKS).exists() else []
        return seeds_from_file(path), tasks, path
    from selfspec.plugins import load_domain

    domain = load_domain(source)
    return domain.seeds(), domain.tasks(), None


@seeds.command(epilog="Example: selfspec seeds sample biomed --task ddi --n 5 --data FOLDER >> seeds.jsonl")
@click.argument("name")
@click.option("--task", required=True, help="Task whose training split is read.")
@click.option("--n", "number", type=click.IntRange(min=1), default=5, show_default=True, help="How many.")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Root of the original benchmark files.")
@click.option("--out", type=click.Path(path_type=Path), help="New file. [default: standard output]")
@click.option("--avoid", multiple=True, help="Split to have no overlap with; repeatable. [default: all others]")
@click.option("--balanced", is_flag=True, help="Take the labels in turn.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draw.")
def sample(
    name: str, task: str, number: int, data: Path, out: Path | None, avoid: tuple[str, ...], balanced: bool, seed: int
) -> None:
    """Draw seeds from a task's training split, as the paper did; the same ones every time.

    Examples that overlap with items of the other splits are passed over.
    """
    from selfspec import jsonl
    from selfspec import seeds as rules
    from selfspec.plugins import load_domain

    if out and out.exists():
        raise ConfigError(f"{out}: exists already. Name a new file.")
    if not data.is_dir():
        raise DataError(f"{data}: no such folder of benchmark files. Check --data.")
    chosen = rules.task_of(load_domain(name, data=data).tasks(), task)
    if unknown := set(avoid) - set(chosen.splits):
        raise ConfigError(f"task {task!r} has no split {min(unknown)!r}. It has: {', '.join(chosen.splits)}.")
    drawn = rules.draw(chosen, data, number, seed, balanced=balanced, avoid=avoid)
    records = [rules.record(made) for made in drawn]
    if out:
        jsonl.write(out, records)
        sys.stderr.write(f"{len(records)} seeds: {out}\n")
    else:
        sys.stdout.write("".join(map(jsonl.dumps, records)))


@seeds.command(epilog="Example: selfspec seeds add selfspec_law/seeds.jsonl")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def add(file: Path) -> None:
    r"""Ask for one seed and append it to FILE; \n in an answer stands for a new line."""
    from selfspec import seeds as rules
    from selfspec.domainfiles import TASKS, tasks_from_folder

    known = rules.in_file(file)
    tasks = tasks_from_folder(file.parent) if (file.parent / TASKS).exists() else []
    made = _ask(rules.next_id(known, file), tasks)
    rules.append(file, made)
    sys.stderr.write(f"added {made.id}: {file} has {len(known) + 1} seeds.\n")
    new = [f for f in rules.lint([*known, made], tasks) if made.id in f.seeds]
    for finding in new:
        sys.stderr.write(f"look again: {finding.rule}: {finding.text}\n")


def _ask(name: str, tasks: Sequence[Task]) -> Seed:
    names = ", ".join(task.name for task in tasks)
    hint = f" ({names}, or a kind of your own)" if names else " (a name for what it practises)"
    task = _prompt(f"Task{hint}", "")
    of = next((t for t in tasks if t.name == task), None)
    instruction = _prompt("Instruction", of.instruction if of else None)
    text = _prompt("Input (empty: none)", "")
    output = _prompt("Output", None, lambda given: _checked(given, of))
    return Seed(id=name, task=task, instruction=instruction, input=text, output=output)


def _prompt(label: str, default: str | None, check: Callable[[str], str] = str) -> str:
    def value(given: str) -> str:
        text = given.replace("\\n", "\n").strip()
        if default is None and not text:
            raise click.UsageError("empty. Write something.")
        return check(text)

    answer: str = click.prompt(label, default=default, show_default=bool(default), value_proc=value, err=True)
    return answer


def _checked(output: str, task: Task | None) -> str:
    from selfspec import seeds as rules

    probe = Seed(id="this one", task=task.name if task else "", instruction="-", output=output)
    for finding in rules.formats([probe], [task] if task else []):
        raise click.UsageError(finding.text)
    return output
