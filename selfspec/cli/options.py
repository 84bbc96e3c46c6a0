"""The options that every command on a run shares, and how they become settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from selfspec.config import build
from selfspec.errors import ConfigError
from selfspec.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])


def out_option(folder: str) -> Callable[[Command], Command]:
    """``--out``, for a folder with this help."""
    return click.option("--out", "-o", type=click.Path(path_type=Path), help=folder)


OUT = out_option("Run directory. [default: runs/DOMAIN-RECIPE]")
OPTIONS = (
    click.option("--domain", "-d", help="Installed domain, e.g. biomed."),
    click.option("--model", "-m", help="Installed model, local folder or hub id. [default: nano]"),
    click.option("--recipe", "-r", help="quick, nano, paper, or a YAML file. [default: quick]"),
    OUT,
    click.option("--corpus", multiple=True, help="File, folder or hub:OWNER/NAME to retrieve from; repeatable."),
    click.option("--data", help="Root of the original benchmark files, or hub."),
    click.option("--split", type=click.Choice(["train", "dev", "test"]), help="Split of --data. [default: dev]"),
    click.option("--shots", help="Demonstrations, e.g. 0,1,5. [default: 0]"),
    click.option("--limit", type=int, help="Items of each task; 0: all."),
    click.option("--quantize", type=click.Choice(["none", "nf4"]), help="4-bit base. [default: none]"),
    click.option("--retrieval", type=click.Choice(["auto", "on", "off"]), help="Passages for the responses."),
    click.option("--iterations", type=int, help="Rounds of the method. [default: 1]"),
    click.option(
        "--train-on",
        type=click.Choice(["synthetic", "shuffled", "seeds", "supervised"]),
        help="What the adapter learns from. [default: synthetic]",
    ),
    click.option("--held-out-task", multiple=True, help="Use no seed of this task; repeatable."),
    click.option("--seed", type=int, help="Of every random draw. [default: 0]"),
    click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Any setting, e.g. training.epochs=2."),
)


def settings_options(command: Command, out: Callable[[Command], Command] = OUT) -> Command:
    """Add the shared options to a command."""
    for option in reversed(OPTIONS):
        command = (out if option is OUT else option)(command)
    return command


DOMAINS = (
    click.option(
        "--domain", "-d", "domains", multiple=True, help="Installed domain; repeat it for one adapter of all."
    ),
    click.option("--from", "sources", multiple=True, metavar="DOMAIN=RUN", help="Of several: use this finished run."),
)
"""The options of ``run`` in the place of one domain."""


def run_options(command: Command) -> Command:
    """Add the shared options, with :data:`DOMAINS` in the place of one domain."""
    for option in reversed((*DOMAINS, *OPTIONS[1:])):
        command = option(command)
    return command


SYSTEMS = (
    click.option("--model", "-m", "models", multiple=True, help="As for run; repeat it to compare. [default: nano]"),
    click.option("--adapter", "adapters", multiple=True, help="Adapter folder around that model; '-': none."),
    click.option("--template", "templates", multiple=True, help="none, alpaca, dromedary, chat or a YAML file."),
)
"""The options of ``eval``: any number of systems side by side."""


def eval_options(command: Command) -> Command:
    """Add the shared options, with :data:`SYSTEMS` in the place of one model."""
    for option in reversed((OPTIONS[0], *SYSTEMS, *OPTIONS[2:])):
        command = option(command)
    return command


def name_systems(options: dict[str, Any]) -> None:
    """Turn the options of :data:`SYSTEMS` into a model and ``systems``.

    One value stands for all; otherwise there is one for each system. The first model is the base that
    the others are compared with.
    """
    given = {name: options.pop(name) for name in ("models", "adapters", "templates")}
    count = max(map(len, given.values()))
    for name, values in given.items():
        if len(values) not in (0, 1, count):
            raise ConfigError(
                f"{len(values)} --{name[:-1]} for {count} systems. Give one for all of them, or one each."
            )
    options["model"] = given["models"][0] if given["models"] else None
    options["systems"] = None
    if count > 1 or given["adapters"] or given["templates"]:
        columns = [values * count if len(values) == 1 else values or ("",) * count for values in given.values()]
        options["systems"] = [_system(*entry) for entry in zip(*columns, strict=True)]


def _system(model: str, adapter: str, form: str) -> str:
    """Write ``MODEL[+ADAPTER][@TEMPLATE]``."""
    return (model or "nano") + (f"+{adapter}" if adapter not in ("", "-") else "") + (f"@{form}" if form else "")


def to_settings(options: dict[str, Any]) -> Settings:
    """Turn the options that were given into settings, over the recipe's."""
    evaluation = {
        "systems": options.get("systems"),
        "split": options["split"],
        "shots": options["shots"],
        "limit": options["limit"],
    }
    values = {
        **{name: options[name] for name in ("domain", "model", "data", "quantize", "iterations", "seed")},
        "corpus": list(options["corpus"]) or None,
        "held_out": list(options["held_out_task"]) or None,
        "training": {"source": options["train_on"]} if options["train_on"] else None,
        "retrieval": {"mode": options["retrieval"]} if options["retrieval"] else None,
        "evaluation": {name: value for name, value in evaluation.items() if value is not None} or None,
    }
    given = {name: value for name, value in values.items() if value is not None}
    return build(options["recipe"] or "quick", given, options["sets"])


def settings_of_run(folder: Path | None, options: dict[str, Any]) -> Settings:
    """The settings of an existing run directory, or those that the options describe."""
    from selfspec.rundir import RECORD, settings_of

    if folder is None or not (folder / RECORD).exists():
        if folder is not None and not options["domain"]:
            return settings_of(folder)  # says that there is no run
        return to_settings(options)
    given = sorted(name for name, value in options.items() if value not in (None, (), []))
    if given:
        given = [{"sets": "set"}.get(name, name).replace("_", "-") for name in given]
        raise ConfigError(
            f"{folder}: a run keeps its settings, but --{given[0]} was given. Leave it out, or name a new directory."
        )
    return settings_of(folder)
