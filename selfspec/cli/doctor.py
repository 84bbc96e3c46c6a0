"""``selfspec doctor``: what is installed, which device, what is broken."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from selfspec.errors import PluginError
from selfspec.installed import MODELS, discover
from selfspec.rundir import PACKAGES


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Say what is installed, which device there is and what is broken."""
    facts = {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "device": _device(),
        "models": {entry.name: str(entry) for entry in discover(MODELS)},
        "domains": _domains(),
    }
    problems = _problems(facts)
    if as_json:
        sys.stdout.write(json.dumps({**facts, "problems": problems}) + "\n")
    else:
        _print(facts, problems)
    if problems:
        raise PluginError(f"{len(problems)} problem(s): {problems[0]}")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _device() -> str:
    try:
        import torch
    except ImportError as problem:
        return f"none (torch cannot be imported: {problem})"
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        return f"{torch.cuda.get_device_name(0)}, {memory:.0f} GiB"
    return f"CPU, {torch.get_num_threads()} threads"


def _domains() -> dict[str, str]:
    from selfspec.cli.domains import _problem

    return {name: str(_problem(name) or "ok") for name in dict.fromkeys(entry.name for entry in discover())}


def _problems(facts: dict[str, Any]) -> list[str]:
    missing = [
        f"package {name} is missing. Install it: pip install {name}."
        for name, found in facts["packages"].items()
        if found == "missing"
    ]
    broken = [text for text in facts["domains"].values() if text != "ok"]
    none = (
        [] if facts["models"] else ["no base model is installed. Try: pip install selfspec-model-nano, or use --model."]
    )
    return missing + broken + none


def _print(facts: dict[str, Any], problems: list[str]) -> None:
    sys.stdout.write(f"python    {facts['python']}\ndevice    {facts['device']}\n")
    for kind in ("packages", "models", "domains"):
        for name, state in facts[kind].items():
            sys.stdout.write(f"{kind[:-1]:<9} {name}: {state}\n")
    sys.stdout.write("".join(f"problem   {problem}\n" for problem in problems) or "all is well\n")
