"""``selfspec domains search | info | install | uninstall``: the index of known domains."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from selfspec.errors import ConfigError
from selfspec.version import __version__

if TYPE_CHECKING:
    from selfspec.registry import Entry

REGISTRY = click.option(
    "--registry", default="", metavar="PATH|URL", help="Another index. [default: the packaged copy]"
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command(epilog="Example: selfspec domains search sentiment")
@click.argument("word", default="")
@REGISTRY
@AS_JSON
def search(word: str, registry: str, as_json: bool) -> None:
    """List the known domains, or those that WORD occurs in. Imports and installs nothing."""
    from selfspec.registry import load

    index = load(registry)
    found = [_row(entry) for entry in index.search(word)]
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    for row in found:
        state = f"  {row['status']}: {row['reason']}" if row["status"] != "active" else ""
        sys.stdout.write(
            f"{row['name']:<12} {row['package']} {row['version']}  {_fit(row)}"
            f"{_here(row)}{state}\n{'':<12} {row['summary']}\n"
        )
    if not found:
        sys.stderr.write(f"The index has no domain with {word!r}: {index.where}\n")


def _row(entry: Entry) -> dict[str, Any]:
    names = ("name", "package", "version", "engine", "status", "reason", "summary")
    return {**{name: getattr(entry, name) for name in names}, **_state(entry)}


def _state(entry: Entry) -> dict[str, Any]:
    from selfspec.registry.installer import installed

    return {"compatible": entry.compatible, "installed": [str(found) for found in installed(entry.name)]}


def _fit(row: dict[str, Any]) -> str:
    wanted = row["engine"] or "any"
    return f"selfspec {wanted}" if row["compatible"] else f"needs selfspec {wanted}, this is {__version__}"


def _here(row: dict[str, Any]) -> str:
    return f"  (installed: {', '.join(row['installed'])})" if row["installed"] else ""


@click.command(epilog="Example: selfspec domains info biomed")
@click.argument("name")
@REGISTRY
@AS_JSON
def info(name: str, registry: str, as_json: bool) -> None:
    """Show what the index says about one domain, installed or not."""
    from selfspec.registry import load

    entry = load(registry).get(name)
    facts = {**asdict(entry), **_state(entry)}
    if as_json:
        sys.stdout.write(json.dumps(facts, ensure_ascii=False) + "\n")
        return
    facts["engine"] = _fit(facts)
    facts["installed"] = ", ".join(facts["installed"]) or "no"
    for key, value in facts.items():
        if isinstance(value, list | tuple):
            sys.stdout.write(f"{key}:\n" + "".join(f"  {_line(item)}\n" for item in value))
        elif value != "" and key != "compatible":
            sys.stdout.write(f"{key}: {value}\n")


def _line(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    parts = (", ".join(v) if isinstance(v, list | tuple) else str(v) for v in item.values() if v)
    return "  ".join(parts)


@click.command(epilog="Example: selfspec domains install law --registry https://example.org/index.json")
@click.argument("name")
@click.option("--version", default="", help="An exact version. [default: the newest]")
@click.option("--no-deps", is_flag=True, help="Leave out what the package depends on.")
@REGISTRY
def install(name: str, version: str, no_deps: bool, registry: str) -> None:
    """Install a domain of the index with this Python's pip, by exact version and hash.

    Refuses what the index marks withdrawn, another hash, and a domain that asks for another engine.
    """
    from selfspec.registry import install, load

    index = load(registry)
    if (entry := index.get(name)).status == "deprecated":
        sys.stderr.write(f"note: domain {name!r} is deprecated: {entry.reason}\n")
    sys.stdout.write(install(index, name, version, deps=not no_deps) + "\n")


@click.command(epilog="Example: selfspec domains uninstall law --yes")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def uninstall(name: str, yes: bool) -> None:
    """Uninstall the package that gives a domain. Asks first."""
    from selfspec.registry import uninstall
    from selfspec.registry.installer import to_uninstall

    package = to_uninstall(name)
    if not yes and not _agreed(f"Uninstall {package}?"):
        sys.stderr.write("Nothing was uninstalled.\n")
        return
    sys.stdout.write(uninstall(name) + "\n")


def _agreed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        raise ConfigError(f"{question} No answer, so nothing was done. Add --yes.") from None


COMMANDS = (search, info, install, uninstall)
"""What the group ``selfspec domains`` gets from here."""
