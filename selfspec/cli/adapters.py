"""``selfspec adapters list | pull | push``: published adapters."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from selfspec.cli.registry import AS_JSON, REGISTRY
from selfspec.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfspec.registry import Adapter

FIELDS = ("domain", "name", "base", "base_sha256", "sha256", "scores")


@click.group()
def adapters() -> None:
    """List, fetch and publish adapters. Weights are safetensors, checked by hash and base model."""


@adapters.command("list", epilog="Example: selfspec adapters list runs/biomed-quick")
@click.argument("folder", metavar="[RUN]", required=False, type=click.Path(path_type=Path))
@REGISTRY
@AS_JSON
def list_(folder: Path | None, registry: str, as_json: bool) -> None:
    """List the published adapters of the index, or those of a run directory."""
    found = _of_run(folder) if folder else _of_index(registry)
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    for row in found:
        label = row["name"] if folder else f"{row['domain']}/{row['name']}"
        sys.stdout.write(f"{label:<24} base {row['base']}  sha256 {row['sha256'][:12]}  {_mean(row['scores'])}\n")
    if not found:
        sys.stderr.write(f"{'The run' if folder else 'The index'} has no adapter.\n")


def _of_run(run: Path) -> list[dict[str, Any]]:
    from selfspec.adapters import of_run

    return [
        {**{f: getattr(a, f) for f in (*FIELDS, "iteration", "shots")}, "source": str(a.folder)} for a in of_run(run)
    ]


def _of_index(registry: str) -> list[dict[str, Any]]:
    from selfspec.registry import load

    return [
        {"domain": entry.name, **{field: getattr(a, field) for field in FIELDS[1:]}, "source": a.source}
        for entry in load(registry).entries
        for a in entry.adapters
    ]


def _mean(scores: Mapping[str, Mapping[str, float]]) -> str:
    f1 = [table["token_f1"] for table in scores.values() if "token_f1" in table]
    return f"F1 {sum(f1) / len(f1):.1f} over {len(f1)} tasks" if f1 else "not measured"


@adapters.command(epilog="Example: selfspec adapters pull law/nano-quick --out adapters/law")
@click.argument("source")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="New folder. [default: adapters/DOMAIN-NAME]")
@click.option("--model", "-m", default="", help="Where the base lies. [default: the name that the card gives]")
@click.option("--sha256", default="", help="What its author says the hash is, for a SOURCE outside the index.")
@REGISTRY
def pull(source: str, out: Path | None, model: str, sha256: str, registry: str) -> None:
    """Fetch an adapter: DOMAIN/NAME of the index, a folder, an http(s) address, or hub:OWNER/NAME.

    Refuses pickles, another hash, and a base that is not the one that it was trained on.
    """
    from selfspec.adapters import HUB
    from selfspec.adapters import pull as fetch

    adapter = None
    label = source.rstrip("/").rpartition("/")[2]
    if not source.startswith(HUB) and "://" not in source and not Path(source).expanduser().is_dir():
        label = source.replace("/", "-")
        source, adapter = _listed(source, registry)
    folder = out or Path("adapters") / label
    card = fetch(source, folder, adapter=adapter, model=model, expected=sha256)
    sys.stdout.write(f"{folder}: {card.name}, base {card.base}, sha256 {card.sha256[:12]}\n")


def _listed(name: str, registry: str) -> tuple[str, Adapter]:
    """Find an adapter in the index; return where it lies, and what the index says."""
    from selfspec.adapters import HUB
    from selfspec.registry import load, sources
    from selfspec.registry.installer import refuse_withdrawn

    domain, slash, adapter = name.partition("/")
    if not slash:
        raise ConfigError(f"{name!r} is neither DOMAIN/NAME, a folder, nor an address. See `selfspec adapters list`.")
    index = load(registry)
    entry = index.get(domain)
    refuse_withdrawn(entry)
    found = entry.adapter(adapter)
    return found.source if found.source.startswith(HUB) else sources.resolve(index.where, found.source), found


@adapters.command(epilog="Example: selfspec adapters push runs/law-quick published/law-nano")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("target")
@click.option("--name", default="", help="Of the adapter. [default: DOMAIN-specialised]")
@click.option("--iteration", type=int, default=0, help="Which adapter of the run. [default: the last]")
@click.option("--base", default="", help="The base's public name, where the run used a folder.")
@AS_JSON
def push(folder: Path, target: str, name: str, iteration: int, base: str, as_json: bool) -> None:
    """Publish an adapter of RUN to a new folder, or to hub:OWNER/NAME, with a card of its base, hash and scores."""
    from selfspec.adapters import push as publish

    card = publish(folder, target, name=name, iteration=iteration, base=base)
    if as_json:
        sys.stdout.write(json.dumps(card, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(f"{target}: {card['name']}, base {card['base']}, sha256 {card['sha256'][:12]}\n")
