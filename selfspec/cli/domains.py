"""``selfspec domains list | show | check``; the commands on the index of known domains are in ``registry.py``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from selfspec.cli import registry
from selfspec.domain import Domain
from selfspec.errors import PluginError, SelfspecError
from selfspec.installed import Installed, discover
from selfspec.plugins import load_domain

if TYPE_CHECKING:
    from collections.abc import Iterable


@click.group()
def domains() -> None:
    """List, show and check the installed domains; find and install known ones."""


for _command in registry.COMMANDS:
    domains.add_command(_command)


@domains.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the installed domains. Reads package metadata and imports nothing."""
    found = discover()
    if as_json:
        sys.stdout.write(json.dumps([asdict(entry) for entry in found]) + "\n")
        return
    names = [entry.name for entry in found]
    for entry in found:
        note = "  (two packages give this name)" if names.count(entry.name) > 1 else ""
        sys.stdout.write(f"{entry.name:<12} {entry.package} {entry.version}  selfspec {entry.engine or 'any'}{note}\n")
    if not found:
        sys.stderr.write("No domain is installed. Try: pip install selfspec-domain-biomed\n")


@domains.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, as_json: bool) -> None:
    """Show one domain: its card, seeds, corpus and tasks."""
    facts = _facts(load_domain(name))
    if as_json:
        sys.stdout.write(json.dumps(facts, ensure_ascii=False) + "\n")
        return
    for key, value in facts.items():
        if isinstance(value, list):
            sys.stdout.write(f"{key}:\n" + "".join(f"  {_line(item)}\n" for item in value))
        else:
            sys.stdout.write(f"{key}: {value}\n")


def _line(item: Any) -> str:
    return "  ".join(map(str, item.values())) if isinstance(item, dict) else str(item)


def _facts(domain: Domain) -> dict[str, Any]:
    card, seeds = domain.card(), domain.seeds()
    return {
        "name": card.name,
        "title": card.title,
        "summary": card.summary,
        "package": str(domain.entry),
        "engine": domain.entry.engine,
        "retrieval": card.retrieval,
        "seeds": len(seeds),
        "passages": len(domain.passages()),
        "tasks": [
            {"name": t.name, "title": t.title, "samples": len(t.samples), "answer": t.answer.kind, "version": t.version}
            for t in domain.tasks()
        ],
        "data_licenses": list(card.data_licenses),
        "extensions": [str(entry) for entry in domain.extensions],
    }


@domains.command()
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(names: tuple[str, ...], as_json: bool) -> None:
    """Load domains (all of them, when none is named) and read all that they give."""
    results = {name: _problem(name) for name in names or _names(discover())}
    if as_json:
        sys.stdout.write(
            json.dumps([{"name": n, "ok": not p, "problem": str(p or "")} for n, p in results.items()]) + "\n"
        )
    else:
        for name, problem in results.items():
            sys.stdout.write(f"{name}: {f'broken: {problem}' if problem else 'ok'}\n")
    broken = [(name, problem) for name, problem in results.items() if problem]
    if len(broken) == 1 and len(results) == 1:
        raise broken[0][1] or PluginError(broken[0][0])
    if broken:
        raise PluginError(
            f"{len(broken)} of {len(results)} domains are broken: {', '.join(n for n, _ in broken)}. See above."
        )


def _names(entries: Iterable[Installed]) -> list[str]:
    return list(dict.fromkeys(entry.name for entry in entries))


def _problem(name: str) -> SelfspecError | None:
    from selfspec import metrics

    try:
        domain = load_domain(name)
        domain.prompts(), domain.seeds(), domain.passages()
        known = metrics.table(domain.metrics())
        for task in domain.tasks():
            metrics.metrics_of(task, known)
    except SelfspecError as problem:
        return problem
    return None
